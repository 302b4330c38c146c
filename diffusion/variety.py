"""Fidelity and variety of a set of samples, apart."""

import torch
from torch import Tensor
from torch_fidelity.metric_prc import prc_features_to_metric

from diffusion.distances import check_features
from diffusion.randomness import generator

NEIGHBOURS = 3  # as in the source
MOST_IMAGES = 2000  # per set: memory grows with its square


def variety(real_features: Tensor, features: Tensor, n: int | None = None, seed: int = 0) -> dict[str, float]:
    """Precision and recall (Kynkäänniemi et al. 2019) by torch-fidelity.

    Precision is the share of samples inside the manifold of real images, recall the share of real images
    inside that of the samples; a manifold is the union of the balls that reach each point's third neighbour.

    Args:
        real_features: (N, D).
        features: (M, D) of the samples.
        n: images taken at random from each set, since both numbers depend on n; None: as many as both offer,
            at most 2,000. Give the same n to all that are compared.

    Returns:
        {"precision", "recall", "n"}.

    Raises:
        ValueError: features of different lengths or not finite, or n outside 4..min(N, M).
    """
    real = check_features(real_features, "real features")
    fake = check_features(features, dimension=real.shape[1])
    offered = min(len(real), len(fake))
    size = n if n is not None else min(offered, MOST_IMAGES)
    if not NEIGHBOURS < size <= offered:
        raise ValueError(f"n is {size}; allowed: {NEIGHBOURS + 1} to {offered}, the size of the smaller set")
    fake = fake[torch.randperm(len(fake), generator=generator(seed, "variety", "samples"))[:size]]
    real = real[torch.randperm(len(real), generator=generator(seed, "variety", "real"))[:size]]
    found = prc_features_to_metric(fake, real, prc_neighborhood=NEIGHBOURS, verbose=False)
    return {"precision": found["precision"], "recall": found["recall"], "n": size}
