"""The one table of notebook parameters: type, bounds, choices, meaning and unit of each.

`diffusion.parameters` checks notebooks and profiles against it.
Nothing heavy is imported here, so that a mistake is reported within a second.
"""

from dataclasses import dataclass
from typing import Any

NONE = type(None)
SCHEDULES, DDPM, ZOOM, COMPARE = "01_schedules", "02_train_ddpm", "03_train_zoom", "04_compare_fid"
OWN = "05_your_degradation"
TRAINING = (DDPM, ZOOM, OWN)
NETWORK = (*TRAINING, COMPARE)  # those that run a network
NOTEBOOKS = (SCHEDULES, DDPM, ZOOM, COMPARE, OWN)
# The models that the report is about, each with its notebook; a profile may have more.
STUDY = {"linear": DDPM, "cosine": DDPM, "zoom": ZOOM}
RESIZE, PRECISIONS = ("nearest", "bilinear"), ("auto", "fp32", "bf16")

DATASETS = ("mnist", "fashion", "kmnist")  # as in diffusion.datasets, which may not be imported here
N_TRAIN_IMAGES, N_TEST_IMAGES = 60_000, 10_000  # images in the two splits of each data set
SEEDS = 0, 2**32 - 1  # the smallest and the largest
PER_MODEL = ("n_final", "distance_every")  # of the comparison, and a model's entry may have its own
MAX_ZOOM = 24  # the study's last zoom level: a 4 x 4 patch is left of 28 x 28 pixels


@dataclass(frozen=True)
class Parameter:
    """One parameter of some notebooks. Bounds hold for each element of a list and each value of a dict."""

    name: str
    notebooks: tuple[str, ...]
    kinds: tuple[type, ...]  # the types a value may have; float admits int, int does not admit bool
    meaning: str  # one line, with the unit
    low: float | None = None
    high: float | None = None
    exclusive: bool = False  # the bounds themselves are not allowed
    choices: tuple[str, ...] = ()
    identifier: bool = False  # the text becomes a part of file names
    elements: type = str  # of a list
    default: Any = ...  # the value where a profile is silent; without one, every profile has to state it


