"""Claims of the study's Section 3.3 about the zoom model's samples: their distances, and their classes."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from diffusion.evaluation import statistics
from diffusion.evaluation.statistics import Interval
from report.claims import common
from report.departures import DDPMS
from report.effects import ABOVE, BELOW, WITHIN, Effect
from report.judge import Case, Measure, NotMeasured, at_end, claim, late_value
from report.text_format import MINUS, fixed
from study import series
from study.results import SETTLED, Training
from study.scatter import FISHER, LOG, LOGIT
from study.table import Samples

COMPARABLE = 2.0  # distances within this factor of each other are comparable
FOLLOWS = 0.5  # a correlation above this is one that matters
NEARLY_ABSENT = 0.2  # "missing or nearly so" is less than this part of the share among real images
CURED = 0.5  # a bias that falls below this part was mostly caused by what was removed
TRAINED_ON_NOISE = {  # models beyond the study
    "the study's network, trained on noise": "zoom_noise",
    "U-Net, trained on noise": "zoom_unet_noise",
}


# --- distances ---


def fairly(case: Case, pair: tuple[str, str]) -> Iterator[Effect]:
    """The ratio of the distances over all late checkpoints of each, not only those that both have; without
    the class mix; with few network calls. All are told beside it.
    """
    ones = [case[m] for m in pair]
    calls = min(one.drawn[0][0].calls for one in ones)

    def all_late(one: Training) -> Interval:
        return series.mean_of_late(row["frechet"].map(LOG.to) for row in one.late)

    def reweighted(one: Training) -> Interval:
        return one.analysed[""]["mix_reweighted"].map(LOG.to)

    def best(one: Training) -> Interval:
        drawn = [(how.calls, row) for how, row in one.drawn if not how.clip_x0]
        return best_of(drawn, calls).map(LOG.to)

    for name, of in (
        ("over all late checkpoints", all_late),
        ("without the class mix", reweighted),
        (f"with {calls} calls", best),
    ):
        log = of(ones[0]).minus(of(ones[1]))
        yield common.quotient(case, name, log, lambda one, of=of: of(one).value, *ones, side=None)


def best_of(ways: Sequence[tuple[int, Samples]], most: int) -> Interval:
    """The smallest distance of the ways that need the most calls of the network up to this number."""
    calls = max(n for n, _ in ways if n <= most)
    return min((row["frechet"] for n, row in ways if n == calls), key=lambda one: one.value)


@claim("3.3, Fig. 13", "Zoom and linear DDPM are comparable", models=("zoom", "linear"))
def comparable(case: Case) -> Iterator[Effect]:
    """Cold Zoom Diffusion and the linear DDPM reach comparable distances.

    {ON_AVERAGE} the ratio of the distances lies within a factor of {COMPARABLE:.0f}.
    """
    yield common.ratio(case, ("zoom", "linear"), WITHIN, COMPARABLE)
    yield from fairly(case, ("zoom", "linear"))
    yield from common.elsewhere(case, ("zoom", "linear"))


@claim("3.3, Fig. 13", "The cosine DDPM ends below the zoom", models=("zoom", "cosine"))
def cosine_below_zoom(case: Case) -> Iterator[Effect]:
    """The cosine DDPM ends with a lower distance than Cold Zoom Diffusion.

    {BELOW_ONE}
    """
    yield common.ratio(case, ("cosine", "zoom"), BELOW)
    yield from fairly(case, ("cosine", "zoom"))
    yield from common.elsewhere(case, ("cosine", "zoom"))


def correlation(x: list[float], y: list[float]) -> Interval:
    """Pearson's correlation of at least four pairs, with Fisher's interval."""
    r, error = float(np.corrcoef(x, y)[0, 1]), statistics.Z / math.sqrt(len(x) - 3)
    z = math.atanh(min(max(r, -0.999999), 0.999999))
    return Interval(r, math.tanh(z - error), math.tanh(z + error))


@claim("3.3", "The distance is blind to the class mix", models=("zoom",))
def distance_blind(case: Case) -> Iterator[Effect]:
    """The distance does not capture how varied the samples are.

    After the first {SETTLED:.0%} of training the zoom's distance in digit features correlates with the
    divergence of its classes, checkpoint by checkpoint, by less than {FOLLOWS}.
    """

    def found(one: Training) -> Interval:
        rows = [row for row in one.curve if row.epoch > SETTLED * one.final.epoch]
        if len(rows) < series.FEWEST:
            raise NotMeasured("too few checkpoints are measured")
        return correlation(*([row[name].value for row in rows] for name in ("frechet", "divergence")))

    at = {"side": BELOW, "bound": FOLLOWS, "scale": FISHER, "show": fixed}
    yield case.single("correlation with the class mix", found, FISHER, case["zoom"], **at)


# --- classes and variety ---


@claim("Abstract, 3.3, 4", "The zoom is biased to certain digits", models=("zoom",))
def biased(case: Case) -> Iterator[Effect]:
    """The zoom model is biased towards certain digits.

    {ON_AVERAGE} the divergence of its classes from those of real images lies above what as many real images
    score.
    """
    one, floor = case["zoom"], case["zoom"].real["divergence_floor"]
    n = one.measured.facts.settings.get("n_checkpoint") or floor.n
    score = (floor.value + 2 * floor.sd) * max(1.0, floor.n / n)  # of n labels it falls as 1 / n
    at = {"side": ABOVE, "bound": score, "scale": LOG, "show": fixed}
    number = late_value("divergence")
    yield case.effect("divergence (nats)", at_end(one, "divergence"), number, LOG, one, **at)


@claim("3.3", "The zoom's samples are less varied", models=("zoom", *DDPMS), one_thing=True)
def less_varied(case: Case) -> Iterator[Effect]:
    """The zoom model's samples are less varied than those of the DDPMs.

    {ON_AVERAGE} the divergence of its classes is higher than that of either DDPM, and its recall and coverage
    are lower; differences within {NATS} nats or {IN_POINTS:.0f} points do not matter. Recall flatters
    scattered samples, and coverage rewards fidelity: both must agree.
    """
    for measure, of, side, margin in common.VARIETY:
        for m in DDPMS:
            at = {"side": side, "margin": margin, "show": fixed}
            yield common.difference(case, f"{measure}, zoom {MINUS} {m}", ("zoom", m), measure, of, **at)


def classes(which: Sequence[int]) -> Measure:
    """The share of some classes among the recognised samples; without such, its value is None."""

    def measure(row: Samples) -> Interval:
        found = [row.at("recognised_share", c) for c in which]
        if not found[0].n:
            return Interval(None, 0.0, 1.0)
        return series.share(min(1.0, sum(one.value for one in found)), found[0].n)

    return measure


@claim("3.3, Fig. 14", "The zoom favours 1, 8, 9 and misses 2 to 5", models=("zoom",))
def favours(case: Case) -> Iterator[Effect]:
    """The zoom model's samples favour 1, 8 and 9, and miss 2, 3, 4 and 5 or nearly so.

    Among the samples read with confidence (the study looks at its good ones) the first three are together
    more frequent than among real images {AT_END}, and the other four have less than {NEARLY_ABSENT} of their
    share there.
    """
    for which, side, part in (((1, 8, 9), ABOVE, 1.0), ((2, 3, 4, 5), BELOW, NEARLY_ABSENT)):
        real = sum(case["zoom"].real.at("recognised_share", digit).value for digit in which)
        if (found := at_end(case["zoom"], classes(which))).value is None:
            raise NotMeasured("no sample is read with confidence")
        over = found.map(lambda x, real=real: x / real)
        name = f"share of {', '.join(map(str, which))}, over real"
        gains = 1 - found.value  # of the logarithm of a share by its log odds
        at = {"side": side, "bound": part, "scale": LOG, "show": fixed, "gains": gains}
        yield case.effect(name, over, late_value(classes(which)), LOGIT, case["zoom"], **at)


def extreme_centre(row: Samples) -> Interval:
    """The share of samples with a dark or a white centre."""
    dark, white = row["centre_dark"], row["centre_white"]
    return series.share(dark.value + white.value, dark.n)


@claim("3.3", "The zoom favours dark or white centres", models=("zoom",))
def extreme_centres(case: Case) -> Iterator[Effect]:
    """The zoom model's samples favour digits with a predominantly dark or completely white centre.

    {ON_AVERAGE} more of the samples than of real images have at least {MOSTLY} of their 16 central pixels in
    the lowest or in the highest tenth of the range; a difference within {IN_POINTS:.0f} points does not
    matter.
    """
    real = extreme_centre(case["zoom"].real).value
    found = at_end(case["zoom"], extreme_centre)
    at = {"margin": common.POINTS, "show": common.points, "gains": found.value * (1 - found.value)}
    name, more = f"extreme centres (points), samples {MINUS} real", found.map(lambda x: x - real)
    yield case.effect(name, more, late_value(extreme_centre), LOGIT, case["zoom"], **at)


Ways = Callable[[Training], tuple[Samples, Sequence[Samples]]]  # without noise, and with


def cured(case: Case, name: str, one: Training, ways: Ways) -> Effect:
    """The divergence with the noise that serves best, over that without."""

    def found(one: Training) -> Interval:
        still, noisy = ways(one)
        best = min(noisy, key=lambda row: row["divergence"].value)
        return common.logarithm("divergence")(best).minus(common.logarithm("divergence")(still))

    name, at = f"divergence with noise : without ({name})", {"side": BELOW, "bound": CURED}
    at["show"] = partial(fixed, decimals=3)
    return common.quotient(case, name, found(one), lambda one: found(one).value, one, **at)


def as_trained(one: Training) -> tuple[Samples, list[Samples]]:
    """The ways of a model of the study: its own, and those with noise in as many calls."""
    (own, still), *others = one.drawn
    if not (noisy := [row for how, row in others if how.noise and how.calls == own.calls]):
        raise NotMeasured("no way to sample the zoom with noise is analysed")
    return still, noisy


def trained_on_noise(one: Training) -> tuple[Samples, list[Samples]]:
    """The ways of a model that is sampled with noise unless told otherwise."""
    noise = {way: how.get("sampler_options", {}).get("noise") for way, how in one.changes.items()}
    return one.measured["still"], [one.final, *(one.measured[way] for way, sd in noise.items() if sd)]


@claim("Abstract, 3.3, 4", "The bias comes from a lack of randomness", models=("zoom",))
def lack_of_randomness(case: Case) -> Iterator[Effect]:
    """The bias comes from the lack of randomness in the reconstruction.

    Noise added in every step of sampling, of the size that serves best among those tried, brings the
    divergence of the classes below {CURED} of what it is without: with the study's model, and with those
    beyond it that were trained on noise.
    """
    yield cured(case, "as trained by the study", case["zoom"], as_trained)
    for name, model in TRAINED_ON_NOISE.items():
        yield cured(case, name, case.beyond(model), trained_on_noise)
