"""The folder of one training run: its lock, resumable states, history and weights.

    <run>/state-00000469-<hash>.pt         network, optimiser, position; the last two, named by their hash
    <run>/history.jsonl                    one line an epoch
    <run>/weights/epoch-0001.safetensors   the network after every epoch
    <run>/weights/left-out.json            epochs whose weights a snapshot left behind, if any

All files are written atomically. A state whose content does not fit the hash in its name is passed over for
the one before. Nothing is unpickled: states are read with `weights_only=True`, weights are safetensors.
"""

import hashlib
import io
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn

from diffusion.files import sha256, write_bytes

STATES_KEPT = 2
LEFT_OUT = "weights/left-out.json"


class RunError(RuntimeError):
    """A run cannot go on or cannot be read; the message says why, and what to do."""


class RunFolder:
    """One run on disk. Making the object makes nothing; the first write does."""

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self._damaged: set[Path] = set()  # states found damaged; they do not count among the last two

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process. The system drops the lock of a process that dies.

        Raises:
            RunError: another live process holds it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock", timeout=0)
            lock.acquire()
        except Timeout:
            raise RunError(
                f"another process is training in {self.path}; wait for it to finish, or stop it first"
            ) from None
        except OSError as error:
            raise RunError(f"the run folder {self.path} cannot be written: {error.strerror}") from error
        for left in self.path.rglob(".*.part-*"):  # of a write that was killed
            left.unlink(missing_ok=True)
        try:
            yield
        finally:
            lock.release()

    def _write(self, path: Path, content: bytes) -> None:
        try:
            write_bytes(path, content)
        except OSError as error:
            raise RunError(
                f"{path} could not be written ({error.strerror}); the earlier states are intact: make room "
                "there, or allow writing, then run the same command again to go on from them"
            ) from error

    # --- state ---

    def save_state(self, step: int, state: dict) -> None:
        """Write a resumable state after `step` training steps, then drop all but the last two intact ones.

        Raises:
            RunError: the state holds a weight or a loss that is not finite, or it cannot be written.
        """
        self._refuse_not_finite(f"after step {step}", state.get("network", {}), state.get("history", []))
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = buffer.getvalue()
        path = self.path / f"state-{step:08d}-{_short_hash(content)}.pt"
        self._write(path, content)
        self._damaged.discard(path)
        intact = [old for old in self.states() if old not in self._damaged]
        for old in [*self._damaged, *intact[STATES_KEPT:]]:
            old.unlink(missing_ok=True)
        self._damaged.clear()

    def _refuse_not_finite(self, when: str, weights: dict[str, Tensor], history: list[dict]) -> None:
        """A step whose own loss is finite can still ruin the weights: such a state is no good one."""
        bad = [name for name, value in weights.items() if not value.isfinite().all()]
        bad += [k for line in history[-1:] for k, v in line.items() if not math.isfinite(v)]
        if bad:
            good = next(iter(self.states()), "the start")
            raise RunError(
                f"{bad[0]} is no longer finite {when}; nothing was overwritten, the last good state is "
                f"{good}: lower learning_rate, or use precision fp32"
            )

    def states(self) -> list[Path]:
        """State files, newest first."""
        return sorted(self.path.glob("state-*-*.pt"), reverse=True)

    def drop_states(self) -> None:
        """Remove all states, so that training starts over."""
        for path in self.states():
            path.unlink(missing_ok=True)

    def load_state(self) -> dict | None:
        """The newest intact state, or None; a damaged one is reported and passed over.

        Raises:
            RunError: a state is what was written, but is no state or asks for code to be run.
        """
        for path in self.states():
            try:
                content = path.read_bytes()
            except OSError as error:
                raise RunError(f"{path} cannot be read ({error.strerror}); make it readable") from error
            if _short_hash(content) != path.stem.rsplit("-", 1)[1]:
                self._damaged.add(path)
                print(
                    f"warning: {path.name} is damaged and not used; going back to the state before it",
                    flush=True,
                )
                continue
            try:
                return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            except Exception as error:  # torch, zipfile and pickle each raise their own
                raise RunError(
                    f"{path} is not a state that training wrote, and is not read any further; delete it to "
                    f"go on from the state before it ({type(error).__name__})"
                ) from error
        if self._damaged:
            print(f"warning: no state in {self.path} is intact; the run starts over", flush=True)
        return None

    # --- history and weights ---

    def write_history(self, history: list[dict]) -> None:
        """Write the history, one JSON object a line; whole each time: no line is missing or doubled."""
        self._write(self.path / "history.jsonl", "".join(json.dumps(h) + "\n" for h in history).encode())

    def weights(self, epoch: int) -> Path:
        """The file with the network after `epoch`."""
        return self.path / "weights" / f"epoch-{epoch:04d}.safetensors"

    def save_weights(self, epoch: int, network: nn.Module, about: dict[str, str]) -> None:
        """Write the network after `epoch`; raises RunError like `save_state`."""
        self._refuse_not_finite(f"after epoch {epoch}", network.state_dict(), [])
        tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
        # One metadata entry only: safetensors writes several in no fixed order; equal runs give equal files.
        about = {"about": json.dumps(about | {"epoch": epoch}, sort_keys=True)}
        self._write(self.weights(epoch), safetensors.torch.save(tensors, about))

    def left_out(self) -> list[int]:
        """The epochs whose weights a snapshot left behind, because nothing needs them.

        Raises:
            RunError: their list is not one.
        """
        path = self.path / LEFT_OUT
        try:
            found = json.loads(path.read_bytes()) if path.is_file() else []
        except ValueError:
            found = None
        if not isinstance(found, list) or not all(type(epoch) is int for epoch in found):
            raise RunError(f"{path} is not a list of epochs; restore the snapshot again, or delete the file")
        return found

    def has_weights(self, epoch: int) -> bool:
        """Whether the weights after `epoch` are there and whole, or were left out on purpose."""
        if epoch in self.left_out():
            return True
        try:
            with safetensors.safe_open(self.weights(epoch), "pt") as file:  # checks header and length
                return bool(file.keys())
        except (OSError, safetensors.SafetensorError):
            return False


def measured_epochs(last: int, every: int) -> list[int]:
    """The epochs whose checkpoints are measured: the first, every so many, and the last."""
    return sorted({1, *range(every, last + 1, every), last})


def _short_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def load_weights(
    path: str | os.PathLike, network: nn.Module, expected_sha256: str | None = None
) -> nn.Module:
    """Load a safetensors file into a network and set it to evaluation; returns the network.

    Raises:
        RunError: missing, damaged, of another content than `expected_sha256`, or for another network.
    """
    path = Path(path)
    if not path.is_file():
        left_out = path.parent.name == "weights" and RunFolder(path.parents[1]).left_out()
        why = "run the training notebook first"
        if left_out:
            why = f"a snapshot left some out; to have all, delete {path.parents[1]} and train again"
        raise RunError(f"there are no weights at {path}; {why}")
    if expected_sha256 is not None and sha256(path) != expected_sha256:
        raise RunError(f"{path} is not the file that its record names (sha256 differs); train again")
    try:
        network.load_state_dict(safetensors.torch.load(path.read_bytes()))
    except Exception as error:  # safetensors and torch each raise their own
        raise RunError(f"{path} does not hold weights of this network: {error}") from error
    return network.eval()
