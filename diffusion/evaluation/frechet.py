"""Fréchet and kernel distance between sets of features, both by torchmetrics in float64."""

import warnings

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance


def check_features(features: Tensor, what: str = "features", dimension: int | None = None) -> Tensor:
    """The features (N, D) as float64 on the CPU.

    Raises:
        ValueError: not a floating (N, D) with N >= 2 and finite values, or D is not `dimension`.
    """
    if features.ndim != 2 or not features.is_floating_point():
        raise ValueError(f"{what}: {tuple(features.shape)} of {features.dtype}; needed: (N, D) of floats")
    if len(features) < 2:
        raise ValueError(f"{what}: {len(features)} images; a distance needs at least 2")
    if dimension is not None and features.shape[1] != dimension:
        raise ValueError(
            f"{what}: {features.shape[1]} features per image, the reference has {dimension}; "
            "use the same extractor for both"
        )
    if not features.isfinite().all():
        raise ValueError(f"{what}: not finite; check the images that they come from")
    return features.detach().cpu().double()


class _Features(nn.Module):
    """Takes the place of torchmetrics' feature network: the input already is features."""

    def __init__(self, num_features: int):
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


class Reference:
    """The real images of a comparison, passed through the extractor and through the statistics once.

    It copies its features, so that it cannot go stale; another reference is another object.

    Attributes:
        features: (N, D) float64.   n: N.   dimension: D.
    """

    def __init__(self, features: Tensor):
        self.features = check_features(features, "reference features").clone()
        self.n, self.dimension = self.features.shape
        self.metric = FrechetInceptionDistance(
            _Features(self.dimension), normalize=False, reset_real_features=False
        ).set_dtype(torch.float64)
        self.metric.update(self.features, real=True)
        self._moments: tuple[Tensor, Tensor] | None = None

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean (D,) and symmetric square root (D, D) of the covariance."""
        if self._moments is None:
            values, vectors = torch.linalg.eigh(torch.cov(self.features.T).reshape(self.dimension, -1))
            root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
            self._moments = self.features.mean(0), root
        return self._moments


def frechet(reference: Reference | Tensor, features: Tensor) -> float:
    """Fréchet distance (Heusel et al. 2017) of features (N, D) to the reference, at least 0."""
    reference = reference if isinstance(reference, Reference) else Reference(reference)
    features = check_features(features, dimension=reference.dimension)
    reference.metric.reset()  # forgets the previous samples, keeps the reference
    reference.metric.update(features, real=False)
    return max(0.0, reference.metric.compute().item())  # equal sets give zero up to the sign of the rounding


def kernel(
    reference: Reference | Tensor,
    features: Tensor,
    subsets: int = 50,  # random subsets averaged over
    subset_size: int | None = None,  # images per subset; None: half of the smaller set, at most 1,000
    seed: int = 0,
) -> tuple[float, float]:
    """Kernel distance KID (Binkowski et al. 2018) by torchmetrics in float64: mean and sd over subsets.

    Unbiased at any n, so that real images score zero on average; hence it may be negative.

    Raises:
        ValueError: bad features, or a subset size out of range.
    """
    real = reference.features if isinstance(reference, Reference) else check_features(reference, "reference")
    features = check_features(features, dimension=real.shape[1])
    most = min(len(real), len(features))
    size = subset_size if subset_size is not None else min(1000, max(2, most // 2))
    if not 2 <= size <= most:
        raise ValueError(f"subset_size is {size}; allowed: 2 to {most}, the size of the smaller set")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*will save all extracted features in buffer")
        metric = KernelInceptionDistance(_Features(real.shape[1]), subsets=subsets, subset_size=size)
    metric.update(real, real=True)
    metric.update(features, real=False)
    with torch.random.fork_rng(devices=[]):  # torchmetrics draws from the global stream
        torch.manual_seed(seed)
        mean, sd = metric.compute()
    return mean.item(), sd.item()
