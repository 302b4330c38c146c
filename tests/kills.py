"""Kill training at random moments and resume it, over and over, until it has run to its end.

    python tests/kills.py --kills 100 --model zoom --precision bf16

Every attempt is a process of its own that calls `fit` and is ended by SIGKILL.
After each kill the folder must be in order: whole states, whole weights, a history without a gap.
In the end weights, history and state must be those of a run that nobody disturbed, to the bit.
"""

import argparse
import collections
import hashlib
import itertools
import json
import math
import mmap
import os
import random
import re
import signal
import struct
import sys
import tempfile
import time
import traceback
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # a process with threads cannot be forked safely
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch  # noqa: E402
import torch._dynamo  # noqa: E402, F401 - torch imports it for the first optimiser: once here, not in each attempt

import diffusion as d  # noqa: E402
from diffusion import runtime  # noqa: E402
from diffusion.training.checkpoints import STATES_KEPT, RunFolder  # noqa: E402
from diffusion.training.fit import _Loop  # noqa: E402

MODELS = {"linear": lambda: d.DDPM(d.linear()), "cosine": lambda: d.DDPM(d.cosine()), "zoom": d.ColdZoom}
BATCH, STEPS, TEST = 8, 5, 16  # images a step, steps an epoch, test images
PATIENCE = 120.0  # seconds for one attempt, on a busy machine
WORK = ("starting", "resuming", "step", "test loss", "state", "weights", "history", "between")
STAGE = ("", "writing", "flushing", "renaming", "renamed")  # of a file that is being written
FILES = ("state", "weights", "history")
AIMED = [(work, stage) for work in FILES for stage in ("writing", "renaming")]
AIMED += [("state", "renamed"), ("test loss", ""), ("resuming", ""), ("step", "")]


