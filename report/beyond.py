"""Beyond the study: the released table of changes (`study.changes`), for the section of that name.

Text and figures name a row as the profile does: `zoom_unet` has a model's own samples,
`zoom_unet.ways.mixture` those drawn in another way.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from diffusion.provenance import releases
from report.sources import counted, known, reading, trace_results
from report.text_format import DASH, Markdown, each, escape, fixed, num, percent, shown
from report.text_format import table as markdown_table
from study.changes import Row, describe, table
from study.figures.beyond import SHOWN
from study.manifest import verify
from study.records import Results, Trained, load_results, sampling_of, trainings_in
from study.settings import Profile

# Rows of the table; its file has all.
TOLD = (
    *(*SHOWN, "linear_30", "linear_dilated", "linear_unet_constant"),
    *("zoom_unet", "zoom_noise.grey", "zoom_unet_noise.start_200", "zoom_unet_noise.grey_60"),
)


@cache
def load(name: str) -> Results | None:
    """The released results of a profile, or None where none are measured.

    Raises:
        ValueError: the release is damaged.
    """
    out = releases() / name
    pairs = trainings_in(out) if name and out.is_dir() else []
    if pairs:
        verify(out)
    results = load_results(out, pairs) if pairs else None
    if not results or not table(results):
        return None
    trace_results(results, f"released/{name}/")
    return results


def with_others(results: Results, profile: Profile) -> Results:
    """The results with those of the other runs that the profile names."""
    names = {"further": "beyond", "original": "original", "watched": "starts"}
    return replace(results, **{k: load(str(profile.options.get(v, ""))) for k, v in names.items()})


@dataclass(frozen=True)
class Change:
    """A row of the table, its trainings, and the same models sampled in other ways."""

    row: Row
    ways: dict[str, "Change"]

    def __getattr__(self, name: str) -> Any:
        with reading() as seen:
            found = getattr(self.row, name)
        return known(found, tuple(seen), f"study.changes.Row.{name}")

    @property
    def trainings(self) -> list[Trained]:
        return self.row.trainings

    @property
    def shown(self) -> Markdown:
        """The distance of each training; of a single one with the interval of its samples."""
        if len(self.row.distances) > 1:
            return each(self.row.distances)
        return shown(self.distance)

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
    def reads(self) -> list[float]:
        """The part of a uniform shift that a DDPM's network reports at t = T, a training each."""
        return [one.analysis.response.response[-1].value for one in self.trainings if one.analysis]

    @property
    def copies(self) -> list[float]:
        """Share of samples that lie near a training image, a training each."""
        return [one.analysis.memorised.closer_in_class.value for one in self.trainings if one.analysis]

    @property
    def thinner(self) -> list[float]:
        """The part by which the strokes are thinner than real ones, a training each."""
        return [1 - part for part in self._beside_real("stroke")]

    @property
    def paler(self) -> list[float]:
        """The part of the ink of real digits that the samples lack, a training each."""
        return [1 - part for part in self._beside_real("ink")]

    def _beside_real(self, look: str) -> list[float]:
        """A measure of the samples' looks, over that of real digits, a training each that has it."""
        found = (
            (getattr(s, look), getattr(one.measure.real, look))
            for s, one in zip(self.samples, self.trainings, strict=True)
        )
        return [one.value / real.value for one, real in found if one and real]


def named(results: Results) -> dict[str, Change]:
    """The table's rows by the names of their models, in the table's order."""
    found: dict[str, Change] = {}
    for row in table(results):
        change = Change(row, {})
        if row.name == row.model:
            found[row.model] = change
        else:
            found[row.model].ways[row.name.partition(".")[2]] = change
    return found


def values(results: Results | None) -> dict[str, Any]:
    """Values of the section; `beyond` has the rows by name."""
    if not results:
        return {"beyond": {}, "beyond_precisions": {}, "table_beyond": None, "tuning": {}}
    trains = [one.train for one in results.trainings.values()]
    auto = [one for one in trains if one.settings["precision"] == "auto"]
    return {
        "beyond": named(results),
        "beyond_precisions": {
            "all": counted(auto),
            "fp32": counted((one for one in auto if one.environment["precision"] == "fp32"), auto),
        },
        "table_beyond": _table(results),
        "tuning": _tuning(results) if results.tuning else {},
    }


def _tuning(results: Results) -> dict[str, Any]:
    """Of each model the ways that were tried, and the distance as it is reported over the best of them."""
    found: dict[str, Any] = {"n": results.tuning.settings["n"]}
    for model in dict.fromkeys(one.model for one in results.tuning.tried):
        ones = [one for one in results.tuning.tried if one.model == model]
        settings = results.first(model).train.settings
        way = results.first(model).measure.ways["ddim_24" if "schedule" in settings else "grey"].changes
        told = next(one for one in ones if sampling_of(settings, one.changes) == sampling_of(settings, way))
        digits = [one.distances["digits"] for one in ones]
        found[model] = {"tried": counted(digits), "ratio": told.distances["digits"] / min(digits)}
    return found


def _table(results: Results) -> Markdown:
    head = ("Model", "Calls", "Time, ms", "Distance", "Autoencoder", "Divergence", "Digits", "Coverage")
    rows = [one for row in named(results).values() for one in (row, *row.ways.values()) if one.name in TOLD]
    return markdown_table(head, [_line(row) for row in rows], (14, 3, 4, 9, 7, 6, 5, 5))


def _line(one: Change) -> tuple[Any, ...]:
    return (
        escape(describe(one.row)),
        one.calls,
        DASH if one.seconds is None else num(1000 * one.seconds, 2),
        one.shown,
        each(one.label_free) if one.label_free else DASH,
        num(one.divergence, 2),
        DASH if one.digit is None else percent(one.digit),
        fixed(one.coverage),
    )
