"""Claims of the study's Abstract and Section 3.3 about the digits that the zoom model favours, and why."""

from report.claims.common import (
    ALL,
    AT_END,
    LEFT_OUT,
    NOT_MEASURED,
    ZOOM,
    gap,
    points,
    quotient,
    said,
    two,
)
from report.study import DDPMS
from report.text_format import MINUS, Markdown, fixed, listing, num, percent
from report.verdicts.case import Case, classes, divergence, extreme_centre, logarithm
from report.verdicts.effects import ABOVE, BELOW, Effect
from report.verdicts.judge import SAMPLED, Finding, claim

MOSTLY = 12  # so many of the 16 central pixels make a centre dark or white
CURED = 0.5  # a bias that falls below this part was caused by what was removed
NEARLY_ABSENT = 0.2  # "missing or nearly so" is less than this part of the share among real images
CENTRES = 0.1  # a difference of shares of centres that does not matter
TOGETHER = (
    "The first edition asked it of each of these digits, and wanted the last checkpoint to say the same."
)


@claim(
    "Abstract, 3.3, 4",
    "The zoom model is biased towards certain digits.",
    short="The zoom is biased to certain digits",
    rule=f"{AT_END.capitalize()} the divergence of its classes from those of real images lies above what as "
    "many real images score, by the 95% interval.",
    fails="It lies below.",
    changed=LEFT_OUT,
    **ZOOM | SAMPLED,
)
def biased(case: Case) -> Finding:
    found, floor = case.end("zoom", divergence), case.real.divergence_floor
    n = case["zoom"].measure.settings.get("n_checkpoint") or floor.n
    # of n labels it falls as 1 / n
    score = (floor.mean + 2 * floor.sd) * max(1.0, floor.n / n)
    effect = Effect("divergence (nats)", found, ABOVE, score, show=fixed)
    text = (
        f"Divergence of the classes {AT_END}: {effect.shown()} nats; as many real images score "
        f"{num(score, 2)} or less."
    )
    return Finding(text, effect)


@claim(
    "3.3",
    "Its samples are less evenly spread over the digits than those of the DDPMs.",
    short="… more than the DDPMs",
    rule=f"{AT_END.capitalize()} the divergence of its classes is higher than that of either DDPM, by the "
    "95% interval of the difference.",
    fails="It is lower than that of one of them.",
    changed="The first edition judged the mix of classes together with two other measures of variety.",
    models=ALL,
    **SAMPLED,
)
def more_biased(case: Case) -> Finding:
    effects = (gap(case, ("zoom", m), divergence, "divergence", show=fixed) for m in DDPMS)
    return Finding(f"Divergence {AT_END}: {said(case, ALL, divergence, two)}.", *effects)


def _digits(case: Case, which: tuple[int, ...], side: str, part: float) -> Finding:
    """The share of some digits among the samples read with confidence, over that among real images."""
    real = case.real.recognised.share
    found, expected = case.end("zoom", classes(which)), sum(real[d] for d in which)
    if found.value is None:
        return Finding("No sample is read with confidence.")
    if not all(real[d] for d in which):
        return Finding("Some of these classes are not among the real images.")
    each = "; ".join(f"{d}: {fixed((case.end('zoom', classes((d,))).value or 0) / real[d])}" for d in which)
    effect = Effect(
        f"share of {', '.join(map(str, which))}, over real",
        found.map(lambda x: x / expected),
        side,
        part,
        show=fixed,
    )
    text = (
        f"They are {percent(found.value)} of the samples read with confidence {AT_END}, and "
        f"{percent(expected)} of real images; digit by digit, over their share of real images: {each}."
    )
    return Finding(text, effect)


@claim(
    "3.3, Fig. 14",
    "The zoom model's samples favour 1, 8 and 9.",
    short="The zoom favours 1, 8 and 9",
    rule="Among the samples read with confidence (the study looks at its good ones) these are together more "
    f"frequent than among real images {AT_END}, by the 95% interval.",
    fails="They are less frequent.",
    changed=TOGETHER,
    names_digits=True,
    **ZOOM | SAMPLED,
)
def favours(case: Case) -> Finding:
    return _digits(case, (1, 8, 9), ABOVE, 1.0)


@claim(
    "3.3, Fig. 14",
    "The digits 2, 3, 4 and 5 are missing from the zoom model's samples, or nearly so.",
    short="The digits 2, 3, 4 and 5 are nearly missing",
    rule="Among the samples read with confidence (the study looks at its good ones) these have together less "
    f"than a fifth of their share among real images {AT_END}, by the 95% interval.",
    fails="They have more.",
    changed=TOGETHER,
    names_digits=True,
    **ZOOM | SAMPLED,
)
def lacks(case: Case) -> Finding:
    return _digits(case, (2, 3, 4, 5), BELOW, NEARLY_ABSENT)


@claim(
    "3.3",
    "The zoom model's samples favour digits with a predominantly dark or completely white centre.",
    short="The zoom favours dark or white centres",
    rule=f"{AT_END.capitalize()} more of the samples than of real images have at least {MOSTLY} of their 16 "
    "central pixels in the lowest or in the highest tenth of the range, by the 95% interval.",
    fails="Fewer have.",
    margin=f"{100 * CENTRES:.0f} points",
    changed="The first edition made two claims of it, dark and white, of which each takes from the other.",
    **ZOOM | SAMPLED,
)
def extreme_centres(case: Case) -> Finding:
    found, centre = case.end("zoom", extreme_centre), case.real.centre
    real = centre.dark + centre.white
    name, more = f"extreme centres (points), samples {MINUS} real", found.map(lambda x: x - real)
    effect = Effect(name, more, margin=CENTRES, show=points)
    text = f"{percent(found.value)} of the samples {AT_END}, and {percent(real)} of real images."
    return Finding(text, effect)


@claim(
    "Abstract, 3.3, 4",
    "The bias comes from the lack of randomness in the reconstruction.",
    short="The bias comes from a lack of randomness",
    rule="Noise added in every step of sampling, of the size that serves best among those tried, brings the "
    f"divergence of the classes below {CURED} of what it is without, by the 95% interval of the ratio.",
    fails="With every size it stays above that.",
    changed=LEFT_OUT,
    **ZOOM | SAMPLED | {"late": False},
)
def lack_of_randomness(case: Case) -> Finding:
    analysis = case["zoom"].analysis
    naive = [one for one in analysis.drawn if one.sampler == "naive"] if analysis else []
    still = max((one for one in naive if not one.noise), key=lambda one: one.calls, default=None)
    noisy = [one for one in naive if one.noise and still and one.calls == still.calls]
    if not noisy:
        return NOT_MEASURED
    log = logarithm(divergence)
    best = min(noisy, key=lambda one: one.classes.divergence.value)
    name = "divergence with noise, over that without"
    effect = quotient(name, log(best).minus(log(still)), side=BELOW, bound=CURED)
    sizes = listing(Markdown(f"{num(one.noise, 1)}: {fixed(one.classes.divergence.value)}") for one in noisy)
    text = (
        f"Divergence without noise {fixed(still.classes.divergence.value)}; with noise of standard "
        f"deviation {sizes}."
    )
    return Finding(text, effect)
