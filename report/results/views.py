"""A run as its table has it: trainings, the samples of each, and what else was measured.

    results = load("released/paper"); one = results.first("zoom")
    one.final["frechet"].value, one.settings.batch_size, [row["frechet"] for row in one.late]

Each is a view of the rows: what is read of it is noted (`report.results.table.reading`).
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
# Keys of a variant that say how it is measured, and change none of its images.
OF_MEASURING = {"n", "measures", "checkpoints"}


@dataclass(frozen=True)
class Training:
    """One (model, seed) of a run.

    Attributes:
        job: its training: losses by epoch, and probes of the notebook that trained it.
        measured: its samples; None where these are not made.
    """

    model: str
    seed: int
    process: str
    job: Record
    measured: Record | None = None
    label: str = ""

    @property
    def train(self) -> Facts:
        """The training's file beside its rows: settings, sampler, steps, parameters, label, weights."""
        return self.job.facts

    @property
    def settings(self) -> Facts:
        """Its `run.settings`, as run.json has them."""
        return self.train.settings

    @property
    def network(self) -> dict[str, Any]:
        """Its network: the class, and all arguments."""
        note(f"{self.settings.source}/network", f"{self.settings.source}/network_options")
        return self.parts["network"]

    @property
    def parts(self) -> dict[str, Description]:
        """Its process, schedule, prior, sampler and network, by kind; nothing is noted.

        The state of a user's own process counts as its arguments, without T, tensors and objects.
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
        """Of each epoch `train_loss`, `test_loss` where there were test images, and `epoch_seconds`."""
        return [one for one in self.job.curve("") if "train_loss" in one]

    @property
    def probes(self) -> Samples:
        """Measures that its notebook took of the finished network."""
        return self.job[""]

    @property
    def seconds(self) -> float:
        """Seconds of the clock that it took, the test losses included."""
        return sum(epoch["epoch_seconds"].value for epoch in self.history)

    @property
    def passes(self) -> float:
        """Passes over the full training split of 60,000 images."""
        return self.passes_after(self.train.epochs)

    def passes_after(self, epoch: int) -> float:
        """Passes after an epoch, the last of which may be cut short."""
        n = min(self.train.data.n_train, 60_000)
        return min(epoch * n, self.train.steps * self.settings.batch_size) / 60_000

    # --- samples ---

    @property
    def final(self) -> Samples:
        """The finished model's samples, drawn as its settings say."""
        return self.measured[""]

    @cached_property
    def summary(self) -> Samples | dict:
        """Measures of the finished model as a whole, of no checkpoint: floors, and those of its analysis."""
        rows = [row for row in self.measured.rows if row.way == "" and row.epoch is None]
        return Samples(rows) if rows else {}

    @property
    def real(self) -> Samples:
        """Test images under the same measures."""
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
        """The variants that are measured as it is itself: name -> the settings that differ."""
        variants = self.measured.facts.settings.get("variants") or {} if self.measured else {}
        asked = {name: variants[name] for name in variants if name in self.measured}
        return {name: variant for name, variant in asked.items() if not OF_MEASURING & variant.keys()}

    @property
    def drawn(self) -> list[tuple[Facts, Samples]]:
        """Variants in the sampler alone, of as many images each: how, and the samples.

        The first one is its own sampler; without that there are none. How is sampler, calls, noise, clip_x0.
        """
        if not self.measured:
            return []
        ways = self.measured.facts.get("ways", {})
        variants = self.measured.facts.settings.unread.get("variants") or {}
        asked = {name: variants.get(name, {}) for name in ways if name in self.measured}
        changes = {name: variant.keys() - {"n", "measures"} for name, variant in asked.items()}
        own = [name for name in asked if not changes[name]][:1]
        others = [name for name in asked if changes[name] <= {"sampler", "sampler_options"}]
        alike = [name for name in others if own and asked[name].get("n") == asked[own[0]].get("n")]
        return [(ways[name], self.measured[name]) for name in dict.fromkeys([*own, *alike])]

    def response(self) -> Samples:
        """The response of a DDPM's network to a shift of one standard deviation; KeyError if unknown."""
        return self.measured["shift 1"]


