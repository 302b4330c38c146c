"""Jobs of a cluster. `make test-cluster` tests a real Slurm; here scripts of a few lines stand for it."""

import os
import shutil
from pathlib import Path

import pytest
import yaml

from workflow import run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bin_dir(tmp_path, monkeypatch) -> Path:
    """A folder of commands that come before the system's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def command(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_the_profile_works_where_accounting_is_off():
    """What hung for ever: the plugin's own default, sacct."""
    options = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())
    assert options["slurm-status-command"] == "squeue"
    assert "quiet" not in options  # it would hide why Slurm refuses a job


def test_a_new_workflow_waits_for_jobs_of_an_earlier_one(tmp_path, bin_dir, monkeypatch, capsys):
    command(bin_dir, "squeue", "")
    *_, name, prefix = run.options("slurm", "all", tmp_path / "smoke")
    assert name == "--slurm-jobname-prefix"
    rows = [f"'7|RUNNING|{prefix}_train'", f"'8|COMPLETED|{prefix}_train'", "'9|RUNNING|other_train'"]
    looks = tmp_path / "looks"
    script = f"echo >> {looks}; [ $(wc -l < {looks}) -gt 3 ] || printf '%s\\n' {' '.join(rows)}"
    command(bin_dir, "squeue", script)
    monkeypatch.setattr(run, "SECONDS_BETWEEN_LOOKS", 0.01)
    run.options("slurm", "all", tmp_path / "smoke")
    assert capsys.readouterr().out == "Waiting for jobs of an earlier run; to end them: scancel 7\n"
    assert len(looks.read_text().splitlines()) == 4


def test_without_slurm_one_line_says_so(tmp_path, bin_dir):
    command(bin_dir, "squeue", "echo no controller >&2; exit 1")
    with pytest.raises(SystemExit) as end:
        run.options("slurm", "all", tmp_path / "smoke")
    assert str(end.value).endswith("not answer (no controller); run this where squeue and sbatch work")


@pytest.mark.slow
def test_why_slurm_refuses_a_job_is_shown(project, bin_dir):
    command(bin_dir, "squeue", "")
    reason = "CPU count per node can not be satisfied"
    command(
        bin_dir,
        "sbatch",
        f'case "$*" in *--version*) echo slurm 23.11.4 ;; *) echo "{reason}" >&2; exit 1 ;; esac',
    )
    command(bin_dir, "sinfo", "echo all")
    for name in ("scontrol", "sacct", "scancel"):
        command(bin_dir, name, "exit 1")
    shutil.rmtree(project.out)
    assert reason in project.run("smoke", "--on", "slurm", status=1)
