"""Results that are computed once, and kept in a file for all processes that need them.

    <data folder>/kept/<name>-<hash of its inputs>.safetensors

Features of real images, a calibrated recogniser or a fitted mixture depend only on data. Their files are
replaced when the code of this package, a library or the kind of processor has changed. If two processes need
the same result, the second one waits for the first. The folder `kept` can be deleted at any time.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from diffusion import data
from diffusion.files import digest, sha256, write_bytes
from diffusion.places import PACKAGE, versions

Tensors = dict[str, Tensor]
LARGE = 1_000_000  # bytes of arguments below which a result is not kept, because it takes less than a second
# As of the import of this module: a file that is edited later has not computed anything.
MADE_BY = versions(["scikit-learn"]) | {
    "code": sha256(b"".join(path.read_bytes() for path in sorted(PACKAGE.rglob("*.py")))),
    "processor": torch.backends.cpu.get_cpu_capability(),
}


def of_data(name: str, make: Callable[[], Tensors], *arguments: Any) -> Tensors:
    """Return the tensors that `make` computes from data, and keep them in the data folder.

    Args:
        name (str): The kind of result.
        make (Callable): Computes the tensors, by name.
        *arguments (object): All that they depend on: tensors, networks, and values that JSON can express.
    """
    if sum(part.nbytes for part in arguments if isinstance(part, Tensor)) < LARGE:
        return make()
    file = f"{name}-{digest([*map(_describe, arguments)], 16)}.safetensors"
    return once(data.folder() / "kept" / file, MADE_BY, make)


def once(path: Path, made_by: dict[str, str], make: Callable[[], Tensors]) -> Tensors:
    """Return the tensors of a file; if it is missing, damaged or made by something else, make and write them.

    If the folder cannot be written, they are made each time.

    Args:
        path (Path): The file.
        made_by (dict): Text by name, which the file contains, too.
        make (Callable): Computes the tensors, by name.
    """
    with contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(path.with_suffix(".lock")))
        except OSError:
            return make()
        with contextlib.suppress(OSError, SafetensorError), safe_open(path, "pt") as file:
            if file.metadata() == made_by:
                return {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
        made = make()
        with contextlib.suppress(OSError):  # the disk is full
            write_bytes(path, safetensors.torch.save(made, made_by))
        return made


def _describe(part: Any) -> Any:
    """Describe a tensor or a network as JSON, by the hash of its values."""
    if isinstance(part, nn.Module):
        return [type(part).__name__, *([key, _describe(value)] for key, value in part.state_dict().items())]
    return [str(part.dtype), [*part.shape], data.fingerprint(part)] if isinstance(part, Tensor) else part
