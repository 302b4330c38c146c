"""The folder of a run, which the user names.

    run.json                       settings that determine the weights, and versions
    process.pt, network.pt         the process and the network's arguments, as in `diffusion.saved`
    state.pt                       network, optimiser and position, from which training resumes
    history.jsonl                  one line per epoch, with the hash of its weights
    weights/epoch-0001.safetensors the network after each epoch

Each file is written completely or not at all. Reading executes nothing: torch loads only plain values.
"""

import io
import itertools
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn

from diffusion.files import differences, sha256, write_bytes
from diffusion.places import versions

ANEW = "use another folder, or delete this one to train again"
HASHES = ("images.", "code", "own.")  # prefixes of settings that are hashes
TRAINED = ("state.pt", "history.jsonl", "weights")  # written once training has begun


class RunError(RuntimeError):
    """A run cannot be resumed or read; the message gives the reason and the next step."""


class RunFolder:
    """A run on disk. The folder is created by the first write."""

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path).expanduser().absolute()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the run for this process. The system releases the lock if the process dies.

        Raises:
            RunError: If the folder cannot be created or is not writable, or another process holds the lock.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock", timeout=0).acquire()
        except Timeout:
            raise RunError(f"another process is training in {self.path}; wait for it or stop it") from None
        except OSError as error:
            raise RunError(f"folder {self.path} cannot be used: {error.strerror}") from None
        with lock:
            for left in self.path.rglob(".*.part-*"):  # left by a write that was killed
                left.unlink(missing_ok=True)
            yield

    def write(self, name: str | Path, content: bytes) -> None:
        """Write a file of the run.

        Raises:
            RunError: If the disk is full or the file is not writable.
        """
        try:
            write_bytes(self.path / name, content)
        except OSError as error:
            raise RunError(
                f"{self.path / name} could not be written ({error.strerror}); the earlier state is intact: "
                "free some space, then run the same command again to resume"
            ) from error

    # --- settings ---

    def settings(self) -> dict[str, Any] | None:
        """Return the settings that determine the weights, or None for a new run.

        Raises:
            RunError: If run.json is missing or damaged.
        """
        path = self.path / "run.json"
        if not path.is_file() and not any((self.path / name).exists() for name in TRAINED):
            return None
        try:
            return dict(json.loads(path.read_bytes())["settings"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            why = f"{type(error).__name__}: {error}"
            raise RunError(f"{path} is missing, damaged or of an earlier version ({why}); {ANEW}") from None

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Write run.json, the last file of a new run."""
        content = {"settings": settings, "versions": versions()}
        self.write("run.json", json.dumps(content, indent=1, allow_nan=False).encode() + b"\n")

    def difference(self, wanted: Mapping[str, Any]) -> str:
        """Return the first difference of the folder's run from the wanted settings, or an empty text."""
        for name, recorded, value in differences(self.settings() or wanted, wanted):  # own code is last
            if name.startswith("own."):
                return f"the code of {name.removeprefix('own.')} has changed"
            if name.startswith(HASHES):
                return f"{name} has changed"
            return f"{name} was {recorded!r}, is {value!r}"
        return ""

    def set_aside(self) -> Path:
        """Rename the folder to NAME.before-1, or to the next number that is not in use, and return it."""
        names = (self.path.with_name(f"{self.path.name}.before-{n}") for n in itertools.count(1))
        with self.locked():
            return self.path.rename(next(path for path in names if not path.exists()))

    # --- files written by torch ---

    def keep(self, name: str, content: Any) -> None:
        """Write plain values with torch."""
        buffer = io.BytesIO()
        torch.save(content, buffer)
        self.write(name, buffer.getvalue())

    def load(self, name: str) -> Any:
        """Read plain values that torch wrote.

        Raises:
            RunError: If the file is missing or damaged, or contains other values.
        """
        path = self.path / name
        try:
            with zipfile.ZipFile(path) as file:  # torch itself does not verify checksums
                if file.testzip() is not None:
                    raise ValueError("its checksum differs")
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # zipfile and torch raise many types for damaged files
            why = str(error).partition("\n")[0]
            raise RunError(f"{path} is missing or damaged ({why}); {ANEW}") from error

    def state(self) -> dict[str, Any] | None:
        """Return the state from which training resumes, or None before the first.

        Raises:
            RunError: If the state is damaged.
        """
        return self.load("state.pt") if (self.path / "state.pt").exists() else None

    # --- history and weights ---

    def history(self) -> list[dict[str, Any]]:
        """Return the lines of the history, one per epoch; an empty list before the first."""
        path = self.path / "history.jsonl"
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    def write_history(self, history: list[dict[str, Any]]) -> None:
        """Write the whole history, which never leaves a missing or duplicate line."""
        lines = "".join(f"{json.dumps(line)}\n" for line in history)
        self.write("history.jsonl", lines.encode())

    def weights(self, epoch: int) -> Path:
        """Return the path of the weights after an epoch."""
        return self.path / "weights" / f"epoch-{epoch:04d}.safetensors"

    def write_weights(self, epoch: int, network: nn.Module) -> str:
        """Write the network after an epoch, and return the SHA-256. Equal weights give equal bytes."""
        # Clones, since safetensors refuses tensors that share memory.
        state = {name: value.cpu().contiguous().clone() for name, value in network.state_dict().items()}
        self.write(self.weights(epoch), content := safetensors.torch.save(state))
        return sha256(content)

    def read_weights(self, line: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the network's state after the epoch of a line of the history.

        Raises:
            RunError: If the file is missing or damaged.
        """
        path = self.weights(line["epoch"])
        if not path.exists():
            raise RunError(
                f"{path} is missing (releases contain only the last epoch); call fit again to train it"
            )
        if sha256(content := path.read_bytes()) != line["sha256"]:
            raise RunError(f"{path} is damaged (another SHA-256); delete it and call fit to train it")
        return safetensors.torch.load(content)
