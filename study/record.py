"""The numbers of what a notebook has trained, or shown of the schedules: a file in OUT/metrics.

    python -m study.record --notebook 03_train_zoom --settings 'out_dir: build/notebook'

is what the workflow calls after the notebook; notebook 04 calls `trained` (`study.compared`).
"""

import inspect
import math
import statistics
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from diffusion.data import get, load
from diffusion.evaluation.classifier import classifier_for
from diffusion.evaluation.measures import measure
from diffusion.evaluation.statistics import Interval
from diffusion.files import read_json
from diffusion.parameters import NOTEBOOKS, Schedules, Training
from diffusion.plugins import call_with, named
from diffusion.processes import DDPM
from diffusion.processes.priors import PRIORS, Pixels
from diffusion.processes.samplers import SAMPLERS
from diffusion.processes.schedules import SCHEDULES, NoiseSchedule
from diffusion.processes.zoom import central_patch
from diffusion.provenance import environment
from diffusion.runtime import generator, seeded
from diffusion.training import network as networks
from diffusion.training.checkpoints import RunError
from diffusion.training.opening import open as open_run
from diffusion.training.run import Run
from study import probes
from study.probes import CommonLoss
from study.table import lines, path_of, write

KINDS = {  # of the notebooks that train: the process, and what figures call the model
    "02_train_ddpm": ("ddpm", "DDPM, {}"),
    "03_train_zoom": ("zoom", "Cold Zoom, {}"),
    "05_your_degradation": ("own", "Cold diffusion, {}"),
}
EARLY = 0.3  # the part of the steps after which images and latents are correlated
RATES = (2**-4, 2e-4)  # of learning, as the study prints it and as it is used
FEW, FEW_IMAGES, PROBED = 20, 32, 1000  # steps at these, their batch; test images of the common loss
FINISHED = -1  # stands for the last epoch in the rows of probes
OF_IMAGES = "training images"  # a way


@measure(
    beta=("variance", "of the noise that a step adds; x: time step"),
    alpha_bar=("share", "of the image's variance that is left; x: time step"),
    clipped_steps=("steps", "whose beta is cut"),
    signal_T=("share", "amplitude of the image that is left at the end"),
    mean_alpha_bar=("share", "mean of alpha_bar over the steps"),
    informative_steps=("steps", "with alpha_bar between 0.05 and 0.95"),
    latent_correlation=("correlation", "of images with their latents; x: time step"),
    min_beta=("variance", "the least beta"),
    max_beta=("variance", "the largest beta"),
    share_above_one=("share", "steps whose beta exceeds one"),
)
def schedules_record(
    P: Schedules,
    linear: NoiseSchedule,
    cosine: NoiseSchedule,
    early: int,
    left: Mapping[str, Tensor],
    misprint: Tensor,
) -> Path:
    """The file of notebook 01, which is written.

    `left` are correlations (N,) of images with their latents at the step `early`, by schedule; `misprint`
    (T,) variances of the cosine schedule by Eq. (9) as printed.
    """
    rows: list[list[Any]] = []
    for name, one in {"linear": linear, "cosine": cosine}.items():
        steps = one.alpha_bar[1:]
        found = {
            "beta": one.beta.tolist(),
            "alpha_bar": one.alpha_bar.tolist(),
            "clipped_steps": int((one.beta >= P.beta_max).sum()) if one is cosine else 0,
            "signal_T": steps[-1].sqrt().item(),
            "mean_alpha_bar": float(steps.mean()),
            "informative_steps": int(((one.alpha_bar > 0.05) & (one.alpha_bar < 0.95)).sum()),
            "latent_correlation": {early: Interval(float(left[name].mean()), sd=float(left[name].std()))},
        }
        rows += lines(found, way=name)
    printed = {
        "min_beta": float(misprint.min()),
        "max_beta": float(misprint.max()),
        "share_above_one": float((misprint > 1).double().mean()),
    }
    rows += lines(printed, way="Eq. (9) as printed")
    facts = {"job": P.notebook, "settings": P.values(), "environment": environment()}
    return write(P.out, "schedules", facts | {"T": P.T, "early_t": early}, rows)


