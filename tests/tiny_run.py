"""Tiny trainings of each kind, measured and analysed: the run whose rows golden/rows.json has."""

import math

import torch

from diffusion import data
from diffusion.evaluation import classifier
from diffusion.processes import cosine, linear
from diffusion.processes.zoom import central_patch
from diffusion.training.fit import fit
from study import analyse, measure
from study import probes as probing
from study.record import ddpm_probes, schedules_record, train_record, zoom_probes
from study.settings import Analyse, Measure, Schedules, TrainDDPM, TrainOwn, TrainZoom

N, SEED = 24, 3
SMALL = {"n_test": 60, "n_checkpoint": N, "n_final": 2 * N, "n_distance": N, "distance_every": 2}
SMALL |= {"floor_repeats": 2, "interval_repeats": 4, "precision": "fp32", "n_real": 300, "n_kind": 12}
OTHERS = {"clipped": {"steps": 4, "clip_x0": True}, "few": {"steps": 2}}
WAYS = {"linear": {name: {"sampler_options": options} for name, options in OTHERS.items()}}
ANALYSED = {"n_test": 100, "n_way": N, "calls": [2, 3, 50], "levels": [1, 2, 24], "noise": [0.1]}
ANALYSED |= {"n_probe": 12, "n_real": 200, "n_kind": 12, "interval_repeats": 3, "precision": "fp32"}
MODELS = {
    "linear": (TrainDDPM, "ddpm", {"T": 20, "sampler_options": {"steps": 4}, "beta_end": 0.5}),
    "zoom": (TrainZoom, "zoom", {}),
    "grey": (TrainOwn, "own", {"degradation": "own:Fade", "T": 2}),
}


def probes(kind, run, x, x_test, labels):
    """What a notebook measures of the finished network."""
    process, network = run.process, run.network()
    if kind == "ddpm":
        common = probing.common_loss(process, network, x_test, "fp32", SEED)
        return {"ddpm": ddpm_probes({0.2: [1.5, math.nan], 2e-4: [1.25, 0.75]}, common)}
    if kind == "zoom":
        errors = probing.restoration_error(process, network, x_test, "fp32")
        counts = (central_patch(x, 4) + 0.5).mul(255).round().long().flatten().bincount(minlength=256)
        reading = probing.confusion(process, network, classifier.load(), x_test, labels, "fp32")
        return {"zoom": zoom_probes(errors, counts, reading)}
    return {}


def train(out, mnist_dir):
    """One training of each kind, with its file."""
    (x, _), (x_test, labels) = (data.load("mnist", split, mnist_dir, 200) for split in ("train", "test"))
    for name, (cls, kind, values) in MODELS.items():
        values = values | {"model": name, "epochs": 5, "n_train": 200, "channels": [4, 4]}
        P = cls.read(values | {"out_dir": str(out), "precision": "fp32", "seed": SEED})
        run = fit(P.process(), x, x[:50], folder=out / "runs", **P.fitting())
        train_record(P, kind, name, run, **probes(kind, run, x, x_test, labels))


def schedules(out):
    P = Schedules.read({"T": 20, "out_dir": str(out)})
    left = {name: torch.linspace(0, shift, 9) for name, shift in (("linear", 0.5), ("cosine", 0.75))}
    schedules_record(P, linear(20), cosine(20), 6, left, torch.linspace(0, 1.2, 20))


def settings(mnist_dir):
    at = {"data_dir": str(mnist_dir)}
    return Measure.read(SMALL | at), Analyse.read(ANALYSED | at)


def all_of(out, mnist_dir):
    """All files of such a run."""
    schedules(out)
    train(out, mnist_dir)
    P, Q = settings(mnist_dir)
    for name in MODELS:
        measure.measure(out, name, SEED, P.model_copy(update={"ways": WAYS.get(name, {})}))
    for name in ("linear", "zoom"):
        analyse.analyse(out, name, SEED, Q)
