"""Claims: effects and verdicts, the answer to the main question; verdicts on releases are golden."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import made_up
from paper.claims import common, judge, ledger
from paper.claims.effects import ABOVE, BELOW, WITHIN, Effect, with_interval
from report.pages.text_format import Markdown, fixed
from report.results.scatter import LINEAR, LOG, NotMeasured, compare, last, paired
from report.results.table import reading, row
from report.results.views import Results, load

fixed1 = partial(fixed, decimals=1)


def effect(name: str, value: float, low: float, high: float, *side, **more) -> Effect:
    return Effect(name, with_interval(value, low, high), *side, show=fixed1, **more)


def claim(*parts: Effect, **more) -> ledger.Claim:
    words = {name: Markdown(name) for name in ("section", "text", "short", "rule")}
    return ledger.Claim("own", **words | {"measure": lambda results: iter(parts), "place": 7} | more)


YES = effect("a", 2, 1, 3)
NO = effect("b", -2, -3, -1)
UNSURE = effect("c", 1, -1, 3)


def over_runs(values: Sequence[float]) -> Effect:
    """The mean over runs of the zoom, with Student's interval."""
    mean = compare({"zoom": values}, {"zoom": "cold"}, {"cold": [values]}, LINEAR)
    return Effect("zoom", mean, show=fixed1)


def judged(*parts: Effect, **more) -> ledger.Verdict:
    return judge.judge(claim(*parts, **more), Results(Path()))


# --- formats ---


def graded(value: float, low: float, high: float, *margins: float) -> Effect:
    return effect("a", value, low, high, WITHIN, 1, margins or (1.25, 1.5, 2), ratio=True)


def test_a_verdict_names_the_smallest_margin_that_all_its_parts_stay_within():
    one = graded(1.2, 0.9, 1.6)
    assert one.limit == 2
    assert (judged(one).verdict, judged(one).words) == (ledger.HOLDS, "holds within a factor of 2")
    assert judged(graded(1.1, 0.9, 1.2), graded(1.1, 0.9, 1.4)).words == "holds within a factor of 1.5"
    assert judged(graded(1.2, 0.9, 3)).words == ledger.OPEN
    assert judged(graded(4, 3, 5)).words == ledger.FAILS
    equal = [effect("a", 0.1, -margin / 2, margin / 2, ABOVE, 0, (margin,)) for margin in (1.0, 2.0, 1.5)]
    assert judged(*equal).words == "no difference beyond 2.0"
    assert (judged(YES).words, judged(NO).words) == (ledger.HOLDS, ledger.FAILS)


def test_a_scope_limits_what_is_decided():
    assert judged(YES, scope=Markdown("with digit features")).words == "holds with digit features"
    assert judged(UNSURE, scope=Markdown("with digit features")).words == ledger.OPEN


def test_verdicts_are_judged_again_at_the_level_of_all_claims():
    numbers = {"narrow": (1.9, 2.0, 2.1), "wide": (1.3, 2.0, 2.7), "wider": (-9.0, 2.0, 9.0)}
    result = {name: judged(over_runs(values)) for name, values in numbers.items()}
    assert [one.verdict for one in result.values()] == [ledger.HOLDS, ledger.HOLDS, ledger.OPEN]
    assert judge.corrected_level(3) == pytest.approx(1 - 0.05 / 3)
    again = judge.correct(result | {"image": judged(YES), "unmeasured": judged()})
    verdicts = [ledger.HOLDS, ledger.OPEN, ledger.OPEN, ledger.HOLDS, ledger.OPEN]
    assert [one.verdict for one in again.values()] == verdicts
    student = stats.ttest_1samp(numbers["narrow"], 0).confidence_interval(judge.corrected_level(5))
    assert again["narrow"].parts[0].interval.low == pytest.approx(student.low)


