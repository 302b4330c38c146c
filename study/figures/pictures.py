"""Figures of images: samples of several trainings, as they are kept."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from diffusion.figures import images
from diffusion.figures.style import ABOUT, PNG
from study.counterparts import Pair
from study.figures.distances import RELEASED, YOURS
from study.figures.lessons import grids
from study.figures.styles import MODELS, figure, plain, titled
from study.kept import kept_path
from study.results import Results, Training

UNPICKED = 64  # samples of a training that the supplement shows, as they come
PAIR, TALLEST = 22, 220  # mm: a row of `samples_beside`, and all of them
SHOWN = 16  # samples of each training of `beyond_samples`, and of each side of `samples_beside`
SAMPLED = {  # more would not fit
    "DDPM, study's network": "samples_linear-1",
    "Zoom, study's network": "samples_zoom-1",
    "DDPM, RMS norm": "samples_linear_rms-0",
    "Zoom, dilated": "samples_zoom_dilated-0",
    "DDPM, dilated": "samples_linear_dilated-0",
    "Zoom, U-Net": "samples_zoom_unet-0",
    "DDPM, U-Net": "samples_linear_unet-0",
    "Zoom, U-Net and noise": "samples_zoom_unet_noise-0",
}
SIDE, GAP = 4, 2  # `front` has so many rows and columns, so many pixels apart
COLUMNS, MOST = 8, 32  # of one's own models: samples in a row, and in all


def kept(results: Results | None, names: Mapping[str, str], n: int | None) -> dict[str, np.ndarray]:
    """Title -> the first n of kept images (None: all), where there are any; names are given by title."""
    there = {k: name for k, name in names.items() if results and kept_path(results.out, name).is_file()}
    return {title: results.kept(name)[:n] for title, name in there.items()}


@figure
def unpicked(results: Results) -> Figure | None:
    """More samples of each training of the study."""
    ones = [one for one in results.trainings.values() if one.model in MODELS]
    found = kept(results, {titled(results, one): f"samples_{one.name}" for one in ones}, UNPICKED)
    return grids(found, columns=16, highest=160) if found else None


@figure
def quality(results: Results, model: str) -> Figure | None:
    """Samples of a model's first training that the classifier reads most (left) and least confidently."""
    for found in kept(results, {model: f"quality_{results.first(model).name}"}, 2).values():
        parts = dict(zip(("most confident tenth", "least confident tenth"), found, strict=True))
        return grids(parts, columns=8, across=2, highest=34)
    return None


@figure
def beyond_samples(results: Results) -> Figure | None:
    """Samples of some models beyond the study."""
    found = kept(results.beyond, SAMPLED, SHOWN)
    return grids(found, across=2) if found else None


class Tiles(NamedTuple):
    """A small picture in a cell's output, a pixel for a pixel, and the model that it is of."""

    png: bytes
    of: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        about = {"of": self.of, "sources": [], "numbers": []}
        return {PNG: base64.b64encode(self.png).decode(), ABOUT: about, "text/plain": f"samples of {self.of}"}


def front(results: Results, model: str) -> Tiles | None:
    """Sixteen samples of a model's first training, for the front of the report's page."""
    if not (found := kept(results, {model: f"samples_{results.first(model).name}"}, SIDE * SIDE)):
        return None
    few, buffer = torch.from_numpy(found[model])[:, None], io.BytesIO()
    sheet = images.tiled(few, SIDE, GAP)[0, GAP:-GAP, GAP:-GAP].numpy()
    Image.fromarray(sheet).save(buffer, "png", optimize=True)
    return Tiles(buffer.getvalue(), model)


# --- a run of one's own ---


@figure
def own_samples(results: Results, models: Sequence[str]) -> Figure | None:
    """Samples of some models, their first trainings."""
    names = {plain(one.label): f"samples_{one.name}" for one in map(results.first, models)}
    found = kept(results, names, MOST if len(names) <= 4 else MOST // 2)
    return grids(found, columns=COLUMNS, across=min(2, len(found))) if found else None


@figure
def first_samples(results: Results, found: Sequence[tuple[Training, Pair]]) -> Figure | None:
    """Samples of the first model of a run. See `study.counterparts.firsts`."""
    return images.grid(results.kept(f"samples_{found[0][0].name}")[:UNPICKED], columns=16) if found else None


@figure
def samples_beside(results: Results, found: Sequence[tuple[Training, Pair]]) -> Figure | None:
    """Samples of each model of a run, beside those of its counterpart, or more of its own."""
    blocks = {}
    for one, other in found:
        label, x = plain(one.label), results.kept(f"samples_{one.name}")
        blocks[f"{label}: {YOURS}"] = x[:SHOWN]
        if other:
            blocks[f"{label}: {RELEASED}"] = other[0].kept(f"samples_{other[1].name}")[:SHOWN]
        else:
            blocks[f"{label}: the last ones"] = x[-SHOWN:]
    highest = min(TALLEST, max(images.HIGHEST, PAIR * len(found)))
    return grids(blocks, across=2, highest=highest) if blocks else None
