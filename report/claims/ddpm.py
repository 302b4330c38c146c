"""Claims of the study's Sections 2.3 and 2.4 about noise schedules and the two DDPMs."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from diffusion.evaluation.statistics import Interval
from report.claims import common
from report.departures import DDPMS
from report.effects import ABOVE, BELOW, Effect
from report.judge import Case, NotMeasured, claim
from report.text_format import MINUS, fixed, num, percent
from study import series
from study.results import Training
from study.scatter import LOG, LOGIT

PAIR = ("cosine", "linear")  # in the order in which differences are taken
SAME_PLACE = 0.1  # the difference in amplitude of what is "mostly the same"
SELDOM = 0.2  # of digits are read right in what is "almost entirely random": twice a blind guess
EARLY = 0.25  # the part of training at its beginning that "learns faster" is about
GREY = 0.01  # a difference of greys, of the range from black to white, that is not seen
MOST = 0.5  # "generates digits" is that more than this share are


@claim("2.3, Fig. 1", "Both schedules end in the same place")
def ends_agree(case: Case) -> Iterator[Effect]:
    """Both noise schedules begin and end in nearly the same place.

    The amplitude that they leave differs by less than {SAME_PLACE} at either end.
    """
    job = case.results.schedules
    ends = ([job[m].at("alpha_bar", t).value ** 0.5 for m in PAIR] for t in (0, job.facts["T"]))
    apart = max(abs(cosine - linear) for cosine, linear in ends)
    yield common.exact(
        "largest difference in amplitude", apart, BELOW, SAME_PLACE, show=partial(num, digits=2)
    )


@claim("2.3, Fig. 2", "At step 300 linear latents are random", models=("linear",))
def linear_random(case: Case) -> Iterator[Effect]:
    """At step 300 the linear schedule's latents are almost entirely random.

    From one such latent the trained network predicts an image that is read right in less than {SELDOM:.0%} of
    all cases.
    """
    t, one = case.results.schedules.facts["early_t"], case["linear"]

    def right(one: Training) -> Interval:
        return one.analysed[""].at("recovered", t)

    at = {"side": BELOW, "bound": SELDOM, "scale": LOGIT, "show": percent}
    yield case.single(f"read right from one latent at t = {t}", right, LOGIT, one, **at)


@claim("2.3, Fig. 3", "The cosine DDPM reaches the lower loss", models=DDPMS)
def lower_loss(case: Case) -> Iterator[Effect]:
    """The cosine DDPM reaches the lower loss.

    The mean difference of the test losses over the last ten epochs is below 0.
    """

    def losses(one: Training) -> list[float]:
        return [row["test_loss"].value for row in one.history[-10:]]

    ones = [case[m] for m in PAIR]
    found = series.late_mean(np.subtract(*map(losses, ones)))
    name, at = f"test loss, cosine {MINUS} linear", {"side": BELOW, "show": partial(fixed, decimals=4)}
    yield case.effect(name, found, lambda one: float(np.mean(losses(one))), LOG, *ones, **at)


@claim("2.3", "The cosine DDPM is ahead at first", models=DDPMS)
def learns_faster(case: Case) -> Iterator[Effect]:
    """The cosine DDPM learns faster.

    The ratio of the areas under the distances of the first {EARLY:.0%} of training is below 1.
    """

    def area(one: Training) -> float:
        """The logarithm of the mean distance over the first epochs, by the trapezoidal rule."""
        early = [row for row in one.curve if row.epoch <= EARLY * one.curve[-1].epoch]
        epochs, distances = [row.epoch for row in early], [row["frechet"].value for row in early]
        if len(early) < 2:
            raise NotMeasured("too few checkpoints early in training are measured")
        return LOG.to(float(np.trapezoid(distances, epochs)) / (epochs[-1] - epochs[0]))

    ones = [case[m] for m in PAIR]
    if len({tuple(row.epoch for row in one.curve) for one in ones}) > 1:
        raise NotMeasured("the two are measured after other epochs")
    log = area(ones[0]) - area(ones[1])
    name = "area under the early distances, cosine : linear"
    yield common.quotient(case, name, Interval(log, log, log), area, *ones, side=BELOW)


@claim("2.4, Fig. 4", "The cosine DDPM ends at a lower distance", models=DDPMS)
def lower_distance(case: Case) -> Iterator[Effect]:
    """The cosine DDPM ends with the lower Fréchet distance.

    {BELOW_ONE}
    """
    yield common.ratio(case, PAIR, BELOW)
    yield from common.elsewhere(case, PAIR)


@claim("2.4", "Both DDPMs still fall at the end", models=DDPMS)
def still_falling(case: Case) -> Iterator[Effect]:
    """The distances of both DDPMs are still falling at the end.

    Over the second half of training the slope of the distance is below 0, for both.
    """

    def points(one: Training) -> tuple[list[int], list[float]]:
        return [row.epoch for row in one.curve], [row["frechet"].value for row in one.curve]

    for m in DDPMS:
        yield common.slope(case, f"distance ({m})", case[m], points)


@claim("2.4", "The cosine DDPM's backgrounds are darker", models=DDPMS)
def darker(case: Case) -> Iterator[Effect]:
    """The cosine DDPM's digits lie on darker backgrounds.

    {ON_AVERAGE} the grey at the border, as it is seen, is lower; a difference within {GREY} of the range is
    none.
    """
    at = {"side": BELOW, "margin": GREY, "show": partial(fixed, decimals=3)}
    yield common.difference(case, f"grey, cosine {MINUS} linear", PAIR, "background", LOG, **at)


@claim("2.4", "Both DDPMs' samples resemble digits", models=DDPMS)
def resemble(case: Case) -> Iterator[Effect]:
    """Both DDPMs generate samples that resemble digits.

    A recogniser that accepts 95% of real digits under mild distortions accepts more than {MOST:.0%} of the
    finished models' samples, for both.
    """
    for m in DDPMS:
        yield common.share(case, f"taken for digits ({m})", "digit", case[m], ABOVE, MOST)


@claim("2.4", "The cosine DDPM's are more realistic", models=DDPMS)
def more_realistic(case: Case) -> Iterator[Effect]:
    """The cosine DDPM's samples are more realistic on average.

    The share of digits among its samples, by the same recogniser, is higher; a difference within
    {IN_POINTS:.0f} points does not matter.
    """
    ones, at = [case[m] for m in PAIR], {"margin": common.POINTS, "show": common.points}
    found = ones[0].final["digit"].minus(ones[1].final["digit"])
    name = f"digits (points), cosine {MINUS} linear"
    yield case.effect(name, found, lambda one: one.final["digit"].value, LOGIT, *ones, **at)
