"""Claims of Section 3.3 of the original study, about distances and classes of the zoom's samples."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from paper.claims import common
from paper.claims.effects import ABOVE, BELOW, WITHIN, Effect
from paper.claims.judge import claim
from paper.question import PAIR
from report.pages.text_format import MINUS
from report.results.definitions import SETTLED
from report.results.scatter import FISHER, LOG, Measure, NotMeasured, Number, late, over
from report.results.table import Samples
from report.results.views import Results, Training

FOLLOWS = 0.5  # a larger correlation matters
NEARLY_ABSENT = 0.2  # "missing or nearly so" means less than this part of the share among real images
CURED = 0.5  # if a bias falls below this part, the removed cause explains most of it
TRAINED_ON_NOISE = {  # models of the release `beyond`
    "trained with noise": "zoom_noise",
    "U-Net, trained with noise": "zoom_unet_noise",
}


# --- distances ---


@claim("3.3, Fig. 13", "Zoom and linear DDPM are comparable")
def comparable(results: Results) -> Iterator[Effect]:
    """Cold Zoom Diffusion and the linear DDPM reach comparable distances.

    The ratio of their distances over late checkpoints lies within a factor of {GRADES_IN_WORDS}; the verdict
    names the smallest.
    """

    def reweighted(one: Training) -> float:
        return one.final["mix_reweighted"].value

    found = common.mean(results, common.DISTANCE, *PAIR, scale=LOG)
    yield common.ratio("distance, zoom : linear", found, WITHIN, common.GRADES)
    yield common.ratio("with real class shares", common.mean(results, reweighted, *PAIR, scale=LOG), None)


@claim("3.3, Fig. 13", "The cosine DDPM ends below the zoom")
def cosine_below_zoom(results: Results) -> Iterator[Effect]:
    """The cosine DDPM ends with a lower distance than Cold Zoom Diffusion.

    Its distance over late checkpoints is lower. A factor of {LEVEL} does not matter.
    """
    found = common.mean(results, common.DISTANCE, "cosine", "zoom", scale=LOG)
    yield common.ratio("distance, cosine : zoom", found, BELOW, (common.LEVEL,))


@claim("3.3", "The distance does not respond to the class mix", scope="with digit features")
def distance_blind(results: Results) -> Iterator[Effect]:
    """The distance does not capture how varied the samples are.

    Over checkpoints after the first {SETTLED:.0%} of training, it correlates with the divergence by less than
    {FOLLOWS}.
    """

    def correlate(measure: str, one: Training) -> float:
        rows = [row for row in one.curve if row.epoch > SETTLED * one.train.unread["epochs"]]
        return float(np.corrcoef(*([row[m].value for row in rows] for m in (measure, "divergence")))[0, 1])

    measures = {"digit": ("frechet", BELOW), "autoencoder": ("frechet_autoencoder", None)}
    for kind, (measure, side) in measures.items():
        zooms = [one for one in results.all_of("zoom") if all(measure in row for row in one.curve)]
        if zooms:
            found = over(results, partial(correlate, measure), {"zoom": zooms}, FISHER)
            yield Effect(f"correlation with {kind} features", found, side, FOLLOWS)


# --- classes and variety ---


@claim("Abstract, 3.3, 4", "The zoom is biased to certain digits")
def biased(results: Results) -> Iterator[Effect]:
    """The zoom model is biased towards certain digits.

    Over late checkpoints, its divergence exceeds the divergence of as many real images, and of the linear
    DDPM's samples.
    """
    first, divergence = results.first("zoom"), late("divergence")
    floor, n = first.real["divergence_floor"], first.measured.facts.settings.n_checkpoint
    chance = (floor.value + 2 * floor.sd) * max(1.0, floor.n / n)  # of n labels it falls as 1 / n
    yield Effect("divergence (nats)", common.mean(results, divergence, "zoom", scale=LOG), ABOVE, chance)
    yield common.ratio("zoom : linear", common.mean(results, divergence, *PAIR, scale=LOG), ABOVE)


@claim("3.3", "The zoom's samples are less varied")
def less_varied(results: Results) -> Iterator[Effect]:
    """The zoom model's samples are less varied than the samples of the DDPMs.

    Variance within a class (autoencoder features), recall and coverage (late checkpoints) are below the
    linear DDPM's. {IN_POINTS} points do not matter.
    """
    if not (job := results.jobs.get("variety")):
        raise NotMeasured("the variety within a class is not measured")
    variance = common.mean(results, lambda one: job[one.name]["variance_in_class"].value, *PAIR, scale=LOG)
    yield common.ratio("variance within a class, zoom : linear", variance, BELOW)
    for measure in ("recall", "coverage"):
        found = common.mean(results, late(measure), *PAIR)
        yield Effect(f"{measure}, zoom {MINUS} linear", found, BELOW, 0.0, (common.POINTS,))


def classes(which: Sequence[int]) -> Measure:
    """A measure: the share of several classes among the recognised samples."""

    def measure(row: Samples) -> float:
        shares = [row.at("recognised_share", c) for c in which]
        if not shares[0].n:
            raise NotMeasured("no sample is read with confidence")
        return sum(share.value for share in shares)

    return measure


def over_real(which: Sequence[int]) -> Number:
    """The share of several classes at the end of training, divided by their share among real images."""

    def number(training: Training) -> float:
        real = sum(training.real.at("recognised_share", digit).value for digit in which)
        return late(classes(which))(training) / real

    return number


@claim("3.3, Fig. 14", "The zoom favours 1, 8, 9 and misses 2 to 5")
def favours(results: Results) -> Iterator[Effect]:
    """The zoom model's samples favour 1, 8 and 9; the digits 2, 3, 4 and 5 are missing or nearly so.

    Among confident samples of late checkpoints, 1, 8 and 9 exceed their real share, and 2 to 5 have less
    than {NEARLY_ABSENT} of it.
    """
    for which, side, part in (((1, 8, 9), ABOVE, 1.0), ((2, 3, 4, 5), BELOW, NEARLY_ABSENT)):
        found = common.mean(results, over_real(which), "zoom", scale=LOG)
        yield Effect(f"share of {', '.join(map(str, which))}, over real", found, side, part)


Ways = Callable[[Training], tuple[Samples, Sequence[Samples]]]  # samples without noise, and with noise


def cured(results: Results, name: str, trainings: list[Training], ways: Ways) -> Effect:
    """The effect of the ratio of divergences: with the best amount of noise, over without noise."""

    def left(one: Training) -> float:
        still, noisy = ways(one)
        return min(row["divergence"].value for row in noisy) / still["divergence"].value

    found = over(results, left, {trainings[0].model: trainings}, LOG)
    return common.ratio(f"divergence, noise : none{name}", found, BELOW, bound=CURED)


def as_trained(one: Training) -> tuple[Samples, list[Samples]]:
    """Samples of a model of the original study: its own, and variants with noise in as many calls."""
    (own, still), *others = one.drawn
    if not (noisy := [row for how, row in others if how.noise and how.calls == own.calls]):
        raise NotMeasured("no variant of the zoom with noise is measured")
    return still, noisy


def trained_on_noise(one: Training) -> tuple[Samples, list[Samples]]:
    """Samples of a model that adds noise by default: without noise, and with each kind of noise."""
    options = {way: how.get("sampler_options", {}) for way, how in one.changes.items()}
    noisy = [way for way, given in options.items() if given.get("noise") or given.get("grey_noise")]
    return one.measured["still"], [one.final, *(one.measured[way] for way in noisy)]


@claim("Abstract, 3.3, 4", "The bias comes from a lack of randomness")
def lack_of_randomness(results: Results) -> Iterator[Effect]:
    """The bias comes from the lack of randomness in the reconstruction.

    The best sampling noise lowers the divergence below {CURED:g} times its value, in the original zoom and in
    two trained with noise.
    """
    yield cured(results, "", results.all_of("zoom"), as_trained)
    for name, model in TRAINED_ON_NOISE.items():
        yield cured(results, f" ({name})", common.beyond(results, model), trained_on_noise)
