"""The paper's figures of images: each grid has the samples of its title, as they are kept, in order."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

import drawn
from drawn import LABELS, STUDY, TRAININGS, heads, titled
from helpers import PAPER
from paper import figures
from report.figures.print_style import PNG


@pytest.fixture
def run():
    return drawn.released()


def kept(name, release="paper"):
    return np.load(PAPER.parent / release / "kept" / f"{name}.npz")["images"]


def test_samples_that_are_not_picked_are_the_first_ones_of_the_training_above_them():
    found = {heads(axes).title: drawn.tiles(axes, 16) for axes in drawn.figure("unpicked").axes}
    assert [*found] == [titled(*one) for one in TRAININGS]
    for model, seed in TRAININGS:
        assert (found[titled(model, seed)] == kept(f"samples_{model}-{seed}")[:64]).all()


def test_samples_beyond_the_study_are_of_the_network_above_them():
    """A title's words, against the settings of the training whose samples these are."""
    kinds = {"RMS": ("norm", "rms"), "dilated": ("dilations", [1, 2, 4, 1])}
    names = [path.stem for path in (PAPER.parent / "beyond" / "kept").glob("samples_*.npz")]
    shown = drawn.figure("beyond_samples").axes
    assert len(shown) == 8
    for axes in shown:
        title, images = heads(axes).title, drawn.tiles(axes, 8)
        (name,) = (name for name in names if (kept(name, "beyond")[: len(images)] == images).all())
        train = drawn.file(f"beyond/train_{name.removeprefix('samples_')}")
        settings, options = train["settings"], train["settings"]["network_options"]
        assert train["process"] == ("zoom" if title.startswith("Zoom") else "ddpm")
        assert settings["network"].endswith("UNet") == ("U-Net" in title)
        assert bool(settings["process"].get("image_noise")) == ("noise" in title)
        for word, (option, value) in kinds.items():
            assert (options.get(option) == value) == (word in title)
        assert (not options and "UNet" not in settings["network"]) == ("original network" in title)


@pytest.mark.parametrize("model", STUDY)
def test_the_most_confident_samples_are_on_the_left(run, model):
    left, right = figures.quality(run, model).axes
    assert left.get_position().x1 < right.get_position().x0
    most, least = kept(f"quality_{model}-0")
    for axes, images, word in ((left, most, "most"), (right, least, "least")):
        assert heads(axes).title.startswith(word)
        assert (drawn.tiles(axes, 8)[: len(images)] == images).all()


def test_the_front_has_the_first_sixteen_samples(run):
    for model in STUDY:
        tiles = figures.front(run, model)
        content = tiles._repr_mimebundle_()
        sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(content[PNG]))))
        found = [sheet[30 * i : 30 * i + 28, 30 * j : 30 * j + 28] for i in range(4) for j in range(4)]
        assert (np.stack(found) == kept(f"samples_{model}-0")[:16]).all()
        assert tiles.of == model


def test_the_answer_has_the_samples_of_each_training_beside_its_name():
    figure = drawn.figure("answer")
    names = [(drawn.words(text.get_text()), text.get_position()[1]) for text in figure.texts]
    strips, model = drawn.strips(figure), None
    seen = 0
    for name, y in names:
        model = next((one for one, label in LABELS.items() if label == name), model)
        near = [images for middle, images in strips.items() if abs(middle - y) < 1e-6]
        if name in LABELS.values():
            assert near == []
            continue
        expected = "real" if name == "real digits" else f"samples_{model}-{name.removeprefix('seed ')}"
        known = kept(f"samples_{model}-0", "original") if name == "published" else kept(expected)
        (images,) = near
        assert (images == known[: len(images)]).all()
        seen += 1
    assert seen == len(strips) == 1 + len(TRAININGS) + len(STUDY)
