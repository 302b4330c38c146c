"""Claims of the study's Section 3.3 about the zoom model's samples."""

import math
from collections.abc import Callable
from functools import partial

from report.claims.ddpm import BOTH_ENDS
from report.estimates import (
    LAST,
    NAME,
    SPREAD,
    VARIETY,
    Answer,
    Case,
    Estimate,
    Measure,
    all_of,
    centre,
    consensus,
    digit,
    distance,
    distances,
    ends,
    lower,
    mean_of,
    negate,
    not_recognised,
    on_average,
    said,
    unless_contradicted,
)
from report.text_format import Markdown, fixed, integer, listing, percent, percent_span, span
from report.verdicts import DISTANCE, SAMPLED, claim

COMPARABLE = 1.25  # two distances within this factor of each other are "comparable"
MOSTLY = 12  # so many of the 16 central pixels make a centre dark or white
NEARLY_ABSENT = 0.2  # "missing or nearly so" is less than this part of the share among real images
ZOOM = {"models": ("zoom",)}
ALL = ("linear", "cosine", "zoom")
BOTH_PRIORS = f"by the last checkpoint and by the mean difference over {LAST}"


def _priors_compared(case: Case) -> bool:
    return case["zoom"].measure.ablations.prior is not None


def _gap(case: Case, measure: Measure) -> Estimate | None:
    """The mean difference, pixels minus patches, over late checkpoints; None if these are too few."""
    patches = {row.epoch: measure(row) for row in case["zoom"].measure.ablations.prior.curve}
    rows = [row for row in case["zoom"].measure.late() if row.epoch in patches]
    return mean_of(rows, lambda row: _difference(measure(row), patches[row.epoch]))


def _difference(a: Estimate, b: Estimate) -> Estimate:
    """a - b of two independent estimates."""
    value = a.value - b.value
    low = value - math.hypot(a.value - a.low, b.high - b.value)
    return Estimate(value, low, value + math.hypot(a.high - a.value, b.value - b.low))


def _lower_from_pixels(case: Case, measure: Measure) -> Answer:
    """A measure is lower from pixels than from patches, at the last checkpoint and over the late ones."""
    prior = case["zoom"].measure.ablations.prior
    answers = [measure(prior.independent).below(measure(prior.patches))]
    if gap := _gap(case, measure):
        answers.append(negate(gap.above(0)))
    return consensus(answers)


@claim(
    "3.3",
    "Seeds of independent pixels reduce the bias and add variety.",
    rule="Against seeds from real patches: a lower divergence of the classes, and a higher recall and "
    "coverage, all by "
    f"intervals that exclude chance, {BOTH_PRIORS}.",
    fails="The divergence is higher by both, or one of recall and coverage is lower by both and the other "
    "does not "
    "contradict it.",
    **ZOOM | SAMPLED,
)
def seeds_vary(case: Case) -> tuple[Markdown, Answer]:
    if not _priors_compared(case):
        return Markdown("Not measured in this run."), None
    prior = case["zoom"].measure.ablations.prior
    shown, gaps = [], []
    for name, measure in VARIETY.items():
        a, b = (fixed(measure(side).value) for side in (prior.independent, prior.patches))
        shown.append(f"{name} {a} and {b}")
        if gap := _gap(case, measure):
            gaps.append(gap.shown(partial(span, digits=2)))
    text = f"From independent pixels and from patches: {'; '.join(shown)}"
    text += f"; {on_average(case, 'zoom')} differences of {listing(gaps)}." if gaps else "."
    less_bias = _lower_from_pixels(case, VARIETY[SPREAD])
    more = unless_contradicted(
        negate(_lower_from_pixels(case, VARIETY[key])) for key in ("recall", "coverage")
    )
    return Markdown(text), all_of([less_bias, more])


