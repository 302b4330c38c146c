"""Beyond the study: the released table of changes, for the section of that name; see `evaluation.changes`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any, Self

from diffusion.evaluation.changes import Row, describe, lines, table
from diffusion.figures import changes
from diffusion.figures.style import save
from diffusion.records import Checkpoint, Results, load_results, trainings_in
from diffusion.runtime import releases
from report.text_format import Markdown, escape, fixed, integer, listing, num, percent, span
from report.text_format import table as markdown_table

SAID = (  # the rows of which the text tells: process and changes
    ("zoom", {}),
    ("ddpm", {}),
    ("zoom", {"network": "unet"}),
    ("zoom", {"sampler": "improved"}),
)
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
    """Findings beyond the study, by the names that guards use; none where there is no table.

    A distance of one training ranks no networks, for it swings from checkpoint to checkpoint. What is said
    here rests on losses and restorations, which do not, or on samples of the same weights.

    Args:
        study: the trainings of the study's length.
    """
    rows, priors = table(results) if results else [], _priors(study)
    base, ddpm, unet, improved = (find(rows, kind, **how) for kind, how in SAID)
    compared = bool(base and unet and _restored(results, base) and _restored(results, unet))
    ratios = [after.distance / before.distance for before, after in priors]
    study_ddpm = [row.digits.fid for row in _late(study, "linear")]
    return {
        "single_trainings": bool(rows) and all(len(row.seeds) == 1 for row in rows),
        "unet_restores": compared
        and _restored(results, unet) > _restored(results, base)
        and _loss(results, unet) < _loss(results, base),
        "patches_no_closer": bool(ratios) and min(ratios) < 1 < max(ratios),
        "patches_read_better": bool(priors) and all(after.unread < before.unread for before, after in priors),
        "improved_fails": bool(base and improved) and improved.distance.low > base.distance.high,
        "ddpm_needs_more": bool(ddpm and study_ddpm) and ddpm.distance.low > max(study_ddpm),
    }


def context(results: Results | None, study: Results) -> dict[str, Any]:
    """Values that the section prints."""
    if results is None:
        return {"beyond": None}
    rows, priors = table(results), _priors(study)
    found: dict[str, Any] = {
        "table": _table(rows),
        "epochs": rows[0].epochs,
        "n": integer(rows[0].n),
        "base": {row.process: row for row in rows if not row.changes},
        "patches": find(rows, "zoom", prior="patches"),
        "mixture": find(rows, "zoom", prior="mixture"),
        "improved": find(rows, "zoom", sampler="improved"),
        "late_ratios": listing(percent(after.distance / before.distance) for before, after in priors),
        "unread_before": listing(percent(before.unread) for before, _ in priors),
        "unread_after": listing(percent(after.unread) for _, after in priors),
    }
    base, unet = find(rows, "zoom"), find(rows, "zoom", network="unet")
    if base and unet:
        found |= {"base_accuracy": _restored(results, base), "unet_accuracy": _restored(results, unet)}
        found |= {"base_loss": _loss(results, base), "unet_loss": _loss(results, unet)}
    return {"beyond": found}


@dataclass(frozen=True)
class _Late:
    """Means over late checkpoints: the distance, and the share that is not recognised."""

    distance: float
    unread: float

    @classmethod
    def of(cls, rows: Sequence[Checkpoint]) -> Self:
        return cls(fmean(row.digits.fid for row in rows), fmean(row.not_digit.share for row in rows))


def _late(study: Results, model: str) -> list[Checkpoint]:
    """The late checkpoints of all trainings of a model."""
    ones = [study.trainings[model, seed].measure for seed in study.seeds(model)]
    return [row for one in ones if one for row in one.late()]


def _priors(study: Results) -> list[tuple[_Late, _Late]]:
    """The zoom's late samples from independent pixels and from patches, a pair for each training."""
    ones = [study.trainings["zoom", seed].measure for seed in study.seeds("zoom")]
    found = []
    for one in ones:
        patches = {row.epoch: row for row in one.ablations.prior.curve} if one and one.ablations.prior else {}
        if both := [row for row in one.late() if row.epoch in patches] if patches else []:
            found.append((_Late.of(both), _Late.of([patches[row.epoch] for row in both])))
    return found


def _restored(results: Results, row: Row) -> float | None:
    """Share of the most degraded digits that the model restores to the right class."""
    probes = results.first(row.model).train.zoom
    return probes and probes.confusion.accuracy


def _loss(results: Results, row: Row) -> float:
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
