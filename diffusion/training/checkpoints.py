"""The folder of one training run: its lock, identity, resumable states, history and weights.

    <run>/run.json                         what determines the weights: settings, hashes of the data, RECIPE
    <run>/state-00000469-<hash>.pt         network, optimiser, position, history; the last two are kept
    <run>/history.jsonl                    one line an epoch, with the hash of its weights; for readers
    <run>/weights/epoch-0001.safetensors   the network after every epoch
    <run>/process.safetensors              what the process learnt from the data, `process.state()`

All files are written atomically, and each can be checked: a state by the hash in its name, weights by the
hash in the state's history, the process's state by the hash in its own header. Nothing is unpickled: states
are read with `weights_only=True`, the rest is safetensors and JSON.
"""

import hashlib
import io
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn

from diffusion.runtime import digest, write_bytes

STATES_KEPT = 2
AGAIN = "train again with the same settings (its notebook, `make report` or `fit`), which repairs it"


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
            RunError: another live process holds it, or the folder cannot be written.
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

    def write(self, path: Path, content: bytes) -> None:
        """Write a file of the run; raises RunError that says what is still intact."""
        try:
            write_bytes(path, content)
        except OSError as error:
            raise RunError(
                f"{path} could not be written ({error.strerror}); the earlier states are intact: make room "
                "there, or allow writing, then run the same command again to go on from them"
            ) from error

    # --- identity ---

    def identity(self) -> dict[str, Any] | None:
        """Content of run.json; None where it is missing or damaged."""
        try:
            found = json.loads((self.path / "run.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def write_identity(self, identity: Mapping[str, Any]) -> None:
        """Write run.json, unless it holds just that."""
        if self.identity() != identity:
            self.write(self.path / "run.json", (json.dumps(identity, indent=1) + "\n").encode())

    # --- states ---

    def save_state(self, step: int, state: dict[str, Any]) -> None:
        """Write a resumable state after `step` training steps, then drop all but the last two intact ones.

        Raises:
            RunError: the state holds a weight or a loss that is not finite, or it cannot be written.
        """
        self.refuse_not_finite(f"after step {step}", state["network"], state["history"])
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = buffer.getvalue()
        path = self.path / f"state-{step:08d}-{_short_hash(content)}.pt"
        self.write(path, content)
        self._damaged.discard(path)
        intact = [old for old in self.states() if old not in self._damaged]
        for old in [*self._damaged, *intact[STATES_KEPT:]]:
            old.unlink(missing_ok=True)
        self._damaged.clear()

    def refuse_not_finite(self, when: str, weights: Mapping[str, Tensor], history: list[dict]) -> None:
        """A step whose own loss is finite can still ruin the weights: such a state is no good one."""
        bad = [name for name, value in weights.items() if not value.isfinite().all()]
        bad += [
            k for ln in history[-1:] for k, v in ln.items() if isinstance(v, float) and not math.isfinite(v)
        ]
        if bad:
            raise RunError(
                f"{bad[0]} is no longer finite {when}; nothing was overwritten, the last good state is "
                f"{self.last_good()}: lower learning_rate, or use precision fp32"
            )

    def states(self) -> list[Path]:
        """State files, newest first."""
        return sorted(self.path.glob("state-*-*.pt"), reverse=True)

    def last_good(self) -> str:
        """The newest state, for messages."""
        return str(next(iter(self.states()), "the start"))

    def load_state(self) -> dict[str, Any] | None:
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

    # --- history, weights, the process ---

    def write_history(self, history: list[dict]) -> None:
        """Write the history, one JSON object a line; whole each time: no line is missing or doubled."""
        content = "".join(json.dumps(line) + "\n" for line in history).encode()
        path = self.path / "history.jsonl"
        if not path.is_file() or path.read_bytes() != content:
            self.write(path, content)

    def weights(self, epoch: int) -> Path:
        """The file with the network after `epoch`."""
        return self.path / "weights" / f"epoch-{epoch:04d}.safetensors"

    def save_weights(self, epoch: int, content: bytes) -> None:
        self.write(self.weights(epoch), content)

    def read_weights(self, epoch: int) -> bytes:
        """Content of the weights file after `epoch`.

        Raises:
            RunError: it is missing or cannot be read.
        """
        return _read(self.weights(epoch))

    def save_process(self, state: Mapping[str, Tensor]) -> None:
        """Keep what the process learnt, unless an intact file is there."""
        path = self.path / "process.safetensors"
        if state and load_tensors(path) is None:
            self.write(path, tensor_bytes(state))

    def load_process(self) -> dict[str, Tensor] | None:
        """State of the process, as `prepare` left it; None if it needed nothing.

        Raises:
            RunError: the file is damaged.
        """
        path = self.path / "process.safetensors"
        found = load_tensors(path)
        if found is None and path.is_file():
            raise RunError(f"{path} is damaged; {AGAIN}")
        return found


def weights_bytes(network: nn.Module, about: Mapping[str, Any]) -> bytes:
    """A network as safetensors. Equal weights give equal bytes."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    # One metadata entry only: safetensors writes several in no fixed order.
    return safetensors.torch.save(tensors, {"about": json.dumps(about, sort_keys=True)})


def load_weights(
    weights: str | os.PathLike | bytes,
    network: nn.Module,
    expected_sha256: str | None = None,
    name: str = "weights",
) -> nn.Module:
    """Load a safetensors file, or its content, into a network; returns it in evaluation mode.

    Raises:
        RunError: missing, damaged, of another content than `expected_sha256`, or for another network.
    """
    content = weights if isinstance(weights, bytes) else _read(Path(weights))
    name = name if isinstance(weights, bytes) else str(weights)
    if expected_sha256 is not None and hashlib.sha256(content).hexdigest() != expected_sha256:
        raise RunError(f"{name} is not the file that was written (sha256 differs); {AGAIN}")
    try:
        network.load_state_dict(safetensors.torch.load(content))
    except Exception as error:  # safetensors and torch each raise their own
        raise RunError(f"{name} does not hold weights of this network: {error}") from error
    return network.eval()


def tensor_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Tensors as safetensors whose header has a hash of them, so that `load_tensors` can tell damage."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    return safetensors.torch.save(tensors, {"sha256": tensors_sha256(tensors)})


def load_tensors(path: Path) -> dict[str, Tensor] | None:
    """Tensors that `tensor_bytes` made, or None if they are missing or not what was written."""
    try:
        content = path.read_bytes()
        tensors = safetensors.torch.load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return tensors if header["__metadata__"]["sha256"] == tensors_sha256(tensors) else None
    except Exception:  # what a damaged file makes safetensors, json or torch raise
        return None


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Hash of named tensors: names, types, shapes and content."""
    parts = [
        [
            name,
            str(value.dtype),
            list(value.shape),
            hashlib.sha256(value.cpu().contiguous().numpy()).hexdigest(),
        ]
        for name, value in sorted(tensors.items())
    ]
    return digest(parts, 64)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        lost = f"there are no weights at {path} (a release keeps the last epoch alone)"
        raise RunError(f"{lost}; {AGAIN}") from error
    except OSError as error:
        raise RunError(f"{error.strerror} {path}; {AGAIN}") from error


def _short_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
