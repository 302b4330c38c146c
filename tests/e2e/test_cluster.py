"""The jobs of the workflow as jobs of Slurm, which scripts play: `make test-cluster` has a real one."""

import os
import re

import pytest

from report.jobs import run as runner
from report.jobs.job import Job
from report.places import PROFILES

# A job's number is that of its line in `asked`. The first two meet their time limit; others are done at once,
# and leave the stamps that they would write.
SBATCH = """#!/bin/sh
echo "$@" >> {folder}/asked
number=$(wc -l < {folder}/asked)
state=TIMEOUT
if [ $number -gt 2 ]; then
  state=COMPLETED
  echo '{{}}' > {folder}/out/jobs/$(echo "$@" | sed 's/.*_wildcards_\\([a-z_0-9-]*\\).*/\\1/').json
fi
echo "$number|$state" >> {folder}/states
echo $number
"""
COMMANDS = {
    "sbatch": SBATCH,
    "squeue": "#!/bin/sh\ncat {folder}/states\n",
    "sinfo": "#!/bin/sh\necho 'all*'\n",
    "scontrol": "#!/bin/sh\necho 'MinJobAge = 300 sec'\n",  # of jobs that squeue shows
    "sacct": "#!/bin/sh\nexit 1\n",
    "scancel": "#!/bin/sh\n",
}


@pytest.mark.long
def test_a_job_asks_for_its_share_of_a_node_and_goes_on_after_its_time_limit(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    for name, text in COMMANDS.items():
        (tmp_path / "bin" / name).write_text(text.format(folder=tmp_path))
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # of this machine
    profile = (PROFILES / "slurm" / "config.yaml").read_text("utf-8")
    (tmp_path / "slurm").mkdir()
    (tmp_path / "slurm" / "config.yaml").write_text(re.sub("(status-checks:) 10", r"\1 1", profile))
    monkeypatch.setattr(runner, "PROFILES", tmp_path)
    out = tmp_path / "out"
    (out / "jobs").mkdir(parents=True)
    train, report = Job("train", "zoom-0", out, {}), Job("report", "", out, {}, ("train_zoom-0",))
    runner.run_profile(None, {job.name: job for job in (train, report)}, "all", "slurm")
    asked = (tmp_path / "asked").read_text().splitlines()
    found = [re.findall(r"(?:-t|--mem|--cpus-per-task|--comment)[ =](\S+)", line) for line in asked]
    of_train = ["rule_train_wildcards_train_zoom-0", "1440", "8000", "4"]
    assert found == 3 * [of_train] + [["rule_report_wildcards_report", "180", "8000", "1"]]
