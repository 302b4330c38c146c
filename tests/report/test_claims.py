"""Verdicts: the answers of effects, several trainings, runs that may not decide, and the released ledger."""

import copy
import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import synthetic
from diffusion.evaluation.interval import Interval
from diffusion.evaluation.statistics import mean_of_late
from report import beyond
from report.study import DDPMS, MODELS
from report.verdicts import effects, judge
from report.verdicts.case import Case, distance, late
from report.verdicts.effects import ABOVE, BELOW, EQUAL, MIRRORED, PART, WITHIN, Effect
from report.verdicts.judge import ABSENT, BY_MEASURE, BY_TRAININGS, FAILS, HOLDS, OPEN, SAME, TOO_SMALL
from study.records import Results

CLAIMS = {one.id: one for one in judge.claims()}


# --- effects ---


def effect(value: float, low: float, high: float, *side, **more) -> Effect:
    return Effect("x", Interval(value, low, high), *side, **more)


@pytest.mark.parametrize(
    ("one", "answer", "same"),
    [
        (effect(2, 1, 3), True, ("bound", None, 1)),
        (effect(-2, -3, -1), False, ("bound", -1, None)),
        (effect(0.1, -1, 1), None, ("bound", -1, 1)),
        (effect(0.1, -1, 1, margin=2), EQUAL, ("margin", 1, None)),
        (effect(0.1, -1, 2.1, margin=2), None, ("margin", None, 2.1)),
        (effect(1.5, 1, 2, margin=5), True, ("bound", None, 1)),  # small, but beyond chance
        (effect(2, 1, 3, BELOW), False, ("bound", None, 1)),
        (effect(2, 1, 3, BELOW, 4), True, ("bound", 3, None)),
        (effect(0.1, -1, 1, WITHIN, margin=2), True, ("margin", 1, None)),
        (effect(5, 4, 6, WITHIN, margin=2), False, ("margin", None, 4)),
        (effect(2, 1, 3, WITHIN, margin=2), None, ("margin", 1, 3)),
        (effect(1.1, 0.8, 1.2, BELOW, 1, margin=1.5, ratio=True), EQUAL, ("margin", 1.25, None)),
        (effect(0.9, 0.5, 1.1, BELOW, 1, margin=1.5, ratio=True), None, ("margin", None, 2)),
    ],
)
def test_answers_of_an_effect_and_the_bounds_that_give_the_same(one, answer, same):
    assert one.answer() == answer
    assert one.same() == pytest.approx(same)


numbers = st.floats(-10, 10)


@given(
    numbers,
    st.floats(0.01, 5),
    st.floats(0.01, 5),
    numbers,
    st.none() | st.floats(0.1, 5),
    st.sampled_from([ABOVE, BELOW]),
)
def test_mirrored_data_give_the_mirrored_answer_and_bounds_of_the_range_the_same(
    value, below, above, bound, margin, side
):
    one = effect(value, value - below, value + above, side, bound, margin=margin)
    mirrored = effect(-value, -value - above, -value + below, MIRRORED[side], -bound, margin=margin)
    turned = dataclasses.replace(one, side=MIRRORED[side])
    assert one.answer() == mirrored.answer()
    assert one.lean() == mirrored.lean()
    assert turned.answer() == {True: False, False: True}.get(one.answer(), one.answer())
    of, low, high = one.same()
    for outside, inside in ((low, 1e-6), (high, -1e-6)):
        if outside is not None and outside + 1e-6 > 0.01 * (of == "margin"):
            assert dataclasses.replace(one, **{of: outside + inside}).answer() == one.answer()
            assert dataclasses.replace(one, **{of: outside - inside}).answer() != one.answer()


answers = st.lists(st.sampled_from([True, False, None, EQUAL]), min_size=1, max_size=4)


@given(answers)
def test_parts_must_agree_and_yes_and_no_are_mirror_images(given):
    found, mirror = effects.together(given), {True: False, False: True}
    assert effects.together([mirror.get(a, a) for a in given]) == mirror.get(found, found)
    assert (found == PART) == (len(set(given) - {None}) > 1)
    assert (found is None) == (None in given and found != PART)


