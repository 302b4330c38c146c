"""Verdicts: the answers of effects, several trainings, runs that may not decide, and the released ledgers."""

import dataclasses
import functools
import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffusion.evaluation.statistics import Interval
from diffusion.provenance import releases
from report import effects, judge
from report.departures import DDPMS, deviations
from report.effects import ABOVE, BELOW, EQUAL, MIRRORED, PART, WITHIN, Effect
from report.judge import Case, late
from report.ledger import (
    ABSENT,
    BY_MEASURE,
    BY_TRAININGS,
    FAILS,
    HOLDS,
    OPEN,
    SAME,
    TOO_SMALL,
    Claim,
    Verdict,
    cell,
)
from study import table
from study.results import STUDY, Results, load, plain
from study.series import mean_of_late

CLAIMS = {one.id: one for one in judge.claims()}
CLOSE = 1e-9  # relative difference that another processor's rounding may make
SINGLE = "as_zero", 1e-7  # the released shares of this claim were rounded to single precision


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


# --- runs: the released paper's first trainings, changed ---

Change = Callable[[Path], None]  # of the files of a run


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> Path:
    """The jobs of the first training of each model, and the schedules."""
    out = tmp_path_factory.mktemp("first")
    for name in ("schedules", *(f"{kind}_{m}-0" for kind in ("train", "measure", "analyse") for m in STUDY)):
        job = table.Job(releases() / "paper", name)
        rows = [[getattr(row, column) for column in table.IN_FILE] for row in job.rows]
        table.write(out, name, plain(job.facts), rows)
    return out


@pytest.fixture
def run(first, tmp_path_factory) -> Callable[..., Results]:
    """Make a run of these trainings with changes."""

    def make(*changes: Change) -> Results:
        out = shutil.copytree(first, tmp_path_factory.mktemp("run"), dirs_exist_ok=True)
        for change in changes:
            change(out)
        return load(out)

    return make


def edited(job: str, edit: Callable[[dict[str, Any], list[dict[str, Any]]], None]) -> Change:
    """A job's file with other facts and rows, which a function changes in place."""

    def change(out):
        facts = json.loads(table.path_of(out, job).read_text())
        rows = [dict(zip(table.IN_FILE, line, strict=True)) for line in facts.pop("rows")]
        edit(facts, rows)
        table.write(out, job, facts, [list(row.values()) for row in rows])

    return change


def of(job: str, **values: Any) -> Change:
    """Other facts of a job; a dictionary is added to the one that is there."""

    def edit(facts, rows):
        for name, value in values.items():
            facts[name] = facts[name] | value if isinstance(value, dict) else value

    return edited(job, edit)


def without(job: str, **cells: Any) -> Change:
    """A job without the rows that have one of these values."""

    def edit(facts, rows):
        rows[:] = [row for row in rows if all(row[name] not in some for name, some in cells.items())]

    return edited(job, edit)


def gone(*jobs: str) -> Change:
    return lambda out: [table.path_of(out, job).unlink() for job in jobs]


def level(model: str, value: float, scatter: float = 0.0, seed: int = 0) -> Change:
    """The distance after every epoch, without an interval."""

    def edit(facts, rows):
        for row in rows:
            if (row["way"], row["measure"]) == (table.CHECKPOINT, "frechet"):
                found = value + scatter * math.sin(37 * row["epoch"])
                row.update(dict.fromkeys(("value", "low", "high"), found))

    return edited(f"measure_{model}-{seed}", edit)


def seeded(model: str, *seeds: int) -> Change:
    """Further trainings of a model, each the same as its first."""

    def change(out):
        for seed in seeds:
            for kind in ("train", "measure", "analyse"):
                before, after = (f"{kind}_{model}-{n}" for n in (0, seed))
                shutil.copy(table.path_of(out, before), table.path_of(out, after))
                of(after, seed=seed)(out)

    return change


def verdict(name: str, results: Results) -> Verdict:
    return judge.judge(CLAIMS[name], results)


# --- late checkpoints ---


