"""Claims of the study's Section 2.4 about the look of the two DDPMs' samples."""

from dataclasses import replace
from functools import partial

from diffusion.records import AnalyseRecord, Drawn
from report.claims.common import AT_END, BOTH, COMPARABLE, OVERLAP, PAIR, gap, points, ratio, said
from report.effects import ABOVE, BELOW, WITHIN, Effect
from report.estimates import Case, Estimate, background, distance, not_recognised, precision
from report.text_format import MINUS, Markdown, fixed, num, percent, percent_span, span
from report.verdicts import DISTANCE, SAMPLED, Finding, claim

GREY = 0.01  # a difference of greys, of the range from black to white, that is not seen
POINTS = 0.05  # a difference of shares that does not matter


def unrecognised(case: Case, models: tuple[str, ...]) -> Markdown:
    shown = said(case, models, not_recognised, percent_span)
    return Markdown(
        f"Not recognised {AT_END}: {shown}; {percent(case.real.not_digit.share, 1)} of real images."
    )


def _grey_gap(case: Case, **more: object) -> Effect:
    return gap(case, PAIR, background, "grey", margin=GREY, show=partial(fixed, decimals=3), **more)


@claim(
    "2.4",
    "The cosine DDPM's digits lie on darker backgrounds.",
    short="The cosine DDPM's backgrounds are darker",
    rule=f"{AT_END.capitalize()} the grey at the border, as it is seen, is lower by the 95% interval of the "
    "difference.",
    fails="It is higher.",
    margin=f"{GREY} of the range",
    changed=f"{OVERLAP}, and had no verdict for what is level.",
    models=BOTH,
    **SAMPLED,
)
def darker(case: Case) -> Finding:
    shown = said(case, PAIR, background, partial(span, digits=2))
    text = f"Mean grey of the border {AT_END}: {shown}; {num(case.real.background.mean, 2)} in real images."
    return Finding(Markdown(text), (_grey_gap(case, side=BELOW),))


def full(analysis: AnalyseRecord | None) -> Drawn | None:
    """The samples of an analysis that are drawn as the model's settings say."""
    return analysis.drawn[0] if analysis else None


def _realism(case: Case, **more: object) -> Effect:
    """The difference in the share of digits, or where it was not measured, of samples that are recognised."""
    found, more = [full(case[m].analysis) for m in PAIR], more | {"margin": POINTS, "show": points}
    if None in found:
        read = gap(case, PAIR, not_recognised, "recognised (points)", **more)
        return replace(read, value=-read.value, low=-read.high, high=-read.low)
    a, b = (Estimate(one.digit.share, one.digit.low, one.digit.high) for one in found)
    difference = a.minus(b)
    ends = difference.value, difference.low, difference.high
    return Effect(f"digits (points), cosine {MINUS} linear", *ends, **more)


@claim(
    "2.4",
    "The samples of the two DDPMs are hard to tell apart.",
    short="The DDPMs' samples are hard to tell apart",
    rule=f"The 95% intervals of the differences lie within {100 * POINTS:.0f} percentage points of the "
    "share of "
    f"digits, {GREY} of the grey of the border, and a factor of {COMPARABLE} of the distance.",
    fails="One of the differences lies outside.",
    changed="The first edition left this claim out.",
    models=BOTH,
    **DISTANCE,
)
def alike(case: Case) -> Finding:
    shares = _realism(case, side=WITHIN)
    apart = [ratio(case, PAIR, distance(e), side=WITHIN, margin=COMPARABLE) for e in case.extractors]
    grey = _grey_gap(case, side=WITHIN)
    text = f"{shares.name.capitalize()}: {shares.shown()}; greys differ by {grey.shown()}"
    return Finding(Markdown(f"{text}; ratio of the distances {apart[0].shown()}."), (shares, grey, *apart))


@claim(
    "2.4",
    "Both DDPMs generate samples that resemble digits.",
    short="Both DDPMs' samples resemble digits",
    rule="A recogniser that accepts real digits under mild distortions accepts more than half of the "
    "samples of "
    "the finished models, for both, by the 95% interval.",
    fails="It accepts fewer, for one of them.",
    changed="The first edition left this claim out.",
    models=BOTH,
    **SAMPLED | {"late": False},
)
def resemble(case: Case) -> Finding:
    found = [full(case[m].analysis) for m in BOTH]
    if None in found:
        return Finding(Markdown("Not measured in this run."))
    effects = tuple(
        Effect(f"taken for digits, {m}", x.share, x.low, x.high, bound=0.5, show=percent)
        for m, x in zip(BOTH, (one.digit for one in found), strict=True)
    )
    shown = " and ".join(f"{e.shown()} ({m})" for m, e in zip(BOTH, effects, strict=True))
    return Finding(Markdown(f"The recogniser takes {shown} of the samples for digits."), effects)


@claim(
    "2.4",
    "Both DDPMs now and then draw something that is no digit.",
    short="Both DDPMs draw some that are no digits",
    rule=f"{AT_END.capitalize()} the classifier is unsure of more of the samples than of real images, "
    "for both; not "
    "to be recognised stands in for being no digit.",
    fails="It is unsure of fewer, for one of them.",
    models=BOTH,
    **SAMPLED,
)
def some_not_digits(case: Case) -> Finding:
    real = case.real.not_digit.share
    found = [case.end(m, not_recognised) for m in BOTH]
    names = (f"unrecognised, {m}" for m in BOTH)
    ends = ((one.value, one.low, one.high) for one in found)
    effects = (Effect(n, *x, bound=real, show=percent) for n, x in zip(names, ends, strict=True))
    return Finding(unrecognised(case, BOTH), tuple(effects))


@claim(
    "2.4",
    "The cosine DDPM's samples are more realistic on average.",
    short="The cosine DDPM's are more realistic",
    rule="The share of digits among its samples, by a recogniser calibrated on real digits, is higher by "
    "the 95% "
    f"interval of the difference; where this was not measured, the share of recognised samples {AT_END}.",
    fails="It is lower.",
    margin=f"{100 * POINTS:.0f} points",
    changed=f"{OVERLAP}, had no verdict for what is level, and knew the classifier's confidence alone.",
    models=BOTH,
    **SAMPLED,
)
def more_realistic(case: Case) -> Finding:
    return Finding(unrecognised(case, PAIR), (_realism(case, side=ABOVE),))


@claim(
    "2.4",
    "It does not draw more samples of high quality.",
    short="… but not more often of high quality",
    rule=f"{AT_END.capitalize()} its precision, the share of samples among real images, is not higher by "
    "more than "
    f"{100 * POINTS:.0f} percentage points: the upper end of the difference's 95% interval lies below that.",
    fails="The lower end lies above.",
    changed="The first edition left this half of the sentence out.",
    models=BOTH,
    **SAMPLED,
)
def not_more_good(case: Case) -> Finding:
    shown = said(case, PAIR, precision, percent_span)
    effect = gap(case, PAIR, precision, "precision (points)", side=BELOW, bound=POINTS, show=points)
    return Finding(Markdown(f"Precision {AT_END}: {shown}."), (effect,))
