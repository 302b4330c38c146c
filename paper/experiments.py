"""Names for the text of the paper: effects, intervention, mean levels."""

import math
from typing import Any

import numpy as np

from diffusion.evaluation.statistics import Interval
from paper import drift
from paper.question import DDPMS, PROCESSES
from report.pages.text import Lazy
from report.pages.text_format import Markdown, fixed, integer, listing
from report.results import scatter
from report.results.scatter import LOG
from report.results.table import Record, Row, Samples, grouped
from report.results.views import Results

KIND = "frechet_photographs"
BLACK = ", faint grey black"  # ending of a way of the control of photograph features
LAW = ("real", "n", "trainings", "correlation", "within", "within_others", "apart")


def by_model(job: Record) -> dict[str, dict[str, Samples]]:
    """Samples by model and way, for a job that belongs to no single model."""
    models = {model: grouped(rows, "way") for model, rows in grouped(job.rows, "model").items()}
    return {model: {way: Samples(rows) for way, rows in ways.items()} for model, ways in models.items()}


# --- experiments ---


def effects(job: Record | None) -> dict[str, Any]:
    """The effects of changes to cold models, and the mean of each set over seeds."""

    def points(way: str, sign: int = 1, measure: str = "digit") -> Markdown:
        """Format an effect on a share in percentage points, with its interval."""
        effect = job[way][measure]
        low, high = sorted((sign * effect.low, sign * effect.high))
        value, low, high = (fixed(100 * x, 0) for x in (sign * effect.value, low, high))
        return Markdown(f"{value}\xa0[{low}, {high}]")

    def ratio(way: str, measure: str = "frechet") -> Markdown:
        value, low, high = (fixed(x) for x in job[way][measure].ends)
        return Markdown(f"{value}\xa0[{low}, {high}]")

    def sets() -> list[Row]:
        """A row for each set of samples; it is noted as read."""
        return [row for row in job.rows if row.measure == "digit" and row.x is not None and row.interval]

    return {
        "effects": job.ways if job else {},
        "effect_points": points,
        "effect_ratio": ratio,
        "effect_settings": job.facts.settings if job else {},
        "effect_sets": sets,
        "effect_trainings": lambda: len({(row.model, row.x) for row in sets()}),
    }


def photographs(record: Record | None) -> dict[str, Any]:
    """Kinds of images and the original study's procedure, with three kinds of features."""
    if not record:
        return dict.fromkeys(("photographs", "photographs_facts", "space_scores"))
    return {
        "photographs": record.ways,
        "photographs_facts": record.facts,
        "space_scores": lambda: list_scores(record),
    }


def list_scores(record: Record) -> dict[str, dict[str, dict[str, Interval]]]:
    """Distances by the original study's procedure: source of images -> "done" or "described" -> kind.

    "done" is what its code computes, "described" what its text says.
    """
    kinds = {"digits": "", "autoencoder": "_autoencoder", "photographs": "_photographs"}
    scores: dict[str, dict[str, dict[str, Interval]]] = {}
    for way, samples in record.ways.items():
        source, _, how = way.rpartition(", as the ")
        if source:
            measures = {kind: f"frechet{ending}" for kind, ending in kinds.items()}
            by_kind = {kind: samples[name] for kind, name in measures.items() if name in samples}
            scores.setdefault(source, {})["done" if how == "code does" else "described"] = by_kind
    return scores


