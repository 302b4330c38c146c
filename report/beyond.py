"""Beyond the study: the released table of changes, for the section of that name; see `study.changes`."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

from diffusion.evaluation.interval import Interval
from diffusion.evaluation.results import Response
from diffusion.figures.images import grids
from diffusion.figures.style import save
from diffusion.provenance import releases
from report.study import MODELS
from report.text_format import (
    DASH,
    Markdown,
    escape,
    fixed,
    integer,
    listing,
    num,
    percent,
    percent_range,
    span,
)
from report.text_format import table as markdown_table
from study.changes import Row, describe, lines, table
from study.figures import changes
from study.records import (
    Checkpoint,
    Results,
    Trained,
    kept_path,
    load_results,
    sampling_of,
    trainings_in,
)

WIDE = {"dilations": [1, 2, 4, 1]}  # the last layers see all of the image
ROBUST = {"network": "unet", "latent_noise": 0.3, "prior": "mixture"}
MORE_ROBUST = ROBUST | {"latent_noise": 0.5}
FALLING = {"noise": 0.8, "power": 2.0}
# The rows of which the text tells, in the order of the figure: name -> process, and its changes.
SAID: dict[str, tuple[str, dict[str, Any]]] = {
    "ddpm": ("ddpm", {}),
    "ddpm_30": ("ddpm", {"epochs": 30}),
    "ddpm_rms": ("ddpm", {"network_options": {"norm": "rms"}}),
    "ddpm_dilated": ("ddpm", {"network_options": WIDE}),
    "ddpm_unet": ("ddpm", {"network": "unet"}),
    "ddpm_float32": ("ddpm", {"network": "unet", "precision": "fp32"}),
    "ddpm_short": ("ddpm", {"network": "unet", "epochs": 3}),
    "ddpm_ddim": ("ddpm", {"network": "unet", "steps": 24, "sampler": "ddim"}),
    "zoom": ("zoom", {}),
    "zoom_short": ("zoom", {"epochs": 3}),
    "zoom_bilinear": ("zoom", {"interpolation": "bilinear"}),
    "zoom_mixture": ("zoom", {"prior": "mixture"}),
    "zoom_control": ("zoom", {"latent_noise": 0.3, "prior": "mixture", "noise": 0.2}),
    "zoom_dilated": ("zoom", {"network_options": WIDE}),
    "zoom_wide_mixture": ("zoom", {"network_options": WIDE, "prior": "mixture"}),
    "zoom_wide_noisy": (
        "zoom",
        {"network_options": WIDE} | {k: v for k, v in MORE_ROBUST.items() if k != "network"} | FALLING,
    ),
    "zoom_unet": ("zoom", {"network": "unet"}),
    "zoom_unet_mixture": ("zoom", {"network": "unet", "prior": "mixture"}),
    "zoom_unet_noisy": ("zoom", {name: ROBUST[name] for name in ("network", "latent_noise")}),
    "zoom_still": ("zoom", ROBUST),
    "zoom_noisy": ("zoom", ROBUST | {"noise": 0.2}),
    "zoom_noisier": ("zoom", ROBUST | {"noise": 0.3}),
    "zoom_constant": ("zoom", MORE_ROBUST | {"noise": 0.3}),
    "zoom_best": ("zoom", MORE_ROBUST | FALLING),
}
SAMPLED = {  # those whose samples are shown, and their titles; more would not fit
    "ddpm": "DDPM, the base",
    "zoom": "Zoom, the base",
    "ddpm_rms": "DDPM, RMS norm",
    "zoom_dilated": "Zoom, dilated",
    "ddpm_dilated": "DDPM, dilated",
    "zoom_unet": "Zoom, U-Net",
    "ddpm_unet": "DDPM, U-Net",
    "zoom_best": "Zoom, U-Net and falling noise",
}
FIGURE, SAMPLES = "beyond.svg", "beyond_samples.png"
SETTLED = 1.5  # two trainings whose distances differ by a smaller factor agree
SHOWN = 16  # samples of each model


@cache
def load(name: str) -> Results | None:
    """The released results of a profile, or None where none are measured."""
    out = releases() / name
    pairs = trainings_in(out) if name and out.is_dir() else []
    results = load_results(out, pairs) if pairs else None
    return results if results and table(results) else None


def draw(results: Results | None, folder: Path) -> list[Path]:
    """Write the figures: the changes of which the text tells, samples of their models; returns the files."""
    if results is None:
        return []
    told, samples = said(results), {}
    rows = list(told.values())
    floor = results.first(rows[0].model).measure.final.floor
    own = _own(table(results))
    for title, row in ((title, told.get(name)) for name, title in SAMPLED.items()):
        if row in own and kept_path(results.out, name := f"samples_{row.model}-{row.seeds[0]}").is_file():
            samples[title] = results.kept(name)[:SHOWN]
    shown = [row for row in rows if "precision" not in row.changes]  # the appendix tells of that
    paths = [save(changes(lines(shown), floor and floor.mean), folder / FIGURE)]
    return paths + ([save(grids(samples, across=2), folder / SAMPLES)] if samples else [])


def said(results: Results | None) -> dict[str, Row]:
    """The rows of which the text tells, of those that there are, by name."""
    rows = table(results) if results else []
    return {
        name: row
        for name, (process, changes) in SAID.items()
        for row in rows
        if (row.process, row.changes) == (process, changes)
    }


def findings(results: Results | None, study: Results) -> dict[str, bool]:
    """Findings beyond the study, by the names that guards use; none where there is no table.

    The zoom's distance swings from checkpoint to checkpoint, so that one training ranks no networks by it.
    What is said of it rests on losses and restorations, on samples of the same weights, or on two trainings.

    Args:
        study: the trainings of the study's length.
    """
    rows = said(results)
    borders = {name: _borders(results, row) for name, row in rows.items()}

    def all_of(*names: str) -> bool:
        return rows.keys() >= set(names)

    restored = {name: _restored(results, row) for name, row in rows.items() if row.process == "zoom"}
    losses = {name: _losses(results, row) for name, row in rows.items()}
    digit = {name: row.digit for name, row in rows.items() if row.digit is not None}
    linear = study.first("linear").measure.final.frechet if "linear" in study.models else None
    of_study = _digits(study)
    late = _late_means(study, "zoom")
    seen = {name: [one.response[0].value for one in _responses(results, row)] for name, row in rows.items()}
    mixes = _mixes(results, rows)
    diverged = [row.classes.divergence.value for row in _late(study, "zoom")]
    constant = ("zoom_noisy", "zoom_noisier", "zoom_constant")
    at_the_end = [row.frechet.value for model in study.models for row in _late(study, model)]
    return {
        "some_in_float32": "fp32" in _precisions(results),
        # The normalisation that keeps the mean: a steadier ground and a smaller distance.
        "norm_mends_ground": all_of("ddpm", "ddpm_rms")
        and max(borders["ddpm_rms"]) < min(borders["ddpm"]) / 2
        and max(rows["ddpm_rms"].distances) < min(rows["ddpm"].distances),
        # At the smallest time step its network reports more of an offset, and the U-Net's as well.
        "norm_reports_offset": all_of("ddpm", "ddpm_rms", "ddpm_unet")
        and all(seen[name] for name in ("ddpm", "ddpm_rms", "ddpm_unet"))
        and min(seen["ddpm_rms"] + seen["ddpm_unet"]) > 2 * max(seen["ddpm"]),
        # A view of all of the image at full size leaves the backgrounds adrift, and the distance large.
        "dilations_not_enough": all_of("ddpm_dilated", "ddpm_unet")
        and min(borders["ddpm_dilated"]) > 10 * max(borders["ddpm_unet"])
        and min(rows["ddpm_dilated"].distances) > 2 * max(rows["ddpm_unet"].distances),
        # The U-Net, in every training: closer than the study's network with any epochs and normalisation.
        "unet_ddpm_closer": all_of("ddpm_rms", "ddpm_unet")
        and bool(linear)
        and max(rows["ddpm_unet"].distances) < min(linear.low, *rows["ddpm_rms"].distances),
        # With DDIM at the zoom's cost, too: closer than every late checkpoint of every model of the study.
        "unet_ddim_closest": all_of("ddpm_ddim")
        and bool(at_the_end)
        and max(rows["ddpm_ddim"].distances) < min(at_the_end),
        # With few epochs the U-Net is within a quarter of what the study's network has in the end.
        "unet_short_near": all_of("ddpm_short")
        and bool(linear)
        and max(abs(one / linear.value - 1) for one in rows["ddpm_short"].distances) < 0.25,
        # The same training in float32 and in bfloat16.
        "precision_alike": all_of("ddpm_unet", "ddpm_float32")
        and abs(rows["ddpm_float32"].distance.value / rows["ddpm_unet"].distance.value - 1) < 0.15,
        "unet_draws_digits": "ddpm_unet" in digit and bool(of_study) and digit["ddpm_unet"] > max(of_study),
        # Trainings with a decaying rate agree.
        "decay_settles": bool(_repeated(results)) and _apart(results) < SETTLED,
        # A tenth of the epochs does for the zoom what the study's constant rate does, and not for a DDPM.
        "tenth_suffices_zoom": all_of("ddpm", "zoom")
        and bool(linear)
        and bool(late)
        and fmean(rows["zoom"].distances) < fmean(late)
        and min(rows["ddpm"].distances) > 1.25 * linear.value,
        "three_not_enough": all_of("zoom_short")
        and bool(late)
        and min(rows["zoom_short"].distances) > fmean(late),
        # Three tenths of the study's epochs are not yet within a quarter of what all of them give.
        "thirty_far": all_of("ddpm_30")
        and bool(linear)
        and min(rows["ddpm_30"].distances) > 1.25 * linear.value,
        # A bilinear zoom: no further from the base than two trainings of one model may be apart.
        "bilinear_alike": all_of("zoom", "zoom_bilinear")
        and 1 / SETTLED < rows["zoom_bilinear"].distance.value / rows["zoom"].distance.value < SETTLED,
        "unet_restores": all_of("zoom", "zoom_unet")
        and min(restored["zoom_unet"]) > max(restored["zoom"])
        and max(losses["zoom_unet"]) < min(losses["zoom"]),
        "unet_generates_worse": all_of("zoom", "zoom_unet")
        and min(len(rows[name].distances) for name in ("zoom", "zoom_unet")) > 1
        and max(rows["zoom"].distances) < min(rows["zoom_unet"].distances),
        # Trained on noisy latents: half as many samples are no digits, or fewer.
        "robust_draws": digit.keys() >= {"zoom_unet_mixture", "zoom_still", "zoom_noisy"}
        and 1 - min(digit["zoom_still"], digit["zoom_noisy"]) < (1 - digit["zoom_unet_mixture"]) / 2,
        "noise_then_helps": all_of("zoom_still", "zoom_noisy")
        and rows["zoom_noisy"].divergence < 0.8 * rows["zoom_still"].divergence
        and max(rows["zoom_noisy"].distances) < min(rows["zoom_still"].distances),
        # For the zoom such a view and a start drawn together do what neither does alone.
        "wide_start_helps": all_of("zoom_mixture", "zoom_dilated", "zoom_wide_mixture")
        and max(rows["zoom_wide_mixture"].distances)
        < 0.75 * min(*rows["zoom_mixture"].distances, *rows["zoom_dilated"].distances)
        and digit.keys() >= {"zoom_mixture", "zoom_wide_mixture"}
        and digit["zoom_wide_mixture"] > digit["zoom_mixture"]
        and rows["zoom_wide_mixture"].coverage > rows["zoom_mixture"].coverage,
        # That network gains nothing by the noise that the U-Net needs.
        "noise_not_for_wide": all_of("zoom_wide_mixture", "zoom_wide_noisy")
        and min(rows["zoom_wide_noisy"].distances) > max(rows["zoom_wide_mixture"].distances)
        and rows["zoom_wide_noisy"].divergence > rows["zoom_wide_mixture"].divergence,
        # The control: the study's network with the same noise and start stays where the start brings it.
        "noise_needs_unet": all_of("zoom_mixture", "zoom_control", "zoom_noisy")
        and min(rows["zoom_control"].distances) > 1.3 * max(rows["zoom_noisy"].distances)
        and min(rows["zoom_control"].distances) > 0.9 * min(rows["zoom_mixture"].distances)
        and digit.keys() >= {"zoom_mixture", "zoom_control"}
        and digit["zoom_control"] > digit["zoom_mixture"],
        # Noise that falls along the walk: closer, and with a better mix, than any that is constant.
        "falling_helps": all_of("zoom_best", *constant)
        and all(max(rows["zoom_best"].distances) < min(rows[name].distances) for name in constant)
        and all(rows["zoom_best"].divergence < rows[name].divergence for name in constant),
        "mix_mended": all_of("zoom_best")
        and bool(diverged)
        and rows["zoom_best"].divergence < 0.3 * fmean(diverged),
        # At the same number of network calls the zoom is closer, draws more digits and covers more.
        "zoom_wins_at_equal_cost": all_of("ddpm_ddim", "zoom_best")
        and rows["ddpm_ddim"].calls == rows["zoom_best"].calls
        and max(rows["zoom_best"].distances) < min(rows["ddpm_ddim"].distances)
        and digit.keys() >= {"zoom_best", "ddpm_ddim"}
        and digit["zoom_best"] > digit["ddpm_ddim"]
        and rows["zoom_best"].coverage > rows["ddpm_ddim"].coverage,
        # With all its steps that DDPM is about as close.
        "level_with_more_calls": all_of("ddpm_unet", "zoom_best")
        and rows["ddpm_unet"].calls > 4 * rows["zoom_best"].calls
        and abs(rows["zoom_best"].distance.value / rows["ddpm_unet"].distance.value - 1) < 0.15,
        # With the classes weighted as in the data the zoom is the closer one, though it is asked less often.
        "closer_without_mix": mixes.keys() >= {"ddpm_unet", "zoom_best"}
        and max(one.high for one in mixes["zoom_best"]) < min(one.low for one in mixes["ddpm_unet"]),
        # Less than twice as many samples near a training image as there are test images, in each class.
        "few_copies": bool(copies := _copies(results, rows)) and max(copies) < 0.1,
    }


def context(results: Results | None, study: Results) -> dict[str, Any]:
    """Values that the section prints: `beyond.rows` has the rows of `SAID`."""
    if results is None:
        return {"beyond": None}
    rows, whole = said(results), table(results)
    responses = {name: _responses(results, row) for name, row in rows.items()}
    zooms = [study.trainings["zoom", seed] for seed in study.seeds("zoom")]
    linear = study.first("linear").train.settings if "linear" in study.models else {}
    found = {
        "table": _table(whole),
        "epochs": whole[0].epochs,
        "n": integer(whole[0].n),
        "shown": SHOWN,
        "rows": rows,
        "distances": {name: _distance(row) for name, row in rows.items()},
        "border": {name: listing(num(sd, 2) for sd in _borders(results, row)) for name, row in rows.items()},
        "loss": {name: listing(map(num, _losses(results, row))) for name, row in rows.items()},
        "restored": {name: percent_range(_restored(results, row)) for name, row in rows.items()},
        "seen": {
            name: percent_range(one.response[0].value for one in found) for name, found in responses.items()
        },
        "seen_at": min((one.t[0] for found in responses.values() for one in found), default=None),
        "mix": {
            name: listing(num(one.value) for one in found) for name, found in _mixes(results, rows).items()
        },
        "steps_of_study": linear and (sampling_of(linear)["steps"] or linear["T"]),
        "late": listing(map(num, _late_means(study, "zoom"))),
        "apart": _apart(results),
        "latent_noise": ROBUST["latent_noise"],
        "more_latent_noise": MORE_ROBUST["latent_noise"],
        "noise": {name: changes["noise"] for name, (_, changes) in SAID.items() if "noise" in changes},
        "late_divergence": fmean(row.classes.divergence.value for row in _late(study, "zoom"))
        if zooms
        else None,
        "precisions": _precisions(results),
        "rate": results.first(whole[0].model).train.settings["learning_rate"],
        "copies": percent_range(_copies(results, rows)),
    }
    return {"beyond": found}


def _late(study: Results, model: str) -> list[Checkpoint]:
    """The late checkpoints of all trainings of a model."""
    ones = [study.trainings[model, seed].measure for seed in study.seeds(model)]
    return [row for one in ones if one for row in one.late()]


def _late_means(study: Results, model: str) -> list[float]:
    """The mean distance over the late checkpoints, a training each."""
    ones = [study.trainings[model, seed].measure for seed in study.seeds(model)]
    return [fmean(row.frechet.value for row in one.late()) for one in ones if one]


def _trainings(results: Results, row: Row) -> list[Trained]:
    return [results.trainings[row.model, seed] for seed in row.seeds]


def _borders(results: Results, row: Row) -> list[float]:
    """The spread over samples of the border's grey before clamping, a training each."""
    return [one.measure.final.border.sd for one in _trainings(results, row)]


