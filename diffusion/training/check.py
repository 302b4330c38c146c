"""Check your own degradation in seconds, before training."""

import copy
from typing import Any

import torch
from torch import Tensor

from diffusion.arguments import check_whole, checked, summarise
from diffusion.pixels import check_images, copy_distance, count_different, finite_images, shape_of
from diffusion.processes import ColdDiffusion, DegradationProcess
from diffusion.processes.priors import fitted
from diffusion.runtime import generator, seeded
from diffusion.saved import to_plain
from diffusion.training.sampling import latents

N = 32  # images that are degraded
SHAPES = (
    "degrade gets images x, (B, C, S, S), and their levels t, (B,). Use t[:, None, None, None] in arithmetic "
    "with x, and torch.where or a mask instead of `if t > ...`."
)
FAR = 0.2  # largest plausible difference between the means of prior and degraded images, in pixel ranges


@checked
def check(process: DegradationProcess, x: Tensor, prior: Any = None) -> list[str]:
    """Check a process, and return findings about it, one per line.

    Args:
        process (DegradationProcess): The process; `check` calls its `prepare(x)`.
        x (Tensor): Images (N, C, S, S) in [-0.5, 0.5].
        prior (object, optional): The prior. If None, uses the process's own. Default None.

    Raises:
        ValueError: If the process has a problem.
    """
    check_images(x)
    process.set_image_shape(shape_of(x))
    to_plain(process, "the process")
    return findings(process, x, prepare(process, x, prior))


def prepare(process: DegradationProcess, x: Tensor, prior: Any = None) -> Any:
    """Prepare a process on images, as `fit` does, and return its fitted prior, or None for `draw_prior`.

    Args:
        process (DegradationProcess): The process.
        x (Tensor): Training images (N, C, S, S).
        prior (object, optional): The prior. If None, uses the process's own. Default None.

    Raises:
        ValueError: If the process does not degrade the images.
    """
    with seeded(0):
        process.prepare(x.clone())  # a copy, because `prepare` may change it
        check_levels(process)
        if isinstance(process, ColdDiffusion):
            with seeded(0):
                degrade(copy.deepcopy(process), x)
    return fit_prior(process, x, prior)


def fit_prior(process: DegradationProcess, x: Tensor, prior: Any = None) -> Any:
    """Fit a copy of a prior on images; if None, of the process's own prior, and None if it has none."""
    prior = process.prior if prior is None else prior
    if prior is None:
        return None
    with seeded(0):
        return fitted(copy.deepcopy(prior), process.to_pixels(x.clone()))


def findings(process: DegradationProcess, x: Tensor, start: Any) -> list[str]:
    """Like `check`, for a prepared process and its fitted prior; None for `draw_prior`."""
    check_levels(process)
    few, (given, t, out) = x[:N], degrade(process, x)
    if not torch.equal(given, few):
        raise ValueError("degrade changes its argument x; work on a copy")
    if (off := float((out[0] - few[0]).abs().max())) > 1e-3:
        raise ValueError(f"level 0 must return the image unchanged; pixels change by {off:.3g}")
    sound = f"degrade: finite images at levels 0 (unchanged) to {process.T}"
    if not isinstance(process, ColdDiffusion):
        return [sound]
    if not torch.equal(out, process.degrade(few, t)):
        raise ValueError("degrade is not deterministic; it must not draw random numbers")
    alone = torch.cat([process.degrade(few[i : i + 1], t[i : i + 1]) for i in range(len(few))])
    if (off := float((out - alone).abs().max())) > 1e-4:
        raise ValueError(
            f"images in a batch differ by {off:.3g} from the same images alone; degrade image i to level t[i]"
        )
    drawn, again = (latents(process, start, 64, generator("check", "start")) for _ in range(2))
    if not torch.equal(drawn, again):
        raise ValueError("draw_prior draws different images with equal generators; use only `generator`")
    deepest = process.degrade(x[:256], torch.full((len(x[:256]),), process.T))
    if torch.equal(deepest, x[:256]):
        raise ValueError(f"level T = {process.T} must degrade the images, but returns them unchanged")
    (mean, sd), (as_mean, as_sd) = ((float(x.mean()), float(x.std())) for x in (drawn, deepest))
    summary = f"prior: mean {mean:.3f}, sd {sd:.3f}; fully degraded images: {as_mean:.3f}, {as_sd:.3f}"
    if abs(mean - as_mean) > FAR or sd > 2 * as_sd + FAR:
        raise ValueError(f"{summary}; sampling would start from images unlike any in training")
    images = count_different(drawn, copy_distance(deepest))
    few_starts = f"{len(drawn)} starts contain only {images} different images, which limits the samples"
    return [sound, summary, *([few_starts] if images <= len(drawn) // 2 else [])]


def check_levels(process: DegradationProcess) -> None:
    """Check that the process has T, a whole number of at least 1.

    Raises:
        ValueError: If not.
    """
    if getattr(process, "T", None) is None:
        raise ValueError(f"{type(process).__name__} lacks T; set self.T, the deepest level, in __init__")
    check_whole("T", process.T, 1)


def degrade(process: DegradationProcess, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Degrade the first images at levels from 0 to T.

    Args:
        process (DegradationProcess): The process.
        x (Tensor): Images (N, C, S, S), of which the first are used.

    Returns:
        tuple: The images passed to `degrade` after the call, their levels, and the degraded images.

    Raises:
        ValueError: If the degraded images have another shape or type, or are not finite.
    """
    given = x[:N].clone()
    how = {} if isinstance(process, ColdDiffusion) else {"generator": generator("check")}
    t = torch.linspace(0, process.T, len(given)).round().long()
    try:
        degraded = process.degrade(given, t, **how)
    except RuntimeError as error:  # from torch: shapes do not match, or a tensor is used as a condition
        error.add_note(SHAPES)
        raise
    out = finite_images(degraded, tuple(given.shape), "degrade")
    if out.dtype != given.dtype:
        raise ValueError(f"degrade gave {summarise(out)}; expected: {given.dtype}, the dtype of the images")
    return given, t, out


def starts(process: ColdDiffusion, x: Tensor, prior: Any, n: int, seed: int) -> Tensor:
    """Draw n latents (n, C, S, S) from a prior fitted on x; if None, from the process's own prior."""
    return latents(process, fit_prior(process, x, prior), n, generator(seed, "start"))
