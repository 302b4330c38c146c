"""The papers' equations in plain NumPy and float64, with which the processes and samplers are compared.

Nothing of `diffusion` is imported here. Images are (n, C, S, S). `predict` is a network, a function of x_t
and t / T. Random numbers are arguments.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

Array = np.ndarray
Predict = Callable[[Array, float], Array]
Degrade = Callable[[Array, int], Array]


# === diffusion ===========================================================================================


def linear(T: int, start: float, end: float) -> list[float]:
    """beta_1..beta_T of Ho et al. (2020)."""
    return [start + (end - start) * (t - 1) / (T - 1) for t in range(1, T + 1)]


def cosine(T: int, s: float, most: float) -> list[float]:
    """beta_1..beta_T of Nichol and Dhariwal (2021), Eq. (17), clipped."""
    f = [math.cos((t / T + s) / (1 + s) * math.pi / 2) ** 2 for t in range(T + 1)]
    return [min(1 - f[t] / f[t - 1], most) for t in range(1, T + 1)]


def cumulative(betas: Sequence[float]) -> list[float]:
    """alpha_bar_0..alpha_bar_T: the variance of the image that is left."""
    kept = [1.0]
    for beta in betas:
        kept.append(kept[-1] * (1 - beta))
    return kept


def noised(x0: Array, t: Sequence[int], eps: Array, alpha_bar: Sequence[float]) -> Array:
    """Ho et al. (2020), Eq. (4), image by image."""
    pairs = zip(x0, t, eps, strict=True)
    return np.stack([math.sqrt(alpha_bar[k]) * x + math.sqrt(1 - alpha_bar[k]) * e for x, k, e in pairs])


def ddpm_loss(predict: Predict, x0: Array, t: Sequence[int], eps: Array, alpha_bar: Sequence[float]) -> float:
    """Ho et al. (2020), Algorithm 1 with Eq. (14): the mean squared error of the predicted noise."""
    T, x_t = len(alpha_bar) - 1, noised(x0, t, eps, alpha_bar)
    return float(np.mean([(e - predict(x, k / T)) ** 2 for x, k, e in zip(x_t, t, eps, strict=True)]))


def clipped(x_t: Array, eps: Array, a: float) -> Array:
    """The noise with which x_t belongs to the predicted image, clipped to [-0.5, 0.5]."""
    x0 = np.clip((x_t - math.sqrt(1 - a) * eps) / math.sqrt(a), -0.5, 0.5)
    return (x_t - math.sqrt(a) * x0) / math.sqrt(1 - a)


def ancestral_step(x_t: Array, eps: Array, a: float, b: float, z: Array) -> Array:
    """Ho et al. (2020), Algorithm 2, lines 3 and 4, from alpha_bar = a to b.

    Between neighbours 1 - a / b is beta_t; between other time steps, Nichol and Dhariwal (2021), Eq. (19).
    """
    beta = 1 - a / b
    mean = (x_t - beta / math.sqrt(1 - a) * eps) / math.sqrt(1 - beta)
    return mean + math.sqrt(beta) * z if b < 1 else mean


def ddim_step(x_t: Array, eps: Array, a: float, b: float) -> Array:
    """Song et al. (2021), Eq. (12) with sigma = 0: the predicted image, with the predicted noise of b."""
    x0 = (x_t - math.sqrt(1 - a) * eps) / math.sqrt(a)
    return math.sqrt(b) * x0 + math.sqrt(1 - b) * eps


# === cold diffusion ======================================================================================


def cold_loss(restore: Predict, degrade: Degrade, x0: Array, t: Sequence[int], T: int, noise: Array) -> float:
    """Bansal et al. (2022), Eq. (1) with squares: the noisy image is degraded, the clean one is learned."""
    restored = [restore(degrade((x + z)[None], k), k / T)[0] for x, k, z in zip(x0, t, noise, strict=True)]
    return float(np.mean([(x - r) ** 2 for x, r in zip(x0, restored, strict=True)]))


def naive(
    restore: Predict, degrade: Degrade, x_T: Array, times: Sequence[int], z: Sequence[Array | None]
) -> list[Array]:
    """Bansal et al. (2022), Algorithm 1; z of a step is added to the restored image, None in the last."""
    path = [x_T]
    for (t, s), noise in zip(pairwise(times), z, strict=True):
        x0 = restore(path[-1], t / times[0])
        path.append(degrade(x0 if noise is None else x0 + noise, s))
    return path


def improved(
    restore: Predict, degrade: Degrade, x_T: Array, times: Sequence[int], z: Sequence[Array | None]
) -> list[Array]:
    """Bansal et al. (2022), Algorithm 2."""
    path = [x_T]
    for (t, s), noise in zip(pairwise(times), z, strict=True):
        x0 = restore(path[-1], t / times[0])
        x0 = x0 if noise is None else x0 + noise
        path.append(path[-1] - degrade(x0, t) + degrade(x0, s))
    return path


def grey_deviation(x0: Array, everywhere: float, share: float) -> Array:
    """A standard deviation for each pixel: everywhere, and a share of what a grey of that mean can have."""
    p = np.clip(x0 + 0.5, 0, 1)
    return everywhere + share * np.sqrt(p * (1 - p))


# --- degradations ---


def zoom(x: Array, t: int) -> Array:
    """Vrikkis (2024), Sec. 3.2: outer pixels go, the first ones at the top left; then nearest neighbours."""
    S = x.shape[-1]
    place = [math.ceil(t / 2) + i * (S - t) // S for i in range(S)]
    return x[..., place, :][..., place]


def crop(x: Array, t: int, T: int, left: int = 4) -> Array:
    """Black but for a central square, whose side shrinks by the same factor in each level, to `left`."""
    S = x.shape[-1]
    side = round(S * (left / S) ** (t / T))
    out, first = np.full_like(x, -0.5), math.ceil((S - side) / 2)
    inside = slice(first, first + side)
    out[..., inside, inside] = x[..., inside, inside]
    return out


def blur(x: Array, sigma: float) -> Array:
    """Weighted means of rows and of columns; Gaussian weights, of the pixels within the image alone."""
    if not sigma:
        return x
    d = np.arange(x.shape[-1])
    weights = np.exp(-((d[:, None] - d) ** 2) / (2 * sigma**2))
    weights /= weights.sum(1, keepdims=True)
    return np.einsum("ik,...kl,jl->...ij", weights, x, weights)
