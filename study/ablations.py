"""Ablations: the samples of a finished training drawn again with one thing changed, from the same noise."""

from diffusion.evaluation.evaluator import Evaluator, Seen
from diffusion.evaluation.frechet import frechet_gap
from diffusion.processes import DDPM
from diffusion.training.fit import Run
from study import probes
from study.records import Ablation, Checkpoint, Gaps, Variant

N_PROBED = 500  # test images whose latents are raised and lowered


def in_pairs(first: Run, second: Run, evaluator: Evaluator, n: int, seed: int) -> Ablation:
    """n samples of a training in two ways, from the same noise, and the second minus the first."""
    a, b = (Seen(evaluator, run.sample(n, seed)) for run in (first, second))
    reference, repeats = evaluator.digits.reference, evaluator.interval_repeats
    gap = Gaps(frechet=frechet_gap(reference, b.features, a.features, repeats, evaluator.seed))
    sides = [Variant(n=n, frechet=evaluator.main.distance(one.features), **one.looks()) for one in (a, b)]
    return Ablation(first=sides[0], second=sides[1], gap=gap)


def checkpoint(run: Run, evaluator: Evaluator, epoch: int, n: int, seed: int) -> Checkpoint:
    """All measures of n samples after an epoch, and of a DDPM the response to an offset at t = T."""
    found = evaluator.measure(run.sample(n, seed, epoch))
    print(f"{run.name}-{run.seed}: epoch {epoch}, Fréchet distance {found.frechet.value:.3f}", flush=True)
    seen = None
    if isinstance(run.process, DDPM):
        probed, T = evaluator.x_test[:N_PROBED], run.process.T
        seen = probes.response(run.process, run.network(epoch), probed, run.precision, seed, [T]).response[0]
    return Checkpoint(epoch=epoch, response=seen, **dict(found))
