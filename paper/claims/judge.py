"""The claims ledger: testable statements of the study, put to the trainings of a run, and their verdicts.

A claim is one function under the decorator `claim`: its name is the claim's id; of the results of a run it
yields the effects that decide, one for each of its parts. The interval of an effect over trainings decides
(`report.results.scatter`). Only a run that is complete is judged (`paper.departures`).

Verdicts are given before a text is written: what was read for each is kept with its effects, and is read
again when the text prints them.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from paper.claims.effects import PART, Effect, together
from paper.claims.ledger import BY_MEASURE, BY_TRAININGS, OF_ANSWER, OPEN, Claim, Verdict
from report.pages.text_format import Markdown, code
from report.results.scatter import LINEAR, NotMeasured, Number, Scale, over
from report.results.table import reading
from report.results.views import Results, Training

# --- trainings of a run ---


def beyond(results: Results, model: str) -> list[Training]:
    """The trainings of a model beyond the study."""
    if not (trainings := results.beside["beyond"].all_of(model) if "beyond" in results.beside else []):
        raise NotMeasured(f"there is no {model} of the trainings beyond the study")
    return trainings


def effect(
    name: str,
    results: Results,
    number: Number,
    trainings: Mapping[str, list[Training]] | list[Training],
    scale: Scale = LINEAR,
    **judged: Any,
) -> Effect:
    """A number over trainings, of one model or of the first against the second (`scatter.over`).

    `judged` are further attributes of `Effect`.
    """
    trainings = trainings if isinstance(trainings, Mapping) else {trainings[0].model: trainings}
    found = over(results, number, trainings, scale)
    return Effect(name, found.interval, open=found.unknown, each=found.each, **judged)


# --- claims and verdicts ---


CLAIMS: dict[str, Claim] = {}
SHARED: dict[str, Any] = {}  # what the docstrings of claims may name, whatever their module


def claim(section: str, short: str, **more: Any) -> Callable:
    """Enter the function below into the ledger; `more` are further attributes of `Claim`.

    The first paragraph of its docstring is the claim, the second the rule by which it holds; in braces they
    have constants of its module, or of `SHARED`.
    """

    def enter(measure: Callable[[Results], Iterator[Effect]]) -> Callable:
        said = (measure.__doc__ or "").format(**SHARED | measure.__globals__)
        text, rule = (" ".join(paragraph.split()) for paragraph in said.split("\n\n"))
        words = map(Markdown, (section, text, short, rule))
        CLAIMS[measure.__name__] = Claim(measure.__name__, *words, measure, **more)
        return measure

    return enter


def list_claims() -> list[Claim]:
    """All claims of the modules of `paper.claims`, in the study's order; then those of other modules."""
    importlib.import_module("paper.claims")  # whose modules enter theirs
    return [replace(claim, place=place) for place, claim in enumerate(CLAIMS.values(), 1)]


def judge_all(results: Results) -> dict[str, Verdict]:
    """Claim id -> verdict, in the study's order; of a run that is complete."""
    return {claim.id: judge(claim, results) for claim in list_claims()}


def judge(claim: Claim, results: Results) -> Verdict:
    """The verdict over all trainings of the models that a claim is about."""
    trainings = {model: results.all_of(model) for model in claim.models}
    try:
        return decide(claim, trainings, measure_effects(claim, results))
    except NotMeasured as error:
        why = Markdown(str(error))
    except KeyError as error:  # a table does not have it
        why = Markdown(f"{code(error.args[0])} is not measured")
    return Verdict(claim, OPEN, trainings, reason=BY_MEASURE, why=why)


def measure_effects(claim: Claim, results: Results) -> tuple[Effect, ...]:
    """The effects of a claim, each with what was read for it."""
    made, measure = [], claim.measure(results)
    while True:
        with reading() as seen:
            found = next(measure, None)
        if found is None:
            return tuple(made)
        made.append(replace(found, sources=tuple(seen) or (claim.source,)))


def decide(claim: Claim, trainings: Mapping[str, list[Training]], parts: tuple[Effect, ...]) -> Verdict:
    """The verdict from the effects, which are the parts of a claim."""
    sided = [(part.answer(), part) for part in parts if part.side]
    answer = together(answer for answer, _ in sided)
    shown = dict.fromkeys(one for one, _ in sided) if answer == PART else [answer]
    decides = [min((part for one, part in sided if one == each), key=lambda p: p.spare) for each in shown]
    given = (trainings, parts, tuple(decides))
    if answer == PART and claim.one_thing:
        return Verdict(claim, OPEN, *given, BY_MEASURE, Markdown("its measures contradict each other"))
    if answer is not None:
        return Verdict(claim, OF_ANSWER[answer], *given)
    single = decides[0].open
    why = "no model was trained twice" if single else "trainings scatter too widely for so few"
    lean = together(part.lean() for part in parts if part.side)
    return Verdict(claim, OPEN, *given, BY_TRAININGS, Markdown(why), OF_ANSWER[lean])