def test_the_numbers_of_a_verdict_are_of_all_parts_and_those_that_decide_come_first():
    shown = replace(NO, name="beside", side=None)
    one = judged(shown, YES, over_runs((1.0, 1.2)))
    assert (
        one.told
        == "a: 2.0 [1.0,\N{NO-BREAK SPACE}3.0]; zoom: 1.1 [-0.2,\N{NO-BREAK SPACE}2.4]; ".replace(
            "-", "\N{MINUS SIGN}"
        )
        + shown.name
        + ": "
        + shown.shown()
    )
    assert [part.name for part in one.decides] == ["a", "zoom"]
    assert (one.n, one.freedom) == ("2", "1.0")
    assert (judged(YES).n, judged(YES).freedom, judged().told) == ("–", "–", "–")


def test_cells_with_numbers_have_the_claim_as_their_source_and_others_none():
    one = judged(YES)
    for cell in ("number", "told", "n", "freedom", "details"):
        with reading() as seen:
            getattr(one, cell)
        assert "definition claim_own" in seen, cell
    for cell in ("anchor", "verdict", "why"):
        with reading() as seen:
            getattr(one, cell)
        assert not seen, cell


# --- entering and judging ---


def test_a_decorated_function_enters_the_ledger_with_its_docstring(monkeypatch):
    monkeypatch.setattr(judge, "CLAIMS", {})
    monkeypatch.setitem(judge.SHARED, "AT_LAST", "at last")

    @judge.claim("3.9", "Short", scope="with care", made_before=True)
    def mine(results):
        """It is
        so {AT_LAST}.

        By a rule of {FIXED_BOUND}.
        """
        yield YES

    (one,) = judge.CLAIMS.values()
    assert (one.id, one.section, one.text, one.short) == ("mine", "3.9", "It is so at last.", "Short")
    assert (one.rule, one.scope, one.measure) == ("By a rule of 5.", "with care", mine)
    assert one.made_before


FIXED_BOUND = 5


def test_claims_are_numbered_from_one_and_those_of_ones_own_come_last(monkeypatch):
    judge.list_claims()
    monkeypatch.setitem(judge.CLAIMS, "own", claim())
    assert [one.place for one in judge.list_claims()] == [*range(1, len(judge.CLAIMS) + 1)]
    assert judge.list_claims()[-1].id == "own"
    assert [*judge.CLAIMS][0] == "ends_agree"  # the first statement of the original study


def test_each_part_has_the_sources_that_were_read_for_it_or_the_claim_itself(results):
    def measure(results):
        yield Effect("a", common.mean(results, last("digit"), "zoom"))
        yield Effect("b", common.mean(results, last("digit"), "linear"))
        yield YES  # computed from nothing that is measured

    own, models = claim(measure=measure), ("zoom", "linear")
    *effects, last_one = judge.measure_effects(own, results)
    for part, model, other in zip(effects, models, models[::-1], strict=True):
        files = {source.partition("#")[0] for source in part.sources}  # of a pooled scatter, of more models
        assert files > {f"metrics/measure_{model}-0.json"}
        assert f"metrics/measure_{other}-0.json" not in files
    assert last_one.sources == ("definition claim_own",) == (own.source,)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (NotMeasured("the run is too short"), "the run is too short"),
        (KeyError("ink"), "`ink` is not measured"),
    ],
)
def test_what_is_not_measured_leaves_a_claim_open_and_says_why(error, why):
    def measure(results):
        yield YES
        raise error

    result = judge.judge(claim(measure=measure), Results(Path()))
    assert (result.verdict, result.why, result.parts, result.lean) == (ledger.OPEN, why, (), "")


def test_undecided_claims_say_why_and_where_they_lean():
    result = judged(YES, UNSURE)
    assert (result.why, result.lean) == ("runs scatter too widely for so few", ledger.HOLDS)
    assert "leans to *holds*" in result.details
    single = judged(over_runs((2.0,)))
    assert (single.why, single.lean) == ("no model was trained twice", ledger.HOLDS)
    assert judged(UNSURE, effect("e", -1, -3, 1)).lean == ledger.IN_PART
    assert judged(effect("e", 0.4, -3, 4, ABOVE, 0, (1.0,))).lean == ledger.SAME


