"""Figures: the same everywhere, readable by everyone, true to their arrays, and clear about wrong input."""

import base64
import functools
import io
import itertools
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from IPython.core.formatters import DisplayFormatter
from matplotlib import colors, pyplot
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from diffusion import figures, pictures
from diffusion.figure_style import DPI, FURTHER, MODELS, TEXT_WIDTH, model_styles, render, text_width

RANDOM = np.random.default_rng(0)
LABELS = {"linear": "DDPM, linear", "cosine": "DDPM, cosine", "zoom": "Cold Zoom"}


def digits(*shape: int) -> np.ndarray:
    """Random 8-bit images as model units, (*shape, 28, 28)."""
    return RANDOM.integers(0, 256, (*shape, 28, 28)) / 255 - 0.5


def history(n: int, scale: float = 1.0) -> list[dict[str, float]]:
    return [
        {"epoch": e, "train_loss": scale / e, "test_loss": 0.9 * scale / e, "seconds": 1.0}
        for e in range(1, n + 1)
    ]


def curve(n: int, scale: float = 10.0, interval: bool = True) -> list[dict[str, float | None]]:
    values = [scale * (1 + 1 / e) for e in range(1, n + 1)]
    bounds = [(0.9 * v, 1.1 * v) if interval else (None, None) for v in values]
    return [
        {"epoch": e + 1, "value": v, "low": b[0], "high": b[1]}
        for e, (v, b) in enumerate(zip(values, bounds, strict=True))
    ]


def shares() -> dict[str, list[float]]:
    share = RANDOM.dirichlet(np.ones(10))
    return {"share": share.tolist(), "low": (0.8 * share).tolist(), "high": (1.2 * share).tolist()}


T = 40
SCHEDULE = (np.r_[0, np.linspace(1e-4, 0.3, T)], np.cumprod(1 - np.r_[0, np.linspace(1e-4, 0.3, T)]))
THREE_SHARES = {name: shares() for name in MODELS}
PRIOR = np.full(10, 0.1)
LETTERS = list("ABCDEFGHIJ")
ALONG = [{"epoch": epoch, **shares()} for epoch in (1, 5, 10, 15, 20)]
EIGHT, LATENTS = digits(8), digits(9, 6)
COUNTS = RANDOM.integers(1, 1000, 256)
MATRIX = RANDOM.integers(1, 100, (10, 10))

# Every figure, from one set of arrays each: name -> a function that builds it.
CASES: dict[str, Callable[[], Figure]] = {
    "schedules": lambda: figures.schedules({"linear": SCHEDULE, "cosine": SCHEDULE}),
    "latents": lambda: figures.latents({"linear": EIGHT, "cosine": EIGHT}, range(0, 800, 100)),
    "losses": lambda: figures.losses({"linear": history(30), "cosine": history(30, 2.0)}, LABELS),
    "losses of one": lambda: figures.losses({"zoom": history(1)}, ylabel="loss"),
    "distances": lambda: figures.distances(
        {name: curve(5) for name in MODELS}, (0.8, 0.1), "Fréchet", LABELS
    ),
    "distance_panels": lambda: figures.distance_panels(
        {
            "digits": ({name: curve(5) for name in MODELS}, (0.8, 0.1)),
            "inception": ({name: curve(5) for name in MODELS}, None),
        },
        LABELS,
    ),
    "quality": lambda: figures.quality(EIGHT, EIGHT[:5]),
    "zoom_progression": lambda: figures.zoom_progression(LATENTS.reshape(-1, 28, 28)[:25]),
    "pixel_histogram": lambda: figures.pixel_histogram(COUNTS),
    "reconstructions": lambda: figures.reconstructions(EIGHT, EIGHT, EIGHT, [f"$t = {t}$" for t in range(8)]),
    "trajectory": lambda: figures.trajectory(LATENTS, range(24, -1, -3)),
    "grid": lambda: figures.grid(EIGHT, title="eight"),
    "class_histogram": lambda: figures.class_histogram(THREE_SHARES, PRIOR, LABELS),
    "classes_along": lambda: figures.classes_along(ALONG, PRIOR),
    "confusion": lambda: figures.confusion(MATRIX),
    "reconstruction_error": lambda: figures.reconstruction_error(
        range(1, 25), np.arange(24) / 9, np.ones(24)
    ),
    "timestep_loss": lambda: figures.timestep_loss(
        {"linear": {"alpha_bar": [0.9, 0.1], "test_loss": [1, 0.01]}}
    ),
}
PICTURES = {"latents", "quality", "zoom_progression", "reconstructions", "trajectory", "grid"}


