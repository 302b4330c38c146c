"""The original study's procedure for Fréchet distances (src/utils.py, get_fid_scores.py)."""

import torch
from torch import Tensor

N = 100  # samples, and the first training images, that its code compares
DESCRIBED = 500  # samples of which its text speaks


def wrap(x: Tensor) -> Tensor:
    """Store images as its code does: (x / 2 + 0.5) * 255 as bytes, modulo 256.

    Samples in [-0.5, 0.5] become 63 to 191. Real images are bytes before: black becomes 127 and white 128; in
    between, the even greys run down from 127 to 0 and the odd ones from 255 to 128.
    """
    return ((x.float() / 2 + 0.5) * 255).long().remainder(256).to(torch.uint8)
