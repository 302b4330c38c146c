"""No figure of a release prints a word over a word or a mark, or outside the canvas; planted ones are found.

The figures of the paper are in test_drawn_all.py, which draws them once.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

import diffusion as d
import drawn
from drawn import rows
from helpers import PAPER
from overprints import find_overprints
from paper import figures as paper_figures
from report import figures
from report.figures import curves, images, lessons
from report.figures.print_style import new_figure, render, styled
from report.results import counterparts, views

RELEASED = PAPER.parent
QUICK = ("cosine_unet", "linear_unet", "zoom_unet_noise")  # with a U-Net, as the models of `quick`
OF_RUNS = {
    "distances": lambda run, pairs: figures.distances(run),
    "losses": lambda run, pairs: figures.losses(run),
    "own_compared": lambda run, pairs: figures.own_compared(run, run.models),
    "own_schedules": lambda run, pairs: figures.own_schedules(run, run.models),
    "losses_beside": figures.losses_beside,
    "samples_beside": figures.samples_beside,
}
IMAGES = torch.linspace(-0.5, 0.5, 50)[:, None, None].expand(50, 28, 28)
DIGITS = [str(digit) for digit in range(10)]
CLOTHES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"]


# --- planted ---


@styled
def plant(x=0.3, y=0.5, slanted=False):
    """A panel with a line, a point and a bar, named below its axes, and a word at a place of the panel."""
    figure = new_figure(50)
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="passes", ylabel="loss")
    axes.plot([0, 1], [0.2, 0.2])
    axes.plot(0.6, 0.8, "o")
    axes.bar(0.9, 0.5, 0.1)
    axes.text(0.3, 0.8, "a name")
    turned = {"rotation": 45, "rotation_mode": "anchor"} if slanted else {}
    axes.text(x, y, "over", va="center", ha="center", in_layout=False, **turned)
    return figure


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ((0.33, 0.84), "'over' is over 'a name'"),
        ((0.3, 0.2), "'over' is over a mark"),  # the line
        ((0.6, 0.8), "'over' is over a mark"),  # the point
        ((0.9, 0.3), "'over' is over a mark"),  # the bar
        ((0.0, 0.6), "'over' is over a mark"),  # the axis
        ((1.15, 0.6), "'over' is outside the canvas"),
    ],
)
@pytest.mark.parametrize("slanted", [False, True])
def test_a_planted_word_is_found_at_its_place(place, problem, slanted):
    assert problem in find_overprints(plant(*place, slanted=slanted))


@pytest.mark.parametrize("slanted", [False, True])
def test_a_figure_whose_words_have_room_has_none_and_stays_as_it_is(slanted):
    figure = plant(slanted=slanted)
    before = render(figure, "svg")
    assert find_overprints(figure) == []
    assert render(figure, "svg") == before


def test_slanted_names_beside_each_other_are_apart_though_their_extents_are_not():
    @styled
    def heads():
        figure = new_figure(40, None)
        for x in (0.3, 0.34):
            figure.text(x, 0.2, "a long name", rotation=45, rotation_mode="anchor")
        return figure

    figure = heads()
    assert find_overprints(figure) == []
    boxes = [text.get_window_extent() for text in figure.texts]
    assert boxes[0].overlaps(boxes[1])


# --- released ---


@pytest.mark.parametrize("name", OF_RUNS)
@pytest.mark.parametrize("release", ["starts", "beyond", "like quick"])
def test_the_figures_of_a_run_have_room_for_their_words(release, name):
    of = None if release == "starts" else [(model, 0) for model in QUICK]
    folder = "starts" if release == "starts" else "beyond"
    run = views.load(RELEASED / folder, trainings=of if release == "like quick" else None)
    run = replace(run, beside=drawn.released().beside)
    pairs = counterparts.list_beside(run)
    if release == "like quick":  # a released run has itself for its counterpart, which no report shows
        pairs = [(run.first(model), counterparts.find_counterpart(run.first(model))) for model in QUICK]
    assert pairs
    assert find_overprints(OF_RUNS[name](run, pairs)) == []


def test_the_figure_of_all_changes_has_room_for_its_words():
    assert find_overprints(paper_figures.changes(drawn.released().beside["beyond"])) == []


OF_LESSONS = {
    "schedules": lambda: lessons.schedules({"linear": d.linear(), "cosine": d.cosine()}),
    "by_step": lambda: images.by_step({"linear": IMAGES[:9], "cosine": IMAGES[9:18]}, range(0, 900, 100)),
    "zoom": lambda: lessons.zoom_progression(IMAGES[:25]),
    "reconstructions": lambda: lessons.reconstructions(
        IMAGES[:10], IMAGES[10:20], IMAGES[20:30], [1, 3, 6, 9, 12, 15, 18, 20, 22, 24]
    ),
    "trajectory": lambda: lessons.trajectory(IMAGES[:40].reshape(5, 8, 28, 28), [24, 18, 12, 6, 0]),
    "centre_pixels": lambda: lessons.centre_pixels(np.r_[5000, np.arange(1, 255), 9000]),
    "confusion": lambda: lessons.confusion(99 * np.eye(10) + 1, DIGITS, "digit"),
    "confusion of clothes": lambda: lessons.confusion(99 * np.eye(10) + 1, CLOTHES, "garment"),
    "loss": lambda: curves.losses("zoom", *losses_of("paper/train_zoom-3")),
}


def losses_of(name):
    history = [
        {"epoch": row.epoch, "step": 469 * row.epoch, "test_loss": row.value}
        for row in rows(name, measure="test_loss")
    ]
    return history, [(row.x, row.value) for row in rows(name, measure="step_loss")]


@pytest.mark.parametrize("name", OF_LESSONS)
def test_the_figures_of_the_lessons_have_room_for_their_words(name):
    assert find_overprints(OF_LESSONS[name]()) == []