def legend_texts(figure: Figure) -> list[str]:
    legends = figure.legends or [figure.axes[0].get_legend()]
    return [text.get_text() for text in legends[0].get_texts()]


def written(figure: Figure) -> list[str]:
    """All text beside the digits of a picture."""
    return [text.get_text() for axes in figure.axes for text in axes.texts if text.get_text()]


def pixels(png: bytes) -> np.ndarray:
    """A saved picture, (height, width, 3) in 0..255."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=int)


def block(figure: Figure, axes: int = 0) -> np.ndarray:
    """The part of the saved figure that an image's axes cover."""
    image = pixels(render(figure, "png"))
    box = figure.axes[axes].get_window_extent()
    top = image.shape[0] - round(box.y1)
    return image[top : top + round(box.height), round(box.x0) : round(box.x1)]


def test_all_functions_have_a_case():
    drawn = {name.split()[0] for name in CASES}
    assert drawn == set(figures.__all__) - {"save"}


# --- the same everywhere: each figure of CASES is built once and drawn once ---


@functools.cache
def built(name: str) -> Figure:
    return CASES[name]()


@functools.cache
def drawn(name: str, suffix: str) -> bytes:
    return render(built(name), suffix)


every_figure = pytest.mark.parametrize("name", CASES)


@every_figure
def test_figure_is_as_wide_as_the_text_and_leaves_nothing_behind(name):
    before = dict(matplotlib.rcParams)
    figure = CASES[name]()
    assert isinstance(figure, Figure)
    assert figure.get_figwidth() == pytest.approx(TEXT_WIDTH)
    assert 0.5 < figure.get_figheight() < 5
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


@every_figure
def test_same_arrays_give_same_bytes_whatever_the_caller_has_set(name):
    suffix = "png" if name in PICTURES else "svg"
    assert render(built(name), suffix) == drawn(name, suffix)
    with matplotlib.rc_context(
        {"font.size": 20, "axes.grid": False, "savefig.dpi": 50, "svg.fonttype": "none"}
    ):
        assert render(CASES[name](), suffix) == drawn(name, suffix)


def test_other_arrays_give_other_bytes():
    assert render(figures.grid(-EIGHT, title="eight"), "png") != drawn("grid", "png")


@pytest.mark.parametrize("name", [*sorted(CASES.keys() - PICTURES), "grid"])
def test_svg_needs_no_font_and_no_network(name):
    root = ET.fromstring(drawn(name, "svg"))
    tags = {element.tag.split("}")[1] for element in root.iter()}
    assert "path" in tags
    assert not tags & {"text", "metadata", "script"}
    links = [
        value for element in root.iter() for key, value in element.attrib.items() if key.endswith("href")
    ]
    assert all(link.startswith(("#", "data:")) for link in links)


@every_figure
def test_png_has_its_resolution_and_no_date(name):
    with Image.open(io.BytesIO(drawn(name, "png"))) as image:
        assert image.width == round(TEXT_WIDTH * DPI)
        assert image.info["dpi"] == pytest.approx((DPI, DPI), abs=0.1)
        assert set(image.info) <= {"dpi"}


@every_figure
def test_nothing_is_cut_off(name):
    image = pixels(drawn(name, "png"))
    assert (image[:, [0, -1]] == 255).all()
    if name not in PICTURES:  # their digits reach the upper and lower edge
        assert (image[[0, -1]] == 255).all()
    for axes in built(name).axes:
        for text in [axes.xaxis.label, axes.yaxis.label, *axes.texts]:
            box = text.get_window_extent()
            width, height = built(name).bbox.size
            assert not text.get_text() or (
                box.x0 > 0 and box.x1 < width and box.y0 > 0 and box.y1 < height
            ), text


def test_figure_shows_itself_once_in_a_notebook():
    data, metadata = DisplayFormatter().format(built("grid"))
    assert set(data) == {"image/png", "text/plain"}
    assert base64.b64decode(data["image/png"]) == drawn("grid", "png")
    assert metadata["image/png"]["width"] == round(120 * TEXT_WIDTH)


# --- saving ---


