"""The ledger: what it says of claims and verdicts; the decorator that enters a claim."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from diffusion.evaluation.statistics import Interval
from paper.claims import judge, ledger
from paper.claims.effects import BELOW, WITHIN, Effect
from report.pages.text_format import FIXED, MINUS, Markdown, fixed
from report.results.scatter import NotMeasured, over
from report.results.table import note, reading
from report.results.views import Results

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
        (effect("a", 2, 1, 3, BELOW, 4), f"<{FIXED}4.0"),
        (effect("a", 2, 1, 3, WITHIN, margin=4), "within 4.0"),
        (
            effect("a", 1.2, 0.9, 1.6, WITHIN, 1, grades=(1.25, 2), ratio=True),
            "within a factor of 1.25 or 2",
        ),
        (effect("a", 1, -1, 3, BELOW, margin=2), f"<{FIXED}0 or within 2.0"),
        (
            effect("a", 1, 0.5, 1.2, BELOW, 1, margin=2.5, ratio=True),
            f"<{FIXED}1.0 or within a factor of 2.5",
        ),
    ],
)
def test_a_bound_in_words(one, bound):
    assert ledger.bound(one) == bound


def test_a_verdict_has_its_numbers_in_words():
    one = judged(YES, NO, replace(UNSURE, side=None))
    assert one.verdict == ledger.IN_PART
    a, b = f"a: 2.0 [1.0,{FIXED}3.0]", f"b: {MINUS}2.0 [{MINUS}3.0,{FIXED}{MINUS}1.0]"
    c = f"c: 1.0 [{MINUS}1.0,{FIXED}3.0]"
    assert one.measured == (
        f"A: 2.0 [1.0,{FIXED}3.0] (holds); runs: zoom 1.00 and 3.00; linear 0.500; "
        f"{b} (does not hold); runs: zoom 1.00, 2.00 and 4.00; {c}."
    )
    assert one.told == f"{a}; {b}"  # those that decide
    assert one.bounds == f">{FIXED}0; >{FIXED}0"
    assert one.every_bound == f"*Thresholds:* a >{FIXED}0; b >{FIXED}0."
    assert (one.number, one.n, one.fewest, one.anchor) == ("7", "1", 1, "#claim-own")
    assert one.badge == "[holds in part]{.verdict .part}"
    assert judged(YES).measured.startswith(f"A: 2.0 [1.0,{FIXED}3.0]; runs")  # a single part has no answer
    assert judged(NO).fewest == 3


def test_no_difference_names_the_smallest_difference_that_it_excludes():
    graded = effect("a", 1.2, 0.9, 1.6, WITHIN, 1, grades=(1.25, 1.5, 2), ratio=True)
    assert (graded.met, graded.limit, graded.at(0.5).met) == (2, 2, 1.5)  # a narrower interval
    one = judged(graded)
    assert (one.verdict, ledger.with_limit(one)) == (ledger.SAME, "no difference beyond a factor of 2")
    assert one.badge == "[no difference beyond a factor of 2]{.verdict .equal}"
    assert one.row()["parts"][0]["grades"] == [1.25, 1.5, 2]
    assert judged(effect("a", 1.2, 0.9, 3, WITHIN, 1, grades=(1.25, 2), ratio=True)).verdict == ledger.OPEN
    assert judged(effect("a", 4, 3, 5, WITHIN, 1, grades=(1.25, 2), ratio=True)).verdict == ledger.FAILS
    assert ledger.with_limit(judged(effect("a", 0.1, -1, 1, margin=2))) == "no difference beyond 2.0"
    assert ledger.with_limit(judged(YES)) == ledger.HOLDS


def test_verdicts_are_judged_again_at_the_level_of_all_claims():
    narrow, wide = effect("a", 2, 1.5, 2.5), effect("b", 2, 0.1, 3.9)
    found = {
        "narrow": judged(narrow),
        "wide": judged(wide),
        "unmeasured": ledger.Verdict(claim(), ledger.OPEN),
    }
    assert judge.corrected_level(3) == pytest.approx(1 - 0.05 / 3)
    again = judge.correct(found)
    assert [one.verdict for one in again.values()] == [ledger.HOLDS, ledger.OPEN, ledger.OPEN]
    assert again["narrow"].parts[0].found.low == pytest.approx(2 - 0.5 * 2.394 / 1.96, abs=1e-3)
    assert [one.verdict for one in found.values()] == [ledger.HOLDS, ledger.HOLDS, ledger.OPEN]


def test_what_is_told_of_a_verdict_is_of_the_parts_that_decide_it():
    two = replace(YES, each={"zoom": (1.0, 3.0)})
    safe = effect("s", 20, 19, 21, each={"linear": (20.0,)})  # further from its bound, in one training
    for others in ((safe,), (replace(safe, side=None),), (safe, replace(safe, side=None))):
        one = judged(two, *others)
        assert [part.name for part in one.decides] == ["a"]
        for cell in ("told", "n", "fewest", "bounds"):
            assert getattr(one, cell) == getattr(judged(two), cell), cell


def test_a_verdict_of_nothing_has_dashes():
    one = ledger.Verdict(claim(), ledger.OPEN, why=Markdown("nothing is measured"))
    assert (one.measured, one.told, one.n, one.bounds, one.every_bound) == ("–", "–", "–", "–", "")
    assert one.details == "– Nothing is measured."
    assert replace(one, why=Markdown("")).details == "–"
    assert replace(one, lean=ledger.OPEN).details == "– Nothing is measured."  # which is no leaning
    assert replace(one, lean=ledger.HOLDS).details == "– Nothing is measured; leans to *holds*."


def test_details_name_models_with_a_single_training():
    of = {"zoom": [1, 2], "linear": [1], "cosine": [1]}
    one = replace(judged(YES), of=of)
    assert one.trainings == {"zoom": 2, "linear": 1, "cosine": 1}
    assert one.details.endswith(". Rests on one run of linear and of cosine.")
    assert "Rests" not in replace(one, parts=()).details
    assert "Rests" not in replace(one, of={"zoom": [1, 2]}).details


def test_a_row_of_the_ledger_has_the_claim_the_verdict_and_the_parts():
    one = judged(YES, UNSURE, made_before=True)
    row = one.row()
    of_claim = {"id": "own", "section": "section", "text": "text", "rule": "rule", "made_before": True}
    assert row.items() >= of_claim.items()
    assert row.items() >= {"verdict": "undecided", "reason": "trainings", "lean": "holds"}.items()
    assert row["trainings"] == {}
    assert row["why"] == "runs scatter too widely for so few"
    assert row["measured"] == one.measured
    assert row["parts"] == [YES.row(), UNSURE.row()]


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


def test_a_tally_is_in_the_order_of_the_words():
    found = {str(i): judged(*parts) for i, parts in enumerate([(NO,), (YES,), (YES, NO), (NO,), (UNSURE,)])}
    expected = "*holds* (1), *does not hold* (2), *holds in part* (1) and *undecided* (1)"
    assert ledger.tally(found) == expected


def test_the_code_of_a_claim_is_shown_without_decorator_and_docstring():
    shown = next(one for one in judge.list_claims() if one.id == "lower_distance")
    code = ledger.Verdict(shown, ledger.OPEN).function
    assert code.startswith("def lower_distance(results: Results)")
    assert "yield" in code
    assert '"""' not in code
    assert "@claim" not in code


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


