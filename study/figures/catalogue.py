"""The figures of a run, by file name. Each is made from its records and kept images alone, at any time.

To add one, write a function from `Results` to a Figure, or None where it does not apply, and name its file in
`FIGURES` or, if it is of one model and not of the study alone, in `OF_MODEL`.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from diffusion.evaluation.results import Sampled
from diffusion.figures import curves, images
from diffusion.figures.style import save
from study.figures import distances as along
from study.figures import evidence
from study.figures.styles import MODELS, model_styles, plain
from study.records import LABEL_FREE, SETTLED, Mixed, Results, Trained, ZoomProbes, kept_path

UNPICKED = 64  # samples of each model that are shown as they come
Draw = Callable[[Results], Figure | None]
DrawModel = Callable[[Results, str], Figure | None]


# --- what figures take from results ---


def _label(results: Results, one: Trained) -> str:
    """The name of a training, with its seed where its model has several."""
    seed = f", seed {one.seed}" if len(results.seeds(one.model)) > 1 else ""
    return plain(one.train.label) + seed


def _names(one: Trained) -> dict[str, Any]:
    """Names of the classes of a training's data set, and what one is called."""
    known = one.train.data
    return {"classes": tuple(map(plain, known.classes)), "noun": plain(known.noun)}


def _ddpms(results: Results) -> list[str]:
    return [model for model in results.models if results.first(model).train.process == "ddpm"]


def _measured(results: Results) -> dict[str, Trained]:
    """Label -> every training that is measured."""
    return {_label(results, one): one for one in results.trainings.values() if one.measure}


def _trainings(results: Results, model: str) -> list[Trained]:
    """All trainings of a model that are measured, the first seed first."""
    found = (results.trainings[model, seed] for seed in results.seeds(model))
    return [one for one in found if one.measure]


# --- the study's figures ---


def schedules(results: Results) -> Figure | None:
    if not (found := results.schedules):
        return None
    return curves.schedules({"linear": found.linear, "cosine": found.cosine})


def _noised(x0: np.ndarray, alpha_bar: Sequence[float]) -> np.ndarray:
    """An image x0 in bytes at each alpha_bar, with the same noise, each scaled by its own spread.

    Two standard deviations about a latent's mean fill the range of greys; x0 is left as it is.
    """
    noise = np.random.default_rng(3).standard_normal(x0.shape)
    rows = []
    for a in alpha_bar:
        x = np.sqrt(a) * (x0 / 255 - 0.5) + np.sqrt(1 - a) * noise
        rows.append(x0 if a >= 1 else images.as_bytes((x - x.mean()) / (4 * x.std()))[0])
    return np.stack(rows)


def latents(results: Results) -> Figure | None:
    """The digit of `zoom_progression` under both schedules."""
    found = results.schedules
    if not found or not kept_path(results.out, "zoom").is_file():
        return None
    digit = results.kept("zoom")[0]
    steps = images.steps_of(found.T, 11)
    rows = {"linear": found.linear, "cosine": found.cosine}
    return images.latents(
        {name: _noised(digit, [s.alpha_bar[t] for t in steps]) for name, s in rows.items()}, steps
    )


def zoom_progression(results: Results) -> Figure | None:
    return images.zoom_progression(results.kept("zoom")) if kept_path(results.out, "zoom").is_file() else None


def ddpm_losses(results: Results) -> Figure | None:
    histories = {model: results.first(model).train.history for model in _ddpms(results)}
    return curves.losses(histories, model_styles(results)) if histories else None


def distances(results: Results, models: Iterable[str]) -> Figure | None:
    """Distances of some models over epochs."""
    rows = {
        model: [_distance_rows(one) for one in ones]
        for model in models
        if (ones := _trainings(results, model))
    }
    if not rows:
        return None
    first = _trainings(results, next(iter(rows)))[0]
    floor, noun = first.measure.floors.get("digits"), _names(first)["noun"]
    spread = (floor.mean, floor.sd) if floor else None
    return along.distance_curves(rows, spread, noun, model_styles(results))


def _distance_rows(one: Trained) -> list[dict[str, Any]]:
    found = [(row.epoch, row.frechet) for row in one.measure.curve]
    return [{"epoch": epoch, "value": d.value, "low": d.low, "high": d.high} for epoch, d in found]


def unpicked(results: Results) -> Figure | None:
    """The first samples of each model of the study, its first seed."""
    found = {}
    for model in (m for m in MODELS if m in results.models):
        one = results.first(model)
        if kept_path(results.out, f"samples_{model}-{one.seed}").is_file():
            found[_label(results, one)] = results.kept(f"samples_{model}-{one.seed}")[:UNPICKED]
    return images.grids(found, columns=16) if found else None


