"""Verdicts: the answers of effects, several trainings, runs that may not decide, and the released ledger."""

import copy
import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import synthetic
from diffusion.evaluation.interval import Interval
from report.claims.common import slope
from report.study import DDPMS, MODELS
from report.verdicts import case as measures
from report.verdicts import effects
from report.verdicts import judge as verdicts
from report.verdicts.case import Case
from report.verdicts.effects import BELOW, EQUAL, WITHIN, Effect
from report.verdicts.judge import ABSENT, BY_CHECKPOINTS, BY_TRAININGS, FAILS, HOLDS, OPEN, TOO_SMALL
from study.records import Results

CLAIMS = {one.id: one for one in verdicts.claims()}


# --- effects ---


def effect(value: float, low: float, high: float, **more) -> Effect:
    return Effect("x", Interval(value, low, high), **more)


@pytest.mark.parametrize(
    ("one", "answer"),
    [
        (effect(2, 1, 3), True),
        (effect(-2, -3, -1), False),
        (effect(0.1, -1, 1), None),
        (effect(0.1, -1, 1, margin=2), EQUAL),
        (effect(0.1, -1, 2.1, margin=2), None),
        (effect(1.5, 1, 2, margin=5), True),  # small, but beyond chance
        (effect(2, 1, 3, side=BELOW), False),
        (effect(2, 1, 3, side=BELOW, bound=4), True),
        (effect(2, 1, 3, side=BELOW, bound=0, fails=2), None),
        (effect(0.1, -1, 1, side=WITHIN, margin=2), True),
        (effect(5, 4, 6, side=WITHIN, margin=2), False),
        (effect(2, 1, 3, side=WITHIN, margin=2), None),
        (effect(1.1, 0.9, 1.2, bound=1, margin=1.25, ratio=True), EQUAL),
        (effect(0.9, 0.79, 1.1, bound=1, margin=1.25, ratio=True), None),  # 1 / 1.25 is 0.8
    ],
)
def test_answers_of_an_effect(one, answer):
    assert one.answer() is answer or one.answer() == answer


numbers = st.floats(-10, 10)


@given(numbers, st.floats(0, 5), st.floats(0, 5), numbers, st.none() | st.floats(0.1, 5))
def test_rules_are_symmetric_and_a_wider_interval_never_decides_otherwise(value, below, above, bound, margin):
    one = effect(value, value - below, value + above, bound=bound, margin=margin)
    mirrored = effect(-value, -value - above, -value + below, side=BELOW, bound=-bound, margin=margin)
    assert one.answer() == mirrored.answer()
    assert one.lean() == mirrored.lean()
    wider = effect(value, value - below - 1, value + above + 1, bound=bound, margin=margin).answer()
    if margin is None:
        assert wider in (one.answer(), None)
    lean = effect(value, value, value, bound=bound).answer()
    assert one.answer() in (lean, EQUAL, None)


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


answers = st.lists(st.sampled_from([True, False, None, EQUAL]), min_size=1, max_size=4)


@given(answers)
def test_logic_of_answers(given):
    found = effects.all_of(given)
    assert (found is False) == (False in given)
    assert (found is True) == (set(given) == {True})
    assert (found == EQUAL) == (EQUAL in given and set(given) <= {True, EQUAL})
    assert effects.consensus(given) == (given[0] if len(set(given)) == 1 else None)
    assert effects.all_of([]) is None


# --- late checkpoints ---


def test_the_mean_over_checkpoints_takes_in_the_chance_of_drawing_samples():
    rows = [Interval(10.0 + (-1) ** i, 7.0, 13.0) for i in range(8)]
    found = measures.mean_of(rows)
    alone = measures.mean_of([Interval(row.value, row.value, row.value) for row in rows])
    assert found.value == alone.value == 10.0
    assert (found.value - found.low) ** 2 == pytest.approx((alone.value - alone.low) ** 2 + 3.0**2)
    assert measures.mean_of(rows[:4]) is None


def test_a_difference_is_taken_checkpoint_by_checkpoint():
    """Both models swing together by more than they differ."""
    r = results(
        curve("cosine", lambda e: 9 + 3 * math.sin(e)), curve("linear", lambda e: 10 + 3 * math.sin(e))
    )
    gap = Case(r, {m: r.first(m) for m in DDPMS}).gap("cosine", "linear", measures.distance)
    assert (gap.value, gap.high) == pytest.approx((-1, -1))


# --- the released ledger ---


@pytest.fixture(scope="module")
def ledger() -> dict[str, verdicts.Verdict]:
    return verdicts.ledger(synthetic.released())


def test_the_ledger_of_the_released_records_is_the_released_one(ledger):
    kept = json.loads((synthetic.RELEASED / "ledger.json").read_text())
    assert [verdict.row() for verdict in ledger.values()] == kept


# --- changed runs ---


