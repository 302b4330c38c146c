"""Figures of curves and counts: true to their numbers."""

import numpy as np
import pytest

from diffusion import cosine, figures, linear


def history(n):
    return [{"epoch": e, "train_loss": 1 / e, "test_loss": 0.9 / e} for e in range(1, n + 1)]


def drawn(axes):
    """(x, y) of each line."""
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]


def test_schedules_are_drawn_from_step_1_and_clipping_is_marked():
    made = {"linear": linear(50), "cosine": cosine(50)}
    left, right = (figure := figures.schedules(made)).axes
    curves = [line for line in left.lines if len(line.get_xdata()) > 1]
    for of_beta, of_alpha_bar, schedule in zip(curves, right.lines, made.values(), strict=True):
        np.testing.assert_array_equal(of_beta.get_xydata().T, [np.arange(1, 51), schedule.beta[1:]])
        np.testing.assert_array_equal(of_alpha_bar.get_xydata().T, [np.arange(51), schedule.alpha_bar])
    noted = [value for series, _, value in figure.numbers if series == "linear, beta"]
    assert noted == pytest.approx(made["linear"].beta[1:].tolist(), rel=1e-5)
    assert f"from $t = {int((made['cosine'].beta == 0.02).nonzero()[0])}$" in left.texts[0].get_text()


def test_losses_draw_train_solid_and_test_dashed():
    figure = figures.losses({"linear": history(3), "cosine": history(3)})
    (axes,) = figure.axes
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--"] * 2
    train, test = ([row[f"{kind}_loss"] for row in history(3)] for kind in ("train", "test"))
    assert drawn(axes)[2:] == [([1, 2, 3], train), ([1, 2, 3], test)]


def test_errors_losses_counts_and_readings_are_the_numbers_given():
    raw, mean = drawn(figures.running_loss(list(range(40)), first=11).axes[0])
    assert raw == (list(range(11, 51)), list(range(40)))
    assert mean == (raw[0], [0, *[k + 0.5 for k in range(39)]])  # over the last twentieth
    (axes,) = figures.reconstruction_error([1, 2, 24], [0.1, 0.2, 0.3], [0.05, 0.3, 0.1]).axes
    assert drawn(axes) == [([1, 2, 24], [0.1, 0.2, 0.3])]
    band = axes.collections[0].get_paths()[0].vertices
    assert {tuple(np.round(one, 6)) for one in band} >= {(1, 0.05), (1, 0.15), (2, 0), (2, 0.5), (24, 0.2)}
    counts = np.zeros(256)
    counts[[0, 255]] = 3, 1
    density = {x: value for _, x, value in figures.centre_pixels(counts).numbers if value}
    assert density == pytest.approx({-0.5: 0.75 * 255, 0.5: 0.25 * 255})
    matrix = np.array([[3, 1, 0], [0, 0, 0], [0, 1, 399]])
    (axes,) = figures.confusion(matrix, list("abc"), "letter").axes
    assert [text.get_text() for text in axes.texts] == ["75", "25", "", "", "", "", "", "", "100"]
    np.testing.assert_allclose(axes.collections[0].get_array().reshape(3, 3)[2], [0, 0.25, 99.75])
