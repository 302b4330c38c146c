"""The yardstick: what measures give real images, distorted and mixed, and images that are no digits.

    python -m study.yardstick --out build/quick --settings 'n: 2000'

writes OUT/metrics/yardstick.json. No training is in it: a distance of 12 means something only beside what a
blur or another mix of classes costs, and a share of recognised samples beside what is recognised wrongly.
"""

import math
from pathlib import Path

import torch
from torch import Generator, Tensor
from torchvision.transforms.functional import gaussian_blur

from diffusion import data, runtime
from diffusion.evaluation import distortions
from diffusion.evaluation.distortions import MILD, Kind, centred
from diffusion.evaluation.evaluator import Evaluator, Seen
from diffusion.evaluation.frechet import frechet_distance, to_uint8
from diffusion.evaluation.recogniser import DigitRecogniser, of_kinds
from diffusion.provenance import environment
from study import class_mix
from study.measure import command
from study.records import Candidate, Distorted, Mixed, YardstickRecord, keep
from study.settings import Yardstick

SHOWN = 64  # real images that are kept for figures
USED = "features and pixels, tidied"  # the measure of `DigitRecogniser`


def blurred(sigma: float) -> Kind:
    """Blurred by a Gaussian of a standard deviation in pixels."""
    return lambda x, labels, random: gaussian_blur(x, [9, 9], [sigma, sigma])


def noisy(sd: float) -> Kind:
    """With Gaussian noise of a standard deviation, clamped."""
    return lambda x, labels, random: (x + sd * torch.randn(x.shape, generator=random)).clamp(-0.5, 0.5)


# --- no digits ---


