"""The plotting functions: true to their arrays, readable by everyone, the same bytes everywhere."""

import functools
import io
import xml.etree.ElementTree as ET
from collections.abc import Callable

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from IPython.core.formatters import DisplayFormatter
from matplotlib import pyplot
from matplotlib.figure import Figure
from PIL import Image

import synthetic
from diffusion import figures
from diffusion.figures import counts, curves, images
from diffusion.figures.style import MODELS, TEXT_WIDTH, model_styles, render
from study.figures import evidence

RANDOM = np.random.default_rng(0)
LABELS = {"linear": "DDPM, linear", "cosine": "DDPM, cosine", "zoom": "Cold Zoom"}
RELEASED = synthetic.released()
SCHEDULES = {"linear": RELEASED.schedules.linear, "cosine": RELEASED.schedules.cosine}
PRIOR, DIGITS, LETTERS = np.full(10, 0.1), ("0123456789", "digit"), (list("ABCDEFGHIJ"), "letter")
EIGHT = RANDOM.integers(0, 256, (8, 28, 28), dtype=np.uint8)
COUNTS = RANDOM.integers(1, 1000, 256)
COMMON = RELEASED.first("linear").train.ddpm.common_loss


def history(n: int, scale: float = 1.0) -> list[dict[str, float]]:
    return [{"epoch": e, "train_loss": scale / e, "test_loss": 0.9 * scale / e} for e in range(1, n + 1)]


def curve(n: int, scale: float = 10.0) -> list[dict[str, float]]:
    values = [scale * (1 + 1 / e) for e in range(1, n + 1)]
    return [{"epoch": e + 1, "value": v, "low": 0.9 * v, "high": 1.1 * v} for e, v in enumerate(values)]


# Every plotting function once: name -> a function that calls it.
CASES: dict[str, Callable[[], Figure]] = {
    "schedules": lambda: figures.schedules(SCHEDULES),
    "losses": lambda: figures.losses({"linear": history(30), "cosine": history(30, 2.0)}, LABELS),
    "distance_curves": lambda: curves.distance_curves(
        {
            "digits": {name: [curve(5), curve(5, 9.0)] for name in MODELS},
            "inception": {"zoom": [curve(40, 100.0)]},
        },
        {"digits": (7.0, 0.1), "inception": None},
        LABELS,
    ),
    "reconstruction_error": lambda: figures.reconstruction_error(
        range(1, 25), np.arange(24) / 9, np.ones(24)
    ),
    "loss_by_level": lambda: figures.loss_by_level(
        {"linear": RELEASED.first("linear").train.ddpm.common_loss}
    ),
    "centre_pixels": lambda: figures.centre_pixels(COUNTS),
    "classes_along": lambda: counts.classes_along(
        {"seed 0": [{"epoch": e, "share": 2 * PRIOR} for e in (1, 5, 10)]}, PRIOR, *LETTERS
    ),
    "changes": lambda: evidence.changes(
        [("base", "zoom", [9.0, 12.0], 0.5), ("RMS norm", "zoom", [2.0], None)], 0.2
    ),
    "quality_against_calls": lambda: evidence.quality_against_calls(
        {name: [RELEASED.first(name).analysis.drawn] for name in MODELS}, LABELS
    ),
    "noise": lambda: evidence.noise({"seed 0": RELEASED.first("zoom").analysis.drawn}),
    "response": lambda: evidence.response({"linear": RELEASED.first("linear").analysis.response}, LABELS),
    "recogniser": lambda: evidence.recogniser(RELEASED.yardstick),
    "recogniser_curves": lambda: evidence.recogniser_curves(RELEASED.yardstick.candidates),
    "yardstick": lambda: evidence.yardstick(RELEASED.yardstick.distorted, {("zoom", 0): 27.7}, LABELS),
    "class_map": lambda: counts.class_map({"a": np.geomspace(0.1, 8, 10), "b": np.ones(10)}, *LETTERS),
    "common_loss": lambda: curves.common_loss([0.1, 0.5, 0.9], [1.1, 1.0, 0.9]),
    "mix": lambda: curves.mix({"seed 0": ([0.1, 0.2], [8.0, 16.0]), "seed 1": ([0.3], [20.0])}),
    "confusion": lambda: figures.confusion(np.diag(range(10)), *DIGITS),
    "grid": lambda: figures.grid(EIGHT, title="eight"),
    "latents": lambda: figures.latents({"linear": EIGHT, "cosine": EIGHT}, range(0, 800, 100)),
    "quality": lambda: images.quality(EIGHT, EIGHT[:5]),
    "zoom_progression": lambda: figures.zoom_progression(EIGHT[[0] * 25]),
    "reconstructions": lambda: figures.reconstructions(EIGHT, EIGHT, EIGHT, range(1, 9)),
    "unpicked": lambda: images.unpicked({"one": EIGHT, "two": EIGHT}),
    "trajectory": lambda: figures.trajectory(EIGHT.reshape(4, 2, 28, 28), [24, 16, 8, 0]),
}
PICTURES = {"grid", "latents", "quality", "zoom_progression", "reconstructions", "trajectory", "unpicked"}
every_figure = pytest.mark.parametrize("name", CASES)


