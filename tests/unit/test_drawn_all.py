"""In each figure of the paper nothing is cut off or overprinted, and lines across panels are in place."""

import pytest

import drawn
from drawn import STUDY, measured, near, number
from helpers import PAPER
from overprints import find_overprints
from paper import answer, figures
from report.results import views

# Of each plot its panels' lines across and shaded ranges, as the captions and docstrings speak of them.
LATE = (80, 100)  # epochs
REAL = number(measured("linear", 0), "border", "real").sd
NOTHING = ([], [])
ACROSS = {
    "answer": [NOTHING] * 3,
    "beyond": [NOTHING] * 3,
    "blank": [([("y", REAL)], [(1, 15)])],  # all grey levels are within 1
    "distances": [([], [LATE])],  # the floor is below the panel, and told
    "effects": [([("x", 0)], []), ([("x", 1)], []), ([("x", 1)], [])],  # no effect
    "intervention": [NOTHING] * 2,
    "losses": [NOTHING],
    "mix": [NOTHING] * 4,
    "offset_response": [([("y", 1)], [])],  # the ideal: all of it
    "quality_calls": [NOTHING] * 2,
    "starts": [([("y", 0.5)], []), NOTHING],  # a half, from which on an offset shrinks
    "yardstick": [NOTHING],
}
PICTURES = {"beyond_samples", "unpicked"}


@pytest.fixture(scope="module")
def all_drawn():
    return {name: drawn.figure(name) for name in ACROSS}


def panels(figure):
    return [axes for axes in figure.axes if not axes.images]


def test_each_figure_of_the_paper_is_looked_at():
    of_model = {"front", "quality", "original_losses"}
    known = {name for name in dir(figures) if callable(getattr(figures, name))}
    assert known == {*ACROSS} | PICTURES | of_model


@pytest.mark.parametrize("name", ACROSS)
def test_lines_across_a_panel_stand_where_they_mean_and_nothing_is_cut_off(all_drawn, name):
    figure = all_drawn[name]
    for axes, (lines, ranges) in zip(panels(figure), ACROSS[name], strict=True):
        assert drawn.reference_lines(axes) == [(along, near(place)) for along, place in lines]
        assert drawn.spans(axes) == [near(one) for one in ranges]
        assert drawn.hidden(axes) == []


@pytest.mark.parametrize("name", [*ACROSS, *sorted(PICTURES)])
def test_no_word_is_printed_over_another_or_a_mark_or_outside_the_canvas(name):
    assert find_overprints(drawn.figure(name)) == []


@pytest.mark.parametrize("model", STUDY)
def test_words_of_samples_by_confidence_have_room(model):
    assert find_overprints(figures.quality(drawn.released(), model)) == []


@pytest.mark.parametrize("name", ["distances", "losses", "offset_response", "starts"])
def test_names_at_curves_ends_are_in_the_order_of_the_ends_and_apart(all_drawn, name):
    axes = all_drawn[name].axes[0]
    names = [text for text in axes.texts if hasattr(text, "xyann") and text.get_text()]
    ends = [axes.transData.transform(text.xy)[1] / axes.figure.dpi * 72 for text in names]  # points
    told = sorted((end + text.xyann[1], end) for end, text in zip(ends, names, strict=True))
    assert len(told) > 2
    assert [end for _, end in told] == sorted(ends)
    assert all(b - a > 8 for (a, _), (b, _) in zip(told, told[1:], strict=False))
    assert min(abs(place - end) for place, end in told) < 1e-6  # the lowest one is not moved


def test_the_floor_of_distances_is_told_where_it_is_below_the_panel(all_drawn):
    (axes,) = all_drawn["distances"].axes
    floor = number(measured("linear", 0), "floor", "checkpoint").value
    assert floor < axes.get_ylim()[0]
    assert any(f"real digits: {floor:.2g} (below)" in text.get_text() for text in axes.texts)


def test_the_diagonal_is_of_what_is_predicted_exactly(all_drawn):
    _, law = panels(all_drawn["starts"])
    (line,) = (one for one in law.lines if type(one).__name__ == "AxLine")
    assert (line.get_xy1(), line.get_slope()) == ((1, 1), 1)
    assert law.get_xscale() == law.get_yscale() == "log"


def test_an_interval_of_a_mean_is_drawn_whole_or_has_an_arrow_towards_its_rest(all_drawn):
    """Of the release all are whole; of two trainings each they are wider than a panel."""
    few = views.load(PAPER, trainings=[("linear", 0), ("linear", 1), ("zoom", 0), ("zoom", 1)])
    few = few.labelled(drawn.LABELS)
    arrows = {"<": 0, ">": 0}
    for run, figure in ((drawn.released(), all_drawn["answer"]), (few, figures.answer(few))):
        for axes, asked in zip(panels(figure), answer.ASKED.values(), strict=True):
            left, right = axes.get_xlim()
            names = drawn.row_names(axes)
            for model, mean in answer.means(run, asked, run.models).items():
                y = round(names[drawn.LABELS[model]])
                (ends,) = ([a[0], b[0]] for a, b in drawn.bars(axes) if a[1] == b[1] == y)
                assert ends == near([max(mean.low, left), min(mean.high, right)])
                beyond = {
                    "<": [near(left)] * int(mean.low < left),
                    ">": [near(right)] * int(mean.high > right),
                }
                for marker, places in beyond.items():
                    assert drawn.at_row(axes, y, marker) == places
                    arrows[marker] += len(places)
    assert min(arrows.values()) > 0
