"""Faults drawn at random, against real runs: `make test-faults MINUTES=10 SEED=0`.

Each damages, loses or exchanges a file, edits a number in it, or ends a process at some moment: of a training
(here), or of the whole workflow (tests/workflow/faults.py). Then the same command is given again, and the end
is compared with the undisturbed run:

    survived    the same weights, samples, records and figures, to the bit
    refused     one line; its advice is followed, and must lead to the same end
    WRONG       another result without a word
    traceback   an error that is none of ours, or no end

A round of faults is a function of (seed, number), so that one can be tried again: `--only NUMBER`.
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
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # a process with threads cannot be forked safely
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch  # noqa: E402
import torch._dynamo  # noqa: E402, F401 - torch imports it for the first optimiser: once here, not in each attempt

import short_runs  # noqa: E402
from damage import damage, files  # noqa: E402
from diffusion import data  # noqa: E402
from diffusion.processes import ColdZoom  # noqa: E402
from diffusion.runtime import generator  # noqa: E402
from diffusion.training.checkpoints import RunError  # noqa: E402
from workflow import faults as workflow  # noqa: E402

EXPECTED = (RunError, ValueError, OSError)  # what an error of ours is; anything else is a traceback
ENDS = ("survived", "refused", "WRONG", "traceback")
Round = tuple[list[str], str, str]  # its faults, how it ended, what was said

# --- what is run: a small training, its weights of every epoch and its samples ---

X, X_TEST = (torch.rand(n, 1, 28, 28, generator=generator("faults", n)) - 0.5 for n in (32, 16))


def train(folder: Path) -> dict[str, str]:
    """Train for three epochs in `folder`, or go on there; returns name -> hash of each result."""
    run = short_runs.train((X, X_TEST), folder / "runs", ColdZoom(T=6))
    found = {}
    for epoch in range(1, 4):
        weights = torch.cat([v.flatten() for v in run.network(epoch).state_dict().values()])
        found[f"weights {epoch}"] = hashlib.sha256(weights.numpy().tobytes()).hexdigest()
    found["samples"] = hashlib.sha256(run.sample(8).numpy().tobytes()).hexdigest()
    found["history"] = hashlib.sha256(json.dumps(workflow.timeless(run.history)).encode()).hexdigest()
    return found


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


def one(number: int, seed: int, finished: Path, expected: dict[str, str], folder: Path) -> Round:
    """One fault or two against the training; `finished` is the folder of an undisturbed run."""
    chance = random.Random(f"{seed}/{number}")
    faults = []
    if chance.random() < 0.25:  # a kill in the middle, and then perhaps damage
        delay = chance.uniform(0.02, 0.6)
        faults.append(f"killed after {delay:.2f} s")
        attempt(lambda: train(folder), kill_after=delay)
        if chance.random() < 0.5 and files(folder):
            faults.append(damage(chance.choice(files(folder)), chance))
    else:
        shutil.copytree(finished, folder, dirs_exist_ok=True)
        faults.append(damage(chance.choice(files(folder)), chance))
    said, advised = "", ""
    for _ in range(3):
        end, results, words = attempt(lambda: train(folder))
        said += words
        if end == "done":
            how = "survived" if not advised else "refused"
            return faults, how if results == expected else "WRONG", said
        if end != "refused" or not (advised := follow(words, folder)):
            break
    return faults, "traceback", said


# --- rounds ---


@contextlib.contextmanager
def trainings(scratch: Path, seed: int) -> Iterator[Callable[[int], Round]]:
    """A function that does the round of a number, against the training."""
    finished = scratch / "finished"
    end, expected, said = attempt(lambda: train(finished))
    assert end == "done", said

    def befall(number: int) -> Round:
        folder = scratch / "fault"
        shutil.rmtree(folder, ignore_errors=True)
        return one(number, seed, finished, expected, folder)

    yield befall


@contextlib.contextmanager
def workflows(scratch: Path, seed: int) -> Iterator[Callable[[int], Round]]:
    """A function that does the round of a number, against the workflow."""
    data.fetch()
    study = workflow.project(scratch, data.folder())
    study.make()
    yield lambda number: workflow.one(number, seed, study)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=10**9, help="stop after so many")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--of", choices=["trainings", "workflow", "both"], default="both")
    parser.add_argument("--only", type=int, help="try one round again, of those that --of names")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"seed {options.seed}", flush=True)
    kinds = {"trainings": trainings, "workflow": workflows}
    kinds = kinds if options.of == "both" else {options.of: kinds[options.of]}
    bad = 0
    for kind, begin in kinds.items():
        ends: Counter[str] = Counter()
        rounds = 0
        with tempfile.TemporaryDirectory() as scratch, begin(Path(scratch), options.seed) as befall:
            stop = time.monotonic() + 60 * options.minutes / len(kinds)
            for number in range(options.rounds) if options.only is None else [options.only]:
                if time.monotonic() > stop:
                    break
                faults, end, said = befall(number)
                ends[end] += len(faults)
                rounds += 1
                print(f"{kind} {number}: {end}: {'; '.join(faults)}", flush=True)
                if end in ("WRONG", "traceback") or options.only is not None:
                    print(f"    {said.strip()[-2000:]}", flush=True)
        counted = ", ".join(f"{ends[end]} {end}" for end in ENDS)
        print(f"{kind}: {sum(ends.values())} faults in {rounds} rounds: {counted}", flush=True)
        bad += ends["WRONG"] + ends["traceback"]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
