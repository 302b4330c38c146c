"""Beyond the study: the released table of changes (`study.changes`), for the section of that name.

Text and figures name a row as the profile does: `zoom_unet` has a model's own samples,
`zoom_unet.ways.mixture` those drawn in another way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from diffusion.figures.images import grids
from diffusion.figures.style import save
from diffusion.provenance import releases
from report.text_format import DASH, Markdown, each, escape, fixed, num, percent, span
from report.text_format import table as markdown_table
from study.changes import Row, describe, lines, table
from study.figures import changes
from study.records import Results, Trained, kept_path, load_results, trainings_in

FIGURE, SAMPLES = "beyond.svg", "beyond_samples.png"
SHOWN = 16  # samples of each model
# The rows of the figure, from above.
IN_FIGURE = (
    *("linear", "linear_30", "linear_rms", "linear_dilated", "linear_unet", "linear_unet_3"),
    *("linear_unet.ddim_24", "zoom", "zoom_3", "zoom_bilinear", "zoom.mixture", "zoom_noise"),
    *("zoom_dilated", "zoom_dilated.mixture", "zoom_dilated_falling", "zoom_unet", "zoom_unet.mixture"),
    *("zoom_unet_noise.pixels", "zoom_unet_noise.still", "zoom_unet_noise", "zoom_unet_noise.noise_30"),
    *("zoom_unet_falling.constant", "zoom_unet_falling"),
)
SAMPLED = {  # models whose samples are shown, and their titles; more would not fit
    "linear": "DDPM, the base",
    "zoom": "Zoom, the base",
    "linear_rms": "DDPM, RMS norm",
    "zoom_dilated": "Zoom, dilated",
    "linear_dilated": "DDPM, dilated",
    "zoom_unet": "Zoom, U-Net",
    "linear_unet": "DDPM, U-Net",
    "zoom_unet_falling": "Zoom, U-Net and falling noise",
}


@cache
def load(name: str) -> Results | None:
    """The released results of a profile, or None where none are measured."""
    out = releases() / name
    pairs = trainings_in(out) if name and out.is_dir() else []
    results = load_results(out, pairs) if pairs else None
    return results if results and table(results) else None


@dataclass(frozen=True)
class Change:
    """A row of the table, its trainings, and the same models sampled in other ways."""

    row: Row
    trainings: list[Trained]
    ways: Mapping[str, "Change"] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)

    @property
    def shown(self) -> Markdown:
        """The distance of each training; of a single one with the interval of its samples."""
        if len(self.row.distances) > 1:
            return each(self.row.distances)
        return self.row.distance.shown(span)

    @property
    def rate(self) -> float:
        return self.trainings[0].train.settings["learning_rate"]

    @property
    def borders(self) -> list[float]:
        """The spread over samples of the border's grey before clamping, a training each."""
        return [one.measure.final.border.sd for one in self.trainings]

    @property
    def losses(self) -> list[float]:
        """The test loss after the last epoch, a training each."""
        return [one.train.history[-1].test_loss for one in self.trainings]

    @property
    def restored(self) -> list[float]:
        """Share of the most degraded digits restored to the right class, a training each."""
        return [one.train.zoom.confusion.accuracy for one in self.trainings if one.train.zoom]

    @property
    def seen(self) -> list[float]:
        """The part of a uniform shift that a DDPM's network reports at the first step, a training each."""
        return [one.analysis.response.response[0].value for one in self.trainings if one.analysis]

    @property
    def seen_at(self) -> int:
        return self.trainings[0].analysis.response.t[0]

    @property
    def copies(self) -> list[float]:
        """Share of samples that lie near a training image, a training each."""
        return [one.analysis.memorised.closer_in_class.value for one in self.trainings if one.analysis]

    @property
    def mixes(self) -> list[Any]:
        """Distances of samples weighted to the classes of the data, a training each."""
        return [one.analysis.mix.reweighted for one in self.trainings if one.analysis]


def named(results: Results) -> dict[str, Change]:
    """The table's rows by the names of their models, in the table's order."""
    found: dict[str, Change] = {}
    for row in table(results):
        trainings = [results.trainings[row.model, seed] for seed in row.seeds]
        if row.model not in found:
            found[row.model], ways = Change(row, trainings, {}), iter(trainings[0].measure.ways)
        else:
            found[row.model].ways[next(ways)] = Change(row, trainings)
    return found


def values(results: Results | None) -> dict[str, Any]:
    """Values of the section; `beyond` has the rows by name."""
    rows = named(results) if results else {}
    ones = [one.train for one in results.trainings.values()] if results else []
    # The ratio of the distances of two trainings of a zoom model, each with its own samples.
    apart = [
        max(d) / min(d) for row in rows.values() if row.process == "zoom" and len(d := row.distances) > 1
    ]
    return {
        "beyond": rows,
        "beyond_apart": apart,
        "beyond_precisions": [
            one.environment["precision"] for one in ones if one.settings["precision"] == "auto"
        ],
        "beyond_shown": SHOWN,
        "table_beyond": _table(results) if results else None,
    }


def draw(results: Results | None, folder: Path) -> list[Path]:
    """Write the figures: the changes of which the text tells, samples of their models; returns the files."""
    if results is None:
        return []
    rows, samples = named(results), {}
    every = rows | {f"{name}.{way}": one for name, row in rows.items() for way, one in row.ways.items()}
    told = [every[name].row for name in IN_FIGURE if name in every]
    floor = results.first(told[0].model).measure.final.floors.get("digits")
    for name, title in SAMPLED.items():
        kept = name in rows and f"samples_{name}-{rows[name].seeds[0]}"
        if kept and kept_path(results.out, kept).is_file():
            samples[title] = results.kept(kept)[:SHOWN]
    paths = [save(changes(lines(told), floor and floor.mean), folder / FIGURE)]
    return paths + ([save(grids(samples, across=2), folder / SAMPLES)] if samples else [])


def _table(results: Results) -> Markdown:
    head = ("Model", "Calls", "Distance", "Label-free", "Of the base", "Divergence", "Digits", "Coverage")
    rows = [one for row in named(results).values() for one in (row, *row.ways.values())]
    return markdown_table(head, [_line(row) for row in rows], (14, 3, 9, 7, 5, 6, 5, 5))


def _line(one: Change) -> tuple[Any, ...]:
    return (
        escape(describe(one.row)),
        one.calls,
        one.shown,
        each(one.label_free) if one.label_free else DASH,
        fixed(one.ratio),
        num(one.divergence, 2),
        DASH if one.digit is None else percent(one.digit),
        fixed(one.coverage),
    )
