"""The environment of a result: commit, versions and machine."""

import contextlib
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from diffusion.places import checkout, versions

# Further packages on which measures depend.
MEASURING = ("torchvision", "torchmetrics", "torch-fidelity", "scikit-learn", "scipy")


def commit() -> str:
    """The commit of the checkout, with `-dirty` if tracked files have changed; `unknown` without one."""
    command = "git --git-dir=.git describe --always --dirty --abbrev=12 --exclude=*"  # not of a parent folder
    how = {"cwd": checkout(), "capture_output": True, "text": True, "check": True, "timeout": 10}
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command.split(), **how).stdout.strip() if checkout() else "unknown"
    return "unknown"


def environment(precision: str = "fp32", on: torch.device | None = None) -> dict[str, Any]:
    """Describe versions, machine and commit as JSON.

    Args:
        precision: precision of the networks.
        on: device of the networks; None: the CPU.
    """
    on = on or torch.device("cpu")
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(
            (ln.split(":", 1)[1].strip() for ln in lines if ln.startswith("model name")), processor
        )
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        **versions(MEASURING),
        "device": on.type,
        "device_name": torch.cuda.get_device_name(on) if on.type == "cuda" else processor,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "precision": precision,
        "commit": commit(),
    }
