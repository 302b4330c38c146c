"""Measures of the classifier's confidence, and a choice of samples with high and low confidence.

Once this module is imported, jobs take these measures of every set of images.
"""

import math

import torch
from torch import Tensor

from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.statistics import Interval, share_of
from diffusion.runtime import generator
from report.measures.registry import register

# Share of real test images below the threshold of confidence. A threshold at 1% would be useless, because
# uniform noise would pass as digits.
LOW_CONFIDENCE = 0.05


@register(threshold=("probability", "confidence that 95% of the test images reach"))
def threshold(evaluator: Evaluator) -> float:
    """The threshold of confidence; a share of `LOW_CONFIDENCE` of the test images is below it."""
    return float(evaluator.test.confidence.quantile(LOW_CONFIDENCE))


@register(
    lambda seen: seen.confidence is not None and (seen.confidence, threshold(seen.evaluator)),
    low_confidence=(
        "share",
        "samples that the classifier reads with less confidence than 95% of test images",
    ),
)
def low_confidence(confidence: Tensor, least: float) -> Interval:
    """The share of confidences (N,) below the threshold `least`."""
    return share_of(confidence < least)


@register(
    lambda seen: (
        seen.labels is not None
        and (seen.labels[seen.confidence >= threshold(seen.evaluator)], seen.evaluator.classes)
    ),
    recognised_share=("share", "share of each class among the samples that are read with confidence"),
)
def recognised(labels: Tensor, classes: int) -> list[Interval]:
    """Shares of the classes in labels (N,), integers from 0; N may be 0."""
    counts, n = labels.bincount(minlength=classes).tolist(), len(labels)
    return [Interval(count / max(n, 1), n=n) for count in counts]


def rank_by_quality(confidence: Tensor, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Indices (n,) of samples with high and with low confidence, without overlap.

    They are drawn at random from the tenth of the N samples with the highest confidence and from the tenth
    with the lowest. If a tenth is fewer than n, from the n best and n worst, but at most from half of all.

    Args:
        confidence: (N,).
        n: number of indices in each group.
        seed: seeds the draw. Default 0.
    """
    pool = min(max(n, math.ceil(len(confidence) / 10)), len(confidence) // 2)
    order = confidence.argsort(descending=True, stable=True)
    high, low = (
        torch.randperm(pool, generator=generator(seed, "quality", side))[:n] for side in ("high", "low")
    )
    return order[:pool][high], order[-pool:][low]
