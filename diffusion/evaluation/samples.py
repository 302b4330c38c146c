"""Measures of a set of samples beyond distances, with intervals.

Which classes it holds, how many images are no digit, how dark their background is, how much of the variety of
real digits it covers; and which samples to show as good and bad ones. Where the data set is another one than
MNIST, "digit" stands for an image of one of its classes.

Labels and confidence are the digit classifier's. Every function is a function of its arguments and its seed.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor
from torch_fidelity.metric_prc import prc_features_to_metric

from diffusion.evaluation.interval import Interval
from diffusion.evaluation.measures import measure
from diffusion.evaluation.statistics import (
    bootstrap,
    centred,
    half_error,
    mean_of,
    numpy_generator,
    share_of,
    wilson,
)
from diffusion.processes.zoom import central_patch
from diffusion.runtime import generator

CLASSES = 10
REPEATS = 2000  # draws behind an interval of a mean or a divergence

# --- read by the classifier ---

# Share of real test images below the confidence that an image needs. A rule at 1 % would be laxer,
# and useless: it lets uniform noise pass as digits.
LOW_CONFIDENCE = 0.05


def read(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Labels (N,) int64 and confidence (N,) float64 in (0.1, 1] from the classifier's logits (N, 10)."""
    # In float32 the probability of a clear digit may round to exactly 1, and ties could not be ranked.
    confidence, labels = logits.double().softmax(1).max(1)
    return labels, confidence


@measure(threshold=("probability", "of the class that is read, which 95 % of the test images have at least"))
def threshold(confidence: Tensor) -> float:
    """The confidence below which a share of `LOW_CONFIDENCE` of real images (N,) lies."""
    return float(confidence.quantile(LOW_CONFIDENCE))


@measure(
    lambda seen: seen.confidence is not None and (seen.confidence, seen.evaluator.threshold),
    low_confidence=("share", "samples that the classifier reads less surely than 95 % of the test images"),
)
def low_confidence(confidence: Tensor, least: float) -> Interval:
    """The share of confidences (N,) below the least that an image needs."""
    return share_of(confidence < least)


@measure(
    lambda seen: seen.labels is not None and (seen.labels[seen.sure], seen.evaluator.classes),
    recognised_share=("share", "of each class among the samples that are read surely enough"),
)
def recognised(labels: Tensor, classes: int = CLASSES) -> list[Interval]:
    """Shares of the classes in labels (N,), integers from 0, which may be none."""
    counts, n = labels.bincount(minlength=classes).tolist(), len(labels)
    return [Interval(count / max(n, 1), n=n) for count in counts]


@measure(
    lambda seen: (
        seen.labels is not None
        and (seen.labels, seen.evaluator.all_labels, seen.n, seen.seed, seen.evaluator.classes)
    ),
    False,
    class_share=("share", "of each class among the samples, as the classifier reads them"),
    divergence=("nats", "KL divergence of the class shares from those of the test split"),
)
def class_shares(
    labels: Tensor, real_labels: Tensor, n: int | None = None, seed: int = 0, classes: int = CLASSES
) -> dict[str, Interval | list[Interval]]:
    """Class shares of samples, and their divergence from the classes of real images, by name.

    The divergence is KL(samples || real) in nats, from the empirical shares of `real_labels`, for MNIST's
    classes are not equally frequent. It is biased upwards, by about 9 / (2n) if the true shares agree, so
    compare it with `divergence_floor` at the same n. Its interval is that of `statistics.centred`.

    Args:
        labels: (N,) integers from 0 of the samples.
        real_labels: (M,) of the whole test split.
        n: the divergence is of the first n labels; None: of all.
        classes: how many there are.
    """
    prior, first = _shares(real_labels, classes, absent=0.5), labels[:n]
    share, of_all = _shares(first, classes), recognised(labels, classes)
    intervals = [wilson(count, len(labels)) for count in labels.bincount(minlength=classes).tolist()]
    divergence = float(_divergence(share, prior))
    draws = numpy_generator(seed, "classes").multinomial(len(first), share, REPEATS) / len(first)
    ends = centred(divergence, _divergence(draws, prior))
    return {
        "class_share": [Interval(one.value, *wide) for one, wide in zip(of_all, intervals, strict=True)],
        "divergence": Interval(divergence, *ends),
    }


@measure(divergence_floor=("nats", "divergence of the classes of as many real images, mean over draws"))
def divergence_floor(real_labels: Tensor, n: int, seed: int = 0, classes: int = CLASSES) -> Interval:
    """The divergence that n real images score, mean and deviation over independent draws of n labels."""
    prior = _shares(real_labels, classes, absent=0.5)
    draws = numpy_generator(seed, "divergence floor").multinomial(n, prior, REPEATS) / n
    found = _divergence(draws, prior)
    return Interval(float(found.mean()), n=n, sd=float(found.std(ddof=1)))


