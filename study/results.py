"""A run as its table has it: trainings, the samples of each, and what else was measured.

    results = load("released/paper"); one = results.first("zoom")
    one.final["frechet"].value, one.train.settings.T, [row["frechet"] for row in one.late]

Each is a view of the rows: what is read of it is noted (`study.table.reading`).
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from diffusion.evaluation.statistics import Interval
from diffusion.processes.samplers import SAMPLERS
from study.kept import read_kept
from study.settings import OF_SAMPLING, changed, plain
from study.table import PATCHES, REAL, Facts, Job, Samples, path_of

SETTLED = 0.3  # the part of training at its beginning of which distance and class mix are not compared
LATE = 0.2  # the part of training at its end whose checkpoints speak for it, the last one among them
STUDY = ("linear", "cosine", "zoom")


@dataclass(frozen=True)
class Training:
    """One (model, seed) of a run.

    Attributes:
        job: its training: losses by epoch, and probes of the notebook that trained it.
        measured, analysed: its samples, and other ways to sample it; None where these are not made.
    """

    model: str
    seed: int
    process: str
    job: Job
    measured: Job | None = None
    analysed: Job | None = None
    label: str = ""

    @property
    def train(self) -> Facts:
        """The training's file beside its rows: settings, steps, parameters, label, weights."""
        return self.job.facts

    @property
    def settings(self) -> Facts:
        return self.train.settings

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
        n = min(self.settings.get("n_train") or 60_000, 60_000)
        return min(epoch * n, self.train.steps * self.settings["batch_size"]) / 60_000

    # --- samples ---

    @property
    def final(self) -> Samples:
        """The finished model's samples, drawn as its settings say."""
        return self.measured[""]

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

    @cached_property
    def from_patches(self) -> list[Samples]:
        """Samples of the late checkpoints of a zoom that starts from whole patches, where there are any."""
        return self.measured.curve(PATCHES) if self.measured else []

    @property
    def changes(self) -> dict[str, Facts]:
        """Other ways to sample the finished model: name -> the settings that differ."""
        asked = self.measured.facts.settings.get("ways") or {} if self.measured else {}
        return {name: asked[name] for name in asked if name in self.measured}

    @property
    def drawn(self) -> list[tuple[Facts, Samples]]:
        """The ways of its analysis, its own first: how (sampler, calls, noise, clip_x0), and the samples."""
        ways = self.analysed.facts.ways if self.analysed else {}
        return [(ways[name], self.analysed[name]) for name in ways]

    def response(self) -> Samples:
        """The response of a DDPM's network to a shift of one standard deviation; KeyError if unknown."""
        return self.analysed["shift 1"]


@dataclass(frozen=True)
class Results:
    """All jobs of a run; of the runs beyond, original and starts some things are shown beside this one's."""

    out: Path
    trainings: dict[tuple[str, int], Training] = field(default_factory=dict)  # a model's first is named
    schedules: Job | None = None
    yardstick: Job | None = None
    blind: Job | None = None
    tuning: Job | None = None
    files: Job | None = None
    effects: Job | None = None
    intervention: Job | None = None
    level: Job | None = None
    calls: Job | None = None
    beyond: "Results | None" = None
    original: "Results | None" = None
    starts: "Results | None" = None

    @property
    def models(self) -> list[str]:
        return list(dict.fromkeys(model for model, _ in self.trainings))

    def seeds(self, model: str) -> list[int]:
        return [seed for m, seed in self.trainings if m == model]

    def of(self, model: str) -> list[Training]:
        """The trainings of a model."""
        return [one for (m, _), one in self.trainings.items() if m == model]

    def first(self, model: str) -> Training:
        """The training of a model that text and figures name."""
        return self.of(model)[0]

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
        """Kept images by name (`study.kept`), uint8; raises ValueError if there are none."""
        return read_kept(self.out, name)


OF_RUN = ("schedules", "yardstick", "blind", "tuning", "files", "effects", "intervention", "level", "calls")
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

    def opened(name: str) -> Job | None:
        return Job(out, name, prefix) if path_of(out, name).is_file() else None

    pairs = trainings_in(out, models) if trainings is None else [*trainings]
    if not pairs and trainings is None:
        raise ValueError(
            f"no trained model in {out}: run notebook 02 or 03 with this out_dir, or `make report`"
        )
    for model, seed in pairs:
        name = f"{model}-{seed}"
        train, measured = Job(out, f"train_{name}", prefix), opened(f"measure_{name}")
        analysed = opened(f"analyse_{name}")  # a file of its own in earlier releases
        weights = train.facts["weights"]["sha256"]
        for job in filter(None, (train, measured, analysed)):
            path = path_of(out, job.name)
            if (job.facts.get("model"), job.facts.get("seed")) != (model, seed):
                raise ValueError(f"{path} is not of {name}")
            if job.facts.get("weights_sha256", weights) != weights:
                raise ValueError(f"{path} measured other weights than {name} has; run `make report` again")
        if measured and measured.facts.get("ways"):
            analysed = measured
        process, label = train.facts.unread["process"], train.facts["label"]
        found[model, seed] = Training(model, seed, process, train, measured, analysed, label)
    return Results(out, found, **{name: opened(name) for name in OF_RUN})


# --- how samples are drawn ---

# What a sampler does where an option is not named.
UNSAID = {option.name: option.default for cls in SAMPLERS.values() for option in fields(cls)}


def sampling_of(
    settings: Mapping[str, Any], changes: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Sampler, prior and all their options of a training, by its settings or with changes."""
    found = {name: plain(settings[name]) for name in OF_SAMPLING if name in settings}
    for name in ("sampler", "prior"):
        found |= changed(name, plain(changes))
    options = found.pop("sampler_options", {}) | found.pop("prior_options", {})
    return UNSAID | options | found


def mean(values: Iterable[Interval]) -> float:
    """The mean of some numbers."""
    return float(np.mean([one.value for one in values]))
