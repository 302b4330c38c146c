"""Work in a fresh process, so that its memory is its own.

    python -m benchmarks.child JOB '{"argument": value}'    prints one JSON object

The peak is the resident memory's high-water mark. Linux tells that of the process itself; what the standard
library offers (`ru_maxrss`) is inherited from the process that started it, and is used only elsewhere.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from diffusion.files import ROOT

MIB = 2**20
MARK = "result: "


def resident(field: str = "VmHWM") -> float:
    """MiB of resident memory of this process: its peak so far (VmHWM) or what it has now (VmRSS)."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB, but bytes on macOS
        return peak / MIB if sys.platform == "darwin" else peak / 1024
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":")) / 1024


def run(job: str, threads: int | None = None, **arguments: Any) -> dict[str, Any]:
    """Run a job of `benchmarks.jobs` in a new Python and return what it returned.

    Raises:
        RuntimeError: the process failed; the message holds its last words.
    """
    environment = os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    command = [sys.executable, "-m", "benchmarks.child", job, json.dumps(arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    found = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not found:
        words = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        raise RuntimeError(f"the job {job} with {arguments} failed; it said: {words}")
    return json.loads(found[-1].removeprefix(MARK))


def main() -> None:
    from benchmarks import jobs

    job, arguments = sys.argv[1:]
    print(MARK + json.dumps(getattr(jobs, job)(**json.loads(arguments))), flush=True)


if __name__ == "__main__":
    main()
