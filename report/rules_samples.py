"""What decides the claims about the zoom model's samples (Section 3.3): results -> an answer."""

from __future__ import annotations

from diffusion.centres import MOSTLY
from report.evidence import Answer, above, agree, below, every, negate, share, unopposed
from report.results import Results
from report.rules_ddpm import NAME, distances
from report.text import Markdown, fixed, listing, num, percent, percent_span, span

ALL = ("linear", "cosine", "zoom")
COMPARABLE = 1.25  # two distances within this factor of each other are "comparable"
ABSENT = 0.2  # "missing or nearly so" is less than this part of the share among real images
SPREAD = "divergence of the classes"
REACH = ("recall", "coverage")  # shares of real images that samples reach; recall flatters scattered ones
NOT_MEASURED = Markdown("Not measured in this run.")


def _seeds(r: Results) -> tuple[dict, dict] | None:
    s = r.compare["seed_sources"]
    return (s["independent"], s["patches"]) if s else None


def seeds_vary(r: Results) -> tuple[Markdown, Answer]:
    if not (pair := _seeds(r)):
        return NOT_MEASURED, None
    kl = [{"low": s["classes"]["divergence_low"], "high": s["classes"]["divergence_high"]} for s in pair]
    more = []
    for key in REACH:
        patches, independent = (share(s[key], s["n_variety"]) for s in reversed(pair))
        more.append(below(patches, independent))
    text = f"Divergence of the digit classes {num(pair[0]['classes']['divergence'], 2)} from "
    text += "independent pixels and "
    text += f"{num(pair[1]['classes']['divergence'], 2)} from real patches"
    text += "".join(f"; {key} {fixed(pair[0][key])} and {fixed(pair[1][key])}" for key in REACH)
    return Markdown(text + "."), every([below(*kl), unopposed(more)])


def seeds_no_digit(r: Results) -> tuple[Markdown, Answer]:
    if not (pair := _seeds(r)):
        return NOT_MEASURED, None
    a, b = (s["not_digit"] for s in pair)
    text = f"Not recognised: {percent_span(a['share'], a['low'], a['high'])} from independent pixels, "
    return Markdown(text + f"{percent_span(b['share'], b['low'], b['high'])} from real patches."), below(b, a)


def compared(r: Results, extractor: str) -> str | None:
    """Zoom model against linear DDPM: "comparable", "clearly closer", "clearly further" or None (unclear).

    Written with products: the lower end of an interval may be zero.
    """
    z, d = ({k: r.final[m][extractor][k] for k in ("fid", "low", "high")} for m in ("zoom", "linear"))
    for one in (z, d) if None in (*z.values(), *d.values()) else ():
        one["low"] = one["high"] = one["fid"]  # no interval: the values alone
    if z["low"] * COMPARABLE >= d["high"] and z["high"] <= d["low"] * COMPARABLE:
        return "comparable"
    if z["low"] > d["high"] * COMPARABLE:
        return "clearly further"
    return "clearly closer" if z["high"] * COMPARABLE < d["low"] else None


TOWARDS = {"clearly closer": "clearly closer to", "clearly further": "clearly further from"}


def direction(r: Results) -> Markdown:
    """Where the zoom model lies if it is not comparable to the linear DDPM: a phrase before "the data"."""
    found = {TOWARDS[c] for e in r.extractors if (c := compared(r, e)) in TOWARDS}
    return Markdown(
        found.pop() if len(found) == 1 else "closer to or further from (depending on the features)"
    )


def comparable(r: Results) -> tuple[Markdown, Answer]:
    found = {e: compared(r, e) for e in r.extractors}
    said = [Markdown(f"{c or 'not clearly either'} in {NAME[e]}") for e, c in found.items()]
    text = f"{distances(r, ('zoom', 'linear'))} The zoom model is {listing(said)}."
    return Markdown(text), agree(None if c is None else c == "comparable" for c in found.values())


def cosine_best(r: Results) -> tuple[Markdown, Answer]:
    found = (
        every(below(r.final["cosine"][e], r.final[m][e]) for m in ("linear", "zoom")) for e in r.extractors
    )
    return distances(r, ("cosine", "linear", "zoom")), agree(found)


def _shares(r: Results, digits: tuple[int, ...]) -> Markdown:
    c, real = r.final["zoom"]["classes"], r.compare["real"]["classes"]["share"]
    shown = [
        f"{d}: {percent_span(c['share'][d], c['low'][d], c['high'][d], 0)} ({percent(real[d])})"
        for d in digits
    ]
    return Markdown("Share of the samples (of real images): " + "; ".join(shown) + ".")


def _class(r: Results, d: int) -> dict[str, float]:
    c = r.final["zoom"]["classes"]
    return {"low": c["low"][d], "high": c["high"][d]}


def extreme_centres(r: Results) -> tuple[Markdown, Answer]:
    c, real = r.final["zoom"]["centre"], r.compare["real"]["centre"]
    text = f"At least {MOSTLY} of the 16 central pixels are nearly black or nearly white in "
    text += f"{percent_span(c['share'], c['low'], c['high'])} of the samples (black {percent(c['dark'], 1)}, "
    text += f"white {percent(c['white'], 1)}) and in {percent(real['share'], 1)} of real images "
    text += f"({percent(real['dark'], 1)} and {percent(real['white'], 1)})."
    return Markdown(text), above(c, real["share"])


def favours(r: Results) -> tuple[Markdown, Answer]:
    real = r.compare["real"]["classes"]["share"]
    return _shares(r, (1, 8, 9)), every(above(_class(r, d), real[d]) for d in (1, 8, 9))


def lacks(r: Results) -> tuple[Markdown, Answer]:
    real = r.compare["real"]["classes"]["share"]
    return _shares(r, (2, 3, 4, 5)), every(
        negate(above(_class(r, d), ABSENT * real[d])) for d in (2, 3, 4, 5)
    )


def _variety(r: Results, model: str) -> dict[str, dict[str, float]]:
    """The measures of variety of a model's samples: name -> {"value", "low", "high"}."""
    c, v = r.final[model]["classes"], r.final[model]["variety"]
    found = {SPREAD: {"value": c["divergence"], "low": c["divergence_low"], "high": c["divergence_high"]}}
    return found | {key: {"value": v[key]} | share(v[key], v["n"]) for key in REACH}


def _less_varied(r: Results) -> dict[str, list[Answer]]:
    """Measure -> is the zoom model less varied by it, than the linear and than the cosine DDPM?"""
    zoom, *ddpms = (_variety(r, m) for m in ("zoom", "linear", "cosine"))
    found = {SPREAD: [below(m[SPREAD], zoom[SPREAD]) for m in ddpms]}
    return found | {key: [below(zoom[key], m[key]) for m in ddpms] for key in REACH}


def less_variety(r: Results) -> tuple[Markdown, Answer]:
    shown = []
    for m in ALL:
        measures = _variety(r, m).items()
        said = (f"{name} {span(i['value'], i['low'], i['high'], 2)}" for name, i in measures)
        shown.append(f"{m}: {', '.join(said)}")
    return Markdown("; ".join(shown) + "."), unopposed(a for both in _less_varied(r).values() for a in both)


def contradiction(r: Results) -> Markdown | None:
    """What the measures of variety say where they contradict each other: the end of a sentence."""
    found = _less_varied(r)
    less, more = ([Markdown(m) for m, both in found.items() if a in both] for a in (True, False))
    if not less or not more:
        return None
    text = f"by {listing(less)} it is less varied than a DDPM, by {listing(more)} it is more varied than one"
    return Markdown(text)
