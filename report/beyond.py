"""Beyond the study: the released table of changes, for the section of that name; see `evaluation.changes`."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from diffusion.evaluation.changes import Row, describe, lines, table
from diffusion.figures import changes
from diffusion.figures.style import save
from diffusion.records import Results, load_results, trainings_in
from diffusion.runtime import releases
from report.text_format import Markdown, escape, fixed, integer, num, percent, span
from report.text_format import table as markdown_table

HELPS = 0.8  # of the base's distance is left, at most, where a change is said to help
MIXTURE = {"prior": "mixture"}
FIGURE = "beyond.svg"


@cache
def load(name: str) -> Results | None:
    """The released results of a profile, or None where none are measured."""
    out = releases() / name
    pairs = trainings_in(out) if name and out.is_dir() else []
    results = load_results(out, pairs) if pairs else None
    return results if results and table(results) else None


def draw(results: Results | None, folder: Path) -> list[Path]:
    """Write the figure of changes; returns its file, if there is one."""
    if results is None:
        return []
    base = next(one for one in results.trainings.values() if one.measure).measure
    floor = base.final.floor.get("digits")
    return [save(changes(lines(table(results)), floor and floor.fid_mean), folder / FIGURE)]


def find(rows: Sequence[Row], process: str, **changes: Any) -> Row | None:
    """The row of a process with exactly these changes."""
    return next((row for row in rows if row.process == process and row.changes == changes), None)


def findings(results: Results | None, study: Results) -> dict[str, bool]:
    """Findings of the table, by the names that guards use; none where there is no table.

    Args:
        study: the trainings of the study's length.
    """
    rows, late = table(results) if results else [], _late(study)
    base, prior, patches = (find(rows, "zoom", **how) for how in ({}, MIXTURE, {"prior": "patches"}))
    unet, averaged = find(rows, "zoom", network="unet"), find(rows, "zoom", average=2)
    noise, improved = find(rows, "zoom", noise=0.05), find(rows, "zoom", sampler="improved")
    compared = all((base, unet)) and _restored(results, base) and _restored(results, unet)
    return {
        "prior_helps": prior is not None and prior.ratio <= HELPS,
        "patches_alike": all((prior, patches)) and patches.ratio >= HELPS * prior.ratio,
        "decay_suffices": base is not None and bool(late) and base.distance.mean < max(late),
        "unet_restores": bool(compared) and _restored(results, unet) > _restored(results, base),
        "unet_generates_worse": bool(compared) and unet.distance.low > base.distance.high,
        "sampling_idle": all((averaged, noise, improved))
        and min(averaged.ratio, noise.ratio) > HELPS
        and improved.ratio > 1 / HELPS,
    }


def context(results: Results | None) -> dict[str, Any]:
    """What the section prints."""
    if results is None:
        return {"beyond": None}
    rows = table(results)
    base, unet = find(rows, "zoom"), find(rows, "zoom", network="unet")
    found: dict[str, Any] = {
        "table": _table(rows),
        "epochs": rows[0].epochs,
        "n": integer(rows[0].n),
        "base": {row.process: row for row in rows if not row.changes},
        "prior": find(rows, "zoom", **MIXTURE),
        "unet": unet,
    }
    if base and unet:
        found |= {"base_accuracy": _restored(results, base), "unet_accuracy": _restored(results, unet)}
        found |= {"base_loss": _loss(results, base), "unet_loss": _loss(results, unet)}
    return {"beyond": found}


def _late(study: Results) -> list[float]:
    """Distances of the zoom's late checkpoints, of all its trainings."""
    ones = [study.trainings["zoom", seed].measure for seed in study.seeds("zoom")]
    return [row.digits.fid for one in ones if one for row in one.late()]


def _restored(results: Results, row: Row) -> float | None:
    """Share of the most degraded digits that the model restores to the right class."""
    probes = results.first(row.model).train.zoom
    return probes and probes.confusion.accuracy


def _loss(results: Results, row: Row) -> float | None:
    return results.first(row.model).train.history[-1].test_loss


def _table(rows: Sequence[Row]) -> Markdown:
    head = ("Model", "Calls", "Distance", "Of the base", "Divergence", "Unrecognised", "Coverage")
    return markdown_table(head, [_line(row) for row in rows], (14, 3, 10, 5, 6, 7, 5))


def _line(row: Row) -> tuple[Any, ...]:
    return (
        escape(describe(row)),
        row.calls,
        span(row.distance.mean, row.distance.low, row.distance.high),
        fixed(row.ratio),
        num(row.divergence, 2),
        percent(row.not_recognised),
        fixed(row.coverage),
    )


def rows_json(results: Results) -> list[Mapping[str, Any]]:
    """The table for `table.json`."""
    return [row.json() for row in table(results)]
