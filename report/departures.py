"""The study's constants and models, and how a run departs from them."""

from collections.abc import Mapping
from typing import Any

from report.text_format import Markdown, code, integer, listing, num
from study.counterparts import other_data, studied
from study.results import STUDY, Results, Training, plain, sampling_of
from study.settings import OF_SAMPLING, OF_SCHEDULES, STUDIED
from study.table import Facts

DDPMS = ("linear", "cosine")
N_TEST = 10_000  # images of the test split
END_OF_TRAINING = 50  # passes over the data from which a claim about the end of training is decided

EPOCHS, N_SAMPLES = STUDIED["zoom"]["epochs"], STUDIED["zoom"]["n_keep"]
# What is said otherwise, or does not tell a training from the study's.
ASIDE = {"notebook", "model", "seed", "dataset", "precision"}
ASIDE |= {"steps", "epochs", "n_train", "n_test", "n_keep", "n_reconstruct"}


def complete(results: Results) -> bool:
    """The study's models are trained and sampled as in the study, and measured in all that it tells of."""
    if len(studied(results)) < len(STUDY) or not results.yardstick or other_data(results):
        return False
    ones = [results.first(model) for model in STUDY]
    alike = (one.passes >= END_OF_TRAINING and not other_training(one) + other_sampling(one) for one in ones)
    clipped = ("clipping on" in results.first(model).measured for model in DDPMS)
    made = (one.analysed and not one.constant for one in results.trainings.values())
    return all(made) and all(alike) and all(clipped)


def dataset(results: Results) -> Facts:
    """The run's data set: title, noun and classes."""
    return next(iter(results.trainings.values())).train.data


def other_schedules(settings: Mapping[str, Any]) -> list[Markdown]:
    """In which constants these noise schedules differ from the study's."""
    return _unlike(settings, OF_SCHEDULES)


def other_training(one: Training) -> list[Markdown]:
    """In which settings a training differs from the study's, save for its length."""
    usual = {k: v for k, v in STUDIED[one.process].items() if k not in ASIDE and k not in OF_SAMPLING}
    if "schedule" in usual:
        usual["schedule"] = one.model
    if (n := one.settings["n_test"]) is not None and n < N_TEST:
        usual["n_test"] = N_TEST
    return _unlike(one.settings, usual)


def other_sampling(one: Training) -> list[Markdown]:
    """In which settings the sampling of a model differs from the study's."""
    usual, found = sampling_of(STUDIED[one.process]), sampling_of(one.settings)
    for name in ("steps", "levels"):  # all of them, by number or by None
        if found[name] == one.settings["T"]:
            usual[name] = found[name]
    return _unlike(found, usual)


def _unlike(settings: Mapping[str, Any], usual: Mapping[str, Any]) -> list[Markdown]:
    found = {name: plain(settings[name]) for name in usual if name in settings}
    return [code(f"{name} = {value}") for name, value in found.items() if value != usual[name]]


def few_samples(one: Training) -> list[Markdown]:
    """Remark on fewer samples, or fewer real images, than the study's; empty if there are as many."""
    facts, out = one.measured.facts, []
    if (n := min(one.final.n, facts.settings.get("n_checkpoint", one.final.n))) < N_SAMPLES:
        out.append(Markdown(f"{integer(n)} of {N_SAMPLES} samples"))
    if facts.reference.n < N_TEST:
        out.append(Markdown(f"{integer(facts.reference.n)} of {integer(N_TEST)} reference images"))
    return out


def unlike_study(one: Training) -> list[Markdown]:
    """In what the training of a model of the study, and its samples, depart from the study."""
    train, settings, out = one.train, one.settings, []
    if settings.get("steps"):
        out.append(Markdown(f"{integer(train.steps)} steps"))
    elif train.epochs < EPOCHS:
        out.append(Markdown(f"{integer(train.epochs)} of {EPOCHS} epochs"))
    if settings["n_train"] and one.passes < train.epochs:
        out.append(Markdown(f"{integer(settings['n_train'])} training images"))
    return out + other_training(one) + other_sampling(one) + few_samples(one)


def deviations(results: Results) -> Markdown:
    """One phrase on all models of the study that depart from it; empty if none does."""
    groups: dict[str, list[str]] = {}
    for model in studied(results):
        if differs := unlike_study(results.first(model)):
            groups.setdefault(listing(differs), []).append(model)
    return Markdown("; ".join(f"for {listing(models)}, {what}" for what, models in groups.items()))


def passes(n: float) -> Markdown:
    """A number of passes over the data, which need not be a whole one."""
    return integer(n) if n == int(n) else num(n, 2)
