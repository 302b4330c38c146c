"""The claims ledger: testable statements of the original study, and their verdicts from a run.

A claim is a function with the decorator `claim`, and its name is the id of the claim. From the results of a
run it yields an effect for each part of the claim. The interval of an effect over training runs decides
(`report.results.scatter`).

Verdicts are made before the text is written. The sources of each effect are kept, and are noted as read again
when the text prints the effect.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from diffusion.evaluation.statistics import LEVEL
from paper.claims.effects import PART, Effect, together
from paper.claims.ledger import BY_MEASURE, BY_TRAININGS, OF_ANSWER, OPEN, Claim, Verdict
from report.pages.text_format import Markdown, code
from report.results.scatter import LINEAR, NotMeasured, Number, Scale, over, paired
from report.results.table import reading
from report.results.views import Results, Training

# --- trainings of a run ---


def beyond(results: Results, model: str) -> list[Training]:
    """The training runs of a model in the release `beyond`."""
    if not (trainings := results.beside["beyond"].all_of(model) if "beyond" in results.beside else []):
        raise NotMeasured(f"the runs beyond the original study contain no {model}")
    return trainings


def effect(
    name: str,
    results: Results,
    number: Number,
    trainings: Mapping[str, list[Training]] | list[Training],
    scale: Scale = LINEAR,
    **judged: Any,
) -> Effect:
    """Make an effect from the training runs of one model, or from a difference of two (`scatter.over`).

    Args:
        judged: further attributes of `Effect`.
    """
    trainings = trainings if isinstance(trainings, Mapping) else {trainings[0].model: trainings}
    mean = over(results, number, trainings, scale)
    return Effect(name, mean.interval, open=mean.unknown, each=mean.each, over=mean, **judged)


def paired_effect(
    name: str,
    number: Number,
    pairs: Sequence[tuple[Training, Training]],
    scale: Scale = LINEAR,
    **judged: Any,
) -> Effect:
    """Make an effect from the differences within pairs of training runs (`scatter.paired`).

    Args:
        judged: further attributes of `Effect`.
    """
    if not pairs:
        raise NotMeasured("no two runs share a seed")
    mean = paired(number, pairs, scale)
    found = {"open": mean.unknown, "each": mean.each, "over": mean, "pairs": True}
    return Effect(name, mean.interval, **found, **judged)


# --- claims and verdicts ---


CLAIMS: dict[str, Claim] = {}
SHARED: dict[str, Any] = {}  # names that the docstrings of claims may use in all modules


def claim(section: str, short: str, **more: Any) -> Callable:
    """Decorate a function to enter a claim into the ledger.

    The first paragraph of the function's docstring is the claim, the second paragraph the rule by which it
    holds. Names in braces are constants of its module or of `SHARED`.

    Args:
        section: section of the original study.
        short: the claim in a few words.
        more: further attributes of `Claim`.
    """

    def enter(measure: Callable[[Results], Iterator[Effect]]) -> Callable:
        docstring = (measure.__doc__ or "").format(**SHARED | measure.__globals__)
        text, rule = (" ".join(paragraph.split()) for paragraph in docstring.split("\n\n"))
        words = map(Markdown, (section, text, short, rule))
        CLAIMS[measure.__name__] = Claim(measure.__name__, *words, measure, **more)
        return measure

    return enter


def list_claims() -> list[Claim]:
    """All claims, in the order of the original study; claims from outside of `paper.claims` come last."""
    importlib.import_module("paper.claims")  # its modules register their claims
    return [replace(claim, place=place) for place, claim in enumerate(CLAIMS.values(), 1)]


def judge_all(results: Results) -> dict[str, Verdict]:
    """The verdict of each claim by id, for a complete run."""
    return {claim.id: judge(claim, results) for claim in list_claims()}


def judge(claim: Claim, results: Results) -> Verdict:
    """Judge a claim from all training runs of its models."""
    trainings = {model: results.all_of(model) for model in claim.models}
    try:
        return decide(claim, trainings, measure_effects(claim, results))
    except NotMeasured as error:
        why = Markdown(str(error))
    except KeyError as error:  # missing in the table
        why = Markdown(f"{code(error.args[0])} is not measured")
    return Verdict(claim, OPEN, trainings, reason=BY_MEASURE, why=why)


def corrected_level(claims: int) -> float:
    """The level of each interval at which all of them together have the usual level, by Bonferroni."""
    return 1 - (1 - LEVEL) / claims


def correct(verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """The verdicts with all intervals corrected for the number of claims."""
    level = corrected_level(len(verdicts))

    def judge_again(verdict: Verdict) -> Verdict:
        parts = tuple(part.at(level) for part in verdict.parts)
        return decide(verdict.claim, verdict.of, parts) if parts else verdict

    return {name: judge_again(verdict) for name, verdict in verdicts.items()}


def measure_effects(claim: Claim, results: Results) -> tuple[Effect, ...]:
    """The effects of a claim, each with its sources."""
    effects, measure = [], claim.measure(results)
    while True:
        with reading() as seen:
            part = next(measure, None)
        if part is None:
            return tuple(effects)
        effects.append(replace(part, sources=tuple(seen) or (claim.source,)))


def decide(claim: Claim, trainings: Mapping[str, list[Training]], parts: tuple[Effect, ...]) -> Verdict:
    """The verdict of a claim from the effects of its parts."""
    sided = [(part.answer(), part) for part in parts if part.side]
    answer = together(answer for answer, _ in sided)
    shown = dict.fromkeys(reply for reply, _ in sided) if answer == PART else [answer]
    decides = [min((part for reply, part in sided if reply == each), key=lambda p: p.spare) for each in shown]
    given = (trainings, parts, tuple(decides))
    if answer == PART and claim.one_thing:
        return Verdict(claim, OPEN, *given, BY_MEASURE, Markdown("its measures contradict each other"))
    if answer is not None:
        return Verdict(claim, OF_ANSWER[answer], *given)
    single = decides[0].open
    why = "no model was trained twice" if single else "runs scatter too widely for so few"
    lean = together(part.lean() for part in parts if part.side)
    return Verdict(claim, OPEN, *given, BY_TRAININGS, Markdown(why), OF_ANSWER[lean])
