"""Former rules: what today's rows would decide by the rules that later ones replaced.

Each function yields the effects of a claim by a former rule; `paper/text/deviations.yaml` names it. The
intervals are today's, over training runs, unless a rule was about the intervals.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from paper import answer
from paper.answer import ASKED, DDPMS, PAIR
from paper.claims import common, ddpm, samples
from paper.claims.effects import ABOVE, BELOW, WITHIN, Effect
from paper.claims.judge import CLAIMS, decide, effect, list_claims, measure_effects
from paper.claims.ledger import Verdict
from report.pages.text_format import MINUS, fixed
from report.results.scatter import (
    LOG,
    Estimate,
    NotMeasured,
    Number,
    Over,
    back,
    estimate,
    last,
    late,
    pooled,
)
from report.results.table import Samples
from report.results.views import Results, Training

NARROW, WIDE = 1.25, 2.0  # factors within which distances counted as comparable
Rule = Callable[[Results], Iterator[Effect]]
RULES: dict[str, tuple[str, Rule, bool]] = {}  # name -> id of the claim, function, measures must agree


def rule(claim: str, one_thing: bool = False) -> Callable[[Rule], Rule]:
    """Decorate a function to enter it as a former rule of a claim."""

    def enter(function: Rule) -> Rule:
        RULES[function.__name__] = claim, function, one_thing
        return function

    return enter


def judge_today(name: str, results: Results) -> Verdict | None:
    """The verdict of a former rule on today's rows; None if they do not contain what it needs."""
    list_claims()
    of, function, one_thing = RULES[name]
    claim = CLAIMS[of]
    trainings = {model: results.all_of(model) for model in claim.models}
    try:
        former = replace(claim, measure=function, one_thing=one_thing)
        return decide(former, trainings, measure_effects(former, results))
    except LookupError:
        return None


def _ratio(results: Results, factor: float, measure: str = "digits") -> Effect:
    asked = ASKED[measure]
    groups = {model: answer.trainings(results, model, asked) for model in PAIR}
    at = {"side": WITHIN, "margin": factor}
    return common.quotient(results, f"distance ({measure}), zoom : linear", asked.number, groups, **at)


# --- claim "comparable" ---


@rule("comparable")
def narrow_in_all_features(results: Results) -> Iterator[Effect]:
    """Until 28 November: within a factor of 1.25 in all learned features."""
    yield _ratio(results, NARROW)
    yield _ratio(results, NARROW, "autoencoder")


@rule("comparable")
def factor_of_two(results: Results) -> Iterator[Effect]:
    """Until the grades: within a factor of two in features of digits."""
    yield _ratio(results, WIDE)


@rule("comparable")
def two_zooms(results: Results) -> Iterator[Effect]:
    """The factor of two, with the two zooms that had been trained when the rule was made."""
    yield _ratio(_first_zooms(results), WIDE)


def _first_zooms(results: Results, n: int = 2) -> Results:
    zooms = results.all_of("zoom")[n:]
    kept = {place: one for place, one in results.trainings.items() if one not in zooms}
    return replace(results, trainings=kept)


@rule("comparable")
def shared_epochs_pooled(results: Results) -> Iterator[Effect]:
    """Until 30 November: distances in shared epochs, and one scatter for all models at a constant rate."""
    yield pooled_ratio(results, PAIR, {"side": WITHIN, "margin": WIDE})


@rule("cosine_below_zoom")
def cosine_in_shared_epochs(results: Results) -> Iterator[Effect]:
    """The same rule for the claim that the cosine DDPM ends below the zoom."""
    yield pooled_ratio(results, ("cosine", "zoom"), {"side": BELOW, "margin": NARROW})


def pooled_ratio(results: Results, pair: common.Pair, judged: Mapping[str, object]) -> Effect:
    """The ratio of distances in shared epochs, with one scatter for all models trained at a constant rate."""
    models = (*dict.fromkeys((*PAIR, *DDPMS)),)
    late_rows = {id(one): one.late for m in models for one in results.all_of(m)}
    shared = set.intersection(*({row.epoch for row in rows} for rows in late_rows.values()))
    if not shared:
        raise NotMeasured("no late epoch is measured for all models")

    def number(one: Training) -> float:
        rows = [row for row in one.late if row.epoch in shared or id(one) not in late_rows]
        return float(np.mean([math.log(row["frechet"].value) for row in rows]))

    values = {m: [number(one) for one in results.all_of(m)] for m in models}
    groups = [*values.values(), *_further_groups(results, number)]
    scatter = {"": pooled(groups)}
    means = [(1.0, "", values[pair[0]]), (-1.0, "", values[pair[1]])]
    total = estimate(means, scatter)
    return _effect(f"distance in shared epochs, {pair[0]} : {pair[1]}", total, judged)


def _further_groups(results: Results, number: Number) -> list[list[float]]:
    """Models of the release `starts` that the run does not contain: another first beta."""
    starts = results.beside.get("starts")
    others = [m for m in starts.models if m not in results.models] if starts else []
    return [[number(one) for one in starts.all_of(m)] for m in others]


def _effect(name: str, total: Estimate | None, judged: Mapping[str, object]) -> Effect:
    if not total:
        raise NotMeasured("no model was trained twice")
    over = Over(back(total.interval(), LOG), {}, False, total, scale=LOG)
    at = {"bound": 1.0, "ratio": True, "show": fixed} | judged
    return Effect(name, over.interval, over=over, **at)


# --- claims about the two DDPMs ---


@rule("darker")
def unpaired_grey(results: Results) -> Iterator[Effect]:
    """Greys at the border, without pairs."""
    at = {"side": BELOW, "margin": ddpm.GREY, "show": lambda x: fixed(x, 3)}
    groups = {model: results.all_of(model) for model in ddpm.PAIR}
    yield effect(f"grey, cosine {MINUS} linear", results, late("background"), groups, **at)


@rule("more_realistic")
def unpaired_digits(results: Results) -> Iterator[Effect]:
    """Shares of digits of our runs, without pairs."""
    at = {"margin": common.POINTS, "show": common.points1}
    groups = {model: results.all_of(model) for model in ddpm.PAIR}
    yield effect(f"share of digits (points), cosine {MINUS} linear", results, last("digit"), groups, **at)


# --- claims about variety ---

VARIETY = (  # measures of variety, the side with less variety, and the margin
    ("divergence", ABOVE, common.NATS),
    ("recall", BELOW, common.POINTS),
    ("coverage", BELOW, common.POINTS),
)


@rule("less_varied", one_thing=True)
def three_measures(results: Results) -> Iterator[Effect]:
    """Divergence of the classes, recall and coverage, which must agree."""
    for measure, side, margin in VARIETY:
        for m in DDPMS:
            at = {"side": side, "margin": margin, "show": fixed}
            groups = {model: results.all_of(model) for model in ("zoom", m)}
            yield effect(f"{measure}, zoom {MINUS} {m}", results, late(measure), groups, **at)


@rule("lack_of_randomness")
def without_grey_noise(results: Results) -> Iterator[Effect]:
    """The best of several strengths of Gaussian noise."""

    def gaussian(one: Training) -> tuple[Samples, Sequence[Samples]]:
        strengths = {w: how.get("sampler_options", {}).get("noise") for w, how in one.changes.items()}
        return one.measured["still"], [one.final, *(one.measured[way] for way, sd in strengths.items() if sd)]

    yield samples.cured(results, "trained without noise", results.all_of("zoom"), samples.as_trained)
    for name, model in samples.TRAINED_ON_NOISE.items():
        yield samples.cured(results, name, samples.beyond(results, model), gaussian)
