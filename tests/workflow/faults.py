"""Faults drawn at random against real runs of the workflow: `make test-faults MINUTES=10 SEED=0`.

A small study is made and released once. A round befalls it with one to six faults: files of its results or
its release damaged, lost or exchanged; the data, the shipped classifier, Snakemake's notes; a digit of the
profile; the command or one of its processes ended at some moment, by some signal. Then the same command is
given until it is done, with what its refusals advise done in between, and the end is compared with the
undisturbed run:

    survived    the same weights, samples, records and figures, to the bit
    refused     one line; its advice is followed, and must lead to the same end
    WRONG       another result without a word
    traceback   an error that is none of ours, or no end

A round is a function of (seed, number), so that one can be tried again: `--only NUMBER`.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import yaml

sys.path[:0] = [str(Path(__file__).resolve().parents[n]) for n in (1, 2)]

import checkout  # noqa: E402
from damage import damage, edit, files  # noqa: E402
from diffusion import data  # noqa: E402
from workflow.standin import working_in  # noqa: E402

PARTS = ("Snakefile", "profiles", "tools", "diffusion", "notebooks", "report")
PROFILE = {
    "profile": "tiny",
    "schedules": {"n_test": 32},
    "training": {"epochs": 2, "learning_rate": 0.002, "n_train": 256, "n_test": 64, "n_samples": 16},
    "models": {"zoom": {"notebook": "03_train_zoom"}},
    "measure": {"n_samples": 16, "n_final": 32, "n_distance": 32, "distance_every": 1, "n_test": 256},
}
PROFILE["training"] |= {"n_reconstruct": 8, "precision": "fp32"}
PROFILE["measure"] |= {"floor_repeats": 2, "interval_repeats": 2}
VOLATILE = {"seconds", "seconds_per_step", "environment", "commit"}  # of the clock and the machine
PATIENCE = 900.0  # seconds for a command, on a busy machine
ATTEMPTS = 5
ENDS = ("survived", "refused", "WRONG", "traceback")
# No network: lost data would be fetched again, each time.
OFFLINE = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "PIP_RETRIES": "0"}


class Study:
    """A small study in a copy of the project, whole, and a copy of all that to go back to."""

    def __init__(self, folder: Path, profile: str = "tiny"):
        self.folder, self.profile = folder, profile
        self.out, self.whole = folder / "build" / profile, folder.with_name("whole")

    def make(self) -> None:
        """Make the study and its release, undisturbed."""
        begun = time.monotonic()
        commands = [("tools.run", "--retrain", self.profile, "1")]
        commands += [("tools.release", self.profile), ("tools.run", self.profile)]
        for command in commands:
            status, said = self.give(*command)
            assert status == 0, said
        self.seconds = time.monotonic() - begun
        self.keep()

    def keep(self) -> None:
        """Take the study as it is for the whole one."""
        shutil.copytree(self.folder, self.whole)
        self.expected = self.results()

    def restore(self, *names: str) -> None:
        """Put everything back that is not as it was; or else these files and folders alone."""
        for name in names or (".",):
            for path in [self.folder / name, *(self.folder / name).rglob("*")]:
                if path.is_file() and not (self.whole / path.relative_to(self.folder)).is_file():
                    path.unlink()
            for path in [self.whole / name, *(self.whole / name).rglob("*")]:
                mine = self.folder / path.relative_to(self.whole)
                if path.is_file() and not (mine.is_file() and same_file(path, mine)):
                    mine.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, mine)

    def start(self, *command: str) -> subprocess.Popen:
        environment = os.environ | OFFLINE
        environment.pop("MNIST_DIR", None)  # the copy has data of its own
        with (self.folder.parent / "said").open("w") as said:
            options = {"cwd": self.folder, "env": environment, "stdout": said, "stderr": said}
            return subprocess.Popen([sys.executable, "-m", *command], start_new_session=True, **options)

    def give(self, *command: str) -> tuple[int | None, str]:
        """Give a command; returns its status, None if it does not end, and what it said."""
        run = self.start(*command)
        try:
            status = run.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            status = None
        return status, (self.folder.parent / "said").read_text(errors="replace")

    def results(self) -> dict[str, object]:
        """All results by name, without what is of the clock and the machine; samples are a cache of them."""
        found: dict[str, object] = {}
        for folder in (self.out, self.out.parent / "released" / self.profile):
            for path in files(folder):
                name = path.relative_to(folder.parent).as_posix()
                part = name.split("/")[1]
                if part in ("metrics", "ledger.json", "table.json"):
                    found[name] = timeless(json.loads(path.read_text()))
                elif path.name == "history.jsonl":
                    found[name] = [timeless(json.loads(line)) for line in path.read_text().splitlines()]
                elif part in ("figures", "kept") or "weights" in path.parts:
                    found[name] = path.read_bytes()
                elif path.name in ("report.html", "report.pdf", "run.json"):
                    found[name] = path.stat().st_size > 0
        return found


def same_file(one: Path, other: Path) -> bool:
    a, b = one.stat(), other.stat()
    return (a.st_size, a.st_mtime_ns) == (b.st_size, b.st_mtime_ns)


def timeless(value):
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in VOLATILE}
    return [timeless(v) for v in value] if isinstance(value, list) else value


def project(scratch: Path) -> Study:
    """The small study, not made yet, in a copy of the project with the data."""
    data.fetch()
    folder = checkout.copied((scratch / "project").resolve(), *PARTS)
    shutil.copytree(data.folder() / "MNIST", folder / "data" / "MNIST")
    (folder / "profiles" / "tiny.yaml").write_text(yaml.safe_dump(PROFILE, sort_keys=False))
    return Study(folder)


# --- faults: each does something to the study and returns what it did, one line a fault ---


def of_results(study: Study, chance: random.Random) -> list[str]:
    """Files of the results: first a kind is drawn, since there are many figures and few records."""
    return [damaged(study.out, chance) for _ in range(chance.choice([1, 2, 4, 6]))]


def damaged(folder: Path, chance: random.Random) -> str:
    kind = chance.choice(sorted({p.relative_to(folder).parts[0] for p in files(folder)}))
    return damage(chance.choice([p for p in files(folder) if p.relative_to(folder).parts[0] == kind]), chance)


def of_a_release(study: Study, chance: random.Random) -> list[str]:
    """Files of the release, and of the report that was made from it; or a release that is interrupted."""
    if chance.random() < 0.3:
        return [killed(study, chance, ("tools.release", study.profile), 4.0)]
    folders = [study.folder / "released" / study.profile, study.out.parent / "released" / study.profile]
    if chance.random() < 0.2 and (folders[0] / "manifest.json").is_file():
        return [damage(folders[0] / "manifest.json", chance)]
    return [damaged(chance.choice(folders), chance) for _ in range(chance.choice([1, 1, 2]))]


def of_inputs(study: Study, chance: random.Random) -> list[str]:
    """The data, the shipped classifier or Snakemake's notes, and a job that needs them."""
    inputs = [*files(study.folder / "data"), *files(study.folder / ".snakemake")]
    inputs += 4 * [study.folder / "diffusion" / "evaluation" / "classifier.safetensors"]
    inputs = [path for path in inputs if path.is_file()]
    done = [damage(chance.choice(inputs), chance)] if inputs else []
    return [*done, undone(study, chance)]


