"""The plotting functions: true to their arrays, readable by everyone, the same bytes everywhere."""

import functools
import io
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib import pyplot
from matplotlib.figure import Figure
from PIL import Image

from diffusion import figures
from diffusion.figures.style import render, save, styles_of
from diffusion.processes import schedules
from study import figures as study
from study import results
from study.figures.styles import MODELS, model_styles
from workflow.release import RELEASED

PAPER = results.load(RELEASED / "paper")
SCHEDULES = {"linear": schedules.linear(1000), "cosine": schedules.cosine(1000)}
LETTERS = (list("ABCDEFGHIJ"), "letter")
EIGHT = np.random.default_rng(0).integers(0, 256, (8, 28, 28), dtype=np.uint8)


def history(n: int, scale: float = 1.0) -> list[dict[str, float]]:
    return [{"epoch": e, "train_loss": scale / e, "test_loss": 0.9 * scale / e} for e in range(1, n + 1)]


CASES: dict[str, Callable[[], Figure]] = {
    "schedules": lambda: figures.schedules(SCHEDULES),
    "losses": lambda: figures.losses({"linear": history(30), "cosine": history(30, 2.0)}),
    "distances": lambda: study.distances(PAPER),
    "classes_along": lambda: study.classes_along(PAPER, "zoom"),
    "confusion": lambda: figures.confusion(np.diag(range(10)), *LETTERS),
    "grid": lambda: figures.grid(EIGHT),
    "latents": lambda: figures.latents({"linear": EIGHT, "cosine": EIGHT}, range(0, 800, 100)),
    "zoom_progression": lambda: figures.zoom_progression(EIGHT[[0] * 25]),
    "trajectory": lambda: figures.trajectory(EIGHT.reshape(4, 2, 28, 28), [24, 16, 8, 0]),
}
PICTURES = {"grid", "latents", "zoom_progression", "trajectory"}


@functools.cache
def built(name: str) -> Figure:
    return CASES[name]()


def legend_texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def block(figure: Figure) -> np.ndarray:
    """The part of the saved figure that its first axes cover, (height, width) in 0..255."""
    image = np.asarray(Image.open(io.BytesIO(render(figure, "png"))).convert("L"), dtype=int)
    box = figure.axes[0].get_window_extent()
    top = image.shape[0] - round(box.y1)
    return image[top : top + round(box.height), round(box.x0) : round(box.x1)]


# --- all figures ---


@pytest.mark.parametrize("name", CASES)
def test_same_arrays_give_same_bytes_whatever_the_caller_has_set_and_leave_nothing_behind(name):
    suffix = "png" if name in PICTURES else "svg"
    first = render(built(name), suffix)
    with matplotlib.rc_context({"font.size": 20, "axes.grid": False, "savefig.dpi": 50}):
        before = dict(matplotlib.rcParams)
        assert render(CASES[name](), suffix) == first
        assert pyplot.get_fignums() == []
        assert dict(matplotlib.rcParams) == before
    if suffix == "svg":  # needs no font and no network
        root = ET.fromstring(first)
        assert not {element.tag.split("}")[1] for element in root.iter()} & {"text", "metadata", "script"}
        links = [v for element in root.iter() for key, v in element.attrib.items() if key.endswith("href")]
        assert all(link.startswith(("#", "data:")) for link in links)


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_cut_off(name):
    figure = built(name)
    figure.draw_without_rendering()
    width, height = figure.bbox.size
    for axes in figure.axes:
        ticks = [*axes.get_xticklabels(), *axes.get_yticklabels()] if name in PICTURES else []
        for text in [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts, *ticks]:
            box = text.get_window_extent()
            inside = box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height
            assert inside or not text.get_text(), text


def test_save_writes_the_whole_file_or_refuses(tmp_path):
    path = save(built("grid"), tmp_path / "deep" / "C.PNG")
    assert path.read_bytes() == render(built("grid"), "png")
    with pytest.raises(ValueError, match=r"\.svg or \.png"):
        save(built("grid"), tmp_path / "figure.pdf")
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_styles_of_many_are_all_different_and_the_studys_are_fixed():
    many = styles_of(map(str, range(50))).values()
    assert len({(style.colour, style.marker) for style in many}) == 50
    found = model_styles(replace(PAPER, trainings=PAPER.trainings | {("blur", 0): PAPER.first("zoom")}))
    assert {name: style._replace(label="") for name, style in found.items() if name in MODELS} == MODELS
    assert len({style.colour for style in found.values()}) == 4
    assert found["cosine"].label == "DDPM, cosine"
    named = model_styles(PAPER.labelled({"cosine": "Mine, $1"}))
    assert named["cosine"].label == r"Mine, \$1"


# --- curves and counts ---


def test_losses_draw_train_solid_and_test_dashed():
    (axes,) = figures.losses({"linear": history(3), "cosine": history(3)}).axes
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--"] * 2
    assert [row["test_loss"] for row in history(3)] == list(axes.lines[3].get_ydata())
    assert legend_texts(built("losses")) == ["linear", "cosine", "train", "test"]
    for epochs, begin in ((19, 1), (20, 5)):  # long trainings without their first epochs
        assert figures.losses({"zoom": history(epochs)}).axes[0].lines[0].get_xdata()[0] == begin