@functools.cache
def built(name: str) -> Figure:
    return CASES[name]()


@functools.cache
def drawn(name: str, suffix: str) -> bytes:
    return render(built(name), suffix)


def legend_texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def pixels(png: bytes) -> np.ndarray:
    """A saved picture, (height, width, 3) in 0..255."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=int)


def block(figure: Figure, axes: int = 0) -> np.ndarray:
    """The part of the saved figure that an image's axes cover."""
    image = pixels(render(figure, "png"))
    box = figure.axes[axes].get_window_extent()
    top = image.shape[0] - round(box.y1)
    return image[top : top + round(box.height), round(box.x0) : round(box.x1)]


# --- all figures ---


def test_all_functions_have_a_case():
    found = {
        name
        for module in (counts, curves, evidence, images)
        for name, function in vars(module).items()
        if hasattr(function, "__wrapped__") and function.__module__ == module.__name__
    }
    assert set(CASES) == found


@every_figure
def test_same_arrays_give_same_bytes_whatever_the_caller_has_set_and_leave_nothing_behind(name):
    odd = {"font.size": 20, "axes.grid": False, "savefig.dpi": 50, "svg.fonttype": "none"}
    with matplotlib.rc_context(odd):
        before = dict(matplotlib.rcParams)
        figure = CASES[name]()
        suffix = "png" if name in PICTURES else "svg"
        assert render(figure, suffix) == drawn(name, suffix)
        assert pyplot.get_fignums() == []
        assert dict(matplotlib.rcParams) == before
    assert figure.get_figwidth() == pytest.approx(TEXT_WIDTH)
    assert 0.3 < figure.get_figheight() < 5


@pytest.mark.parametrize("name", sorted(CASES.keys() - PICTURES))
def test_svg_needs_no_font_and_no_network(name):
    root = ET.fromstring(drawn(name, "svg"))
    tags = {element.tag.split("}")[1] for element in root.iter()}
    assert "path" in tags
    assert not tags & {"text", "metadata", "script"}
    links = [v for element in root.iter() for key, v in element.attrib.items() if key.endswith("href")]
    assert all(link.startswith(("#", "data:")) for link in links)


@every_figure
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


def test_figure_shows_itself_once_in_a_notebook():
    data, metadata = DisplayFormatter().format(built("grid"))
    assert set(data) == {"image/png", "text/plain"}
    assert metadata["image/png"]["width"] == round(120 * TEXT_WIDTH)


@pytest.mark.parametrize("name", ["a.svg", "deep/er/C.PNG"])
def test_save_writes_whole_file_and_nothing_else(tmp_path, name):
    path = figures.save(built("grid"), tmp_path / name)
    assert path.read_bytes() == drawn("grid", path.suffix[1:].lower())
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_save_refuses_other_formats(tmp_path):
    with pytest.raises(ValueError, match=r"\.svg or \.png"):
        figures.save(built("grid"), tmp_path / "figure.pdf")
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.from_regex(r"\A[A-Za-z0-9]\w{0,9}\Z", fullmatch=True), unique=True, max_size=12))
def test_style_of_a_known_model_never_changes_and_no_two_are_alike(others):
    styles = model_styles([*others, *MODELS])
    known = {name.lower() for name in others} & MODELS.keys()
    assert all(styles[name] == MODELS[name] for name in MODELS.keys() - known)
    assert len({(style.colour, style.marker) for style in styles.values()}) == len(styles)
    assert model_styles(["DDPM, cosine"])["DDPM, cosine"] == MODELS["cosine"]  # by its label