def test_beyond_takes_the_trainings_of_the_release_of_that_name(results):
    assert common.beyond(Results(Path(), beside={"beyond": results}), "zoom") == results.all_of("zoom")
    for beside, model in (({"beyond": results}, "zoom_noise"), ({}, "zoom"), ({"starts": results}, "zoom")):
        with pytest.raises(NotMeasured, match=f"no {model}"):
            common.beyond(Results(Path(), beside=beside), model)


CLAIMS = {one.id: one for one in judge.list_claims()}


# --- verdicts ---


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ((YES, YES), ledger.HOLDS),
        ((NO, NO), ledger.FAILS),
        ((YES, NO, UNSURE), ledger.IN_PART),
        ((YES, UNSURE), ledger.OPEN),
        ((NO, UNSURE), ledger.FAILS),  # whatever the other is, the whole does not hold
        ((YES, replace(NO, side=None)), ledger.HOLDS),  # that is only told beside it
    ],
)
def test_all_parts_decide(parts, verdict):
    assert judged(*parts).verdict == verdict


# --- claims on runs that are made up ---


def two_models(out: Path, linear: Sequence[float], cosine: Sequence[float], first: int = 0) -> Results:
    """Runs of both DDPMs whose distance is one number from the first epoch to the last."""
    for model, distances in (("linear", linear), ("cosine", cosine)):
        for seed, distance in enumerate(distances, first):
            made_up.training(out, f"{model}-{seed}", epochs=20)
            rows = made_up.curve(dict.fromkeys(range(1, 21), distance))
            made_up.measures(out, f"{model}-{seed}", [*rows, row("frechet", 7.0, epoch=20)])
    return load(out)


@pytest.mark.parametrize(
    ("cosine", "expected"),
    [((5, 5.2), ledger.HOLDS), ((20, 21), ledger.FAILS), ((9.9, 10.1), ledger.SAME), ((5, 15), ledger.OPEN)],
)
def test_a_claim_takes_the_verdict_that_the_data_give_it(tmp_path, cosine, expected):
    result = judge.judge(CLAIMS["lower_distance"], two_models(tmp_path, (9.9, 10.1), cosine))
    assert result.verdict == expected
    assert result.parts[0].each == {"cosine": pytest.approx(cosine), "linear": pytest.approx((9.9, 10.1))}


def test_pairs_of_one_seed_tell_which_schedule_is_ahead_and_a_shorter_one_counts(tmp_path):
    results = two_models(tmp_path / "run", (10, 20), (5, 10))
    (alone, _) = judge.judge(CLAIMS["learns_faster"], results).parts
    assert alone.interval.ends == pytest.approx((0.5, 0.5, 0.5))
    shorter = two_models(tmp_path / "starts", (8, 8), (3, 3), first=1)  # seed 1 counts once
    more, _ = judge.judge(CLAIMS["learns_faster"], replace(results, beside={"starts": shorter})).parts
    assert len(more.each["cosine"]) == 3
    single = two_models(tmp_path / "single", (10,), (5,))
    assert judge.judge(CLAIMS["lower_distance"], single).verdict == ledger.OPEN


# Distances after the last five of the epochs, and other measures at the end, of each training.
LATE = {
    "zoom-0": (8.0, 10.0, 12.0, 9.0, 11.0),
    "zoom-1": (14.0, 15.0, 13.0, 16.0, 12.0),
    "linear-0": (5.0, 6.0, 5.5, 6.5, 7.0),
    "linear-1": (4.0, 4.5, 5.0, 5.5, 6.0),
    "cosine-0": (9.0, 9.5, 10.0, 9.7, 9.9),
}
AUTOENCODER = {"zoom-0": 3.0, "zoom-1": 4.0, "linear-0": 1.0, "linear-1": 1.5, "cosine-0": 2.0}
DIGIT = {"zoom-0": 0.4, "zoom-1": 0.5, "linear-0": 0.9, "linear-1": 0.95, "cosine-0": 0.7}


