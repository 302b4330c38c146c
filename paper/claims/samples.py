"""Claims of Section 3.3 of the original study, about distances and classes of the zoom's samples."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from paper.answer import DDPMS, GRADES
from paper.claims import common
from paper.claims.effects import ABOVE, BELOW, WITHIN, Effect
from paper.claims.judge import beyond, claim, effect
from report.pages.text_format import fixed
from report.results.definitions import SETTLED
from report.results.scatter import FISHER, LOG, Measure, NotMeasured, Number, late
from report.results.table import Samples
from report.results.views import Results, Training

FOLLOWS = 0.5  # a larger correlation matters
IN_WORDS = f"{', '.join(f'{grade:g}' for grade in GRADES[:-1])} and {GRADES[-1]:g}"
NEARLY_ABSENT = 0.2  # "missing or nearly so" means less than this part of the share among real images
CURED = 0.5  # if a bias falls below this part, the removed cause explains most of it
TRAINED_ON_NOISE = {  # models of the release `beyond`
    "original network, trained on noise": "zoom_noise",
    "U-Net, trained on noise": "zoom_unet_noise",
}


# --- distances ---


def beside(results: Results, pair: common.Pair) -> Iterator[Effect]:
    """Effects to show with the ratio of the distances: without the class mix, and with few network calls."""
    groups = {m: results.all_of(m) for m in pair}
    calls = min(one.drawn[0][0].calls for group in groups.values() for one in group)

    def reweighted(one: Training) -> float:
        return one.final["mix_reweighted"].value

    def best(one: Training) -> float:
        drawn = [(how.calls, row) for how, row in one.drawn if not how.clip_x0]
        return best_of(drawn, calls)

    for name, number in (("without the class mix", reweighted), (f"with {calls} calls", best)):
        yield common.quotient(results, name, number, groups, side=None)


def best_of(ways: Sequence[tuple[int, Samples]], most: int) -> float:
    """The smallest distance with the largest number of network calls that does not exceed `most`."""
    calls = max(n for n, _ in ways if n <= most)
    return min(row["frechet"].value for n, row in ways if n == calls)


@claim("3.3, Fig. 13", "Zoom and linear DDPM are comparable", models=("zoom", "linear"))
def comparable(results: Results) -> Iterator[Effect]:
    """Cold Zoom Diffusion and the linear DDPM reach comparable distances.

    The original study names no threshold. We report the smallest of the factors {IN_WORDS} that the interval
    of the ratio stays within; the ratio compares distances {AT_END}. If the whole interval lies outside the
    largest factor, the claim does not hold.
    """
    yield common.ratio(results, ("zoom", "linear"), side=WITHIN, grades=GRADES)
    yield from beside(results, ("zoom", "linear"))


@claim("3.3, Fig. 13", "The cosine DDPM ends below the zoom", models=("zoom", "cosine"))
def cosine_below_zoom(results: Results) -> Iterator[Effect]:
    """The cosine DDPM ends with a lower distance than Cold Zoom Diffusion.

    The claim holds if the cosine DDPM has the lower distance, {AT_END}. Distances within a factor of {LEVEL}
    count as equal.
    """
    yield common.ratio(results, ("cosine", "zoom"), side=BELOW, margin=common.LEVEL)
    yield from beside(results, ("cosine", "zoom"))


@claim("3.3", "The distance is blind to the class mix", models=("zoom",))
def distance_blind(results: Results) -> Iterator[Effect]:
    """The distance does not capture how varied the samples are.

    We test one aspect of variety, the mix of classes, and distances in features of digits. The claim holds if
    the zoom's distance correlates with the divergence of its classes by less than {FOLLOWS}. Checkpoints
    count after the first {SETTLED:.0%} of training.
    """

    def correlation(one: Training) -> float:
        rows = [row for row in one.curve if row.epoch > SETTLED * one.train.unread["epochs"]]
        return float(np.corrcoef(*([row[m].value for row in rows] for m in ("frechet", "divergence")))[0, 1])

    at = {"side": BELOW, "bound": FOLLOWS, "show": fixed}
    yield effect("correlation with the class mix", results, correlation, results.all_of("zoom"), FISHER, **at)


# --- classes and variety ---


@claim("Abstract, 3.3, 4", "The zoom is biased to certain digits", models=("zoom",))
def biased(results: Results) -> Iterator[Effect]:
    """The zoom model is biased towards certain digits.

    The claim holds if the classes of its samples diverge more from the classes of real images than chance
    explains, {AT_END}. Chance is the divergence of as many real images.
    """
    zooms = results.all_of("zoom")
    floor = zooms[0].real["divergence_floor"]
    n = zooms[0].measured.facts.settings.n_checkpoint
    score = (floor.value + 2 * floor.sd) * max(1.0, floor.n / n)  # of n labels it falls as 1 / n
    at = {"side": ABOVE, "bound": score, "show": fixed}
    yield effect("divergence (nats)", results, late("divergence"), zooms, LOG, **at)


@claim("3.3", "The zoom's samples are less varied", models=("zoom", *DDPMS))
def less_varied(results: Results) -> Iterator[Effect]:
    """The zoom model's samples are less varied than the samples of the DDPMs.

    We measure variety within a class, among samples that the recogniser accepts: their variance in the
    autoencoder's features, divided by the variance of real digits of that class. The claim holds if the
    zoom's variance is below the variance of either DDPM.
    """
    if not (job := results.jobs.get("variety")):
        raise NotMeasured("the variety within a class is not measured")

    def variance(one: Training) -> float:
        return job[one.name]["variance_in_class"].value

    for m in DDPMS:
        groups = {model: results.all_of(model) for model in ("zoom", m)}
        yield common.quotient(results, f"variance within a class, zoom : {m}", variance, groups, side=BELOW)


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


@claim("3.3, Fig. 14", "The zoom favours 1, 8, 9 and misses 2 to 5", models=("zoom",))
def favours(results: Results) -> Iterator[Effect]:
    """The zoom model's samples favour 1, 8 and 9; the digits 2, 3, 4 and 5 are missing or nearly so.

    We count samples that the classifier reads with confidence, because Vrikkis (2024) looks at good samples.
    The claim holds if 1, 8 and 9 together are more frequent than among real images, {AT_END}. The digits 2 to
    5 together must have less than {NEARLY_ABSENT} of their real share.
    """
    for which, side, part in (((1, 8, 9), ABOVE, 1.0), ((2, 3, 4, 5), BELOW, NEARLY_ABSENT)):
        name = f"share of {', '.join(map(str, which))}, over real"
        at = {"side": side, "bound": part, "show": fixed}
        yield effect(name, results, over_real(which), results.all_of("zoom"), LOG, **at)


Ways = Callable[[Training], tuple[Samples, Sequence[Samples]]]  # samples without noise, and with noise


def cured(results: Results, name: str, trainings: list[Training], ways: Ways) -> Effect:
    """The effect of the ratio of divergences: with the best amount of noise, over without noise."""

    def left(one: Training) -> float:
        still, noisy = ways(one)
        return min(row["divergence"].value for row in noisy) / still["divergence"].value

    name = f"divergence with noise : without ({name})"
    at = {"side": BELOW, "bound": CURED, "ratio": True, "show": partial(fixed, decimals=3)}
    return effect(name, results, left, trainings, LOG, **at)


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


@claim("Abstract, 3.3, 4", "The bias comes from a lack of randomness", models=("zoom",))
def lack_of_randomness(results: Results) -> Iterator[Effect]:
    """The bias comes from the lack of randomness in the reconstruction.

    We add noise in every step of sampling and take the strength and kind that serve best among those tried.
    The claim holds if this noise brings the divergence of the classes below {CURED:g} times its value without
    noise. This must be true of Vrikkis's model, and of our models that were trained on noise.
    """
    yield cured(results, "trained without noise", results.all_of("zoom"), as_trained)
    for name, model in TRAINED_ON_NOISE.items():
        yield cured(results, name, beyond(results, model), trained_on_noise)
