"""The folder of one training run: its lock, identity, resumable states, history and weights.

    <run>/run.json                         what it is: all that determines the weights; its name; versions
    <run>/process.safetensors              the process, with what it learnt from the training images
    <run>/state-00000469-<hash>.pt         network, optimiser, position, history; the last two are kept
    <run>/history.jsonl                    one line an epoch, with the hash of its weights; for readers
    <run>/weights/epoch-0001.safetensors   the network after every epoch
    <run>/sampling.safetensors             how it is sampled where nothing else is said, if that was set
    <run>/priors/<digest>.safetensors      fitted priors
    <run>/own.py, own.safetensors          the source of classes that were typed in a notebook

All files are written atomically, and each can be checked: a state by the hash in its name, weights by the
hash in the state's history, what a process or a prior learnt by the hash in its own header. Nothing is
unpickled: states are read with `weights_only=True`, the rest is safetensors and JSON.
"""

import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from filelock import FileLock, Timeout
from torch import nn

from diffusion.files import digest, sha256, write_bytes

STATES_KEPT = 2
FORM = 2  # of run.json, which has:
PARTS = {"name", "identity", "process"}
OF_IDENTITY = {"code", "process", "network", "data", "batch_size", "seed", "precision"}
PROCESS, SAMPLING = "process.safetensors", "sampling.safetensors"
ANEW = "delete the run's folder to train anew, with the same settings"


class RunError(RuntimeError):
    """A run cannot go on or cannot be read; the message says why, and what to do."""


class RunFolder:
    """One run on disk. Making the object makes nothing; the first write does."""

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path).absolute()

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

    def write(self, name: str | Path, content: bytes) -> None:
        """Write a file of the run; raises RunError that says what is still intact."""
        path = self.path / name
        try:
            write_bytes(path, content)
        except OSError as error:
            raise RunError(
                f"{path} could not be written ({error.strerror}); the earlier states are intact: make room "
                "there, or allow writing, then run the same command again to go on from them"
            ) from error

    def read(self, name: str | Path) -> bytes | None:
        """Content of a file of the run; None where there is none.

        Raises:
            RunError: it cannot be read.
        """
        path = self.path / name
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RunError(f"{path} cannot be read ({error.strerror})") from error

    # --- what it is ---

    def about(self) -> dict[str, Any] | None:
        """Content of run.json; None where it is missing, damaged or of another edition."""
        try:
            found = json.loads(self.read("run.json") or b"")
            whole = (
                found["form"] == FORM and found.keys() >= PARTS and found["identity"].keys() >= OF_IDENTITY
            )
            return found if whole and {"train", "n"} <= found["identity"]["data"].keys() else None
        except (RunError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return None

    # --- states ---

    def save_state(self, step: int, state: dict[str, Any]) -> None:
        """Write a resumable state after `step` training steps, then drop all but the last two.

        Raises:
            RunError: it cannot be written.
        """
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = buffer.getvalue()
        self.write(f"state-{step:08d}-{sha256(content)[:16]}.pt", content)
        for old in self.states()[STATES_KEPT:]:
            old.unlink(missing_ok=True)

    def states(self) -> list[Path]:
        """State files, newest first."""
        return sorted(self.path.glob("state-*-*.pt"), reverse=True)

    def load_state(self) -> dict[str, Any] | None:
        """The newest intact state, or None; a damaged one is reported and removed.

        Raises:
            RunError: a state is what was written, but is no state or asks for code to be run.
        """
        for path in self.states():
            content = self.read(path.name) or b""
            if sha256(content)[:16] != path.stem.rsplit("-", 1)[1]:
                path.unlink()
                before = "the state before it" if self.states() else "the start"
                print(f"warning: {path.name} is damaged and not used; going back to {before}", flush=True)
                continue
            try:
                return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            except Exception as error:  # torch, zipfile and pickle each raise their own
                raise RunError(
                    f"{path} is not a state that training wrote, and is not read any further; delete it to "
                    f"go on from the state before it ({type(error).__name__})"
                ) from error
        return None

    # --- history, weights ---

    def history(self) -> list[dict[str, Any]]:
        """The lines of the history, an epoch each; none where it is missing.

        Raises:
            RunError: it is damaged.
        """
        try:
            found = [json.loads(line) for line in (self.read("history.jsonl") or b"").splitlines()]
            if not all({"train_loss", "test_loss", "sha256"} <= line.keys() for line in found):
                raise ValueError
            if [line["epoch"] for line in found] != list(range(1, len(found) + 1)):
                raise ValueError
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            raise RunError(
                f"{self.path / 'history.jsonl'} is damaged; call fit again, which mends it"
            ) from None
        return found

    def write_history(self, history: list[dict]) -> None:
        """Write the history, one JSON object a line; whole each time: no line is missing or doubled."""
        content = "".join(json.dumps(line) + "\n" for line in history).encode()
        if self.read("history.jsonl") != content:
            self.write("history.jsonl", content)

    def weights(self, epoch: int) -> Path:
        """The file with the network after `epoch`."""
        return self.path / "weights" / f"epoch-{epoch:04d}.safetensors"

    def read_weights(self, epoch: int, known: str | None = None) -> bytes:
        """Content of the weights file after `epoch`.

        Args:
            known: its SHA-256; None: any.

        Raises:
            RunError: it is missing, another one than the hash says, or of another run.
        """
        path = self.weights(epoch)
        content = self.read(path)
        if content is None:
            raise RunError(f"there are no weights at {path} (a release keeps the last epoch alone); {ANEW}")
        if known not in (None, sha256(content)):
            raise RunError(f"{path} is damaged or was changed (its sha256 differs); {ANEW}")
        run, about = _run_of(content), self.about()
        if about and run not in (None, digest(about["identity"]), about.get("earlier")):
            raise RunError(f"{path} is of another run than {self.path / 'run.json'}; {ANEW}")
        return content


def _run_of(weights: bytes) -> str | None:
    """Digest of the run that weights are of, as their header says; None where it does not."""
    try:
        header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
        return json.loads(header["__metadata__"]["about"])["run"]
    except (ValueError, KeyError, TypeError):
        return None


def weights_bytes(network: nn.Module, about: Mapping[str, Any]) -> bytes:
    """A network as safetensors. Equal weights give equal bytes."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    places = [value.data_ptr() for value in tensors.values()]
    shared = {k: v.clone() if places.count(v.data_ptr()) > 1 else v for k, v in tensors.items()}
    # One metadata entry only: safetensors writes several in no fixed order.
    return safetensors.torch.save(shared, {"about": json.dumps(about, sort_keys=True)})


def load_weights(content: bytes, network: nn.Module, name: str = "weights") -> nn.Module:
    """Load the content of a safetensors file into a network; returns it in evaluation mode.

    Raises:
        RunError: it is for another network.
    """
    try:
        network.load_state_dict(safetensors.torch.load(content))
    except Exception as error:  # safetensors and torch each raise their own
        why = str(error).splitlines()[0]
        raise RunError(f"{name} does not hold weights of this network: {why}") from error
    return network.eval()
