"""Random numbers as a function of what they are for.

Data order and noise are drawn from generators keyed by (seed, purpose, step), never from a global stream. A
run that is resumed, or split over processes, therefore sees the numbers that it would have seen in one go.
"""

import hashlib

import torch


def generator(*key: int | str) -> torch.Generator:
    """A CPU generator that is a function of its key, such as (seed, "noise", step)."""
    number = int.from_bytes(hashlib.sha256("/".join(map(str, key)).encode()).digest()[:4], "big")
    return torch.Generator().manual_seed(number)  # the generator itself looks at 32 bits