@pytest.mark.parametrize("name", ["a.svg", "b.png", "deep/er/C.PNG"])
def test_save_writes_whole_file_and_nothing_else(tmp_path, name):
    path = figures.save(figures.grid(EIGHT), tmp_path / name)
    assert path == tmp_path / name
    first = path.read_bytes()
    assert first == render(figures.grid(EIGHT), path.suffix[1:].lower())
    figures.save(figures.grid(EIGHT[:2]), str(path))
    assert path.read_bytes() != first
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


@pytest.mark.parametrize("name", ["figure", "figure.pdf", "svg"])
def test_save_refuses_other_formats(tmp_path, name):
    with pytest.raises(ValueError, match=r"\.svg or \.png"):
        figures.save(figures.grid(EIGHT), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


# --- readable by everyone ---

# Machado et al., "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009.
VISION = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(colour: str, vision: str = "normal") -> np.ndarray:
    """CIE L*a*b* of an sRGB colour as someone of this colour vision sees it."""
    rgb = np.array(colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(VISION[vision] @ linear, 0, 1)
    xyz = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]) @ linear
    x, y, z = (np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz / [0.9505, 1, 1.0888])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISION)
def test_models_stay_apart_for_colour_blind_readers(vision):
    for one, other in itertools.combinations([style.colour for style in MODELS.values()], 2):
        assert np.linalg.norm(lab(one, vision) - lab(other, vision)) > 25


def test_models_stay_apart_in_grey_print():
    for one, other in itertools.combinations(MODELS.values(), 2):
        assert abs(lab(one.colour)[0] - lab(other.colour)[0]) > 15
    assert all(lab(style.colour)[0] < 72 for style in (*MODELS.values(), *FURTHER))  # and from the paper


@given(st.lists(st.text(min_size=1), unique=True, max_size=12), st.permutations(list(MODELS)))
def test_style_of_a_known_model_never_changes_and_no_two_are_alike(others, known):
    styles = model_styles([*others, *known])
    assert list(styles) == list(dict.fromkeys([*others, *known]))
    assert all(styles[name] == MODELS[name] for name in MODELS)
    assert len({(style.colour, style.marker) for style in styles.values()}) == len(styles)


def test_a_model_looks_the_same_in_all_figures():
    for name, style in MODELS.items():
        several = [
            figures.losses({"other": history(3), name: history(3)}),
            figures.distances({name: curve(3), "other": curve(3)}),
        ]
        for figure in several:
            lines = [(line.get_color(), line.get_marker()) for line in figure.axes[0].lines]
            assert (style.colour, style.marker) in lines
        bars = figures.class_histogram({"other": shares(), name: shares()}, PRIOR).axes[0].patches
        assert colors.to_hex(bars[-1].get_facecolor()) == style.colour.lower()


@pytest.mark.parametrize("n", [1, 4, 9])
def test_legend_fits_the_text_width(n):
    curves = {f"a model with a long name {i}": curve(2) for i in range(n)}
    figure = figures.distances(curves, (1.0, 0.1))
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert len(legend_texts(figure)) == n + 1


def test_dollar_signs_and_equal_labels_survive():
    figure = figures.distances({"a$b$": curve(2), "c": curve(2)}, labels={"c": r"a$b$"})
    assert legend_texts(figure) == [r"a\$b\$"] * 2


# --- curves ---


def test_schedules_start_beta_at_1_and_alpha_bar_at_0():
    figure = figures.schedules(
        {"linear": tuple(torch.tensor(v) for v in SCHEDULE), "cosine": SCHEDULE}, {"cosine": "c"}
    )
    left, right = figure.axes
    assert (len(left.lines), len(right.lines)) == (2, 2)
    np.testing.assert_array_equal(left.lines[0].get_xydata(), np.c_[np.arange(1, T + 1), SCHEDULE[0][1:]])
    np.testing.assert_array_equal(right.lines[1].get_xydata(), np.c_[np.arange(T + 1), SCHEDULE[1]])
    assert r"\beta_t" in left.get_ylabel()
    assert r"\bar\alpha_t" in right.get_ylabel()
    assert legend_texts(figure) == ["linear", "c"]


def test_losses_draw_train_solid_and_test_dashed():
    figure = figures.losses({"linear": history(3), "cosine": history(3)}, LABELS)
    (axes,) = figure.axes
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--"] * 2
    assert [row["test_loss"] for row in history(3)] == list(axes.lines[3].get_ydata())
    assert legend_texts(figure) == ["DDPM, linear", "DDPM, cosine", "train", "test"]
    assert axes.get_xlabel() == "epoch"
    assert legend_texts(figures.losses({"linear": history(3)})) == ["train", "test"]


