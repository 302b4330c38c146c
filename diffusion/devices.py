"""Which device computes, in which precision, and what to write about it beside every result."""

import ctypes
import os
import platform
import subprocess
from contextlib import AbstractContextManager
from importlib import metadata
from pathlib import Path

import torch
from accelerate import Accelerator

from diffusion import fingerprints
from diffusion.files import ROOT

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
PRECISIONS = ("auto", "fp32", "bf16")


def accelerator() -> Accelerator:
    """HuggingFace Accelerate's view of the machine: the best device, and its fellow processes if any."""
    keep_freed_memory()
    return Accelerator()


def keep_freed_memory() -> bool:
    """Let the process keep the memory that it frees, for the next training step; whether it does so now.

    A step asks for the same hundreds of megabytes as the one before. By default glibc gives them back to the
    system in between, which then clears and maps them anew: a sixth of a step on two cores. Results are
    the same to the bit, and so is the peak of memory. Other C libraries are left as they are.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    kept = [
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1),
        mallopt(M_MMAP_THRESHOLD, 32 * 2**20),
    ]  # the largest allowed
    return kept == [1, 1]


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is computed in hardware here; emulated, it would be slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # of torch.cpu; absent in some builds
    return device.type == "cpu" and any(getattr(torch.cpu, p, lambda: False)() for p in probes)


def resolve_precision(precision: str, device: torch.device) -> str:
    """`auto` becomes bf16 where that is faster, fp32 elsewhere.

    Raises:
        ValueError: not one of auto, fp32, bf16.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; allowed: {', '.join(PRECISIONS)}")
    return precision if precision != "auto" else ("bf16" if has_fast_bf16(device) else "fp32")


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """The context in which a network runs: convolutions and products in bf16, or everything in float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def commit() -> str:
    """The commit, with `-dirty` when tracked files differ from it, or `unknown` outside a git checkout."""
    try:
        run = {"cwd": ROOT, "capture_output": True, "text": True, "check": True, "timeout": 10}
        head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], **run).stdout.strip()
        dirty = subprocess.run(["git", "status", "--porcelain", "--untracked-files=no"], **run).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head + ("-dirty" if dirty else "")


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def environment(precision: str, device: torch.device) -> dict:
    """Versions, device and code of a result, for its record.

    Versions are looked up: to import torchmetrics and torchvision for theirs would take seconds.
    """
    on_gpu = device.type == "cuda"
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "torch": torch.__version__,
        **{name: metadata.version(name) for name in ("torchvision", "torchmetrics", "accelerate")},
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if on_gpu else _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "precision": precision,
        "commit": commit(),
        "source": fingerprints.of_modules(),
    }
