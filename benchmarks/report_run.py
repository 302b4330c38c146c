"""`make report` at the quick profile in a warm environment, into an empty results folder.

What is timed is the workflow that `make report` runs; before it, make checks the environment, in about a
second.
"""

import shutil
import subprocess
import sys
from typing import Any

import yaml

from benchmarks.figures import AT_MOST, figure
from benchmarks.settings import Settings
from benchmarks.timing import seconds_of
from diffusion.files import ROOT, write_bytes

PROFILES = {"full": "quick", "quick": "smoke", "tiny": "smoke"}


def measure(settings: Settings) -> dict[str, Any]:
    """Raises RuntimeError with the last words of the workflow where it fails."""
    from tools.run_workflow import OPTIONS

    name = PROFILES[settings.scale]
    out = settings.out / "report"
    shutil.rmtree(out, ignore_errors=True)
    profile = yaml.safe_load((ROOT / "profiles" / f"{name}.yaml").read_text(encoding="utf-8"))
    copy = settings.out / "report.yaml"
    write_bytes(copy, yaml.safe_dump(profile | {"out": str(out)}, sort_keys=False).encode())
    workflow = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    workflow += ["--configfile", str(copy), "--cores", "all", *OPTIONS]

    def work() -> None:
        done = subprocess.run(workflow, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            words = "; ".join((done.stdout + done.stderr).strip().splitlines()[-3:])
            raise RuntimeError(f"the workflow failed; it said: {words}")

    minutes = seconds_of(work) / 60
    made = sorted(path.name for path in out.glob("report.*"))
    line = figure(
        f"make report at {name}, warm environment",
        AT_MOST,
        8,
        {"median": minutes, "low": minutes, "high": minutes, "rounds": 1},
        unit="min",
        holds={"report.html", "report.pdf"} <= set(made),
        remark="one run, from an empty results folder to the HTML and the PDF",
    )
    return {"figures": [line], "details": {"made": made}}
