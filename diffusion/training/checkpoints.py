"""The folder of one training run: its lock, what it is, resumable states, history and weights.

    <run>/run.json                         what it is: all that determines the weights; its name; versions
    <run>/process-<hash>.pt                the process, with what it learnt from the training images
    <run>/network-<hash>.pt                arguments of the network's class
    <run>/state-00000469-<hash>.pt         network, optimiser, position, history; the last two are kept
    <run>/history.jsonl                    one line an epoch, with the hash of its weights; for readers
    <run>/weights/epoch-0001.safetensors   the network after every epoch
    <run>/sampling-<hash>.pt               how it is sampled where nothing else is said, if that was set
    <run>/priors/<digest>-<hash>.pt        fitted priors

All files are written atomically. One that torch writes has its hash in its name; weights have theirs in the
history. Nothing is unpickled but by torch's weights-only loading, which makes objects of no classes but this
package's and the user's own.
"""

import importlib
import importlib.util
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from filelock import FileLock, Timeout
from torch import nn

from diffusion.files import digest, sha256, write_bytes
from diffusion.sources import is_library, is_own

STATES_KEPT = 2
FORM = 3  # of run.json, which has:
PARTS = {"name", "identity", "process"}
OF_IDENTITY = {"code", "process", "network", "own", "data", "batch_size", "seed", "precision"}
OF_DATA, OF_LINE = {"train", "n"}, {"train_loss", "test_loss", "sha256"}  # of the identity; of the history
NOT_SO = (ValueError, TypeError, LookupError, AttributeError, RecursionError)  # where JSON is another one
ANEW = "delete the run's folder to train anew, with the same settings"
# Beside classes of this package, of torch.nn and of the user's own.
PLAIN = {"builtins.set", "builtins.frozenset", "_codecs.encode", "numpy.ndarray", "numpy.dtype"}
PLAIN |= {"numpy._core.multiarray._reconstruct", "numpy._core.multiarray.scalar"}


class RunError(RuntimeError):
    """A run cannot go on or cannot be read; the message says why, and what to do."""


