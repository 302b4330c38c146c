"""Names of the paper for its main question and its experiments: effects, intervention, blind readers."""

import math
from typing import Any

import numpy as np

from diffusion.evaluation.statistics import FEWEST, Interval
from report.judge import Case, late_value
from report.text import Lazy, Names
from report.text_format import Markdown, fixed
from study import scatter
from study.blind import TITLES
from study.results import Results, Training
from study.scatter import LOG
from study.table import Job, Row, Samples

PAIR = ("zoom", "linear")
LAST = {"last": "frechet", "autoencoder": "frechet_autoencoder", "untrained": "frechet_random"}


def by_model(job: Job) -> dict[str, dict[str, Samples]]:
    """Model -> way -> what a job of no single model measured of it."""
    rows: dict[str, dict[str, list[Row]]] = {}
    for row in job.rows:
        rows.setdefault(row.model, {}).setdefault(row.way, []).append(row)
    return {model: {way: Samples(of) for way, of in ways.items()} for model, ways in rows.items()}


def _log(row: Samples) -> Interval:
    return row["frechet"].map(LOG.to)


# --- the main question ---


def question(results: Results) -> list[tuple[str, Lazy]]:
    """The zoom's distance over the linear DDPM's: of pairs of trainings, of all, of the study's weights."""
    pairs = zip(*(results.of(model) for model in PAIR), strict=False)
    ratios = [(f"Ours, seed {zoom.seed}", _of_pair(results, zoom, linear)) for zoom, linear in pairs]
    if theirs := results.original:
        pair = (theirs.first(model) for model in PAIR)
        ratios.append(("The study's weights", _of_pair(theirs, *pair)))
    return [*ratios, ("Ours, over trainings", Lazy(("late", *LAST), lambda name: _over(results, name)))]


def _of_pair(results: Results, zoom: Training, linear: Training) -> Lazy:
    case = Case(results, {"zoom": zoom, "linear": linear})

    def ratio(name: str) -> Interval:
        if name == "late":
            return case.gap(*PAIR, _log).map(math.exp)
        of_zoom, of_linear = (one.final[LAST[name]].map(LOG.to) for one in (zoom, linear))
        return of_zoom.minus(of_linear).map(math.exp)

    late = ["late"] if len(case.shared(*PAIR)) >= FEWEST else []
    return Lazy([*late, *LAST], ratio)


def _over(results: Results, name: str) -> Interval:
    """The ratio over all trainings of both, by the scatter of trainings."""
    zooms, linears = (results.of(model) for model in PAIR)
    late = late_value(_log, {row.epoch for row in linears[0].late})

    def number(training: Training) -> float:
        return late(training) if name == "late" else LOG.to(training.final[LAST[name]].value)

    apart = float(np.mean([*map(number, zooms)]) - np.mean([*map(number, linears)]))
    pooled = scatter.pooled(scatter.runs_of(results), number, zooms[0].constant_rate)
    half = pooled.half(1 / len(zooms) + 1 / len(linears))
    return Interval(apart, apart - half, apart + half).map(math.exp)


def recipes(results: Results) -> Names:
    """The recipes by which scatter is judged, and the scatter of late distances at constant rates."""
    runs = scatter.runs_of(results)
    trained = scatter.recipes(runs)

    def late(process: str) -> scatter.Scatter:
        """Over the late checkpoints of the linear DDPM; of one process, or of all."""

        def number(training: Training) -> float:
            if process not in ("", training.process):
                raise LookupError(f"no {process}")
            return late_value(_log, {row.epoch for row in results.first("linear").late})(training)

        return scatter.pooled(runs, number, constant=True)

    return Names(
        {
            "n": lambda: len([group[0].train["seed"] for group in trained]),
            "constant": lambda: len([g[0].train["seed"] for g in trained if g[0].constant_rate]),
            "factor": lambda: math.exp(late("").sd),
            "freedom": lambda: late("").freedom,
            "ddpm_factor": lambda: math.exp(late("ddpm").sd),
            "ddpm_freedom": lambda: late("ddpm").freedom,
        }
    )


def excess(results: Results) -> Names:
    """By how much the training loss is above the test loss, of each training: first epoch, last ten."""

    def of(epochs: slice) -> list[float]:
        histories = [training.history[epochs] for training in results.trainings.values()]
        return [
            float(np.mean([row["train_loss"].value / row["test_loss"].value - 1 for row in history]))
            for history in histories
        ]

    return Names({"first": lambda: of(slice(0, 1)), "last": lambda: of(slice(-10, None))})


# --- experiments ---


def blind(job: Job | None) -> dict[str, Any]:
    """Readings of each source by blind readers."""
    return {
        "blind": job.ways if job else {},
        "blind_rows": lambda: [(title, job[name]) for name, title in TITLES.items() if name in job],
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
