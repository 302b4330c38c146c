"""The yardstick: what measures give real images, distorted and mixed, and images that are no digits.

    python -m diffusion.evaluation.yardstick --out build/quick --settings 'n: 2000'

writes OUT/metrics/yardstick.json. No training is in it: a distance of 12 means something only beside what a
blur or another mix of classes costs, and a share of recognised samples beside what is recognised wrongly.
"""

from pathlib import Path

from torch import Tensor

from diffusion import data, runtime
from diffusion.evaluation import class_mix, distortions, recogniser
from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.measure import command
from diffusion.evaluation.samples import not_digit_threshold
from diffusion.records import Candidate, Distorted, ReferenceImages, YardstickRecord, yardstick_path
from diffusion.settings import Yardstick

RULE = (
    "Each measure gets the bound that 95 % of real digits under mild distortions reach, all kinds together. "
    "The measure is chosen that then accepts the smallest share of images that are no digits, averaged over "
    "their kinds. Bounds are from one half of the test images, shares from the other."
)
FLOORS = 20
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
    evaluator = Evaluator.of(
        *(P.dataset, P.data_dir),
        n_train=max(P.n_real, P.n),
        n_test=P.n_test,
        floor_repeats=FLOORS,
        interval_repeats=P.interval_repeats,
    )
    train = data.load("train", P.data_dir, dataset=P.dataset)
    likeness = recogniser.Likeness.of(evaluator.classifier, train[0][: P.n_real])
    candidates, old = _candidates(likeness, evaluator, P.n_kind)
    reference, features = evaluator.references["digits"], evaluator.training_features()
    of_training = features, evaluator.read_features(features)[0]
    record = YardstickRecord(
        job="yardstick",
        settings=P.values(),
        environment=runtime.environment("fp32", runtime.device()),
        reference=ReferenceImages(split="test", n=len(evaluator.x_test)),
        candidates=candidates,
        old=old,
        rule=RULE,
        best=min(candidates, key=lambda one: one.wrongly).name,
        used=recogniser.USED,
        mild=list(distortions.MILD),
        no_digits=list(distortions.NO_DIGITS),
        distorted=_distorted(evaluator, *train, P.n),
        mixed=[class_mix.mixed(reference, of_training, d) for d in class_mix.DIVERGENCES],
        floor=evaluator.floor("digits", P.n),
    )
    record.save(yardstick_path(Path(out)))
    print(f"yardstick: the measure is {record.best}", flush=True)
    return record


def _candidates(
    likeness: recogniser.Likeness, evaluator: Evaluator, n: int
) -> tuple[list[Candidate], Candidate]:
    """Each measure with its bound and what it accepts; and confidence with the bound that measuring uses."""
    x, labels, kinds = evaluator.x_test, evaluator.labels, distortions.MILD | distortions.NO_DIGITS
    fitted = recogniser.of_kinds(distortions.MILD, x[::2], labels[::2], n, "bound")
    tried = recogniser.of_kinds(kinds, x[1::2], labels[1::2], n, "tried")
    at = {kind: likeness.scores(images) for kind, (images, _) in fitted.items()}
    scores = {kind: likeness.scores(images) for kind, (images, _) in tried.items()}
    found = []
    for name in next(iter(at.values())):
        bounds = recogniser.bounds_of(
            [one[name] for one in at.values()], [recogniser.REFUSED, *recogniser.SHARES]
        )
        found.append(_candidate(name, {kind: one[name] for kind, one in scores.items()}, bounds))
    confidence = {kind: one[recogniser.CONFIDENCE] for kind, one in scores.items()}
    bound = not_digit_threshold(evaluator.confidence)
    curve = recogniser.bounds_of([at["unchanged"][recogniser.CONFIDENCE]], recogniser.SHARES)
    return found, _candidate(recogniser.CONFIDENCE, confidence, [bound, *curve])


def _candidate(name: str, scores: dict[str, Tensor], bounds: list[float]) -> Candidate:
    def accepted(bound: float) -> dict[str, float]:
        return {kind: float((score >= bound).double().mean()) for kind, score in scores.items()}

    def wrongly(bound: float) -> float:
        return sum(accepted(bound)[kind] for kind in distortions.NO_DIGITS) / len(distortions.NO_DIGITS)

    return Candidate(
        name=name,
        bound=bounds[0],
        accepted=accepted(bounds[0]),
        wrongly=wrongly(bounds[0]),
        refused=list(recogniser.SHARES),
        wrongly_curve=[wrongly(bound) for bound in bounds[1:]],
    )


def _distorted(evaluator: Evaluator, x: Tensor, labels: Tensor, n: int) -> list[Distorted]:
    """The distances of n training images of every kind."""
    found = []
    for kind, (images, _) in recogniser.of_kinds(DISTORTED, x, labels, n, "distorted").items():
        digits = evaluator.distances(evaluator.features(images))
        found.append(Distorted(kind=kind, n=len(images), digits=digits))
        print(f"yardstick: {kind}: Fréchet distance {digits.fid:.2f}", flush=True)
    return found


def main(arguments: list[str] | None = None) -> None:
    command(Yardstick, yardstick, False, arguments)


if __name__ == "__main__":
    main()