def undone(study: Study, chance: random.Random) -> str:
    """The note that says that a job is done goes, so that it runs again."""
    path = chance.choice(sorted((study.out / "jobs").iterdir()))
    path.unlink()
    return f"{path.name} deleted"


def of_moments(study: Study, chance: random.Random) -> list[str]:
    """A command that is ended while some jobs run again, and perhaps damage beside it."""
    again = undone(study, chance)
    if again.startswith("train") and chance.random() < 0.5:
        shutil.rmtree(study.out / "runs")
    done = [killed(study, chance, ("tools.run", "--retrain", study.profile, "1"), study.seconds / 2)]
    return [*done, damaged(study.out, chance)] if chance.random() < 0.5 else done


def of_the_profile(study: Study, chance: random.Random) -> list[str]:
    """The profile is edited or damaged, the command is given and ended, and the profile is put back."""
    path = study.folder / "profiles" / f"{study.profile}.yaml"
    what = damage(path, chance) if chance.random() < 0.3 else f"{path.name}: {edit(path, chance)}"
    after = killed(study, chance, ("tools.run", "--retrain", study.profile, "1"), study.seconds / 4)
    study.restore(f"profiles/{path.name}")
    return [f"{what}; {after}; put back"]


def killed(study: Study, chance: random.Random, command: tuple[str, ...], longest: float) -> str:
    """Give a command and end it, or one of its processes, after up to so many seconds."""
    after, number = (
        chance.uniform(0, longest),
        chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]),
    )
    whom = chance.choice(["it", "it", "one of its processes", "all of them"])
    run = study.start(*command)
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.wait(after)
        return f"{command[0]} ended before {after:.0f} s"
    targets = list(working_in(study.folder))
    if whom == "one of its processes":
        targets = [chance.choice(targets or [run.pid])]
    for process in [run.pid] if whom == "it" else targets:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)
    end = time.monotonic() + PATIENCE
    while run.poll() is None or working_in(study.folder):
        assert time.monotonic() < end, (
            f"{list(working_in(study.folder))} run on after signal {number} to {whom}"
        )
        time.sleep(0.05)
    return f"{command[0]}: signal {int(number)} to {whom} after {after:.0f} s"