def results(*changes) -> Results:
    """The released paper's records, of each model the first seed, after these changes."""
    released = synthetic.released()
    first = {(m, 0): dataclasses.replace(released.trainings[m, 0], analysis=None) for m in MODELS}
    found = copy.deepcopy(Results(released.out, released.schedules, first))
    for change in changes:
        change(found)
    return found


def verdict(name, *changes) -> verdicts.Verdict:
    return verdicts.judge(CLAIMS[name], results(*changes))


def curve(model, value, seed=0):
    """The distance after every epoch, without an interval."""

    def change(r):
        measure = r.trainings[model, seed].measure
        for row in (*measure.curve, measure.final):
            row.frechet = row.frechet.model_copy(
                update=dict.fromkeys(("value", "low", "high"), value(row.epoch))
            )

    return change


def level(model, value, scatter=0.0, seed=0):
    return curve(model, lambda e: value + scatter * math.sin(37 * e), seed)


def seeded(model, *seeds):
    """Further trainings of a model, each the same as its first."""

    def change(r):
        for seed in seeds:
            r.trainings[model, seed] = copy.deepcopy(r.first(model))
            r.trainings[model, seed].train.seed = seed

    return change


def settings(model, **values):
    return lambda r: r.first(model).train.settings.update(values)


@pytest.mark.parametrize(
    ("cosine", "expected"),
    [((5, 0.5), HOLDS), ((20, 0.5), FAILS), ((10, 0.01), "no difference"), ((9, 20), OPEN)],
)
def test_a_claim_takes_the_verdict_that_the_data_give_it(cosine, expected):
    found = verdict("lower_distance", level("linear", 10), level("cosine", *cosine))
    assert found.verdict == expected
    assert found.reason == (BY_CHECKPOINTS if expected == OPEN else "")


def test_trainings_that_agree_confirm_and_two_that_disagree_leave_it_open():
    lower = level("linear", 10), level("cosine", 5)
    found = verdict("lower_distance", *lower, seeded("cosine", 1, 2), seeded("linear", 1, 2))
    assert (found.verdict, found.trainings, found.parted) == (HOLDS, 3, False)
    found = verdict("lower_distance", *lower, seeded("cosine", 1), level("cosine", 20, seed=1))
    assert (found.verdict, found.reason, found.parted) == (OPEN, BY_TRAININGS, True)
    assert "disagree" in found.why


def test_too_few_late_checkpoints_leave_the_last_to_decide():
    def thin(r):
        for one in r.trainings.values():
            one.measure.curve = one.measure.curve[-2:]

    found = verdict("lower_distance", level("linear", 10), level("cosine", 5), thin)
    assert found.verdict == HOLDS
    assert "by the last checkpoint only" in found.why


def test_trainings_are_taken_in_turn_and_a_model_with_fewer_begins_again():
    cases = verdicts.cases(results(seeded("linear", 1, 2), seeded("cosine", 1)), DDPMS)
    assert [(case["linear"].seed, case["cosine"].seed) for case in cases] == [(0, 0), (1, 1), (2, 0)]


def test_claims_about_the_end_of_training_wait_for_it():
    def after(epochs):
        return verdicts.ledger(
            results(lambda r: [setattr(t.train, "epochs", epochs) for t in r.trainings.values()])
        )

    for epochs in (2, 49, 50, 99):
        small = {name for name, one in after(epochs).items() if one.verdict == TOO_SMALL}
        assert small == {one.id for one in CLAIMS.values() if (one.epochs or 0) > epochs}


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("lower_loss", settings("linear", learning_rate=0.002), "learning_rate = 0.002"),
        ("lower_loss", settings("cosine", n_train=15_000), "25 of the 50 epochs"),
        ("lower_distance", settings("linear", sampler_options={"steps": 200}), "steps = 200"),
        ("biased", settings("zoom", prior="patches"), "prior = patches"),
        ("darker", lambda r: setattr(r.first("linear").measure.final, "n", 300), "300 of 500 samples"),
        ("keeps_more", lambda r: r.schedules.settings.update(T=500), "T = 500"),
        ("linear_random", settings("linear", dataset="fashion"), "another data set, Fashion"),
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
    found = verdicts.ledger(results(lambda r: r.trainings.pop(("cosine", 0))))
    absent = {name for name, v in found.items() if v.verdict == ABSENT}
    assert absent == {one.id for one in CLAIMS.values() if "cosine" in one.models}
    assert f"{len(absent)} are about models not in this run" in verdicts.tally(found)


def test_samples_that_are_all_one_image_decide_nothing():
    found = verdict("comparable", lambda r: setattr(r.first("zoom").measure.final, "constant", True))
    assert (found.verdict, found.measured) == (OPEN, "–")
    assert "one image" in found.why


def test_the_slope_of_a_line_is_its_slope():
    epochs = list(range(1, 41))
    found = slope(epochs, [5 - 0.05 * e for e in epochs])
    assert found.ends == pytest.approx([-0.5 / np.mean([5 - 0.05 * e for e in epochs[20:]])] * 3)
    assert slope(epochs[:8], epochs[:8]) is None
