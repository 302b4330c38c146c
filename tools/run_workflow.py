"""Run the workflow at one profile; `make report` does nothing else.

    python tools/run_workflow.py [PROFILE] [CORES] [SNAKEMAKE OPTION ...]

One workflow at a time may write to a results folder. A lock on that folder sees to it: the operating system
drops it with the process that holds it, so that a run that was killed never blocks the next one.
Snakemake's own lock, which would have to be removed by hand then, is therefore left out.
Outputs that the killed run left incomplete are made again; training goes on from its last checkpoint.
"""

import fcntl
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OPTIONS = ["--nolock", "--rerun-incomplete", "--rerun-triggers", "params", "input", "mtime"]
OPTIONS += ["--scheduler", "greedy", "--quiet", "rules", "host", "reason"]


def profile_file(name: str) -> Path:
    """The file of a profile; exits with the known names where there is none."""
    file = ROOT / "profiles" / f"{name}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in file.parent.glob("*.yaml")))
        sys.exit(f"PROFILE = {name!r} is not a profile; profiles/ has {known}.")
    return file


def hold(out: Path) -> None:
    """Lock a results folder for as long as this process lives; exits where another run holds it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = os.open(out / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        sys.exit(f"The results folder {out} cannot be written: {error.strerror}.")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(lock, 20).decode().strip()
        sys.exit(f"{out} is being written by another run (process {owner}); wait for it, or stop it first.")
    os.truncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    os.set_inheritable(lock, True)  # through exec; the jobs of Snakemake do not inherit it


def main() -> None:
    name, cores, *options = [*sys.argv[1:], *["quick", "all"][len(sys.argv) - 1 :]]
    file = profile_file(name)
    hold(ROOT / "build" / name)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--configfile", str(file), "--cores", cores, *OPTIONS, *options]
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
