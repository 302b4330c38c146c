"""The settings of a training as its file has them: flat, and with the study's where it says nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusion as d
from diffusion import data, runtime
from diffusion.training.folder import RunError
from diffusion.training.network import CHANNELS
from diffusion.training.run import Run
from study.table import Facts

# Settings of the samples, and those that change neither weights nor samples.
OF_SAMPLING = ("sampler", "sampler_options", "prior", "prior_options")
OF_NO_EFFECT = ("model", "n_keep", "n_reconstruct")

COMMON = {
    "n_keep": 500,
    "steps": None,
    "epochs": 100,
    "batch_size": 128,
    "learning_rate": 2e-4,
    "lr_schedule": "constant",
    "network": "cnn",
    "channels": [*CHANNELS],
    "network_options": {},
    "ema": None,
    "sampler_options": {},
}
OF_SCHEDULES = {"T": 1000, "beta_start": 1e-5, "beta_end": 0.02, "s": 0.008, "beta_max": 0.02}
DDPM = {**COMMON, **OF_SCHEDULES, "schedule": "linear", "schedule_options": {}, "sampler": "ancestral"}
COLD = {**COMMON, "sampler": "naive", "prior_options": {}}
ZOOM = {**COLD, "T": 24, "interpolation": "nearest", "image_noise": 0.0, "prior": "pixels"}
OWN = {**COLD, "prior": None, "degradation_options": {}}
STUDIED: dict[str, dict[str, Any]] = {"ddpm": DDPM, "zoom": ZOOM, "own": OWN}  # process -> the study's


def flat(given: Mapping[str, Any], run: d.Run) -> dict[str, Any]:
    """The settings of a training, from a notebook's parameters and the run that it trained."""
    aside = ("fit_options", "released", "finished", "data_dir", "out_dir")
    found = {"steps": None, "precision": "auto"}
    found |= {k: v for k, v in given.items() if k not in aside} | given.get("fit_options", {})
    for name in ("batch_size", "learning_rate", "lr_schedule", "ema", "seed"):
        found[name] = run.settings[name]
    for split in data.SPLITS:  # where a data set has fewer images than asked for, all are used
        if n := found[f"n_{split}"]:
            found[f"n_{split}"] = min(n, len(data.load(found["dataset"], split, given["data_dir"])[0]))
    options = {"channels": [*CHANNELS]} | given.get("network_options", {})
    found |= {"channels": options.pop("channels"), "network_options": options}
    if "schedule" in found:  # what is an option of both known schedules stands by itself, too
        options = dict(found["schedule_options"])
        found |= {name: options.pop(name, usual) for name, usual in OF_SCHEDULES.items()}
        found["schedule_options"] = options
    return found


def opened(out: Path, train: Facts, data_dir: str | None, precision: str) -> Run:
    """The finished training of a file, as it is to be sampled."""
    folder = Path(out) / train.run
    run = d.open(folder, precision=runtime.resolve_precision(precision, runtime.device()))
    if run.weights_sha256() != train.weights.sha256:
        raise RunError(f"the weights of {folder} are not those of its training's file; train it again")
    run.network()  # refuses weights that are lost or damaged, also where samples of them are kept
    run.images = data.load(train.settings["dataset"], "train", data_dir, train.settings.get("n_train"))[0]
    run.sampler, run.prior = sampling(plain(train.settings), {})
    return run


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