def _restored(results: Results, row: Row) -> list[float]:
    """Share of the most degraded digits that a zoom model restores to the right class, a training each."""
    probes = [one.train.zoom for one in _trainings(results, row)]
    return [probe.confusion.accuracy for probe in probes if probe]


def _losses(results: Results, row: Row) -> list[float]:
    """The test loss after the last epoch, a training each."""
    return [one.train.history[-1].test_loss for one in _trainings(results, row)]


def _responses(results: Results, row: Row) -> list[Response]:
    """The part of a uniform shift that a DDPM's network reports, a training each."""
    analyses = [one.analysis for one in _trainings(results, row)]
    return [one.response for one in analyses if one and one.response]


def _precisions(results: Results | None) -> list[str]:
    """The precision of each training that left it to the machine."""
    trained = [one.train for one in results.trainings.values()] if results else []
    return [one.environment["precision"] for one in trained if one.settings["precision"] == "auto"]


def _repeated(results: Results | None) -> list[Row]:
    """The zoom models with more than one training, each with its own samples."""
    own = _own(table(results)) if results else []
    return [row for row in own if row.process == "zoom" and len(row.distances) > 1]


def _apart(results: Results | None) -> float:
    """The largest ratio of the distances of trainings of one zoom model."""
    return max((max(row.distances) / min(row.distances) for row in _repeated(results)), default=1.0)