def run(**groups: list[float]) -> Results:
    """Trainings with a value."""
    ones = {
        (model, seed): SimpleNamespace(model=model, seed=seed, process=model, value=value)
        for model, values in groups.items()
        for seed, value in enumerate(values)
    }
    return Results(Path(), ones)


def number(one) -> float:
    note(f"row of {one.model}-{one.seed}")
    return one.value


def test_an_effect_is_of_one_model_or_of_the_difference_of_two():
    results = run(zoom=[4.0, 6.0], linear=[1.0, 2.0])
    one = judge.effect("x", results, number, results.all_of("zoom"), side=BELOW, bound=3.0)
    assert one.found == over(results, number, {"zoom": results.all_of("zoom")}).interval
    assert (one.name, one.side, one.bound, one.open) == ("x", BELOW, 3.0, False)
    assert one.each == {"zoom": (4.0, 6.0)}
    groups = {model: results.all_of(model) for model in ("zoom", "linear")}
    assert judge.effect("x", results, number, groups).found.value == 3.5
    single = run(zoom=[4.0])
    assert judge.effect("x", single, number, single.all_of("zoom")).open


def test_each_part_has_the_sources_that_were_read_for_it_or_the_claim_itself():
    results = run(zoom=[4.0, 6.0], linear=[1.0, 2.0])

    def measure(results):
        yield judge.effect("a", results, number, results.all_of("zoom"))
        yield judge.effect("b", results, number, results.all_of("linear"))
        yield YES  # computed from nothing that is measured

    one = claim(measure=measure, models=("zoom", "linear"))
    first, second, third = judge.measure_effects(one, results)
    assert [*first.sources] == ["row of zoom-0", "row of zoom-1"]
    assert [*second.sources] == ["row of linear-0", "row of linear-1"]
    assert third.sources == ("definition claim_own",) == (one.source,)
    found = judge.judge(one, results)
    assert found.trainings == {"zoom": 2, "linear": 2}


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

    found = judge.judge(claim(measure=measure), Results(Path()))
    assert (found.verdict, found.reason, found.why) == (ledger.OPEN, ledger.BY_MEASURE, why)
    assert (found.parts, found.decides, found.lean) == ((), (), "")


def test_undecided_claims_say_why_and_which_part_is_to_blame():
    wide = effect("d", 1, -9, 30)
    found = judged(YES, UNSURE, wide)
    assert found.why == "runs scatter too widely for so few"
    assert [part.name for part in found.decides] == ["d"]  # 9 of 39 widths from its bound, UNSURE is 1 of 4
    single = judged(replace(UNSURE, open=True))
    assert single.why == "no model was trained twice"
    apart = judged(YES, NO, one_thing=True)
    assert apart.why == "its measures contradict each other"
    assert {part.name for part in apart.decides} == {"a", "b"}
    assert judged(UNSURE, effect("e", -1, -3, 1)).lean == ledger.IN_PART


def test_beyond_takes_the_trainings_of_the_release_of_that_name():
    other = run(zoom_noise=[1.0, 2.0])
    results = Results(Path(), beside={"beyond": other})
    assert judge.beyond(results, "zoom_noise") == other.all_of("zoom_noise")
    for lacking in (results, Results(Path()), Results(Path(), beside={"starts": other})):
        with pytest.raises(NotMeasured, match="no zoom"):
            judge.beyond(lacking, "zoom")


def test_all_claims_are_judged_by_their_names(monkeypatch):
    monkeypatch.setattr(judge, "list_claims", lambda: [claim(YES), replace(claim(NO), id="other")])
    found = judge.judge_all(Results(Path()))
    assert {name: one.verdict for name, one in found.items()} == {
        "own": ledger.HOLDS,
        "other": ledger.FAILS,
    }
