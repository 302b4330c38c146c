"""The workflow's notebooks as jobs of a cluster; profiles/executors/ holds a Snakemake profile for each kind.

Jobs of a cluster outlive the workflow that submitted them. A workflow that starts again waits for those of
its own results folder that Slurm still has, queued or running: else it would submit them a second time.
"""

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
EXECUTORS = ROOT / "profiles" / "executors"
SECONDS_BETWEEN_LOOKS = 20.0
ENDED = {"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY"}


def options(name: str, out: Path) -> list[str]:
    """Snakemake's options for an executor, after waiting for its earlier jobs on the results folder `out`.

    Exits with the known names where there is none of that name.
    """
    profile = EXECUTORS / name
    if not (profile / "config.yaml").is_file():
        known = ", ".join(sorted(path.parent.name for path in EXECUTORS.glob("*/config.yaml")))
        sys.exit(f"EXECUTOR = {name!r} is not an executor; profiles/executors/ has {known}.")
    given = ["--workflow-profile", str(profile)]
    if yaml.safe_load((profile / "config.yaml").read_text(encoding="utf-8")).get("executor") == "slurm":
        given += ["--slurm-jobname-prefix", job_name(out)]
        wait_for_slurm(job_name(out))
    return given


def job_name(out: Path) -> str:
    """What the names of a results folder's Slurm jobs begin with."""
    return f"{out.name[:30]}-{hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:8]}"


def slurm_jobs(name: str) -> list[str]:
    """This user's Slurm jobs, queued or running, whose names begin with `name`; exits without Slurm."""
    command = ["squeue", "--me", "--noheader", "--format", "%i|%T|%j"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip()
        sys.exit(f"Slurm does not answer ({said}); run this where squeue and sbatch work.")
    jobs = [line.strip().split("|", 2) for line in done.stdout.splitlines()]
    return [job for job, state, title in jobs if title.startswith(f"{name}_") and state not in ENDED]


def wait_for_slurm(name: str) -> None:
    """Wait until Slurm has none of the jobs whose names begin with `name`."""
    told: list[str] = []
    while jobs := slurm_jobs(name):
        if jobs != told:
            print(f"Waiting for jobs of an earlier run; to end them: scancel {' '.join(jobs)}", flush=True)
            told = jobs
        time.sleep(SECONDS_BETWEEN_LOOKS)
