"""The front of the HTML page, and sections on further models, from the records of any model."""

import io
import re
from collections.abc import Iterable, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.utils import make_grid

from diffusion.files import write_bytes
from report.tables import word
from report.text_format import Markdown, escape, integer, named, num, percent, percent_span, sentence, shown
from report.verdicts.case import digits
from study.records import Results, Trained, kept_path

KINDS = ("degradation", "schedule", "prior", "sampler", "network")  # of components, as they are told
LEGIBLE = 0.2  # share of digits from which it is shown which these are
SIDE, GAP = 4, 2  # pictures have so many rows and columns of samples, so many pixels apart
RELEASED = Path(__file__).resolve().parents[1] / "released" / "page"
PLAY, STRIP = RELEASED / "cold-zoom.html", RELEASED / "strip.png"  # the page to play with, and its picture
PLAY_PICTURE = "front_play.png"
PICTURES = {  # file -> caption, both with the model's name or label
    "degradation_{}.png": "An image on its way through the degradation of {}.",
    "loss_{}.svg": "Training and test loss of {}.",
    "samples_{}.png": "Samples of {}, the first ones, not picked.",
    "trajectory_{}.png": "Latents of {} on the way from the first to the sample.",
    "quality_{}.png": "Samples of {}: of the most (left) and of the least confident tenth.",
    "classes_along_{}.svg": "Classes along training, of the samples of {} read with confidence.",
}


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


def values(results: Results) -> dict[str, Any]:
    """Values that the front of the long report prints."""
    finals = [(one.train.label, one.measure.final) for one in map(results.first, results.models)]
    return {
        "front_pictures": Markdown(
            "\n".join(
                f"- ![Samples of {label}, light strokes on black.](figures/{file}) [{label}]{{.name}}"
                for file, _, label in _pictures(results)
            )
        ),
        "all_low_confidence": named(((label, one.low_confidence) for label, one in finals), percent),
        "all_distances": named(((label, one.frechet) for label, one in finals), num),
        "floor_said": num(finals[0][1].floors["digits"].mean, 2),
    }


def further(results: Results, models: Iterable[str], drawn: set[str]) -> Markdown:
    """A subsection for every model: what it is made of, its training, its samples, and its figures.

    Args:
        drawn: names of the figure files that there are.
    """
    return Markdown("\n\n".join(_subsection(results, model, drawn) for model in models))


def _subsection(results: Results, model: str, drawn: set[str]) -> str:
    one = results.first(model)
    train, label = one.train, escape(one.train.label)
    lines = [f"## {label} {{#sec:model-{model}}}"]
    for kind, text in ((kind, train.docs[kind]) for kind in KINDS if kind in train.docs):
        name = train.settings.get(kind)
        head = f"{kind}, {called(name, train.settings.get(f'{kind}_options', {}))}" if name else kind
        lines.append(Markdown(f"**{sentence(head)}** ") + Markdown("\n\n").join(_paragraphs(text)))
    lines.append(
        f"The network of {integer(train.parameters_count)} parameters was trained for {integer(train.steps)} "
        f"steps of {integer(train.settings['batch_size'])} images; the last losses are "
        f"{num(train.history[-1].train_loss)} in training and {num(train.history[-1].test_loss)} on the "
        "test split."
    )
    if one.measure:
        lines.append(_measures(one))
    pictures = {}
    for name, caption in PICTURES.items():
        legible = "classes" not in name or ((share := digits(one)) and share.value > LEGIBLE)
        if legible and (file := name.format(model)) in drawn:
            place = f"fig:{file.rpartition('.')[0].replace('_', '-')}"
            pictures[place] = f"![{caption.format(label)}](figures/{file}){{#{place}}}"
    if pictures:
        lines.append(f"Its course is in [{'; '.join(f'@{place}' for place in pictures)}].")
    return "\n\n".join([*lines, "::: here", *pictures.values(), ":::"])


def _paragraphs(docstring: str) -> Iterable[Markdown]:
    """The words of a docstring before it comes to arguments and the like."""
    said = takewhile(lambda one: not re.match(r"\w+:\n", one), docstring.split("\n\n"))
    return map(escape, said)


def called(name: str, options: Mapping[str, Any]) -> str:
    """A component, without its module, and its arguments: "Occlude (grey 0.2)"."""
    said = ", ".join(key if value is True else f"{key} {word(value)}" for key, value in options.items())
    return name.rpartition(":")[2] + (f" ({said})" if said else "")


def _measures(one: Trained) -> str:
    final = one.measure.final
    n, floor, digit = integer(final.n), final.floors.get("digits"), digits(one)
    if final.constant:
        return f"All {n} samples are one image, so that no distance of theirs means anything."
    as_real = f", where as many real images score {num(floor.mean, 2)}" if floor else ""
    said = f"The distance of {n} samples from the data is {shown(final.frechet)}{as_real}."
    if digit:
        said += f" The recogniser takes {percent_span(digit)} of them for digits."
    return said
