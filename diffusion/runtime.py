"""Random numbers, device and precision. This file determines weights, see `diffusion.own`."""

import contextlib
import hashlib
import os
import random
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import numpy as np
import torch

Precision = Literal["auto", "fp32", "bf16"]

# --- random numbers ---


def generator(*key: int | str) -> torch.Generator:
    """Return a CPU generator that is a function of its key, such as (seed, "noise", step).

    Data order and noise come from such generators, never from a global stream: a resumed run sees the same
    numbers as an uninterrupted one.
    """
    number = int.from_bytes(hashlib.sha256("/".join(map(str, key)).encode()).digest()[:4], "big")
    return torch.Generator().manual_seed(number)  # the generator itself looks at 32 bits


_GLOBAL_STREAMS = threading.RLock()


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global streams of torch, NumPy and Python, and restore them afterwards.

    The seed is below 2**32. Only one thread at a time can enter, because all threads share these streams.
    """
    with _GLOBAL_STREAMS, torch.random.fork_rng():
        before = random.getstate(), np.random.get_state()  # noqa: NPY002 - others draw from it
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002


# --- device and precision ---


def device(name: str | torch.device | None = None) -> torch.device:
    """Return a device by name.

    Args:
        name (str or torch.device, optional): The device. If None, uses $COLD_ZOOM_DEVICE, else a GPU, else
            the CPU. Default None.

    Raises:
        ValueError: If this machine does not have the device, or torch does not support it.
    """
    name = name or os.environ.get("COLD_ZOOM_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch's, by kind of device
        raise ValueError(
            f"device is {str(name)!r}, which PyTorch does not have here; expected: 'cpu', or 'cuda' "
            "or 'mps' where there is one"
        ) from error


def device_of(network: object) -> torch.device:
    """Return the device of a network's weights; the CPU for a function, or without weights."""
    parameters = getattr(network, "parameters", None)
    first = next(iter(parameters()), None) if parameters else None
    return torch.device("cpu") if first is None else first.device


def resolve_precision(precision: str, on: torch.device) -> str:
    """Resolve "auto" to bf16 if the hardware is faster with it, else to fp32."""
    if precision != "auto":
        return precision
    if on.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if on.type == "cpu" and _fast_in_bf16() else "fp32"


def affordable(precision: str, on: torch.device) -> str:
    """Return the precision, or fp32 instead of bf16 if this machine is not faster with bf16."""
    return "fp32" if resolve_precision("auto", on) == "fp32" else precision


def _fast_in_bf16() -> bool:
    """Return True for a CPU with AMX, or AMD's AVX512-BF16 (docs/speed.md), unless COLD_ZOOM_BF16=0."""
    if os.environ.get("COLD_ZOOM_BF16") == "0":
        return False
    probes = "_is_amx_tile_supported", "_is_avx512_bf16_supported"  # absent in some builds
    amx, avx = (getattr(torch.cpu, probe, bool)() for probe in probes)
    information = Path("/proc/cpuinfo")
    return amx or avx and "GenuineIntel" not in (information.read_text() if information.exists() else "")


def autocast(on: torch.device, precision: str) -> AbstractContextManager:
    """Return the context in which a network runs: convolutions and products in bf16, or all in float32."""
    return torch.autocast(on.type, torch.bfloat16, enabled=precision == "bf16")
