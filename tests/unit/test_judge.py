"""Answers of effects, and verdicts on claims; those on the released runs are in golden/test_reports.py."""

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diffusion.evaluation.statistics import Interval
from helpers import PAPER, changed, of_release
from report import effects, judge, ledger
from report.departures import DDPMS, departure
from report.effects import BELOW, EQUAL, WITHIN, Effect
from study import table
from study.results import STUDY, Results, load
from study.scatter import LOG, UNKNOWN, Scatter

CLAIMS = {one.id: one for one in judge.claims()}


# --- effects ---


def effect(value: float, low: float, high: float, *side, **more) -> Effect:
    return Effect("x", Interval(value, low, high), *side, **more)


@pytest.mark.parametrize(
    ("one", "answer", "same"),
    [
        (effect(2, 1, 3), True, ("bound", None, 1)),
        (effect(0.1, -1, 1), None, ("bound", -1, 1)),
        (effect(0.1, -1, 1, margin=2), EQUAL, ("margin", 1, None)),
        (effect(2, 1, 3, BELOW, 4), True, ("bound", 3, None)),
        (effect(2, 1, 3, BELOW, 0), False, ("bound", None, 1)),
        (effect(0.1, -1, 1, WITHIN, margin=2), True, ("margin", 1, None)),
        (effect(5, 4, 6, WITHIN, margin=2), False, ("margin", None, 4)),
        (effect(1.1, 0.8, 1.2, BELOW, 1, margin=1.5, ratio=True), EQUAL, ("margin", 1.25, None)),
    ],
)
def test_answers_of_an_effect_and_the_bounds_that_give_the_same(one, answer, same):
    assert one.answer() == answer
    assert one.same() == pytest.approx(same)


def test_an_interval_over_trainings_follows_from_the_scatter_for_one_as_for_three():
    def of(*values):
        at = {"scale": LOG, "ratio": True, "scatter": Scatter(0.2, 4)}
        ones = [effect(v, v, v, weights={f"a-{i}": 1, f"b-{i}": -1}, **at) for i, v in enumerate(values)]
        return effects.over_trainings(ones).interval

    def half(n):
        return math.exp(2.776445 * 0.2 * math.sqrt(2 / n))  # Student's quantile, of two models

    assert of(2.0).ends == pytest.approx((2, 2 / half(1), 2 * half(1)), rel=1e-5)
    assert of(1.0, 4.0).ends == pytest.approx((2, 2 / half(2), 2 * half(2)), rel=1e-5)
    assert of(1.0, 2.0, 4.0).ends == pytest.approx((2, 2 / half(3), 2 * half(3)), rel=1e-5)


def test_a_training_that_enters_two_effects_counts_once_with_both_weights():
    at = {"scatter": Scatter(1.0, 4)}
    ones = [effect(0, 0, 0, weights={f"a-{i}": 1, "b-0": -1}, **at) for i in (0, 1)]
    assert effects.over_trainings(ones).interval.high == pytest.approx(2.776445 * math.sqrt(1 / 2 + 1))


def test_what_would_settle_it_is_the_number_of_trainings_with_which_the_rule_decides():
    one = effect(1.0, 1.0, 1.0, weights={"a-0": 1}, scatter=Scatter(1.0, 4))
    needed = effects.trainings_to_decide([one])
    assert needed == math.ceil(2.776445**2) == 8
    of = [replace(one, weights={f"a-{i}": 1}) for i in range(needed)]
    assert effects.over_trainings(of).answer() is True
    assert effects.over_trainings(of[:-1]).answer() is None
    assert replace(one, scatter=UNKNOWN).answer() is None  # nothing tells how far trainings scatter
    assert effects.trainings_to_decide([replace(one, scatter=UNKNOWN)]) is None


# --- verdicts ---


def claim(*parts: Effect, **more: Any) -> ledger.Claim:
    """A claim of these parts, of no training."""
    said = dict.fromkeys(("section", "text", "short", "rule"), "")
    return ledger.Claim("own", **said, measure=lambda case: iter(parts), **more)


YES, NO, UNSURE = effect(2, 1, 3), effect(-2, -3, -1), effect(1, -1, 3)


@pytest.mark.parametrize(
    ("one", "verdict", "reason"),
    [
        (claim(YES, YES), ledger.HOLDS, ""),
        (claim(NO, NO), ledger.FAILS, ""),
        (claim(YES, NO, UNSURE), ledger.IN_PART, ""),
        (claim(YES, NO, one_thing=True), ledger.OPEN, ledger.BY_MEASURE),  # they contradict each other
        (claim(YES, UNSURE), ledger.OPEN, ledger.BY_TRAININGS),
        (claim(YES, replace(NO, side=None)), ledger.HOLDS, ""),  # that is only told beside it
    ],
)
def test_all_parts_decide(one, verdict, reason):
    found = judge.judge(one, Results(Path()))
    assert (found.verdict, found.reason) == (verdict, reason)
    assert found.lean == (ledger.HOLDS if reason == ledger.BY_TRAININGS else "")


# --- runs: the released paper's first trainings, changed ---

Change = Callable[[Path], object]  # of the files of a run
AT = {name: place for place, name in enumerate(table.IN_FILE)}


