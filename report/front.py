"""The front of the HTML page, and sections on further models, from the records of any model."""

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.utils import make_grid

from diffusion.files import write_bytes
from report.study import dataset
from report.text_format import Markdown, escape, integer, listing, num, percent, percent_span, span
from study.records import Final, Results, Trained, kept_path

SIDE, GAP = 4, 2  # pictures have so many rows and columns of samples, so many pixels apart
RELEASED = Path(__file__).resolve().parents[1] / "released" / "page"
PLAY, STRIP = RELEASED / "cold-zoom.html", RELEASED / "strip.png"  # the page to play with, and its picture
PLAY_PICTURE = "front_play.png"
PICTURES = {  # file -> caption, both with the model's name or label
    "degradation_{}.png": "An image on its way through the degradation of {}.",
    "loss_{}.svg": "Training and test loss of {}.",
    "samples_{}.png": "Samples of {}, the first ones, not picked.",
    "trajectory_{}.png": "Latents of {} on the way from the first to the sample.",
    "quality_{}.png": "Samples of {}: high quality (left grid) and low quality (right grid), chosen by rule.",
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
    ones = list(map(results.first, results.models))
    return {
        "front_pictures": Markdown(
            "\n".join(
                f"- ![Samples of {label}, light strokes on black.](figures/{file}) [{label}]{{.name}}"
                for file, _, label in _pictures(results)
            )
        ),
        "all_low_confidence": _all(ones, lambda final: percent(final.low_confidence.value)),
        "all_distances": _all(ones, lambda final: num(final.frechet.value)),
        "floor_said": num(ones[0].measure.final.floors["digits"].mean, 2),
    }


def _all(ones: Iterable[Trained], show: Callable[[Final], Markdown]) -> Markdown:
    """One value for each model: "12.1 (DDPM, linear) and 13.4 (Cold Zoom)"."""
    return listing(Markdown(f"{show(one.measure.final)} ({escape(one.train.label)})") for one in ones)


def further(results: Results, models: Iterable[str], drawn: set[str]) -> Markdown:
    """A subsection for every model that is not of the study: degradation, training, samples, distances.

    Args:
        drawn: names of the figure files that there are.
    """
    return Markdown("\n\n".join(_subsection(results, model, drawn) for model in models))


def _subsection(results: Results, model: str, drawn: set[str]) -> str:
    one = results.first(model)
    label, history, epochs = escape(one.train.label), one.train.history, one.train.epochs
    lines = [f"## {label} {{#sec:model-{model}}}"]
    if one.train.about:
        lines.append(f"Its degradation, in the words of its author: {escape(one.train.about)}")
    lines.append(
        f"The network of {integer(one.train.parameters_count)} parameters was trained for {integer(epochs)} "
        f"epoch{'s' if epochs > 1 else ''}; the last losses are {num(history[-1].train_loss)} in training "
        f"and {num(history[-1].test_loss)} on the test split."
    )
    if one.measure:
        lines.append(_measures(one, dataset(results).classes))
    pictures = {}
    for name, caption in PICTURES.items():
        if (file := name.format(model)) in drawn:
            place = f"fig:{file.rpartition('.')[0].replace('_', '-')}"
            pictures[place] = f"![{caption.format(label)}](figures/{file}){{#{place}}}"
    if pictures:
        lines.append(f"Its course is in [{'; '.join(f'@{place}' for place in pictures)}].")
    return "\n\n".join([*lines, *pictures.values()])


def _measures(one: Trained, classes: tuple[str, ...]) -> str:
    final, real = one.measure.final, one.measure.real
    n, floor = integer(final.n), final.floors.get("digits")
    low = final.low_confidence.shown(percent_span)
    if final.constant:
        why = "the sampler does not depend on its start, and no distance of theirs means anything"
        return f"All {n} samples are one image: {why}."
    order = sorted(range(10), key=lambda c: -final.classes.share[c].value)
    most, least = (listing(classes[c] for c in some) for some in (order[:2], order[-2:]))
    as_real = f", where as many real images score {num(floor.mean, 2)}" if floor else ""
    return (
        f"The distance of its {n} final samples from the data is {final.frechet.shown(span)} in "
        f"digit features{as_real}. The low-confidence share is {low}, "
        f"of real images {percent(real.low_confidence, 1)}. "
        f"Most often it reads {most}, most rarely {least}."
    )