def stitched(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    """The upper, or the left, half of one digit and the other half of one of another class."""
    other = _of_another_class(labels, random)
    upper = torch.arange(28)[:, None] < 14
    mask = torch.where(torch.rand(len(x), 1, 1, generator=random) < 0.5, upper, upper.T)[:, None]
    return torch.where(mask, x, x[other])


def _of_another_class(labels: Tensor, random: Generator) -> Tensor:
    """For each image the index of one of another class, (N,)."""
    other = torch.randperm(len(labels), generator=random)
    for _ in range(50):
        again = torch.randint(len(labels), (len(labels),), generator=random)
        other = torch.where(labels[other] == labels, again, other)
    return other


def deleted(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    """With a band of 8 pixels through the centre of mass, in any direction, made black."""
    angle = torch.rand(len(x), generator=random) * math.pi
    place = torch.arange(28.0) - 13.5
    away = angle.cos()[:, None, None] * place + angle.sin()[:, None, None] * place[:, None]
    return torch.where(away.abs()[:, None] < 4, torch.tensor(-0.5), x)


def quarter_turned(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    """The digits 2, 3, 4, 5 and 7 turned by 90 degrees, which are digits no longer."""
    chosen = torch.isin(labels, torch.tensor([2, 3, 4, 5, 7])).nonzero()[:, 0]
    chosen = chosen.repeat(-(-len(x) // max(1, len(chosen))))[: len(x)]
    return torch.rot90(x[chosen], 1, (2, 3))


def scribbles(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    """Two to four pen strokes at random, each a curve through three points, as wide as a digit's.

    Like the letters of an alphabet that nobody knows; a few look like digits by chance.
    """
    n, most, along = len(x), 4, torch.linspace(0, 1, 40)
    points = torch.rand(n, most, 3, 2, generator=random) * 20 + 3.5  # of a quadratic Bézier curve
    basis = torch.stack([(1 - along) ** 2, 2 * along * (1 - along), along**2])  # (3, 40)
    path = (points.transpose(2, 3) @ basis).transpose(2, 3)  # (n, most, 40, 2)
    drawn = torch.arange(most) < torch.randint(2, most + 1, (n, 1), generator=random)  # (n, most)
    path = torch.where(drawn[:, :, None, None], path, path[:, :1]).flatten(1, 2)  # (n, most * 40, 2)
    pixel = torch.stack(torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij"), 2).view(784, 2)
    width = 0.9 + 0.6 * torch.rand(n, generator=random)  # half of it, in pixels
    far = torch.cat([torch.cdist(pixel[None].expand(len(p), -1, -1), p).amin(2) for p in path.split(100)])
    return centred(((width[:, None] + 0.5 - far).clamp(0, 1) - 0.5).view(n, 1, 28, 28))


def uniform_noise(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    return torch.rand(x.shape, generator=random) - 0.5


def shuffled(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    """The pixels of a digit in random order."""
    order = torch.rand(len(x), 784, generator=random).argsort(1)
    return x.flatten(1).gather(1, order).view_as(x)


NO_DIGITS: dict[str, Kind] = {
    "two digits stitched": stitched,
    "strokes deleted": deleted,
    "turned by 90°": quarter_turned,
    "random pen strokes": scribbles,
    "uniform noise": uniform_noise,
    "shuffled pixels": shuffled,
}

DISTORTED = MILD | {
    "blurred by 0.5 pixels": blurred(0.5),
    "blurred by 1 pixel": blurred(1.0),
    "with noise of 5 %": noisy(0.05),
    "with noise of 10 %": noisy(0.1),
    "on 20 % grey": distortions.on_grey(0.2),
    **NO_DIGITS,
}

# --- the job ---


def yardstick(out: Path, P: Yardstick) -> YardstickRecord:
    """Measure real images; returns the record, which is then on disk."""
    evaluator = Evaluator.of(*(P.dataset, P.data_dir), n_train=max(P.n_real, P.n), n_test=P.n_test)
    train = data.load(P.dataset, "train", P.data_dir)
    used, old = _recognised(evaluator, train[0][: P.n_real], P.n_kind)
    record = YardstickRecord(
        job="yardstick",
        settings=P.values(),
        environment=environment("fp32", runtime.device()),
        candidates=[used],
        old=old,
        used=USED,
        mild=list(MILD),
        no_digits=list(NO_DIGITS),
        distorted=distorted(evaluator, *train, P.n),
        mixed=mixed(evaluator),
    )
    record.save(YardstickRecord.path(Path(out)))
    keep(Path(out), "real", to_uint8(evaluator.x_test[:SHOWN])[:, 0].numpy())
    print(f"yardstick: {used.wrongly:.1%} of the images that are no digits are taken for some", flush=True)
    return record


def _recognised(evaluator: Evaluator, x_train: Tensor, n: int) -> tuple[Candidate, dict[str, float]]:
    """The shares of images of each kind that the recogniser accepts, and that confidence does.

    The recogniser's bound comes from one half of the test images, and is tried on the other; that of
    confidence is the one of measuring.
    """
    x, labels = evaluator.x_test, evaluator.labels
    recogniser = DigitRecogniser.fit(evaluator.classifier, x_train, x, labels, n)
    accepted, old = {}, {}
    for kind, (images, _) in of_kinds(MILD | NO_DIGITS, x[1::2], labels[1::2], n, "tried").items():
        confidence = Seen(evaluator, images).confidence
        accepted[kind] = float(recogniser.accepts(images).double().mean())
        old[kind] = float((confidence >= evaluator.threshold).double().mean())
    wrongly = sum(accepted[kind] for kind in NO_DIGITS) / len(NO_DIGITS)
    return Candidate(name=USED, accepted=accepted, wrongly=wrongly), old


def distorted(evaluator: Evaluator, x: Tensor, labels: Tensor, n: int) -> list[Distorted]:
    """The distances of n training images of every kind."""
    found = []
    for kind, (images, _) in of_kinds(DISTORTED, x, labels, n, "distorted").items():
        of = {
            name: frechet_distance(one.reference, one.features(images))
            for name, one in evaluator.spaces.items()
        }
        found.append(Distorted(kind=kind, frechet=of.pop("digits"), distances=of))
        print(f"yardstick: {kind}: Fréchet distance {found[-1].frechet:.2f}", flush=True)
    return found


def mixed(evaluator: Evaluator) -> list[Mixed]:
    """The distances of training images at other class mixes."""
    found, labels = [], Seen(evaluator, evaluator.x_train, evaluator.main.train).labels
    for divergence in class_mix.DIVERGENCES:
        of = {
            name: class_mix.mixed(one.reference, (one.train, labels), divergence)
            for name, one in evaluator.spaces.items()
        }
        found.append(Mixed(divergence=divergence, frechet=of.pop("digits"), distances=of))
    return found


def main(arguments: list[str] | None = None) -> None:
    command(Yardstick, yardstick, False, arguments)


if __name__ == "__main__":
    main()
