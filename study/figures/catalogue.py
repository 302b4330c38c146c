"""The figures of images, and `draw`, which writes all figures of a run.

To add a figure, write a function from `Results` to a Figure (None where it does not apply) beneath
`@figure("name.svg")` in a module of this folder, and show it in report/text.
"""

from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from diffusion.evaluation.results import Sampled
from diffusion.figures import curves, images
from diffusion.figures.numbers import keep
from study.figures import distances as along
from study.figures.styles import FIGURES, MODELS, figure, titled
from study.records import LABEL_FREE, SETTLED, Mixed, Results, TrainRecord, kept_path

ROW, UNPICKED = 16, 64  # samples of a training that the first figure and the supplement show, as they come
# Trainings beyond the study in the first figure: the best zoom without noise, and the best with it.
BEST = {"zoom_dilated-0": "Dilated zoom", "zoom_unet_noise-0": "U-Net zoom, noisy"}
SHOWN = 16  # samples of each training of `beyond_samples`
SAMPLED = {  # training beyond the study -> its title; more would not fit
    "linear-1": "DDPM, study's network",
    "zoom-1": "Zoom, study's network",
    "linear_rms-0": "DDPM, RMS norm",
    "zoom_dilated-0": "Zoom, dilated",
    "linear_dilated-0": "DDPM, dilated",
    "zoom_unet-0": "Zoom, U-Net",
    "linear_unet-0": "DDPM, U-Net",
    "zoom_unet_noise-0": "Zoom, U-Net and noise",
}


def _kept(results: Results | None, kind: str, training: str = "") -> np.ndarray | None:
    """Kept images of a kind, of one training `model-seed`; None where there are none."""
    name = f"{kind}_{training}" if training else kind
    return results.kept(name) if results and kept_path(results.out, name).is_file() else None


def picture(name: str, kind: str) -> Callable[[Callable], Callable]:
    """Register a function of a training's record and its kept images of a kind: of a model's first training.

    A name without {} is the zoom's.
    """

    def register(show: Callable[[TrainRecord, np.ndarray], Figure]) -> Callable[..., Figure | None]:
        def function(results: Results, model: str = "zoom") -> Figure | None:
            one = results.first(model).train if model in results.models else None
            kept = _kept(results, kind, f"{model}-{one.seed}") if one else None
            return None if kept is None else show(one, kept)

        return figure(name)(wraps(show)(function))

    return register


# --- degradations ---


@figure("schedules.svg")
def schedules(results: Results) -> Figure | None:
    """Fig. 1: both noise schedules."""
    found = results.schedules
    return curves.schedules({"linear": found.linear, "cosine": found.cosine}) if found else None


@figure("latents.png")
def latents(results: Results) -> Figure | None:
    """Fig. 2: the digit of `zoom_levels` under both schedules, until little of it is left."""
    found, kept = results.schedules, _kept(results, "zoom")
    if not found or kept is None:
        return None
    steps = images.steps_of(round(0.6 * found.T), 7)
    rows = {"linear": found.linear, "cosine": found.cosine}
    return images.latents(
        {name: images.noised(kept[0], [s.alpha_bar[t] for t in steps]) for name, s in rows.items()}, steps
    )


@figure("zoom.png")
def zoom_levels(results: Results) -> Figure | None:
    """Fig. 7: a digit at every zoom level."""
    kept = _kept(results, "zoom")
    return None if kept is None else images.zoom_progression(kept)


@picture("degradation_{}.png", "degradation")
def degradation(train: TrainRecord, kept: np.ndarray) -> Figure:
    """An image on its way down a degradation of one's own."""
    return images.latents({train.model: kept}, images.steps_of(train.settings["T"], len(kept)))


# --- restorations ---


@picture("reconstructions.png", "reconstructions")
def reconstructions(train: TrainRecord, kept: np.ndarray) -> Figure:
    """Fig. 10: restorations at several levels."""
    return images.reconstructions(*kept, images.steps_of(train.settings["T"], kept.shape[1], 1))


