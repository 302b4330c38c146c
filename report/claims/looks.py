"""Claims of the study's Section 2.4 about the look of the two DDPMs' samples."""

from functools import partial

from report.claims.common import (
    AT_END,
    COMPARABLE,
    LEFT_OUT,
    NOT_MEASURED,
    OVERLAP,
    PAIR,
    gap,
    points,
    ratio,
    said,
    two,
)
from report.study import DDPMS
from report.text_format import MINUS, fixed, num, percent, percent_span
from report.verdicts.case import Case, background, low_confidence, precision
from report.verdicts.effects import ABOVE, BELOW, WITHIN, Effect
from report.verdicts.judge import DISTANCE, SAMPLED, Finding, claim
from study.records import AnalyseRecord, Drawn

GREY = 0.01  # a difference of greys, of the range from black to white, that is not seen
POINTS = 0.05  # a difference of shares that does not matter


def full(analysis: AnalyseRecord | None) -> Drawn | None:
    """The samples of an analysis that are drawn as the model's settings say."""
    return analysis.drawn[0] if analysis else None


def low_confidence_said(case: Case, models: tuple[str, ...]) -> str:
    shown = said(case, models, low_confidence, percent_span)
    real = percent(case.real.low_confidence.value, 1)
    return f"Low-confidence share {AT_END}: {shown}; {real} of real images."


def more_low_confidence(case: Case, models: tuple[str, ...]) -> Finding:
    """The low-confidence share of each model is above that of real images."""
    real = case.real.low_confidence.value
    found = {m: case.end(m, low_confidence) for m in models}
    effects = (
        Effect(f"low-confidence share, {m}", one, bound=real, show=percent) for m, one in found.items()
    )
    return Finding(low_confidence_said(case, models), *effects)


def _grey_gap(case: Case, **more: object) -> Effect:
    return gap(case, PAIR, background, "grey", margin=GREY, show=partial(fixed, decimals=3), **more)


def _realism(case: Case, side: str) -> Effect:
    """The difference in the share of digits, or else of samples read with confidence."""
    found = [full(case[m].analysis) for m in PAIR]
    if None in found:
        read, name = case.gap(*reversed(PAIR), low_confidence), "read with confidence (points)"
    else:
        cosine, linear = (one.digit for one in found)
        read, name = cosine.minus(linear), "digits (points)"
    return Effect(f"{name}, cosine {MINUS} linear", read, side, margin=POINTS, show=points)


@claim(
    "2.4",
    "The cosine DDPM's digits lie on darker backgrounds.",
    short="The cosine DDPM's backgrounds are darker",
    rule=f"{AT_END.capitalize()} the grey at the border, as it is seen, is lower by the 95% interval of the "
    "difference.",
    fails="It is higher.",
    margin=f"{GREY} of the range",
    changed=f"{OVERLAP}, and had no verdict for what is level.",
    models=DDPMS,
    **SAMPLED,
)
def darker(case: Case) -> Finding:
    shown = said(case, PAIR, background, two)
    text = f"Mean grey of the border {AT_END}: {shown}; {num(case.real.background.value, 2)} in real images."
    return Finding(text, _grey_gap(case, side=BELOW))


@claim(
    "2.4",
    "The samples of the two DDPMs are hard to tell apart.",
    short="The DDPMs' samples are hard to tell apart",
    rule=f"The 95% intervals of the differences lie within {100 * POINTS:.0f} percentage points of the share "
    f"of digits, {GREY} of the grey of the border, and a factor of {COMPARABLE} of the distance.",
    fails="One of the differences lies outside.",
    changed=LEFT_OUT,
    models=DDPMS,
    **DISTANCE,
)
def alike(case: Case) -> Finding:
    shares, grey, apart = _realism(case, WITHIN), _grey_gap(case, side=WITHIN), ratio(case, PAIR, WITHIN)
    text = f"{shares.name.capitalize()}: {shares.shown()}; greys differ by {grey.shown()}"
    return Finding(f"{text}; ratio of the distances {apart.shown()}.", shares, grey, apart)


@claim(
    "2.4",
    "Both DDPMs generate samples that resemble digits.",
    short="Both DDPMs' samples resemble digits",
    rule="A recogniser that accepts real digits under mild distortions accepts more than half of the samples "
    "of the finished models, for both, by the 95% interval.",
    fails="It accepts fewer, for one of them.",
    changed=LEFT_OUT,
    models=DDPMS,
    **SAMPLED | {"late": False},
)
def resemble(case: Case) -> Finding:
    found = {m: full(case[m].analysis) for m in DDPMS}
    if None in found.values():
        return NOT_MEASURED
    effects = {
        m: Effect(f"taken for digits, {m}", one.digit, bound=0.5, show=percent) for m, one in found.items()
    }
    shown = " and ".join(f"{effect.shown()} ({m})" for m, effect in effects.items())
    return Finding(f"The recogniser takes {shown} of the samples for digits.", *effects.values())


@claim(
    "2.4",
    "Both DDPMs now and then draw something that is no digit.",
    short="Both DDPMs draw some that are no digits",
    rule=f"{AT_END.capitalize()} the low-confidence share of the samples is above that of real images, for "
    "both; low confidence stands in for being no digit.",
    fails="It is below, for one of them.",
    models=DDPMS,
    **SAMPLED,
)
def some_not_digits(case: Case) -> Finding:
    return more_low_confidence(case, DDPMS)


@claim(
    "2.4",
    "The cosine DDPM's samples are more realistic on average.",
    short="The cosine DDPM's are more realistic",
    rule="The share of digits among its samples, by a recogniser calibrated on real digits, is higher by the "
    f"95% interval of the difference; where this was not measured, the share of samples read with "
    f"confidence {AT_END}.",
    fails="It is lower.",
    margin=f"{100 * POINTS:.0f} points",
    changed=f"{OVERLAP}, had no verdict for what is level, and knew the classifier's confidence alone.",
    models=DDPMS,
    **SAMPLED,
)
def more_realistic(case: Case) -> Finding:
    return Finding(low_confidence_said(case, PAIR), _realism(case, ABOVE))


@claim(
    "2.4",
    "It does not draw more samples of high quality.",
    short="… but not more often of high quality",
    rule=f"{AT_END.capitalize()} its precision, the share of samples among real images, is not higher by "
    f"more than {100 * POINTS:.0f} percentage points: the upper end of the difference's 95% interval lies "
    "below that.",
    fails="The lower end lies above.",
    changed="The first edition left this half of the sentence out.",
    models=DDPMS,
    **SAMPLED,
)
def not_more_good(case: Case) -> Finding:
    shown = said(case, PAIR, precision, percent_span)
    effect = gap(case, PAIR, precision, "precision (points)", side=BELOW, bound=POINTS, show=points)
    return Finding(f"Precision {AT_END}: {shown}.", effect)