def control(record: Record | None) -> dict[str, Any]:
    """The control of photograph features: geometric means over runs, with and without faint grey."""

    def logs(*wanted: str) -> list[float]:
        rows = [row for row in record.rows if (row.model, row.way, row.measure) == wanted]
        return [math.log(row.interval.value) for row in rows]

    def mean(model: str, way: str, measure: str = KIND) -> float:
        return math.exp(float(np.mean(logs(model, way, measure))))

    def ratio(way: str) -> Interval:
        """The distance of the linear DDPM with a U-Net by the zoom's."""
        ways = {"linear": way, "zoom": "all steps" + (BLACK if way.endswith(BLACK) else "")}
        runs = {process: logs(f"{process}_unet", ways[process], KIND) for process in ways}
        return scatter.compare(runs, PROCESSES, {PROCESSES[p]: [run] for p, run in runs.items()}, LOG).shown

    def change() -> float:
        sets = {(row.model, row.way) for row in record.rows if row.x is not None}
        plain = sorted((model, way) for model, way in sets if not way.endswith(BLACK))
        measures = ("frechet", "frechet_autoencoder")
        ratios = [mean(model, way + BLACK, m) / mean(model, way, m) for model, way in plain for m in measures]
        return max(abs(ratio - 1) for ratio in ratios)

    known = record and any(row.way == "100 steps" for row in record.rows)
    return {"control": mean if known else None, "control_ratio": ratio, "control_change": change}


def intervention(job: Record | None) -> dict[str, Any]:
    """Samples after each of the first epochs, by schedule, with and without the correction of an offset."""
    schedules = grouped(job.rows, "model") if job else {}
    return {
        "intervened": job.facts.settings if job else {},
        "intervened_last": lambda: max(row.epoch for row in job.rows if row.epoch and row.interval),
        "intervention": {
            schedule: {
                way: [*map(Samples, grouped(of, "epoch").values())]
                for way, of in grouped(rows, "way").items()
            }
            for schedule, rows in schedules.items()
        },
    }


# --- the mean level of samples ---


def level(results: Results) -> dict[str, Any]:
    """The mean level of DDPM samples (`paper.drift`)."""
    drifts = drift.list_drifts(results)
    finished = [
        drawn for drawn in drifts if not drawn.variant and drawn.training in results.trainings.values()
    ]
    schedules = DDPMS if drifts else ()

    def crossings(schedule: str) -> Markdown:
        """The first epoch with a response above a half, for each training."""
        courses = drift.courses(results)[schedule]
        epochs = [
            next((e for e, rho in points if rho > drift.HALF), drift.WATCHED + 1) for _, points in courses
        ]
        most = f"more than {drift.WATCHED}"
        return listing(most if epoch > drift.WATCHED else integer(epoch) for epoch in sorted(epochs))

    def unread(schedule: str) -> list[int]:
        """The last epoch before the response first reaches `UNREAD`, for each training."""
        courses = drift.courses(results)[schedule]
        read = [
            next((e for e, rho in points if rho > drift.UNREAD), points[-1][0] + 1) for _, points in courses
        ]
        return sorted(epoch - 1 for epoch in read)

    return {
        "starts": Lazy(schedules, crossings),
        "unread_until": Lazy(schedules, unread),
        "drift": Lazy(LAW if drifts else (), lambda key: _law(drifts, results)[key]),
        "finished": lambda: [
            drawn.border / math.hypot(drawn.predicted, drift.real(results)) for drawn in finished
        ],
        "blank_until": lambda: drift.blank_until(results),
    }


def _law(drifts: list[drift.Drift], results: Results) -> dict[str, float]:
    """Compare the measured spreads of the mean level with the spreads that the law predicts."""
    border = np.array([drawn.border for drawn in drifts])
    real = drift.real(results)
    alone = np.array([drawn.predicted for drawn in drifts])
    predicted = np.hypot(alone, real)
    near = np.abs(np.log2(border / predicted)) < 1
    others = np.array([drawn.kind != "U-Net" for drawn in drifts])
    return {
        "real": real,
        "n": len(drifts),
        "trainings": len(drift.group(drawn.training for drawn in drifts)),
        "correlation": _correlate(np.log(predicted), np.log(border)),
        "within": float(near.mean()),
        "within_others": float(near[others].mean()),
        "apart": float(border.max() / border.min()),
    }


def _correlate(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1]) if len(x) > 2 else 0.0
