"""Faults drawn at random, against a real run: `make test-faults MINUTES=10 SEED=0`.

Each fault damages, loses or exchanges a file, edits a number in it, or kills a process at some moment. Then
the same command is given again, and the end is compared with the undisturbed run:

    survived    the same weights, samples and records, to the bit
    refused     one line; its advice is followed, and must lead to the same end
    WRONG       another result without a word
    traceback   an error that is none of ours

Every fault is a function of (seed, number), so that one can be tried again: `--only NUMBER`.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from diffusion.processes import ColdZoom
from diffusion.runtime import generator
from diffusion.training.checkpoints import RunError
from diffusion.training.fit import fit

EXPECTED = (RunError, ValueError, OSError)  # what an error of ours is; anything else is a traceback
VOLATILE = {"seconds", "seconds_per_step", "environment"}  # of the clock and the machine


@dataclass(frozen=True)
class Outcome:
    """How one fault ended."""

    number: int
    fault: str
    end: str  # survived, refused, WRONG or traceback
    said: str = ""


# --- what is run: a small training, its weights of every epoch and its samples ---


def images(n: int, key: str) -> torch.Tensor:
    """n images of one bright square each, (n, 1, 28, 28) in [-0.5, 0.5]."""
    x = torch.full((n, 1, 28, 28), -0.5)
    for i, (row, column) in enumerate(torch.randint(4, 18, (n, 2), generator=generator(key)).tolist()):
        x[i, 0, row : row + 7, column : column + 5] = 0.5
    return x


X, X_TEST = images(96, "faults train"), images(32, "faults test")


def train(folder: Path) -> dict[str, str]:
    """Train for three epochs in `folder`, or go on there; returns name -> hash of each result."""
    settings = {"epochs": 3, "batch_size": 32, "channels": (2,), "precision": "fp32", "checkpoint_steps": 1}
    run = fit(
        ColdZoom(T=6), X, X_TEST, folder=folder / "runs", name="zoom", lr_schedule="constant", **settings
    )
    found = {}
    for epoch in range(1, 4):
        weights = torch.cat([v.flatten() for v in run.network(epoch).state_dict().values()])
        found[f"weights {epoch}"] = hashlib.sha256(weights.numpy().tobytes()).hexdigest()
    found["samples"] = hashlib.sha256(run.sample(8).numpy().tobytes()).hexdigest()
    losses = [{k: v for k, v in line.items() if k not in VOLATILE} for line in run.history]
    found["history"] = hashlib.sha256(json.dumps(losses).encode()).hexdigest()
    return found


# --- faults: each takes a file and a source of chance, and says what it did ---


def flip(path: Path, chance: random.Random) -> str:
    content = bytearray(path.read_bytes())
    place, bit = chance.randrange(len(content)), chance.randrange(8)
    content[place] ^= 1 << bit
    path.write_bytes(content)
    return f"bit {bit} of byte {place} flipped"


def truncate(path: Path, chance: random.Random) -> str:
    content = path.read_bytes()
    length = chance.randrange(len(content))
    path.write_bytes(content[:length])
    return f"cut to {length} of {len(content)} bytes"


def junk(path: Path, chance: random.Random) -> str:
    path.write_bytes(chance.randbytes(chance.randrange(1, 2000)))
    return "replaced by junk"


def zero_page(path: Path, chance: random.Random) -> str:
    content = bytearray(path.read_bytes())
    place = chance.randrange(len(content))
    content[place : place + 512] = bytes(len(content[place : place + 512]))
    path.write_bytes(content)
    return f"512 bytes from {place} zeroed"


def lose(path: Path, chance: random.Random) -> str:
    path.unlink()
    return "deleted"


def exchange(path: Path, chance: random.Random) -> str:
    others = [p for p in files(path.parents[1]) if p != path and p.suffix == path.suffix]
    if not others:
        return lose(path, chance)
    other = chance.choice(others)
    shutil.copyfile(other, path)
    return f"replaced by a copy of {other.name}"


def edit(path: Path, chance: random.Random) -> str:
    """Change one number of a text file, as a hand would."""
    text = path.read_bytes().decode("utf-8", errors="replace")
    digits = [i for i, c in enumerate(text) if c.isdigit()]
    if path.suffix not in (".json", ".jsonl") or not digits:
        return flip(path, chance)
    place = chance.choice(digits)
    path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :], encoding="utf-8")
    return f"a digit at {place} edited"


FAULTS = (flip, flip, flip, truncate, zero_page, junk, lose, exchange, edit)


def files(folder: Path) -> list[Path]:
    """The files below a folder that hold something; locks do not count."""
    return sorted(
        p for p in folder.rglob("*") if p.is_file() and p.stat().st_size and not p.name.endswith(".lock")
    )


# --- processes: each attempt has one of its own, for a kill must be real ---


def attempt(work: Callable[[], dict[str, str]], kill_after: float | None = None) -> tuple[str, dict, str]:
    """Do the work in a process: (end, results, words); end is done, refused, traceback or killed."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer"
        child = os.fork()
        if child == 0:
            said = io.StringIO()
            try:
                with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                    result = ["done", work()]
            except EXPECTED as error:
                result = ["refused", {}]
                said.write(str(error))
            except BaseException:
                result = ["traceback", {}]
                said.write(traceback.format_exc())
            answer.write_text(json.dumps([*result, said.getvalue()]))
            os._exit(0)
        if kill_after is not None:
            time.sleep(kill_after)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return tuple(json.loads(answer.read_text())) if answer.is_file() else ("killed", {}, "")