def test_the_mean_over_checkpoints_takes_in_the_chance_of_drawing_samples():
    rows = [Interval(10.0 + (-1) ** i, 7.0, 13.0) for i in range(8)]
    found = mean_of_late(rows)
    alone = mean_of_late([Interval(row.value, row.value, row.value) for row in rows])
    assert found.value == alone.value == 10.0
    assert (found.value - found.low) ** 2 == pytest.approx((alone.value - alone.low) ** 2 + 3.0**2)
    assert mean_of_late(rows[:4]) is None


def test_a_difference_is_taken_checkpoint_by_checkpoint_and_a_distance_ends_above_zero(run):
    """Both models swing together by more than they differ."""
    r = run(level("cosine", 9, 3), level("linear", 10, 3))
    gap = Case(r, {m: r.first(m) for m in DDPMS}).gap("cosine", "linear", "frechet")
    assert (gap.value, gap.high) == pytest.approx((-1, -1))
    wide = late(run(level("linear", 10, 30)).first("linear"), "frechet")
    assert 0 < wide.low < wide.value < wide.high


# --- ledgers ---


@functools.cache
def released(name: str) -> Results:
    return load(releases() / name, prefix=f"released/{name}/")


@functools.cache
def ledger(name: str) -> dict[str, Verdict]:
    further = released("beyond") if name == "paper" else None
    return judge.ledger(dataclasses.replace(released(name), further=further))


def leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """What stands in JSON, by where it stands."""
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(one, f"{at}/{key}")
    else:
        yield at, value


@pytest.mark.parametrize("name", ["paper", "beyond", "starts"])
def test_the_ledgers_of_the_releases_are_the_released_ones(name):
    old = json.loads((releases() / name / "ledger.json").read_text())
    new = [v.row() for v in ledger(name).values()]
    assert [row["id"] for row in new] == [row["id"] for row in old]
    for a, b in zip(old, new, strict=True):
        a, b, close = dict(leaves(a)), dict(leaves(b)), dict([SINGLE]).get(a["id"], CLOSE)
        numbers = {at: x for at, x in a.items() if isinstance(x, float)}
        assert {at: b.pop(at, None) for at in numbers} == pytest.approx(numbers, rel=close, abs=close)
        assert b == {at: x for at, x in a.items() if at not in numbers}


def test_a_ledger_has_all_claims_and_says_what_would_settle_those_that_are_open():
    found = ledger("paper").values()
    assert (len(found), sum(len(v.parts) for v in found)) == (25, 47)
    assert all(v.why and v.settles for v in found if v.verdict == OPEN)


def test_a_number_is_printed_with_the_rows_that_it_was_computed_from():
    found = ledger("paper")
    rows = {f"released/paper/{row.source}": row for row in table.rows(releases() / "paper")}
    with table.reading() as seen:
        assert found["struggles"].parts[0].shown()
    assert {(rows[one].model, rows[one].seed, rows[one].measure) for one in seen} == {
        ("zoom", seed, measure) for seed in (0, 1) for measure in ("restored_right", "original_right")
    }
    assert all(
        source.startswith("released/") for v in found.values() for e in v.parts for source in e.sources
    )


def test_a_claim_that_reads_nothing_is_a_definition():
    said = dict.fromkeys(("section", "text", "short", "rule"), "")
    one = Claim("own", **said, measure=lambda case: iter([effect(2, 1, 3)]))
    assert judge.judge(one, released("paper")).parts[0].sources == ("definition report.claims:own",)


def test_every_cell_of_a_line_has_a_source():
    found = ledger("paper")
    cells = [name for name, of in vars(Verdict).items() if isinstance(of, cell)]
    assert len(cells) > 10
    for verdict in found.values():
        for name in cells:
            with table.reading() as seen:
                assert getattr(verdict, name) or name == "every_bound"
            assert seen, name
    assert found["comparable"].bounds.startswith("within a factor of 2.00 (all above 1.")
    assert (found["ends_agree"].n, found["comparable"].n) == ("–", "2")
    assert "(beside it: without the class mix: " in found["comparable"].told
    assert found["lower_loss"].function.startswith("def lower_loss(case: Case)")