@claim(
    "3.3",
    "Independent pixels are poor seeds: more of the samples are no digits.",
    rule="Real patches as seeds give a smaller share of unrecognised samples, which stand in for what is no "
    "digit, by "
    f"intervals that exclude chance, {BOTH_PRIORS}.",
    fails="They give a larger share, by both.",
    **ZOOM | SAMPLED,
)
def seeds_no_digit(case: Case) -> tuple[Markdown, Answer]:
    if not _priors_compared(case):
        return Markdown("Not measured in this run."), None
    prior = case["zoom"].measure.ablations.prior
    a, b = (not_recognised(side).shown(percent_span) for side in (prior.independent, prior.patches))
    text = f"Not recognised: {a} from independent pixels, {b} from real patches"
    if gap := _gap(case, not_recognised):
        inner = span(100 * gap.value, 100 * gap.low, 100 * gap.high)
        text += f"; {on_average(case, 'zoom')} a difference of {inner} percentage points"
    return Markdown(f"{text}."), negate(_lower_from_pixels(case, not_recognised))


def compared(case: Case, extractor: str) -> str | None:
    """The zoom model against the linear DDPM: "comparable", "clearly closer", "clearly further" or None.

    By the last checkpoint, and by the late ones where there are enough; the two must agree.
    """
    return consensus(
        _ratio(end["zoom"], end["linear"]) for end in ends(case, ("linear", "zoom"), distance(extractor))
    )


def _ratio(zoom: Estimate, linear: Estimate) -> str | None:
    """The same of two distances. Written with products: the lower end of an interval may be zero."""
    if None in (zoom.low, zoom.high, linear.low, linear.high):  # no interval: the values alone
        zoom, linear = (Estimate(one.value, one.value, one.value) for one in (zoom, linear))
    if zoom.low * COMPARABLE >= linear.high and zoom.high <= linear.low * COMPARABLE:
        return "comparable"
    if zoom.low > linear.high * COMPARABLE:
        return "clearly further"
    return "clearly closer" if zoom.high * COMPARABLE < linear.low else None


@claim(
    "3.3, Fig. 13",
    "Cold Zoom Diffusion and the linear DDPM reach comparable distances.",
    rule=f"The intervals leave the ratio of the distances within a factor of {COMPARABLE}, {BOTH_ENDS}, in "
    "all features "
    "at hand.",
    fails="They place it outside that factor, by both, in all features at hand.",
    models=("linear", "zoom"),
    **DISTANCE,
)
def comparable(case: Case) -> tuple[Markdown, Answer]:
    found = {e: compared(case, e) for e in case.extractors}
    words = [
        Markdown(f"{c or 'neither clearly comparable nor clearly not'} in {NAME[e]}")
        for e, c in found.items()
    ]
    text = f"{distances(case, ('zoom', 'linear'))} The zoom model is {listing(words)}."
    return Markdown(text), consensus(None if c is None else c == "comparable" for c in found.values())


@claim(
    "3.3, Fig. 13",
    "The cosine DDPM has the lowest distance of the three.",
    rule=f"Its 95% interval lies below both others, {BOTH_ENDS}, in all features at hand.",
    fails="It lies above one of them, by both, in all features at hand.",
    models=ALL,
    **DISTANCE,
)
def cosine_best(case: Case) -> tuple[Markdown, Answer]:
    models = ("cosine", "linear", "zoom")
    found = (
        all_of(end["cosine"].below(end[m]) for m in models[1:])
        for e in case.extractors
        for end in ends(case, models, distance(e))
    )
    return distances(case, models), consensus(found)


def _centres(case: Case, kind: str) -> tuple[Markdown, Answer]:
    real, shown = getattr(case.real.centre, kind), said(case, ("zoom",), centre(kind), percent_span)
    text = f"Samples with at least {MOSTLY} {kind} pixels of the 16 central ones: {shown}; "
    f"{percent(real, 1)} of real "
    return Markdown(text + "images."), consensus(
        e["zoom"].above(real) for e in ends(case, ("zoom",), centre(kind))
    )


