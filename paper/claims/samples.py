"""Claims of Section 3.3 of the original study, about distances and classes of the zoom's samples."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from paper.answer import DDPMS
from paper.answer import FACTOR as COMPARABLE
from paper.claims import common
from paper.claims.effects import ABOVE, BELOW, WITHIN, Effect
from paper.claims.judge import beyond, claim, effect
from report.pages.text_format import MINUS, fixed
from report.results.definitions import SETTLED
from report.results.scatter import FISHER, LOG, Measure, NotMeasured, Number, late
from report.results.table import Samples
from report.results.views import Results, Training

FOLLOWS = 0.5  # a larger correlation matters
NEARLY_ABSENT = 0.2  # "missing or nearly so" means less than this part of the share among real images
CURED = 0.5  # if a bias falls below this part, the removed cause explains most of it
VARIETY = (  # measures of variety, the side with less variety, and the margin that does not matter
    ("divergence", ABOVE, common.NATS),
    ("recall", BELOW, common.POINTS),
    ("coverage", BELOW, common.POINTS),
)
TRAINED_ON_NOISE = {  # models of the release `beyond`
    "the study's network, trained on noise": "zoom_noise",
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

    {ON_AVERAGE} the ratio of the distances lies within a factor of {COMPARABLE:.0f}.
    """
    yield common.ratio(results, ("zoom", "linear"), WITHIN, COMPARABLE)
    yield from beside(results, ("zoom", "linear"))


@claim("3.3, Fig. 13", "The cosine DDPM ends below the zoom", models=("zoom", "cosine"))
def cosine_below_zoom(results: Results) -> Iterator[Effect]:
    """The cosine DDPM ends with a lower distance than Cold Zoom Diffusion.

    {BELOW_ONE}
    """
    yield common.ratio(results, ("cosine", "zoom"), BELOW)
    yield from beside(results, ("cosine", "zoom"))


@claim("3.3", "The distance is blind to the class mix", models=("zoom",))
def distance_blind(results: Results) -> Iterator[Effect]:
    """The distance does not capture how varied the samples are.

    After the first {SETTLED:.0%} of training the zoom's distance in digit features correlates with the
    divergence of its classes, checkpoint by checkpoint, by less than {FOLLOWS}.
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

    {ON_AVERAGE} the divergence of its classes from those of real images lies above what as many real images
    score.
    """
    zooms = results.all_of("zoom")
    floor = zooms[0].real["divergence_floor"]
    n = zooms[0].measured.facts.settings.n_checkpoint
    score = (floor.value + 2 * floor.sd) * max(1.0, floor.n / n)  # of n labels it falls as 1 / n
    at = {"side": ABOVE, "bound": score, "show": fixed}
    yield effect("divergence (nats)", results, late("divergence"), zooms, LOG, **at)


@claim("3.3", "The zoom's samples are less varied", models=("zoom", *DDPMS), one_thing=True)
def less_varied(results: Results) -> Iterator[Effect]:
    """The zoom model's samples are less varied than those of the DDPMs.

    {ON_AVERAGE} the divergence of its classes is higher than that of either DDPM, and its recall and coverage
    are lower; differences within {NATS} nats or {IN_POINTS:.0f} points do not matter. Recall flatters
    scattered samples, and coverage rewards fidelity: both must agree.
    """
    for measure, side, margin in VARIETY:
        for m in DDPMS:
            name, at = f"{measure}, zoom {MINUS} {m}", {"side": side, "margin": margin, "show": fixed}
            yield common.late_difference(results, name, ("zoom", m), measure, **at)


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
    """The zoom model's samples favour 1, 8 and 9, and miss 2, 3, 4 and 5 or nearly so.

    Among the samples read with confidence (the study looks at its good ones) the first three are together
    more frequent than among real images {AT_END}, and the other four have less than {NEARLY_ABSENT} of their
    share there. Class by class is told beside it.
    """
    for which, side, part in (((1, 8, 9), ABOVE, 1.0), ((2, 3, 4, 5), BELOW, NEARLY_ABSENT)):
        name = f"share of {', '.join(map(str, which))}, over real"
        at = {"side": side, "bound": part, "show": fixed}
        yield effect(name, results, over_real(which), results.all_of("zoom"), LOG, **at)


def extreme_centre(row: Samples) -> float:
    """The share of samples with a dark or a white centre."""
    return row["centre_dark"].value + row["centre_white"].value


@claim("3.3", "The zoom favours dark or white centres", models=("zoom",))
def extreme_centres(results: Results) -> Iterator[Effect]:
    """The zoom model's samples favour digits with a predominantly dark or completely white centre.

    {ON_AVERAGE} more of the samples than of real images have at least {MOSTLY} of their 16 central pixels in
    the lowest or in the highest tenth of the range; a difference within {IN_POINTS:.0f} points does not
    matter.
    """

    def more(one: Training) -> float:
        return late(extreme_centre)(one) - extreme_centre(one.real)

    at = {"margin": common.POINTS, "show": common.points1}
    name = f"extreme centres (points), samples {MINUS} real"
    yield effect(name, results, more, results.all_of("zoom"), **at)


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
    """Samples of a model that is sampled with noise by default: without noise, and with noise."""
    noise = {way: how.get("sampler_options", {}).get("noise") for way, how in one.changes.items()}
    return one.measured["still"], [one.final, *(one.measured[way] for way, sd in noise.items() if sd)]


@claim("Abstract, 3.3, 4", "The bias comes from a lack of randomness", models=("zoom",))
def lack_of_randomness(results: Results) -> Iterator[Effect]:
    """The bias comes from the lack of randomness in the reconstruction.

    Noise added in every step of sampling, of the size that serves best among those tried, brings the
    divergence of the classes below {CURED} of what it is without: with the study's model, and with those
    beyond it that were trained on noise.
    """
    yield cured(results, "as trained by the study", results.all_of("zoom"), as_trained)
    for name, model in TRAINED_ON_NOISE.items():
        yield cured(results, name, beyond(results, model), trained_on_noise)
