"""The claims ledger: testable statements of the original study, and their verdicts from a run.

A claim is a function with the decorator `claim`, and its name is the id of the claim. From the results of a
run it yields an effect for each part of the claim. The interval of an effect over training runs decides
(`report.results.scatter`).

Verdicts are made before the text is written. The sources of each effect are kept, and are noted as read again
when the text prints the effect.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from diffusion.evaluation.statistics import LEVEL
from paper.claims.effects import Effect, together
from paper.claims.ledger import OF_ANSWER, OPEN, Claim, Verdict
from report.pages.text_format import Markdown, code
from report.results.scatter import NotMeasured
from report.results.table import reading
from report.results.views import Results

CLAIMS: dict[str, Claim] = {}
SHARED: dict[str, Any] = {}  # names that the docstrings of claims may use in all modules


def claim(section: str, short: str, **more: Any) -> Callable:
    """Decorate a function to enter a claim into the ledger.

    The first paragraph of the function's docstring is the claim, the second paragraph the rule by which it
    holds. Names in braces are constants of its module or of `SHARED`.

    Args:
        section: section of the original study; "" for a comparison of ours.
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
    try:
        return decide(claim, measure_effects(claim, results))
    except NotMeasured as error:
        why = Markdown(str(error))
    except KeyError as error:  # missing in the table
        why = Markdown(f"{code(error.args[0])} is not measured")
    return Verdict(claim, OPEN, why=why)


def corrected_level(claims: int) -> float:
    """The level of each interval at which all of them together have the usual level, by Bonferroni."""
    return 1 - (1 - LEVEL) / claims


def correct(verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """The verdicts with all intervals over training runs corrected for the number of claims."""
    level = corrected_level(len(verdicts))
    return {
        name: decide(verdict.claim, tuple(part.at(level) for part in verdict.parts))
        for name, verdict in verdicts.items()
    }


def measure_effects(claim: Claim, results: Results) -> tuple[Effect, ...]:
    """The effects of a claim, each with its sources."""
    effects, measure = [], claim.measure(results)
    while True:
        with reading() as seen:
            part = next(measure, None)
        if part is None:
            return tuple(effects)
        effects.append(replace(part, sources=tuple(seen) or (claim.source,)))


def decide(claim: Claim, parts: tuple[Effect, ...]) -> Verdict:
    """The verdict of a claim from the effects of its parts."""
    sided = [part for part in parts if part.side]
    if (answer := together(part.answer() for part in sided)) is not None:
        return Verdict(claim, OF_ANSWER[answer], parts)
    single = any(part.found.unknown for part in sided)
    why = "no model was trained twice" if single else "runs scatter too widely for so few"
    lean = OF_ANSWER[together(part.lean() for part in sided)] if sided else ""
    return Verdict(claim, OPEN, parts, Markdown(why), lean)
