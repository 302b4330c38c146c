"""What a set of samples looks like beyond one distance, with intervals and with real images beside it.

Which classes it holds, how many images are no digit, how dark their background is, how much of the variety of
real digits it covers; and which samples to show as good and bad ones. Where the data set is another one than
MNIST, "digit" stands for an image of one of its classes.

Labels and confidence are the digit classifier's. Every function is a function of its arguments and its seed.
"""

import math

import torch
from torch import Tensor

from diffusion import classifier
from diffusion.backgrounds import background, background_gap, border
from diffusion.class_balance import class_balance, divergence_floor, shares
from diffusion.extractors import check_uint8
from diffusion.intervals import wilson
from diffusion.randomness import generator
from diffusion.variety import variety

__all__ = [
    "QUALITY_RULE",
    "background",
    "background_gap",
    "border",
    "class_balance",
    "divergence_floor",
    "not_digit",
    "not_digit_threshold",
    "predict",
    "rank_by_quality",
    "shares",
    "value_range",
    "variety",
]

OUTSIDE = 0.05  # of the range of 1: what a pixel may leave it by
NOT_DIGIT_QUANTILE = 0.05  # share of real test images below the threshold, by construction

QUALITY_RULE = (
    "High-quality samples are drawn at random (seeded) from the tenth of all samples about which the "
    "classifier is most confident, low-quality samples from the tenth about which it is least confident; "
    "confidence is the largest of the ten class probabilities."
)


def predict(images: Tensor, model: classifier.DigitClassifier | None = None) -> tuple[Tensor, Tensor]:
    """Labels (N,) int64 and confidence (N,) float64 in (0.1, 1] of uint8 images (N, 1, 28, 28).

    Args:
        model: None: the shipped digit classifier.
    """
    check_uint8(images)
    logits = classifier.logits(model or classifier.load(), images.float() / 255 - 0.5)
    # In float32 the probability of a clear digit may round to exactly 1, and ties could not be ranked.
    confidence, labels = logits.double().softmax(1).max(1)
    return labels, confidence


def not_digit_threshold(real_confidence: Tensor) -> float:
    """The confidence that 5 % of real images stay below: the rule that fixes what is called no digit."""
    return float(_confidence(real_confidence).quantile(NOT_DIGIT_QUANTILE))


def not_digit(confidence: Tensor, threshold: float) -> dict[str, float]:
    """Share of images that the classifier reads less confidently than `threshold`.

    The threshold comes from `not_digit_threshold` of real test images, so the real share is 5 % there by
    construction. A rule at 1 % would be laxer, and useless: it lets uniform noise pass as digits.

    Args:
        confidence: (N,) from `predict`.

    Returns:
        {"share", "low", "high" (Wilson), "threshold"}.
    """
    confidence = _confidence(confidence)
    count = int((confidence < threshold).sum())
    low, high = wilson(count, len(confidence))
    return {"share": count / len(confidence), "low": low, "high": high, "threshold": float(threshold)}


def rank_by_quality(confidence: Tensor, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Indices of n high-quality and n low-quality samples, by `QUALITY_RULE`; the two share none.

    Args:
        confidence: (N,) from `predict`, or logits (N, 10).
        n: how many of each; where a tenth of the samples is fewer, the pool is the n best or worst.

    Returns:
        high (n,) and low (n,), int64, each in random order.

    Raises:
        ValueError: n outside 1..N/2, or numbers that are no confidences.
    """
    if confidence.ndim == 2:
        confidence = confidence.double().softmax(1).amax(1)
    confidence = _confidence(confidence)
    if not 1 <= n <= len(confidence) // 2:
        raise ValueError(f"n is {n}; allowed: 1 to {len(confidence) // 2}, half of the samples")
    pool = max(n, math.ceil(len(confidence) / 10))
    pool = min(pool, len(confidence) // 2)
    order = confidence.argsort(descending=True, stable=True)
    pick_high, pick_low = (
        torch.randperm(pool, generator=generator(seed, "quality", side))[:n] for side in ("high", "low")
    )
    return order[:pool][pick_high], order[-pool:][pick_low]


def value_range(samples: Tensor) -> dict[str, float]:
    """How far raw samples leave [-0.5, 0.5]: {"outside", "minimum", "maximum"}.

    "outside" is the share of pixels that do so by more than `OUTSIDE`: a background predicted a hair below
    black is no fault, and any regression puts half of its pixels there.

    Raises:
        ValueError: samples that are not floating point, not finite, or none at all.
    """
    if not samples.is_floating_point() or not samples.numel() or not samples.isfinite().all():
        raise ValueError("the samples must be floating point, finite and not empty, in model units")
    outside = (samples.abs() > 0.5 + OUTSIDE).double().mean().item()
    return {"outside": outside, "minimum": samples.min().item(), "maximum": samples.max().item()}


def _confidence(confidence: Tensor) -> Tensor:
    if confidence.ndim != 1 or len(confidence) < 2 or not confidence.is_floating_point():
        raise ValueError(
            f"confidence: {tuple(confidence.shape)} of {confidence.dtype}; needed: (N,) floats, N at least 2"
        )
    if not ((confidence >= 0) & (confidence <= 1)).all():  # a NaN fails this as well
        raise ValueError("confidence must lie in [0, 1]; give class probabilities, not logits")
    return confidence.detach().cpu().double()
