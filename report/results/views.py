"""The results of a run: its training runs, the samples of each, and other jobs.

    results = load("released/paper")
    zoom = results.first("zoom")
    zoom.final["frechet"].value, zoom.settings.batch_size, [row["frechet"] for row in zoom.late]

All of these are views of the rows of the table; reading them is noted (`report.results.table.reading`).
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from diffusion.evaluation.statistics import Interval
from report.results.definitions import LATE
from report.results.kept import read_kept
from report.results.settings import Description, describe
from report.results.table import METRICS, REAL, Facts, Record, Samples, note, path_of

STUDY = ("linear", "cosine", "zoom")
# Keys of a variant that affect measuring only, not the images.
OF_MEASURING = {"n", "measures", "checkpoints"}


@dataclass(frozen=True)
class Training:
    """One training run: a model and a seed.

    Attributes:
        job: record of its notebook: losses by epoch, and probes.
        measured: record of measuring; None if it is not measured.
    """

    model: str
    seed: int
    process: str
    job: Record
    measured: Record | None = None
    label: str = ""

    @property
    def train(self) -> Facts:
        """Facts of the training run: settings, sampler, steps, parameters, label, weights."""
        return self.job.facts

    @property
    def settings(self) -> Facts:
        """The settings in run.json."""
        return self.train.settings

    @property
    def network(self) -> dict[str, Any]:
        """Class and arguments of the network."""
        note(f"{self.settings.source}/network", f"{self.settings.source}/network_options")
        return self.parts["network"]

    @property
    def parts(self) -> dict[str, Description]:
        """Descriptions of process, schedule, prior, sampler and network, by kind; reading is not noted.

        For a user's own process, its attributes count as arguments, except T, tensors and objects.
        """
        train, settings = self.train.unread, self.settings.unread
        process = {n: v for n, v in settings["process"].items() if n != "T" and not isinstance(v, dict)}
        return {
            "degradation": process,
            **{kind: train[kind] for kind in ("schedule", "prior", "sampler")},
            "network": describe(settings["network"], settings["network_options"]),
        }

    @property
    def name(self) -> str:
        return f"{self.model}-{self.seed}"

    @cached_property
    def history(self) -> list[Samples]:
        """Measures of each epoch: `train_loss`, `epoch_seconds`, and `test_loss` with test images."""
        return [epoch for epoch in self.job.curve("") if "train_loss" in epoch]

    @property
    def probes(self) -> Samples:
        """Measures of the finished network from its notebook."""
        return self.job[""]

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of training, including test losses."""
        return sum(epoch["epoch_seconds"].value for epoch in self.history)

    @property
    def passes(self) -> float:
        """Number of passes over the full training split of 60,000 images."""
        return self.passes_after(self.train.epochs)

    def passes_after(self, epoch: int) -> float:
        """Number of passes after an epoch; the last epoch may be incomplete."""
        n = min(self.train.data.n_train, 60_000)
        return min(epoch * n, self.train.steps * self.settings.batch_size) / 60_000

    # --- samples ---

    @property
    def final(self) -> Samples:
        """Samples of the finished model, drawn with its own sampler and prior."""
        return self.measured[""]

    @cached_property
    def summary(self) -> Samples | dict:
        """Measures of the finished model as a whole: floors and probes."""
        rows = [row for row in self.measured.rows if row.way == "" and row.epoch is None]
        return Samples(rows) if rows else {}

    @property
    def main_features(self) -> str:
        """The name of the features behind `frechet` and coverage, such as "digits" or "autoencoder"."""
        return self.measured.main_features

    @property
    def real(self) -> Samples:
        """The same measures of test images."""
        return self.measured[REAL]

    @cached_property
    def curve(self) -> list[Samples]:
        """Samples of each measured checkpoint."""
        return self.measured.curve() if self.measured else []

    @cached_property
    def late(self) -> list[Samples]:
        """Samples of the checkpoints in the last fifth of training."""
        begin = (1 - LATE) * self.train.unread["epochs"]
        return [checkpoint for checkpoint in self.curve if checkpoint.epoch >= begin]

    @property
    def changes(self) -> dict[str, Facts]:
        """Settings of each variant that is measured like the finished model, by name."""
        variants = self.measured.facts.settings.get("variants") or {} if self.measured else {}
        known = {name: variants[name] for name in variants if name in self.measured}
        return {name: variant for name, variant in known.items() if not OF_MEASURING & variant.keys()}

    @property
    def drawn(self) -> list[tuple[Facts, Samples]]:
        """Variants that change only the sampler, with equal numbers of images: description and samples.

        The first one has the training run's own sampler; the list is empty if no variant has. A description
        contains sampler, calls, noise and clip_x0.
        """
        if not self.measured:
            return []
        samplers = self.measured.facts.get("ways", {})
        variants = self.measured.facts.settings.unread.get("variants") or {}
        known = {name: variants.get(name, {}) for name in samplers if name in self.measured}
        changes = {name: variant.keys() - {"n", "measures"} for name, variant in known.items()}
        own = [name for name in known if not changes[name]][:1]
        others = [name for name in known if changes[name] <= {"sampler", "sampler_options"}]
        alike = [name for name in others if own and known[name].get("n") == known[own[0]].get("n")]
        return [(samplers[name], self.measured[name]) for name in dict.fromkeys([*own, *alike])]

    def response(self) -> Samples:
        """Response of a DDPM's network to a shift of one standard deviation; KeyError: not measured."""
        return self.measured["shift 1"]