def mix(results: Results) -> Figure | None:
    """The zoom's distance against the divergence of its classes, once training has settled."""
    zooms = {label: one for label, one in _measured(results).items() if one.model == "zoom"}
    mixed = results.yardstick.mixed if results.yardstick else []
    panels = {}
    for name in ("digits", LABEL_FREE):
        points = {}
        for label, one in zooms.items():
            rows = [row for row in one.measure.curve if row.epoch > SETTLED * one.train.epochs]
            known = [row for row in rows if _distance(row, name) is not None] or [one.measure.final]
            points[label] = [(row.classes.divergence.value, _distance(row, name)) for row in known]
        real = [(one.divergence, _distance(one, name)) for one in mixed]
        known = [value for pairs in (*points.values(), real) for _, value in pairs]
        if zooms and None not in known:
            panels[f"{name} features"] = points, real
    return along.mix(panels) if panels else None


def _distance(of: Sampled | Mixed, features: str) -> float | None:
    """The Fréchet distance in some features, where it is known."""
    found = of.frechet if features == "digits" else of.distances.get(features)
    return getattr(found, "value", found)


def class_ratios(results: Results) -> dict[str, np.ndarray]:
    """Mean shares of recognised samples of late checkpoints, over those of real images, by training."""
    ratios = {}
    for label, one in _measured(results).items():
        real = np.array(one.measure.real.recognised.share)
        rows = [row.recognised.share for row in one.measure.late() if row.recognised.n]
        if rows and (real > 0).all():
            ratios[label] = np.mean(rows, axis=0) / real
    return ratios


def class_map(results: Results) -> Figure | None:
    ratios = class_ratios(results)
    return along.class_map(ratios, **_names(results.first(results.models[0]))) if ratios else None


def common_loss(results: Results) -> Figure | None:
    probes = {m: results.first(m).train.ddpm for m in ("linear", "cosine") if m in results.models}
    if len(probes) < 2 or not all(probes.values()):
        return None
    linear, cosine = (probes[m].common_loss for m in ("linear", "cosine"))
    return along.common_loss(linear.levels, np.divide(cosine.by_level, linear.by_level))


# --- figures of one model: of its first seed ---


def loss(results: Results, model: str) -> Figure:
    return curves.losses({model: results.first(model).train.history}, model_styles(results))


def _shows(kind: str, show: Callable[[Any, Trained], Figure]) -> DrawModel:
    """The figure that `show` makes of the images of a kind, where they are kept."""

    def function(results: Results, model: str) -> Figure | None:
        one = results.first(model)
        name = f"{kind}_{model}-{one.seed}"
        return show(results.kept(name), one) if kept_path(results.out, name).is_file() else None

    return function


def _shows_probes(show: Callable[[ZoomProbes, Trained], Figure]) -> DrawModel:
    """The figure that `show` makes of what notebook 03 measured, for zoom models."""

    def function(results: Results, model: str) -> Figure | None:
        one = results.first(model)
        return show(one.train.zoom, one) if one.train.zoom else None

    return function


def _steps(one: Trained, n: int, first: int = 0) -> list[int]:
    return images.steps_of(one.train.settings["T"], n, first)


def _classes(one: Trained, n: int) -> tuple[str, ...] | None:
    """Names for n images, one of each class, unless a class has none."""
    found = _names(one)["classes"]
    return found if len(found) == n else None


def _quality(confident: np.ndarray, doubtful: np.ndarray) -> Figure:
    """Figs. 5, 6 and 14: samples that the classifier reads most (left) and least confidently (right)."""
    titled = {"most confident tenth": confident, "least confident tenth": doubtful}
    return images.grids(titled, math.ceil(math.sqrt(len(confident))), across=2, highest=34)


samples = _shows("samples", lambda kept, one: images.grid(kept[:64], columns=16))
quality = _shows("quality", lambda kept, one: _quality(*kept))
trajectory = _shows("trajectory", lambda kept, one: images.trajectory(kept, _steps(one, len(kept))[::-1]))
degradation = _shows(
    "degradation", lambda kept, one: images.latents({one.model: kept}, _steps(one, len(kept)))
)
reconstructions = _shows(
    "reconstructions", lambda kept, one: images.reconstructions(*kept, _steps(one, kept.shape[1], first=1))
)
deepest = _shows("deepest", lambda kept, one: images.reconstructions(*kept, _classes(one, kept.shape[1])))
centre_pixels = _shows_probes(lambda probes, one: curves.centre_pixels(probes.centre_pixels.counts))
confusion = _shows_probes(lambda probes, one: curves.confusion(probes.confusion.matrix, **_names(one)))
reconstruction_error = _shows_probes(
    lambda probes, one: curves.reconstruction_error(
        probes.reconstruction.levels, probes.reconstruction.mse, probes.reconstruction.sd, MODELS["zoom"]
    )
)


