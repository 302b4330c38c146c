"""Claims of the study's Sections 2.3 and 2.4 about the two DDPMs."""

from functools import partial

from diffusion.evaluation import statistics
from diffusion.evaluation.statistics import FEWEST
from report.estimates import (
    LAST,
    NAME,
    Answer,
    Case,
    Estimate,
    all_of,
    background,
    consensus,
    distance,
    distances,
    ends,
    lower,
    negate,
    not_recognised,
    said,
    tail,
)
from report.text_format import Markdown, fixed, integer, num, percent, percent_span, span
from report.verdicts import DISTANCE, SAMPLED, TRAINED, WHOLE_TRAINING, claim

ALMOST_ALL, MANY = 0.9, 10  # this share of checkpoints, of at least so many
BOTH = ("linear", "cosine")
PAIR = ("cosine", "linear")  # in the order in which texts name them
BOTH_ENDS = f"by the last checkpoint and by the mean over {LAST}"


@claim(
    "2.3, Fig. 3",
    "The cosine DDPM reaches the lower loss, in training and test.",
    rule="The mean of the last ten epochs, with twice its standard error from their scatter, separates in "
    "both splits.",
    fails="In one of the splits they separate the other way.",
    models=BOTH,
    **TRAINED,
)
def lower_loss(case: Case) -> tuple[Markdown, Answer]:
    parts, answers = [], []
    for key, name in (("train_loss", "training"), ("test_loss", "test")):
        cosine, linear = (tail([getattr(line, key) for line in case[m].train.history]) for m in PAIR)
        parts.append(f"{name} {num(cosine.value)} (cosine) and {num(linear.value)} (linear)")
        answers.append(cosine.below(linear))
    return Markdown(f"Mean loss of the last epochs: {'; '.join(parts)}."), all_of(answers)


@claim(
    "2.3",
    "The cosine DDPM learns more efficiently, as the study infers from its loss.",
    rule="On ten noise levels common to both, its test loss is lower at each, and on average by the 95% "
    "interval of the "
    "difference on the same images with the same noise.",
    fails="It is lower at none, and higher on average, by that interval.",
    models=BOTH,
    **TRAINED,
)
def trains_better(case: Case) -> tuple[Markdown, Answer]:
    cosine, linear = (case[m].train.ddpm.common_loss for m in PAIR)
    n = min(len(cosine.each), len(linear.each))
    found = statistics.paired(cosine.each[:n], linear.each[:n])
    gap = Estimate(found.mean, found.low, found.high)
    won = lower_levels(case)
    text = (
        f"At the same noise levels the test loss is {num(cosine.mean)} (cosine) and {num(linear.mean)} "
        "(linear); image "
        f"by image it differs by {gap.shown(partial(span, digits=2))}; it is lower at {integer(len(won))} "
        "of the "
        f"{integer(len(cosine.levels))} levels."
    )
    at_each = True if len(won) == len(cosine.levels) else None if won else False
    return Markdown(text), consensus([negate(gap.above(0)), at_each])


def lower_levels(case: Case) -> list[float]:
    """The common noise levels at which the cosine model's loss is the lower one."""
    cosine, linear = (case[m].train.ddpm.common_loss for m in PAIR)
    rows = zip(cosine.levels, cosine.by_level, linear.by_level, strict=True)
    return [level for level, c, n in rows if c < n]


@claim(
    "2.4, Fig. 4",
    "The cosine DDPM ends with the lower Fréchet distance.",
    rule=f"The 95% intervals separate, {BOTH_ENDS}, in all features at hand.",
    fails="They separate the other way, by both, in all features at hand.",
    models=BOTH,
    **DISTANCE,
)
def lower_distance(case: Case) -> tuple[Markdown, Answer]:
    return distances(case, PAIR), consensus(lower(case, *PAIR, distance(e)) for e in case.extractors)


