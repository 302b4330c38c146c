"""Claims of Sections 2.3 and 2.4 of the original study, about noise schedules and the two DDPMs."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from paper.claims import common
from paper.claims.effects import ABOVE, BELOW, Effect, exact
from paper.claims.judge import claim
from paper.question import DDPMS
from report.pages.text_format import MINUS, fixed, num, percent
from report.results.scatter import LOG, LOGIT, NotMeasured, last, late, paired
from report.results.views import Results, Training

SAME_PLACE = 0.1  # "mostly the same" means a smaller difference in amplitude
SELDOM = 0.2  # "almost entirely random" means a smaller share of correctly read digits: twice a blind guess
EARLY = 0.25  # "learns faster" refers to this first part of training
GREY = 0.01  # a smaller difference of greys, as a part of the range from black to white, is not visible
MOST = 0.5  # "generates digits" means a larger share of digits


@claim("2.3, Fig. 1", "Both schedules end in the same place")
def ends_agree(results: Results) -> Iterator[Effect]:
    """Both noise schedules begin and end in nearly the same place.

    At both ends, the amplitudes of the image differ by less than {SAME_PLACE}.
    """
    job = results.jobs.get("schedules")
    ends = ([job[m].at("alpha_bar", t).value ** 0.5 for m in DDPMS] for t in (0, job.facts["T"]))
    apart = exact(max(abs(linear - cosine) for linear, cosine in ends))
    show = partial(num, digits=2)
    yield Effect("largest difference in amplitude", apart, BELOW, SAME_PLACE, show=show)


@claim("2.3, Fig. 2", "At step 300 linear latents are random")
def linear_random(results: Results) -> Iterator[Effect]:
    """At step 300, latents of the linear schedule are almost entirely random.

    The classifier reads less than {SELDOM:.0%} of the images predicted from one latent correctly.
    """
    t = results.jobs["schedules"].facts["early_t"]

    def right(one: Training) -> float:
        return one.final.at("recovered", t).value

    found = common.mean(results, right, "linear", scale=LOGIT)
    yield Effect(f"read right from one latent at t = {t}", found, BELOW, SELDOM, show=percent)


@claim("2.3, Fig. 3", "The cosine DDPM reaches the lower loss")
def lower_loss(results: Results) -> Iterator[Effect]:
    """The cosine DDPM reaches the lower loss.

    Its mean test loss of the last ten epochs is lower, in pairs.
    """

    def loss(one: Training) -> float:
        return float(np.mean([row["test_loss"].value for row in one.history[-10:]]))

    found, show = common.paired_ddpms(results, loss), partial(fixed, decimals=4)
    yield Effect(f"test loss, cosine {MINUS} linear", found, BELOW, show=show)


@claim("2.3", "The cosine DDPM is ahead at first")
def learns_faster(results: Results) -> Iterator[Effect]:
    """The cosine DDPM learns faster.

    Its area under the distances of the first {EARLY:.0%} of training is smaller, in pairs, also of shorter
    runs.
    """
    linears, cosines = (results.all_of(m) + shorter(results, m) for m in DDPMS)
    matched = common.seed_pairs(cosines, linears)
    end = EARLY * max(one.train.epochs for one in cosines + linears)
    measured = [{row.epoch for row in one.curve} for pair in matched for one in pair]
    epochs = sorted(epoch for epoch in set.intersection(*measured) if epoch <= end)
    if len(epochs) < 2:
        raise NotMeasured("too few checkpoints early in training are measured")

    def area(one: Training) -> float:
        """The mean distance over the first epochs, from the trapezoidal rule."""
        distances = {row.epoch: row["frechet"].value for row in one.curve if row.epoch in epochs}
        return float(np.trapezoid([distances[epoch] for epoch in epochs], epochs)) / (epochs[-1] - epochs[0])

    lengths = sorted({first.train.epochs for first, _ in matched})
    name = f"early area, cosine : linear, runs of {' and '.join(map(str, lengths))} epochs"
    yield common.ratio(name, paired(area, matched, LOG), BELOW)
    yield common.ratio("complete runs alone", common.paired_ddpms(results, area, LOG), None)


def shorter(results: Results, model: str) -> list[Training]:
    """Shorter runs of a model with the same settings and other seeds, from the release `starts`."""
    starts = results.beside["starts"].all_of(model) if "starts" in results.beside else []
    return [one for one in starts if one.seed not in results.seeds(model)]


@claim("2.4, Fig. 4", "The cosine DDPM ends at a lower distance")
def lower_distance(results: Results) -> Iterator[Effect]:
    """The cosine DDPM ends with the lower Fréchet distance.

    Its distance is lower over late checkpoints, in pairs. A factor of {LEVEL} does not matter.
    """
    found = common.paired_ddpms(results, common.DISTANCE, LOG)
    yield common.ratio("distance, cosine : linear", found, BELOW, (common.LEVEL,))


@claim("2.4", "Both DDPMs still fall at the end")
def still_falling(results: Results) -> Iterator[Effect]:
    """The distances of both DDPMs are still falling at the end.

    A line through the distances of the second half of training falls, for both.
    """

    def points(one: Training) -> tuple[list[int], list[float]]:
        return [row.epoch for row in one.curve], [row["frechet"].value for row in one.curve]

    for m in DDPMS:
        yield common.slope(results, f"distance ({m})", m, points)


@claim("2.4", "The cosine DDPM's backgrounds are darker")
def darker(results: Results) -> Iterator[Effect]:
    """The cosine DDPM draws digits on darker backgrounds.

    The border of its samples is darker over late checkpoints, in pairs. {GREY} of the range does not matter.
    """
    found, show = common.paired_ddpms(results, late("background")), partial(fixed, decimals=3)
    yield Effect(f"grey, cosine {MINUS} linear", found, BELOW, 0.0, (GREY,), show=show)


@claim("2.4", "Both DDPMs' samples resemble digits")
def resemble(results: Results) -> Iterator[Effect]:
    """Both DDPMs generate samples that resemble digits.

    More than {MOST:.0%} of the final samples are recognised as digits, for both.
    """
    for m in DDPMS:
        found = common.mean(results, last("digit"), m, scale=LOGIT)
        yield Effect(f"recognised ({m})", found, ABOVE, MOST, show=percent)


@claim("2.4", "The cosine DDPM's are more realistic")
def more_realistic(results: Results) -> Iterator[Effect]:
    """The cosine DDPM's samples are more realistic on average.

    More of its final samples are recognised as digits, in pairs. {IN_POINTS} points do not matter.
    """
    name, found = f"recognised (points), cosine {MINUS} linear", common.paired_ddpms(results, last("digit"))
    yield Effect(name, found, ABOVE, 0.0, (common.POINTS,), show=common.points1)