@pytest.mark.parametrize("n", [1, 4, 9])
def test_legend_fits_the_text_width(n):
    many = {f"a model with a long name {i}": [curve(2)] for i in range(n)}
    figure = curves.distance_curves({"distance": many}, {"distance": (8.0, 0.1)})
    box = figure.legends[0].get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert len(legend_texts(figure)) == n + 1


# --- curves ---


def test_losses_draw_train_solid_and_test_dashed():
    figure = figures.losses({"linear": history(3), "cosine": history(3)}, LABELS)
    axes, gap = figure.axes
    assert list(gap.lines[0].get_ydata()) == pytest.approx([-0.1 / e for e in (1, 2, 3)])
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--"] * 2
    assert [row["test_loss"] for row in history(3)] == list(axes.lines[3].get_ydata())
    assert legend_texts(figure) == ["DDPM, linear", "DDPM, cosine", "train", "test"]
    assert legend_texts(figures.losses({"linear": history(3)})) == ["train", "test"]


def test_long_trainings_are_drawn_without_their_first_epochs():
    for epochs, begin in ((19, 1), (20, 5), (100, 5)):
        axes = figures.losses({"zoom": history(epochs)}).axes
        assert [one.lines[0].get_xdata()[0] for one in axes] == [begin, begin]


@pytest.mark.parametrize("values", [[float("nan")], [float("inf"), 2.0, 1e6]])
def test_a_diverged_run_can_still_be_drawn(values):
    rows = [{"epoch": i, "train_loss": v, "test_loss": v} for i, v in enumerate(values, 1)]
    axes = figures.losses({"linear": rows}).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), values)
    assert np.isfinite(axes.get_ylim()).all()


def test_distances_draw_all_seeds_the_first_strong_with_its_interval():
    axes, many = built("distance_curves").axes
    first, second = axes.lines[:2]
    assert list(first.get_ydata()) == [row["value"] for row in curve(5)]
    assert list(second.get_ydata()) == [row["value"] for row in curve(5, 9.0)]
    assert first.get_linewidth() > second.get_linewidth()
    assert first.get_color() == second.get_color() == MODELS["linear"].colour
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == pytest.approx((0.9 * 12, 1.1 * 20))
    raw, mean = many.lines
    assert list(raw.get_ydata()) == [row["value"] for row in curve(40, 100.0)]
    assert mean.get_ydata()[20] == pytest.approx(np.mean(raw.get_ydata()[16:25]))
    assert legend_texts(built("distance_curves"))[3:] == [
        "further seeds",
        "each checkpoint",
        r"real against real, $\pm$ 1 s.d.",
    ]


@pytest.mark.parametrize(
    ("values", "floor", "scale"),
    [
        ([100, 30], 0.5, "linear"),
        ([100, 10], None, "log"),
        ([100, 10], 6, "log"),
        ([100, 10], 0.5, "log"),  # far below: written into the panel
        ([100, 0], None, "linear"),
        ([100, -1], 0.1, "linear"),  # kernel distances may be negative
    ],
)
def test_distances_are_logarithmic_only_where_that_helps(values, floor, scale):
    rows = [{"epoch": e, "value": v, "low": None, "high": None} for e, v in enumerate(values)]
    axes = curves.distance_curves({"d": {"linear": [rows]}}, {"d": (floor, 0.01) if floor else None}).axes[0]
    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    assert low <= min(values) <= max(values) <= high
    written = [text.get_text() for text in axes.texts]
    assert floor is None or low <= floor or written == ["real against real: 0.5 $\\pm$ 0.01 (below)"]
    assert len(axes.collections) == 0  # no interval, no band


# --- counts ---


