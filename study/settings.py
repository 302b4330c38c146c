"""The settings of a training as its file has them: flat, and with the study's where it says nothing."""

from collections.abc import Mapping
from typing import Any

import diffusion as d
from diffusion.training.network import CHANNELS

# Settings of the samples, and those that change neither weights nor samples.
OF_SAMPLING = ("sampler", "sampler_options", "prior", "prior_options")
OF_NO_EFFECT = ("model", "n_keep", "n_reconstruct")

COMMON = {
    "seed": 0,
    "dataset": "mnist",
    "n_train": None,
    "n_test": None,
    "n_keep": 500,
    "steps": None,
    "epochs": 100,
    "batch_size": 128,
    "learning_rate": 2e-4,
    "lr_schedule": "constant",
    "network": "cnn",
    "channels": [*CHANNELS],
    "network_options": {},
    "precision": "auto",
    "ema": None,
    "sampler_options": {},
}
OF_SCHEDULES = {"T": 1000, "beta_start": 1e-5, "beta_end": 0.02, "s": 0.008, "beta_max": 0.02}
DDPM = {**COMMON, **OF_SCHEDULES, "schedule": "linear", "schedule_options": {}, "sampler": "ancestral"}
COLD = {**COMMON, "sampler": "naive", "prior": None, "prior_options": {}}
ZOOM = {
    **COLD,
    "T": 24,
    "interpolation": "nearest",
    "image_noise": 0.0,
    "prior": "pixels",
    "n_reconstruct": 10_000,
}
OWN = {**COLD, "degradation": None, "degradation_options": {}}
STUDIED: dict[str, dict[str, Any]] = {  # process -> the study's settings
    "ddpm": {**DDPM, "notebook": "02_train_ddpm"},
    "zoom": {**ZOOM, "notebook": "03_train_zoom"},
    "own": {**OWN, "notebook": "05_your_degradation"},
}


def flat(given: Mapping[str, Any], run: d.Run) -> dict[str, Any]:
    """The settings of a training, from a notebook's parameters and the run that it trained."""
    found = {k: v for k, v in given.items() if k not in ("fit_options", "released", "data_dir", "out_dir")}
    known = ("batch_size", "learning_rate", "lr_schedule", "ema", "seed")
    found |= given.get("fit_options", {}) | {name: run.settings[name] for name in known}
    options = dict(given.get("network_options", {}))
    found |= {"channels": options.pop("channels", [*CHANNELS]), "network_options": options}
    found.setdefault("steps", None)
    found.setdefault("precision", "auto")
    if "schedule" in found:  # what is an option of both known schedules stands by itself, too
        found |= OF_SCHEDULES | {k: v for k, v in found["schedule_options"].items() if k in OF_SCHEDULES}
        found["schedule_options"] = {
            k: v for k, v in found["schedule_options"].items() if k not in OF_SCHEDULES
        }
    return found


def sampling(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> tuple[Any, Any]:
    """The sampler and the prior of a training's settings, changed as a way says.

    Another sampler or prior begins without options. ValueError: one refuses them.
    """
    made = []
    for name, make in (("sampler", d.sampler), ("prior", d.prior)):
        asked = {f"{name}_options": {}} | dict(settings) | changed(name, changes)
        made.append(None if asked.get(name) is None else make(asked[name], **asked[f"{name}_options"]))
    return made[0], made[1]


def changed(name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes of a sampler or prior, which begins without options where it is another one."""
    return ({f"{name}_options": {}} if name in changes else {}) | dict(changes)


def plain(value: Any) -> Any:
    """Facts as a dictionary."""
    return {key: plain(value[key]) for key in value} if isinstance(value, Mapping) else value


def schedule_of(settings: Mapping[str, Any]) -> d.NoiseSchedule:
    """The noise schedule of a DDPM's settings."""
    name, options = settings["schedule"], dict(settings.get("schedule_options", {}))
    of = {"linear": ("T", "beta_start", "beta_end"), "cosine": ("T", "s", "beta_max")}.get(name, ("T",))
    given = {k: settings[k] for k in of if k in settings and settings[k] != OF_SCHEDULES[k]}
    return d.DDPM(name, **given | options).schedule
