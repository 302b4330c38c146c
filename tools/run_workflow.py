"""Run the workflow at one profile, and say where the report is; `make report` does nothing else.

    python tools/run_workflow.py [--retrain] [PROFILE] [CORES] [--on EXECUTOR] [SNAKEMAKE OPTION ...]

Where the results of a profile are released, the report is made from them, in build/released/PROFILE;
`--retrain`, or any option beyond CORES, runs the workflow all the same, in the profile's own folder.
A mistake in the profile ends it at once, before anything is written.
One workflow at a time may write to a results folder. A lock on that folder sees to it: the operating system
drops it with the process that holds it, so that a run that was killed never blocks the next one; hence
Snakemake runs in this very process.
Snakemake's own lock, which would have to be removed by hand then, is therefore left out.
Outputs that the killed run left incomplete are made again; training goes on from its last checkpoint.
With `--on slurm` the notebooks become jobs of a cluster, see profiles/executors/ and docs/scaling.md; CORES
then bounds what they use at one time, and "all" means no bound.
A signal to this process alone ends its notebooks too: Snakemake would wait for them, perhaps for hours.
"""

import contextlib
import fcntl
import os
import signal
import sys
import threading
from pathlib import Path

import psutil
import yaml
from snakemake.cli import main as snakemake

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # in place of tools/

from diffusion import parameters  # noqa: E402
from tools import cluster, outputs  # noqa: E402

RELEASED = ROOT / "released"

RERUN = ["--nolock", "--rerun-incomplete", "--rerun-triggers", "params", "input", "mtime"]
OPTIONS = [*RERUN, "--scheduler", "greedy", "--quiet", "rules", "host", "reason"]
SECONDS_TO_END = 5  # for a process that was told to, before it is killed


def profile_file(name: str) -> Path:
    """The file of a profile; exits with the known names where there is none."""
    file = ROOT / "profiles" / f"{name}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in file.parent.glob("*.yaml")))
        sys.exit(f"PROFILE = {name!r} is not a profile; profiles/ has {known}.")
    return file


def results_folder(file: Path) -> str:
    """The results folder that a profile names; exits with one line where the profile is not a good one."""
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
        parameters.check_profile(config)
    except yaml.YAMLError as error:
        sys.exit(f"error: {file} is no YAML: {' '.join(str(error).split())}.")
    except parameters.ParameterError as error:
        sys.exit(f"error: {error}")
    return outputs.folder(config)


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


def from_release(name: str, own: Path) -> None:
    """Make the report of a profile from its released results, and further trainings in its own folder."""
    from tools import release

    out = ROOT / "build" / "released" / name
    hold(out)
    print(f"The results of {name} are released; to train it anew: make retrain PROFILE={name}", flush=True)
    try:
        release.report(RELEASED / name, name, out, own)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    out = out.relative_to(ROOT)
    print(f"{out}/report.html and {out}/report.pdf are made from released/{name}")


def stop_jobs_on(*signals: signal.Signals) -> None:
    """End all processes below this one as soon as it gets one of these signals, whatever else handles them.

    Ctrl-C in a terminal reaches every process, `kill` or a batch system only this one.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)  # gets the number of each signal, also where Snakemake has its own handler

    def stop() -> None:
        while os.read(reader, 1)[0] not in signals:
            pass
        running = psutil.Process().children(recursive=True)
        for end in (psutil.Process.terminate, psutil.Process.kill):
            for process in running:
                with contextlib.suppress(psutil.NoSuchProcess):
                    end(process)
            _, running = psutil.wait_procs(running, timeout=SECONDS_TO_END)

    threading.Thread(target=stop, daemon=True).start()


def main() -> None:
    retrain = "--retrain" in sys.argv
    options = [argument for argument in sys.argv[1:] if argument != "--retrain"]
    name = options.pop(0) if options and not options[0].startswith("-") else "quick"
    cores = options.pop(0) if options and not options[0].startswith("-") else "all"
    file = profile_file(name)
    out = results_folder(file)
    if not retrain and not options and (RELEASED / name / "manifest.json").is_file():
        return from_release(name, ROOT / out)
    hold(ROOT / out)
    stop_jobs_on(signal.SIGINT, signal.SIGTERM)
    arguments = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(file), *OPTIONS]
    if options[:1] == ["--on"]:
        arguments += cluster.options("".join(options[1:2]), ROOT / out)
        del options[:2]
        arguments += ["--cores", cores] if cores != "all" else []  # Snakemake would count this machine's
    else:
        arguments += ["--cores", cores]
    try:
        snakemake([*arguments, *options])
    except SystemExit as end:
        if end.code or options:  # with --dry-run, say, nothing may be up to date
            raise
    print(f"{out}/report.html and {out}/report.pdf are up to date")


if __name__ == "__main__":
    main()