def test_a_class_map_has_the_ratios_in_its_cells_and_their_doublings_as_colours():
    (axes,) = built("class_map").axes
    ratios = np.r_[np.geomspace(0.1, 8, 10), np.ones(10)]
    assert [text.get_text() for text in axes.texts] == [f"{x:.2f}" for x in ratios]
    doublings = np.clip(np.log2(ratios), -2, 2)
    np.testing.assert_allclose(np.ravel(axes.collections[0].get_array()), doublings, atol=1e-12)


def test_noised_images_are_scaled_by_their_own_spread():
    image = EIGHT[0]
    rows = images.noised(image, [1.0, 0.5, 0.0])
    assert (rows[0] == image).all()
    noise = rows[2].astype(float)
    assert (noise.mean(), noise.std()) == pytest.approx((127.5, 255 / 4), rel=0.05)  # cut at 2 s.d.
    assert np.corrcoef(rows[1].ravel(), image.ravel())[0, 1] > 0.2


def test_classes_along_are_shares_over_those_of_real_images_in_doublings():
    axes, _ = built("classes_along").axes
    (cells,) = axes.collections
    np.testing.assert_allclose(cells.get_coordinates()[0, :, 0], [0.5, 3, 7.5, 10.5])
    np.testing.assert_allclose(cells.get_array(), np.ones((10, 3)))
    never = {"a": [{"epoch": 1, "share": np.zeros(10)}], "b": [{"epoch": 1, "share": PRIOR}]}
    first, second, _ = counts.classes_along(never, PRIOR, *DIGITS).axes
    assert (first.collections[0].get_array() == -2).all()
    assert (second.collections[0].get_array() == 0).all()
    low, high = axes.get_ylim()
    assert low > high  # the first class on top
    assert [label.get_text() for label in axes.get_yticklabels()] == LETTERS[0]
    assert axes.get_ylabel() == "letter that the classifier reads"


def test_confusion_shows_shares_of_rows():
    matrix = np.zeros((10, 10), int)
    matrix[3, 5], matrix[3, 3], matrix[7, 0] = 1, 3, 8
    axes = figures.confusion(matrix, *DIGITS).axes[0]
    found = {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in axes.texts}
    assert {place: text for place, text in found.items() if text} == {
        (3, 5): "25",
        (3, 3): "75",
        (7, 0): "100",
    }
    low, high = axes.get_ylim()
    assert low > high  # the first row on top


# --- images ---


@settings(max_examples=10)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(2, 7), st.just(28), st.just(28))), st.integers(1, 9))
def test_every_pixel_of_a_grid_is_saved_exactly(made, columns):
    n, columns = len(made), min(columns, len(made))
    saved = block(figures.grid(made, columns))
    scale = (saved.shape[1] - 2) // columns // 28
    assert saved.shape[1] == columns * (28 * scale + 2) + 2
    for i in range(n):
        top, left = (place * (28 * scale + 2) + 2 for place in divmod(i, columns))
        tile = saved[top : top + 28 * scale, left : left + 28 * scale, 0]
        np.testing.assert_array_equal(tile, np.kron(made[i], np.ones((scale, scale))))


def test_pixels_out_of_range_are_clipped_and_nan_is_grey():
    made = np.repeat([-20, 20, np.inf, np.nan], 784).reshape(4, 28, 28)
    saved = block(figures.grid(made, 4))
    seen = [saved[40, saved.shape[1] * (2 * i + 1) // 8, 0] for i in range(4)]
    assert seen == [0, 255, 255, 128]


def test_a_grid_of_nothing_is_refused():
    with pytest.raises(ValueError, match="not empty"):
        figures.grid(torch.zeros(0, 1, 28, 28))


def test_many_images_shrink_until_they_fit():
    assert figures.grid(np.zeros((300, 28, 28)), 20).get_figheight() < 4.5
    wide = figures.grid(np.zeros((60, 28, 28)), columns=60)  # not one output pixel a pixel fits the text
    assert wide.get_figwidth() > TEXT_WIDTH


def test_steps_of_kept_images_are_whole_and_reach_both_ends():
    assert figures.steps_of(24, 9) == list(range(0, 25, 3))
    assert figures.steps_of(1000, 11) == list(range(0, 1001, 100))
    assert figures.steps_of(24, 8, first=1) == [1, 4, 8, 11, 14, 17, 21, 24]