def _about_centres(tenth: str) -> str:
    return (
        f"More of the samples than of real images have at least {MOSTLY} of their 16 central pixels in the "
        f"{tenth} tenth "
        f"of the range, by the 95% intervals, {BOTH_ENDS}."
    )


@claim(
    "3.3",
    "The zoom model's samples favour digits with a predominantly dark centre.",
    rule=_about_centres("lowest"),
    fails="Fewer have, by both.",
    **ZOOM | SAMPLED,
)
def dark_centres(case: Case) -> tuple[Markdown, Answer]:
    return _centres(case, "dark")


@claim(
    "3.3",
    "The zoom model's samples favour digits with a completely white centre.",
    rule=_about_centres("highest"),
    fails="Fewer have, by both.",
    **ZOOM | SAMPLED,
)
def white_centres(case: Case) -> tuple[Markdown, Answer]:
    return _centres(case, "white")


def _digits(
    case: Case, digits: tuple[int, ...], asked: Callable[[Estimate, float], Answer]
) -> tuple[Markdown, Answer]:
    """Shares of digits among the recognised samples, and the answer to a question about each of them."""
    real, parts, answers = case.real.recognised.share, [], []
    for d in digits:
        found = [end["zoom"] for end in ends(case, ("zoom",), digit(d))]
        shown = [percent_span(one.value or 0.0, one.low, one.high, 0) for one in found]
        parts.append(f"{d}: {' / '.join(shown)} ({percent(real[d])})")
        answers.append(consensus(asked(one, real[d]) for one in found))
    n = integer(case.final("zoom").recognised.n)
    also = (
        f" / of those {on_average(case, 'zoom')[:-1]}"
        if len(ends(case, ("zoom",), digit(digits[0]))) > 1
        else ""
    )
    text = f"Share of the {n} recognised samples{also} (of such real images): {'; '.join(parts)}."
    return Markdown(text), all_of(answers)


@claim(
    "3.3, Fig. 14",
    "The zoom model's samples favour 1, 8 and 9.",
    rule="Among the recognised samples (the study looks at its good ones) each is more frequent than among "
    "recognised "
    f"real images, by its 95% intervals, {BOTH_ENDS}.",
    fails="One of them is less frequent, by both.",
    digits=True,
    **ZOOM | SAMPLED,
)
def favours(case: Case) -> tuple[Markdown, Answer]:
    return _digits(case, (1, 8, 9), Estimate.above)


@claim(
    "3.3, Fig. 14",
    "The digits 2, 3, 4 and 5 are missing from the zoom model's samples, or nearly so.",
    rule="Among the recognised samples (the study looks at its good ones) each has less than a fifth of its "
    "share among "
    f"recognised real images, by its 95% intervals, {BOTH_ENDS}.",
    fails="One of them has a larger share than that, by both.",
    digits=True,
    **ZOOM | SAMPLED,
)
def lacks(case: Case) -> tuple[Markdown, Answer]:
    return _digits(case, (2, 3, 4, 5), lambda one, real: negate(one.above(NEARLY_ABSENT * real)))


@claim(
    "3.3",
    "The zoom model's samples vary less than those of the DDPMs.",
    rule="Its classes diverge more from the real shares than either DDPM's, and its recall and coverage are "
    "lower, all by "
    f"separate intervals, {BOTH_ENDS}. None of the three is enough alone: recall flatters scattered "
    "samples, coverage "
    "asks for fidelity as well.",
    fails="One of these separates the other way, by both, and none this way.",
    models=ALL,
    **SAMPLED,
)
def less_variety(case: Case) -> tuple[Markdown, Answer]:
    answers = []
    for name, measure in VARIETY.items():
        found = [lower(case, "zoom", m, measure) for m in ("linear", "cosine")]
        answers += [negate(answer) for answer in found] if name == SPREAD else found
    shown = said(case, ALL, VARIETY, partial(span, digits=2))
    return Markdown(f"{shown}."), unless_contradicted(answers)
