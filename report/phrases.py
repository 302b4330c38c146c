"""Pieces of sentences that depend on what a run found: measurements and verdicts in, Markdown out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from report import claims
from report.evidence import below
from report.results import Results
from report.text import Markdown, listing, num


def ordered(a: Mapping[str, Any], b: Mapping[str, Any], less: str, more: str, same: str) -> Markdown:
    """One of three phrases: interval ``a`` lies below ``b``, above it, or overlaps it."""
    return one_of(below(a, b), less, more, same)


def one_of(answer: bool | None, yes: str, no: str, open: str) -> Markdown:
    """One of three phrases."""
    return Markdown({True: yes, False: no, None: open}[answer])


def loss_too(verdict: claims.Verdict) -> Markdown:
    """What became of the cosine model's loss: the end of a sentence about its distance."""
    if verdict.holds:
        return Markdown("; the lower loss, which proves nothing by itself, is the cosine schedule's")
    return Markdown("; the lower loss is not the cosine schedule's" if verdict.fails else "")


def centres(each: list[Mapping[str, bool | None]]) -> Markdown:
    """How often dark and white centres occur against real images, with all seeds: half a sentence."""
    dark, white = (frequency({found[kind] for found in each}) for kind in ("dark", "white"))
    if dark == white:
        return Markdown(f"both are {dark}")
    return Markdown(f"dark ones are {dark}, and white ones {white}")


def frequency(answers: set[bool | None]) -> str:
    """How something occurs against real images, by the answers of all trainings to "more often?"."""
    if len(answers) == 1:
        word = {True: "more frequent than there", False: "rarer than there"}
        return word.get(answers.pop(), "not clearly more or less frequent than there")
    if {True, False} <= answers:
        return "more frequent than there with one training and rarer with another"
    word = "more frequent" if True in answers else "rarer"
    return f"{word} than there, but not clearly so with every training"


def tally(verdicts: Mapping[str, claims.Verdict]) -> Markdown:
    """How many claims hold, do not, and stay open, leaving out what does not occur."""
    words = {
        claims.HOLDS: ("holds", "hold"),
        claims.FAILS: ("does not", "do not"),
        claims.OPEN: ("is undecided", "are undecided"),
    }
    words[claims.TOO_SMALL] = ("is undecided at this scale", "are undecided at this scale")
    counts = {w: sum(v.verdict == w for v in verdicts.values()) for w in claims.VERDICTS}
    return listing(Markdown(f"{n} {words[w][n != 1]}") for w, n in counts.items() if n)


def also(results: Results, model: str) -> Markdown:
    """The distance of a model's final samples with each of its further trainings: after that of the first."""
    found = [num(one.run.final[model]["digits"]["fid"]) for one in results.again if one.model == model]
    return Markdown(f"; {listing(found)} when trained again" if found else "")
