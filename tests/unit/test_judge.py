"""Answers of effects, and verdicts on claims; those on the released runs are in golden/test_reports.py."""

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffusion.evaluation.statistics import Interval
from helpers import PAPER, changed, of_release
from paper import answer
from paper.claims import judge, ledger
from paper.claims.effects import Effect
from report.results import table
from report.results.views import STUDY, Results, load

CLAIMS = {one.id: one for one in judge.list_claims()}


# --- effects ---


def effect(value: float, low: float, high: float, *side, **more) -> Effect:
    return Effect("x", Interval(value, low, high), *side, **more)


# --- verdicts ---


def claim(*parts: Effect, **more: Any) -> ledger.Claim:
    """A claim of these parts, of no training."""
    said = dict.fromkeys(("section", "text", "short", "rule"), "")
    return ledger.Claim("own", **said, measure=lambda results: iter(parts), **more)


YES, NO, UNSURE = effect(2, 1, 3), effect(-2, -3, -1), effect(1, -1, 3)


@pytest.mark.parametrize(
    ("one", "verdict", "reason"),
    [
        (claim(YES, YES), ledger.HOLDS, ""),
        (claim(NO, NO), ledger.FAILS, ""),
        (claim(YES, NO, UNSURE), ledger.IN_PART, ""),
        (claim(YES, NO, one_thing=True), ledger.OPEN, ledger.BY_MEASURE),  # they contradict each other
        (claim(YES, UNSURE), ledger.OPEN, ledger.BY_TRAININGS),
        (claim(NO, UNSURE), ledger.FAILS, ""),  # whatever the other is, the whole does not hold
        (claim(YES, replace(NO, side=None)), ledger.HOLDS, ""),  # that is only told beside it
    ],
)
def test_all_parts_decide(one, verdict, reason):
    found = judge.judge(one, Results(Path()))
    assert (found.verdict, found.reason) == (verdict, reason)
    assert found.lean == (ledger.HOLDS if reason == ledger.BY_TRAININGS else "")


def test_of_parts_that_agree_the_one_nearest_to_its_bound_decides():
    near = effect(2, 0.1, 3)
    (decides,) = judge.judge(claim(YES, near), Results(Path())).decides
    assert decides.found == near.found


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
    found = verdict("lower_distance", run(*two("linear", 9.9, 10.1), *two("cosine", *cosine)))
    reason = ledger.BY_TRAININGS if expected == ledger.OPEN else ""
    assert (found.verdict, found.reason) == (expected, reason)
    assert found.parts[0].each == {"cosine": pytest.approx(cosine), "linear": pytest.approx((9.9, 10.1))}


def test_a_single_training_of_each_model_decides_nothing(run):
    found = verdict("lower_distance", run(level("linear", 10), level("cosine", 5)))
    assert (found.verdict, found.lean) == (ledger.OPEN, ledger.HOLDS)
    assert "no model was trained twice" in found.why


def test_pairs_of_one_seed_tell_which_schedule_is_ahead_and_a_shorter_one_counts(run):
    results = run(*two("linear", 10, 20), *two("cosine", 5, 10))
    shorter = run(
        again("linear-0", "linear-7", 7), again("cosine-0", "cosine-7", 7), level("linear", 8, seed=7)
    )
    found = verdict("learns_faster", results)
    assert found.parts[0].interval.ends == pytest.approx((0.5, 0.5, 0.5))
    more = verdict("learns_faster", replace(results, beside={"starts": shorter})).parts[0]
    assert len(more.each["cosine"]) == 3  # seeds that the run has count once


def test_the_studys_own_weights_are_one_more_training_of_the_zoom_after_the_last_epoch():
    ours, theirs = load(PAPER), load(PAPER.parent / "original")
    results = replace(ours, beside={"original": theirs})
    number = {name: len(answer.trainings(results, "zoom", asked)) for name, asked in answer.ASKED.items()}
    n = len(ours.all_of("zoom"))
    assert number == {"digits": n, "autoencoder": n + 1, "share": n + 1}
    asked = answer.ASKED["autoencoder"]
    logs = {m: [math.log(asked.number(one)) for one in results.all_of(m)] for m in STUDY}
    logs["zoom"].append(math.log(theirs.first("zoom").final["frechet_autoencoder"].value))
    assert len(answer.trainings(results, "linear", asked)) == len(ours.all_of("linear"))
    apart = answer.apart(results, asked)
    assert math.log(apart.value) == pytest.approx(np.mean(logs["zoom"]) - np.mean(logs["linear"]))


def test_a_claim_about_what_is_not_measured_is_open(run):
    found = verdict("lack_of_randomness", run())
    assert (found.verdict, found.reason) == (ledger.OPEN, ledger.BY_MEASURE)
    assert "beyond the original study" in found.why
