"""Claims of the study's Section 3.3 about the zoom model's samples and their distances."""

import math

import numpy as np

from diffusion.evaluation import statistics
from diffusion.evaluation.interval import Interval
from report.claims.common import (
    ALL,
    AT_END,
    COMPARABLE,
    LEFT_OUT,
    NOT_MEASURED,
    TOO_FEW,
    ZOOM,
    distances,
    gap,
    points,
    ratio,
    said,
    two,
)
from report.claims.looks import more_low_confidence
from report.study import DDPMS
from report.text_format import MINUS, fixed, integer
from report.verdicts.case import (
    Case,
    Measure,
    coverage,
    divergence,
    low_confidence,
    mean_of,
    recall,
)
from report.verdicts.effects import ABOVE, BELOW, WITHIN, Effect, consensus
from report.verdicts.judge import DISTANCE, SAMPLED, Finding, claim
from study.records import SETTLED

NATS = 0.05  # a difference of divergences that does not matter
FOLLOWS = 0.5  # a correlation below this is none that matters
OVERLAP = "The first edition asked whether intervals overlap, and wanted the last checkpoint to say the same."


@claim(
    "3.3",
    "Started from independent pixels, samples are not always digits.",
    short="The zoom draws some that are no digits",
    rule=f"{AT_END.capitalize()} the low-confidence share of the samples is above that of real images; "
    "low confidence stands in for being no digit.",
    fails="It is below.",
    changed=LEFT_OUT,
    **ZOOM | SAMPLED,
)
def zoom_not_digits(case: Case) -> Finding:
    return more_low_confidence(case, ("zoom",))


# --- where sampling starts ---


def _priors(case: Case, measure: Measure, name: str, what: str, **more: object) -> Finding:
    """A claim on the difference of a measure, from pixels minus from patches, at the end of training."""
    measured = case["zoom"].measure
    if (prior := measured.ablations.prior) is None:
        return NOT_MEASURED
    patches = {row.epoch: measure(row) for row in prior.curve}
    late = (measure(row).minus(patches[row.epoch]) for row in measured.late() if row.epoch in patches)
    last = [measure(side) for side in (prior.independent, prior.patches)]
    found = mean_of(late) or last[0].minus(last[1])
    effect = Effect(f"{name}, pixels {MINUS} patches", found, **more)
    text = (
        f"{what} {' and '.join(fixed(one.value) for one in last)} from pixels and from patches at the last "
        f"checkpoint; {AT_END} a difference of {effect.shown()}."
    )
    return Finding(text, effect)


@claim(
    "3.3",
    "Starting from independent pixels reduces the bias.",
    short="Independent pixels reduce the bias",
    rule=f"Against a start from patches of real images the divergence of the classes is lower {AT_END}, by "
    "the 95% interval of the difference.",
    fails="It is higher.",
    margin=f"{NATS} nats",
    changed=f"{OVERLAP} It asked for less bias and more variety at once.",
    **ZOOM | SAMPLED,
)
def pixels_less_biased(case: Case) -> Finding:
    return _priors(case, divergence, "divergence", "Divergence of the classes", side=BELOW, margin=NATS)


@claim(
    "3.3",
    "Starting from independent pixels adds variety.",
    short="Independent pixels add variety",
    rule=f"Against a start from patches of real images the recall is higher {AT_END}, by the 95% interval of "
    "the difference.",
    fails="It is lower.",
    changed=f"{OVERLAP} It asked for more coverage too, which rewards fidelity.",
    **ZOOM | SAMPLED,
)
def pixels_more_varied(case: Case) -> Finding:
    return _priors(case, recall, "recall", "Recall", side=ABOVE)


@claim(
    "3.3",
    "Starting from independent pixels gives more samples that are no digits.",
    short="Independent pixels give more non-digits",
    rule="Against a start from patches of real images the low-confidence share is higher "
    f"{AT_END}, by the 95% interval of the difference.",
    fails="It is lower.",
    changed=OVERLAP,
    **ZOOM | SAMPLED,
)
def pixels_no_digit(case: Case) -> Finding:
    return _priors(case, low_confidence, "low confidence (points)", "Low-confidence share", show=points)


