"""One change at a time: each model of a run, and each other way to sample it, against the base of its kind.

The base is the first model of a process in the profile. A row tells in which settings it differs from that.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
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
    "latent_noise",
    "noise",
    "power",
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
    "latent_noise": "training noise {}",
    "noise": "sampling noise {}",
    "power": "falling with power {}",
}
Measured = list[Final | OtherWay]  # the samples of the trainings of a row
NAMES = {"unet": "U-Net", "ddim": "DDIM", "rms": "RMS", "fp32": "float32"}
NAMES |= {"mixture": "joint start", "patches": "start from real patches", "pixels": "independent start"}


@dataclass(frozen=True)
class Row:
    """A model, or another way to sample it, over all its trainings.

    Attributes:
        name: of the model, `model.way` for another way to sample it.
        changes: settings that differ from the base's, and what they are here; none for the base.
        calls: of the network, for one image.
        seconds: of the processor for one sample, the mean over the trainings of which it is known.
        n: samples of each training that its distance is taken of.
        distances: Fréchet distances, one a training, in the classifier's features.
        label_free: the same in the autoencoder's, of the trainings where these were measured.
        distance: their mean with Student's interval, of the logarithms; of one training, that of its samples.
        divergence, low_confidence, coverage: means over the trainings.
        digit: share that the calibrated recogniser accepts, a mean over trainings that are analysed, if any.
    """

    name: str
    model: str
    process: str
    changes: dict[str, Any]
    parameters: int
    epochs: int
    calls: int
    seconds: float | None
    seeds: list[int]
    n: int
    distances: list[float]
    label_free: list[float]
    distance: Interval
    divergence: float
    low_confidence: float
    digit: float | None
    coverage: float

    def json(self) -> dict[str, Any]:
        """The row as plain values, for `table.json`."""
        return asdict(self) | {"distance": self.distance.model_dump()}


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
            trained = [one for one in ones if one.model == model]
            for name, changes, calls, samples, drawn in _ways(trained):
                changed = _changes(ones[0], trained[0], changes)
                rows.append(_row(name, trained, changed, calls, samples, drawn))
    return rows


def _ways(ones: list[Trained]) -> Iterator[tuple[str, dict[str, Any], int, Measured, list[Drawn]]]:
    """The samples of each training as it is, then of each other way to sample.

    Each as its name, changes, calls, measures of the samples, and their analyses where there are any.
    """
    analyses = [one.analysis for one in ones if one.analysis]
    settings = ones[0].train.settings
    drawn_as = sampling_of(settings)
    calls = drawn_as["steps"] or drawn_as["levels"] or settings["T"]
    yield ones[0].model, {}, calls, [one.measure.final for one in ones], [one.drawn[0] for one in analyses]
    for name, first in ones[0].measure.ways.items():
        found = [one.measure.ways[name] for one in ones if name in one.measure.ways]
        drawn = [one.ways[name] for one in analyses if name in one.ways]
        yield f"{ones[0].model}.{name}", first.changes, first.calls, found, drawn


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


def _row(
    name: str,
    ones: list[Trained],
    changes: dict[str, Any],
    calls: int,
    samples: Measured,
    drawn: list[Drawn],
) -> Row:
    train, distances = ones[0].train, [each.frechet.value for each in samples]
    alone = Interval(*samples[0].frechet.ends, n=1, sd=0.0)
    distance = alone
    if len(samples) > 1:
        ends = mean_of(list(map(log, distances))).map(exp)
        distance = mean_of(distances).model_copy(update={"low": ends.low, "high": ends.high})
    return Row(
        name=name,
        model=train.model,
        process=train.process,
        changes=changes,
        parameters=train.parameters_count,
        epochs=train.epochs,
        calls=calls,
        seconds=fmean(timed) if (timed := [each.seconds for each in samples if each.seconds]) else None,
        seeds=[one.seed for one in ones[: len(samples)]],
        n=samples[0].n,
        distances=distances,
        label_free=[each.distances[LABEL_FREE].value for each in samples if LABEL_FREE in each.distances],
        distance=distance,
        divergence=fmean(each.classes.divergence.value for each in samples),
        low_confidence=fmean(each.low_confidence.value for each in samples),
        digit=fmean(each.digit.value for each in drawn) if drawn else None,
        coverage=fmean(each.variety.coverage.value for each in samples),
    )
