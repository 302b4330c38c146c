"""Samples at the end of training: those of the last checkpoint, and of the checkpoints before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from diffusion.comparison import FINAL_EPOCHS
from report.evidence import Answer, agree, below, scatter
from report.measures import Measure, distance
from report.results import Results
from report.text import Markdown, listing, percent, span

NAME = {"digits": "digit features", "inception": "Inception features"}
FEWEST = 3  # checkpoints in the final epochs below which their scatter is not known
MEAN = f"mean over the last {percent(FINAL_EPOCHS)} of training"


def final_epochs(r: Results, model: str) -> list[dict[str, Any]]:
    """A model's checkpoints in the final epochs."""
    begin = (1 - FINAL_EPOCHS) * r.train[model]["epochs"]
    return [row for row in r.compare["curves"][model] if row["epoch"] >= begin]


def mean_of(rows: list[dict[str, Any]], measure: Measure) -> dict[str, float] | None:
    """The mean of a measure over some checkpoints, with its interval; None if these are too few.

    From one checkpoint to the next samples change by more than the chance in drawing them: the weights move,
    at a constant learning rate and without averaging.
    """
    values = [value for row in rows if (value := measure(row)["value"]) is not None]
    if len(values) < FEWEST:
        return None
    found = scatter(values)
    return found | {"value": found["mean"]}


def over_checkpoints(r: Results, model: str, measure: Measure) -> dict[str, float] | None:
    """The same over a model's final epochs."""
    return mean_of(final_epochs(r, model), measure)


def swing(r: Results, model: str) -> dict[str, float]:
    """The smallest and the largest distance of a model's checkpoints in the second half of training."""
    half = r.train[model]["epochs"] / 2
    fids = [p["digits"]["fid"] for p in r.compare["curves"][model] if p["epoch"] >= half]
    return {"low": min(fids), "high": max(fids)}


def ends(r: Results, models: tuple[str, ...], measure: Measure) -> list[dict[str, Mapping[str, Any]]]:
    """What models are judged by: their final samples, and their final epochs where all of these are known."""
    last = {m: over_checkpoints(r, m, measure) for m in models}
    final = {m: measure(r.final[m]) for m in models}
    return [final, last] if all(last.values()) else [final]


def lower(r: Results, model: str, other: str, measure: Measure) -> Answer:
    """Is a measure lower for one model than for another, by their final samples and their final epochs?"""
    return agree(below(end[model], end[other]) for end in ends(r, (model, other), measure))


def said(
    r: Results,
    models: tuple[str, ...],
    measure: Measure,
    show: Callable[[float, float | None, float | None], str] = span,
) -> Markdown:
    """A measure of these models at the end of training: of the final samples, and over the final epochs."""
    parts = []
    for prefix, found in zip(("", f"{MEAN} "), ends(r, models, measure), strict=False):
        shown = [Markdown(show(d["value"], d["low"], d["high"]) + _of(m, models)) for m, d in found.items()]
        parts.append(prefix + listing(shown))
    return Markdown("; ".join(parts))


def _of(model: str, models: tuple[str, ...]) -> str:
    return f" ({model})" if len(models) > 1 else ""


def distances(r: Results, models: tuple[str, ...]) -> Markdown:
    """The distances of these models at the end of training, extractor by extractor."""
    return Markdown("; ".join(f"{NAME[e]} {said(r, models, distance(e))}" for e in r.extractors) + ".")
