"""Effects: on which side of its bound an interval lies."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper.claims.effects import ABOVE, BELOW, EQUAL, PART, WITHIN, Effect, together, with_interval
from report.results.scatter import LINEAR, compare
from report.results.table import reading


def effect(value: float, low: float, high: float, *side, **more) -> Effect:
    return Effect("x", with_interval(value, low, high), *side, **more)


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
    margins = () if margin is None else (margin,)
    one = effect(sum(ends) / 2, *ends, side, bound, margins)
    assert one.answer() == answer_by_hand(*ends, side, bound, margin)
    mirrored = effect(-sum(ends) / 2, -ends[1], -ends[0], side, -bound, margins)
    decided = {True: False, False: True} if side != WITHIN else {}
    assert mirrored.answer() == decided.get(one.answer(), one.answer())


@given(INTERVALS, SIDES, st.integers(-2, 2), st.none() | st.integers(1, 6))
def test_a_ratio_is_a_difference_of_logarithms(ends, side, bound, margin):
    margin = 5 if side == WITHIN and margin is None else margin
    low, high = (end + 0.5 for end in ends)  # so that rounding decides nothing
    numbers = (low + high) / 2 + 0.25, low, high
    margins = () if margin is None else (margin,)
    plain = effect(*numbers, side, bound, margins)
    ratio = effect(
        *(math.exp(x / 10) for x in numbers),
        side,
        math.exp(bound / 10),
        tuple(math.exp(margin / 10) for margin in margins),
        ratio=True,
    )
    assert (ratio.answer(), ratio.lean()) == (plain.answer(), plain.lean())
    assert ratio.limit == (None if plain.limit is None else pytest.approx(math.exp(plain.limit / 10)))


def test_the_smallest_margin_that_the_interval_stays_within_counts():
    for high, limit in ((1.2, 1.25), (1.25, 1.5), (1.3, 1.5), (1.9, 2), (2, None)):
        one = effect(1.1, 0.9, high, WITHIN, 1.0, (1.25, 1.5, 2), ratio=True)
        assert (one.limit, one.answer()) == (limit, None if limit is None else True)
    assert effect(0.4, 0.2, 0.5, WITHIN, 1.0, (1.25, 1.5, 2), ratio=True).answer() is None
    assert effect(0.4, 0.2, 0.499, WITHIN, 1.0, (1.25, 1.5, 2), ratio=True).answer() is False


def test_without_a_known_scatter_there_is_no_answer_but_a_leaning():
    for side, leaning in ((ABOVE, True), (BELOW, False)):
        one = Effect("x", compare({"m": [2.0]}, {"m": "p"}, {"p": [[2.0]]}, LINEAR), side)
        assert (one.answer(), one.lean(), one.at(0.99)) == (None, leaning, one)
    assert effect(1, -9, 9, ABOVE, 0, (1,)).lean() is True  # at the margin it is a difference
    assert effect(-1, -9, 9, ABOVE, 0, (1,)).lean() is False
    assert effect(0.5, -9, 9, ABOVE, 0, (1,)).lean() == EQUAL
    assert effect(4, -9, 9, WITHIN, 0, (5,)).lean() is True
    assert effect(6, -9, 9, WITHIN, 0, (5,)).lean() is False
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


def test_an_effect_shows_its_interval_unless_it_is_exact():
    assert effect(1.2, 1.003, 1.4).shown() == "1.20 [1.00,\N{NO-BREAK SPACE}1.40]"
    assert effect(1.2, 1.2, 1.2).shown() == "1.20"


def test_reading_an_effect_reads_its_sources():
    one = effect(2, 1, 3, sources=("a", "b"))
    for read in (lambda: one.interval, one.answer, one.lean, lambda: one.limit, one.row, one.shown):
        with reading() as seen:
            read()
        assert [*seen] == ["a", "b"]