def test_losses_by_step_are_fractions_of_epochs():
    """Of 469 steps, and a last epoch of 62."""
    lines = [{**line, "step": min(469 * line["epoch"], 1000)} for line in history(3)]
    steps = [(step, 1 / step) for step in range(50, 1001, 50)]
    (axes,) = figures.losses({"zoom": lines}, by_step={"zoom": steps}).axes
    train, test = axes.lines
    assert list(train.get_ydata()) == [loss for _, loss in steps]
    assert train.get_xdata() == pytest.approx([step / 469 for step, _ in steps])
    assert test.get_xdata() == pytest.approx([1, 2, 1000 / 469])
    assert list(test.get_ydata()) == [line["test_loss"] for line in lines]
    (axes,) = figures.losses({"zoom": history(1)}, by_step={"zoom": [(10, 0.5), (20, 0.25)]}).axes
    assert [list(line.get_xdata()) for line in axes.lines] == [[0.5, 1], [1]]  # a curve of one epoch


def test_distances_draw_every_training_and_mark_blank_squares():
    ddpms, zooms = study.distances(PAPER).axes
    curves = {name: PAPER.first(name).curve for name in PAPER.models}
    linear, blank = ddpms.lines[:2]
    assert list(linear.get_ydata()) == [row["frechet"].value for row in curves["linear"]]
    assert list(blank.get_xdata()) == [row.epoch for row in curves["linear"] if row["border"].sd > 1]
    raw, mean = zooms.lines[:2]
    assert list(raw.get_ydata()) == [row["frechet"].value for row in curves["zoom"]]
    assert mean.get_ydata()[20] == pytest.approx(np.mean(raw.get_ydata()[16:25]))
    assert {text.get_text() for text in zooms.texts} == {"seed 0", "seed 1"}
    low, high = zooms.get_ylim()
    assert low <= min(raw.get_ydata()) <= max(raw.get_ydata()) <= high


def test_class_shares_are_over_those_of_real_images_in_doublings():
    one = PAPER.first("linear")
    shares, real = [[[x.value for x in of["recognised_share"]] for of in s] for s in (one.late, [one.real])]
    ratios = np.mean(shares, axis=0) / real[0]
    (axes,) = study.class_map(PAPER).axes
    assert [text.get_text().rstrip("*") for text in axes.texts][:10] == [f"{x:.2f}" for x in ratios]
    found = np.ravel(axes.collections[0].get_array())[:10]
    np.testing.assert_allclose(found, ratios, atol=1e-12)
    colours = [axes.collections[0].norm(x) for x in (0.1, 0.25, 0.5, 1, 2, 4, 9)]
    np.testing.assert_allclose(colours, [0, 0, 0.25, 0.5, 0.75, 1, 1], atol=1e-12)


def test_what_does_not_apply_is_no_figure():
    nothing = replace(PAPER, trainings={}, yardstick=None)
    for name in ("losses", "distances", "mix", "common_loss", "class_map", "yardstick", "recognised_kinds"):
        assert getattr(study, name)(nothing) is None
    for name in ("beyond", "beyond_samples"):  # without the other run
        assert getattr(study, name)(PAPER) is None
    for name in ("own_samples", "own_compared", "own_schedules", "first_samples", "losses_beside"):
        assert getattr(study, name)(PAPER, []) is None


def test_models_of_ones_own_are_compared_with_what_real_images_have():
    fid, digits_or_coverage, *_ = study.own_compared(PAPER, ["linear"]).axes
    (real, low, dot, *_) = fid.lines
    final = PAPER.first("linear").final
    assert dot.get_xdata() == final["frechet"].value
    assert list(low.get_xdata()) == list(final["frechet"].ends[1:])
    assert real.get_xdata()[0] == final["floor"].value
    assert len(fid.lines) == 1 + 2 * 2  # both trainings


# --- images ---


def test_what_is_no_grid_is_named():
    for one, named in ((("x",), "images are a str; needed"), ((np.zeros((2, 28, 28)), 0), "columns = 0")):
        with pytest.raises(ValueError, match=named):
            figures.grid(*one)


@settings(max_examples=8)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(2, 7), st.just(28), st.just(28))), st.integers(1, 9))
def test_every_pixel_of_a_grid_is_saved_exactly(made, columns):
    n, columns = len(made), min(columns, len(made))
    saved = block(figures.grid(made, columns))
    scale = (saved.shape[1] - 2) // columns // 28
    assert saved.shape[1] == columns * (28 * scale + 2) + 2
    for i in range(n):
        top, left = (place * (28 * scale + 2) + 2 for place in divmod(i, columns))
        tile = saved[top : top + 28 * scale, left : left + 28 * scale]
        np.testing.assert_array_equal(tile, np.kron(made[i], np.ones((scale, scale))))