@pytest.fixture
def results(tmp_path) -> Results:
    for name, distances in LATE.items():
        made_up.training(tmp_path, name, epochs=100)
        rows = made_up.curve(dict(zip(range(96, 101), distances, strict=True)) | {1: 1e6})
        rows += [row("frechet", 1.0, epoch=100), row("digit", DIGIT[name], epoch=100)]
        rows += [row("frechet_autoencoder", AUTOENCODER[name], epoch=100)]
        made_up.measures(tmp_path, name, rows)
    return load(tmp_path)


def logs(model: str) -> list[float]:
    """The logarithms of the geometric means of late distances of a model's trainings."""
    return [float(np.mean(np.log(values))) for name, values in LATE.items() if name.startswith(model)]


# --- effects ---


def test_a_ratio_of_distances_is_that_of_geometric_means_over_late_checkpoints(results):
    found = common.mean(results, common.DISTANCE, "zoom", "linear", scale=LOG)
    one = common.ratio("distance", found, WITHIN, (2.0,))
    assert math.log(one.interval.value) == pytest.approx(np.mean(logs("zoom")) - np.mean(logs("linear")))
    assert (one.side, one.margins, one.bound, one.ratio) == (WITHIN, (2.0,), 1.0, True)
    assert one.each["linear"] == pytest.approx([math.exp(x) for x in logs("linear")])
    share = Effect("x", common.mean(results, last("digit"), "zoom"), BELOW, 3.0)
    assert share.interval.value == pytest.approx((0.4 + 0.5) / 2)
    assert not share.found.unknown


def test_pairs_have_one_seed_and_their_differences_have_the_interval_of_student(results):
    zooms, linears, cosines = map(results.all_of, ("zoom", "linear", "cosine"))
    matched = common.seed_pairs(zooms, linears)
    assert [(a.name, b.name) for a, b in matched] == [("zoom-0", "linear-0"), ("zoom-1", "linear-1")]
    assert [b.name for _, b in common.seed_pairs(zooms, cosines)] == ["cosine-0"]
    one = Effect("x", paired(last("digit"), matched), BELOW, 0.0, (0.1,))
    student = stats.ttest_rel([0.4, 0.5], [0.9, 0.95]).confidence_interval()
    assert one.interval.ends == pytest.approx((0.45 - 0.925, student.low, student.high))
    assert one.each == {"zoom": (0.4, 0.5), "linear": (0.9, 0.95)}
    ratio = common.ratio("y", paired(common.DISTANCE, matched, LOG), BELOW)
    logs_apart = np.array(logs("zoom")) - np.array(logs("linear"))
    student = stats.ttest_1samp(logs_apart, 0).confidence_interval()
    ends = (logs_apart.mean(), student.low, student.high)
    assert ratio.interval.ends == pytest.approx([math.exp(end) for end in ends])
    single = common.paired_ddpms(results, last("digit"))  # of seed 0 alone, which has no scatter
    assert (single.interval.value, single.unknown) == (pytest.approx(0.7 - 0.9), True)
    with pytest.raises(NotMeasured, match="share a seed"):
        common.seed_pairs(zooms[:1], linears[1:])


def series(one) -> tuple[list[int], list[float]]:
    """Anything at first, then a line from 20, whose slope is that of the seed."""
    values = [3.0, 90.0, 5.0] + [20.0 + (one.seed - 0.5) * (epoch - 40) for epoch in (40, 60, 80)]
    return [10, 20, 30, 40, 60, 80], values


def test_a_slope_is_the_relative_change_over_the_second_half_of_a_whole_training(results):
    one = common.slope(results, "distance", "zoom", series)
    assert one.each["zoom"] == pytest.approx((-0.5 * 40 / 10, 0.5 * 40 / 30))  # over the means of the halves
    assert (one.side, one.bound) == (BELOW, 0.0)
    made_up.training(results.out, "zoom-0", epochs=99)
    with pytest.raises(NotMeasured, match="100 epochs"):
        common.slope(load(results.out), "x", "zoom", series)