@pytest.mark.parametrize(
    ("cosine", "expected"), [((5, 0.5), HOLDS), ((20, 0.5), FAILS), ((10, 0.01), SAME), ((9, 9), OPEN)]
)
def test_a_claim_takes_the_verdict_that_the_data_give_it(run, cosine, expected):
    found = verdict("lower_distance", run(level("linear", 10), level("cosine", *cosine)))
    assert found.verdict == expected
    assert found.reason == (BY_TRAININGS if expected == OPEN else "")


def test_trainings_that_agree_confirm_and_two_that_disagree_leave_it_open(run):
    lower = level("linear", 10), level("cosine", 5)
    found = verdict("lower_distance", run(*lower, seeded("cosine", 1, 2), seeded("linear", 1)))
    assert (found.verdict, found.trainings, found.fewest) == (HOLDS, {"linear": 2, "cosine": 3}, 2)
    found = verdict("lower_distance", run(*lower, seeded("cosine", 1), level("cosine", 20, seed=1)))
    assert (found.verdict, found.reason) == (OPEN, BY_TRAININGS)
    assert "disagree" in found.why


def test_trainings_are_taken_in_turn_and_a_model_with_fewer_begins_again(run):
    cases = judge.cases(run(seeded("linear", 1, 2), seeded("cosine", 1)), DDPMS)
    assert [(case["linear"].seed, case["cosine"].seed) for case in cases] == [(0, 0), (1, 1), (2, 0)]


def test_small_runs_decide_nothing_but_what_no_training_enters(run):
    small = run(*(of(f"train_{model}-0", epochs=5) for model in STUDY))
    found = judge.ledger(small)
    settled = {name for name, one in found.items() if one.verdict != TOO_SMALL}
    assert settled == {one.id for one in CLAIMS.values() if not one.models}
    assert all(one.why and one.settles for one in found.values() if one.verdict == TOO_SMALL)
    assert deviations(small).startswith("for linear, cosine and zoom, 5 of 100 epochs")


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("lower_loss", of("train_linear-0", settings={"learning_rate": 0.002}), "learning_rate = 0.002"),
        ("lower_loss", of("train_cosine-0", settings={"n_train": 15_000}), "25 of the 50 epochs"),
        ("loss_falling", of("train_zoom-0", epochs=99), "99 of the 100 epochs"),
        ("lower_distance", of("train_linear-0", settings={"sampler_options": {"steps": 200}}), "steps = 200"),
        ("biased", of("train_zoom-0", settings={"prior": "patches"}), "prior = patches"),
        ("darker", of("measure_linear-0", settings={"n_checkpoint": 300}), "300 of 500 samples"),
        ("biased", without("measure_zoom-0", epoch=range(82, 101)), "2 of the 5 checkpoints"),
        ("ends_agree", of("schedules", settings={"T": 500}), "T = 500"),
        ("lower_loss", of("train_linear-0", data={"title": "Fashion"}), "another data set, Fashion"),
    ],
)
def test_a_run_in_another_setting_decides_nothing(run, name, change, why):
    found = verdict(name, run(change))
    assert found.verdict == TOO_SMALL
    assert why in found.why


def test_models_that_a_run_lacks_leave_their_claims_out(run):
    found = judge.ledger(run(gone("train_cosine-0", "measure_cosine-0", "analyse_cosine-0")))
    absent = {name for name, v in found.items() if v.verdict == ABSENT}
    assert absent == {one.id for one in CLAIMS.values() if "cosine" in one.models}


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("comparable", without("measure_zoom-0", measure=["frechet"]), "one image"),
        ("comparable", gone("analyse_zoom-0"), "the zoom model is not analysed"),
        ("resemble", without("measure_linear-0", measure=["digit"]), "`digit` is not measured"),
        ("ends_agree", gone("schedules"), "not measured"),
        ("lack_of_randomness", lambda out: None, "beyond the study"),
    ],
)
def test_what_is_not_measured_decides_nothing(run, name, change, why):
    found = verdict(name, run(change))
    assert (found.verdict, found.reason, found.measured) == (OPEN, BY_MEASURE, "–")
    assert why in found.why
