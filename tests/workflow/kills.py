"""Kill the whole workflow at random moments and start it again, until it has finished; `make test-kills`.

    python tests/workflow/kills.py --kills 20 --seed 0

Runs the smoke profile twice, in copies of the project: once undisturbed, once ended again and again by
SIGINT, SIGTERM or SIGKILL, sent to the process of `make report` alone or, as Ctrl-C does, to all of them.
In the end weights, samples, figures and records must be the same to the bit, apart from times.
"""

import argparse
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

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "profiles", "tools", "diffusion", "notebooks", "report")
KILLS = [(n, whom) for n in (signal.SIGINT, signal.SIGTERM) for whom in ("all", "it alone")]
KILLS += [(signal.SIGKILL, "it alone")]
TIMES = {"seconds", "seconds_per_step", "commit"}  # keys of records that may differ
PATIENCE = 60  # seconds for everything to end after a signal


def copied(folder: Path) -> Path:
    """A copy of the project without results."""
    folder.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    return folder


def start(folder: Path) -> subprocess.Popen:
    """The workflow under way; what it says is in the file `said`."""
    command = [sys.executable, "-m", "tools.run", "--retrain", "smoke"]
    environment = {"MNIST_DIR": str(ROOT / "data")} | os.environ
    with (folder / "said").open("a") as log:
        options = {"cwd": folder, "env": environment, "stdout": log, "stderr": log, "start_new_session": True}
        return subprocess.Popen(command, **options)


def finish(folder: Path) -> str:
    """Run the workflow to its end; returns what it said from the first time on."""
    status = start(folder).wait()
    said = (folder / "said").read_text()
    if status:
        sys.exit(f"the workflow failed:\n{said[-4000:]}")
    return said


def left(folder: Path) -> list[str]:
    """Processes that work in the folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(place / "cwd")) == folder and (place / "cmdline").read_bytes():
                found.append((place / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def killed(folder: Path, seconds: float, number: int, whom: str) -> bool:
    """Start the workflow and kill it after some seconds; False if it was done by then."""
    run = start(folder)
    try:
        if run.wait(seconds):
            sys.exit(f"the workflow failed:\n{(folder / 'said').read_text()[-4000:]}")
        return False
    except subprocess.TimeoutExpired:
        (os.killpg if whom == "all" else os.kill)(run.pid, number)
        run.wait(PATIENCE)
    end = time.monotonic() + PATIENCE
    while rest := left(folder):
        if time.monotonic() > end:
            sys.exit(f"still running after {number} to {whom}: {rest}")
        time.sleep(0.1)
    return True


def results(folder: Path) -> dict[str, object]:
    """All results by name: records and histories without times, other files as they are."""
    out, found = folder / "build" / "smoke", {}
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        name = path.relative_to(out).as_posix()
        if name.startswith("metrics/"):
            found[name] = timeless(json.loads(path.read_text()))
        elif path.name == "history.jsonl":
            found[name] = [timeless(json.loads(line)) for line in path.read_text().splitlines()]
        elif name.startswith(("figures/", "samples/", "kept/")) or path.suffix == ".safetensors":
            found[name] = path.read_bytes()
    return found


def timeless(value):
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in TIMES}
    return [timeless(v) for v in value] if isinstance(value, list) else value


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python tests/workflow/kills.py", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--kills", type=int, default=20, help="at most (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore
    dice = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        whole, hurt = (copied(Path(temporary).resolve() / name) for name in ("whole", "hurt"))
        begun = time.monotonic()
        longest = max(int(n) for n in re.findall(r"done, (\d+) s", finish(whole)))
        print(f"undisturbed: {time.monotonic() - begun:.0f} s, longest job {longest} s", flush=True)
        for place in range(options.kills):
            seconds, (number, whom) = dice.uniform(1, longest), KILLS[place % len(KILLS)]
            if not killed(hurt, seconds, number, whom):
                print("finished before the next kill", flush=True)
                break
            print(f"{place + 1}: signal {number} to {whom} after {seconds:.0f} s", flush=True)
        finish(hurt)
        expected, found = results(whole), results(hurt)
        names = sorted(expected.keys() | found.keys())
        if differing := [name for name in names if expected.get(name) != found.get(name)]:
            sys.exit(f"these differ: {', '.join(differing)}")
        print(f"{len(names)} files are the same to the bit")


if __name__ == "__main__":
    main()
