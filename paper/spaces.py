"""The main question in three kinds of features and with two networks (record `photographs`, notebook 15).

All runs are measured with equally many samples. A run counts once, by the mean over its late checkpoints; of
the released runs only the last weights exist. Scatter is pooled over the DDPMs of a network, linear and
cosine, and estimated for its zooms alone; the interval of a ratio is Welch's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diffusion.evaluation.statistics import Interval
from report.results.scatter import LINEAR, LOG, LOGIT, Estimate, Scale, back, estimate, pooled
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
        apart: ratio of the zoom's mean to the linear DDPM's, or for a share the difference.
        freedom: degrees of freedom of this interval.
        cosine: ratio or difference of the zoom and the cosine DDPM, in the same way; None without such runs.
        values: numbers of the runs of each model, on the measure's own scale.
    """

    means: dict[str, Interval]
    apart: Interval
    freedom: float
    cosine: Interval | None
    values: dict[str, Values]

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
    share = kind == "share"
    scale, difference = (LOGIT, LINEAR) if share else (LOG, LOG)
    of = {"zoom": zoom, "linear": linear} | {model.partition("_")[0]: model for model in others}

    def read_all(on: Scale) -> dict[str, Values]:
        values = {}
        for name, model in of.items():
            with reading("numerator" if name == "zoom" else "denominator"):
                values[name] = read_values(record, model, MEASURES[kind], on)
        return values

    values = read_all(scale)
    if missing := [name for name in ("zoom", "linear") if not values[name].each]:
        raise LookupError(f"the record has no rows of {of[missing[0]]}")
    means = {name: _back(_estimate(values, {name: 1.0}), scale) for name in values if values[name].each}
    plain = read_all(difference) if share else values
    between = _estimate(plain, {"zoom": 1.0, "linear": -1.0})
    known = bool(values.get("cosine") and values["cosine"].each)
    cosine = _back(_estimate(plain, {"zoom": 1.0, "cosine": -1.0}), difference) if known else None
    shown = {name: Values(dict(zip(v.each, map(scale.back, v.each.values()), strict=True)), v.checkpoints)
             for name, v in values.items()}  # fmt: skip
    return Comparison(means, _back(between, difference), between.freedom, cosine, shown)


def _estimate(values: Mapping[str, Values], factors: Mapping[str, float]) -> Estimate:
    numbers = {name: [*of.each.values()] for name, of in values.items()}
    ddpms: list[Sequence[float]] = [of for name, of in numbers.items() if name != "zoom" and of]
    scatter = {"zoom": pooled([numbers["zoom"]]), "ddpm": pooled(ddpms)}
    terms = [
        (factor, "zoom" if name == "zoom" else "ddpm", numbers[name]) for name, factor in factors.items()
    ]
    known = estimate(terms, scatter)
    if known is None:  # a single run has no interval
        value = sum(factor * float(np.mean(of)) for factor, _, of in terms)
        return Estimate(value, 0.0, math.nan)
    return known


def _back(known: Estimate, scale: Scale) -> Interval:
    return back(known.interval(), scale) if known.error else Interval(scale.back(known.value))


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
