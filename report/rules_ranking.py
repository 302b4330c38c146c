"""What decides the claims that rank the three models by distance (Section 3.3): results -> an answer."""

from __future__ import annotations

from collections.abc import Sequence

from report.evidence import Answer, agree, below, every
from report.final_epochs import NAME, distances, ends
from report.measures import distance
from report.results import Results
from report.text import Markdown, listing

COMPARABLE = 1.25  # two distances within this factor of each other are "comparable"


def compared(r: Results, extractor: str) -> str | None:
    """Zoom model against linear DDPM: "comparable", "clearly closer", "clearly further" or None (unclear).

    By the final samples, and by the final epochs where these are known; the two must agree.
    """
    found = {_ratio(e["zoom"], e["linear"]) for e in ends(r, ("zoom", "linear"), distance(extractor))}
    return found.pop() if len(found) == 1 else None


def _ratio(zoom: dict, linear: dict) -> str | None:
    """The same of two distances. Written with products: the lower end of an interval may be zero."""
    z, d = ({k: one[k] for k in ("value", "low", "high")} for one in (zoom, linear))
    for one in (z, d) if None in (*z.values(), *d.values()) else ():
        one["low"] = one["high"] = one["value"]  # no interval: the values alone
    if z["low"] * COMPARABLE >= d["high"] and z["high"] <= d["low"] * COMPARABLE:
        return "comparable"
    if z["low"] > d["high"] * COMPARABLE:
        return "clearly further"
    return "clearly closer" if z["high"] * COMPARABLE < d["low"] else None


TOWARDS = {"clearly closer": "clearly closer to", "clearly further": "clearly further from"}


def direction(runs: Sequence[Results]) -> Markdown:
    """Where the zoom model lies if it is not comparable to the linear DDPM: a phrase before "the data".

    `runs` are the run and those with other seeds.
    """
    each = [{TOWARDS[c] for e in r.extractors if (c := compared(r, e)) in TOWARDS} for r in runs]
    found = set().union(*each)
    on = "features" if any(len(one) > 1 for one in each) else "training"
    return Markdown(found.pop() if len(found) == 1 else f"closer to or further from (depending on the {on})")


def comparable(r: Results) -> tuple[Markdown, Answer]:
    found = {e: compared(r, e) for e in r.extractors}
    said = [
        Markdown(f"{c or 'neither clearly comparable nor clearly not'} in {NAME[e]}")
        for e, c in found.items()
    ]
    text = f"{distances(r, ('zoom', 'linear'))} The zoom model is {listing(said)}."
    return Markdown(text), agree(None if c is None else c == "comparable" for c in found.values())


def cosine_best(r: Results) -> tuple[Markdown, Answer]:
    models = ("cosine", "linear", "zoom")
    found = (
        every(below(end["cosine"], end[m]) for m in models[1:])
        for e in r.extractors
        for end in ends(r, models, distance(e))
    )
    return distances(r, models), agree(found)
