"""What decides the claims about the zoom model's samples (Section 3.3): results -> an answer."""

from __future__ import annotations

from diffusion.centres import MOSTLY
from report.evidence import Answer, above, agree, below, every, negate, share, unopposed
from report.final_epochs import NAME, distances, ends
from report.results import Results
from report.text import Markdown, fixed, integer, listing, percent, percent_span, span

ALL = ("linear", "cosine", "zoom")
COMPARABLE = 1.25  # two distances within this factor of each other are "comparable"
ABSENT = 0.2  # "missing or nearly so" is less than this part of the share among real images
SPREAD = "divergence of the classes"
REACH = ("recall", "coverage")  # shares of real images that samples reach
NOT_MEASURED = Markdown("Not measured in this run.")


def _seeds(r: Results) -> tuple[dict, dict] | None:
    s = r.compare["seed_sources"]
    return (s["independent"], s["patches"]) if s else None


def seeds_vary(r: Results) -> tuple[Markdown, Answer]:
    if not (pair := _seeds(r)):
        return NOT_MEASURED, None
    independent, patches = (_varieties(s["classes"], s["variety"]) for s in pair)
    said = [f"{key} {fixed(i['value'])} and {fixed(patches[key]['value'])}" for key, i in independent.items()]
    more = unopposed(below(patches[key], independent[key]) for key in REACH)
    text = f"From independent pixels and from patches: {'; '.join(said)}."
    return Markdown(text), every([below(independent[SPREAD], patches[SPREAD]), more])


def seed_differences(r: Results) -> Markdown | None:
    """The classes that samples from the two kinds of seeds show unlike often, by intervals; None if none."""
    if not (pair := _seeds(r)):
        return None
    a, b = (s["classes"] for s in pair)
    apart = [d for d in range(10) if a["high"][d] < b["low"][d] or b["high"][d] < a["low"][d]]
    names = r.dataset.classes
    shown = [f"{names[d]} ({percent(a['share'][d])} and {percent(b['share'][d])})" for d in apart]
    return listing(map(Markdown, shown)) if shown else None


def seeds_no_digit(r: Results) -> tuple[Markdown, Answer]:
    if not (pair := _seeds(r)):
        return NOT_MEASURED, None
    a, b = (s["not_digit"] for s in pair)
    text = f"Not recognised: {percent_span(a['share'], a['low'], a['high'])} from independent pixels, "
    return Markdown(text + f"{percent_span(b['share'], b['low'], b['high'])} from real patches."), below(b, a)


def compared(r: Results, extractor: str) -> str | None:
    """Zoom model against linear DDPM: "comparable", "clearly closer", "clearly further" or None (unclear).

    By the final samples, and by the final epochs where these are known; the two must agree.
    """
    found = {_ratio(e["zoom"], e["linear"]) for e in ends(r, ("zoom", "linear"), extractor)}
    return found.pop() if len(found) == 1 else None


def _ratio(zoom: dict, linear: dict) -> str | None:
    """The same of two distances. Written with products: the lower end of an interval may be zero."""
    z, d = ({k: one[k] for k in ("fid", "low", "high")} for one in (zoom, linear))
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
    models = ("cosine", "linear", "zoom")
    found = (
        every(below(end["cosine"], end[m]) for m in models[1:])
        for e in r.extractors
        for end in ends(r, models, e)
    )
    return distances(r, models), agree(found)


def _recognised(r: Results, digits: tuple[int, ...]) -> tuple[Markdown, dict[int, dict], list[float]]:
    """Shares of digits among the recognised samples, said and with intervals, and among such real images."""
    c, real = r.final["zoom"]["recognised"], r.compare["real"]["recognised"]["share"]
    shown = [
        f"{d}: {percent_span(c['share'][d], c['low'][d], c['high'][d], 0)} ({percent(real[d])})"
        for d in digits
    ]
    text = f"Share of the {integer(c['n'])} recognised samples (of such real images): {'; '.join(shown)}."
    return Markdown(text), {d: {"low": c["low"][d], "high": c["high"][d]} for d in digits}, real


def _centres(r: Results, kind: str) -> tuple[Markdown, Answer]:
    found, real = share(r.final["zoom"]["centre"][kind], r.final["zoom"]["centre"]["n"]), r.compare["real"]
    text = f"Of the 16 central pixels at least {MOSTLY} are {kind} in "
    text += f"{percent_span(found['share'], found['low'], found['high'])} of the samples and in "
    return Markdown(f"{text}{percent(real['centre'][kind], 1)} of real images."), centre_kinds(r)[kind]


def dark_centres(r: Results) -> tuple[Markdown, Answer]:
    return _centres(r, "dark")


def white_centres(r: Results) -> tuple[Markdown, Answer]:
    return _centres(r, "white")


def centre_kinds(r: Results) -> dict[str, Answer]:
    """Are dark centres, and are white ones, more frequent in the zoom model's samples than in real images?"""
    c, real = r.final["zoom"]["centre"], r.compare["real"]["centre"]
    return {kind: above(share(c[kind], c["n"]), real[kind]) for kind in ("dark", "white")}


def favours(r: Results) -> tuple[Markdown, Answer]:
    text, found, real = _recognised(r, (1, 8, 9))
    return text, every(above(i, real[d]) for d, i in found.items())


def lacks(r: Results) -> tuple[Markdown, Answer]:
    text, found, real = _recognised(r, (2, 3, 4, 5))
    return text, every(negate(above(i, ABSENT * real[d])) for d, i in found.items())


def _varieties(classes: dict, variety: dict) -> dict[str, dict[str, float]]:
    """The measures of variety of a set of samples: name -> {"value", "low", "high"}."""
    low, high = classes["divergence_low"], classes["divergence_high"]
    found = {SPREAD: {"value": classes["divergence"], "low": low, "high": high}}
    return found | {
        key: {"value": variety[key], "low": variety[f"{key}_low"], "high": variety[f"{key}_high"]}
        for key in REACH
    }


def _variety(r: Results, model: str) -> dict[str, dict[str, float]]:
    return _varieties(r.final[model]["classes"], r.final[model]["variety"])


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
    return Markdown(text + "; recall flatters scattered samples, and coverage asks for fidelity as well")
