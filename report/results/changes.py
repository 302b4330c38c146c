"""Compare each model of a run, and each sampling variant of it, with the base model of its process.

The base is the first model of a process in the profile. A row lists the settings that differ from the base.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Any

import pandas as pd

from report.results.settings import find_defaults, shorten, vary
from report.results.table import Facts, Samples, note
from report.results.views import Results, Training, mean

IN_THE_END = ("prior", "components", "image_noise", "noise", "grey_noise", "levels", "clip_x0")
IN_THE_END += ("steps", "spacing", "sampler", "average")
WORDS = {  # format of a setting and its value; other settings are "name value"
    **dict.fromkeys(("network", "prior", "sampler", "schedule", "lr_schedule", "interpolation"), "{}"),
    **{name: f"{{}} {name}" for name in ("norm", "epochs", "steps", "spacing", "levels")},
    "precision": "{}",
    "learning_rate": "rate {}",
    "dilations": "dilated",
    "average": "mean of {} epochs",
    "image_noise": "training noise {}",
    "noise": "sampling noise {}",
    "grey_noise": "grey-scaled noise {}",
    "components": "{} Gaussians",
}
NAMES = {"diffusion:UNet": "U-Net", "diffusion:DDIM": "DDIM", "rms": "RMS", "fp32": "float32"}
NAMES |= {"diffusion:Mixture": "joint prior", "diffusion:Patches": "prior of real patches"}
NAMES |= {"diffusion:Pixels": "independent prior"}
PARTS = ("network", "schedule", "sampler", "prior")  # components whose class and arguments are settings
RECIPE = ("batch_size", "learning_rate", "lr_schedule", "ema")  # settings from `run.settings`


@dataclass(frozen=True, eq=False)
class Way(Mapping):
    """The samples of all training runs of a model, drawn in one way: a list of numbers for each measure.

    Measures of the run itself are included: losses of the last epoch, probes and copies.
    """

    name: str  # name of the model, or `model.variant`
    trainings: list[Training]
    samples: list[Samples]
    base: dict[str, Any]  # settings of the base model
    settings: dict[str, Any]
    sources: Sequence[str]  # sources of both settings

    def __getitem__(self, measure: str) -> list[Any]:
        pairs = zip(self.trainings, self.samples, strict=True)
        return [_containing(training, samples, measure)[measure] for training, samples in pairs]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.samples[0] if all(name in samples for samples in self.samples))

    def __len__(self) -> int:
        return len([*iter(self)])

    @property
    def train(self) -> Facts:
        """The facts of the first training run (`Training.train`)."""
        return self.trainings[0].train

    @property
    def process(self) -> str:
        return self.trainings[0].process

    @property
    def changes(self) -> dict[str, Any]:
        """Settings that differ from the base, with their values; empty for the base itself."""
        note(*self.sources)
        classes = [self.settings[part] or "" for part in PARTS]
        usual = {name: value for cls in classes for name, value in find_defaults(cls).items()} | self.base
        unlike = (n for n, value in self.settings.items() if n not in usual or value != usual[n])
        last = {name: rank for rank, name in enumerate(IN_THE_END)}  # settings of sampling come last
        return {name: self.settings[name] for name in sorted(unlike, key=lambda name: last.get(name, -1))}

    @property
    def calls(self) -> int:
        """Network calls for one image."""
        if "calls" in self.samples[0]:
            return int(self.samples[0]["calls"].value)
        note(*self.sources)
        return self.settings.get("steps") or self.settings.get("levels") or self.train.T

    @property
    def words(self) -> str:
        """The changes in words."""
        return describe(self.changes) or f"{self.trainings[0].model}, the base"


def _containing(training: Training, samples: Samples, measure: str) -> Mapping[str, Any]:
    """The mapping that contains a measure: samples, last epoch, the whole run, or its probes."""
    mappings = samples, training.history[-1], training.summary, training.probes
    return next((mapping for mapping in mappings if measure in mapping), samples)


def describe(changes: Mapping[str, Any]) -> str:
    """Describe changed settings in words."""
    words = (WORDS.get(name, name.replace("_", " ") + " {}").format(_word(v)) for name, v in changes.items())
    return ", ".join(words)


def _word(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, str):
        return NAMES.get(value, shorten(value))
    return "default" if value is None else f"{value:g}" if isinstance(value, int | float) else str(value)


def table(results: Results) -> list[Way]:
    """All models and sampling variants of a run; each base comes before the models that change it."""
    rows = []
    measured = [training for training in results.trainings.values() if training.measured]
    for process in ("ddpm", "zoom"):
        trainings = [training for training in measured if training.process == process]
        for model in dict.fromkeys(training.model for training in trainings):
            own = [training for training in trainings if training.model == model]
            base, first = trainings[0], own[0]
            read = ("settings", "sampler", "prior")
            sources = [f"{training.train.source}/{name}" for training in (base, first) for name in read]
            for name, changed in {"": Facts({}, sources[0]), **first.changes}.items():
                drawn = [training for training in own if name in training.measured]
                samples = [training.measured[name] for training in drawn]
                settings = _settings(base, {}), _settings(first, changed.unread)
                title = f"{model}.{name}" if name else model
                rows.append(Way(title, drawn, samples, *settings, [*sources, changed.source]))
    return rows


def frame(rows: Sequence[Way]) -> pd.DataFrame:
    """A DataFrame with a row for each way, and the mean of each measure over the runs that have it."""
    measures = ("divergence", "digit", "coverage", "seconds")
    return pd.DataFrame(
        {"changes": row.words, "parameters": row.train.parameters_count, "calls": row.calls}
        | {"trainings": len(row.trainings)}
        | {"distance": geometric_mean(each.value for each in row["frechet"]) if "frechet" in row else None}
        | {name: mean(row[name]) for name in measures if name in row}
        for row in rows
    )


def _settings(training: Training, changes: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of training and sampling by name, with the changes of a variant."""
    train = training.train.unread
    settings, parts = train["settings"], training.parts | vary(train, changes)
    values = {"epochs": train["epochs"]} | {name: settings[name] for name in RECIPE}
    for part in ("network", "schedule", "degradation", "sampler", "prior"):
        arguments = dict(parts[part] or {"class": None})
        values |= {part: arguments.pop("class")} | arguments
    values |= {"T": train["T"], "precision": settings["precision"], "n_train": train["data"]["n_train"]}
    return values | {name: changes[name] for name in ("average", "precision") if name in changes}