@measure(
    train_loss=("squared error", "mean over the pixels of an epoch's training images"),
    test_loss=("squared error", "mean over the pixels of the test images"),
    step_loss=("squared error", "mean over the pixels of the training images of some steps; x: their last"),
    epoch_seconds=("seconds", "of an epoch"),
)
def train_record(P: Training, process: str, label: str, run: Run, **probes: Iterable[list[Any]]) -> Path:
    """The file of a run, which lies under `P.out`; it is written, with rows of `ddpm_probes` and the like."""
    weights, out, known = run.weights_file(), P.out.absolute(), get(P.dataset)
    facts = {
        "job": P.notebook,
        "settings": P.values(),
        "environment": environment(run.precision, run.device),
        "model": P.model,
        "seed": P.seed,
        "process": process,
        "label": label,
        "docs": docs(P, run),
        "run": weights.parents[1].relative_to(out).as_posix(),
        "epochs": run.epochs,
        "steps": run.steps,
        "weights": {"file": weights.relative_to(out).as_posix(), "sha256": run.weights_sha256()},
        # Of the median epoch: a pause of the machine in one epoch does not count.
        "seconds_per_step": statistics.median(ln["seconds"] for ln in run.history) * run.epochs / run.steps,
        "parameters_count": run.parameters_count,
        "data": {"title": known.title, "classes": list(known.classes), "noun": known.noun},
        "sha256": {str(line["epoch"]): line["sha256"] for line in run.history},
    }
    rows = [*lines({"step_loss": {step: Interval(loss) for step, loss in run.losses}})]
    for line in run.history:
        found = {"train_loss": line["train_loss"], "test_loss": line["test_loss"]}
        found["epoch_seconds"] = line["seconds"]
        rows += lines({k: value for k, value in found.items() if value is not None}, epoch=line["epoch"])
    for way, epoch, *rest in chain(*probes.values()):
        rows.append([way, run.epochs if epoch == FINISHED else epoch, *rest])
    return write(P.out, f"train_{P.model}-{P.seed}", facts, rows)


def docs(P: Training, run: Run) -> dict[str, str]:
    """The docstrings of what a training is made of; of a DDPM that of its schedule."""
    found = {"degradation": type(run.process), "network": run.architecture[0]}
    if isinstance(run.process, DDPM):
        found["degradation"] = None
        found["schedule"] = named("schedule", P.schedule, SCHEDULES)
    found["sampler"] = named("sampler", P.sampler, SAMPLERS)
    found["prior"] = named("prior", getattr(P, "prior", None), PRIORS)
    told = {kind: inspect.cleandoc(one.__doc__) for kind, one in found.items() if one and one.__doc__}
    ours = {kind for kind in told if found[kind].__module__.startswith("diffusion.")}  # its first sentences
    return {kind: text.split("\n\n")[0] if kind in ours else text for kind, text in told.items()}


@measure(
    learning_rate=("", "as the study prints it, and as it is used"),
    loss_of_steps=("squared error", "at the first and at the last of a few steps; x: step"),
)
def ddpm_probes(rates: Mapping[float, Sequence[float]], common: CommonLoss) -> list[list[Any]]:
    """Rows of a DDPM: losses of a few steps at the rate as printed and as used, and common losses."""
    rows: list[list[Any]] = []
    for way, (rate, losses) in zip(("printed", "used"), rates.items(), strict=True):
        shown = {x: losses[x - 1] for x in (1, len(losses)) if math.isfinite(losses[x - 1])}
        rows += lines({"learning_rate": rate, "loss_of_steps": shown}, way=way)
    by_level = dict(zip(common.levels, common.by_level, strict=True))
    return [*rows, *lines({"common_loss": common.mean, "common_loss_at": by_level}, epoch=FINISHED)]


@measure(
    centre_pixels=("pixels", "central pixels of training images; x: grey value"),
    centre_black=("share", "central pixels of training images that are black"),
    centre_extreme=("share", "central pixels of training images within a tenth of black or white"),
)
def zoom_probes(
    errors: Mapping[int, Interval], counts: Tensor, reading: Mapping[str, Any]
) -> list[list[Any]]:
    """Rows of a zoom, with the counts (256,) of the grey values of its central training pixels."""
    share, reading = counts.double() / counts.sum(), dict(reading)
    centre = {
        "centre_pixels": counts.tolist(),
        "centre_black": float(share[0]),
        "centre_white": float(share[250:].sum()),
        "centre_extreme": float(share[:26].sum() + share[230:].sum()),
    }
    original, matrix = {"original_right": reading.pop("original_right")}, reading.pop("restored_as")
    rows = [*lines({"restoration_error": errors} | reading, epoch=FINISHED)]
    rows += [*lines(centre, way=OF_IMAGES), *lines(original)]
    for true, read in enumerate(matrix):
        rows += lines({"restored_as": read}, way=str(true), epoch=FINISHED)
    return rows


