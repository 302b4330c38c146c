"""Put a run that is under way aside in one file, and go on from it elsewhere.

    python tools/snapshot.py save PROFILE FILE.tar
    python tools/snapshot.py restore PROFILE FILE.tar

A snapshot holds what `make retrain` needs to go on: for each training its newest intact
state, its history and the weights that the profile's comparison will measure, and all samples that have been
drawn. It may be taken while the run goes on. Restoring never goes back: a training that is further here than
in the file stays, unless its states are damaged.
A snapshot says on which kind of device and in which precision each training was computed, and restoring it
warns where this machine would take others: the training would begin anew there.
"""

import hashlib
import io
import json
import os
import re
import sys
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # in place of tools/

from diffusion.files import write_bytes  # noqa: E402
from diffusion.parameter_table import COMPARE  # noqa: E402
from diffusion.parameters import check_profile, for_model, notebook_parameters  # noqa: E402
from diffusion.runs import LEFT_OUT, RunFolder, measured_epochs  # noqa: E402
from report import profile as profiles  # noqa: E402
from tools import computed_in, outputs  # noqa: E402

WITHIN = r"(?:seeds/\d+/|again/[\w-]+-\d+/)?"  # the results of another seed, or of a further training
MODEL = rf"{WITHIN}runs/[\w-]+"
STATE = re.compile(rf"({MODEL})/state-(\d{{8}})-([0-9a-f]{{16}})\.pt")
OTHERS = re.compile(
    rf"{MODEL}/(?:history\.jsonl|weights/epoch-\d{{4,}}\.safetensors|{re.escape(LEFT_OUT)})"
    rf"|{MODEL}/{re.escape(computed_in.FILE)}"
    rf"|{WITHIN}samples/[0-9a-f]{{16}}\.safetensors"
)


def save(out: Path, file: Path, config: Mapping[str, Any]) -> int:
    """Write the snapshot of the results in `out`, of the profile `config`; returns its number of files.

    Raises:
        ValueError: there is no training to put aside.
    """
    files: dict[str, bytes] = {}
    for run in sorted(outputs.everywhere(out, "runs/*")):
        state = next((s for s in RunFolder(run).states() if intact(s.name, content := _read(s))), None)
        if state is None:
            continue
        name, model = run.relative_to(out).as_posix(), run.name.rpartition("-")[0]
        files[state.relative_to(out).as_posix()] = content
        files[f"{name}/history.jsonl"] = _read(run / "history.jsonl")
        # Of the state: the history is written after it, and a kill in between leaves it one line behind.
        epochs = range(1, len(torch.load(io.BytesIO(content), weights_only=True)["history"]) + 1)
        needed = _needed(model, config, epochs)
        for path in filter(Path.is_file, map(RunFolder(run).weights, needed)):
            files[path.relative_to(out).as_posix()] = _read(path)
        # A needed one that is lost is not listed: training makes it again.
        left_out = {*RunFolder(run).left_out(), *epochs} - set(needed)
        files[f"{name}/{LEFT_OUT}"] = json.dumps(sorted(left_out)).encode()
        if known := computed_in.of_run(run, model, config):
            files[f"{name}/{computed_in.FILE}"] = json.dumps(known).encode()
    if not files:
        start = f"make retrain PROFILE={config['profile']}"
        raise ValueError(f"{out} has no training to put aside; start one with `{start}` first")
    for path in sorted(outputs.everywhere(out, "samples/*.safetensors")):
        files[path.relative_to(out).as_posix()] = _read(path)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    write_bytes(file, buffer.getvalue())
    return len(files)


def restore(file: Path, out: Path) -> list[str]:
    """Put the trainings of a snapshot into `out`; returns the names of the runs that were taken over.

    Raises:
        ValueError: not a snapshot, or damaged; nothing is written then.
        RunError: one of the trainings is under way here.
    """
    files = _unpack(file)
    taken = []
    for name in filter(STATE.fullmatch, files):
        run, step = STATE.fullmatch(name)[1], int(STATE.fullmatch(name)[2])
        folder = RunFolder(out / run)
        with folder.locked():
            here = (state for state in folder.states() if int(state.name[6:14]) >= step)
            if any(intact(state.name, _read(state)) for state in here):
                continue
            # The state comes last: it claims the weights.
            for part in sorted((n for n in files if n.startswith(f"{run}/")), key=lambda n: n == name):
                write_bytes(out / part, files[part])
        taken.append(run)
    for name in files:
        if "samples/" in name and not (out / name).exists():
            write_bytes(out / name, files[name])
    return taken


def _needed(model: str, config: Mapping[str, Any], epochs: Iterable[int]) -> list[int]:
    """Those of the epochs whose weights are measured or released; all, for a model not compared."""
    compared = notebook_parameters(config, COMPARE)
    if model not in compared["models"]:
        return list(epochs)
    last, every = notebook_parameters(config, model)["epochs"], for_model(compared["distance_every"], model)
    return sorted(set(epochs) & set(measured_epochs(last, every)))


def intact(name: str, content: bytes) -> bool:
    """Whether a state's content has the hash in its name."""
    return hashlib.sha256(content).hexdigest().startswith(name.rsplit("-", 1)[1].removesuffix(".pt"))


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _unpack(file: Path) -> dict[str, bytes]:
    try:
        with tarfile.open(file) as tar:
            files = {entry.name: tar.extractfile(entry).read() for entry in tar if entry.isfile()}
            members = len(tar.getmembers())
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{file} cannot be read as a snapshot: {error}") from None
    strange = [name for name in files if not (STATE.fullmatch(name) or OTHERS.fullmatch(name))]
    if strange or members != len(files):
        raise ValueError(f"{file} is no snapshot: it holds {(strange or ['a link or a folder'])[0]!r}")
    for name, content in files.items():
        if STATE.fullmatch(name) and not intact(name, content):
            raise ValueError(f"{file} is damaged: the content of {name} is not that of its name")
        if name.endswith(f"/{computed_in.FILE}") and not computed_in.is_told(content):
            raise ValueError(f"{file} is damaged: {name} names no device and precision")
    return files


def main() -> None:
    if len(sys.argv) != 4 or sys.argv[1] not in ("save", "restore"):
        sys.exit(__doc__)
    what, profile, file = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    try:
        _, config = profiles.read(profile)
        check_profile(config)
        out = ROOT / outputs.folder(config)
        if what == "save":
            print(f"{file}: {save(out, file, config)} files, {file.stat().st_size / 2**20:.1f} MiB")
        else:
            taken = restore(file, out)
            print(f"{os.path.relpath(out, ROOT)}: {', '.join(taken) or 'nothing'} taken over from {file}")
            for line in computed_in.warnings(out, config):
                print(f"warning: {line}")
    except (ValueError, RuntimeError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