@picture("level24.png", "deepest")
def deepest(train: TrainRecord, kept: np.ndarray) -> Figure:
    """Fig. 11: restorations from the last level, an image of each class."""
    known = train.data.classes
    return images.reconstructions(*kept, known if len(known) == kept.shape[1] else None)


@picture("trajectory_{}.png", "trajectory")
def trajectory(train: TrainRecord, kept: np.ndarray) -> Figure:
    """Fig. 12: latents on the way to samples."""
    return images.trajectory(kept, images.steps_of(train.settings["T"], len(kept))[::-1])


# --- samples ---


@figure("first.png")
def first_samples(results: Results) -> Figure | None:
    """A row of samples of each training of the study, real images above, the best beyond it below."""
    rows = {"real digits": _kept(results, "real")}
    for one in (one for one in results.trainings.values() if one.model in MODELS):
        rows[titled(results, one)] = _kept(results, "samples", f"{one.model}-{one.seed}")
    rows |= {name: _kept(results.further, "samples", training) for training, name in BEST.items()}
    found = {name: kept[:ROW] for name, kept in rows.items() if kept is not None}
    return images.rows(found) if len(found) > 1 else None


@figure("unpicked.png")
def unpicked(results: Results) -> Figure | None:
    """More samples of each training of the study."""
    ones = [one for one in results.trainings.values() if one.model in MODELS]
    kept = {titled(results, one): _kept(results, "samples", f"{one.model}-{one.seed}") for one in ones}
    found = {name: x[:UNPICKED] for name, x in kept.items() if x is not None}
    return images.grids(found, columns=16, highest=160) if found else None


@picture("samples_{}.png", "samples")
def samples(train: TrainRecord, kept: np.ndarray) -> Figure:
    """Samples of a model's first training."""
    return images.grid(kept[:UNPICKED], columns=16)


@picture("quality_{}.png", "quality")
def quality(train: TrainRecord, kept: np.ndarray) -> Figure:
    """Samples that the classifier reads most (left) and least confidently (right)."""
    titled = dict(zip(("most confident tenth", "least confident tenth"), kept, strict=True))
    return images.grids(titled, columns=8, across=2, highest=34)


@figure("beyond_samples.png")
def beyond_samples(results: Results) -> Figure | None:
    """Samples of some models beyond the study."""
    kept = {title: _kept(results.further, "samples", training) for training, title in SAMPLED.items()}
    found = {title: x[:SHOWN] for title, x in kept.items() if x is not None}
    return images.grids(found, across=2) if found else None


# --- classes ---


@figure("mix.svg")
def mix(results: Results) -> Figure | None:
    """The zoom's distance against the divergence of its classes, once training has settled."""
    ones = [one for one in results.trainings.values() if one.model == "zoom" and one.measure]
    zooms = {titled(results, one): one for one in ones}
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
            panels[f"{name.removesuffix('s')} features"] = points, real
    return along.mix(panels) if panels else None


def _distance(of: Sampled | Mixed, features: str) -> float | None:
    """The Fréchet distance in some features, where it is known."""
    found = of.frechet if features == "digits" else of.distances.get(features)
    return getattr(found, "value", found)


# --- all of them ---


def draw(results: Results, folder: Path) -> list[Path]:
    """Write the figures of a run and of each of its models, where they apply; returns the files.

    Each is written whole or not at all.
    """
    found: dict[str, Callable[..., Any]] = {n: f for n, f in FIGURES.items() if "{}" not in n}
    for model in results.models:
        found |= {n.format(model): partial(f, model=model) for n, f in FIGURES.items() if "{}" in n}
    drawn = ((name, function(results)) for name, function in found.items())
    return [keep(figure, Path(folder) / name) for name, figure in drawn if figure is not None]
