"""The jobs of a profile: how they run and what is refused. What is stale: test_stale.py."""

import sys
from types import SimpleNamespace

import pytest

import helpers
import report.jobs.run
from finished import finished
from report.jobs import plan as jobs
from report.jobs.job import Job
from report.places import PROFILES
from report.profile import read

ALL_IMAGES = {"n_train": None, "n_test": None}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with finished(tmp_path_factory.mktemp("finished")) as found:
        yield found


def dry(run, monkeypatch, *options, **changes):
    """What a dry run of a profile prints, some sections of which are others."""
    run.jobs(**changes)
    monkeypatch.setattr(sys, "argv", ["run", str(run.profile.where), "--dry", *options])
    report.jobs.run.main()


def test_a_dry_run_names_each_job_with_its_reason_and_writes_nothing(run, capsys, monkeypatch):
    before = helpers.content(run.out)
    dry(run, monkeypatch, training={"epochs": 3, "batch_size": 8} | ALL_IMAGES)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("training linear, seed 0: settings.")
    assert said[1] == "measuring linear, seed 0: depends on training linear, seed 0"
    assert said[-1] == "10 of 11 jobs would run; nothing was started or written"
    assert helpers.content(run.out) == before


def test_another_profile_file_with_the_same_results_folder_is_refused(run, monkeypatch):
    other = run.profile.where.with_name("copy.yaml")
    other.write_bytes(run.profile.where.read_bytes())
    jobs.write_plan(run.jobs(), run.out)
    monkeypatch.setattr(sys, "argv", ["run", str(other), "--dry"])
    with pytest.raises(ValueError, match=f"results of {run.profile.where}; give {other} another name"):
        report.jobs.run.main()
    moved = run.profile.where.rename(run.profile.where.with_name("moved.yaml"))
    report.jobs.run.check_owner(read(other), run.out)  # a renamed profile keeps its results
    moved.rename(run.profile.where)
    for path in (other, run.out / "plan.json"):
        path.unlink()


@pytest.mark.parametrize(
    ("executor", "variable", "options"),
    [
        ("", "2", ["--cores", "all", "--max-threads", "2"]),
        ("", "", ["--cores", "all", "--max-threads", "16"]),
        ("slurm", "2", ["--workflow-profile", str(PROFILES / "slurm")]),
    ],
)
def test_a_failure_is_one_line_and_threads_are_those_of_the_machine(
    tmp_path, monkeypatch, executor, variable, options
):
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    commands = []
    monkeypatch.setattr(report.jobs.run, "run", lambda *command, cancels: commands.append(command) or 1)
    plan = {"report": Job("report", "", tmp_path, {}, stamp={})}
    profile = SimpleNamespace(where="mine.yaml")
    with pytest.raises(ValueError, match="some jobs failed; .*other models, remove theirs from mine.yaml"):
        report.jobs.run.run_profile(profile, plan, "all", executor)
    assert {*options} <= {*commands[0]}
    assert ("--max-threads" in commands[0]) == (not executor)
