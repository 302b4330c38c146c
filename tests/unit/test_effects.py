"""Effects: on which side of its bound an interval lies."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffusion.evaluation.statistics import Interval
from paper.claims import effects
from paper.claims.effects import ABOVE, BELOW, EQUAL, PART, WITHIN, Effect, together
from report.results.table import reading


def effect(value: float, low: float, high: float, *side, **more) -> Effect:
    return Effect("x", Interval(value, low, high), *side, **more)


# --- answers ---

# Few whole numbers, so that ends often are at a bound or a margin, or just beside it.
INTERVALS = st.tuples(st.integers(-7, 7), st.integers(-7, 7)).map(sorted)
SIDES = st.sampled_from((ABOVE, BELOW, WITHIN))


def answer_by_hand(low: float, high: float, side: str, bound: float, margin: float | None):
    """The rule of the docstring, point by point."""
    if side == WITHIN:
        if bound - margin < low and high < bound + margin:
            return True
        return False if low > bound + margin or high < bound - margin else None
    if low > bound:
        return side == ABOVE
    if high < bound:
        return side == BELOW
    return EQUAL if margin is not None and bound - margin < low and high < bound + margin else None


@given(INTERVALS, SIDES, st.integers(-2, 2), st.none() | st.integers(1, 6))
def test_the_answer_is_that_of_the_rule_at_the_very_bounds_too(ends, side, bound, margin):
    margin = 5 if side == WITHIN and margin is None else margin
    one = effect(sum(ends) / 2, *ends, side, bound, margin=margin)
    assert one.answer() == answer_by_hand(*ends, side, bound, margin)
    mirrored = effect(-sum(ends) / 2, -ends[1], -ends[0], side, -bound, margin=margin)
    decided = {True: False, False: True} if side != WITHIN else {}
    assert mirrored.answer() == decided.get(one.answer(), one.answer())


@given(INTERVALS, SIDES, st.integers(-2, 2), st.none() | st.integers(1, 6))
def test_a_ratio_is_a_difference_of_logarithms(ends, side, bound, margin):
    margin = 5 if side == WITHIN and margin is None else margin
    low, high = (end + 0.5 for end in ends)  # so that rounding decides nothing
    numbers = (low + high) / 2 + 0.25, low, high
    plain = effect(*numbers, side, bound, margin=margin)
    ratio = effect(
        *(math.exp(x / 10) for x in numbers),
        side,
        math.exp(bound / 10),
        margin=None if margin is None else math.exp(margin / 10),
        ratio=True,
    )
    assert (ratio.answer(), ratio.lean()) == (plain.answer(), plain.lean())
    assert ratio.reach == pytest.approx([math.exp(x / 10) for x in plain.reach])


def test_without_a_known_scatter_there_is_no_answer_but_a_leaning():
    for side, leaning in ((ABOVE, True), (BELOW, False)):
        one = effect(2, 1, 3, side, open=True)
        assert (one.answer(), one.lean()) == (None, leaning)
    assert effect(0.5, 0.4, 3, margin=1, open=True).lean() == EQUAL
    assert effect(1, -9, 9, margin=1).lean() is True  # at the margin it is a difference
    assert effect(-1, -9, 9, margin=1).lean() is False
    assert effect(4, -9, 9, WITHIN, margin=5).lean() is True
    assert effect(6, -9, 9, WITHIN, margin=5).lean() is False
    assert effect(3, -9, 9).lean() is True


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ((), None),
        ((True,), True),
        ((False,), False),
        ((None,), None),
        ((EQUAL, EQUAL), EQUAL),
        ((True, None), None),
        ((EQUAL, None), None),
        ((False, None), False),
        ((True, False), PART),
        ((True, EQUAL), PART),
        ((False, EQUAL), PART),
        ((True, False, None), PART),
    ],
)
def test_answers_of_parts_make_one(answers, expected):
    assert together(answers) is expected or together(answers) == expected
    assert together(reversed(answers)) == expected


# --- what is told of an effect ---


def test_the_spare_is_the_distance_to_the_bound_in_widths():
    assert effect(2, 1, 3).spare == pytest.approx(1 / 2)
    assert effect(2, 1, 3, BELOW, 7).spare == pytest.approx(4 / 2)
    assert effect(2, 1, 3, BELOW, 2.5).spare == pytest.approx(0.5 / 2)
    assert effect(2, 1, 3, ABOVE, 0.5).spare == pytest.approx(0.5 / 2)
    exact = effect(2, 2, 2)
    assert exact.spare > 1e6 * effect(2, 1.9, 2.1).spare


def test_an_end_that_rounding_hides_is_told_with_more_digits():
    show = {"show": lambda x: effects.Markdown(f"{x:.1f}")}
    bound = effect(1.2, 1.003, 1.4, ABOVE, 1.0, **show)
    assert bound.shown() == "1.2 [1.0,\N{NO-BREAK SPACE}1.4], to 1.003"
    below = effect(0.9, 0.8, 0.996, BELOW, 1.0, **show)
    assert below.shown().endswith(", to 0.9960")
    assert effect(1, 0.997, 1.003, ABOVE, 1.0, **show).shown().endswith("], to 0.9970, to 1.003")
    for plain in (
        effect(1.2, 1.006, 1.4, ABOVE, 1.0, **show),  # far enough
        effect(1.2, 1.0, 1.4, ABOVE, 1.0, **show),  # at the bound itself
        effect(230, 201, 260, ABOVE, 200.0, **show),  # half a printed place away
        replace(bound, side=None),
        effect(0.1, 0.001, 0.2, ABOVE, 0.0, **show),  # nothing is near to 0 in its own measure
    ):
        assert ", to " not in plain.shown()
    assert effect(1.2, 1.2, 1.2, **show).shown() == "1.2"
    assert effect(0.1234, 0.1234, 0.1234).shown() == "0.12"


def test_reading_an_effect_reads_its_sources():
    one = effect(2, 1, 3, sources=("a", "b"))
    for read in (lambda: one.interval, one.answer, one.lean, lambda: one.spare, one.row, one.shown):
        with reading() as seen:
            read()
        assert [*seen] == ["a", "b"]
