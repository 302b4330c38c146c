"""One change at a time: each model of a run, and each other way to sample it, against the base of its kind.

The base is the first model of a process in the profile. A row tells in which settings it differs from that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log
from statistics import fmean
from typing import Any

from diffusion.evaluation.interval import Interval
from diffusion.evaluation.statistics import mean_of
from diffusion.parameters import OF_SAMPLING
from study.records import LABEL_FREE, Drawn, Final, OtherWay, Results, Trained, sampling_of
from study.settings import TRAININGS

# Settings of a training that change neither its weights nor its samples.
OF_NO_EFFECT = {"model", "seed", "n_keep", "n_reconstruct"}
IN_THE_END = (
    "prior",
    "components",
    "image_noise",
    "noise",
    "grey_noise",
    "levels",
    "clip_x0",
    "steps",
    "spacing",
    "sampler",
    "average",
)
WORDS = {  # of a setting and its value, where these are not words by themselves
    **dict.fromkeys(("network", "prior", "sampler", "schedule", "interpolation", "precision"), "{}"),
    "norm": "{} norm",
    "dilations": "dilated",
    "epochs": "{} epochs",
    "steps": "{} steps",
    "spacing": "{} spacing",
    "levels": "{} levels",
    "average": "mean of {} epochs",
    "image_noise": "training noise {}",
    "noise": "sampling noise {}",
    "grey_noise": "grey noise {}",
    "components": "{} Gaussians",
}
NAMES = {"unet": "U-Net", "ddim": "DDIM", "rms": "RMS", "fp32": "float32"}
NAMES |= {"mixture": "joint start", "patches": "start from real patches", "pixels": "independent start"}


@dataclass(frozen=True)
class Row:
    """A model, or another way to sample it, over all its trainings.

    Attributes:
        name: of the model, `model.way` for another way to sample it.
        changes: settings that differ from the base's, and what they are here; none for the base.
        calls: of the network, for one image.
        trainings, samples, drawn: its trainings, the measures of the samples of each, and their analyses.
    """

    name: str
    changes: dict[str, Any]
    calls: int
    trainings: list[Trained]
    samples: list[Final | OtherWay]
    drawn: list[Drawn]

    @property
    def model(self) -> str:
        return self.trainings[0].model

    @property
    def process(self) -> str:
        return self.trainings[0].train.process

    @property
    def parameters(self) -> int:
        return self.trainings[0].train.parameters_count

    @property
    def epochs(self) -> int:
        return self.trainings[0].train.epochs

    @property
    def seeds(self) -> list[int]:
        return [one.seed for one in self.trainings]

    @property
    def n(self) -> int:
        """Samples of each training that its distance is taken of."""
        return self.samples[0].n

    @property
    def seconds(self) -> float | None:
        """Of the processor for one sample, the mean over the trainings of which it is known."""
        known = [each.seconds for each in self.samples if each.seconds]
        return fmean(known) if known else None

    @property
    def distances(self) -> list[float]:
        """Fréchet distances, one a training, in the classifier's features."""
        return [each.frechet.value for each in self.samples]

    @property
    def label_free(self) -> list[float]:
        """The same in the autoencoder's, of the trainings where these were measured."""
        return [each.distances[LABEL_FREE].value for each in self.samples if LABEL_FREE in each.distances]

    @property
    def distance(self) -> Interval:
        """Their mean with Student's interval, of the logarithms; of one training, that of its samples."""
        if len(self.samples) < 2:
            return Interval(*self.samples[0].frechet.ends, n=1, sd=0.0)
        ends = mean_of(list(map(log, self.distances))).map(exp)
        return mean_of(self.distances).model_copy(update={"low": ends.low, "high": ends.high})

    @property
    def divergence(self) -> float:
        return fmean(each.classes.divergence.value for each in self.samples)

    @property
    def low_confidence(self) -> float:
        return fmean(each.low_confidence.value for each in self.samples)

    @property
    def coverage(self) -> float:
        return fmean(each.variety.coverage.value for each in self.samples)

    @property
    def digit(self) -> float | None:
        """Share that the calibrated recogniser accepts, a mean over trainings that are analysed, if any."""
        return fmean(each.digit.value for each in self.drawn) if self.drawn else None

    def json(self) -> dict[str, Any]:
        """The row as plain values, for `table.json`."""
        return {name: getattr(self, name) for name in COLUMNS} | {"distance": self.distance.model_dump()}


COLUMNS = ("name", "model", "process", "changes", "parameters", "epochs", "calls", "seconds", "seeds", "n")
COLUMNS += ("distances", "label_free", "distance", "divergence", "low_confidence", "digit", "coverage")


def describe(row: Row, changes: dict[str, Any] | None = None) -> str:
    """The row in words: the model for a base, else what was changed, or some of its changes."""
    flat: dict[str, Any] = {}
    for name, value in (row.changes if changes is None else changes).items():
        flat |= value if isinstance(value, dict) else {name: value}
    words = [WORDS.get(name, name.replace("_", " ") + " {}").format(_word(v)) for name, v in flat.items()]
    return ", ".join(words) or f"{row.model}, the base"


def _word(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    return NAMES.get(value, value) if isinstance(value, str) else str(value)


def table(results: Results) -> list[Row]:
    """The rows of a run, each base before what changes it; models that are not measured have none."""
    rows: list[Row] = []
    for process in ("ddpm", "zoom"):
        ones = [one for one in results.trainings.values() if one.train.process == process and one.measure]
        for model in dict.fromkeys(one.model for one in ones):
            rows += _rows(ones[0], [one for one in ones if one.model == model])
    return rows


def _rows(base: Trained, ones: list[Trained]) -> Iterator[Row]:
    """The trainings of a model as they are, then each other way to sample them."""
    analyses = [one.analysis for one in ones if one.analysis]
    model, settings = ones[0].model, ones[0].train.settings
    drawn_as = sampling_of(settings)
    calls = drawn_as["steps"] or drawn_as["levels"] or settings["T"]
    finals, drawn = [one.measure.final for one in ones], [one.drawn[0] for one in analyses]
    yield Row(model, _changes(base, ones[0], {}), calls, ones, finals, drawn)
    for name, first in ones[0].measure.ways.items():
        found = [one.measure.ways[name] for one in ones if name in one.measure.ways]
        drawn = [one.ways[name] for one in analyses if name in one.ways]
        changed = _changes(base, ones[0], first.changes)
        yield Row(f"{model}.{name}", changed, first.calls, ones[: len(found)], found, drawn)


def _changes(base: Trained, other: Trained, of_samples: dict[str, Any]) -> dict[str, Any]:
    """The settings in which samples drawn in a way of their own differ from the base."""
    before, after = _settings(base, {}), _settings(other, of_samples)
    names = sorted((name for name in after if name not in OF_NO_EFFECT), key=_place)
    return {name: after[name] for name in names if name not in before or after[name] != before[name]}


def _place(name: str) -> int:
    """The order of a setting among those of a row: those of training first, as their notebook has them."""
    return IN_THE_END.index(name) if name in IN_THE_END else -1


def _settings(one: Trained, changes: dict[str, Any]) -> dict[str, Any]:
    """Settings of a training and of its samples; one that is younger than the record has its default."""
    fields = TRAININGS[one.train.job].model_fields
    trained = {name: field.default for name, field in fields.items()} | one.train.settings
    trained = {name: value for name, value in trained.items() if name not in OF_SAMPLING}
    return trained | sampling_of(one.train.settings, changes)