FAULTS: list[tuple[Callable[[Study, random.Random], list[str]], int]] = [
    (of_results, 4),
    (of_a_release, 3),
    (of_inputs, 2),
    (of_moments, 3),
    (of_the_profile, 2),
]


# --- what is done about it ---


def follow(said: str, study: Study) -> str:
    """Do what a refusal asks for; returns what was done, or nothing where it asks for nothing known."""
    if "git checkout -- " in said:
        name = said.split("git checkout -- ")[1].split("`")[0].split()[0]
        study.restore(name)
        return f"{name} put back"
    if "restore the shipped file" in said or "install the project again" in said:
        study.restore("diffusion")
        return "the classifier put back"
    if "Put the original files there" in said:
        study.restore("data")
        return "the data put back"
    if "the same command goes on from here" in said or "call it again" in said:
        return "given again"
    return ""


def one(number: int, seed: int, study: Study) -> tuple[list[str], str, str]:
    """One round against the study: (its faults, how it ended, what was said)."""
    chance = random.Random(f"{seed}/workflow/{number}")
    study.restore()
    kinds, weights = zip(*FAULTS, strict=True)
    (kind,) = chance.choices(kinds, weights)
    try:
        faults = kind(study, chance)
    except AssertionError as error:
        return [kind.__name__], "traceback", str(error)
    command = ["tools.run", "--retrain", study.profile, "1"]
    if kind is of_a_release:
        command.remove("--retrain")
    everything, advised = "", False
    for _ in range(ATTEMPTS):
        status, said = study.give(*command)
        everything += said
        if "Traceback" in said or status is None:
            return faults, "traceback", everything
        if status == 0:
            differing = differences(study)
            end = "WRONG" if differing else "refused" if advised else "survived"
            return faults, end, everything + differing
        if not (advised := bool(follow(said, study))):
            break
    return faults, "traceback", everything


def differences(study: Study) -> str:
    """The results that are not those of the undisturbed run; empty where all are.

    A training with the settings of an edited profile may lie beside the one that counts.
    """
    found, expected = study.results(), study.expected
    names = {n for n in found.keys() | expected.keys() if n in expected or "/runs/" not in n}
    return " ".join(n for n in sorted(names) if found.get(n) != expected.get(n))


# --- rounds ---


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=10**9, help="stop after so many")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--only", type=int, help="try one round again")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore
    print(f"seed {options.seed}", flush=True)
    ends: Counter[str] = Counter()
    rounds = 0
    with tempfile.TemporaryDirectory() as scratch:
        study = project(Path(scratch))
        study.make()
        stop = time.monotonic() + 60 * options.minutes
        for number in range(options.rounds) if options.only is None else [options.only]:
            if time.monotonic() > stop:
                break
            done, end, said = one(number, options.seed, study)
            ends[end] += len(done)
            rounds += 1
            print(f"{number}: {end}: {'; '.join(done)}", flush=True)
            if end in ("WRONG", "traceback") or options.only is not None:
                print(f"    {said.strip()[-2000:]}", flush=True)
    counted = ", ".join(f"{ends[end]} {end}" for end in ENDS)
    print(f"{sum(ends.values())} faults in {rounds} rounds: {counted}", flush=True)
    return 1 if ends["WRONG"] + ends["traceback"] else 0


if __name__ == "__main__":
    sys.exit(main())
