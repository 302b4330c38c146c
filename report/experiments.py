"""Names of the paper for its experiments: blind readers, effects, the intervention, few calls."""

from typing import Any

import numpy as np

from report.text import Lazy
from report.text_format import Markdown, fixed
from study.blind import TITLES
from study.table import Job, Row, Samples


def by_model(job: Job) -> dict[str, dict[str, Samples]]:
    """Model -> way -> what a job of no single model measured of it."""
    rows: dict[str, dict[str, list[Row]]] = {}
    for row in job.rows:
        rows.setdefault(row.model, {}).setdefault(row.way, []).append(row)
    return {model: {way: Samples(of) for way, of in ways.items()} for model, ways in rows.items()}


# --- experiments ---


def blind(job: Job | None) -> dict[str, Any]:
    """Readings of each source by blind readers."""
    ways = job.ways if job else {}
    mistaken = {title: name for name, title in TITLES.items() if "mistaken" in ways.get(name, ())}
    return {
        "blind": ways,
        "blind_rows": lambda: [(title, job[name]) for name, title in TITLES.items() if name in job],
        "mistaken": Lazy(mistaken, lambda title: ways[mistaken[title]]["mistaken"]),
        "blind_readers": lambda: Markdown(job.facts.settings.kind),
    }


def effects(job: Job | None) -> dict[str, Any]:
    """The effects of changes to cold models, and the mean of each set over seeds."""

    def points(way: str, sign: int = 1, measure: str = "digit") -> Markdown:
        """An effect on a share in percentage points, with its interval."""
        effect = job[way][measure]
        low, high = sorted((sign * effect.low, sign * effect.high))
        value, low, high = (fixed(100 * x, 0) for x in (sign * effect.value, low, high))
        return Markdown(f"{value}\xa0[{low}, {high}]")

    def ratio(way: str, measure: str = "frechet") -> Markdown:
        value, low, high = (fixed(x) for x in job[way][measure].ends)
        return Markdown(f"{value}\xa0[{low}, {high}]")

    def sets() -> list[Row]:
        """A row of each set of samples, which is read."""
        return [row for row in job.rows if row.measure == "digit" and row.x is not None and row.interval]

    return {
        "effects": job.ways if job else {},
        "effect_means": by_model(job) if job else {},
        "effect_points": points,
        "effect_ratio": ratio,
        "effect_settings": job.facts.settings if job else {},
        "effect_sets": sets,
        "effect_trainings": lambda: len({(row.model, row.x) for row in sets()}),
    }


def intervention(job: Job | None) -> dict[str, Any]:
    """Samples after each of the first epochs, by schedule, with and without the part of an offset missed."""
    rows: dict[str, dict[str, dict[int, list[Row]]]] = {}
    for row in job.rows if job else ():
        rows.setdefault(row.model, {}).setdefault(row.way, {}).setdefault(row.epoch, []).append(row)
    return {
        "intervened": job.facts.settings if job else {},
        "intervened_last": lambda: max(row.epoch for row in job.rows if row.epoch and row.interval),
        "intervention": {
            schedule: {way: [*map(Samples, epochs.values())] for way, epochs in ways.items()}
            for schedule, ways in rows.items()
        },
    }


def few_calls(job: Job | None) -> dict[str, Any]:
    """Samples in few calls: by model, number of calls and measure, the mean over trainings."""

    def mean(model: str, calls: int, measure: str = "digit") -> float:
        rows = (row for row in job.rows if (row.x, row.measure) == (calls, measure))
        return float(np.mean([row.interval.value for row in rows if row.model.startswith(f"{model}-")]))

    return {"few": job.facts.settings if job else {}, "in_calls": mean}
