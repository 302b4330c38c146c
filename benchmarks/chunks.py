"""What was tried to make sampling faster: images per network call, and no records for gradients."""

from typing import Any

import torch

from benchmarks.figures import tried
from benchmarks.settings import Settings
from benchmarks.timing import interleave, ratio, spreads
from diffusion import devices
from diffusion.network import Reconstructor
from diffusion.process import in_chunks

CHUNKS = (16, 32, 64, 128, 256, 512)
NOW = 128  # of diffusion.sampling.draw


def measure(settings: Settings) -> list[dict[str, Any]]:
    """Lines for `experiments`, on one evaluation of the network for all samples."""
    device, n = settings.device, settings.n_samples
    network = Reconstructor().to(device).eval()
    x = torch.randn(n, 1, 28, 28, device=device)

    def call(chunk: int, mode: Any) -> None:
        with mode(), devices.autocast(device, settings.precision):
            in_chunks(network, x, 1, 1000, chunk)

    work = {str(chunk): lambda chunk=chunk: call(chunk, torch.inference_mode) for chunk in CHUNKS}
    work["no_grad"] = lambda: call(NOW, torch.no_grad)
    work["gradients"] = lambda: call(NOW, torch.enable_grad)
    seconds = interleave(work, settings.few)
    times = spreads(seconds)
    now = str(NOW)
    lines = []
    why = "no records for gradients are kept, in memory neither"
    for other in ("gradients", "no_grad"):
        gain, what = ratio(seconds[other], seconds[now]), f"inference_mode rather than {other}"
        lines.append(tried(what, gain, True, why, times[other], times[now]))
    why = "the activations of a chunk are to fit the processor's cache, and memory is to be bounded"
    for other in (str(chunk) for chunk in CHUNKS if chunk != NOW):
        gain, what = (
            ratio(seconds[now], seconds[other]),
            f"sampling {other} images at a time rather than {now}",
        )
        lines.append(tried(what, gain, False, why, times[now], times[other]))
    return lines
