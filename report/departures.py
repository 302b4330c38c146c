"""The study's constants and models, and in what a run departs from them."""

from collections.abc import Iterator, Mapping
from typing import Any

from diffusion.evaluation.statistics import FEWEST
from report.text_format import listing
from study.counterparts import other_data, studied
from study.results import STUDY, Results, Training, plain, sampling_of
from study.settings import OF_SAMPLING, OF_SCHEDULES, STUDIED

N_TEST = 10_000  # images of the test split
END_OF_TRAINING = 50  # passes over the data from which a claim about the end of training is decided

EPOCHS, N_SAMPLES = STUDIED["zoom"]["epochs"], STUDIED["zoom"]["n_keep"]
# What is said otherwise, or does not tell a training from the study's.
ASIDE = {"notebook", "model", "seed", "dataset", "precision", *OF_SAMPLING}
ASIDE |= {"steps", "epochs", "n_train", "n_test", "n_keep", "n_reconstruct"}


def departure(results: Results) -> str:
    """In what a run departs from the study; empty of one that is complete, whose claims are judged.

    The study's models are trained and sampled as there, and measured in all that the report tells of.
    """
    if absent := [model for model in STUDY if model not in studied(results)]:
        return f"it has no {listing(absent)} model"
    if title := other_data(results):
        return f"its data are {title}"
    if not (results.schedules and results.yardstick):
        return f"it has no {'yardstick' if results.schedules else 'noise schedules'}"
    if differs := next(_unlike(results.schedules.facts.settings, OF_SCHEDULES), ""):
        return f"its noise schedules have {differs}"
    for training in (one for model in STUDY for one in results.of(model)):
        if differs := next(_departures(training), ""):
            return f"{training.name} has {differs}"
    for training in results.trainings.values():
        if not training.analysed or training.final.one_image:
            return f"{training.name} is {'one image' if training.analysed else 'not analysed'}"
    return ""


def _departures(training: Training) -> Iterator[str]:
    """In what a training of a model of the study, its samples and its measures differ from the study's."""
    settings, process = training.settings, training.process
    usual = {name: value for name, value in STUDIED[process].items() if name not in ASIDE}
    usual |= {"schedule": training.model} if process == "ddpm" else {}
    sampling = sampling_of(settings)
    whole = {name: settings["T"] for name in ("steps", "levels") if sampling[name] == settings["T"]}
    lacks = {
        f"fewer than {END_OF_TRAINING} epochs": training.passes >= END_OF_TRAINING,
        f"fewer than {N_TEST} test images": (settings["n_test"] or N_TEST) >= N_TEST,
        f"fewer than {FEWEST} checkpoints in the last fifth of training": len(training.late) >= FEWEST,
    }
    yield from (lack for lack, enough in lacks.items() if not enough)
    yield from _unlike(settings, usual)
    yield from _unlike(sampling, sampling_of(STUDIED[process]) | whole)
    measuring = training.measured.facts
    if (n := min(training.final.n, measuring.settings.get("n_checkpoint", N_SAMPLES))) < N_SAMPLES:
        yield f"{n} of {N_SAMPLES} samples"
    if measuring.reference.n < N_TEST:
        yield f"{measuring.reference.n} of {N_TEST} reference images"


def _unlike(settings: Mapping[str, Any], usual: Mapping[str, Any]) -> Iterator[str]:
    values = {name: plain(settings[name]) for name in usual if name in settings}
    return (f"{name} = {value}" for name, value in values.items() if value != usual[name])
