"""What measures and probes return: numbers with their intervals, as they stand in records too."""

from pydantic import BaseModel, ConfigDict

Shares = list[float]  # ten, one a class


class Part(BaseModel):
    """A piece of a record: finite numbers, no unknown keys."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class RateTrial(Part):
    """The loss over a few steps of training at one learning rate; `last_loss` is None if it is not finite."""

    learning_rate: float
    first_loss: float
    last_loss: float | None
    finite: bool


class RateCheck(Part):
    """The learning rate as the study prints it, and as it must have been meant."""

    steps: int
    printed: RateTrial
    used: RateTrial


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


class CentrePixels(Part):
    """The central pixels of the training images: counts of the 256 grey values, and shares of extremes."""

    counts: list[int]
    black: float
    white: float
    extreme: float


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


class Frechet(Part):
    """Distance of samples from the test split with its 95 % interval, its bias by halving, and the KID."""

    fid: float
    low: float | None
    high: float | None
    bias: float | None
    kid: float
    kid_sd: float


class Floor(Part):
    """The Fréchet distance of as many real training images: mean and standard deviation over draws."""

    n: int
    fid_mean: float
    fid_sd: float


class Variety(Part):
    """Precision, recall and coverage of n samples, the last two with 95 % intervals."""

    precision: float
    recall: float
    coverage: float
    recall_low: float
    recall_high: float
    coverage_low: float
    coverage_high: float
    n: int


class Classes(Part):
    """Class shares with Wilson intervals, and their divergence from real images, in nats."""

    share: Shares
    low: Shares
    high: Shares
    divergence: float
    divergence_low: float
    divergence_high: float


class Recognised(Part):
    """Class shares of the n samples that the classifier is sure about."""

    n: int
    share: Shares


class NotDigit(Part):
    """Share of samples that the classifier reads less confidently than `Real.threshold`, and its interval."""

    share: float
    low: float
    high: float


class Grey(Part):
    """Mean grey of the border as it is seen, 0 to 1, with its interval."""

    mean: float
    low: float
    high: float


class Border(Part):
    """Grey of the border before clamping: mean and standard deviation over images."""

    mean: float
    sd: float


class Centre(Part):
    """Shares of images with a dark and with a white centre."""

    n: int
    dark: float
    white: float


class Looks(Part):
    """Appearance of a set of samples: unrecognised share, and background."""

    not_digit: NotDigit
    background: Grey
    border: Border


class Sampled(Looks):
    """All that is measured of one set of samples."""

    variety: Variety
    digits: Frechet
    inception: Frechet | None
    classes: Classes
    recognised: Recognised
    centre: Centre


class Gap(Part):
    """A paired difference with its 95 % interval."""

    mean: float
    low: float
    high: float


class Variant(Looks):
    """Samples from the same noise with one thing changed."""

    n: int
    digits: Frechet


class PriorSide(Part):
    n: int
    variety: Variety
    not_digit: NotDigit
    classes: Classes


class RealClasses(Part):
    share: Shares


class DivergenceFloor(Part):
    """The divergence that n real labels score: mean and standard deviation over draws."""

    mean: float
    sd: float
    n: int


class Real(Part):
    """The same measures of the real test images; `variety` is of training images."""

    classes: RealClasses
    recognised: Recognised
    not_digit: NotDigit
    threshold: float  # of the classifier's confidence: an image below it is not recognised
    background: Grey
    border: Border
    centre: Centre
    divergence_floor: DivergenceFloor
    variety: Variety


class Features(Part):
    """A feature network: whether it could be had, and what identifies it."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)
    available: bool
    reason: str
    dimension: int | None = None
    sha256: str | None = None
    test_accuracy: float | None = None


class Share(Part):
    """A share of n with its 95 % interval."""

    share: float
    low: float
    high: float
    n: int


class Response(Part):
    """The rise of the predicted noise when a latent is raised uniformly, over the ideal rise, by time step.

    Ideally the whole rise is taken for noise: right where the image's own level is known, as with MNIST's
    black ground, and at t = T anyway.
    """

    t: list[int]
    response: list[float]  # 1: all of it is seen
    low: list[float]
    high: list[float]


class Recoverable(Part):
    """Share of test digits read right in the image that the network predicts in one step from x_t."""

    t: list[int]
    right: list[Share]