@pytest.fixture
def run(tmp_path_factory) -> Callable[..., Results]:
    """run(change, ...): a run of the first training of each model and the schedules, with changes."""

    def make(*changes: Change) -> Results:
        out = of_release(tmp_path_factory.mktemp("run"), *(f"{model}-0" for model in STUDY))
        for name in ("schedules.json", "yardstick.json"):
            shutil.copy(PAPER / "metrics" / name, out / "metrics")
        for change in changes:
            change(out)
        return load(out)

    return make


def of(job: str, **facts: Any) -> Change:
    """Other facts of a job: a dictionary is added to the one that is there, a function is applied."""

    def edit(known):
        for name, value in facts.items():
            more = known[name] | value if isinstance(value, dict) else value
            known[name] = value(known[name]) if callable(value) else more

    return lambda out: changed(table.path_of(out, job), edit)


def without(cell: str, *values: Any) -> Callable:
    """Rows but for those that have one of these values."""
    return lambda rows: [row for row in rows if row[AT[cell]] not in values]


def gone(*jobs: str) -> Change:
    return lambda out: [table.path_of(out, job).unlink() for job in jobs]


def level(model: str, value: float, scatter: float = 0.0, seed: int = 0) -> Change:
    """The distance after every epoch, without an interval."""

    def edit(rows):
        for row in rows:
            if (row[AT["way"]], row[AT["measure"]]) == (table.CHECKPOINT, "frechet"):
                row[AT["value"] : AT["high"] + 1] = [value + scatter * math.sin(37 * row[AT["epoch"]])] * 3
        return rows

    return of(f"measure_{model}-{seed}", rows=edit)


def again(one: str, other: str, seed: int) -> Change:
    """A training once more under the name of another seed, as "zoom-1"."""

    def copy(out: Path) -> None:
        for path in [*out.glob(f"metrics/*_{one}.json")]:
            new = shutil.copy(path, path.with_name(path.name.replace(one, other)))
            changed(Path(new), lambda content: content.update(seed=seed))

    return copy


def verdict(name: str, results: Results) -> ledger.Verdict:
    return judge.judge(CLAIMS[name], results)


def two(model: str, first: float, second: float) -> list[Change]:
    """Two trainings of a model, at these distances."""
    return [level(model, first), again(f"{model}-0", f"{model}-1", 1), level(model, second, seed=1)]


@pytest.mark.parametrize(
    ("cosine", "expected"),
    [((5, 5.2), ledger.HOLDS), ((20, 21), ledger.FAILS), ((9.9, 10.1), ledger.SAME), ((5, 15), ledger.OPEN)],
)
def test_a_claim_takes_the_verdict_that_the_data_give_it(run, cosine, expected):
    of_zoom = two("zoom", 10, 10.1)  # a third recipe to tell the scatter
    found = verdict("lower_distance", run(*two("linear", 9.9, 10.1), *two("cosine", *cosine), *of_zoom))
    reason = ledger.BY_TRAININGS if expected == ledger.OPEN else ""
    assert (found.verdict, found.reason) == (expected, reason)


def test_trainings_pair_in_turn_and_those_that_differ_are_told(run):
    more = again("cosine-0", "cosine-2", 2)
    three = run(*two("linear", 10, 10.1), *two("cosine", 5, 5.1), more)
    seeds = [(case["linear"].seed, case["cosine"].seed) for case in judge.cases(three, DDPMS)]
    assert seeds == [(0, 0), (1, 1), (0, 2)]  # a model with fewer begins again
    found = verdict("lower_distance", three)
    assert (found.trainings, found.fewest) == ({"linear": 2, "cosine": 3}, 2)
    found = verdict("lower_distance", run(*two("linear", 10, 10.1), *two("cosine", 5, 20)))
    assert (found.verdict, found.reason) == (ledger.OPEN, ledger.BY_TRAININGS)
    assert "holds in 1; does not hold in 1" in found.why


def test_a_single_training_of_each_recipe_decides_nothing(run):
    found = verdict("lower_distance", run(level("linear", 10), level("cosine", 5)))
    assert (found.verdict, found.lean, found.needed) == (ledger.OPEN, ledger.HOLDS, None)
    assert "no recipe was trained twice" in found.why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (gone("train_cosine-0", "measure_cosine-0", "analyse_cosine-0"), "no cosine model"),
        (of("train_zoom-0", epochs=49), "zoom-0 has fewer than 50 epochs"),
        (of("train_linear-0", settings={"learning_rate": 0.002}), "linear-0 has learning_rate = 0.002"),
        (of("train_linear-0", data={"title": "Fashion"}), "Fashion"),
        (of("measure_zoom-0", rows=without("epoch", *range(82, 101))), "fewer than 5 checkpoints"),
        (of("measure_linear-0", settings={"n_checkpoint": 300}), "300 of 500 samples"),
        (of("schedules", settings={"T": 500}), "T = 500"),
        (of("measure_zoom-0", rows=without("measure", "frechet")), "zoom-0 is one image"),
        (gone("analyse_zoom-0"), "zoom-0 is not analysed"),
    ],
)
def test_a_run_that_departs_from_the_study_is_told_in_what(run, change, why):
    assert why in departure(run(change))


def test_a_claim_about_what_is_not_measured_is_open(run):
    found = verdict("lack_of_randomness", run())
    assert (found.verdict, found.reason) == (ledger.OPEN, ledger.BY_MEASURE)
    assert "beyond the study" in found.why


def test_the_releases_first_trainings_are_complete(run):
    assert departure(run()) == ""
