"""The constants and models of the original study, and the first departure of a run from them."""

from collections.abc import Iterator, Mapping
from typing import Any

from diffusion.evaluation.statistics import FEWEST
from report.pages.text_format import listing
from report.results.counterparts import list_studied, other_data
from report.results.settings import describe
from report.results.views import STUDY, Results, Training

N_TEST = 10_000  # images of the test split
END_OF_TRAINING = 50  # passes over the data that a claim about the end of training needs
EPOCHS, N_SAMPLES = 100, 500
SCHEDULES = {"T": 1000, "beta_start": 1e-5, "beta_end": 0.02, "s": 0.008, "beta_max": 0.02}
# Settings that all models of the original study share. Other settings may differ.
TRAINING = {"batch_size": 128, "learning_rate": 2e-4, "lr_schedule": "constant", "ema": None}
TRAINING |= {"network": describe("cnn")}
DDPM = TRAINING | {"process": {"class": "diffusion:DDPM"}, "sampler": describe("ancestral"), "prior": None}
ZOOM = {"class": "diffusion:ColdZoom", "T": 24, "interpolation": "nearest", "image_noise": 0.0}
STUDIED: dict[str, dict[str, Any]] = {
    "linear": DDPM | {"schedule": describe("linear")},
    "cosine": DDPM | {"schedule": describe("cosine")},
    "zoom": TRAINING | {"process": ZOOM, "sampler": describe("naive"), "prior": describe("pixels")},
}


def departure(results: Results) -> str:
    """Describe the first departure of a run from the original study; empty for a complete run.

    In a complete run, the original models are trained and sampled as in the original study, and all measures
    that the paper prints are taken. Only the claims of a complete run are judged.
    """
    if absent := [model for model in STUDY if model not in list_studied(results)]:
        return f"it has no {listing(absent)} model"
    if title := other_data(results):
        return f"its data are {title}"
    for name, title in {"schedules": "noise schedules", "yardstick": "yardstick"}.items():
        if name not in results.jobs:
            return f"it has no {title}"
    if differs := next(_unlike(results.jobs["schedules"].facts.settings, SCHEDULES), ""):
        return f"its noise schedules have {differs}"
    for training in (training for model in STUDY for training in results.all_of(model)):
        if differs := next(_departures(training), ""):
            return f"{training.name} has {differs}"
    for training in results.trainings.values():
        if not (training.drawn and "copies" in training.final):
            return f"{training.name} is not analysed, see variants and n_probe of paper/profiles/paper.yaml"
        if training.final.one_image:
            return f"{training.name} is one image"
    return ""


def _departures(training: Training) -> Iterator[str]:
    """Describe the departures of a training, its samples and its measures from the original study."""
    train = training.train.unread
    sampler = {name: None if value == train["T"] else value for name, value in train["sampler"].items()}
    settings = train | train["settings"] | {"network": training.network, "sampler": sampler}
    lacks = {
        f"fewer than {END_OF_TRAINING} epochs": training.passes >= END_OF_TRAINING,
        f"fewer than {N_TEST} test images": training.train.data.n_test >= N_TEST,
        f"fewer than {FEWEST} checkpoints in the last fifth of training": len(training.late) >= FEWEST,
    }
    yield from (lack for lack, enough in lacks.items() if not enough)
    yield from _unlike(settings, STUDIED[training.model])
    measuring = training.measured.facts
    if (n := min(training.final.n, measuring.settings.n_checkpoint)) < N_SAMPLES:
        yield f"{n} of {N_SAMPLES} samples"
    if measuring.reference.n < N_TEST:
        yield f"{measuring.reference.n} of {N_TEST} reference images"


def _unlike(settings: Mapping[str, Any], usual: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Settings that differ from the usual ones, as `name = value`."""
    for name, value in usual.items():
        if isinstance(value, Mapping) and isinstance(settings.get(name), Mapping):
            yield from _unlike(settings[name], value, f"{prefix}{name}.")
        elif settings.get(name) != value:
            yield f"{prefix}{name} = {settings.get(name)}"
