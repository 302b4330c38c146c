"""The figures of every report and of the lessons, read as a reader does, against what they are given."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.collections import QuadMesh

import diffusion as d
import drawn
from drawn import (
    alike,
    at_row,
    bars,
    file,
    heads,
    legend,
    marked,
    near,
    number,
    points,
    rows,
    tick_pairs,
    ticks,
)
from helpers import PAPER, of_release
from report import figures
from report.figures import chance, curves, images, lessons
from report.figures.curves import curve
from report.results import views

BEYOND = PAPER.parent / "beyond"
OWN = {"linear_unet": "DDPM, linear_unet", "zoom_dilated": "Cold Zoom, zoom_dilated"}  # model -> label


@pytest.fixture(scope="module")
def beyond():
    return drawn.released().beside["beyond"]


# --- reports ---


def test_ones_own_models_have_each_measure_in_their_row_beside_real_images(beyond):
    figure = figures.own_compared(beyond, [*OWN])
    names = ticks(figure.axes[0], "y")
    sets = {f"{label}, seed {seed}": (seed, model, "") for model, label in OWN.items() for seed in (0, 1)}
    for model, label in OWN.items():
        variants = file(f"beyond/measure_{model}-0")["settings"]["variants"]
        sets |= {f"{label}, seed 0, {variant}": (0, model, variant) for variant in variants}
    assert names.keys() <= sets.keys()
    assert len(names) > 4
    panels = {"Fréchet distance": "frechet", "share of digits": "digit", "coverage": "coverage"}
    assert [heads(axes).x for axes in figure.axes] == [*panels]
    for axes, measure in zip(figure.axes, panels.values(), strict=True):
        (line,) = drawn.alike(axes, legend(figure)["real images"])
        first = "beyond/measure_linear_unet-0"
        real = number(first, "floor") if measure == "frechet" else number(first, measure, "real")
        assert line.get_xdata()[0] == near(real.value)
        ends = {a[1]: (a[0], b[0]) for a, b in bars(axes) if a[1] == b[1]}
        for name in names:
            seed, model, variant = sets[name]
            row = number(f"beyond/measure_{model}-{seed}", measure, variant)
            assert at_row(axes, names[name], "o") == [near(row.value)]
            assert ends[names[name]] == near((row.low, row.high))


def test_a_line_style_of_distances_is_a_seed_and_one_seed_needs_no_key():
    several = figures.distances(views.load(PAPER, trainings=[("linear", 0), ("cosine", 1)]))
    styles = [legend(several)[f"seed {seed}"].get_linestyle() for seed in (0, 1)]
    assert [mark.get_linestyle() for mark in several.axes[0].lines] == styles
    assert len({*styles}) == 2
    assert not figures.distances(views.load(PAPER, trainings=[("linear", 1), ("cosine", 1)])).legends


def test_losses_beside_are_of_the_panels_model_yours_and_the_papers(beyond):
    paper = drawn.released()
    found = [(beyond.first("zoom"), (paper, paper.first("zoom"))), (beyond.first("linear_unet"), None)]
    figure = figures.losses_beside(beyond, found)
    key = legend(figure)
    names = {"Cold Zoom": "zoom", "DDPM, linear_unet": "linear_unet"}
    assert [heads(axes).title for axes in figure.axes] == [*names]
    yours, papers = (next(one for label, one in key.items() if word in label) for word in ("your", "paper"))
    for axes, model in zip(figure.axes, names.values(), strict=True):
        losses = [(row.epoch, row.value) for row in rows(f"beyond/train_{model}-0", measure="test_loss")]
        (own,) = drawn.alike(axes, yours)
        assert points(own) == near_all(losses)
        others = [mark for mark in axes.lines if mark.get_color() == papers.get_color()]
        of_paper = rows("paper/train_zoom-0", measure="test_loss")
        expected = [near_all((row.epoch, row.value) for row in of_paper)] if model == "zoom" else []
        assert [points(mark) for mark in others] == expected


def near_all(found):
    return [near(one) for one in found]


def test_training_losses_by_step_stand_at_the_passes_over_the_data(tmp_path):
    """Of a short training, twenty means, each at its last step; of a long one they would hide its curve."""
    run = views.load(of_release(tmp_path, "zoom-3"))
    one = run.first("zoom")
    (axes,) = figures.losses_beside(run, [(one, None)]).axes
    assert len(axes.lines) == 1
    one.job.rows[:] = [row for row in one.job.rows if (row.epoch or 0) <= 3]
    (axes,) = figures.losses_beside(run, [(replace(one), None)]).axes
    (mark,) = (mark for mark in axes.lines if len(mark.get_xdata()) == 20)
    parts = np.array_split(
        [(row.x, row.value) for row in rows("paper/train_zoom-3", measure="step_loss")], 20
    )
    assert points(mark) == near_all((part[-1, 0] * 128 / 60_000, part[:, 1].mean()) for part in parts)


def test_noise_schedules_of_ones_own_are_named_as_their_models(beyond):
    figure = figures.own_schedules(beyond, ["linear_unet", "cosine_unet", "zoom"])
    expected = {"DDPM, linear_unet": d.linear(), "DDPM, cosine_unet": d.cosine()}
    check_schedules(figure, expected)


def test_pictures_of_several_models_have_the_samples_of_their_titles(beyond):
    paper = drawn.released()
    paths = {model: BEYOND / "kept" / f"samples_{model}-0.npz" for model in (*OWN, "zoom")}
    paths["paper"] = PAPER / "kept" / "samples_zoom-0.npz"
    kept = {name: np.load(path)["images"] for name, path in paths.items()}
    for model in OWN:
        strip = figures.first_samples(beyond, model)
        assert strip.model == model
        assert (drawn.tiles(strip.axes[0], 8) == kept[model][:8]).all()
    pairs = [(beyond.first("zoom"), (paper, paper.first("zoom"))), (beyond.first("linear_unet"), None)]
    shown = figures.samples_beside(beyond, pairs)
    expected = {"Cold Zoom: your run": kept["zoom"][:16], "Cold Zoom: the paper's": kept["paper"][:16]}
    expected |= {"DDPM, linear_unet: your run": kept["linear_unet"][:16]}
    expected |= {"DDPM, linear_unet: the last ones": kept["linear_unet"][-16:]}
    for axes in shown.axes:
        assert (drawn.tiles(axes, 8) == expected.pop(heads(axes).title)).all()
    assert not expected


# --- lessons ---


def check_schedules(figure, expected):
    """Each schedule at its look: left the variances of steps, from 1, right what is left from 0 on."""
    (left, right), key = figure.axes, legend(figure)
    assert [*key] == [*expected]
    assert all(word in heads(left).y for word in ("noise variance", "beta"))
    assert all(word in heads(right).y for word in ("signal variance", "alpha"))
    assert {heads(axes).x for axes in figure.axes} == {"step $t$"}
    for name, schedule in expected.items():
        T = len(schedule.beta) - 1
        curves = [
            [
                mark
                for mark in axes.lines
                if len(mark.get_xdata()) > 1 and drawn.look(mark)[:2] == drawn.look(key[name])[:2]
            ]
            for axes in (left, right)
        ]
        (beta,), (alpha_bar,) = curves
        assert points(beta) == near_all((t, float(schedule.beta[t])) for t in range(1, T + 1))
        assert points(alpha_bar) == near_all((t, float(schedule.alpha_bar[t])) for t in range(T + 1))
    clipped = [name for name, one in expected.items() if (one.beta == one.beta.max()).sum() > 1]
    assert len(marked(left, "|")) == len(clipped)
    for (x, _), text, name in zip(marked(left, "|"), left.texts, clipped, strict=True):
        beta = expected[name].beta
        assert x == min(t for t in range(len(beta)) if beta[t] == beta.max())
        assert f"{x:g}" in text.get_text()


def test_schedules_begin_at_step_one_and_what_is_left_at_zero():
    check_schedules(
        lessons.schedules({"a": d.linear(50), "b": d.cosine(50)}), {"a": d.linear(50), "b": d.cosine(50)}
    )


def test_rows_of_a_confusion_matrix_are_true_classes():
    counts = np.array([[8, 2, 0], [1, 3, 0], [0, 0, 0]])
    (axes,) = lessons.confusion(counts, ["cat", "dog", "owl"], "animal").axes
    assert heads(axes).y == "true animal"
    assert "read as" in heads(axes).x
    across, down = ticks(axes, "x"), ticks(axes, "y")
    (cells,) = (mark for mark in axes.collections if isinstance(mark, QuadMesh))
    share = cells.get_array().reshape(3, 3)
    assert axes.yaxis_inverted()  # the first row is on top
    texts = {tuple(map(float, text.get_position())): text.get_text() for text in axes.texts}
    for (true, read), percent in {("cat", "dog"): 20, ("dog", "cat"): 25, ("owl", "cat"): 0}.items():
        x, y = across[read], down[true]
        assert share[int(y), int(x)] == percent
        assert texts[x, y] == str(percent or "")


def test_densities_stand_at_the_pixel_values_of_their_counts():
    counts = np.zeros(256, int)
    counts[[0, 200, 255]] = 1, 2, 5
    (axes,) = lessons.centre_pixels(counts).axes
    (stairs,) = axes.patches
    values, edges, _ = stairs.get_data()
    middles = (edges[1:] + edges[:-1]) / 2
    assert [*middles[[0, 200, 255]]] == near([-0.5, 200 / 255 - 0.5, 0.5])
    assert float((values * np.diff(edges)).sum()) == near(1)
    assert [*values[[0, 200, 255]] / values.sum()] == near([1 / 8, 2 / 8, 5 / 8])


IMAGES = torch.linspace(-0.5, 0.5, 26)[:25, None, None].expand(25, 28, 28)  # each of a grey of its own
GREYS = [round(255 * i / 25) for i in range(25)]


def greys(axes, columns):
    return [*drawn.tiles(axes, columns)[:, 9, 9]]


ROWS = ("original", "degraded", "restored"), ("prior, $t = 24$", "$t = 8$", "sample, $t = 0$")
PICTURES = {  # figure -> how it is drawn, names of its rows and columns, and its images in reading order
    "zoom": (
        lambda: lessons.zoom_progression(IMAGES),
        ((), [rf"$t = {t}$ ${28 - t} \times {28 - t}$" for t in range(0, 25, 2)], range(0, 25, 2)),
    ),
    "restorations": (
        lambda: lessons.reconstructions(IMAGES[:3], IMAGES[3:6], IMAGES[6:9], [1, 12, "five"]),
        (ROWS[0], ["$t = 1$", "$t = 12$", "five"], range(9)),
    ),
    "trajectory": (
        lambda: lessons.trajectory(IMAGES[:6].reshape(3, 2, 28, 28), [24, 8, 0]),
        (ROWS[1], ["", ""], range(6)),
    ),
    "latents": (
        lambda: images.by_step({"first": IMAGES[:3], "second": IMAGES[3:6]}, [0, 5, 10]),
        (("first", "second"), ["$t = 0$", "5", "10"], range(6)),
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_images_are_in_the_row_and_the_column_that_are_named_beside_them(name):
    draw, (down, across, order) = PICTURES[name]
    (axes,) = draw().axes
    rows, columns = ([label for label, _ in tick_pairs(axes, along)] for along in ("y", "x"))
    assert (rows, columns or across) == ([*down], across)
    assert greys(axes, len(across)) == [GREYS[i] for i in order]


def test_grids_have_their_title():
    titled = {"a": IMAGES[:4], "b": IMAGES[4:8], "c": IMAGES[8:12]}
    found = {heads(axes).title: greys(axes, 2) for axes in lessons.grids(titled, columns=2, across=2).axes}
    assert found == {"a": GREYS[:4], "b": GREYS[4:8], "c": GREYS[8:12]}


def test_dots_of_pairs_are_of_the_side_that_the_legend_names():
    sides = ("before", "after")
    panels = {
        "share": {"zoom": [(0.1, 0.5), (0.2, 0.7)], "blur": [(0.6, 0.4)]},
        "distance": {"zoom": [(90.0, 3.0), (80.0, 2.0)], "blur": [(4.0, 50.0)]},
    }
    figure = chance.pairs(panels, sides, log=["distance"])
    handles = legend(figure)
    assert [*handles] == [*sides]
    for axes, (measure, models) in zip(figure.axes, panels.items(), strict=True):
        assert heads(axes).y == measure
        for i, side in enumerate(sides):
            dots = sorted(at for mark in alike(axes, handles[side]) for at in points(mark))
            expected = [
                pair[i] for model in models for pair in sorted(models[model], key=lambda pair: pair[i])
            ]
            assert [y for _, y in dots] == expected
            places = [[*models].index(model) for model in models for _ in models[model]]
            names = sorted(ticks(axes, "x").values())
            assert all((x > names[at]) == bool(i) for (x, _), at in zip(dots, places, strict=True))


def test_a_noised_image_is_scaled_about_its_mean():
    image = torch.full((28, 28), -0.5)
    image[:, 14:] = 0.5
    clean, half, none = lessons.noised(image, [1.0, 0.5, 0.0])
    assert (clean == np.where(image > 0, 255, 0)).all()
    noise = np.random.default_rng(3).standard_normal((28, 28))
    for found, x in ((half, 0.5**0.5 * (image.numpy() + noise)), (none, noise)):
        expected = np.clip(0.5 + (x - x.mean()) / (4 * x.std()), 0, 1)
        assert np.abs(found / 255 - expected).max() < 0.01


@pytest.mark.parametrize("epochs", [3, 20])
def test_losses_by_step_stand_at_their_epoch_and_test_losses_at_its_end(epochs):
    history = [{"epoch": e, "step": 10 * e, "test_loss": 1 / e} for e in range(1, epochs + 1)]
    by_step = [(s, 2 / s) for s in range(2, 10 * epochs + 1, 2)]
    figure = curves.losses("zoom", history, by_step)
    (axes,), key = figure.axes, legend(figure)
    begin = 5 if epochs == 20 else 0
    found = {
        label: points(mark)
        for label, handle in key.items()
        for mark in axes.lines
        if drawn.look(mark) == drawn.look(handle)
    }
    assert found["train"] == near_all((s / 10, y) for s, y in by_step if s / 10 >= begin)
    assert found["test"] == near_all((e, 1 / e) for e in range(max(1, begin), epochs + 1))


def test_a_curve_has_its_errors_below_and_above():
    (axes,) = curve(("t", "error"), [1, 2, 4], [3.0, 2.0, 1.0], ([1, 0.5, 0.2], [2, 3, 4])).axes
    assert points(axes.lines[0]) == [(1, 3), (2, 2), (4, 1)]
    assert [*bars(axes)][-3:] == [((1, 2), (1, 5)), ((2, 1.5), (2, 5)), ((4, 0.8), (4, 5))]
    assert (heads(axes).x, heads(axes).y) == ("t", "error")
