"""The report of models of one's own: what each is made of, and all of them beside one another.

It comes first, and alone where a run has none of the study's models. Its text is text/short/10_own.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from diffusion.evaluation.interval import Interval
from diffusion.figures import curves, images
from diffusion.identity.packing import unpack
from diffusion.parameters import changed
from report import beside, front, tables
from report.front import KINDS, called
from report.study import dataset, measured, other_data
from report.text_format import (
    DASH,
    FIXED,
    NUMBERS,
    Markdown,
    bibtex,
    duration,
    escape,
    integer,
    num,
    percent,
    percent_span,
    shown,
    table,
)
from report.verdicts.case import digits
from study.figures.own import compared
from study.figures.styles import plain, titled
from study.records import Final, OtherWay, Results, Trained
from study.settings import Profile

SAMPLES, COMPARED, SCHEDULES = "own_samples.png", "own_compared.svg", "own_schedules.svg"
COLUMNS, MOST = 8, 32  # samples of a model in the first figure: in a row, and in all
NOTHING = Markdown("")
WIDTHS = (15, 14, 14, 12, 11, 6, 7, 13, 8)  # of the table's columns


@dataclass(frozen=True)
class Row:
    """Samples of a training, as it draws them by default or in another way; `digit`: the share of digits."""

    name: str
    one: Trained
    settings: Mapping[str, Any]
    found: Final | OtherWay
    digit: Interval | None

    @property
    def constant(self) -> bool:
        """All of them are one image: no distance means anything."""
        return getattr(self.found, "constant", False)


def models(results: Results) -> list[str]:
    """The measured models that are neither the study's nor have their like among the released ones.

    Of a run with none of the study's models, all that are measured.
    """
    studied = measured(results)
    others = [m for m in results.models if m not in studied and results.first(m).measure]
    return [m for m in others if not studied or _is_own(results, results.first(m))]


def _is_own(results: Results, one: Trained) -> bool:
    own = any(":" in (one.train.settings.get(name) or "") for name in KINDS)
    return own or one.train.process == "own" or bool(other_data(results)) or not beside.counterpart(one)


def rows(results: Results, models: Sequence[str]) -> Iterator[Row]:
    """Those of the models' trainings, and after the first one of a model, of its other ways to sample."""
    for one in (one for one in results.trainings.values() if one.model in models):
        settings, analysis = one.train.settings, one.analysis
        yield Row(titled(results, one), one, settings, one.measure.final, digits(one))
        for way, found in one.measure.ways.items() if one is results.first(one.model) else ():
            digit = analysis.ways[way].digit if analysis and way in analysis.ways else found.digit
            yield Row(f"{titled(results, one)}, {way}", one, changed(settings, found.changes), found, digit)