class Board:
    """What an attempt is doing, in memory that it shares with the parent: readable after its death."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, 12)  # work, stage, two bytes of nothing, steps done, steps allowed
        self.trap: tuple[str, str] | None = None

    def clear(self, steps: int, trap: tuple[str, str] | None) -> None:
        """A new attempt, which may do so many steps and then waits for its end, or dies in a given moment."""
        self.memory[:] = struct.pack("4xII", 0, steps)
        self.trap = trap

    def note(self, work: str | None, stage: str) -> None:
        """The attempt's moment from now on; `work` is None where it stays what it is."""
        if work is not None:
            self.memory[0] = WORK.index(work)
        self.memory[1] = STAGE.index(stage)
        if self.moment == self.trap:
            os.kill(os.getpid(), signal.SIGKILL)

    @property
    def moment(self) -> tuple[str, str]:
        return WORK[self.memory[0]], STAGE[self.memory[1]]

    @property
    def steps(self) -> int:
        return struct.unpack_from("I", self.memory, 4)[0]

    def count_step(self) -> None:
        struct.pack_into("I", self.memory, 4, self.steps + 1)

    def wait_if_last(self) -> None:
        """A busy machine may keep the parent from killing in time; the run must not end before."""
        while self.steps >= struct.unpack_from("I", self.memory, 8)[0]:
            time.sleep(0.001)

    def watch(self, owner: object, name: str, work: str) -> None:
        """Note on the board when a method is at work; it does what it did."""
        original = getattr(owner, name)

        def watched(*args, **options):
            if work == "step":
                self.wait_if_last()
            self.note(work, "")
            result = original(*args, **options)
            self.note("between", "")
            if work == "step":
                self.count_step()
            return result

        setattr(owner, name, watched)

    def watch_writing(self, owner: object, name: str, during: str, after: str) -> None:
        """Note how far a file is: the stage while a function runs, and the stage after it."""
        original = getattr(owner, name)

        def watched(*args, **options):
            self.note(None, during)
            result = original(*args, **options)
            self.note(None, after)
            return result

        setattr(owner, name, watched)

    def write_in_halves(self) -> None:
        """Have files written in two halves, as the system may do, with a moment between."""
        original = os.fdopen

        def fdopen(handle, mode="r", *args, **options):
            file = original(handle, mode, *args, **options)
            write = file.write

            def in_halves(content):
                done = write(content[: len(content) // 2])
                file.flush()
                self.note(None, "writing")
                return done + write(content[len(content) // 2 :])

            if mode == "wb":
                file.write = in_halves
            return file

        runtime.os.fdopen = fdopen

    def watch_training(self) -> None:
        for name, work in (("_restore", "resuming"), ("_step", "step"), ("_test_loss", "test loss")):
            self.watch(_Loop, name, work)
        writers = (("save_state", "state"), ("save_weights", "weights"), ("write_history", "history"))
        for name, work in writers:
            self.watch(RunFolder, name, work)
        self.write_in_halves()
        self.watch_writing(runtime.os, "fsync", "flushing", "")
        self.watch_writing(runtime.os, "replace", "renaming", "renamed")


class Harness:
    """One run of one model in one precision, killed again and again."""

    def __init__(self, model: str, precision: str, kills: int, seed: int, folder: Path, images: tuple):
        self.model, self.precision, self.kills, self.folder, self.images = (
            model,
            precision,
            kills,
            folder,
            images,
        )
        self.random = random.Random(f"{seed} {model} {precision}")
        self.epochs = math.ceil(2 * kills / STEPS) + 1
        self.board = Board()
        self.landed: collections.Counter = collections.Counter()
        self.kills_by_epoch: collections.Counter = collections.Counter()
        self.kept = 0  # states that the attempt before has left

    def run(self) -> dict:
        """Kill and resume; returns what happened. Raises AssertionError where something was lost."""
        begun = time.monotonic()
        self.whole = self.undisturbed()
        length = time.monotonic() - begun
        first = [(work, self.random.choice(("writing", "renaming"))) for work in FILES]
        aims = itertools.chain(first, itertools.cycle(self.random.sample(AIMED, len(AIMED))))
        for number in range(self.kills):
            self.attempt(self.plan(number, aims, length))
            self.inspect()
        finished = self.attempt(None)
        assert finished, "the last attempt did not finish"
        self.compare()
        return {
            "model": self.model,
            "precision": self.precision,
            "kills": sum(self.landed.values()),
            "steps": self.epochs * STEPS,
            "epochs": self.epochs,
            "epochs_with_a_kill": len(self.kills_by_epoch),
            "landed": {" ".join(moment).strip(): n for moment, n in self.landed.most_common()},
            "seconds": round(time.monotonic() - begun, 1),
        }

    # --- attempts ---

    def fit(self, name: str) -> None:
        options = {"epochs": self.epochs, "batch_size": BATCH, "precision": self.precision, "channels": [4]}
        options |= {"lr_schedule": "constant", "learning_rate": 2e-4, "checkpoint_steps": 1}
        d.fit(MODELS[self.model](), *self.images, folder=self.folder / name, **options)

    def fork(self, name: str, steps: int, trap: tuple[str, str] | None = None) -> int:
        """Start an attempt in a process of its own; returns its number."""
        self.board.clear(steps, trap)
        process = os.fork()
        if process:
            return process
        try:
            output = os.open(self.folder / f"{name}.log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
            os.dup2(output, 1)
            os.dup2(output, 2)
            self.board.watch_training()
            self.fit(name)
            sys.stdout.flush()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    def undisturbed(self) -> Path:
        """The folder of the run that nobody kills."""
        _, status = os.waitpid(self.fork("whole", self.epochs * STEPS), 0)
        assert status == 0, (self.folder / "whole.log").read_text()
        (folder,) = (self.folder / "whole").iterdir()
        return folder

    @property
    def killed(self) -> RunFolder:
        return RunFolder(self.folder / "killed" / self.whole.name)

    def steps_left(self) -> int:
        states = self.killed.states()
        return self.epochs * STEPS - (int(states[0].name.split("-")[1]) if states else 0)

    def plan(self, number: int, aims, length: float) -> tuple:
        """When to kill: (after so many steps, so many seconds later, or else in which moment)."""
        left, kills_left = self.steps_left(), self.kills - number
        spare = left - kills_left - STEPS
        if spare <= 0:
            # As many kills as steps are still to come: let none of these get far.
            return 0, 0.0, self.random.choice([("resuming", ""), ("step", "")])
        if number < len(FILES) or number % 3 == 1:
            return 0, 0.0, next(aims)
        if number % 6 == 2:
            return 0, self.random.uniform(0, 0.3), None  # while it starts, or soon after
        steps = self.random.randint(0, min(2 * left // kills_left, spare))
        return steps, self.random.uniform(0, 1.5 * length / (self.epochs * STEPS)), None

    def attempt(self, plan: tuple | None) -> bool:
        """Train until the moment of the plan, or to the end; returns whether the end was reached."""
        allowed = self.steps_left() - (plan is not None)
        steps, seconds, trap = plan or (0, 0.0, None)
        process, end = self.fork("killed", allowed, trap), time.monotonic() + PATIENCE
        if plan is not None:
            target = steps if trap is None else allowed
            reached = self.wait(process, end, lambda: self.board.steps >= target)
            time.sleep(seconds if reached else 0)
            os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        if plan is not None and os.WIFSIGNALED(status):
            self.landed[self.board.moment] += 1
            self.kills_by_epoch[(self.epochs * STEPS - self.steps_left()) // STEPS] += 1
            return False
        assert status == 0, (self.folder / "killed.log").read_text()
        assert plan is None, "the run ended before it could be killed"
        return True

    def wait(self, process: int, end: float, condition) -> bool:
        """Wait for a condition on the board; False if the attempt ends before."""
        while not condition():
            assert time.monotonic() < end, f"waited in vain; the attempt is at {self.board.moment}"
            # A zombie still: its number cannot be another's.
            if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return False
            time.sleep(0.0002)
        return True

    # --- checks ---

    def inspect(self) -> None:
        """What must hold whenever the process dies: no file is half written, the history has no gap."""
        for state in self.killed.states():
            assert hashlib.sha256(state.read_bytes()).hexdigest()[:16] in state.name, f"{state} is torn"
        # A kill between the writing of a state and the removal of older ones leaves one more than is kept; a
        # kill in the same place of the next attempt leaves one more again.
        kept = len(self.killed.states())
        assert kept <= max(STATES_KEPT, self.kept) + 1, f"{kept} states, {self.kept} at the kill before"
        self.kept = kept
        for weights in self.killed.path.glob("weights/*.safetensors"):
            same = weights.read_bytes() == (self.whole / "weights" / weights.name).read_bytes()
            assert same, f"{weights} is not the file of the undisturbed run"
        lines = history(self.killed.path)
        assert lines == history(self.whole)[: len(lines)], f"history has other lines: {lines}"

    def compare(self) -> None:
        """What must hold in the end: the same files as those of the undisturbed run."""
        self.inspect()
        assert history(self.killed.path) == history(self.whole)
        assert [line["epoch"] for line in history(self.whole)] == list(range(1, self.epochs + 1))
        assert names(self.killed.path) == names(self.whole)
        said = (self.folder / "killed.log").read_text()
        assert not re.findall("warning|lost|starts over", said), said  # no work was repeated in vain
        ours, theirs = self.killed.load_state(), RunFolder(self.whole).load_state()
        for state in (ours, theirs):
            del state["seconds"]
            for line in state["history"]:
                del line["seconds"]
        assert equal(ours, theirs), "the last state is another one"


def history(folder: Path) -> list[dict]:
    """The lines of a history, apart from the times."""
    file = folder / "history.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def names(folder: Path) -> list[str]:
    """All files of a run; of a state only the step, since its hash covers the times."""
    found = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sorted(name.rsplit("-", 1)[0] if name.startswith("state-") else name for name in found)


def equal(a, b) -> bool:
    """Whether two nests of dicts, lists, numbers and tensors are the same to the bit."""
    if isinstance(a, torch.Tensor):
        same_type = isinstance(b, torch.Tensor) and a.dtype == b.dtype
        return same_type and a.numpy().tobytes() == b.numpy().tobytes()
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    return a == b


def main() -> None:
    parser = argparse.ArgumentParser(prog="python tests/kills.py", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=25, help="kills over each run (default 25)")
    parser.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS), help="(default: all)")
    parser.add_argument("--precision", nargs="+", choices=["fp32", "bf16"], default=["fp32", "bf16"])
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    options = parser.parse_args()
    if options.kills < 1:
        parser.error(f"kills is {options.kills}; at least 1")
    images = (
        d.load(n=BATCH * STEPS - 3)[0],
        d.load(split="test", n=TEST)[0],
    )  # each epoch ends with a small step
    for model, precision in itertools.product(options.model, options.precision):
        with tempfile.TemporaryDirectory() as folder:
            run = Harness(model, precision, options.kills, options.seed, Path(folder), images)
            print(json.dumps(run.run()), flush=True)


if __name__ == "__main__":
    main()