def _own(rows: Sequence[Row]) -> list[Row]:
    """The rows of models as they are, each model's first."""
    first = {row.model: row for row in reversed(rows)}
    return list(reversed(first.values()))


def _mixes(results: Results | None, rows: Mapping[str, Row]) -> dict[str, list[Interval]]:
    """Distances of samples weighted to the classes of the data, a training each.

    Of rows that are a model's own samples, and trainings that are analysed.
    """
    found, own = {}, _own(table(results)) if results else []
    for name, row in rows.items():
        if row in own:
            analyses = [one.analysis for one in _trainings(results, row)]
            found[name] = [one.mix.reweighted for one in analyses if one]
    return {name: mixes for name, mixes in found.items() if mixes}


def _copies(results: Results | None, rows: Mapping[str, Row]) -> list[float]:
    """Share of samples of the best zoom model that lie near a training image, a training each."""
    best = rows.get("zoom_best")
    ones = [results.trainings[best.model, seed] for seed in best.seeds] if best else []
    return [one.analysis.memorised.closer_in_class.value for one in ones if one.analysis]


def _digits(study: Results) -> list[float]:
    """The share of digits of each training of the study."""
    analyses = [one.analysis for one in study.trainings.values() if one.analysis]
    return [one.drawn[0].digit.value for one in analyses if one.model in MODELS]


def _table(rows: Sequence[Row]) -> Markdown:
    head = ("Model", "Calls", "Distance", "Of the base", "Divergence", "Digits", "Coverage")
    return markdown_table(head, [_line(row) for row in rows], (14, 3, 10, 5, 6, 5, 5))


def _line(row: Row) -> tuple[Any, ...]:
    return (
        escape(describe(row)),
        row.calls,
        _distance(row),
        fixed(row.ratio),
        num(row.divergence, 2),
        DASH if row.digit is None else percent(row.digit),
        fixed(row.coverage),
    )


def _distance(row: Row) -> Markdown:
    """The distance of each training; of a single one with the interval of its samples."""
    if len(row.distances) > 1:
        return listing(map(num, row.distances))
    return row.distance.shown(span)


def rows_json(results: Results) -> list[Mapping[str, Any]]:
    """The table for `table.json`."""
    return [row.json() for row in table(results)]
