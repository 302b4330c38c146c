"""Claims of Sections 2.3 and 2.4 of the original study, about noise schedules and the two DDPMs."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from paper.answer import ASKED, DDPMS
from paper.claims import common
from paper.claims.effects import ABOVE, BELOW, Effect
from paper.claims.judge import claim, effect, paired_effect
from report.pages.text_format import MINUS, fixed, num, percent
from report.results.scatter import LOGIT, NotMeasured, last, late
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

    The claim holds if, at both ends, the schedules leave amplitudes of the image that differ by less than
    {SAME_PLACE}.
    """
    job = results.jobs.get("schedules")
    ends = ([job[m].at("alpha_bar", t).value ** 0.5 for m in PAIR] for t in (0, job.facts["T"]))
    apart = max(abs(cosine - linear) for cosine, linear in ends)
    yield common.exact(
        "largest difference in amplitude", apart, BELOW, SAME_PLACE, show=partial(num, digits=2)
    )


@claim("2.3, Fig. 2", "At step 300 linear latents are random", models=("linear",))
def linear_random(results: Results) -> Iterator[Effect]:
    """At step 300, latents of the linear schedule are almost entirely random.

    A trained network predicts an image from one such latent. The claim holds if the classifier reads less
    than {SELDOM:.0%} of these images correctly.
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

    The claim holds if the cosine DDPM has the lower test loss, averaged over the last ten epochs. {PAIRED}
    """

    def loss(one: Training) -> float:
        return float(np.mean([row["test_loss"].value for row in one.history[-10:]]))

    name, at = f"test loss, cosine {MINUS} linear", {"side": BELOW, "show": partial(fixed, decimals=4)}
    yield paired_effect(name, loss, common.seed_pairs(results, PAIR), **at)


@claim("2.3", "The cosine DDPM is ahead at first", models=DDPMS)
def learns_faster(results: Results) -> Iterator[Effect]:
    """The cosine DDPM learns faster.

    The claim holds if the area under the cosine DDPM's distances is the smaller one over the first
    {EARLY:.0%} of training. {PAIRED} Shorter runs count if they reach that far.
    """
    cosines, linears = (results.all_of(m) + shorter(results, m) for m in PAIR)
    matched = common.pairs(cosines, linears)
    end = EARLY * max(one.train.epochs for one in cosines + linears)
    measured = [{row.epoch for row in one.curve} for pair in matched for one in pair]
    epochs = sorted(epoch for epoch in set.intersection(*measured) if epoch <= end) if matched else []
    if len(epochs) < 2:
        raise NotMeasured("too few checkpoints early in training are measured")

    def area(one: Training) -> float:
        """The mean distance over the first epochs, from the trapezoidal rule."""
        distances = {row.epoch: row["frechet"].value for row in one.curve if row.epoch in epochs}
        return float(np.trapezoid([distances[epoch] for epoch in epochs], epochs)) / (epochs[-1] - epochs[0])

    name = "area under the early distances, cosine : linear"
    yield common.paired_quotient(name, area, matched, side=BELOW)
    whole = common.seed_pairs(results, PAIR)
    yield common.paired_quotient(f"{name}, complete runs alone", area, whole, side=None)


def shorter(results: Results, model: str) -> list[Training]:
    """Shorter runs of a model with the same settings and other seeds, from the release `starts`."""
    starts = results.beside["starts"].all_of(model) if "starts" in results.beside else []
    return [one for one in starts if one.seed not in results.seeds(model)]


@claim("2.4, Fig. 4", "The cosine DDPM ends at a lower distance", models=DDPMS)
def lower_distance(results: Results) -> Iterator[Effect]:
    """The cosine DDPM ends with the lower Fréchet distance.

    The claim holds if the cosine DDPM has the lower distance, {AT_END}. Distances within a factor of {LEVEL}
    count as equal. {PAIRED}
    """
    name, matched = "distance, cosine : linear", common.seed_pairs(results, PAIR)
    yield common.paired_quotient(name, ASKED["digits"].number, matched, side=BELOW, margin=common.LEVEL)


@claim("2.4", "Both DDPMs still fall at the end", models=DDPMS)
def still_falling(results: Results) -> Iterator[Effect]:
    """The distances of both DDPMs are still falling at the end.

    We fit a line to the distances over the second half of training. The claim holds if both lines fall.
    """

    def points(one: Training) -> tuple[list[int], list[float]]:
        return [row.epoch for row in one.curve], [row["frechet"].value for row in one.curve]

    for m in DDPMS:
        yield common.slope(results, f"distance ({m})", m, points)


@claim("2.4", "The cosine DDPM's backgrounds are darker", models=DDPMS)
def darker(results: Results) -> Iterator[Effect]:
    """The cosine DDPM draws digits on darker backgrounds.

    The claim holds if the border of the cosine DDPM's samples is darker, {AT_END}. Greys within {GREY} of the
    range from black to white count as equal. {PAIRED}
    """
    at = {"side": BELOW, "margin": GREY, "show": partial(fixed, decimals=3)}
    matched = common.seed_pairs(results, PAIR)
    yield paired_effect(f"grey, cosine {MINUS} linear", late("background"), matched, **at)


@claim("2.4", "Both DDPMs' samples resemble digits", models=DDPMS)
def resemble(results: Results) -> Iterator[Effect]:
    """Both DDPMs generate samples that resemble digits.

    A recogniser accepts 95% of mildly distorted real digits. The claim holds if it also accepts more than
    {MOST:.0%} of the samples of both finished models.
    """
    for m in DDPMS:
        name, at = f"share of digits ({m})", {"side": ABOVE, "bound": MOST, "show": percent}
        yield effect(name, results, last("digit"), results.all_of(m), LOGIT, **at)


@claim("2.4", "The cosine DDPM's are more realistic", models=DDPMS)
def more_realistic(results: Results) -> Iterator[Effect]:
    """The cosine DDPM's samples are more realistic on average.

    The claim holds if the recogniser accepts a larger share of the cosine DDPM's samples. Shares within
    {IN_POINTS:.0f} points count as equal. {PAIRED} The two DDPMs that Vrikkis (2024) published count as one
    more pair.
    """
    name = f"share of digits (points), cosine {MINUS} linear"
    at = {"margin": common.POINTS, "show": common.points1}
    ours = common.seed_pairs(results, PAIR)
    yield paired_effect(name, last("digit"), ours + published_pair(results), **at)
    yield paired_effect(f"{name}, our runs alone", last("digit"), ours, **at | {"side": None})


def published_pair(results: Results) -> list[tuple[Training, Training]]:
    """The two DDPMs whose weights Vrikkis (2024) published; empty if they are not measured."""
    original = results.beside.get("original")
    published = [original.all_of(m) if original else [] for m in PAIR]
    return [pair for pair in zip(*published, strict=True) if all("digit" in one.final for one in pair)]