@claim(
    "2.4, Fig. 4",
    "The cosine DDPM has the lower distance at almost all epochs.",
    rule=f"At {ALMOST_ALL:.0%} of at least {MANY} common checkpoints.",
    fails="At more than the rest its 95% interval lies above the linear model's.",
    models=BOTH,
    **DISTANCE | {"late": False},
)
def almost_all_epochs(case: Case) -> tuple[Markdown, Answer]:
    parts, answers = [], []
    for e in case.extractors:
        linear, cosine = (
            {row.epoch: distance(e)(row) for row in case[m].measure.curve if getattr(row, e)} for m in BOTH
        )
        common = sorted(set(linear) & set(cosine))
        won = sum(cosine[t].value < linear[t].value for t in common)
        lost = sum(linear[t].below(cosine[t]) is True for t in common)
        parts.append(f"{NAME[e]}: lower at {won} of {len(common)} checkpoints, clearly higher at {lost}")
        enough = ALMOST_ALL * len(common)
        decided = False if len(common) - lost < enough else True if won >= enough else None
        answers.append(decided if len(common) >= MANY else None)
    return Markdown("; ".join(parts) + "."), consensus(answers)


@claim(
    "2.4",
    "Both distances are still falling, so that longer training would pay.",
    rule="Over the second half of training the rank correlation of distance and epoch is at most −0.5 for "
    "both, on at "
    f"least {FEWEST} points, and lower than chance gives in one case of 40.",
    fails="For one of them it is 0 or more.",
    models=BOTH,
    **DISTANCE | WHOLE_TRAINING | {"late": False},
)
def still_falling(case: Case) -> tuple[Markdown, Answer]:
    answers, parts = [], []
    for m in BOTH:
        for e in case.extractors:
            points = [(row.epoch, distance(e)(row).value) for row in case[m].measure.curve if getattr(row, e)]
            epochs, values = zip(*points, strict=True)
            answers.append(statistics.falls(epochs, values))
            trend = statistics.late_trend(epochs, values)
            middle = 0 if trend is None else len(points) // 2  # of few, the first and the last
            text = f"{m}, {NAME[e]}, {num(values[middle])} at epoch {epochs[middle]} and {num(values[-1])} "
            f"at {epochs[-1]}"
            parts.append(f"{text} (rank correlation {fixed(trend)})" if trend is not None else text)
    return Markdown("; ".join(parts) + "."), all_of(answers)


@claim(
    "2.4",
    "The cosine DDPM's digits lie on darker backgrounds.",
    rule="The 95% intervals of the mean grey at the border, clamped to the range of the data, separate, "
    f"{BOTH_ENDS}.",
    fails="They separate the other way, by both.",
    models=BOTH,
    **SAMPLED,
)
def darker(case: Case) -> tuple[Markdown, Answer]:
    shown = said(case, PAIR, background, partial(span, digits=2))
    text = f"Mean grey of the border: {shown}; {num(case.real.background.mean, 2)} in real images."
    return Markdown(text), lower(case, *PAIR, background)


def _unrecognised(case: Case) -> Markdown:
    shown = said(case, PAIR, not_recognised, percent_span)
    return Markdown(f"Not recognised: {shown}; {percent(case.real.not_digit.share, 1)} of real images.")


@claim(
    "2.4",
    "Both DDPMs now and then draw something that is no digit.",
    rule=f"The classifier is unsure about more of the samples than of real images, for both, {BOTH_ENDS}; "
    "not to be "
    "recognised stands in for being no digit.",
    fails="For one of them it is unsure of fewer, by both.",
    models=BOTH,
    **SAMPLED,
)
def some_not_digits(case: Case) -> tuple[Markdown, Answer]:
    real, found = case.real.not_digit.share, ends(case, BOTH, not_recognised)
    return _unrecognised(case), all_of(consensus(end[m].above(real) for end in found) for m in BOTH)


@claim(
    "2.4",
    "The cosine DDPM draws fewer unrealistic samples: so the study explains its distance.",
    rule="Its share of unrecognised samples, which stands in for these, is lower, by separate intervals, "
    f"{BOTH_ENDS}.",
    fails="Its share is higher, by both.",
    models=BOTH,
    **SAMPLED,
)
def more_realistic(case: Case) -> tuple[Markdown, Answer]:
    return _unrecognised(case), lower(case, *PAIR, not_recognised)