def classes_along(results: Results, model: str) -> Figure | None:
    """The classes along training, of up to two seeds."""
    if not (ones := _trainings(results, model)[:2]):
        return None
    rows = {
        f"seed {one.seed}": [{"epoch": row.epoch, "share": row.recognised.share} for row in one.measure.curve]
        for one in ones
    }
    return along.classes_along(rows, ones[0].measure.real.recognised.share, **_names(ones[0]))


def _of(model: str, function: DrawModel) -> Draw:
    return lambda results: function(results, model) if model in results.models else None


# --- of the analyses ---


def quality_calls(results: Results) -> Figure | None:
    found = {}
    for (model, _), one in results.trainings.items():
        if one.analysis:
            found.setdefault(model, []).append([row for row in one.analysis.drawn if not row.noise])
    return evidence.quality_against_calls(found, model_styles(results)) if found else None


def sampling_noise(results: Results) -> Figure | None:
    """The zoom with noise added in each step, all its trainings."""
    rows = {}
    for (model, seed), one in results.trainings.items():
        if model == "zoom" and one.analysis:
            own, *others = one.analysis.drawn
            alike = [row for row in others if (row.sampler, row.calls) == (own.sampler, own.calls)]
            if alike:
                rows[f"seed {seed}"] = [own, *alike]
    return evidence.noise(rows) if rows else None


def offset_response(results: Results) -> Figure | None:
    ones = {model: results.first(model).analysis for model in results.models}
    found = {model: one.response for model, one in ones.items() if one and one.response}
    return evidence.response(found, model_styles(results)) if found else None


def recognised_kinds(results: Results) -> Figure | None:
    return evidence.recogniser(results.yardstick) if results.yardstick else None


def recogniser_curves(results: Results) -> Figure | None:
    candidates = results.yardstick.candidates if results.yardstick else []
    return evidence.recogniser_curves(candidates) if len(candidates) > 1 else None


def yardstick(results: Results) -> Figure | None:
    if not results.yardstick:
        return None
    finals = {key: one.measure.final.frechet.value for key, one in results.trainings.items() if one.measure}
    return evidence.yardstick(results.yardstick.distorted, finals, model_styles(results))


FIGURES: dict[str, Draw] = {
    "fig01_schedules.svg": schedules,
    "fig02_latents.png": latents,
    "fig03_ddpm_losses.svg": ddpm_losses,
    "fig04_fid_ddpm.svg": lambda results: distances(results, _ddpms(results)),
    "fig05_linear_samples.png": _of("linear", quality),
    "fig06_cosine_samples.png": _of("cosine", quality),
    "fig07_zoom.png": zoom_progression,
    "fig08_centre_pixels.svg": _of("zoom", centre_pixels),
    "fig09_zoom_losses.svg": _of("zoom", loss),
    "fig10_reconstructions.png": _of("zoom", reconstructions),
    "fig11_level24.png": _of("zoom", deepest),
    "fig12_trajectory.png": _of("zoom", trajectory),
    "fig13_fid_all.svg": lambda results: distances(results, results.models),
    "fig14_zoom_samples.png": _of("zoom", quality),
    "class_map.svg": class_map,
    "classes_along.svg": _of("zoom", classes_along),
    "common_loss.svg": common_loss,
    "mix.svg": mix,
    "unpicked.png": unpicked,
    "confusion.svg": _of("zoom", confusion),
    "reconstruction_error.svg": _of("zoom", reconstruction_error),
    "quality_calls.svg": quality_calls,
    "sampling_noise.svg": sampling_noise,
    "offset_response.svg": offset_response,
    "recognised_kinds.svg": recognised_kinds,
    "recogniser_curves.svg": recogniser_curves,
    "yardstick.svg": yardstick,
}
OF_MODEL: dict[str, DrawModel] = {  # of models beside the study's
    "loss_{}.svg": loss,
    "samples_{}.png": samples,
    "quality_{}.png": quality,
    "trajectory_{}.png": trajectory,
    "degradation_{}.png": degradation,
    "classes_along_{}.svg": classes_along,
}


def figures_of(results: Results) -> dict[str, Draw]:
    """File name -> function, for the run's figures and those of each of its models beside the study's."""
    found = dict(FIGURES)
    for model in (m for m in results.models if m not in MODELS):
        found |= {name.format(model): _of(model, function) for name, function in OF_MODEL.items()}
    return found


def draw(results: Results, folder: Path, names: Iterable[str] | None = None) -> list[Path]:
    """Write the figures of a run into `folder`, each whole or not at all; returns the files.

    Args:
        names: file names of some of `figures_of(results)`; None: all that apply to the run.
    """
    every = figures_of(results)
    written = []
    for name in every if names is None else names:
        if (figure := every[name](results)) is not None:
            written.append(save(figure, Path(folder) / name))
    return written
