"""The study's constants and models, and how a run departs from them."""

from collections.abc import Mapping
from typing import Any

from diffusion import data
from diffusion.records import Results, Trained, TrainRecord
from report.text_format import Markdown, code, escape, finalize, integer, listing, num

MODELS = {"linear": "ddpm", "cosine": "ddpm", "zoom": "zoom"}  # name -> kind
DDPMS = ("linear", "cosine")
N_TEST = 10_000  # images of the test split

# Section and value as the study gives them. The learning rate is the one it means: see the errata.
STUDY = {
    "epochs": 100,  # 2.3 and 3.3
    "batch_size": 128,  # 2.2
    "channels": [16, 32, 32, 16],  # 2.2
    "learning_rate": 2e-4,  # printed as 2^-4
    "n_samples": 500,  # 2.4
    "T": 1000,
    "beta_start": 1e-5,  # 2.3, as are the next three
    "beta_end": 0.02,
    "s": 0.008,
    "beta_max": 0.02,
    "zoom_T": 24,  # 3.2
    "pixels": 28 * 28,
}
CITATION = {"mnist": "lecun1998", "fashion": "xiao2017", "kmnist": "clanuwat2018"}


def measured(results: Results) -> list[str]:
    """The study's models that a run has, by name and kind, all their trainings measured."""
    of = {m: trainings(results, m) for m in results.models if m in MODELS}
    return [m for m in MODELS if m in of and all(t.measure and t.train.process == MODELS[m] for t in of[m])]


def trainings(results: Results, model: str) -> list[Trained]:
    return [results.trainings[model, seed] for seed in results.seeds(model)]


def dataset(results: Results) -> data.DataSet:
    """The run's data set, with title, noun and classes."""
    records = [one.train for one in results.trainings.values()] or [results.schedules]
    return data.get(records[0].settings.get("dataset", "mnist"))


def other_data(results: Results) -> Markdown:
    """The title of the run's data set, if it is not the study's; else empty."""
    found = dataset(results)
    return Markdown("") if found is data.get("mnist") else escape(found.title)


def other_schedules(settings: Mapping[str, Any]) -> list[Markdown]:
    """In which constants these noise schedules differ from the study's."""
    keys = ("T", "beta_start", "beta_end", "s", "beta_max")
    return [Markdown(f"{code(k)} = {num(settings[k], 2)}") for k in keys if settings[k] != STUDY[k]]


def other_training(train: TrainRecord) -> list[Markdown]:
    """In which settings a training differs from the study's, save for its length."""
    settings, out = train.settings, []
    rate, shape = settings["learning_rate"], settings["lr_schedule"]
    if rate != STUDY["learning_rate"] or shape != "constant":
        out.append(f"a learning rate of {num(rate, 2)} ({finalize(shape)})")
    if settings["batch_size"] != STUDY["batch_size"]:
        out.append(f"batches of {integer(settings['batch_size'])}")
    if settings.get("network", "cnn") != "cnn" or settings.get("network_options"):
        out.append("another network")
    if settings["channels"] != STUDY["channels"]:
        out.append(f"a network of {listing(settings['channels'])} channels")
    if (n := settings["n_test"]) is not None and n < N_TEST:
        out.append(f"a test split of {integer(n)} images")
    if train.process == "ddpm":
        if settings.get("schedule", train.model) != train.model or settings.get("schedule_options"):
            out.append("another noise schedule")
        return [Markdown(x) for x in out] + other_schedules(settings)
    if settings["T"] != STUDY["zoom_T"]:
        out.append(f"$T = {integer(settings['T'])}$")
    if settings.get("interpolation", "nearest") != "nearest":
        out.append(f"{finalize(settings['interpolation'])} interpolation")
    if settings.get("latent_noise"):
        out.append("noise on the latents")
    return [Markdown(x) for x in out]


def other_sampling(train: TrainRecord) -> list[Markdown]:
    """Differences between the sampling of a model and the study's."""
    settings, out = train.settings, []
    if settings.get("clip_x0"):
        out.append("clipped sampling")
    if settings.get("sampler", "naive") not in ("ancestral", "naive"):
        out.append("another sampler")
    for key in ("sampling_steps", "sampling_levels"):
        if settings.get(key) not in (None, settings["T"]):
            out.append(f"{integer(settings[key])} {key.replace('_', ' ')}")
    if settings.get("noise"):
        out.append("noise in sampling")
    if settings.get("prior", "pixels") != "pixels":
        out.append("another start of sampling")
    return [Markdown(x) for x in out]


def few_samples(one: Trained) -> list[Markdown]:
    """Remark on fewer samples, or fewer real images, than the study's; empty if there are as many."""
    measure, out = one.measure, []
    n = min(measure.final.n, measure.settings.get("n_samples", measure.final.n))
    if n < STUDY["n_samples"]:
        out.append(Markdown(f"{integer(n)} of {STUDY['n_samples']} samples"))
    if measure.reference.n < N_TEST:
        out.append(Markdown(f"{integer(measure.reference.n)} of {integer(N_TEST)} reference images"))
    return out


def unlike_study(one: Trained) -> list[Markdown]:
    """In what the training of a model of the study, and its samples, depart from the study."""
    train, out = one.train, []
    if train.epochs < STUDY["epochs"]:
        out.append(Markdown(f"{integer(train.epochs)} of {STUDY['epochs']} epochs"))
    if train.passes < train.epochs:
        out.append(Markdown(f"{integer(train.settings['n_train'])} training images"))
    return out + other_training(train) + other_sampling(train) + few_samples(one)


def deviations(results: Results) -> Markdown:
    """One phrase on all models of the study that depart from it; empty if none does."""
    groups: dict[str, list[str]] = {}
    for model in measured(results):
        if differs := unlike_study(results.first(model)):
            groups.setdefault(listing(differs), []).append(model)
    return Markdown("; ".join(f"for {listing(models)}, {what}" for what, models in groups.items()))