def follow(said: str, folder: Path) -> str:
    """Do what a refusal asks for: delete the file that it names, or the run; returns what was done."""
    for word in said.replace(";", " ").replace(",", " ").split():
        path = Path(word)
        if path.is_absolute() and path.is_relative_to(folder) and path.exists() and path != folder:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
            return f"{path.name} deleted"
    return ""


def one(number: int, seed: int, finished: Path, expected: dict[str, str], folder: Path) -> Outcome:
    """One fault against the training; `finished` is the folder of an undisturbed run."""
    chance = random.Random(f"{seed}/{number}")
    if chance.random() < 0.25:  # a kill in the middle, and then perhaps damage
        delay = chance.uniform(0.02, 0.6)
        fault = f"killed after {delay:.2f} s"
        attempt(lambda: train(folder), kill_after=delay)
        if chance.random() < 0.5 and files(folder):
            path = chance.choice(files(folder))
            fault += f"; {path.name}: {chance.choice(FAULTS)(path, chance)}"
    else:
        shutil.copytree(finished, folder, dirs_exist_ok=True)
        path = chance.choice(files(folder))
        fault = f"{path.name}: {chance.choice(FAULTS)(path, chance)}"
    said, advised = "", ""
    for _ in range(3):
        end, results, words = attempt(lambda: train(folder))
        said += words
        if end == "done":
            how = "survived" if not advised else "refused"
            return Outcome(number, fault, how if results == expected else "WRONG", said)
        if end != "refused" or not (advised := follow(words, folder)):
            break
    return Outcome(number, fault, "traceback", said)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--faults", type=int, default=10**9, help="stop after so many")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--only", type=int, help="try one number again")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"seed {options.seed}", flush=True)
    ends: Counter[str] = Counter()
    stop = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as scratch:
        finished = Path(scratch) / "finished"
        end, expected, said = attempt(lambda: train(finished))
        assert end == "done", said
        numbers = [options.only] if options.only is not None else range(options.faults)
        for number in numbers:
            if time.monotonic() > stop:
                break
            folder = Path(scratch) / f"fault-{number}"
            outcome = one(number, options.seed, finished, expected, folder)
            ends[outcome.end] += 1
            if outcome.end in ("WRONG", "traceback") or options.only is not None:
                print(
                    f"{outcome.number}: {outcome.end}: {outcome.fault}\n    {outcome.said.strip()[-800:]}",
                    flush=True,
                )
            shutil.rmtree(folder, ignore_errors=True)
    print(
        f"{sum(ends.values())} faults: "
        + ", ".join(f"{ends[e]} {e}" for e in ("survived", "refused", "WRONG", "traceback"))
    )
    return 1 if ends["WRONG"] or ends["traceback"] else 0


if __name__ == "__main__":
    sys.exit(main())