def _shares(labels: Tensor, classes: int, absent: float = 0) -> np.ndarray:
    """Shares (classes,) of labels. A class without a label counts as `absent`: no divergence is infinite."""
    counts = np.bincount(labels.cpu().numpy(), minlength=classes)
    counts = np.where(counts == 0, absent, counts) if absent else counts
    return counts / counts.sum()


def _divergence(share: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """KL(share || prior) in nats over the last axis; rounding may not make it negative."""
    return np.maximum(stats.entropy(share, np.broadcast_to(prior, share.shape), axis=-1), 0.0)


def rank_by_quality(confidence: Tensor, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Indices (n,) of high-quality and of low-quality samples; the two share none.

    They are drawn at random from the tenth of the N samples of which the classifier is surest, and from the
    tenth of which it is least sure. Where a tenth is fewer than n, the pool is the n best or worst, at most
    half of all.
    """
    pool = min(max(n, math.ceil(len(confidence) / 10)), len(confidence) // 2)
    order = confidence.argsort(descending=True, stable=True)
    high, low = (
        torch.randperm(pool, generator=generator(seed, "quality", side))[:n] for side in ("high", "low")
    )
    return order[:pool][high], order[-pool:][low]


# --- pixels ---

BORDER = 3  # pixels: width of the ring that counts as background
PATCH = 4  # pixels across: what the deepest zoom level leaves of an image
BLACK, WHITE = -0.5 + 0.1, 0.5 - 0.1  # a pixel counts as such in the lowest or highest tenth of the range
MOSTLY = 12  # of the 16 central pixels: a centre with at least so many of them is dark, or white

HALF = 128  # of 255: a pixel counts as white from here


def grey(x: Tensor) -> Tensor:
    """Images (N, C, S, S) as (N, 1, S, S): the mean of their colours."""
    return x if x.shape[1] == 1 else x.mean(1, keepdim=True)


def ring(images: Tensor) -> Tensor:
    """The pixels of the outer ring of images (N, 1, S, S), (N, P)."""
    outside = torch.ones(images.shape[2:], dtype=torch.bool)
    outside[BORDER:-BORDER, BORDER:-BORDER] = False
    return images[:, 0, outside]


@measure(
    lambda seen: (seen.images, seen.seed),
    background=("share", "mean grey of the border as it is seen, 0 black to 1 white"),
)
def border_grey(images: Tensor, seed: int = 0) -> Interval:
    """Mean grey value, 0 (black) to 1 (white), of the outer ring of 3 pixels: almost 0 in MNIST.

    The interval is from a bootstrap over the uint8 images (N, 1, 28, 28): pixels of one are dependent.
    """
    return bootstrap(_grey(images).numpy(), REPEATS, seed, "background")


@measure(
    lambda seen: (grey(seen.x),),
    border=(
        "share",
        "mean grey of the border before clamping, with the deviation over images",
    ),
)
def border_before_clamping(samples: Tensor) -> Interval:
    """Mean and sd over samples (N, 1, 28, 28), in model units, of the ring's mean grey.

    On the scale of `border_grey`, 0 (black) to 1; a border darker than black is negative. Clamping hides such
    borders, and with them half of what a drift of the mean does.
    """
    border = ring(samples).double().mean(1) + 0.5
    return Interval(float(border.mean()), n=len(samples), sd=float(border.std()))


@measure(
    lambda seen: (seen.images,),
    ink=("share", "mean grey of all pixels, 0 black to 1 white"),
    stroke=("pixels", "width of the strokes: twice the white area over its perimeter"),
    height=("pixels", "from the first to the last row that has white"),
    width=("pixels", "from the first to the last column that has white"),
)
def drawn(images: Tensor) -> dict[str, Interval]:
    """Ink, stroke width, height and width of uint8 images (N, 1, 28, 28), by name.

    Ink is the mean grey of all pixels, 0 to 1. The other three are in pixels, of what is at least half white;
    an image without such a pixel has 0 of each. Height and width are those of its bounding box.
    """
    white = images[:, 0] >= HALF
    found = {
        "ink": images.double().mean((1, 2, 3)) / 255,
        "stroke": stroke_width(white),
        "height": _extent(white.any(2)),
        "width": _extent(white.any(1)),
    }
    return {name: mean_of(each.tolist()) for name, each in found.items()}


def stroke_width(white: Tensor) -> Tensor:
    """Twice the area over the perimeter of each mask (N, 28, 28): (N,), in pixels.

    A bar of length L and width w has 1 / (1/w + 1/L), a long stroke about its width. Perimeters are sums over
    all squares of 2 x 2 pixels of the length of the gradient, by differences of their means: right for edges
    along the rows and along the diagonals, and at most 8 % too long between. (Castro et al. 2019 measure the
    thickness of digits along a skeleton instead.)
    """
    x = F.pad(white.double(), (1, 1, 1, 1))
    a, b, c, d = x[:, :-1, :-1], x[:, :-1, 1:], x[:, 1:, :-1], x[:, 1:, 1:]  # (N, 29, 29) each
    perimeter = torch.hypot(b + d - a - c, c + d - a - b).sum((1, 2)) / 2
    return 2 * x.sum((1, 2)) / perimeter.clamp(min=1)


def _extent(marked: Tensor) -> Tensor:
    """Places from the first to the last that is marked (N, L), both counted: (N,)."""
    place = torch.arange(1, marked.shape[1] + 1) * marked
    return (place.amax(1) - marked.double().argmax(1)).double()


def _grey(images: Tensor) -> Tensor:
    """Mean grey of the border of each uint8 image, 0 to 1: (N,)."""
    return ring(images).double().mean(1) / 255


def dark_centre(x: Tensor) -> Tensor:
    """Mask of the images x, (N, 1, 28, 28) in model units, with a dark centre: (N,) bool."""
    return (central_patch(x, PATCH).flatten(1) < BLACK).sum(1) >= MOSTLY


def white_centre(x: Tensor) -> Tensor:
    """Mask of the images x, (N, 1, 28, 28) in model units, with a white centre: (N,) bool."""
    return (central_patch(x, PATCH).flatten(1) > WHITE).sum(1) >= MOSTLY


@measure(
    lambda seen: (grey(seen.x),),
    centre_dark=("share", "images whose central pixels are mostly black"),
    centre_white=("share", "images whose central pixels are mostly white"),
)
def centre_shares(x: Tensor) -> dict[str, Interval]:
    """Shares of the images x, (N, 1, 28, 28) in model units, with a dark and with a white centre, by name."""
    found = {"centre_dark": dark_centre(x), "centre_white": white_centre(x)}
    return {name: Interval(float(one.double().mean()), n=len(x)) for name, one in found.items()}


# --- fidelity and variety, apart ---

NEIGHBOURS = 3  # of precision and recall, as in their source
COVERING = 5  # neighbours of coverage, as in its source
HALVES = 50  # random halves behind an interval
FEWEST = 2 * (COVERING + 1)  # a half must hold an image and its neighbours
MOST_IMAGES = 2000  # per set: memory grows with its square


@measure(
    lambda seen: seen.evaluator.compared(seen.features[: seen.n], seen.n),
    False,
    precision=("share", "samples within reach of real images"),
    recall=("share", "real images within reach of samples"),
    coverage=("share", "real images with a sample nearer than their fifth real neighbour"),
)
def precision_recall_coverage(
    real_features: Tensor, features: Tensor, n: int, seed: int = 0
) -> dict[str, Interval]:
    """By name, precision and recall (Kynkäänniemi et al. 2019) by torch-fidelity, and coverage beside them.

    Precision is the share of samples inside the manifold of real images, recall the share of real images
    inside that of the samples; a manifold is the union of the balls that reach each point's third neighbour.
    Balls around samples that lie far apart are large, so that recall flatters scattered samples; coverage has
    balls around real images only.

    The interval of precision is Wilson's. Those of recall and coverage come from random halves of both sets
    (`statistics.half_scale`): their points are compared with each other, and are no independent cases.

    Args:
        real_features, features: (N, D) and (M, D), of real images and of samples.
        n: images taken at random from each set, since all three depend on n: the same for all compared; at
            least `FEWEST`.
    """
    real, fake = real_features.double(), features.double()
    fake = fake[torch.randperm(len(fake), generator=generator(seed, "variety", "samples"))[:n]]
    real = real[torch.randperm(len(real), generator=generator(seed, "variety", "real"))[:n]]
    found, halves = _prc(real, fake), []
    for half in range(HALVES):
        a, b = (
            torch.randperm(n, generator=generator(seed, "variety half", kind, half))[: n // 2]
            for kind in ("real", "samples")
        )
        halves.append(_prc(real[a], fake[b]))
    wide = {key: half_error(np.array([half[key] for half in halves]), n) for key in ("recall", "coverage")}
    ends = {key: (max(0.0, found[key] - e), min(1.0, found[key] + e)) for key, e in wide.items()}
    ends["precision"] = wilson(round(found["precision"] * n), n)
    return {key: Interval(value, *ends[key], n) for key, value in found.items()}


def _prc(real: Tensor, fake: Tensor) -> dict[str, float]:
    found = prc_features_to_metric(fake, real, prc_neighborhood=NEIGHBOURS, verbose=False)
    return {key: found[key] for key in ("precision", "recall")} | {"coverage": coverage(real, fake)}


def coverage(real: Tensor, fake: Tensor) -> float:
    """Share of real images with a sample in the ball that reaches their fifth real neighbour.

    Naeem et al. (2020), Eq. (7), of features (N, D), N at least 6, and (M, D). Of a perfect model it is
    1 - 2^-5 = 0.97 where both sets are large and of one size.
    """
    exact = "donot_use_mm_for_euclid_dist"  # no image is at a distance from itself, nor from its copy
    radius = torch.cdist(real, real, compute_mode=exact).kthvalue(COVERING + 1).values  # itself is the first
    nearest = torch.cdist(real, fake, compute_mode=exact).amin(1)
    return float((nearest <= radius).double().mean())