def test_three_trainings_have_an_interval_over_them_two_must_both_answer():
    ones = [effect(v, v - 0.1, v + 0.1) for v in (1.0, 2.0, 3.0)]
    two, three = (effects.over_trainings(some).interval for some in (ones[:2], ones))
    assert two.ends == pytest.approx((1.5, 0.9, 2.1))
    student = 4.302653 / math.sqrt(3)  # the quantile for two degrees of freedom
    assert three.value - three.low == pytest.approx(math.hypot(student, 0.1), rel=1e-5)
    ratio = effects.over_trainings([effect(v, v, v, bound=1, ratio=True) for v in (0.5, 2.0)])
    assert ratio.interval.value == pytest.approx(1.0)


def test_the_number_of_trainings_that_would_decide():
    """Student's interval of n values with this spread leaves the bound out from that n on."""
    found = [effect(v, v - 1, v + 1) for v in (0.0, 2.0)]  # mean 1, s.d. 1.41
    quantile = {10: 2.2622, 11: 2.2281}
    assert quantile[10] * math.sqrt(2) / math.sqrt(10) > 1 > quantile[11] * math.sqrt(2) / math.sqrt(11)
    assert effects.trainings_to_decide(found) == 11
    assert effects.trainings_to_decide([effect(0.001, -1, 1)]) is None


# --- late checkpoints ---


def test_the_mean_over_checkpoints_takes_in_the_chance_of_drawing_samples():
    rows = [Interval(10.0 + (-1) ** i, 7.0, 13.0) for i in range(8)]
    found = mean_of_late(rows)
    alone = mean_of_late([Interval(row.value, row.value, row.value) for row in rows])
    assert found.value == alone.value == 10.0
    assert (found.value - found.low) ** 2 == pytest.approx((alone.value - alone.low) ** 2 + 3.0**2)
    assert mean_of_late(rows[:4]) is None


def test_a_difference_is_taken_checkpoint_by_checkpoint_and_a_distance_ends_above_zero():
    """Both models swing together by more than they differ."""
    r = results(level("cosine", 9, 3), level("linear", 10, 3))
    gap = Case(r, {m: r.first(m) for m in DDPMS}).gap("cosine", "linear", distance)
    assert (gap.value, gap.high) == pytest.approx((-1, -1))
    wide = late(results(level("linear", 10, 30)).first("linear").measure, distance)
    assert 0 < wide.low < wide.value < wide.high


# --- ledgers ---


@pytest.fixture(scope="module")
def ledger() -> dict[str, judge.Verdict]:
    return judge.ledger(dataclasses.replace(synthetic.released(), further=beyond.load("beyond")))


def test_the_ledger_of_the_released_records_is_the_released_one(ledger):
    kept = json.loads((synthetic.RELEASED / "ledger.json").read_text())
    assert [verdict.row() for verdict in ledger.values()] == kept
    assert all(v.why and v.settles for v in ledger.values() if v.verdict == OPEN)


def results(*changes) -> Results:
    """The released paper's records, of each model the first seed, after these changes."""
    released = synthetic.released()
    found = copy.deepcopy(
        dataclasses.replace(released, trainings={(m, 0): released.first(m) for m in MODELS})
    )
    for change in changes:
        change(found)
    return found


def verdict(name, *changes) -> judge.Verdict:
    return judge.judge(CLAIMS[name], results(*changes))


def level(model, value, scatter=0.0, seed=0):
    """The distance after every epoch, without an interval."""

    def change(r):
        for row in r.trainings[model, seed].measure.curve:
            found = dict.fromkeys(("value", "low", "high"), value + scatter * math.sin(37 * row.epoch))
            row.frechet = row.frechet.model_copy(update=found)

    return change


def seeded(model, *seeds):
    """Further trainings of a model, each the same as its first."""

    def change(r):
        for seed in seeds:
            r.trainings[model, seed] = copy.deepcopy(r.first(model))
            r.trainings[model, seed].train.seed = seed

    return change


