"""Nearest training images of samples, against those of test images: does a model copy what it has seen?"""

import torch
from torch import Tensor

from diffusion.evaluation.statistics import share_of
from study.records import Memorised

NEAR = 0.05  # the share of test images that counts as near


def nearest(x: Tensor, x_train: Tensor, chunk: int = 10_000) -> Tensor:
    """Distance of each image to the nearest training image, (N,).

    Args:
        x, x_train: bytes, (N, 1, 28, 28) and (M, 1, 28, 28). Distances are Euclidean, of grey values 0 to 1.
    """
    flat = x.flatten(1).float() / 255
    parts = x_train.flatten(1).split(chunk)
    return torch.stack([torch.cdist(flat, part.float() / 255).amin(1) for part in parts]).amin(0)


def memorised(found: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> Memorised:
    """Distances of samples to the nearest training image against those of test images.

    Args:
        found, test: distances (N,) and classes (N,), as read, of samples and of test images.
    """
    (far, labels), (test_far, test_labels) = found, test
    bound = test_far.quantile(NEAR)
    of_class = torch.stack(
        [test_far[test_labels == k].quantile(NEAR) if (test_labels == k).any() else bound for k in range(10)]
    )
    return Memorised(closer=share_of(far < bound), closer_in_class=share_of(far < of_class[labels]))
