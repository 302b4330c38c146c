"""The main question in three kinds of features and with two networks (record `photographs`, notebook 15).

All runs are measured with equally many samples. A run counts once, by the mean over its late checkpoints; of
the released runs only the last weights exist. Scatter is pooled over the DDPMs of a network, linear and
cosine, and estimated for its zooms alone; the interval of a ratio is Welch's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from diffusion.evaluation.statistics import Interval
from report.results import scatter
from report.results.scatter import LINEAR, LOG, LOGIT, Over, Scale
from report.results.table import Record, Row, reading

NETWORKS = {  # network -> its zoom, and its DDPMs, the linear one first
    "study": ("zoom", ("linear", "cosine")),
    "unet": ("zoom_unet", ("linear_unet", "cosine_unet")),
}
DISTANCES = {"digits": "", "autoencoder": "_autoencoder", "photographs": "_photographs"}
MEASURES = {kind: f"frechet{ending}" for kind, ending in DISTANCES.items()}
MEASURES |= {"share": "digit"}


@dataclass(frozen=True)
class Values:
    """The numbers of the runs of a model.

    Attributes:
        each: number of each run by seed: the mean over its late checkpoints, on a scale.
        checkpoints: number of late checkpoints of each run.
    """

    each: dict[int, float]
    checkpoints: dict[int, int]


def read_values(record: Record, model: str, measure: str, scale: Scale) -> Values:
    """Read the numbers of a model's runs."""
    runs: dict[int, list[Row]] = {}
    for row in record.rows:
        if (row.way, row.model, row.measure) == ("late", model, measure):
            runs.setdefault(int(row.x or 0), []).append(row)
    each = {
        seed: float(np.mean([scale.to(row.interval.value) for row in rows])) for seed, rows in runs.items()
    }
    return Values(each, {seed: len(rows) for seed, rows in runs.items()})


@dataclass(frozen=True)
class Comparison:
    """A zoom and the linear DDPM with the same network, by one measure.

    Attributes:
        means: mean of each model over runs, "zoom", "linear" and "cosine", with its interval.
        ratio: ratio of the zoom's mean to the linear DDPM's, or for a share the difference.
        cosine: ratio or difference of the zoom and the cosine DDPM, in the same way; None without such runs.
        values: numbers of the runs of each model, on the scale of means.
    """

    means: dict[str, Interval]
    ratio: Over
    cosine: Interval | None
    values: dict[str, Values]

    @property
    def apart(self) -> Interval:
        """The interval of `ratio`."""
        return self.ratio.shown

    @property
    def freedom(self) -> float | None:
        """Degrees of freedom of `ratio`."""
        return self.ratio.freedom

    @property
    def n(self) -> dict[str, int]:
        """Number of runs of each model."""
        return {model: len(values.each) for model, values in self.values.items()}

    @property
    def checkpoints(self) -> dict[str, int]:
        """Number of late checkpoints of all runs of a model together."""
        return {model: sum(values.checkpoints.values()) for model, values in self.values.items()}

    @property
    def separate(self) -> bool:
        """True if every run of one model lies on the same side of every run of the other one."""
        zoom, linear = (self.values[model].each.values() for model in ("zoom", "linear"))
        return min(zoom) > max(linear) or max(zoom) < min(linear)


def compare(record: Record, network: str, kind: str) -> Comparison:
    """Compare the zoom and the linear DDPM of a network.

    Args:
        record: the record `photographs`.
        network: a key of `NETWORKS`.
        kind: a key of `MEASURES`.

    Raises:
        LookupError: the record has no rows of a model.
    """
    zoom, (linear, *others) = NETWORKS[network]
    models = {"zoom": zoom, "linear": linear} | {model.partition("_")[0]: model for model in others}
    scale, difference = (LOGIT, LINEAR) if kind == "share" else (LOG, LOG)
    values = {}
    for name, model in models.items():
        with reading("numerator" if name == "zoom" else "denominator"):
            values[name] = read_values(record, model, MEASURES[kind], scale)
    if missing := [name for name in ("zoom", "linear") if not values[name].each]:
        raise LookupError(f"the record has no rows of {models[missing[0]]}")
    plain = values
    if kind == "share":
        plain = {name: read_values(record, model, "digit", LINEAR) for name, model in models.items()}
    known = [name for name in values if values[name].each]
    means = {name: _compare(values, scale, name).shown for name in known}
    cosine = _compare(plain, difference, "zoom", "cosine").shown if "cosine" in known else None
    return Comparison(means, _compare(plain, difference, "zoom", "linear"), cosine, values)


def _compare(values: Mapping[str, Values], scale: Scale, *names: str) -> Over:
    """The mean of one model, or the difference of two; the DDPMs have one scatter."""
    numbers = {name: [*known.each.values()] for name, known in values.items()}
    processes = {name: "zoom" if name == "zoom" else "ddpm" for name in numbers}
    ddpms = [of_model for name, of_model in numbers.items() if name != "zoom"]
    groups = {"zoom": [numbers["zoom"]], "ddpm": ddpms}
    return scatter.compare({name: numbers[name] for name in names}, processes, groups, scale)


def list_scores(record: Record) -> dict[str, dict[str, dict[str, Interval]]]:
    """Distances by the original study's procedure: source of images -> "done" or "described" -> kind.

    "done" is what its code computes, "described" what its text says.
    """
    scores: dict[str, dict[str, dict[str, Interval]]] = {}
    for way, samples in record.ways.items():
        source, _, how = way.rpartition(", as the ")
        if source:
            by_kind = {kind: samples[MEASURES[kind]] for kind in DISTANCES if MEASURES[kind] in samples}
            scores.setdefault(source, {})["done" if how == "code does" else "described"] = by_kind
    return scores
