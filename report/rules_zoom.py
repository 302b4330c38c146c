"""What decides the claims of Section 3: results -> what was measured, and an answer."""

from __future__ import annotations

from diffusion.centres import MOSTLY
from report.evidence import (
    FEWEST,
    Answer,
    above,
    agree,
    below,
    every,
    falling,
    negate,
    share,
    trend,
    unopposed,
)
from report.results import Results
from report.rules_ddpm import NAME, distances
from report.text import Markdown, fixed, integer, listing, num, percent, percent_span, span

ZOOM, ALL = ("zoom",), ("linear", "cosine", "zoom")
COMPARABLE = 1.25  # two distances within this factor of each other are "comparable"
OFTEN = 0.1  # "often" is more than one in ten
SPREAD = "divergence of the classes"
REACH = ("recall", "coverage")  # shares of real images that samples reach; recall flatters scattered ones
ABSENT = 0.2  # "missing or nearly so" is less than this part of the share among real images


def bimodal(r: Results) -> tuple[Markdown, Answer]:
    c = r.train["zoom"]["centre_pixels"]
    text = f"{percent(c['extreme'], 1)} of the central pixels lie in the lowest or the highest "
    text += "tenth of the range; "
    text += f"{percent(c['black'], 1)} are exactly black, {percent(c['white'], 1)} white or within "
    text += "five steps of it."
    return Markdown(text), c["extreme"] > 0.5


def informative(r: Results) -> tuple[Markdown, Answer]:
    c, chance = r.train["zoom"]["confusion"], max(r.compare["real"]["classes"]["share"])
    i = share(c["accuracy"], c["n"])
    text = f"{percent_span(i['share'], i['low'], i['high'])} of the digits are read right after "
    text += "restoration from the last "
    text += f"zoom level; the best guess without looking is right for {percent(chance, 1)}."
    return Markdown(text), above(i, chance)


def loss_falling(r: Results) -> tuple[Markdown, Answer]:
    h = r.train["zoom"]["history"]
    epochs = [p["epoch"] for p in h]
    answers = [falling(epochs, [p[k] for p in h]) for k in ("train_loss", "test_loss")]
    mid = h[len(h) // 2] if len(h) - len(h) // 2 >= FEWEST else h[0]  # of few, the first and the last
    text = f"Test loss {num(mid['test_loss'])} at epoch {mid['epoch']} and "
    text += f"{num(h[-1]['test_loss'])} at {h[-1]['epoch']}; "
    text += f"training loss {num(mid['train_loss'])} and {num(h[-1]['train_loss'])}."
    return Markdown(text), every(answers)


def train_above_test(r: Results) -> tuple[Markdown, Answer]:
    first = r.train["zoom"]["history"][:3]
    gaps = [p["train_loss"] - p["test_loss"] for p in first]
    text = f"Training minus test loss in epochs 1 to {len(first)}: {', '.join(num(g, 2) for g in gaps)}."
    return Markdown(text), True if min(gaps) > 0 else False if max(gaps) <= 0 else None


def error_grows(r: Results) -> tuple[Markdown, Answer]:
    e = r.train["zoom"]["reconstruction"]
    rank, ratio = trend(e["levels"], e["mse"]), e["mse"][-1] / e["mse"][0]
    text = f"Mean squared error {num(e['mse'][0], 2)} at level {e['levels'][0]} and "
    text += f"{num(e['mse'][-1], 2)} at level "
    text += f"{e['levels'][-1]}; rank correlation with the level {fixed(rank)}."
    return Markdown(text), True if rank >= 0.9 and ratio >= 3 else False if rank < 0.5 or ratio <= 1 else None


def struggles(r: Results) -> tuple[Markdown, Answer]:
    c = r.train["zoom"]["confusion"]
    i, limit = share(c["accuracy"], c["n"]), 0.9 * c["real_accuracy"]
    text = f"{percent_span(i['share'], i['low'], i['high'])} of the restored digits are read "
    text += f"right, {percent(c['real_accuracy'], 1)} "
    return Markdown(text + "of the originals."), negate(above(i, limit))


def read_as_zero(digit: int, key: str):
    def measure(r: Results) -> tuple[Markdown, Answer]:
        n = sum(r.train["zoom"]["confusion"]["matrix"][digit])
        i = share(r.train["zoom"][key], n)
        text = f"{percent_span(i['share'], i['low'], i['high'])} of {integer(n)} restored "
        text += f"{digit}s are read as 0."
        return Markdown(text), above(i, OFTEN)

    return measure


def dark_centre(r: Results) -> tuple[Markdown, Answer]:
    d = r.train["zoom"]["dark_centre"]
    true = d["true_share"]
    top = sorted(range(10), key=lambda c: -d["share"][c])[:3]
    shown = listing(Markdown(f"{c} ({percent(d['share'][c])})") for c in top)
    text = f"The {integer(d['n'])} images with a dark centre are most often restored as {shown}. "
    text += "".join(f"{percent(d['share'][c])} are restored as {c}. " for c in (0, 9) if c not in top)
    text += f"Of the same images {percent(true[0])} are a 0 and {percent(true[9])} a 9."
    return Markdown(text), every(above(share(d["share"][c], d["n"]), true[c]) for c in (0, 9))


def _seeds(r: Results) -> tuple[dict, dict] | None:
    s = r.compare["seed_sources"]
    return (s["independent"], s["patches"]) if s else None


NOT_MEASURED = Markdown("Not measured in this run.")


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
