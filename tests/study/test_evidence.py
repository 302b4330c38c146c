"""Figures of the analyses: what is drawn is what the records say, and nothing is left out."""

import pytest
from matplotlib.figure import Figure

import synthetic
from diffusion.figures.style import styles_of
from study import records
from study.figures import evidence

KIND = {"unchanged": 0.97, "shifted by 3 pixels": 0.9, "uniform noise": 0.0, "random pen strokes": 0.1}
RELEASED = synthetic.released()


def drawn(sampler: str, calls: int, fid: float, digit: float, noise: float = 0.0) -> records.Drawn:
    of = RELEASED.first("zoom").analysis.drawn[0]
    changes = {"sampler": sampler, "calls": calls, "noise": noise}
    changes["frechet"] = of.frechet.model_copy(update={"value": fid})
    changes["digit"] = of.digit.model_copy(update={"value": digit})
    return of.model_copy(update=changes)


ROWS = {
    "linear": [
        [drawn("ancestral", 1000, 12, 0.3), drawn("ancestral", 10, 60, 0.1), drawn("ddim", 10, 90, 0.0)]
    ],
    "zoom": [[drawn("naive", 24, 20, 0.5), drawn("naive", 1, 30, 0.0)], [drawn("naive", 24, 8, 0.5)]],
}


def lines(axes) -> dict[tuple, list]:
    return {tuple(line.get_xdata()): list(line.get_ydata()) for line in axes.lines}


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


LABELS = {"linear": "DDPM", "own": "Own", "zoom": "Cold Zoom"}
STYLES = {name: style._replace(label=LABELS[name]) for name, style in styles_of(LABELS).items()}


def test_quality_is_drawn_in_order_of_calls_for_every_sampler_and_training():
    figure = evidence.quality_against_calls(ROWS, STYLES)
    distance, digits = figure.axes
    assert [list(line.get_xdata()) for line in distance.lines] == [[10, 1000], [10], [1, 24], [24]]
    assert [list(line.get_ydata()) for line in distance.lines] == [[60, 12], [90], [30, 20], [8]]
    assert [list(line.get_ydata()) for line in digits.lines] == [[0.1, 0.3], [0.0], [0.0, 0.5], [0.5]]
    assert labels(figure) == ["DDPM, ancestral", "DDPM, ddim", "Cold Zoom, naive"]
    assert digits.get_ylim()[0] == 0


def test_noise_begins_at_none_and_shows_all_trainings():
    rows = [drawn("naive", 24, 10 + 50 * sd, 0.5, sd) for sd in (0.1, 0.0, 0.2)]
    figure = evidence.noise({"seed 0": rows, "seed 1": rows[:2]})
    for axes in figure.axes:
        assert [list(line.get_xdata()) for line in axes.lines] == [[0.0, 0.1, 0.2], [0.0, 0.1]]
        assert axes.get_ylim()[0] == 0
    assert list(figure.axes[1].lines[0].get_ydata()) == [10, 15, 20]
    assert labels(figure) == ["seed 0", "seed 1"]


@pytest.fixture
def made() -> records.YardstickRecord:
    def candidate(name: str, factor: float) -> records.Candidate:
        accepted = {kind: factor * share for kind, share in KIND.items()}
        refused, curve = [0.01, 0.05, 0.2], [0.5 * factor, 0.2 * factor, 0.0]
        return records.Candidate(
            name=name, accepted=accepted, wrongly=0.05, refused=refused, wrongly_curve=curve
        )

    changes = {"candidates": [candidate("confidence", 0.5), candidate("new", 1.0)], "used": "new"}
    changes |= {"mild": list(KIND)[:2], "no_digits": list(KIND)[2:]}
    changes["old"] = candidate("confidence", 0.8).accepted
    changes["distorted"] = [records.Distorted(kind="turned", frechet=3.0)]
    return RELEASED.yardstick.model_copy(update=changes)


def test_a_recogniser_is_shown_kind_by_kind_old_against_new(made):
    axes = evidence.recogniser(made).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == list(KIND)
    old, new = (line for line in axes.lines if len(line.get_xdata()) == len(KIND))
    assert list(new.get_xdata()) == pytest.approx([100 * share for share in KIND.values()])
    assert list(old.get_xdata()) == pytest.approx([80 * share for share in KIND.values()])
    assert list(axes.get_yticks()) == sorted(axes.get_yticks(), reverse=True)


def test_models_stand_among_the_distorted_in_order(made):
    axes = evidence.yardstick(made.distorted, {("zoom", 0): 20.0, ("zoom", 1): 1.0}, STYLES).axes[0]
    expected = ["Cold Zoom, seed 1", "turned", "Cold Zoom, seed 0"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == expected
    assert [x for x, _ in axes.collections[0].get_offsets()] == [1, 3, 20]
