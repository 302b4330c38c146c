"""Figures of images in the paper: samples without selection, by confidence, and for the front page."""

import base64
import io
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from diffusion.figures import tile
from paper.figures.changes import changes
from report.figures.images import as_bytes, rows
from report.figures.lessons import grids
from report.figures.pictures import SHOWN
from report.figures.print_style import ABOUT, PNG
from report.figures.styles import MODELS, figure, title_of
from report.results.definitions import UNPICKED
from report.results.kept import kept_path
from report.results.views import Results

SAMPLED = {  # title -> kept samples; more would not fit
    "DDPM, original network": "samples_linear-1",
    "Zoom, original network": "samples_zoom-1",
    "DDPM, RMS norm": "samples_linear_rms-0",
    "Zoom, dilated": "samples_zoom_dilated-0",
    "DDPM, dilated": "samples_linear_dilated-0",
    "Zoom, U-Net": "samples_zoom_unet-0",
    "DDPM, U-Net": "samples_linear_unet-0",
    "Zoom, U-Net, training noise": "samples_zoom_unet_noise-0",
}
NEAREST = 14  # samples above their nearest training images
SIDE, GAP = 4, 2  # of `front`: rows and columns, and pixels between images
ROWS = (  # of the figure of changes, from the top
    *("linear", "linear_rms", "linear_unet", "linear_unet.ddim_24", "cosine_unet", "cosine_unet.ddim_24"),
    *("zoom", "zoom.mixture", "zoom_dilated", "zoom_dilated.mixture", "zoom_noise", "zoom_unet.mixture"),
    *("zoom_unet_noise.still", "zoom_unet_noise", "zoom_unet_noise.grey"),
)


def kept(results: Results | None, names: Mapping[str, str], n: int | None) -> dict[str, np.ndarray]:
    """The first n kept images by title; missing ones are left out.

    Args:
        results: the run; None gives no images.
        names: names of kept images (`report.results.kept`) by title.
        n: number of images; None: all.
    """
    if results is None:
        return {}
    known = {title: name for title, name in names.items() if kept_path(results.out, name).is_file()}
    return {title: results.kept(name)[:n] for title, name in known.items()}


@figure
def unpicked(results: Results) -> Figure | None:
    """Samples of each training of the original models, without selection."""
    trainings = [training for training in results.trainings.values() if training.model in MODELS]
    names = {title_of(results, training): f"samples_{training.name}" for training in trainings}
    samples = kept(results, names, UNPICKED)
    return grids(samples, columns=16, highest=160) if samples else None


@figure
def quality(results: Results, model: str) -> Figure | None:
    """Samples of a model's first training that the classifier reads with most (left) and least confidence."""
    for sets in kept(results, {model: f"quality_{results.first(model).name}"}, 2).values():
        parts = dict(zip(("most confident tenth", "least confident tenth"), sets, strict=True))
        return grids(parts, columns=8, across=2, highest=34)
    return None


@figure
def beyond_samples(results: Results) -> Figure | None:
    """Samples of several models of the release `beyond`."""
    samples = kept(results.beside.get("beyond"), SAMPLED, SHOWN)
    return grids(samples, across=2) if samples else None


@figure
def beyond(results: Results) -> Figure | None:
    """The figure of changes for several models of the release `beyond`."""
    return changes(results.beside["beyond"], ROWS) if "beyond" in results.beside else None


@figure
def nearest(results: Results, images: torch.Tensor) -> Figure | None:
    """The first samples of the zoom's first run, each above the training image with the nearest pixels.

    Args:
        results: the run.
        images: the training images, (N, C, S, S) in [-0.5, 0.5].
    """
    for samples in kept(results, {"": f"samples_{results.first('zoom').name}"}, NEAREST).values():
        train = as_bytes(images)
        pixels = (torch.from_numpy(x).flatten(1).float() for x in (samples, train))
        return rows({"sample": samples, "nearest": train[torch.cdist(*pixels).argmin(1).numpy()]})
    return None


class Tiles(NamedTuple):
    """A small picture for the output of a cell, without scaling, and the name of its model."""

    png: bytes
    model: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        about = {"model": self.model, "sources": [], "numbers": []}
        return {
            PNG: base64.b64encode(self.png).decode(),
            ABOUT: about,
            "text/plain": f"samples of {self.model}",
        }


def front(results: Results, model: str) -> Tiles | None:
    """Sixteen samples of a model's first training, for the head of the report's page."""
    if not (samples := kept(results, {model: f"samples_{results.first(model).name}"}, SIDE * SIDE)):
        return None
    few, buffer = torch.from_numpy(samples[model])[:, None], io.BytesIO()
    sheet = tile(few, SIDE, GAP)[0, GAP:-GAP, GAP:-GAP].numpy()
    Image.fromarray(sheet).save(buffer, "png", optimize=True)
    return Tiles(buffer.getvalue(), model)
