"""Samples at the end of training: of the last checkpoint, and of all checkpoints of the final epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from diffusion.comparison import FINAL_EPOCHS
from report.evidence import FEWEST, Answer, agree, below, scatter
from report.measures import Measure, distance
from report.results import REQUIRED, Results
from report.text import Markdown, integer, listing, percent, span

NAME = {"digits": "digit features", "inception": "Inception features"}
LAST = f"the last {percent(FINAL_EPOCHS)} of training"


def final_epochs(r: Results, model: str) -> list[dict[str, Any]]:
    """A model's checkpoints in the final epochs, the last one included."""
    begin = (1 - FINAL_EPOCHS) * r.train[model]["epochs"]
    return [row for row in r.compare["curves"][model] if row["epoch"] >= begin]


def known(r: Results) -> bool:
    """Has each of the study's models enough checkpoints in its final epochs to tell their scatter?"""
    return all(len(final_epochs(r, m)) >= FEWEST for m in REQUIRED)


def mean_of(rows: list[dict[str, Any]], measure: Measure) -> dict[str, float] | None:
    """The mean of a measure over some checkpoints, with its interval; None if these are too few.

    Two chances move it. From one checkpoint to the next the weights move, at a constant learning rate and
    without averaging: the values scatter. And the samples of all checkpoints are drawn from the same noise,
    so that what chance there is in this is common to them and does not show in their scatter: it counts as
    much as in one checkpoint. The two are independent, and their errors add in squares.
    """
    found = [m for row in rows if (m := measure(row))["value"] is not None]
    if len(found) < FEWEST:
        return None
    out = scatter([m["value"] for m in found])
    for end, sign in (("low", -1), ("high", 1)):
        drawn = [sign * (m[end] - m["value"]) for m in found if m[end] is not None]
        error = math.hypot(out[end] - out["mean"], sum(drawn) / len(found))
        out[end] = out["mean"] + sign * error
    return out | {"value": out["mean"]}


def over_checkpoints(r: Results, model: str, measure: Measure) -> dict[str, float] | None:
    """The same over a model's final epochs, for a measure that cannot be negative."""
    found = mean_of(final_epochs(r, model), measure) if known(r) else None
    return found and found | {"low": max(found["low"], 0.0)}


def swing(r: Results, model: str) -> dict[str, float]:
    """The smallest and the largest distance of a model's checkpoints in the second half of training."""
    half = r.train[model]["epochs"] / 2
    fids = [p["digits"]["fid"] for p in r.compare["curves"][model] if p["epoch"] >= half]
    return {"low": min(fids), "high": max(fids)}


def ends(r: Results, models: tuple[str, ...], measure: Measure) -> list[dict[str, Mapping[str, Any]]]:
    """What models are judged by: their final samples, and their final epochs where these are known."""
    last = {m: over_checkpoints(r, m, measure) for m in models}
    final = {m: measure(r.final[m]) for m in models}
    return [final, last] if all(last.values()) else [final]


def lower(r: Results, model: str, other: str, measure: Measure) -> Answer:
    """Is a measure lower for one model than for another, by their final samples and their final epochs?"""
    return agree(below(end[model], end[other]) for end in ends(r, (model, other), measure))


def on_average(r: Results) -> str:
    """What a mean over the final epochs is called, with the number of samples behind each of its values."""
    return f"on average over {LAST}, at $n = {integer(r.compare['n_samples'])}$,"


def said(
    r: Results,
    models: tuple[str, ...],
    measures: Measure | Mapping[str, Measure],
    show: Callable[[float, float | None, float | None], str] = span,
) -> Markdown:
    """Measures of these models at the end of training: of the final samples, then over the final epochs.

    `measures` is one, or several by name, and `show` what a value with its interval looks like.
    """
    by_name = measures if isinstance(measures, Mapping) else {"": measures}
    by_end = zip(*(ends(r, models, measure) for measure in by_name.values()), strict=True)
    parts = []
    for prefix, found in zip(("", f"{on_average(r)} "), by_end, strict=False):
        each = [f"{name} {_models(end, show)}".strip() for name, end in zip(by_name, found, strict=True)]
        parts.append(prefix + "; ".join(each))
    return Markdown("; ".join(parts))


def _models(end: Mapping[str, Mapping[str, Any]], show: Callable[..., str]) -> str:
    name = (lambda m: f" ({m})") if len(end) > 1 else (lambda m: "")
    return listing(Markdown(show(d["value"], d["low"], d["high"]) + name(m)) for m, d in end.items())


def distances(r: Results, models: tuple[str, ...]) -> Markdown:
    """The distances of these models at the end of training, extractor by extractor."""
    return Markdown(said(r, models, {NAME[e]: distance(e) for e in r.extractors}) + ".")
