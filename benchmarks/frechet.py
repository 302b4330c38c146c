"""The Fréchet distance of one more checkpoint's samples, in digit features.

Ours knows the reference's statistics; the textbook makes a fresh torchmetrics metric, which reads the test
split and computes its features again. Both start from samples as bytes and end with one number, the same
one.
"""

from typing import Any

import torch

from benchmarks import baseline
from benchmarks.figures import AT_LEAST, figure
from benchmarks.settings import Settings
from benchmarks.timing import interleave, ratio, spreads
from diffusion import classifier, data, metrics


def measure(settings: Settings) -> dict[str, Any]:
    device = settings.device
    extractor = metrics.digits(device)
    model = classifier.load().to(device)
    images, _ = data.load("test", n=settings.n_test)
    reference = metrics.Reference(extractor.features(metrics.to_uint8(images)))
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    samples = metrics.to_uint8(
        images[order[: settings.n_samples]]
    )  # what they show does not matter for the time
    values: dict[str, float] = {}

    def textbook() -> None:
        values["baseline"] = baseline.frechet(samples.to(device), model, settings.n_test)

    def project() -> None:
        values["ours"] = metrics.frechet(reference, extractor.features(samples))

    seconds = interleave({"baseline": textbook, "ours": project}, 2 * settings.few, warm_up=1)
    found = figure(
        f"Fréchet distance of {len(samples)} more samples, reference known",
        AT_LEAST,
        10,
        ratio(seconds["baseline"], seconds["ours"]),
        seconds=spreads(seconds),
        remark=f"both {values['ours']:.4f}",
        holds=abs(values["ours"] - values["baseline"]) <= 1e-3 * max(1.0, values["baseline"]),
    )
    return {"figures": [found], "details": {"distance": values, "reference": len(images)}}