class RunFolder:
    """One run on disk. Making the object makes nothing; the first write does."""

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path).absolute()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process. The system drops the lock of a process that dies.

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
        """Content of a file of the run; None where there is none; raises RunError where it cannot be read."""
        path = self.path / name
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RunError(f"{path} cannot be read ({error.strerror})") from error

    # --- what torch writes ---

    def keep(self, name: str, content: Any) -> str:
        """Write things as `<name>-<hash>.pt`; returns the file's name.

        ValueError: they hold what cannot be written. RunError: the disk is full.
        """
        buffer = io.BytesIO()
        try:
            torch.save(content, buffer)
        except Exception as error:  # pickle and what an object does of its own
            raise ValueError(f"the {Path(name).name} cannot be kept ({error})") from error
        file = f"{name}-{sha256(buffer.getvalue())[:16]}.pt"
        self.write(file, buffer.getvalue())
        return file

    def intact(self, file: str) -> bytes | None:
        """Content of such a file; None where it is lost, or not what was written."""
        content = self.read(file) or b""
        return content if sha256(content)[:16] == Path(file).stem.rpartition("-")[2] else None

    def load(self, file: str) -> Any:
        """The things in such a file.

        RunError: it is lost or damaged. ValueError: it holds objects of classes that cannot be had, or may
        not be made from a file.
        """
        if (content := self.intact(file)) is None:
            raise RunError(f"{self.path / file} is lost, or is not what was written")
        try:
            names = torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(content))
            with torch.serialization.safe_globals([_taken(name) for name in names]):
                return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except Exception as error:  # torch, zipfile, pickle and classes of one's own each raise their own
            why = str(error).splitlines()[0]
            raise ValueError(f"{self.path / file} is not read any further: {why}") from error

    # --- what it is ---

    def about(self) -> dict[str, Any] | None:
        """Content of run.json; None where it is missing, damaged or of another edition."""
        with suppress(RunError, *NOT_SO):
            found = json.loads(self.read("run.json") or b"")
            known = found["identity"].keys() >= OF_IDENTITY and found["identity"]["data"].keys() >= OF_DATA
            if known and found["form"] == FORM and found.keys() >= PARTS:
                return found
        return None

    def write_about(self, about: Mapping[str, Any]) -> None:
        """Write run.json; raises RunError."""
        self.write("run.json", (json.dumps(about, indent=1) + "\n").encode())

    # --- states ---

    def save_state(self, step: int, state: dict[str, Any]) -> None:
        """Write a resumable state after `step` training steps, then drop all but the last two."""
        self.keep(f"state-{step:08d}", state)
        for old in self.states()[STATES_KEPT:]:
            old.unlink(missing_ok=True)

    def states(self) -> list[Path]:
        """State files, newest first."""
        return sorted(self.path.glob("state-*-*.pt"), reverse=True)

    def load_state(self) -> dict[str, Any] | None:
        """The newest intact state, or None; a damaged one is reported and removed.

        RunError: a state is what was written, but is no state or asks for code to be run.
        """
        for path in self.states():
            if self.intact(path.name) is None:
                path.unlink()
                before = "the state before it" if self.states() else "the start"
                print(f"warning: {path.name} is damaged and not used; going back to {before}", flush=True)
                continue
            try:
                return self.load(path.name)
            except ValueError as error:
                raise RunError(f"{error}; delete it to go on from the state before it") from error
        return None

    # --- history, weights ---

    def history(self) -> list[dict[str, Any]]:
        """The lines of the history, an epoch each; none where it is missing. RunError: it is damaged."""
        with suppress(*NOT_SO):
            found = [json.loads(line) for line in (self.read("history.jsonl") or b"").splitlines()]
            in_order = [line["epoch"] for line in found] == [*range(1, len(found) + 1)]
            if in_order and all(line.keys() >= OF_LINE for line in found):
                return found
        raise RunError(f"{self.path / 'history.jsonl'} is damaged; call fit again, which mends it")

    def write_history(self, history: list[dict]) -> None:
        """Write the history, one JSON object a line; whole each time: no line is missing or doubled."""
        content = "".join(json.dumps(line) + "\n" for line in history).encode()
        if self.read("history.jsonl") != content:
            self.write("history.jsonl", content)

    def weights(self, epoch: int) -> Path:
        """The file with the network after `epoch`."""
        return self.path / "weights" / f"epoch-{epoch:04d}.safetensors"

    def read_weights(self, epoch: int, known: str | None = None) -> bytes:
        """Content of the weights file after `epoch`, whose SHA-256 is `known`, or any.

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


def _taken(name: str) -> Any:
    """The class that a file of torch names, `module.name`; raises ValueError where it is none to be made.

    A function is none: a file could have it called.
    """
    module, _, attribute = name.rpartition(".")
    root, sane = module.partition(".")[0], name in PLAIN or module == "numpy.dtypes"
    ours = name == "diffusion.training.run.Way" or module.startswith(("diffusion.processes.", "torch.nn."))
    if not (known := sane or ours or root in sys.modules):  # a module of the user's own may be imported
        origin = getattr(importlib.util.find_spec(root), "origin", None)
        known = origin is not None and not is_library(origin)
    thing = getattr(importlib.import_module(module), attribute, None) if known else None
    if thing is None:
        raise ValueError(f"{name} cannot be had: define it first, or import its module")
    if not (sane or isinstance(thing, type) and (ours or is_own(thing))):
        raise ValueError(f"{name} is not made from a file; only this package's and your own classes are")
    return thing


def _run_of(weights: bytes) -> str | None:
    """Digest of the run that weights are of, as their header says; None where it does not."""
    with suppress(*NOT_SO):
        header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
        return json.loads(header["__metadata__"]["about"])["run"]
    return None


def weights_bytes(network: nn.Module, about: Mapping[str, Any]) -> bytes:
    """A network as safetensors. Equal weights give equal bytes."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    places = [value.data_ptr() for value in tensors.values()]
    shared = {k: v.clone() if places.count(v.data_ptr()) > 1 else v for k, v in tensors.items()}
    # One metadata entry only: safetensors writes several in no fixed order.
    return safetensors.torch.save(shared, {"about": json.dumps(about, sort_keys=True)})


def load_weights(content: bytes, network: nn.Module, name: str = "weights") -> nn.Module:
    """The network, with the content of a safetensors file, for evaluation; RunError: it is another one's."""
    try:
        network.load_state_dict(safetensors.torch.load(content))
    except Exception as error:  # safetensors and torch each raise their own
        why = str(error).splitlines()[0]
        raise RunError(f"{name} does not hold weights of this network: {why}") from error
    return network.eval()
