"""The definition of "a digit" in page, notebooks and reports: an image that `DigitRecogniser` accepts.

Its threshold is set so that 95% of mildly distorted real digits pass. Of unchanged real digits, 97% pass; of
noise, grey and blank images, none. For other data sets, "digit" means an image of one of their classes. The
classifier's confidence is not such a measure: smoothed labels cap it, shifts lower it, and noise can have it.
docs/recogniser.md compares these measures.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from diffusion.evaluation.classifier import DigitClassifier
from diffusion.evaluation.distortions import MILD, Kind, centred
from diffusion.evaluation.frechet import to_uint8
from diffusion.evaluation.statistics import Interval, share_of
from diffusion.once import of_data
from diffusion.runtime import generator

REFUSED = 0.05  # share of mildly distorted digits below the threshold
NEIGHBOURS = 5
BORDER = 3  # number of rows at the top and at the bottom that show the background


def tidied(x: Tensor) -> Tensor:
    """Return images (N, 1, 28, 28) with a black background and a centred mass.

    The background is the median of the top and bottom rows; brighter values are stretched.
    """
    edge = torch.cat([x[:, 0, :BORDER], x[:, 0, -BORDER:]], 1).flatten(1)
    ground = (edge.median(1).values + 0.5)[:, None, None, None]
    return centred(((x + 0.5 - ground) / (1 - ground).clamp(min=0.1)).clamp(0, 1) - 0.5)


def distort(
    kinds: dict[str, Kind], x: Tensor, labels: Tensor, n: int, key: str
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return n images of each kind of distortion, made of random x (N, 1, 28, 28), with their labels."""
    sets = {}
    for name, kind in kinds.items():
        random = generator("kind", name, key)
        chosen = torch.randperm(len(x), generator=random)[:n]
        sets[name] = kind(x[chosen], labels[chosen], random), labels[chosen]
    return sets


@dataclass(frozen=True)
class DigitRecogniser:
    """A score of digit-likeness, with the threshold that 95% of mildly distorted digits reach.

    The score is the sum of two similarities of the tidied image: minus the logarithm of the distance to the
    fifth nearest training digit, relative to the image's own norm, in the classifier's features, and in
    pixels that are blurred by one pixel and subsampled by two.
    """

    classifier: DigitClassifier
    features: Tensor  # (M, 64) of training digits
    pixels: Tensor  # (M, 144)
    bound: float = 0.0
    accepted: Tensor = torch.zeros(0)  # mask of the test digits from which the threshold was not computed

    @classmethod
    def fit(
        cls, classifier: DigitClassifier, x_train: Tensor, x: Tensor, labels: Tensor, n: int = 1000
    ) -> Self:
        """Fit the recogniser of a data set, calibrated on every second test digit; the others can test it.

        Args:
            classifier (DigitClassifier): The classifier of the data set.
            x_train (Tensor): Training digits (M, 1, 28, 28), the neighbours. With 500 digits, it accepts the
                same shares as with 10,000, within 2 points for each kind of digit (docs/recogniser.md).
            x (Tensor): Test digits (N, 1, 28, 28), from which the threshold is computed.
            labels (Tensor): Labels (N,) of the test digits.
            n (int): Digits of each mild distortion, at most N / 2. Default 1000.
        """

        def make() -> dict[str, Tensor]:
            tidy = tidied(x_train)
            unbound = cls(classifier, _features(classifier, tidy), _coarse(tidy))
            kinds = distort(MILD, x[::2], labels[::2], n, "bound")
            scores = torch.cat([unbound.scores(images) for images, _ in kinds.values()])
            bound = scores.quantile(REFUSED)
            parts = {"features": unbound.features, "pixels": unbound.pixels}
            return parts | {"bound": bound, "accepted": unbound.scores(x[1::2]) >= bound}

        made = of_data("recogniser", make, classifier, x_train, x, labels, n)
        return cls(classifier, made["features"], made["pixels"], float(made["bound"]), made["accepted"])

    def scores(self, x: Tensor) -> Tensor:
        """Return scores (N,) of images x (N, 1, 28, 28) in model units, which may exceed [-0.5, 0.5]."""
        tidy = tidied(x.float().clamp(-0.5, 0.5))
        features, pixels = _features(self.classifier, tidy), _coarse(tidy)
        return _nearness(features, self.features) + _nearness(pixels, self.pixels)

    def accepts(self, x: Tensor) -> Tensor:
        """Return a mask (N,) of the images x that are accepted as digits."""
        return self.scores(x) >= self.bound


def digit(recogniser: DigitRecogniser, x: Tensor) -> Interval:
    """Return the share of images x (N, 1, 28, 28) that are accepted as digits."""
    return share_of(recogniser.accepts(x))


@torch.inference_mode()
def _features(classifier: DigitClassifier, x: Tensor) -> Tensor:
    parts = to_uint8(x).split(100)
    return torch.cat([classifier.features(part.float() / 255 - 0.5) for part in parts])


def _coarse(x: Tensor) -> Tensor:
    """Return blurred images, every second pixel without the border: (N, 144).

    Equal to torchvision's `gaussian_blur`, whose import takes two seconds.
    """
    weights = torch.exp(-0.5 * torch.linspace(-3, 3, 7, dtype=x.dtype, device=x.device).square())
    weights = weights / weights.sum()
    kernel = torch.outer(weights, weights)[None, None]  # (1, 1, 7, 7)
    blurred = torch.conv2d(pad(x + 0.5, (3, 3, 3, 3), mode="reflect"), kernel)
    return blurred[:, :, 2:26:2, 2:26:2].flatten(1)


def _nearness(x: Tensor, digits: Tensor) -> Tensor:
    far = torch.cat([torch.cdist(part, digits).kthvalue(NEIGHBOURS).values for part in x.split(1000)])
    return -((far + 1e-6) / x.norm(dim=1).clamp(min=1e-6)).log().double()
