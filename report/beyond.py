"""Beyond the study: the released table of changes, for the section of that name; see `evaluation.changes`."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from diffusion.evaluation.changes import Row, describe, table
from diffusion.figures import changes
from diffusion.figures.style import save
from diffusion.records import Results, load_results, trainings_in
from diffusion.runtime import releases
from report.text_format import Markdown, code, escape, fixed, integer, num, percent, span
from report.text_format import table as markdown_table

HELPS = 0.8  # of the base's distance is left, at most, where a change is said to help
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
    return [save(changes(table(results), floor and floor.fid_mean), folder / FIGURE)]


def find(rows: Sequence[Row], process: str, **changes: Any) -> Row | None:
    """The row of a process with exactly these changes."""
    return next((row for row in rows if row.process == process and row.changes == changes), None)


def findings(results: Results | None) -> dict[str, bool]:
    """Findings of the table, by the names that guards use; none where there is no table."""
    rows = table(results) if results else []
    norms = [find(rows, kind, network_options={"norm": "rms"}) for kind in ("ddpm", "zoom")]
    nets = [find(rows, kind, network="unet") for kind in ("ddpm", "zoom")]
    return {
        "mean_helps_ddpm": _helps(norms[0]),
        "mean_helps_zoom": _helps(norms[1]),
        "unet_helps_ddpm": _helps(nets[0]),
        "unet_helps_zoom": _helps(nets[1]),
    }


def _helps(row: Row | None) -> bool:
    return row is not None and row.ratio <= HELPS


def context(results: Results | None) -> dict[str, Any]:
    """What the section prints."""
    if results is None:
        return {"beyond": None}
    rows = table(results)
    best = {
        kind: min((r for r in rows if r.process == kind), key=lambda r: r.ratio) for kind in ("ddpm", "zoom")
    }
    return {
        "beyond": {
            "table": _table(rows),
            "epochs": rows[0].epochs,
            "n": integer(rows[0].n),
            "base": {kind: _base(rows, kind) for kind in best},
            "best": best,
            "best_said": {kind: code(describe(row)) for kind, row in best.items()},
        }
    }


def _base(rows: Sequence[Row], kind: str) -> Row:
    return next(row for row in rows if row.process == kind)


def _table(rows: Sequence[Row]) -> Markdown:
    head = (
        "Model",
        "Parameters",
        "Calls",
        "Trainings",
        "Distance",
        "Of the base",
        "Divergence",
        "Unrecognised",
        "Coverage",
    )
    return markdown_table(head, [_line(row) for row in rows])


def _line(row: Row) -> tuple[Any, ...]:
    return (
        escape(describe(row)),
        integer(row.parameters),
        row.calls,
        len(row.seeds),
        span(row.distance.mean, row.distance.low, row.distance.high),
        fixed(row.ratio),
        num(row.divergence, 2),
        percent(row.not_recognised),
        fixed(row.coverage),
    )


def rows_json(results: Results) -> list[Mapping[str, Any]]:
    """The table for `table.json`."""
    return [row.json() for row in table(results)]