# --- from the settings ---


def schedules(P: Schedules) -> Path:
    """The file of the schedules and of the zoom, with these settings."""
    linear, cosine = (call_with(schedule, dict(P)) for schedule in SCHEDULES.values())
    x, _ = load(P.dataset, "test", P.data_dir, P.n_test)
    early, left = round(EARLY * P.T), {}
    eps = torch.randn(x.shape, generator=generator(P.seed, "early"))
    for name, schedule in (("linear", linear), ("cosine", cosine)):
        x_t = DDPM(schedule).degrade(x, torch.full((len(x),), early), eps)
        pair = torch.stack([x, x_t]).flatten(2)  # (2, N, 784)
        a, b = pair - pair.mean(2, keepdim=True)
        left[name] = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))  # (N,)
    alpha = cosine.alpha_bar[1:]
    return schedules_record(P, linear, cosine, early, left, 1 - alpha / (alpha - 1))


def training(P: Training, run: Run) -> Path:
    """The file of a training, with the probes of its finished network."""
    process, label = KINDS[P.notebook]
    x, _ = load(P.dataset, "train", P.data_dir, P.n_train)
    x_test, labels = load(P.dataset, "test", P.data_dir, P.n_test)
    found, network = {}, run.network()
    if process == "ddpm":
        rates = {rate: first_losses(P, run, x, rate) for rate in RATES}
        common = probes.common_loss(run.process, network, x_test[:PROBED], run.precision, P.seed)
        found[process] = ddpm_probes(rates, common)
    if process == "zoom":
        errors = probes.restoration_error(run.process, network, x_test[: P.n_reconstruct], run.precision)
        counts = Pixels().fit(central_patch(x, 28 - P.T)).counts
        reader = classifier_for(P.dataset, P.data_dir)
        reading = probes.confusion(run.process, network, reader, x_test, labels, "fp32")
        found[process] = zoom_probes(errors, counts, reading)
    name = "Cold Zoom" if P.model == "zoom" else label.format(P.model)
    return train_record(P, process, name, run, **found)


def first_losses(P: Training, run: Run, x: Tensor, rate: float) -> list[float]:
    """Losses of a new network's first steps at a learning rate."""
    with seeded(P.seed):
        network = networks.build(*run.architecture)
    optimizer, losses = torch.optim.Adam(network.parameters(), lr=rate), []
    for step in range(FEW):
        draw = generator(P.seed, "rate", step)
        batch = x[torch.randint(len(x), (min(P.batch_size, FEW_IMAGES),), generator=draw)]
        loss = run.process.loss(network, batch, draw)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def trained(out: Path, name: str, **places: Any) -> Path:
    """The file of a training that a notebook has left in OUT/trained, such as "zoom-0"; written if it lacks.

    ValueError or RunError: the training cannot be opened, as one whose class was typed in a notebook.
    """
    left, path = read_json(out / "trained" / f"{name}.json"), path_of(out, f"train_{name}")
    said = left["settings"]
    if said.get("degradation", "") is None:
        raise ValueError(
            "its class was typed in a notebook; put it into a module, and name it in `degradation`"
        )
    run = open_run(out / left["run"], precision=said["precision"])
    known = read_json(path) if path.is_file() else None
    if known and (known["weights"]["sha256"], known["settings"]) == (run.weights_sha256(), said):
        return path
    return training(NOTEBOOKS[said["notebook"]].read(said | {"out_dir": str(out)} | places, str(path)), run)


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--notebook", required=True, choices=NOTEBOOKS)
    parser.add_argument("--settings", default="", help="YAML of the notebook's parameters")
    given = parser.parse_args()
    try:
        P = NOTEBOOKS[given.notebook].read(yaml.safe_load(given.settings) or {}, "--settings")
        if isinstance(P, Schedules):
            schedules(P)
        else:
            trained(P.out, f"{P.model}-{P.seed}", data_dir=P.data_dir)
    except (ValueError, RunError, OSError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
