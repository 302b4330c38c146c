"""Distances at the end of training: of the last checkpoint's samples, and over the last checkpoints."""

from __future__ import annotations

from typing import Any

from report.evidence import scatter
from report.results import Results
from report.text import Markdown, integer, listing, span

NAME = {"digits": "digit features", "inception": "Inception features"}
PART = 0.2  # of training: its final epochs
FEWEST = 3  # checkpoints in them below which their scatter is not known


def over_checkpoints(r: Results, model: str, extractor: str) -> dict[str, Any] | None:
    """Mean distance over the checkpoints of the final epochs, with its interval; None if these are too few.

    From one checkpoint to the next a distance moves by more than the chance in drawing samples: the weights
    move, at a constant learning rate and without averaging.
    """
    begin = (1 - PART) * r.train[model]["epochs"]
    rows = [p[extractor] for p in r.compare["curves"][model] if p["epoch"] >= begin and p[extractor]]
    if len(rows) < FEWEST:
        return None
    found = scatter([row["fid"] for row in rows])
    return found | {"fid": found["mean"]}


def swing(r: Results, model: str) -> dict[str, float]:
    """The smallest and the largest distance of a model's checkpoints in the second half of training."""
    half = r.train[model]["epochs"] / 2
    fids = [p["digits"]["fid"] for p in r.compare["curves"][model] if p["epoch"] >= half]
    return {"low": min(fids), "high": max(fids)}


def ends(r: Results, models: tuple[str, ...], extractor: str) -> list[dict[str, dict[str, Any]]]:
    """What models are compared by: the final samples, and the final epochs where these are known."""
    last = {m: over_checkpoints(r, m, extractor) for m in models}
    final = {m: r.final[m][extractor] for m in models}
    return [final, last] if all(last.values()) else [final]


def distances(r: Results, models: tuple[str, ...]) -> Markdown:
    """The distances of these models at the end of training, extractor by extractor."""
    parts = []
    for e in r.extractors:
        for found in ends(r, models, e):
            shown = [f"{span(d['fid'], d['low'], d['high'])} ({m})" for m, d in found.items()]
            several = next(iter(found.values())).get("sd") is not None
            n = integer(next(iter(found.values()))["n"]) if several else ""
            what = f"mean over the last {n} checkpoints" if several else NAME[e]
            parts.append(f"{what} {listing(map(Markdown, shown))}")
    return Markdown("; ".join(parts) + ".")