def figures(results: Results, models: Sequence[str]) -> dict[str, Figure]:
    """The models' samples, measures and noise schedules, all in one figure, by the names of their files."""
    kept = {plain(results.first(m).train.label): beside.kept(results, results.first(m)) for m in models}
    few = {label: samples[: MOST if len(kept) <= 4 else MOST // 2] for label, samples in kept.items()}
    drawn = {SAMPLES: images.grids(few, columns=COLUMNS, across=min(2, len(few)))}
    if found := [row for row in rows(results, models) if not row.constant]:
        measure, samples = found[0].one.measure, [row.found for row in found]
        panels = {"coverage": ([x.variety.coverage for x in samples], measure.real.variety.coverage.value)}
        if measure.real.digit:
            panels = {"digits": ([row.digit for row in found], measure.real.digit.value)} | panels
        if floor := measure.final.floors.get("digits"):
            panels = {"Fréchet distance": ([x.frechet for x in samples], floor.mean)} | panels
        drawn[COMPARED] = compared(panels, [row.name for row in found])
    schedules = {plain(results.first(m).train.label): _schedule(results, m) for m in models}
    if schedules := {label: one for label, one in schedules.items() if one}:
        drawn[SCHEDULES] = curves.schedules(schedules)
    return drawn


def _schedule(results: Results, model: str) -> Any:
    """The noise schedule of a DDPM, as its run keeps it; None of another model."""
    train = results.first(model).train
    path = results.out / train.run / "process.safetensors"
    return unpack(path.read_bytes(), {}).schedule if train.process == "ddpm" and path.is_file() else None


def values(results: Results, profile: Profile, models: Sequence[str], drawn: set[str]) -> dict[str, Any]:
    """Values of a short report's front, and of models of one's own; `drawn` are names of figure files."""
    title = profile.options.get("title", "Cold Zoom Diffusion: your run")
    if not models:
        return {"title": title, "own": []}
    found, one = list(rows(results, models)), results.first(models[0])
    count = NUMBERS[len(models)] if len(models) < len(NUMBERS) else integer(len(models))
    name = f"{count.capitalize()} models" if len(models) > 1 else one.train.label
    title = profile.options.get("title", f"{name} on {dataset(results).title}")
    date, author = profile.options.get("date"), profile.options.get("authors")
    best = sorted((row for row in found if not row.constant), key=lambda row: row.found.frechet.value)
    return {
        "title": title,
        "authors_yaml": Markdown(f"  - {escape(author)}" if author else ""),  # not the project's
        **dict.fromkeys(("licence", "edition", "repository"), ""),
        "citation": bibtex(profile.name, title=title, author=author, year=date and date.year),
        "own": found,
        "own_count": Markdown(count),
        "own_n": sorted({row.found.n for row in found}),
        "own_best": best,
        "own_apart": best and all(best[0].found.frechet.high < row.found.frechet.low for row in best[1:]),
        "own_alone": all(len(results.seeds(model)) == 1 for model in models),
        "own_constant": [row.name for row in found if row.constant],
        "own_measure": one.measure,
        "own_figures": {Path(name).stem for name in drawn},
        "own_sections": front.further(results, models, drawn),
        "own_table": _table(found),
        "own_cost": tables.cost(results),
        "own_environment": tables.environment(results),
        "own_settings": tables.settings(results, lambda one: one.train),
        "own_measuring": tables.settings(results, lambda one: one.measure),
    }


def _table(found: Sequence[Row]) -> Markdown:
    """A row for each set of samples: what draws them, what that costs, and how good they are."""
    lines = []
    for row in found:
        distance = "all one image" if row.constant else shown(row.found.frechet)
        seconds = Markdown(duration(row.found.seconds).replace(" ", FIXED)) if row.found.seconds else DASH
        digit = percent_span(row.digit, 0) if row.digit else DASH
        lines.append([row.name, *made_of(row), row.found.calls or DASH, seconds, distance, digit])
    measure = found[0].one.measure
    real = percent(measure.real.digit.value) if measure.real.digit else NOTHING
    if floor := measure.final.floors.get("digits"):
        lines.append(["Real images", *[NOTHING] * 6, num(floor.mean, 2), real])
    head = ["Model", "Degradation or schedule", "Prior", "Sampler", "Network", "Calls", "Time", "Distance"]
    head += ["Digits"]
    last = len(head) if any(row.digit for row in found) else len(head) - 1
    return table(head[:last], [line[:last] for line in lines], WIDTHS[:last])


def made_of(row: Row) -> list[Markdown]:
    """Degradation or schedule, prior, sampler and network of samples, in words."""
    s, process = row.settings, row.one.train.process
    degrades, prior = "zoom", "noise"
    if process == "ddpm":
        degrades = f"{called(s['schedule'], s['schedule_options'])} schedule"
    else:
        prior = called(s["prior"], s["prior_options"]) if s["prior"] else "its own"
    if process == "own":
        degrades = called(s.get("degradation", row.one.model), s["degradation_options"])
    sampler, network = (called(s[kind], s[f"{kind}_options"]) for kind in ("sampler", "network"))
    steps = f"T{FIXED}={FIXED}{s['T']}"
    return [Markdown(f"{escape(degrades)}, {steps}"), *map(escape, (prior, sampler, network))]
