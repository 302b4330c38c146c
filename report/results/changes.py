"""One change at a time: each model of a run, and each other way to sample it, against the base of its kind.

The base is the first model of a process in the profile. A row tells in which settings it differs from that.
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
WORDS = {  # of a setting and its value, where these are not words by themselves
    **dict.fromkeys(("network", "prior", "sampler", "schedule", "lr_schedule", "interpolation"), "{}"),
    **{name: f"{{}} {name}" for name in ("norm", "epochs", "steps", "spacing", "levels")},
    "precision": "{}",
    "learning_rate": "rate {}",
    "dilations": "dilated",
    "average": "mean of {} epochs",
    "image_noise": "training noise {}",
    "noise": "sampling noise {}",
    "grey_noise": "grey noise {}",
    "components": "{} Gaussians",
}
NAMES = {"diffusion:UNet": "U-Net", "diffusion:DDIM": "DDIM", "rms": "RMS", "fp32": "float32"}
NAMES |= {"diffusion:Mixture": "joint start", "diffusion:Patches": "start from real patches"}
NAMES |= {"diffusion:Pixels": "independent start"}
PARTS = ("network", "schedule", "sampler", "prior")  # whose classes are settings, beside their arguments
RECIPE = ("batch_size", "learning_rate", "lr_schedule", "ema")  # of `run.settings`, as they are


@dataclass(frozen=True, eq=False)
class Way(Mapping):
    """The samples of a model's trainings, drawn in one way: measure -> its number in each training.

    What is measured of the training itself is there, too: losses of the last epoch, probes, copies.
    """

    name: str  # of the model, `model.way` for another way to sample it
    trainings: list[Training]
    samples: list[Samples]
    base: dict[str, Any]  # settings of the base of its kind
    settings: dict[str, Any]
    sources: Sequence[str]  # of both settings

    def __getitem__(self, measure: str) -> list[Any]:
        pairs = zip(self.trainings, self.samples, strict=True)
        return [_place(one, samples, measure)[measure] for one, samples in pairs]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.samples[0] if all(name in one for one in self.samples))

    def __len__(self) -> int:
        return len([*iter(self)])

    @property
    def train(self) -> Facts:
        """The file of the first training, beside its rows."""
        return self.trainings[0].train

    @property
    def process(self) -> str:
        return self.trainings[0].process

    @property
    def changes(self) -> dict[str, Any]:
        """Settings that differ from the base's, and what they are here; none for the base."""
        note(*self.sources)
        classes = [self.settings[part] or "" for part in PARTS]
        usual = {name: value for cls in classes for name, value in find_defaults(cls).items()} | self.base
        unlike = (n for n, value in self.settings.items() if n not in usual or value != usual[n])
        last = {name: place for place, name in enumerate(IN_THE_END)}  # after those of training
        return {name: self.settings[name] for name in sorted(unlike, key=lambda name: last.get(name, -1))}

    @property
    def calls(self) -> int:
        """Of the network, for one image."""
        if "calls" in self.samples[0]:
            return int(self.samples[0]["calls"].value)
        note(*self.sources)
        return self.settings.get("steps") or self.settings.get("levels") or self.train.T

    @property
    def said(self) -> str:
        """Its changes in words."""
        return describe(self.changes) or f"{self.trainings[0].model}, the base"


def _place(one: Training, samples: Samples, measure: str) -> Mapping[str, Any]:
    """The place of a measure: of the samples, the last epoch, the training as a whole, or its probes."""
    places = samples, one.history[-1], one.summary, one.probes
    return next((place for place in places if measure in place), samples)


def describe(changes: Mapping[str, Any]) -> str:
    """Changed settings in words."""
    words = (WORDS.get(name, name.replace("_", " ") + " {}").format(_word(v)) for name, v in changes.items())
    return ", ".join(words)


def _word(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, str):
        return NAMES.get(value, shorten(value))
    return "default" if value is None else f"{value:g}" if isinstance(value, int | float) else str(value)


def table(results: Results) -> list[Way]:
    """A run's ways, each base before what changes it."""
    rows = []
    for process in ("ddpm", "zoom"):
        trainings = [one for one in results.trainings.values() if one.process == process and one.measured]
        for model in dict.fromkeys(training.model for training in trainings):
            own = [training for training in trainings if training.model == model]
            base, first = trainings[0], own[0]
            read = ("settings", "sampler", "prior")
            sources = [f"{one.train.source}/{name}" for one in (base, first) for name in read]
            for name, changed in {"": Facts({}, sources[0]), **first.changes}.items():
                drawn = [training for training in own if name in training.measured]
                samples = [training.measured[name] for training in drawn]
                settings = _settings(base, {}), _settings(first, changed.unread)
                title = f"{model}.{name}" if name else model
                rows.append(Way(title, drawn, samples, *settings, [*sources, changed.source]))
    return rows


def frame(rows: Sequence[Way]) -> pd.DataFrame:
    """Rows with their measures, each a mean over the trainings of which it is known."""
    measures = ("divergence", "digit", "coverage", "seconds")
    return pd.DataFrame(
        {"changes": row.said, "parameters": row.train.parameters_count, "calls": row.calls}
        | {"trainings": len(row.trainings)}
        | {"distance": geometric_mean(found.value for found in row["frechet"])}
        | {name: mean(row[name]) for name in measures if name in row}
        for row in rows
    )


def _settings(one: Training, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a training and of its samples by name, with a way's changes."""
    train = one.train.unread
    settings, parts = train["settings"], one.parts | vary(train, changes)
    found = {"epochs": train["epochs"]} | {name: settings[name] for name in RECIPE}
    for part in ("network", "schedule", "degradation", "sampler", "prior"):
        arguments = dict(parts[part] or {"class": None})
        found |= {part: arguments.pop("class")} | arguments
    found |= {"T": train["T"], "precision": settings["precision"], "n_train": train["data"]["n_train"]}
    return found | {name: changes[name] for name in ("average", "precision") if name in changes}
