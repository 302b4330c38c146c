"""Claims: effects and verdicts, the answer to the main question; verdicts on releases are golden."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import made_up
from diffusion.evaluation.statistics import Interval
from paper import answer
from paper.claims import common, judge, ledger
from paper.claims.effects import BELOW, WITHIN, Effect
from report.pages.text_format import FIXED, Markdown, fixed
from report.results.scatter import NotMeasured, last
from report.results.table import reading, row
from report.results.views import Results, load

fixed1 = partial(fixed, decimals=1)


def effect(name: str, value: float, low: float, high: float, *side, **more) -> Effect:
    return Effect(name, Interval(value, low, high), *side, show=fixed1, **more)


def claim(*parts: Effect, **more) -> ledger.Claim:
    words = {name: Markdown(name) for name in ("section", "text", "short", "rule")}
    return ledger.Claim("own", **words | {"measure": lambda results: iter(parts), "place": 7} | more)


YES = effect("a", 2, 1, 3, each={"zoom": (1.0, 3.0), "linear": (0.5,)})
NO = effect("b", -2, -3, -1, each={"zoom": (1.0, 2.0, 4.0)})
UNSURE = effect("c", 1, -1, 3)


def judged(*parts: Effect, **more) -> ledger.Verdict:
    return judge.judge(claim(*parts, **more), Results(Path()))


# --- formats ---


@pytest.mark.parametrize(
    ("one", "bound"),
    [
        (effect("a", 2, 1, 3), f">{FIXED}0"),
        (effect("a", 2, 1, 3, WITHIN, margin=4), "within 4.0"),
        (
            effect("a", 1.2, 0.9, 1.6, WITHIN, 1, grades=(1.25, 2), ratio=True),
            "within a factor of 1.25 or 2",
        ),
        (
            effect("a", 1, 0.5, 1.2, BELOW, 1, margin=2.5, ratio=True),
            f"<{FIXED}1.0 or within a factor of 2.5",
        ),
    ],
)
def test_a_bound_in_words(one, bound):
    assert ledger.bound(one) == bound


def test_no_difference_names_the_smallest_difference_that_it_excludes():
    graded = effect("a", 1.2, 0.9, 1.6, WITHIN, 1, grades=(1.25, 1.5, 2), ratio=True)
    assert (graded.met, graded.limit, graded.at(0.5).met) == (2, 2, 1.5)  # a narrower interval
    one = judged(graded)
    assert (one.verdict, ledger.with_limit(one)) == (ledger.SAME, "no difference beyond a factor of 2")
    assert judged(effect("a", 1.2, 0.9, 3, WITHIN, 1, grades=(1.25, 2), ratio=True)).verdict == ledger.OPEN
    assert judged(effect("a", 4, 3, 5, WITHIN, 1, grades=(1.25, 2), ratio=True)).verdict == ledger.FAILS
    assert ledger.with_limit(judged(effect("a", 0.1, -1, 1, margin=2))) == "no difference beyond 2.0"
    assert ledger.with_limit(judged(YES)) == ledger.HOLDS


def test_verdicts_are_judged_again_at_the_level_of_all_claims():
    narrow, wide = effect("a", 2, 1.5, 2.5), effect("b", 2, 0.1, 3.9)
    result = {
        "narrow": judged(narrow),
        "wide": judged(wide),
        "unmeasured": ledger.Verdict(claim(), ledger.OPEN),
    }
    assert judge.corrected_level(3) == pytest.approx(1 - 0.05 / 3)
    again = judge.correct(result)
    assert [one.verdict for one in again.values()] == [ledger.HOLDS, ledger.OPEN, ledger.OPEN]
    assert again["narrow"].parts[0].found.low == pytest.approx(2 - 0.5 * 2.394 / 1.96, abs=1e-3)
    assert [one.verdict for one in result.values()] == [ledger.HOLDS, ledger.HOLDS, ledger.OPEN]


def test_what_is_told_of_a_verdict_is_of_the_parts_that_decide_it():
    two = replace(YES, each={"zoom": (1.0, 3.0)})
    safe = effect("s", 20, 19, 21, each={"linear": (20.0,)})  # further from its bound, in one training
    for others in ((safe,), (replace(safe, side=None),), (safe, replace(safe, side=None))):
        one = judged(two, *others)
        assert [part.name for part in one.decides] == ["a"]
        for cell in ("told", "n", "fewest", "bounds"):
            assert getattr(one, cell) == getattr(judged(two), cell), cell
    assert (one.verdict, one.fewest, judged(YES).fewest, judged(NO).fewest) == (ledger.HOLDS, 2, 1, 3)


def test_cells_with_numbers_have_the_claim_as_their_source_and_others_none():
    one = judged(YES)
    for cell in ("number", "told", "n", "bounds", "details", "every_bound"):
        with reading() as seen:
            getattr(one, cell)
        assert "definition claim_own" in seen, cell
    for cell in ("anchor", "badge", "verdict", "why"):
        with reading() as seen:
            getattr(one, cell)
        assert not seen, cell


# --- entering and judging ---


def test_a_decorated_function_enters_the_ledger_with_its_docstring(monkeypatch):
    monkeypatch.setattr(judge, "CLAIMS", {})
    monkeypatch.setitem(judge.SHARED, "AT_LAST", "at last")

    @judge.claim("3.9", "Short", models=("zoom",), one_thing=True)
    def mine(results):
        """It is
        so {AT_LAST}.

        By a rule of {FIXED_BOUND}.
        """
        yield YES

    (one,) = judge.CLAIMS.values()
    assert (one.id, one.section, one.text, one.short) == ("mine", "3.9", "It is so at last.", "Short")
    assert (one.rule, one.models, one.one_thing) == ("By a rule of 5.", ("zoom",), True)
    assert one.measure is mine
    assert not one.made_before


FIXED_BOUND = 5


def test_claims_are_numbered_from_one_and_those_of_ones_own_come_last(monkeypatch):
    judge.list_claims()
    monkeypatch.setitem(judge.CLAIMS, "own", claim())
    assert [one.place for one in judge.list_claims()] == [*range(1, len(judge.CLAIMS) + 1)]
    assert judge.list_claims()[-1].id == "own"
    assert [*judge.CLAIMS][0] == "ends_agree"  # the first statement of the original study


def test_each_part_has_the_sources_that_were_read_for_it_or_the_claim_itself(results):
    def measure(results):
        yield judge.effect("a", results, last("digit"), results.all_of("zoom"))
        yield judge.effect("b", results, last("digit"), results.all_of("linear"))
        yield YES  # computed from nothing that is measured

    own = claim(measure=measure, models=("zoom", "linear"))
    *effects, last_one = judge.measure_effects(own, results)
    for part, model, other in zip(effects, own.models, own.models[::-1], strict=True):
        files = {source.partition("#")[0] for source in part.sources}  # of a pooled scatter, of more models
        assert files > {f"metrics/measure_{model}-0.json"}
        assert f"metrics/measure_{other}-0.json" not in files
    assert last_one.sources == ("definition claim_own",) == (own.source,)
    assert judge.judge(own, results).trainings == {"zoom": 2, "linear": 2}


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
    assert (result.verdict, result.reason, result.why) == (ledger.OPEN, ledger.BY_MEASURE, why)
    assert (result.parts, result.decides, result.lean) == ((), (), "")


def test_undecided_claims_say_why_and_which_part_is_to_blame():
    wide = effect("d", 1, -9, 30)
    result = judged(YES, UNSURE, wide)
    assert result.why == "runs scatter too widely for so few"
    assert [part.name for part in result.decides] == ["d"]  # 9 of 39 widths from its bound, UNSURE is 1 of 4
    single = judged(replace(UNSURE, open=True))
    assert single.why == "no model was trained twice"
    apart = judged(YES, NO, one_thing=True)
    assert apart.why == "its measures contradict each other"
    assert {part.name for part in apart.decides} == {"a", "b"}
    assert judged(UNSURE, effect("e", -1, -3, 1)).lean == ledger.IN_PART


def test_a_verdict_that_rests_on_one_run_says_so():
    one = ledger.Verdict(claim(), ledger.HOLDS, {"zoom": [None], "linear": [None, None]}, (YES,))
    assert "one run of zoom" in one.details
    assert "of linear" not in one.details


def test_beyond_takes_the_trainings_of_the_release_of_that_name(results):
    assert judge.beyond(Results(Path(), beside={"beyond": results}), "zoom") == results.all_of("zoom")
    for beside, model in (({"beyond": results}, "zoom_noise"), ({}, "zoom"), ({"starts": results}, "zoom")):
        with pytest.raises(NotMeasured, match=f"no {model}"):
            judge.beyond(Results(Path(), beside=beside), model)


CLAIMS = {one.id: one for one in judge.list_claims()}


# --- verdicts ---


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
    result = judge.judge(one, Results(Path()))
    assert (result.verdict, result.reason) == (verdict, reason)
    assert result.lean == (ledger.HOLDS if reason == ledger.BY_TRAININGS else "")


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
    reason = ledger.BY_TRAININGS if expected == ledger.OPEN else ""
    assert (result.verdict, result.reason) == (expected, reason)
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
    one = common.ratio(results, ("zoom", "linear"), side=WITHIN, margin=2.0)
    assert math.log(one.found.value) == pytest.approx(np.mean(logs("zoom")) - np.mean(logs("linear")))
    assert (one.side, one.margin, one.bound, one.ratio) == (WITHIN, 2.0, 1.0, True)
    assert one.each["linear"] == pytest.approx([math.exp(x) for x in logs("linear")])
    share = judge.effect("x", results, last("digit"), results.all_of("zoom"), side=BELOW, bound=3.0)
    assert share.found.value == pytest.approx((0.4 + 0.5) / 2)
    assert not share.open


def test_pairs_have_one_seed_and_their_differences_have_the_interval_of_student(results):
    matched = common.seed_pairs(results, ("zoom", "linear"))
    assert [(a.name, b.name) for a, b in matched] == [("zoom-0", "linear-0"), ("zoom-1", "linear-1")]
    assert [b.name for _, b in common.seed_pairs(results, ("zoom", "cosine"))] == ["cosine-0"]
    one = judge.paired_effect("x", last("digit"), matched, side=BELOW, margin=0.1)
    student = stats.ttest_rel([0.4, 0.5], [0.9, 0.95]).confidence_interval()
    assert one.found.value == pytest.approx(0.45 - 0.925)
    assert (one.found.low, one.found.high) == pytest.approx((student.low, student.high))
    assert one.each == {"zoom": (0.4, 0.5), "linear": (0.9, 0.95)}
    ratio = common.paired_quotient("y", answer.ASKED["digits"].number, matched, side=BELOW)
    logs_apart = np.array(logs("zoom")) - np.array(logs("linear"))
    assert math.log(ratio.found.value) == pytest.approx(logs_apart.mean())
    student = stats.ttest_1samp(logs_apart, 0).confidence_interval()
    assert math.log(ratio.found.high) == pytest.approx(student.high)
    assert judge.paired_effect("z", last("digit"), matched[:1]).open  # one pair has no scatter
    with pytest.raises(NotMeasured, match="share a seed"):
        judge.paired_effect("z", last("digit"), [])


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


# --- the answer ---


def test_what_is_asked_is_the_late_distance_the_last_in_other_features_and_the_share(results):
    one = results.first("zoom")
    numbers = {name: asked.number(one) for name, asked in answer.ASKED.items()}
    assert numbers == {
        "digits": pytest.approx(math.exp(logs("zoom")[0])),
        "autoencoder": 3.0,
        "share": 0.4,
    }


def test_trainings_without_the_measure_do_not_count_and_published_weights_do(results, tmp_path):
    other = tmp_path / "original"
    for name in ("zoom-9", "linear-9"):
        made_up.training(other, name, epochs=100)
        made_up.measures(other, name, [row("digit", 0.2, epoch=100)])
    made_up.training(tmp_path, "zoom-3", epochs=100)
    made_up.measures(tmp_path, "zoom-3", [row("ink", 0.2, epoch=100)])
    run = replace(load(tmp_path), beside={"original": load(other)})
    names = {}
    for (name, asked), model in product(answer.ASKED.items(), ("zoom", "linear")):
        names[name, model] = [training.name for training in answer.trainings(run, model, asked)]
    zooms, linears = ["zoom-0", "zoom-1"], ["linear-0", "linear-1"]
    assert {name: names[name, "linear"] for name in answer.ASKED} == dict.fromkeys(answer.ASKED, linears)
    assert names["digits", "zoom"] == names["autoencoder", "zoom"] == zooms
    assert names["share", "zoom"] == [*zooms, "zoom-9"]


# --- thresholds ---


@pytest.mark.parametrize(
    ("low", "high", "smallest"),
    [(0.9, 1.24, 1.25), (0.9, 1.25, 1.5), (0.9, 1.26, 1.5), (0.7, 1.1, 1.5), (0.3, 0.51, None)],
)
def test_the_smallest_factor_that_an_interval_stays_within(low, high, smallest):
    assert answer.met(Interval(math.sqrt(low * high), low, high)) == smallest
