"""One change at a time: each model of a run, and each other way to sample it, against the base of its kind.

The base is the first model of a process in the profile. A row tells in which settings it differs from that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean
from types import MappingProxyType
from typing import Any

import pandas as pd

from study.results import Results, Training, mean, sampling_of
from study.settings import OF_NO_EFFECT, OF_SAMPLING, STUDIED
from study.table import Facts, Samples, note

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
NAMES = {"unet": "U-Net", "ddim": "DDIM", "rms": "RMS", "fp32": "float32"}
NAMES |= {"mixture": "joint start", "patches": "start from real patches", "pixels": "independent start"}


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
        unlike = (n for n, value in self.settings.items() if n not in self.base or value != self.base[n])
        last = {name: place for place, name in enumerate(IN_THE_END)}  # after those of training
        return {name: self.settings[name] for name in sorted(unlike, key=lambda name: last.get(name, -1))}

    @property
    def calls(self) -> int:
        """Of the network, for one image."""
        if "calls" in self.samples[0]:
            return int(self.samples[0]["calls"].value)
        note(*self.sources)
        return self.settings["steps"] or self.settings["levels"] or self.settings["T"]

    @property
    def said(self) -> str:
        """Its changes in words."""
        return describe(self.changes) or f"{self.trainings[0].model}, the base"


def _place(one: Training, samples: Samples, measure: str) -> Mapping[str, Any]:
    """The place of a measure: of the samples, of the last epoch, of the analysis, of the probes."""
    analysed = one.analysed[""] if one.analysed and "" in one.analysed else {}
    places = samples, one.history[-1], analysed, one.probes
    return next((place for place in places if measure in place), samples)


def describe(changes: Mapping[str, Any]) -> str:
    """Changed settings in words."""
    flat: dict[str, Any] = {}
    for name, value in changes.items():
        flat |= value if isinstance(value, dict) else {name: value}
    words = (WORDS.get(name, name.replace("_", " ") + " {}").format(_word(v)) for name, v in flat.items())
    return ", ".join(words)


def _word(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return NAMES.get(value, value) if isinstance(value, str) else f"{value:g}"


def table(results: Results) -> list[Way]:
    """A run's ways, each base before what changes it."""
    rows = []
    for process in ("ddpm", "zoom"):
        trainings = [one for one in results.trainings.values() if one.process == process and one.measured]
        for model in dict.fromkeys(training.model for training in trainings):
            own = [training for training in trainings if training.model == model]
            base, first = trainings[0], own[0]
            sources = [base.settings.source, first.settings.source]
            for name, changed in {"": Facts({}, sources[0]), **first.changes}.items():
                drawn = [training for training in own if name in training.measured]
                samples = [training.measured[name] for training in drawn]
                settings = _settings(base), _settings(first, changed.unread)
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


def _settings(one: Training, changes: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """Settings of a training and of its samples."""
    given, aside = one.settings.unread, {"seed", *OF_NO_EFFECT, *OF_SAMPLING}
    trained = STUDIED[one.process] | given  # a setting that is younger than the training is the study's
    return {name: v for name, v in trained.items() if name not in aside} | sampling_of(given, changes)
