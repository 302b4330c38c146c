"""Claims of Sections 2.3 and 2.4 of the original study, about noise schedules and the two DDPMs."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from paper.answer import DDPMS
from paper.claims import common
from paper.claims.effects import ABOVE, BELOW, Effect
from paper.claims.judge import claim, effect
from report.pages.text_format import MINUS, fixed, num, percent
from report.results.scatter import LOG, LOGIT, NotMeasured, last
from report.results.views import Results, Training

PAIR = ("cosine", "linear")  # differences are the first minus the second
SAME_PLACE = 0.1  # "mostly the same" means a smaller difference in amplitude
SELDOM = 0.2  # "almost entirely random" means a smaller share of correctly read digits: twice a blind guess
EARLY = 0.25  # "learns faster" refers to this first part of training
GREY = 0.01  # a smaller difference of greys, as a part of the range from black to white, is not visible
MOST = 0.5  # "generates digits" means a larger share of digits


@claim("2.3, Fig. 1", "Both schedules end in the same place")
def ends_agree(results: Results) -> Iterator[Effect]:
    """Both noise schedules begin and end in nearly the same place.

    The amplitude that they leave differs by less than {SAME_PLACE} at either end.
    """
    job = results.jobs.get("schedules")
    ends = ([job[m].at("alpha_bar", t).value ** 0.5 for m in PAIR] for t in (0, job.facts["T"]))
    apart = max(abs(cosine - linear) for cosine, linear in ends)
    yield common.exact(
        "largest difference in amplitude", apart, BELOW, SAME_PLACE, show=partial(num, digits=2)
    )


@claim("2.3, Fig. 2", "At step 300 linear latents are random", models=("linear",))
def linear_random(results: Results) -> Iterator[Effect]:
    """At step 300 the linear schedule's latents are almost entirely random.

    From one such latent the trained network predicts an image that is read right in less than {SELDOM:.0%} of
    all cases.
    """
    t = results.jobs["schedules"].facts["early_t"]

    def right(one: Training) -> float:
        return one.final.at("recovered", t).value

    at = {"side": BELOW, "bound": SELDOM, "show": percent}
    yield effect(
        f"read right from one latent at t = {t}", results, right, results.all_of("linear"), LOGIT, **at
    )


@claim("2.3, Fig. 3", "The cosine DDPM reaches the lower loss", models=DDPMS)
def lower_loss(results: Results) -> Iterator[Effect]:
    """The cosine DDPM reaches the lower loss.

    The mean difference of the test losses over the last ten epochs is below 0.
    """

    def loss(one: Training) -> float:
        return float(np.mean([row["test_loss"].value for row in one.history[-10:]]))

    name, at = f"test loss, cosine {MINUS} linear", {"side": BELOW, "show": partial(fixed, decimals=4)}
    yield common.difference(results, name, PAIR, loss, **at)


@claim("2.3", "The cosine DDPM is ahead at first", models=DDPMS)
def learns_faster(results: Results) -> Iterator[Effect]:
    """The cosine DDPM learns faster.

    The ratio of the areas under the distances of the first {EARLY:.0%} of training is below 1, in pairs of
    one seed, which begin with the same weights and see the same images and noise. Those of shorter trainings
    count, too.
    """
    cosines, linears = (results.all_of(m) + shorter(results, m) for m in PAIR)
    pairs = [(one, other) for one in cosines for other in linears if one.seed == other.seed]
    end = EARLY * max(one.train.epochs for one in cosines + linears)
    measured = [{row.epoch for row in one.curve} for pair in pairs for one in pair]
    epochs = sorted(epoch for epoch in set.intersection(*measured) if epoch <= end) if pairs else []
    if len(epochs) < 2:
        raise NotMeasured("too few checkpoints early in training are measured")

    def area(one: Training) -> float:
        """The mean distance over the first epochs, from the trapezoidal rule."""
        distances = {row.epoch: row["frechet"].value for row in one.curve if row.epoch in epochs}
        return float(np.trapezoid([distances[epoch] for epoch in epochs], epochs)) / (epochs[-1] - epochs[0])

    ratios = {one.name: area(one) / area(linear) for one, linear in pairs}
    name, at = "area under the early distances, cosine : linear", {"bound": 1.0, "ratio": True, "show": fixed}
    ones = [one for one, _ in pairs]
    yield effect(name, results, lambda one: ratios[one.name], ones, LOG, side=BELOW, **at)
    ours = results.all_of("cosine")
    yield effect(
        f"{name}, of whole trainings alone", results, lambda one: ratios[one.name], ours, LOG, side=None
    )


def shorter(results: Results, model: str) -> list[Training]:
    """Shorter runs of a model with the same settings and other seeds, from the release `starts`."""
    starts = results.beside["starts"].all_of(model) if "starts" in results.beside else []
    return [one for one in starts if one.seed not in results.seeds(model)]


@claim("2.4, Fig. 4", "The cosine DDPM ends at a lower distance", models=DDPMS)
def lower_distance(results: Results) -> Iterator[Effect]:
    """The cosine DDPM ends with the lower Fréchet distance.

    {BELOW_ONE}
    """
    yield common.ratio(results, PAIR, BELOW)


@claim("2.4", "Both DDPMs still fall at the end", models=DDPMS)
def still_falling(results: Results) -> Iterator[Effect]:
    """The distances of both DDPMs are still falling at the end.

    Over the second half of training the slope of the distance is below 0, for both.
    """

    def points(one: Training) -> tuple[list[int], list[float]]:
        return [row.epoch for row in one.curve], [row["frechet"].value for row in one.curve]

    for m in DDPMS:
        yield common.slope(results, f"distance ({m})", m, points)


@claim("2.4", "The cosine DDPM's backgrounds are darker", models=DDPMS)
def darker(results: Results) -> Iterator[Effect]:
    """The cosine DDPM's digits lie on darker backgrounds.

    {ON_AVERAGE} the grey at the border, as it is seen, is lower; a difference within {GREY} of the range is
    none.
    """
    at = {"side": BELOW, "margin": GREY, "show": partial(fixed, decimals=3)}
    yield common.late_difference(results, f"grey, cosine {MINUS} linear", PAIR, "background", **at)


@claim("2.4", "Both DDPMs' samples resemble digits", models=DDPMS)
def resemble(results: Results) -> Iterator[Effect]:
    """Both DDPMs generate samples that resemble digits.

    A recogniser that accepts 95% of real digits under mild distortions accepts more than {MOST:.0%} of the
    finished models' samples, for both.
    """
    for m in DDPMS:
        name, at = f"taken for digits ({m})", {"side": ABOVE, "bound": MOST, "show": percent}
        yield effect(name, results, last("digit"), results.all_of(m), LOGIT, **at)


@claim("2.4", "The cosine DDPM's are more realistic", models=DDPMS)
def more_realistic(results: Results) -> Iterator[Effect]:
    """The cosine DDPM's samples are more realistic on average.

    The share of digits among its samples, by the same recogniser, is higher; a difference within
    {IN_POINTS:.0f} points does not matter.
    """
    at = {"margin": common.POINTS, "show": common.points1}
    yield common.difference(results, f"digits (points), cosine {MINUS} linear", PAIR, last("digit"), **at)
