"""The front of the HTML page: pictures of what the models draw, and values of all models of a run."""

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.utils import make_grid

from diffusion.files import write_bytes
from report.text_format import DASH, Markdown, escape, listing, num, percent
from study.records import Final, Results, Trained, kept_path

SIDE, GAP = 4, 2  # pictures have so many rows and columns of samples, so many pixels apart
RELEASED = Path(__file__).resolve().parents[1] / "released" / "page"
PLAY, STRIP = RELEASED / "cold-zoom.html", RELEASED / "strip.png"  # the page to play with, and its picture
PLAY_PICTURE = "front_play.png"


def played() -> bool:
    """True where there is a page to play with."""
    return PLAY.is_file() and STRIP.is_file()


def draw(results: Results, folder: Path) -> list[Path]:
    """Write pictures of each model's first samples and of the page to play with; returns the files."""
    strip = [write_bytes(folder / PLAY_PICTURE, STRIP.read_bytes())] if played() else []
    return strip + [
        write_bytes(folder / name, tiles(results.kept(kept))) for name, kept, _ in _pictures(results)
    ]


def _pictures(results: Results) -> list[tuple[str, str, Markdown]]:
    """Of each model with kept samples: the picture's file, the samples' name, the model's label."""
    firsts = [results.first(model).train for model in results.models]
    found = [(f"front_{t.model}.png", f"samples_{t.model}-{t.seed}", escape(t.label)) for t in firsts]
    return [one for one in found if kept_path(results.out, one[1]).is_file()]


def tiles(images: np.ndarray) -> bytes:
    """The first images, (n, h, w) uint8, in reading order as a grey PNG, a pixel for a pixel."""
    few = torch.from_numpy(images[: SIDE * SIDE])[:, None]  # (16, 1, h, w)
    sheet = make_grid(few, nrow=SIDE, padding=GAP)[0, GAP:-GAP, GAP:-GAP].numpy()
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def context(results: Results) -> dict[str, Any]:
    """Values that the front prints."""
    ones = [one for one in map(results.first, results.models) if one.measure]
    floor = ones[0].measure.final.floor
    return {
        "play": Markdown(PLAY.name),
        "play_picture": Markdown(f"figures/{PLAY_PICTURE}"),
        "front_pictures": Markdown(
            "\n".join(
                f"- ![Samples of {label}, light strokes on black.](figures/{file}) [{label}]{{.name}}"
                for file, _, label in _pictures(results)
            )
        ),
        "all_unsure": _all(ones, lambda final: percent(final.low_confidence.value)),
        "all_distances": _all(ones, lambda final: DASH if final.constant else num(final.frechet.value)),
        "floor_said": num(floor.mean, 2) if floor else DASH,
    }


def _all(ones: Iterable[Trained], show: Callable[[Final], Markdown]) -> Markdown:
    """One value for each model: "12.1 (DDPM, linear) and 13.4 (Cold Zoom)"."""
    return listing(Markdown(f"{show(one.measure.final)} ({escape(one.train.label)})") for one in ones)