@pytest.mark.parametrize(
    ("cosine", "expected"), [((5, 0.5), HOLDS), ((20, 0.5), FAILS), ((10, 0.01), SAME), ((9, 9), OPEN)]
)
def test_a_claim_takes_the_verdict_that_the_data_give_it(cosine, expected):
    found = verdict("lower_distance", level("linear", 10), level("cosine", *cosine))
    assert found.verdict == expected
    assert found.reason == (BY_TRAININGS if expected == OPEN else "")


def test_trainings_that_agree_confirm_and_two_that_disagree_leave_it_open():
    lower = level("linear", 10), level("cosine", 5)
    found = verdict("lower_distance", *lower, seeded("cosine", 1, 2), seeded("linear", 1))
    assert (found.verdict, found.trainings) == (HOLDS, {"linear": 2, "cosine": 3})
    found = verdict("lower_distance", *lower, seeded("cosine", 1), level("cosine", 20, seed=1))
    assert (found.verdict, found.reason) == (OPEN, BY_TRAININGS)
    assert "disagree" in found.why


def test_trainings_are_taken_in_turn_and_a_model_with_fewer_begins_again():
    cases = judge.cases(results(seeded("linear", 1, 2), seeded("cosine", 1)), DDPMS)
    assert [(case["linear"].seed, case["cosine"].seed) for case in cases] == [(0, 0), (1, 1), (2, 0)]


def test_small_runs_decide_nothing_but_what_no_training_enters(tmp_path):
    small = judge.ledger(synthetic.synthetic_results(tmp_path, epochs=5))
    settled = {name for name, one in small.items() if one.verdict != TOO_SMALL}
    assert settled == {one.id for one in CLAIMS.values() if not one.models}
    assert all(one.why and one.settles for one in small.values() if one.verdict == TOO_SMALL)


def settings(model, **values):
    return lambda r: r.first(model).train.settings.update(values)


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("lower_loss", settings("linear", learning_rate=0.002), "learning_rate = 0.002"),
        ("lower_loss", settings("cosine", n_train=15_000), "25 of the 50 epochs"),
        ("loss_falling", lambda r: setattr(r.first("zoom").train, "epochs", 99), "99 of the 100 epochs"),
        ("lower_distance", settings("linear", sampler_options={"steps": 200}), "steps = 200"),
        ("biased", settings("zoom", prior="patches"), "prior = patches"),
        ("darker", lambda r: setattr(r.first("linear").measure.final, "n", 300), "300 of 500 samples"),
        ("biased", lambda r: r.first("zoom").measure.curve.__delitem__(slice(-2)), "2 of the 5 checkpoints"),
        ("ends_agree", lambda r: r.schedules.settings.update(T=500), "T = 500"),
        ("struggles", settings("linear", dataset="fashion"), "another data set, Fashion"),
    ],
)
def test_a_run_in_another_setting_decides_nothing(name, change, why):
    def named(r):
        for one in r.trainings.values():
            one.train.data = type(one.train.data).of(one.train.settings["dataset"])

    found = verdict(name, change, named)
    assert found.verdict == TOO_SMALL
    assert why in found.why


def test_models_that_a_run_lacks_leave_their_claims_out():
    found = judge.ledger(results(lambda r: r.trainings.pop(("cosine", 0))))
    absent = {name for name, v in found.items() if v.verdict == ABSENT}
    assert absent == {one.id for one in CLAIMS.values() if "cosine" in one.models}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda r: setattr(r.first("zoom").measure.final, "constant", True), "one image"),
        (
            lambda r: r.trainings.update({("zoom", 0): dataclasses.replace(r.first("zoom"), analysis=None)}),
            "not",
        ),
    ],
)
def test_what_is_not_measured_decides_nothing(change, why):
    found = verdict("comparable", change)
    assert (found.verdict, found.reason, found.measured) == (OPEN, BY_MEASURE, "–")
    assert why in found.why