TABLE = (
    # of all notebooks
    Parameter("seed", NOTEBOOKS, (int,), "seed of every random draw", *SEEDS, default=0),
    Parameter("dataset", NOTEBOOKS, (str,), "the data set", choices=DATASETS, default="mnist"),
    Parameter(
        "data_dir", NOTEBOOKS, (str, NONE), "folder of the data set; None = the project's data/", default=None
    ),
    Parameter(
        "out_dir", NOTEBOOKS, (str, NONE), "folder of the results; None = build/notebook", default=None
    ),
    Parameter(
        "n_test", (SCHEDULES, DDPM, ZOOM), (int, NONE), "test images used; None = all", 2, N_TEST_IMAGES
    ),
    # Notebook 05 shows ten of them; the comparison counts neighbours among them.
    Parameter("n_test", (COMPARE, OWN), (int, NONE), "test images used; None = all", 12, N_TEST_IMAGES),
    # of the schedules and the zoom
    Parameter("T", (SCHEDULES, DDPM), (int,), "diffusion steps of the DDPM", 2, 10_000, default=1000),
    Parameter(
        "beta_start",
        (SCHEDULES, DDPM),
        (float,),
        "linear schedule: variance of step 1",
        0,
        1,
        True,
        default=1e-5,
    ),
    Parameter(
        "beta_end",
        (SCHEDULES, DDPM),
        (float,),
        "linear schedule: variance of step T",
        0,
        1,
        True,
        default=0.02,
    ),
    Parameter(
        "s", (SCHEDULES, DDPM), (float,), "cosine schedule: offset, in units of T", 0, 1, default=0.008
    ),
    Parameter(
        "beta_max", (SCHEDULES, DDPM), (float,), "cosine schedule: largest variance", 0, 1, True, default=0.02
    ),
    Parameter(
        "interpolation", (SCHEDULES, ZOOM), (str,), "how a crop is resized", choices=RESIZE, default="nearest"
    ),
    Parameter(
        "zoom_T", (SCHEDULES,), (int,), "last zoom level, in pixels cropped away", 1, MAX_ZOOM, default=24
    ),
    Parameter(
        "image_index", (SCHEDULES,), (int,), "test image in the figures", 0, N_TEST_IMAGES - 1, default=61
    ),
    Parameter("n_columns", (SCHEDULES,), (int,), "evenly spaced steps in a figure", 2, 50, default=11),
    # of the training
    Parameter("model", TRAINING, (str,), "name of the trained model", identifier=True),
    Parameter("epochs", TRAINING, (int,), "passes over the training images", 1, 100_000),
    Parameter("batch_size", TRAINING, (int,), "images per training step", 1, N_TRAIN_IMAGES, default=128),
    Parameter("learning_rate", TRAINING, (float,), "Adam's step size, the peak of its course", 1e-9, 1),
    Parameter("lr_schedule", TRAINING, (str,), "course of the learning rate", choices=("constant", "cosine")),
    Parameter(
        "channels",
        TRAINING,
        (list,),
        "output channels of the network's blocks",
        1,
        1024,
        elements=int,
        default=[16, 32, 32, 16],
    ),
    Parameter("n_train", TRAINING, (int, NONE), "training images used; None = all", 1, N_TRAIN_IMAGES),
    Parameter("precision", NETWORK, (str,), "arithmetic of the network", choices=PRECISIONS, default="auto"),
    Parameter("n_samples", TRAINING, (int,), "images sampled from the trained model", 2, N_TRAIN_IMAGES),
    Parameter("schedule", (DDPM,), (str,), "noise schedule", choices=("linear", "cosine")),
    Parameter("clip_x0", (DDPM,), (bool,), "clip the predicted clean image in each sampling step"),
    Parameter("sampling_steps", (DDPM,), (int, NONE), "steps of the sampler; None = all T", 2, 10_000),
    Parameter("T", (ZOOM,), (int,), "last zoom level, in pixels cropped away", 1, MAX_ZOOM, default=24),
    Parameter("n_reconstruct", (ZOOM,), (int,), "test images reconstructed per zoom level", 1, N_TEST_IMAGES),
    # of a degradation of one's own
    Parameter("degradation", (OWN,), (str,), "the class that degrades, as module:Class"),
    Parameter("T", (OWN,), (int,), "deepest level of degradation", 1, 10_000, default=20),
    # of the comparison; an interval of a distance takes two halves of two images at least
    Parameter("n_samples", (COMPARE,), (int,), "images sampled from a checkpoint", 12, N_TRAIN_IMAGES),
    Parameter("models", (COMPARE,), (list, NONE), "trained models to compare; None = all", identifier=True),
    Parameter("n_final", (COMPARE,), (int, dict), "images in a model's final sample set", 12, N_TRAIN_IMAGES),
    Parameter(
        "distance_every", (COMPARE,), (int, dict), "epochs between two measured checkpoints", 1, 100_000
    ),
    Parameter("floor_repeats", (COMPARE,), (int,), "draws behind a real-vs-real floor", 2, 1_000),
    Parameter("interval_repeats", (COMPARE,), (int,), "draws behind an interval", 2, 100_000),
    Parameter("float32_too", (COMPARE,), (bool,), "draw a model's samples in float32 as well", default=False),
    Parameter(
        "seeds",
        (COMPARE,),
        (list, NONE),
        "other seeds, whose comparisons lie in out_dir/seeds; None = one seed",
        *SEEDS,
        elements=int,
        default=None,
    ),
    Parameter("inception_weights", (COMPARE,), (str,), "'auto', 'off' or the path of InceptionV3 weights"),
)


def of(notebook: str) -> dict[str, Parameter]:
    """The parameters of `notebook` by name; a KeyError for a notebook that is not in `NOTEBOOKS`."""
    if notebook not in NOTEBOOKS:
        raise KeyError(notebook)
    return {parameter.name: parameter for parameter in TABLE if notebook in parameter.notebooks}
