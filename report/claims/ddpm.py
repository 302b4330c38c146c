"""Claims of the study's Sections 2.3 and 2.4 about noise schedules and the two DDPMs."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from report import judge
from report.claims.common import (
    AT_END,
    BELOW_ONE,
    POINTS,
    elsewhere,
    exact,
    points,
    quotient,
    ratio,
    slope,
)
from report.departures import DDPMS
from report.effects import ABOVE, BELOW, Effect, log
from report.judge import Case, NotMeasured, claim
from report.text_format import MINUS, fixed, num, percent
from study import series

PAIR = ("cosine", "linear")  # in the order in which differences are taken
BOTH = {"models": DDPMS, "needs": judge.sampled}
SAME_PLACE = 0.1  # the difference in amplitude of what is "mostly the same"
SELDOM = 0.2  # of digits are read right in what is "almost entirely random": twice a blind guess
EARLY = 0.25  # the part of training at its beginning that "learns faster" is about
GREY = 0.01  # a difference of greys, of the range from black to white, that is not seen
MOST = 0.5  # "generates digits" is that more than this share are


@claim(
    "2.3, Fig. 1",
    "Both noise schedules begin and end in nearly the same place.",
    short="Both schedules end in the same place",
    rule=f"The amplitude that they leave differs by less than {SAME_PLACE} at either end.",
    needs=judge.schedules,
)
def ends_agree(case: Case) -> Iterator[Effect]:
    job = case.results.schedules
    ends = ([job[m].at("alpha_bar", t).value ** 0.5 for m in PAIR] for t in (0, job.facts["T"]))
    apart = max(abs(cosine - linear) for cosine, linear in ends)
    yield exact("largest difference in amplitude", apart, BELOW, SAME_PLACE, show=partial(num, digits=2))


@claim(
    "2.3, Fig. 2",
    "At step 300 the linear schedule's latents are almost entirely random.",
    short="At step 300 linear latents are random",
    rule="From one such latent the trained network predicts an image that is read right in less than "
    f"{SELDOM:.0%} of all cases.",
    models=("linear",),
    needs=judge.trained,
)
def linear_random(case: Case) -> Iterator[Effect]:
    t = case.results.schedules.facts["early_t"]
    right = case.analysed("linear").analysed[""].at("recovered", t)
    yield Effect(f"read right from one latent at t = {t}", right, BELOW, SELDOM, show=percent)


@claim(
    "2.3, Fig. 3",
    "The cosine DDPM reaches the lower loss.",
    short="The cosine DDPM reaches the lower loss",
    rule="The mean difference of the test losses over the last ten epochs is below 0.",
    models=DDPMS,
    needs=judge.trained,
)
def lower_loss(case: Case) -> Iterator[Effect]:
    cosine, linear = ([row["test_loss"].value for row in case[m].history[-10:]] for m in PAIR)
    found = series.late_mean(np.subtract(cosine, linear))
    yield Effect(f"test loss, cosine {MINUS} linear", found, BELOW, show=partial(fixed, decimals=4))


@claim(
    "2.3",
    "The cosine DDPM learns faster.",
    short="The cosine DDPM is ahead at first",
    rule=f"Over the checkpoints of the first {EARLY:.0%} of training the ratio of the distances is below 1.",
    **BOTH,
)
def learns_faster(case: Case) -> Iterator[Effect]:
    linear, cosine = ({row.epoch: row for row in case[m].curve} for m in DDPMS)
    early = [e for e in linear if e in cosine and e <= EARLY * max(linear)]
    if len(early) < 2:
        raise NotMeasured("too few checkpoints early in training are measured")
    ratios = (cosine[e]["frechet"].value / linear[e]["frechet"].value for e in early)
    found = series.late_mean([*map(log, ratios)])
    yield quotient("early distance, cosine : linear", found, BELOW)


@claim(
    "2.4, Fig. 4",
    "The cosine DDPM ends with the lower Fréchet distance.",
    short="The cosine DDPM ends at a lower distance",
    rule=BELOW_ONE,
    **BOTH,
)
def lower_distance(case: Case) -> Iterator[Effect]:
    yield ratio(case, PAIR, BELOW)
    yield from elsewhere(case, PAIR)


@claim(
    "2.4",
    "The distances of both DDPMs are still falling at the end.",
    short="Both DDPMs still fall at the end",
    rule="Over the second half of training the slope of the distance is below 0, for both.",
    models=DDPMS,
    needs=judge.whole,
)
def still_falling(case: Case) -> Iterator[Effect]:
    for m in DDPMS:
        curve = case[m].curve
        yield slope(f"distance ({m})", [row.epoch for row in curve], [row["frechet"] for row in curve])


@claim(
    "2.4",
    "The cosine DDPM's digits lie on darker backgrounds.",
    short="The cosine DDPM's backgrounds are darker",
    rule=f"{AT_END.capitalize()} the grey at the border, as it is seen, is lower; a difference within {GREY} "
    "of the range is none.",
    **BOTH,
)
def darker(case: Case) -> Iterator[Effect]:
    grey, show = case.gap(*PAIR, "background"), partial(fixed, decimals=3)
    yield Effect(f"grey, cosine {MINUS} linear", grey, BELOW, margin=GREY, show=show)


@claim(
    "2.4",
    "Both DDPMs generate samples that resemble digits.",
    short="Both DDPMs' samples resemble digits",
    rule="A recogniser that accepts 95% of real digits under mild distortions accepts more than "
    f"{MOST:.0%} of the finished models' samples, for both.",
    **BOTH,
)
def resemble(case: Case) -> Iterator[Effect]:
    for m in DDPMS:
        yield Effect(f"taken for digits ({m})", case[m].final["digit"], ABOVE, MOST, show=percent)


@claim(
    "2.4",
    "The cosine DDPM's samples are more realistic on average.",
    short="The cosine DDPM's are more realistic",
    rule="The share of digits among its samples, by the same recogniser, is higher; a difference within "
    f"{100 * POINTS:.0f} points does not matter.",
    **BOTH,
)
def more_realistic(case: Case) -> Iterator[Effect]:
    cosine, linear = (case[m].final["digit"] for m in PAIR)
    name = f"digits (points), cosine {MINUS} linear"
    yield Effect(name, cosine.minus(linear), ABOVE, margin=POINTS, show=points)
