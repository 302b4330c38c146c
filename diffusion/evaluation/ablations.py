"""Ablations: the samples of a finished training drawn again with one thing changed, from the same noise."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from diffusion.evaluation import frechet, samples
from diffusion.evaluation.evaluator import Evaluator
from diffusion.processes import DDPM, ColdZoom
from diffusion.records import Ablation, Checkpoint, Gaps, PriorAblation
from diffusion.training.fit import Run


def clipping(run: Run, evaluator: Evaluator, n: int, seed: int) -> Ablation:
    """n samples of a DDPM without and with clipping the predicted clean image in each step."""
    own = run.process
    off, on = (DDPM(own.schedule, clip, own.sampling_steps, own.sampler) for clip in (False, True))
    return _in_pairs(evaluator, *(replace(run, process=process).sample(n, seed) for process in (off, on)))


def float32(run: Run, evaluator: Evaluator, n: int, seed: int) -> Ablation:
    """n samples of a training with its network computed in bfloat16, and in float32.

    What training in float32 would change is not in it.
    """
    first, second = (replace(run, precision=precision).sample(n, seed) for precision in ("bf16", "fp32"))
    return _in_pairs(evaluator, first, second)


def prior(
    run: Run,
    evaluator: Evaluator,
    x_train: Tensor,
    n: int,
    n_distance: int,
    n_late: int,
    late_epochs: Sequence[int],
    seed: int,
) -> PriorAblation:
    """n samples of a zoom from independent central pixels, and from whole central patches of training images.

    The two differ only in whether neighbouring pixels of the start belong together. The samples from patches
    are also measured after each of the `late_epochs`, n_late of them.
    """
    independent, patches = (with_prior(run, name, x_train) for name in ("pixels", "patches"))
    sides = [evaluator.side(one.sample(n, seed), n_distance) for one in (independent, patches)]
    curve = [checkpoint(patches, evaluator, epoch, n_late, seed) for epoch in late_epochs]
    return PriorAblation(independent=sides[0], patches=sides[1], curve=curve)


def with_prior(run: Run, prior: str, x_train: Tensor) -> Run:
    """A zoom that starts from another prior, fitted on the training images, and walks back as before."""
    own = run.process
    names = ("sampler", "noise", "noise_power", "sampling_levels", "latent_noise")
    how = {name: getattr(own, name) for name in names}
    process = ColdZoom(own.T, own.interpolation, prior=prior, **how)
    process.prepare(x_train)
    return replace(run, process=process)


def checkpoint(run: Run, evaluator: Evaluator, epoch: int, n: int, seed: int) -> Checkpoint:
    """All measures of n samples after an epoch."""
    found = evaluator.measure(run.sample(n, seed, epoch))
    print(f"{run.name}-{run.seed}: epoch {epoch}, Fréchet distance {found.digits.fid:.3f}", flush=True)
    return Checkpoint(epoch=epoch, **dict(found))


def _in_pairs(evaluator: Evaluator, first: Tensor, second: Tensor) -> Ablation:
    """The measures of two sets of samples from the same noise, and the second minus the first."""
    (a, of_a), (b, of_b) = evaluator.variant(first), evaluator.variant(second)
    reference, repeats = evaluator.references["digits"], evaluator.interval_repeats
    gap = Gaps(
        digits=frechet.frechet_gap(reference, of_b, of_a, repeats, evaluator.seed),
        background=samples.border_grey_gap(frechet.to_uint8(second), frechet.to_uint8(first)),
    )
    return Ablation(first=a, second=b, gap=gap)