@pytest.mark.parametrize("n", [1, 2, 3, 7, 25, 26, 100, 1000])
def test_epochs_are_whole_and_markers_never_crowd(n):
    axes = figures.losses({"linear": history(n)}).axes[0]
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert ticks
    assert all(tick == round(tick) for tick in ticks)
    assert low < 1 < n + 1e-9 < high + 1e-9
    every = axes.lines[0].get_markevery()
    assert (every is None) == (n <= 25)
    assert every is None or 4 <= (n - every[0]) / every[1] <= 9


@settings(deadline=None, max_examples=12)
@given(
    st.lists(
        st.one_of(st.floats(1e-6, 1e6), st.just(float("nan")), st.just(float("inf"))), min_size=1, max_size=6
    )
)
def test_a_diverged_run_can_still_be_drawn(values):
    rows = [{"epoch": i, "train_loss": v, "test_loss": v} for i, v in enumerate(values)]
    axes = figures.losses({"linear": rows}).axes[0]
    known = [v for v in values if np.isfinite(v)]
    assert axes.get_yscale() == ("log" if known and max(known) > 30 * min(known) else "linear")


def test_distances_draw_bands_and_floor():
    figure = figures.distances(
        {"linear": curve(4), "zoom": curve(4, interval=False)}, (2.0, 0.5), "distance", LABELS
    )
    (axes,) = figure.axes
    line, bare, floor = axes.lines
    assert list(line.get_ydata()) == [row["value"] for row in curve(4)]
    assert set(floor.get_ydata()) == {2.0}
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == pytest.approx((0.9 * 12.5, 1.1 * 20))
    assert all(len(c.get_paths()) == 0 for c in axes.collections[1:])  # no interval, no band
    (strip,) = (patch for patch in axes.patches if isinstance(patch, Rectangle))
    assert (strip.get_y(), strip.get_height()) == (1.5, 1.0)
    assert legend_texts(figure) == ["DDPM, linear", "Cold Zoom", "real against real, ± 1 s.d."]
    assert axes.get_ylabel() == "distance"


def test_a_single_interval_is_drawn_as_a_bar():
    (bar,) = figures.distances({"linear": curve(1)}).axes[0].collections
    np.testing.assert_allclose(bar.get_segments(), [[[1, 18], [1, 22]]])


@pytest.mark.parametrize(
    ("values", "floor", "scale"),
    [
        ([100, 4], None, "linear"),
        ([100, 3], None, "log"),
        ([100, 50], (0.5, 0.1), "log"),
        ([100, 50], (0.5, 0.6), "log"),  # a band that reaches below 0 is cut
        ([100, 0], None, "linear"),
        ([100, -1], (0.1, 0.1), "linear"),  # kernel distances may be negative
    ],
)
def test_distances_are_logarithmic_only_where_that_helps(values, floor, scale):
    rows = [{"epoch": e, "value": v} for e, v in enumerate(values)]
    axes = figures.distances({"linear": rows}, floor).axes[0]
    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    assert low <= min(values) <= max(values) <= high
    assert floor is None or low <= floor[0]
    assert low <= 0 or scale == "log"


def test_reconstruction_error_has_the_crop_above():
    figure = figures.reconstruction_error(torch.arange(1, 5), [1, 2, 3, 4], [2, 2, 2, 2])
    axes = figure.axes[0]
    (upper,) = axes.child_axes
    assert (axes.get_xlabel(), upper.get_xlabel()) == ("zoom level $t$", "side of the crop (pixels)")
    assert upper.transData.transform((28 - 3, 0))[0] == pytest.approx(axes.transData.transform((3, 0))[0])
    assert axes.collections[0].get_paths()[0].vertices[:, 1].min() == 0  # an error is never negative
    assert legend_texts(figures.reconstruction_error([1, 2], [1, 2])) == ["mean over images"]


def test_timestep_loss_is_drawn_in_order_of_alpha_bar():
    curves = {"linear": {"alpha_bar": [0.5, 0.9, 0.1], "test_loss": [2, 3, 1]}}
    np.testing.assert_array_equal(
        figures.timestep_loss(curves).axes[0].lines[0].get_xydata(), [[0.1, 1], [0.5, 2], [0.9, 3]]
    )


