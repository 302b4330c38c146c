"""Figures of the analyses: what is drawn is what the records say, and nothing is left out."""

import dataclasses

import pytest
from matplotlib.figure import Figure

import synthetic
from study import figures, records

KIND = {"unchanged": 0.97, "shifted by 3 pixels": 0.9, "uniform noise": 0.0, "random pen strokes": 0.1}
RELEASED = synthetic.released()


def drawn(sampler: str, calls: int, fid: float, digit: float, noise: float = 0.0) -> records.Drawn:
    of = RELEASED.first("zoom").analysis.drawn[0]
    changes = {"sampler": sampler, "calls": calls, "noise": noise}
    changes["frechet"] = of.frechet.model_copy(update={"value": fid})
    changes["digit"] = of.digit.model_copy(update={"value": digit})
    return of.model_copy(update=changes)


def analysed(rows: dict[tuple[str, int], list[records.Drawn]]) -> records.Results:
    """The released trainings of these, with these samples."""
    ones = {}
    for key, ways in rows.items():
        one = RELEASED.trainings[key]
        ones[key] = dataclasses.replace(one, analysis=one.analysis.model_copy(update={"drawn": ways}))
    return dataclasses.replace(RELEASED, trainings=ones)


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_quality_is_drawn_in_order_of_calls_for_every_sampler_and_training():
    linear = [("ancestral", 1000, 12, 0.3), ("ancestral", 10, 60, 0.1), ("ddim", 10, 90, 0.0)]
    zoom = [("naive", 24, 20, 0.5), ("naive", 1, 30, 0.0), ("improved", 24, 60, 0.1)]
    rows = {("linear", 0): linear, ("zoom", 0): zoom, ("zoom", 1): [("naive", 24, 8, 0.5)]}
    figure = figures.quality_calls(
        analysed({key: [drawn(*way) for way in ways] for key, ways in rows.items()})
    )
    distance, digits = figure.axes
    assert [list(line.get_xdata()) for line in distance.lines] == [[10, 1000], [10], [1, 24], [24]]
    assert [list(line.get_ydata()) for line in distance.lines] == [[60, 12], [90], [30, 20], [8]]
    assert [list(line.get_ydata()) for line in digits.lines] == [[0.1, 0.3], [0.0], [0.0, 0.5], [0.5]]
    assert labels(figure) == ["DDPM, linear, ancestral", "Cold Zoom, seed 0"]
    assert digits.get_ylim()[0] == 0


def test_noise_begins_at_none_and_shows_all_trainings():
    rows = [drawn("naive", 24, 10 + 50 * sd, 0.5, sd) for sd in (0.0, 0.2, 0.1)]
    figure = figures.FIGURES["sampling_noise.svg"](analysed({("zoom", 0): rows, ("zoom", 1): rows[::2]}))
    for axes in figure.axes:
        assert [list(line.get_xdata()) for line in axes.lines] == [[0.0, 0.1, 0.2], [0.0, 0.1]]
        assert axes.get_ylim()[0] == 0
    assert list(figure.axes[1].lines[0].get_ydata()) == [10, 15, 20]
    assert labels(figure) == ["seed 0", "seed 1"]


@pytest.fixture
def made() -> records.Results:
    def candidate(name: str, factor: float) -> records.Candidate:
        accepted = {kind: factor * share for kind, share in KIND.items()}
        refused, curve = [0.01, 0.05, 0.2], [0.5 * factor, 0.2 * factor, 0.0]
        return records.Candidate(
            name=name, accepted=accepted, wrongly=0.05, refused=refused, wrongly_curve=curve
        )

    changes = {"candidates": [candidate("confidence", 0.5), candidate("new", 1.0)], "used": "new"}
    changes |= {"mild": list(KIND)[:2], "no_digits": list(KIND)[2:]}
    changes["old"] = candidate("confidence", 0.8).accepted
    changes["distorted"] = [records.Distorted(kind="on 10 % grey", frechet=3.0)]
    return dataclasses.replace(RELEASED, yardstick=RELEASED.yardstick.model_copy(update=changes))


def test_a_recogniser_is_shown_kind_by_kind_old_against_new(made):
    axes = figures.FIGURES["recognised_kinds.svg"](made).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == list(KIND)
    old, new = (line for line in axes.lines if len(line.get_xdata()) == len(KIND))
    assert list(new.get_xdata()) == pytest.approx([100 * share for share in KIND.values()])
    assert list(old.get_xdata()) == pytest.approx([80 * share for share in KIND.values()])
    assert list(axes.get_yticks()) == sorted(axes.get_yticks(), reverse=True)


def test_the_recogniser_s_curve_stands_beside_that_of_confidence(made):
    assert figures.FIGURES["recogniser_curves.svg"](made).axes[0].lines[1].get_ydata() == pytest.approx(
        [50, 20, 0]
    )


def test_models_stand_among_the_distorted_in_order(made):
    axes = figures.yardstick(made).axes[0]
    finals = {key: one.measure.final.frechet.value for key, one in made.trainings.items()}
    assert [x for x, _ in axes.collections[0].get_offsets()] == sorted([3.0, *finals.values()])
    assert axes.get_yticklabels()[0].get_text() == "on 10 % grey"
