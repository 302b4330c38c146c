"""The study's constants and models, and how a run departs from them."""

from collections.abc import Mapping
from typing import Any

from diffusion.parameters import OF_SAMPLING, PLACES, TrainDDPM, TrainZoom
from report.text_format import Markdown, code, escape, integer, listing
from study.records import DataNames, Results, Trained, TrainRecord, sampling_of

MODELS = {"linear": "ddpm", "cosine": "ddpm", "zoom": "zoom"}  # name -> kind
DDPMS = ("linear", "cosine")
N_TEST = 10_000  # images of the test split
END_OF_TRAINING = 50  # passes over the data from which a claim about the end of training is decided

# The defaults of the training notebooks are the study's settings, by process.
STUDIED = {"ddpm": TrainDDPM().model_dump(), "zoom": TrainZoom().model_dump()}
EPOCHS, N_SAMPLES = STUDIED["zoom"]["epochs"], STUDIED["zoom"]["n_keep"]
OF_SCHEDULES = ("T", "beta_start", "beta_end", "s", "beta_max")
# What is said otherwise, or does not tell a training from the study's.
ASIDE = {"notebook", "model", "seed", "dataset", *PLACES, "precision"}
ASIDE |= {"steps", "epochs", "n_train", "n_test", "n_keep", "n_reconstruct"}


def measured(results: Results) -> list[str]:
    """The study's models that a run has, by name and kind, all their trainings measured."""
    of = {m: trainings(results, m) for m in results.models if m in MODELS}
    return [m for m in MODELS if m in of and all(t.measure and t.train.process == MODELS[m] for t in of[m])]


def complete(results: Results) -> bool:
    """The study's models are trained and sampled as in the study, and measured in all that it tells of."""
    if len(measured(results)) < len(MODELS) or not results.yardstick or other_data(results):
        return False
    ones = [results.first(model) for model in MODELS]
    alike = (
        one.train.passes >= END_OF_TRAINING and not other_training(one.train) + other_sampling(one.train)
        for one in ones
    )
    clipped = (results.first(model).measure.ablations.clipping for model in DDPMS)
    made = (one.analysis and not one.measure.final.constant for one in results.trainings.values())
    return all(made) and all(alike) and all(clipped)


def trainings(results: Results, model: str) -> list[Trained]:
    return [results.trainings[model, seed] for seed in results.seeds(model)]


def dataset(results: Results) -> DataNames:
    """The run's data set, with title, noun and classes."""
    return next(iter(results.trainings.values())).train.data


def other_data(results: Results) -> Markdown:
    """The title of the run's data set, if it is not the study's; else empty."""
    found = dataset(results)
    return Markdown("") if found == DataNames.of("mnist") else escape(found.title)


def other_schedules(settings: Mapping[str, Any]) -> list[Markdown]:
    """In which constants these noise schedules differ from the study's."""
    return _unlike(settings, {name: STUDIED["ddpm"][name] for name in OF_SCHEDULES})


def other_training(train: TrainRecord) -> list[Markdown]:
    """In which settings a training differs from the study's, save for its length."""
    usual = {k: v for k, v in STUDIED[train.process].items() if k not in ASIDE and k not in OF_SAMPLING}
    if "schedule" in usual:
        usual["schedule"] = train.model
    if (n := train.settings["n_test"]) is not None and n < N_TEST:
        usual["n_test"] = N_TEST
    return _unlike(train.settings, usual)


def other_sampling(train: TrainRecord) -> list[Markdown]:
    """In which settings the sampling of a model differs from the study's."""
    usual, found = sampling_of(STUDIED[train.process]), sampling_of(train.settings)
    for name in ("steps", "levels"):  # all of them, by number or by None
        if found[name] == train.settings["T"]:
            usual[name] = found[name]
    return _unlike(found, usual)


def _unlike(settings: Mapping[str, Any], usual: Mapping[str, Any]) -> list[Markdown]:
    return [code(f"{k} = {settings[k]}") for k, v in usual.items() if settings.get(k, v) != v]


def few_samples(one: Trained) -> list[Markdown]:
    """Remark on fewer samples, or fewer real images, than the study's; empty if there are as many."""
    measure, out = one.measure, []
    n = min(measure.final.n, measure.settings.get("n_checkpoint", measure.final.n))
    if n < N_SAMPLES:
        out.append(Markdown(f"{integer(n)} of {N_SAMPLES} samples"))
    if measure.reference.n < N_TEST:
        out.append(Markdown(f"{integer(measure.reference.n)} of {integer(N_TEST)} reference images"))
    return out


def unlike_study(one: Trained) -> list[Markdown]:
    """In what the training of a model of the study, and its samples, depart from the study."""
    train, out = one.train, []
    if train.settings.get("steps"):
        out.append(Markdown(f"{integer(train.steps)} steps"))
    elif train.epochs < EPOCHS:
        out.append(Markdown(f"{integer(train.epochs)} of {EPOCHS} epochs"))
    if train.settings["n_train"] and train.passes < train.epochs:
        out.append(Markdown(f"{integer(train.settings['n_train'])} training images"))
    return out + other_training(train) + other_sampling(train) + few_samples(one)


def deviations(results: Results) -> Markdown:
    """One phrase on all models of the study that depart from it; empty if none does."""
    groups: dict[str, list[str]] = {}
    for model in measured(results):
        if differs := unlike_study(results.first(model)):
            groups.setdefault(listing(differs), []).append(model)
    return Markdown("; ".join(f"for {listing(models)}, {what}" for what, models in groups.items()))