# --- counts ---


def test_pixel_histogram_is_a_density_centred_on_the_256_values():
    left, right = figures.pixel_histogram(COUNTS).axes
    for axes in (left, right):
        data = axes.patches[0].get_data()
        centres = (data.edges[1:] + data.edges[:-1]) / 2
        np.testing.assert_allclose(centres, np.arange(256) / 255 - 0.5, atol=1e-12)
        assert np.sum(data.values * np.diff(data.edges)) == pytest.approx(1)
        np.testing.assert_allclose(data.values / data.values.sum(), COUNTS / COUNTS.sum())
    assert (left.get_yscale(), right.get_yscale()) == ("linear", "log")


def test_class_histogram_has_bars_intervals_and_prior():
    figure = figures.class_histogram(THREE_SHARES, PRIOR, LABELS)
    (axes,) = figure.axes
    heights = np.reshape([bar.get_height() for bar in axes.patches], (3, 10))
    np.testing.assert_allclose(
        heights, [[100 * s for s in share["share"]] for share in THREE_SHARES.values()]
    )
    intervals = np.array(axes.collections[1].get_segments())
    middles = np.array([bar.get_x() + bar.get_width() / 2 for bar in axes.patches[10:20]])
    np.testing.assert_allclose(intervals[:, :, 0], np.c_[middles, middles])
    np.testing.assert_allclose(intervals[:, 0, 1], 100 * np.array(THREE_SHARES["cosine"]["low"]))
    np.testing.assert_allclose(np.array(axes.collections[3].get_segments())[:, :, 1], 10)
    assert legend_texts(figure) == [*LABELS.values(), "real images"]
    assert len(figures.class_histogram({"linear": {"share": PRIOR}}, PRIOR).axes[0].collections) == 1


def test_classes_along_training_fill_the_time_between_checkpoints():
    figure = figures.classes_along([{"epoch": e, **shares()} for e in (1, 5, 10)], PRIOR, LETTERS, "letter")
    axes, aside, _ = figure.axes
    (cells,), (real,) = axes.collections, aside.collections
    np.testing.assert_allclose(cells.get_coordinates()[0, :, 0], [0.5, 3, 7.5, 10.5])
    assert cells.get_array().shape == (10, 3)
    assert cells.get_clim() == real.get_clim() == (0, max(cells.get_array().max(), 10))
    np.testing.assert_allclose(real.get_array(), np.full((10, 1), 10))
    low, high = axes.get_ylim()
    assert low > high  # the first class on top
    assert [label.get_text() for label in axes.get_yticklabels()] == LETTERS
    assert axes.get_ylabel() == "letter that the classifier reads"
    first = figures.classes_along(ALONG, PRIOR).axes[0].collections[0].get_array()[:, 0]
    np.testing.assert_allclose(first, 100 * np.array(ALONG[0]["share"]))


def test_confusion_shows_shares_of_rows():
    matrix = np.zeros((10, 10))
    matrix[3, 5], matrix[3, 3], matrix[7, 0] = 1, 3, 8
    axes = figures.confusion(matrix).axes[0]
    shown = {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in axes.texts}
    assert shown == {(3, 5): "25", (3, 3): "75", (7, 0): "100"}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("read as (% of the true digit)", "true digit")
    low, high = axes.get_ylim()
    assert low > high  # the first row on top


# --- pictures ---


@settings(deadline=None, max_examples=15)
@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 7), st.sampled_from([5, 28]), st.sampled_from([5, 28]))),
    st.integers(1, 9),
)
def test_every_pixel_of_a_grid_is_saved_exactly(images, columns):
    n, height, width = images.shape
    figure = figures.grid(images / 255 - 0.5, columns)
    saved = block(figure)
    columns = min(columns, n)
    scale = (saved.shape[1] - 2) // columns // width
    assert saved.shape[1] == columns * (width * scale + 2) + 2
    for i, image in enumerate(images):
        top, left = i // columns * (height * scale + 2) + 2, i % columns * (width * scale + 2) + 2
        tile = saved[top : top + height * scale, left : left + width * scale]
        np.testing.assert_array_equal(
            tile, np.kron(image, np.ones((scale, scale)))[..., None].repeat(3, axis=2)
        )


