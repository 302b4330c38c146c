"""Measures of how surely the classifier reads images, and which samples to show as good and bad ones.

The evaluator takes them of every set of images once this module is imported.
"""

import math

import torch
from torch import Tensor

from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.measures import register
from diffusion.evaluation.statistics import Interval, share_of
from diffusion.runtime import generator

# Share of real test images below the confidence that an image needs. A rule at 1 % would be laxer,
# and useless: it lets uniform noise pass as digits.
LOW_CONFIDENCE = 0.05


@register(threshold=("probability", "of the class that is read, which 95 % of the test images have at least"))
def threshold(evaluator: Evaluator) -> float:
    """The confidence below which a share of `LOW_CONFIDENCE` of the test images lies."""
    return float(evaluator.test.confidence.quantile(LOW_CONFIDENCE))


@register(
    lambda seen: seen.confidence is not None and (seen.confidence, threshold(seen.evaluator)),
    low_confidence=("share", "samples that the classifier reads less surely than 95 % of the test images"),
)
def low_confidence(confidence: Tensor, least: float) -> Interval:
    """The share of confidences (N,) below the least that an image needs."""
    return share_of(confidence < least)


@register(
    lambda seen: (
        seen.labels is not None
        and (seen.labels[seen.confidence >= threshold(seen.evaluator)], seen.evaluator.classes)
    ),
    recognised_share=("share", "of each class among the samples that are read surely enough"),
)
def recognised(labels: Tensor, classes: int) -> list[Interval]:
    """Shares of the classes in labels (N,), integers from 0, which may be none."""
    counts, n = labels.bincount(minlength=classes).tolist(), len(labels)
    return [Interval(count / max(n, 1), n=n) for count in counts]


def rank_by_quality(confidence: Tensor, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Indices (n,) of high-quality and of low-quality samples; the two share none.

    They are drawn at random from the tenth of the N samples of which the classifier is surest, and from the
    tenth of which it is least sure, or from the n best or worst, at most half of all.
    """
    pool = min(max(n, math.ceil(len(confidence) / 10)), len(confidence) // 2)
    order = confidence.argsort(descending=True, stable=True)
    high, low = (
        torch.randperm(pool, generator=generator(seed, "quality", side))[:n] for side in ("high", "low")
    )
    return order[:pool][high], order[-pool:][low]
