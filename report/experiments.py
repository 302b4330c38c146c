"""Names of the paper for its main question and its experiments: effects, intervention, blind readers."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from diffusion.evaluation.statistics import FEWEST, Interval
from report.judge import Case, late_value
from report.text import Lazy, Names
from report.text_format import Markdown, fixed, num
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

    def late(process: str = "", epochs: Collection[int] = ()) -> scatter.Scatter:
        """Of distances, over late checkpoints after some epochs; of one process, or of all."""

        def number(training: Training) -> float:
            if process not in ("", training.process):
                raise LookupError(f"no {process}")
            return late_value(_log, epochs)(training)

        return scatter.pooled(runs, number, constant=True)

    def shared() -> set[int]:
        return {row.epoch for row in results.first("linear").late}

    return Names(
        {
            "n": lambda: len([group[0].train["seed"] for group in trained]),
            "constant": lambda: len([g[0].train["seed"] for g in trained if g[0].constant_rate]),
            "factor": lambda: math.exp(late("", shared()).sd),
            "freedom": lambda: late("", shared()).freedom,
            "ddpm_factor": lambda: math.exp(late("ddpm", shared()).sd),
            "ddpm_freedom": lambda: late("ddpm", shared()).freedom,
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

    said = {
        "steps": lambda: job.facts.settings.steps,
        "batch": lambda: job.facts.settings.batch_size,
        "rate": lambda: num(job.facts.settings.learning_rate, 1),
        "n": lambda: job.facts.settings.n,
        "seeds": lambda: len({row.x for row in sets()}),
        "trainings": lambda: len({(row.model, row.x) for row in sets()}),
        "sets": lambda: len(sets()),
    }
    return {
        "effects": job.ways if job else {},
        "effect_means": by_model(job) if job else {},
        "effect_points": points,
        "effect_ratio": ratio,
        "effects_said": Names(said),
    }


def intervention(job: Job | None) -> dict[str, Any]:
    """The first epochs of trainings, sampled with and without the part of an offset that is missed."""
    ways = ("as it is", "corrected", "control")

    def of(measure: str, schedule: str, way: str) -> list[Interval]:
        """A measure after each epoch."""
        chosen = (r for r in job.rows if (r.model, r.way, r.measure) == (schedule, way, measure))
        return [row.interval for row in chosen]

    def spreads(schedule: str) -> Mapping[str, Any]:
        borders = {way: [border.sd for border in of("border", schedule, way)] for way in ways}
        return borders | {"fall": min(np.divide(borders["as it is"], borders["corrected"]))}

    def digits(schedule: str, way: str) -> float:
        """The mean share over these epochs."""
        return float(np.mean([share.value for share in of("digit", schedule, way)]))

    def distances(schedule: str, way: str, epoch: int = -1) -> float:
        """After the last of these epochs, or after another one, from 0."""
        return of("frechet", schedule, way)[epoch].value

    names = {
        "n": lambda: job.facts.settings.epochs,
        "samples": lambda: job.facts.settings.n,
        "calls": lambda: job.facts.settings.calls,
        "linear": lambda: spreads("linear"),
        "cosine": lambda: spreads("cosine"),
        "distance": lambda: distances,
        "digits": lambda: digits,
    }
    return {"intervention": Names(names) if job else {}}


def few_calls(job: Job | None) -> dict[str, Any]:
    """Samples in few calls: by model, number of calls and measure, the mean over trainings."""

    def mean(model: str, calls: int, measure: str = "digit") -> float:
        rows = (row for row in job.rows if (row.x, row.measure) == (calls, measure))
        return float(np.mean([row.interval.value for row in rows if row.model.startswith(f"{model}-")]))

    return {"few": job.facts.settings if job else {}, "in_calls": mean}
