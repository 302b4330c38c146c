"""What decides the claims about where the zoom's sampling starts (Section 3.3): results -> an answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from report.evidence import Answer, above, agree, below, every, negate, unopposed
from report.final_epochs import final_epochs, known, mean_of, on_average
from report.measures import REACH, SPREAD, VARIETY, Measure, not_recognised
from report.results import Results
from report.text import Markdown, fixed, listing, percent, percent_span, span

NOT_MEASURED = Markdown("Not measured in this run.")


def _seeds(r: Results) -> tuple[dict, dict] | None:
    s = r.compare["seed_sources"]
    return (s["independent"], s["patches"]) if s else None


def _lower(r: Results, measure: Measure) -> Answer:
    """Is a measure lower from independent pixels than from patches, at the end and over the final epochs?"""
    answers = [below(*map(measure, _seeds(r)))]
    if gap := _gap(r, measure):
        answers.append(negate(above(gap, 0)))
    return agree(answers)


def _gap(r: Results, measure: Measure) -> dict[str, float] | None:
    """The mean difference, independent pixels minus patches, checkpoint by checkpoint of the final epochs."""
    patches = {row["epoch"]: measure(row) for row in r.compare["seed_sources"]["patches"]["curve"]}
    rows = [row for row in final_epochs(r, "zoom") if row["epoch"] in patches]
    return mean_of(rows, lambda row: _difference(measure(row), patches[row["epoch"]])) if known(r) else None


def _difference(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, float]:
    """Of two independent measures, a - b with its interval."""
    value = a["value"] - b["value"]
    low = value - math.hypot(a["value"] - a["low"], b["high"] - b["value"])
    return {
        "value": value,
        "low": low,
        "high": value + math.hypot(a["high"] - a["value"], b["value"] - b["low"]),
    }


def seeds_vary(r: Results) -> tuple[Markdown, Answer]:
    if not (pair := _seeds(r)):
        return NOT_MEASURED, None
    shown, gaps = [], []
    for name, measure in VARIETY.items():
        a, b = (fixed(measure(s)["value"]) for s in pair)
        shown.append(f"{name} {a} and {b}")
        if gap := _gap(r, measure):
            gaps.append(span(gap["mean"], gap["low"], gap["high"], 2))
    text = f"From independent pixels and from patches: {'; '.join(shown)}"
    text += f"; {on_average(r)} differences of {listing(gaps)}." if gaps else "."
    more = unopposed(negate(_lower(r, VARIETY[key])) for key in REACH)
    return Markdown(text), every([less_bias(r), more])


def less_bias(r: Results) -> Answer:
    """Do independent pixels come with classes that diverge less from those of real images?"""
    return _lower(r, VARIETY[SPREAD]) if _seeds(r) else None


def seed_differences(runs: Sequence[Results]) -> Markdown | None:
    """The classes that samples from the two kinds of seeds show unlike often, by intervals; None if none.

    They do so in each of the runs; the shares are those of the first.
    """
    if not all(pairs := [_seeds(r) for r in runs]):
        return None
    apart = [d for d in range(10) if agree(_more_often(d, *pair) for pair in pairs) is not None]
    (a, b), names = (s["classes"]["share"] for s in pairs[0]), runs[0].dataset.classes
    shown = [f"{names[d]} ({percent(a[d])} and {percent(b[d])})" for d in apart]
    return listing(map(Markdown, shown)) if shown else None


def _more_often(which: int, a: Mapping, b: Mapping) -> Answer:
    """Is a class more frequent from the first than from the second kind of seeds?"""
    first, second = ({end: s["classes"][end][which] for end in ("low", "high")} for s in (a, b))
    return below(second, first)


def seeds_no_digit(r: Results) -> tuple[Markdown, Answer]:
    if not (pair := _seeds(r)):
        return NOT_MEASURED, None
    a, b = (s["not_digit"] for s in pair)
    text = f"Not recognised: {percent_span(a['share'], a['low'], a['high'])} from independent pixels, "
    text += f"{percent_span(b['share'], b['low'], b['high'])} from real patches"
    if gap := _gap(r, not_recognised):
        inner = span(100 * gap["mean"], 100 * gap["low"], 100 * gap["high"])
        text += f"; {on_average(r)} a difference of {inner} percentage points"
    return Markdown(f"{text}."), negate(_lower(r, not_recognised))
