"""The yardstick: what measures give real images, distorted and mixed, and images that are no digits.

    python -m study.yardstick --out build/quick --settings 'n: 2000'

writes OUT/metrics/yardstick.json. No training is in it: a distance of 12 means something only beside what a
blur or another mix of classes costs, and a share of recognised samples beside what is recognised wrongly.
"""

from pathlib import Path

from torch import Tensor

from diffusion import data, runtime
from diffusion.evaluation import distortions, recogniser
from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.frechet import frechet_distance
from diffusion.provenance import environment
from study import class_mix
from study.measure import command
from study.records import Candidate, Distorted, YardstickRecord, yardstick_path
from study.settings import Yardstick

# Shares of digits that the bounds of a candidate's curve refuse.
SHARES = tuple(round(0.01 * k, 2) for k in (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50))
DISTORTED = distortions.MILD | {
    "blurred by 0.5 pixels": distortions.blurred(0.5),
    "blurred by 1 pixel": distortions.blurred(1.0),
    "with noise of 5 %": distortions.noisy(0.05),
    "with noise of 10 %": distortions.noisy(0.1),
    "on 20 % grey": distortions.on_grey(0.2),
    **distortions.NO_DIGITS,
}


def yardstick(out: Path, P: Yardstick) -> YardstickRecord:
    """Measure real images; returns the record, which is then on disk."""
    evaluator = Evaluator.of(*(P.dataset, P.data_dir), n_train=max(P.n_real, P.n), n_test=P.n_test)
    train = data.load(P.dataset, "train", P.data_dir)
    likeness = recogniser.Likeness.of(evaluator.classifier, train[0][: P.n_real])
    candidates, old = _candidates(likeness, evaluator, P.n_kind)
    reference, features = evaluator.reference, evaluator.training_features
    of_training = features, evaluator.read_features(features)[0]
    record = YardstickRecord(
        job="yardstick",
        settings=P.values(),
        environment=environment("fp32", runtime.device()),
        candidates=candidates,
        old=old,
        used=recogniser.USED,
        mild=list(distortions.MILD),
        no_digits=list(distortions.NO_DIGITS),
        distorted=_distorted(evaluator, *train, P.n),
        mixed=[class_mix.mixed(reference, of_training, d) for d in class_mix.DIVERGENCES],
    )
    record.save(yardstick_path(Path(out)))
    best = min(candidates, key=lambda one: one.wrongly)
    print(f"yardstick: the measure that accepts fewest images that are no digits is {best.name}", flush=True)
    return record


def _candidates(
    likeness: recogniser.Likeness, evaluator: Evaluator, n: int
) -> tuple[list[Candidate], dict[str, float]]:
    """The shares of images that each measure accepts, and that confidence does with the bound of measuring.

    Each measure gets the bound that 95 % of real digits under mild distortions reach, all kinds together:
    from one half of the test images, and is tried on the other. The best accepts the smallest share of images
    that are no digits, averaged over their kinds.
    """
    x, labels, kinds = evaluator.x_test, evaluator.labels, distortions.MILD | distortions.NO_DIGITS
    fitted = recogniser.of_kinds(distortions.MILD, x[::2], labels[::2], n, "bound")
    tried = recogniser.of_kinds(kinds, x[1::2], labels[1::2], n, "tried")
    at = {kind: likeness.scores(images) for kind, (images, _) in fitted.items()}
    scores = {kind: likeness.scores(images) for kind, (images, _) in tried.items()}
    found = []
    for name in next(iter(at.values())):
        bounds = recogniser.bounds_of([one[name] for one in at.values()], [recogniser.REFUSED, *SHARES])
        found.append(_candidate(name, {kind: one[name] for kind, one in scores.items()}, bounds))
    confidence = {kind: one[recogniser.CONFIDENCE] for kind, one in scores.items()}
    return found, _accepted(confidence, evaluator.threshold)


def _accepted(scores: dict[str, Tensor], bound: float) -> dict[str, float]:
    return {kind: float((score >= bound).double().mean()) for kind, score in scores.items()}


def _candidate(name: str, scores: dict[str, Tensor], bounds: list[float]) -> Candidate:
    """A measure at the first of its bounds, and its curve at the others."""

    def wrongly(bound: float) -> float:
        found = _accepted(scores, bound)
        return sum(found[kind] for kind in distortions.NO_DIGITS) / len(distortions.NO_DIGITS)

    return Candidate(
        name=name,
        accepted=_accepted(scores, bounds[0]),
        wrongly=wrongly(bounds[0]),
        refused=list(SHARES),
        wrongly_curve=[wrongly(bound) for bound in bounds[1:]],
    )


def _distorted(evaluator: Evaluator, x: Tensor, labels: Tensor, n: int) -> list[Distorted]:
    """The distances of n training images of every kind."""
    reference, found = evaluator.reference, []
    for kind, (images, _) in recogniser.of_kinds(DISTORTED, x, labels, n, "distorted").items():
        found.append(Distorted(kind=kind, frechet=frechet_distance(reference, evaluator.features(images))))
        print(f"yardstick: {kind}: Fréchet distance {found[-1].frechet:.2f}", flush=True)
    return found


def main(arguments: list[str] | None = None) -> None:
    command(Yardstick, yardstick, False, arguments)


if __name__ == "__main__":
    main()
