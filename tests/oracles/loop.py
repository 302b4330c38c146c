"""A training in plain PyTorch, with which `fit` is compared. Nothing of `diffusion` is imported."""

import copy
import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn

Loss = Callable[[nn.Module, Tensor, Generator], Tensor]


def keyed(*key: int | str) -> Generator:
    """A generator of a key: the first four bytes of the hash of its parts, between slashes."""
    number = hashlib.sha256("/".join(map(str, key)).encode()).hexdigest()[:8]
    return torch.Generator().manual_seed(int(number, 16))


@dataclass
class Epoch:
    """What a training has after an epoch: its losses, those of the test images, the kept weights."""

    losses: list[float]
    test_loss: float | None
    weights: dict[str, Tensor]


def rate(k: int, total: int, schedule: str) -> float:
    """The share of the peak rate in step k, from 0: a rise over 3% of the steps, and half a cosine."""
    rise = min(200, max(1, round(0.03 * total)))
    if schedule == "constant":
        return 1
    return (k + 1) / rise if k < rise else (1 + math.cos(math.pi * (k - rise) / (total - rise))) / 2


def training(
    make: Callable[[], nn.Module],
    loss: Loss,
    x: Tensor,
    x_test: Tensor | None,
    total: int,
    how: dict[str, Any],
) -> Iterator[Epoch]:
    """The epochs of a training with Adam (Kingma and Ba 2015); `how` holds the arguments of `fit`."""
    batch_size, seed, ema = how["batch_size"], how["seed"], how["ema"]

    def measured(network: nn.Module, batch: Tensor, *key: int | str) -> Tensor:
        torch.manual_seed(keyed(*key).initial_seed())  # for dropout
        return loss(network, batch, keyed(*key))

    torch.manual_seed(keyed(seed, "network").initial_seed())
    network = make()
    kept, adam = copy.deepcopy(network), torch.optim.Adam(network.parameters())
    k, epoch = 0, 0
    while k < total:
        epoch, seen = epoch + 1, []
        order = torch.randperm(len(x), generator=keyed(seed, "order", epoch))
        for start in range(0, len(x), batch_size)[: total - k]:
            network.train()
            adam.param_groups[0]["lr"] = how["learning_rate"] * rate(k, total, how["lr_schedule"])
            error = measured(network, x[order[start : start + batch_size]], seed, "noise", k)
            adam.zero_grad()
            error.backward()
            adam.step()
            seen.append(error.item())
            decay = min(ema, (k + 1) / (k + 10)) if ema and k else 0
            with torch.no_grad():
                for old, new in zip(kept.parameters(), network.parameters(), strict=True):
                    old.copy_(decay * old + (1 - decay) * new)
            k += 1
        test_loss = None
        if x_test is not None:
            kept.eval()
            with torch.no_grad():
                parts = enumerate(x_test.split(batch_size))
                squares = [float(measured(kept, y, seed, "test", i)) * len(y) for i, y in parts]
            test_loss = sum(squares) / len(x_test)
        yield Epoch(seen, test_loss, copy.deepcopy(kept.state_dict()))