@dataclass(frozen=True)
class Results:
    """The results of a run.

    Attributes:
        out: results folder.
        trainings: training runs by model and seed; text and figures show the first of each model.
        jobs: records of other jobs by name, such as "schedules".
        beside: releases that are shown next to this run, by name.
    """

    out: Path
    trainings: dict[tuple[str, int], Training] = field(default_factory=dict)
    jobs: Mapping[str, Record] = field(default_factory=dict)
    beside: Mapping[str, "Results"] = field(default_factory=dict)

    @property
    def models(self) -> list[str]:
        return list(dict.fromkeys(model for model, _ in self.trainings))

    def seeds(self, model: str) -> list[int]:
        return [seed for m, seed in self.trainings if m == model]

    def all_of(self, model: str) -> list[Training]:
        """The training runs of a model."""
        return [training for (name, _), training in self.trainings.items() if name == model]

    def first(self, model: str) -> Training:
        """The first training run of a model, which text and figures show."""
        return self.all_of(model)[0]

    def titled(self, training: Training) -> str:
        """The title of a training run: the label of its model, and the seed if the model has several."""
        several = len(self.seeds(training.model)) > 1
        return training.label + (f", seed {training.seed}" if several else "")

    def sets(self, models: Collection[str]) -> Iterator[tuple[str, Training, str]]:
        """Title, training run and variant of each set of samples; variants use only a model's first seed."""
        for training in self.trainings.values():
            if training.model in models and training.measured:
                yield self.titled(training), training, ""
                for variant in training.changes if training is self.first(training.model) else ():
                    yield f"{self.titled(training)}, {variant}", training, variant

    def labelled(self, labels: Mapping[str, str]) -> "Results":
        """Copy the results with new labels of models."""
        trainings = {
            (model, seed): replace(training, label=labels.get(model, training.label))
            for (model, seed), training in self.trainings.items()
        }
        return replace(self, trainings=trainings)

    def kept(self, name: str) -> np.ndarray:
        """Kept images by name (`report.results.kept`), uint8; OSError: they are missing."""
        return read_kept(self.out, name)


OF_TRAINING = ("train_", "measure_")  # prefixes of jobs that belong to one training run
_TRAIN = re.compile(r"train_([A-Za-z0-9]\w*)-(\d+)\.json", re.ASCII)


def trainings_in(out: Path, models: Sequence[str] | None = None) -> list[tuple[str, int]]:
    """Model and seed of the training runs in a results folder, the original study's models first.

    Args:
        out: results folder.
        models: names of models; None: all models.

    Raises:
        ValueError: a model was not trained.
    """
    matches = filter(None, (_TRAIN.fullmatch(path.name) for path in Path(out).glob("metrics/train_*.json")))
    trained = [(match[1], int(match[2])) for match in matches]
    pairs = [(model, seed) for model, seed in trained if models is None or model in models]
    if missing := set(models or ()) - {model for model, _ in pairs}:
        known = ", ".join(dict.fromkeys(model for model, _ in trained)) or "none"
        raise ValueError(f"models contains {min(missing)!r}, which is not in {out}; trained models: {known}")
    order = [*(models or STUDY)]
    return sorted(pairs, key=lambda p: (order.index(p[0]) if p[0] in order else len(order), p))


def load(
    out: Path | str,
    models: Sequence[str] | None = None,
    trainings: Iterable[tuple[str, int]] | None = None,
    prefix: str = "",
) -> Results:
    """Read the results of a run.

    Args:
        out: results folder.
        models: names of models; None: all models, the original study's first.
        trainings: required training runs, as model and seed, in this order; replaces `models`.
        prefix: prefix for the sources of numbers, such as "released/beyond/" for another run.

    Raises:
        ValueError: a file is missing or malformed, or measured other weights.
    """
    out, read = Path(out), {}
    pairs = trainings_in(out, models) if trainings is None else [*trainings]
    if not pairs and trainings is None:
        raise ValueError(
            f"{out} contains no trained model; run notebook 02 or 03 with this out_dir, or `make report`"
        )
    for model, seed in pairs:
        name = f"{model}-{seed}"
        train, measured, path = Record(out, f"train_{name}", prefix), None, path_of(out, f"measure_{name}")
        if path.is_file():
            measured = Record(out, path.stem, prefix)
            if measured.facts.unread["weights_sha256"] != train.facts.unread["weights"]["sha256"]:
                raise ValueError(f"{path} measured other weights of {name}; run `make report` again")
        process, label = train.facts.unread["process"], train.facts["label"]
        read[model, seed] = Training(model, seed, process, train, measured, label)
    names = sorted(path.stem for path in (out / METRICS).glob("*.json"))
    jobs = {name: Record(out, name, prefix) for name in names if not name.startswith(OF_TRAINING)}
    return Results(out, read, jobs)


def mean(values: Iterable[Interval]) -> float:
    """The mean of the values of several intervals."""
    return float(np.mean([interval.value for interval in values]))
