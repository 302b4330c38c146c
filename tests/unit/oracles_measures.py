"""Measures as their sources define them, in numpy and scipy, for tests to compare with.

Nothing of the project is imported. Images are ink, 0 black to 1 white; features are (N, D).
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import linalg, ndimage, stats
from scipy.spatial.distance import cdist


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Heusel et al. (2017), Eq. (6): |mu - mu'|^2 + tr(S + S' - 2 (S S')^(1/2))."""
    s, t = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    root = np.sqrt(linalg.eigvals(s @ t).real.clip(0)).sum()  # the trace of the matrix's root
    return float(np.square(a.mean(0) - b.mean(0)).sum() + np.trace(s) + np.trace(t) - 2 * root)


def radii(x: np.ndarray, k: int) -> np.ndarray:
    """The distance of each point to its k-th neighbour, itself not counted."""
    return np.array([np.sort(np.delete(row, i))[k - 1] for i, row in enumerate(cdist(x, x))])


def precision_recall_coverage(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    """Kynkäänniemi et al. (2019), Eqs. (1) and (2), k = 3; Naeem et al. (2020), Eq. (7), k = 5."""
    between = cdist(real, fake)
    return {
        "precision": float((between <= radii(real, 3)[:, None]).any(0).mean()),
        "recall": float((between <= radii(fake, 3)).any(1).mean()),
        "coverage": float((between <= radii(real, 5)[:, None]).any(1).mean()),
    }


# --- intervals at 95% ---


def wilson(count: int, n: int) -> tuple[float, float]:
    """Wilson (1927): shares p for which the count is within z standard deviations of n p."""
    z = stats.norm.ppf(0.975)
    middle, half = count + z**2 / 2, z * np.sqrt(count * (n - count) / n + z**2 / 4)
    return (middle - half) / (n + z**2), (middle + half) / (n + z**2)


def basic_interval(estimate: float, draws: Sequence[float]) -> tuple[float, float]:
    """Davison & Hinkley (1997), Eq. (5.6): quantiles of the error turned round, here of a number >= 0."""
    below, above = np.quantile(draws, [0.025, 0.975]) - np.mean(draws)
    return float(np.clip(estimate - above, 0, estimate)), max(estimate, float(estimate - below))


def welch(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """Welch (1947): the interval of the difference of two means, of unequal variances."""
    parts = [(np.var(x, ddof=1) / len(x), len(x) - 1) for x in (a, b)]
    variance = sum(v for v, _ in parts)
    freedom = variance**2 / sum(v**2 / df for v, df in parts)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    return np.mean(a) - np.mean(b) - half, np.mean(a) - np.mean(b) + half


# --- digits ---


def tidied(ink: np.ndarray) -> np.ndarray:
    """An image (28, 28) on black, moved by whole pixels so that its centre of mass is in the middle.

    Its background is the median of the three rows at the top and the three at the bottom.
    """
    rows = np.sort(ink[[0, 1, 2, 25, 26, 27]].ravel())
    background = rows[(len(rows) - 1) // 2]  # torch's median of an even number: the lower one
    clean = np.clip((ink - background) / max(1 - background, 0.1), 0, 1)
    centre = ndimage.center_of_mass(clean) if clean.sum() > 1e-6 else (13.5, 13.5)
    return np.roll(clean, [-round(place - 13.5) for place in centre], (0, 1))


def nearness(x: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Minus the logarithm of the distance to the fifth nearest of `near` over the image's own length."""
    return -np.log((np.sort(cdist(x, near), 1)[:, 4] + 1e-6) / np.linalg.norm(x, axis=1).clip(1e-6))


def digit_scores(ink: np.ndarray, near: np.ndarray, features: Callable) -> np.ndarray:
    """Nearness of images (N, 28, 28) to digits (M, 28, 28), in features of tidied images and in pixels.

    The pixels are blurred by a Gaussian of one pixel, and every second is taken, but for the edge.
    """
    tidy, tidy_near = (np.stack([*map(tidied, x)]) for x in (ink, near))
    coarse = [
        ndimage.gaussian_filter(x, (0, 1, 1), truncate=3, mode="mirror")[:, 2:26:2, 2:26:2].reshape(
            len(x), -1
        )
        for x in (tidy, tidy_near)
    ]
    return nearness(features(tidy), features(tidy_near)) + nearness(*coarse)


def threshold(scores: np.ndarray) -> float:
    """The score that 95% of the images reach."""
    return float(np.quantile(scores, 0.05))
