"""Kill the whole workflow at random moments and start it again, until it has finished; by hand, many minutes.

    python tests/workflow_kills.py --kills 20

Runs the smoke profile twice in copies of the project: once undisturbed, once ended again and again by SIGINT,
SIGTERM or SIGKILL, sent to `make report`'s process alone or, as Ctrl-C does, to all of its processes.
In the end weights, samples, figures and records must be the same to the bit, apart from times.
"""

import argparse
import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "constraints.txt", "profiles", "tools", "diffusion", "notebooks", "report")
SIGNALS = [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGTERM, True), (signal.SIGTERM, False)]
SIGNALS += [(signal.SIGKILL, False)]
TIMES = (
    "seconds",
    "seconds_per_step",
)  # keys of records that may differ; so may the report, which prints them
PATIENCE = 60  # seconds for everything to end after a signal


def project(folder: Path) -> Path:
    """A copy of the project without results."""
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        folder.mkdir(exist_ok=True)
        copy(ROOT / part, folder / part)
    return folder


def start(folder: Path, log) -> subprocess.Popen:
    command = [sys.executable, str(folder / "tools" / "run_workflow.py"), "smoke"]
    environment = os.environ | {"MNIST_DIR": str(ROOT / "data"), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )


def finish(folder: Path) -> str:
    """Run the workflow to its end; returns what it said."""
    with (folder / "log").open("a+") as log:
        status = start(folder, log).wait()
        log.seek(0)
        said = log.read()
    assert status == 0, said
    return said


def left(folder: Path) -> list[psutil.Process]:
    """The live processes that work in the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == folder:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def killed(folder: Path, seconds: float, how: tuple[signal.Signals, bool]) -> str | None:
    """Start the workflow and kill it after some seconds; returns what it was at, or None if it was done."""
    log_file = folder / "log"
    with log_file.open("w") as log:
        run = start(folder, log)
        try:
            assert run.wait(seconds) == 0, log_file.read_text()
            return None
        except subprocess.TimeoutExpired:
            at = re.findall(r"^(\w\S*) \| (?:starts|(done))", log_file.read_text(), re.M)
            running = [name for name, _ in at]
            (os.killpg if how[1] else os.kill)(run.pid, how[0])
            run.wait(PATIENCE)
    end = time.monotonic() + PATIENCE
    while rest := left(folder):
        assert time.monotonic() < end, f"still running after {how}: {[p.cmdline() for p in rest]}"
        time.sleep(0.1)
    alone = [name for name in dict.fromkeys(running) if running.count(name) == 1]  # has not said "done"
    return ", ".join(alone) or ("between" if running else "starting")


def results(folder: Path) -> dict[str, object]:
    """All results by name: records without times, other files as they are."""
    out, found = folder / "build" / "smoke", {}
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        name = path.relative_to(out).as_posix()
        if name.split("/")[0] in ("metrics", "figures", "samples"):
            found[name] = (
                timeless(json.loads(path.read_text())) if path.suffix == ".json" else path.read_bytes()
            )
        elif path.suffix == ".safetensors":
            found[name] = path.read_bytes()
        elif path.name == "history.jsonl":
            found[name] = [timeless(json.loads(line)) for line in path.read_text().splitlines()]
    return found


def timeless(value):
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in TIMES}
    return [timeless(v) for v in value] if isinstance(value, list) else value


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python tests/workflow_kills.py", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--kills", type=int, default=20, help="at most (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore
    dice, landed = random.Random(options.seed), collections.Counter()
    with tempfile.TemporaryDirectory() as temporary:
        whole, hurt = (project(Path(temporary).resolve() / name) for name in ("whole", "hurt"))
        begun = time.monotonic()
        said = finish(whole)
        longest = max(int(n) for n in re.findall(r"done, (\d+) s", said))
        print(f"undisturbed: {time.monotonic() - begun:.0f} s, longest notebook {longest} s", flush=True)
        begun = time.monotonic()
        for number in range(options.kills):
            seconds, how = dice.uniform(1, 1.5 * longest + 10), SIGNALS[number % len(SIGNALS)]
            at = killed(hurt, seconds, how)
            if at is None:
                print("finished before the next kill", flush=True)
                break
            landed[at] += 1
            whom = "all" if how[1] else "it alone"
            print(f"{number + 1}: {how[0].name} to {whom} after {seconds:.0f} s, at {at}", flush=True)
        finish(hurt)
        ours, theirs = results(hurt), results(whole)
        different = [name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)]
        assert not different, f"not the same: {different}"
        for name in ("report.html", "report.pdf"):
            assert (hurt / "build" / "smoke" / name).is_file()
        print(
            f"{sum(landed.values())} kills in {time.monotonic() - begun:.0f} s, at {dict(landed)}: "
            f"{len(ours)} files of weights, samples, figures and records are the same, apart from times"
        )


if __name__ == "__main__":
    main()
