"""Nearest training images of samples, against those of test images: does a model copy what it has seen?"""

import torch
from torch import Tensor

from diffusion.evaluation.statistics import share_of
from diffusion.records import Memorised

NEAR = 0.05  # the share of test images that counts as near


def nearest(x: Tensor, x_train: Tensor, chunk: int = 10_000) -> tuple[Tensor, Tensor]:
    """Distance (N,) of each image to the nearest training image, and which one it is (N,).

    Args:
        x, x_train: bytes, (N, 1, 28, 28) and (M, 1, 28, 28). Distances are Euclidean, of grey values 0 to 1.
    """
    best, which = torch.full((len(x),), torch.inf), torch.zeros(len(x), dtype=torch.long)
    flat = x.flatten(1).float() / 255
    for begin in range(0, len(x_train), chunk):
        found = torch.cdist(flat, x_train[begin : begin + chunk].flatten(1).float() / 255).min(1)
        nearer = found.values < best
        best = torch.where(nearer, found.values, best)
        which = torch.where(nearer, found.indices + begin, which)
    return best, which


def memorised(found: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], n_train: int) -> Memorised:
    """Distances of samples to the nearest training image against those of test images.

    Args:
        found, test: distances (N,) and classes (N,), as read, of samples and of test images.
    """
    (far, labels), (test_far, test_labels) = found, test
    bound = test_far.quantile(NEAR)
    of_class = torch.stack(
        [test_far[test_labels == k].quantile(NEAR) if (test_labels == k).any() else bound for k in range(10)]
    )
    return Memorised(
        closer=share_of(far < bound),
        closer_in_class=share_of(far < of_class[labels]),
        n_train=n_train,
    )