# --- distances ---


@claim(
    "3.3, Fig. 13",
    "Cold Zoom Diffusion and the linear DDPM reach comparable distances.",
    short="Zoom and linear DDPM are comparable",
    rule=f"{AT_END.capitalize()} the 95% interval of the ratio of the distances lies within a factor of "
    f"{COMPARABLE}, in all features at hand.",
    fails="It lies outside.",
    changed="The first edition derived the ratio from the ends of two intervals, and wanted the last "
    "checkpoint to say the same.",
    models=("linear", "zoom"),
    **DISTANCE,
)
def comparable(case: Case) -> Finding:
    pair = ("zoom", "linear")
    return Finding(distances(case, pair), ratio(case, pair, WITHIN))


@claim(
    "3.3, Fig. 13",
    "The cosine DDPM ends with a lower distance than Cold Zoom Diffusion.",
    short="The cosine DDPM ends below the zoom",
    rule=f"{AT_END.capitalize()} the ratio of the distances is below 1 by its 95% interval, in all features "
    "at hand.",
    fails="It is above 1.",
    margin=f"a factor of {COMPARABLE}",
    changed="The first edition asked for the lowest distance of the three, and so the comparison with the "
    "linear DDPM a second time.",
    models=("cosine", "zoom"),
    **DISTANCE,
)
def cosine_below_zoom(case: Case) -> Finding:
    pair = ("cosine", "zoom")
    return Finding(distances(case, pair), ratio(case, pair, BELOW))


def correlation(x: list[float], y: list[float]) -> Interval:
    """Pearson's correlation of at least four pairs, with Fisher's interval."""
    r, error = float(np.corrcoef(x, y)[0, 1]), statistics.Z / math.sqrt(len(x) - 3)
    z = math.atanh(min(max(r, -0.999999), 0.999999))
    return Interval(r, math.tanh(z - error), math.tanh(z + error))


@claim(
    "3.3",
    "The distance does not capture how varied the samples are.",
    short="The distance does not capture variability",
    rule=f"After the first {SETTLED:.0%} of training the zoom model's distance correlates with the "
    f"divergence of its classes, checkpoint by checkpoint, by less than {FOLLOWS}: the 95% interval lies "
    "below.",
    fails="It lies above.",
    changed=LEFT_OUT,
    **ZOOM | DISTANCE | {"late": False},
)
def distance_blind(case: Case) -> Finding:
    measured = case["zoom"].measure
    rows = [row for row in measured.curve if row.epoch > SETTLED * measured.final.epoch]
    distances = [row.frechet.value for row in rows]
    if len(rows) < 5 or len(set(distances)) < 2:
        return TOO_FEW
    found = correlation(distances, [row.classes.divergence.value for row in rows])
    effect = Effect("correlation with the class mix", found, BELOW, FOLLOWS, show=fixed)
    text = f"Correlation of distance and divergence of the classes over {integer(len(rows))} checkpoints"
    return Finding(f"{text}: {effect.shown()} in digit features.", effect)


# --- variety ---


@claim(
    "3.3",
    "The zoom model's samples reach less of the data than those of the DDPMs.",
    short="The zoom reaches less of the data",
    rule=f"{AT_END.capitalize()} its recall and its coverage are lower than those of either DDPM, by the "
    "95% intervals of the differences. Neither is enough alone: recall flatters scattered samples, coverage "
    "asks for fidelity too.",
    fails="Both are higher.",
    changed=f"{OVERLAP} It also asked for the mix of classes here.",
    models=(*DDPMS, "zoom"),
    **SAMPLED,
)
def less_reach(case: Case) -> Finding:
    effects, parts = [], []
    for name, measure in (("recall", recall), ("coverage", coverage)):
        effects += [gap(case, ("zoom", m), measure, name, side=BELOW, show=fixed) for m in DDPMS]
        parts.append(f"{name} {said(case, ALL, measure, two)}")
    return Finding(f"{AT_END.capitalize()}: {'; '.join(parts)}.", *effects, combine=consensus)
