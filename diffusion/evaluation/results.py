"""Results of measures and probes: numbers with their intervals, as they stand in records too."""

from pydantic import ConfigDict

from diffusion.evaluation.interval import Interval, Part, Spread

Shares = list[float]  # one a class


class CommonLoss(Part):
    """The test loss at noise levels common to all schedules, values of alpha_bar: mean, and by level."""

    mean: float
    levels: list[float]
    by_level: list[float]


class Reconstruction(Part):
    """Mean squared error of restorations by zoom level: mean and standard deviation over n images."""

    levels: list[int]
    mse: list[float]
    sd: list[float]
    n: int


class Confusion(Part):
    """Fully degraded images restored: counts of true class by class read, and the shares read right."""

    matrix: list[list[int]]
    accuracy: float
    n: int
    real_accuracy: float


class DarkCentre(Part):
    """Classes read in the restorations of images with a dark centre, and the classes that these have."""

    n: int
    share: Shares
    true_share: Shares


class Distance(Interval):
    """Fréchet distance of samples from the test split, its bias by halving, and the kernel distance."""

    bias: float | None = None
    kid: Spread | None = None


class Variety(Part):
    """Precision, recall and coverage of n samples."""

    precision: Interval
    recall: Interval
    coverage: Interval
    n: int


class Classes(Part):
    """Class shares, and their divergence from real images, in nats."""

    share: list[Interval]
    divergence: Interval


class Recognised(Part):
    """Class shares of the n samples that the classifier is sure about."""

    n: int
    share: Shares


class Centre(Part):
    """Shares of images with a dark and with a white centre."""

    n: int
    dark: float
    white: float


class Looks(Part):
    """Appearance of a set of samples.

    Attributes:
        low_confidence: share that the classifier reads less confidently than `Real.threshold`.
        background: mean grey of the border as it is seen, 0 to 1.
        border: the same before clamping, over images.
        ink: mean grey of all pixels, 0 to 1.
        stroke: width of the strokes, in pixels; see `samples.stroke_width`.
        height, width: of the digit, in pixels.

    The last four have means with their intervals, and standard deviations over images; None in older records.
    What is read by the classifier is None where there is none.
    """

    low_confidence: Interval | None
    background: Interval
    border: Spread
    ink: Interval | None = None
    stroke: Interval | None = None
    height: Interval | None = None
    width: Interval | None = None


class Sampled(Looks):
    """All that is measured of one set of samples.

    Attributes:
        frechet: in the features `Evaluator.main`, those of the classifier if there is one.
        distances: in the other features that there are, by name (`features`).
        digit: share that the recogniser takes for digits; None in older records.
    """

    variety: Variety
    frechet: Distance
    distances: dict[str, Distance] = {}
    classes: Classes | None
    recognised: Recognised | None
    centre: Centre
    digit: Interval | None = None


class RealClasses(Part):
    share: Shares


class Real(Looks):
    """The same measures of the real test images; `variety` is of training images, `digit` of every second."""

    classes: RealClasses | None
    recognised: Recognised | None
    threshold: float | None  # of the classifier's confidence: an image below it is not recognised
    centre: Centre
    divergence_floor: Spread | None  # of n real labels, over draws
    variety: Variety
    digit: Interval | None = None


class Features(Part):
    """A feature network: whether it could be had, and what identifies it."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)
    available: bool
    reason: str
    dimension: int | None = None
    sha256: str | None = None
    test_accuracy: float | None = None