def test_pixels_out_of_range_are_clipped_and_nan_shows_red():
    images = np.zeros((4, 28, 28))
    images[0], images[1], images[2], images[3] = -20, 20, np.inf, np.nan
    saved = block(figures.grid(images, 4))
    black, white, infinite, missing = (saved[40, saved.shape[1] * (2 * i + 1) // 8] for i in range(4))
    assert (black == 0).all()
    assert (white == 255).all()
    assert (infinite == 255).all()
    assert missing[0] > 150 > 100 > missing[1:].max()


def test_all_digits_of_a_block_are_one_image():
    for name in PICTURES:
        assert [len(axes.images) for axes in built(name).axes] == [1] * (2 if name == "quality" else 1)


def test_tensors_lists_and_arrays_give_the_same_picture():
    images = EIGHT.astype(np.float32)
    first = render(figures.grid(images), "png")
    assert render(figures.grid(torch.tensor(images, requires_grad=True)), "png") == first
    assert render(figures.grid(images.tolist()), "png") == first
    halves = np.round(images * 4) / 4  # exact in every precision
    assert render(figures.grid(torch.tensor(halves).bfloat16()), "png") == render(figures.grid(halves), "png")


@pytest.mark.parametrize(
    ("n", "columns"), [(1, 1), (2, 2), (8, 4), (9, 3), (50, 10), (64, 8), (100, 10), (17, 6)]
)
def test_a_grid_chooses_its_columns(n, columns):
    assert pictures._columns(n) == columns


@given(st.integers(1, 3000))
def test_a_grid_is_never_tall(n):
    columns = pictures._columns(n)
    rows = -(-n // columns)
    assert rows <= columns <= n


def test_pictures_say_what_is_what():
    assert written(built("latents")) == ["linear", "cosine", *(str(t) for t in range(0, 800, 100)), "$t =$"]
    assert written(built("quality")) == ["high quality", "low quality"]
    assert written(built("reconstructions")) == [
        "original",
        "degraded",
        "reconstructed",
        *(f"$t = {t}$" for t in range(8)),
    ]
    assert written(built("grid")) == ["eight"]
    rows = written(built("trajectory"))
    assert rows == ["seed, $t = 24$", *(f"$t = {t}$" for t in range(21, 0, -3)), "sample, $t = 0$"]
    zoom = written(built("zoom_progression"))
    assert zoom[::2] == [f"$t = {t}$" for t in range(25)]
    assert zoom[1::2] == [rf"${28 - t} \times {28 - t}$" for t in range(25)]


def test_quality_shows_high_on_the_left():
    left, right = (
        block(figures.quality(np.full((4, 28, 28), 0.5), np.full((4, 28, 28), -0.5)), i) for i in (0, 1)
    )
    assert left.mean() > 200
    assert right.mean() < 50


def test_many_digits_shrink_until_they_fit():
    assert figures.grid(np.zeros((300, 28, 28))).get_figheight() < 110 / 25.4 + 0.01
    wide = figures.grid(np.zeros((60, 28, 28)), columns=60)  # not even one output pixel a pixel fits the text
    assert wide.get_figwidth() > TEXT_WIDTH


def test_text_width_grows_with_text_and_size():
    widths = [text_width(""), text_width("i"), text_width("ii"), text_width("ii", 20)]
    assert widths == sorted(set(widths))
    assert widths[0] == 0


# --- wrong input ---

ROWS: Any = history(3)
WRONG: dict[str, tuple[Callable[[], Figure], str]] = {
    "channel axis": (
        lambda: figures.grid(digits(3, 1)),
        r"images has shape \(3, 1, 28, 28\); it must be \(N, 28, 28\)",
    ),
    "no image": (lambda: figures.grid(digits(0)), "not empty"),
    "not numbers": (lambda: figures.grid("digits"), "array of numbers"),
    "ragged": (lambda: figures.grid([[[1.0]], [[1.0, 2.0]]]), "array of numbers"),
    "no column": (lambda: figures.grid(EIGHT, 0), "columns is 0; it must be at least 1"),
    "sizes of quality": (lambda: figures.quality(EIGHT, EIGHT[:, :5]), "one size"),
    "empty low": (lambda: figures.quality(EIGHT, EIGHT[:0]), "low has shape"),
    "no rows": (lambda: figures.latents({}, []), "rows must be a dict with at least one entry"),
    "rows unlike": (lambda: figures.latents({"a": EIGHT, "b": EIGHT[:3]}, range(8)), "one shape"),
    "steps": (lambda: figures.latents({"a": EIGHT}, range(7)), "steps has 7 entries for 8"),
    "trajectory axes": (lambda: figures.trajectory(EIGHT, range(8)), "latents has shape"),
    "trajectory steps": (lambda: figures.trajectory(LATENTS, [1]), "steps has 1 entries for 9"),
    "reconstructions unlike": (lambda: figures.reconstructions(EIGHT, EIGHT, EIGHT[:1]), "one shape"),
    "column labels": (
        lambda: figures.reconstructions(EIGHT, EIGHT, EIGHT, ["a"]),
        "column_labels has 1 entries",
    ),
    "row labels": (lambda: figures.reconstructions(EIGHT, EIGHT, EIGHT, row_labels="ab"), "row_labels has 2"),
    "zoom axes": (lambda: figures.zoom_progression(EIGHT[0]), r"must be \(T\+1, 28, 28\)"),
    "no schedule": (lambda: figures.schedules({}), "schedules must be a dict"),
    "schedule lengths": (lambda: figures.schedules({"a": ([0, 1], [1])}), "beta 2, alpha_bar 1"),
    "schedule parts": (lambda: figures.schedules({"a": ([0, 1],)}), r"must be \(beta, alpha_bar\)"),
    "no history": (lambda: figures.losses({"a": []}), "list of at least one record"),
    "history of one": (lambda: figures.losses({"a": ROWS[0]}), "list of at least one record"),
    "history lacks": (lambda: figures.losses({"a": [{"epoch": 1, "train_loss": 1}]}), "has no 'test_loss'"),
    "not a dict": (lambda: figures.losses(ROWS), "histories must be a dict"),
    "no epoch": (lambda: figures.losses({"a": [{**ROWS[0], "epoch": None}]}), "every epoch must be a number"),
    "curve lacks": (lambda: figures.distances({"a": [{"epoch": 1}]}), "has no 'value'"),
    "floor": (lambda: figures.distances({"a": curve(2)}, (1.0, 2.0, 3.0)), r"floor must be \(mean, sd\)"),
    "floor of nan": (lambda: figures.distances({"a": curve(2)}, (1.0, float("nan"))), "two numbers"),
    "255 counts": (lambda: figures.pixel_histogram(COUNTS[1:]), "counts must be 256"),
    "negative counts": (lambda: figures.pixel_histogram(COUNTS - 2000), "counts must be 256"),
    "no counts": (lambda: figures.pixel_histogram(0 * COUNTS), "not all 0"),
    "shares of a hundred": (
        lambda: figures.class_histogram({"a": {"share": 100 * PRIOR}}, PRIOR),
        "from 0 to 1",
    ),
    "nine shares": (lambda: figures.class_histogram({"a": {"share": PRIOR[1:]}}, PRIOR), "share 9, prior 10"),
    "no share": (lambda: figures.class_histogram({"a": {"low": PRIOR}}, PRIOR), "has no 'share'"),
    "no checkpoint": (lambda: figures.classes_along([], PRIOR), "list of at least one record"),
    "epochs that fall": (lambda: figures.classes_along(ALONG[::-1], PRIOR), "must have growing epochs"),
    "a row of nine": (
        lambda: figures.classes_along([{"epoch": 2, "share": PRIOR[1:]}], PRIOR),
        "epoch 2 9, prior 10",
    ),
    "a row without": (lambda: figures.classes_along([{"epoch": 2}], PRIOR), "has no 'share'"),
    "not square": (lambda: figures.confusion(MATRIX[:3]), "must be square"),
    "negative matrix": (lambda: figures.confusion(-MATRIX), "at least 0"),
    "levels": (lambda: figures.reconstruction_error([1, 2], [1]), "levels 2, mse 1"),
    "buckets": (lambda: figures.timestep_loss({"a": {"alpha_bar": [1], "test_loss": [1, 2]}}), "one length"),
    "no alpha_bar": (lambda: figures.timestep_loss({"a": {"test_loss": [1, 2]}}), "has no 'alpha_bar'"),
}


@pytest.mark.parametrize(("build", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input_is_one_clear_error(build, message):
    before = dict(matplotlib.rcParams)
    with pytest.raises(ValueError, match=message):
        build()
    assert dict(matplotlib.rcParams) == before
