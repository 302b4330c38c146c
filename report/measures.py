"""Measures of the samples of one checkpoint, of which a record has the same keys as of the final samples.

Each is a function from such an entry of a record to its value and the ends of its 95 % interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from report.evidence import share

Row = Mapping[str, Any]
Measure = Callable[[Row], Mapping[str, Any]]  # -> {"value", "low", "high"}, of which some may be None

SPREAD = "divergence of the classes"
REACH = ("recall", "coverage")  # shares of real images that samples reach


def distance(extractor: str) -> Measure:
    """The Fréchet distance in the features of an extractor, which may have no interval."""
    return lambda row: row[extractor] | {"value": row[extractor]["fid"]}


def background(row: Row) -> Mapping[str, float]:
    """The mean grey value at the border."""
    return row["background"] | {"value": row["background"]["mean"]}


def not_recognised(row: Row) -> Mapping[str, float]:
    """The share of samples that the classifier is not sure about."""
    return row["not_digit"] | {"value": row["not_digit"]["share"]}


def centre(kind: str) -> Measure:
    """The share of samples with a centre that is "dark" or "white"."""

    def measure(row: Row) -> Mapping[str, float]:
        found = share(row["centre"][kind], row["centre"]["n"])
        return found | {"value": found["share"]}

    return measure


def digit(which: int) -> Measure:
    """The share of a digit among the recognised samples; without such, its value is None."""

    def measure(row: Row) -> Mapping[str, Any]:
        c = row["recognised"]
        value = c["share"][which] if c["n"] else None
        return {"value": value, "low": c["low"][which], "high": c["high"][which]}

    return measure


def divergence(row: Row) -> Mapping[str, float]:
    """The divergence of the classes from those of real images, in nats."""
    c = row["classes"]
    return {"value": c["divergence"], "low": c["divergence_low"], "high": c["divergence_high"]}


def reached(key: str) -> Measure:
    """Recall or coverage."""
    names = {"value": key, "low": f"{key}_low", "high": f"{key}_high"}
    return lambda row: {end: row["variety"][name] for end, name in names.items()}


VARIETY: dict[str, Measure] = {SPREAD: divergence} | {key: reached(key) for key in REACH}
