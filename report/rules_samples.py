"""What decides the claims about the zoom model's samples (Section 3.3): results -> an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from diffusion.centres import MOSTLY
from report.evidence import Answer, above, agree, every, negate, unopposed
from report.final_epochs import ends, final_epochs, lower, on_average, over_checkpoints, said
from report.measures import SPREAD, VARIETY, centre, digit
from report.results import Results
from report.text import Markdown, integer, listing, percent, percent_span, span

ALL = ("linear", "cosine", "zoom")
ABSENT = 0.2  # "missing or nearly so" is less than this part of the share among real images


def _shares(r: Results, digits: tuple[int, ...]) -> Markdown:
    """Shares of digits among the recognised samples, with those among such real images."""
    real, parts = r.compare["real"]["recognised"]["share"], []
    for d in digits:
        found = [end["zoom"] for end in ends(r, ("zoom",), digit(d))]
        shown = [percent_span(f["value"] or 0.0, f["low"], f["high"], 0) for f in found]
        parts.append(f"{d}: {' / '.join(shown)} ({percent(real[d])})")
    n = integer(r.final["zoom"]["recognised"]["n"])
    also = f" / of those {on_average(r)[:-1]}" if over_checkpoints(r, "zoom", digit(digits[0])) else ""
    return Markdown(f"Share of the {n} recognised samples{also} (of such real images): {'; '.join(parts)}.")


def _each(r: Results, digits: tuple[int, ...], asked: Callable[[Mapping[str, Any], float], Answer]) -> Answer:
    """Is a question answered yes for the share of each digit, by the final samples and the final epochs?"""
    real = r.compare["real"]["recognised"]["share"]
    return every(agree(asked(end["zoom"], real[d]) for end in ends(r, ("zoom",), digit(d))) for d in digits)


def _centres(r: Results, kind: str) -> tuple[Markdown, Answer]:
    shown = said(r, ("zoom",), centre(kind), percent_span)
    text = f"Samples with at least {MOSTLY} {kind} pixels of the 16 central ones: {shown}; "
    text += f"{percent(r.compare['real']['centre'][kind], 1)} of real images."
    return Markdown(text), centre_kinds(r)[kind]


def dark_centres(r: Results) -> tuple[Markdown, Answer]:
    return _centres(r, "dark")


def white_centres(r: Results) -> tuple[Markdown, Answer]:
    return _centres(r, "white")


def centre_kinds(r: Results) -> dict[str, Answer]:
    """Are dark centres, and are white ones, more frequent in the zoom model's samples than in real images?"""
    real = r.compare["real"]["centre"]
    return {
        kind: agree(above(end["zoom"], real[kind]) for end in ends(r, ("zoom",), centre(kind)))
        for kind in ("dark", "white")
    }


def favours(r: Results) -> tuple[Markdown, Answer]:
    digits = (1, 8, 9)
    return _shares(r, digits), _each(r, digits, above)


def lacks(r: Results) -> tuple[Markdown, Answer]:
    digits = (2, 3, 4, 5)
    return _shares(r, digits), _each(r, digits, lambda i, real: negate(above(i, ABSENT * real)))


def _less_varied(r: Results) -> dict[str, list[Answer]]:
    """Measure -> is the zoom model less varied by it, than the linear and than the cosine DDPM?"""
    found = {}
    for name, measure in VARIETY.items():
        answers = [lower(r, "zoom", m, measure) for m in ALL[:2]]
        found[name] = [negate(a) for a in answers] if name == SPREAD else answers
    return found


def leading_digits(r: Results) -> list[int]:
    """The digits that clearly lead, among the recognised samples of some checkpoint of the final epochs."""
    found = set()
    for row in (row["recognised"] for row in final_epochs(r, "zoom")):
        first = row["share"].index(max(row["share"]))
        if row["low"][first] > max(high for d, high in enumerate(row["high"]) if d != first):
            found.add(first)
    return sorted(found)


def less_variety(r: Results) -> tuple[Markdown, Answer]:
    shown = said(r, ALL, VARIETY, partial(span, digits=2))
    return Markdown(f"{shown}."), unopposed(a for both in _less_varied(r).values() for a in both)


def contradiction(runs: Sequence[Results]) -> Markdown | None:
    """What the measures of variety say, with all seeds, where they contradict each other: half a sentence."""
    each = [_less_varied(r) for r in runs]
    found = {m: [agree(same) for same in zip(*(one[m] for one in each), strict=True)] for m in each[0]}
    less, more = ([Markdown(m) for m, both in found.items() if a in both] for a in (True, False))
    if not less or not more:
        return None
    text = f"by {listing(less)} it is less varied than a DDPM, by {listing(more)} it is more varied than one"
    return Markdown(text + "; recall flatters scattered samples, and coverage asks for fidelity as well")
