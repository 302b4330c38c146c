"""The paper's figures of images: more samples of each training, good and bad ones, and those of its front."""

import base64
import io
from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure
from PIL import Image

from diffusion.figures import images
from diffusion.figures.style import ABOUT, PNG
from report.figures.changes import changes
from report.figures.lessons import grids
from report.figures.pictures import SHOWN, kept
from report.figures.styles import MODELS, figure, title_of
from report.results.definitions import UNPICKED
from report.results.views import Results

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
ROWS = (  # of the figure of changes, from above
    *("linear", "linear_rms", "linear_unet", "linear_unet.ddim_24", "cosine_unet", "cosine_unet.ddim_24"),
    *("zoom", "zoom.mixture", "zoom_dilated", "zoom_dilated.mixture", "zoom_noise", "zoom_unet.mixture"),
    *("zoom_unet_noise.still", "zoom_unet_noise", "zoom_unet_noise.grey"),
)


@figure
def unpicked(results: Results) -> Figure | None:
    """More samples of each training of the study."""
    ones = [one for one in results.trainings.values() if one.model in MODELS]
    found = kept(results, {title_of(results, one): f"samples_{one.name}" for one in ones}, UNPICKED)
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
    found = kept(results.beside.get("beyond"), SAMPLED, SHOWN)
    return grids(found, across=2) if found else None


@figure
def beyond(results: Results) -> Figure | None:
    """Some of the models beyond the study."""
    return changes(results.beside["beyond"], ROWS) if "beyond" in results.beside else None


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