@dataclass(frozen=True)
class Results:
    """All jobs of a run.

    Attributes:
        trainings: (model, seed) -> its training; text and figures name the first of a model.
        jobs: name -> a further job, such as "schedules".
        beside: name -> a release that is shown next to this run.
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
        """The trainings of a model."""
        return [one for (m, _), one in self.trainings.items() if m == model]

    def first(self, model: str) -> Training:
        """The training of a model that text and figures name."""
        return self.all_of(model)[0]

    def titled(self, one: Training) -> str:
        """The name of a training: the model's label, and the seed where the model has several."""
        return one.label + (f", seed {one.seed}" if len(self.seeds(one.model)) > 1 else "")

    def sets(self, models: Collection[str]) -> Iterator[tuple[str, Training, str]]:
        """Name, training and way of samples: of each training, and in the other ways of a model's first."""
        for training in self.trainings.values():
            if training.model in models and training.measured:
                yield self.titled(training), training, ""
                for way in training.changes if training is self.first(training.model) else ():
                    yield f"{self.titled(training)}, {way}", training, way

    def labelled(self, labels: Mapping[str, str]) -> "Results":
        """These results, with other names of some models in text and figures."""
        found = {k: replace(one, label=labels.get(k[0], one.label)) for k, one in self.trainings.items()}
        return replace(self, trainings=found)

    def kept(self, name: str) -> np.ndarray:
        """Kept images by name (`report.results.kept`), uint8; raises ValueError if there are none."""
        return read_kept(self.out, name)


OF_TRAINING = ("train_", "measure_")  # jobs of one training
_TRAIN = re.compile(r"train_([A-Za-z0-9]\w*)-(\d+)\.json", re.ASCII)


def trainings_in(out: Path, models: Sequence[str] | None = None) -> list[tuple[str, int]]:
    """(model, seed) of all trainings under OUT, the study's first; or of some models; ValueError: none."""
    if isinstance(models, str):
        raise ValueError(f"models is {models!r}; needed: a list, such as [{models!r}]")
    found = [m for p in Path(out).glob("metrics/train_*.json") if (m := _TRAIN.fullmatch(p.name))]
    pairs = [(m[1], int(m[2])) for m in found if models is None or m[1] in models]
    if missing := set(models or ()) - {model for model, _ in pairs}:
        known = ", ".join(dict.fromkeys(m[1] for m in found)) or "none"
        raise ValueError(f"no trained model {min(missing)!r} in {out}; there are: {known}")
    order = [*(models or STUDY)]
    return sorted(pairs, key=lambda p: (order.index(p[0]) if p[0] in order else len(order), p))


def read_training(out: Path, name: str, prefix: str = "") -> Record:
    """Read the file of a training, such as "zoom-0"; ValueError: an earlier version wrote it."""
    record = Record(out, f"train_{name}", prefix)
    if "sampler" not in record.facts:
        path = path_of(out, record.name)
        raise ValueError(f"{path} is of an earlier version, which kept no sampler; remove it and train again")
    return record


def load(
    out: Path | str,
    models: Sequence[str] | None = None,
    trainings: Iterable[tuple[str, int]] | None = None,
    prefix: str = "",
) -> Results:
    """Read the jobs' files under OUT.

    Args:
        models: names of the trained models; None: all that there are, the study's first.
        trainings: (model, seed) that must be there, in this order, in place of models.
        prefix: of the sources of its numbers: "released/beyond/" for another run's.

    ValueError: a file is missing, malformed, or not that of its name, or measures are of other weights.
    """
    out, found = Path(out), {}

    def opened(name: str) -> Record | None:
        return Record(out, name, prefix) if path_of(out, name).is_file() else None

    pairs = trainings_in(out, models) if trainings is None else [*trainings]
    if not pairs and trainings is None:
        raise ValueError(
            f"no trained model in {out}: run notebook 02 or 03 with this out_dir, or `make report`"
        )
    for model, seed in pairs:
        name = f"{model}-{seed}"
        train, measured = read_training(out, name, prefix), opened(f"measure_{name}")
        weights = train.facts["weights"]["sha256"]
        for job in filter(None, (train, measured)):
            path = path_of(out, job.name)
            if (job.facts.get("model"), job.facts.get("seed")) != (model, seed):
                raise ValueError(f"{path} is not of {name}")
            if job.facts.get("weights_sha256", weights) != weights:
                raise ValueError(f"{path} measured other weights than {name} has; run `make report` again")
        process, label = train.facts.unread["process"], train.facts["label"]
        found[model, seed] = Training(model, seed, process, train, measured, label)
    names = sorted(path.stem for path in (out / METRICS).glob("*.json"))
    jobs = {name: Record(out, name, prefix) for name in names if not name.startswith(OF_TRAINING)}
    return Results(out, found, jobs)


def mean(values: Iterable[Interval]) -> float:
    """The mean of some numbers."""
    return float(np.mean([one.value for one in values]))
