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


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training": ALL_IMAGES | {"n_train": 13}}, r"models\.linear: n_train is 13; .* 1 to 12"),
        ({"measure": {"n_test": 13}}, r"models\.linear, measure: n_test is 13; .* 1 to 12"),
        ({"schedules": {"n_test": 13}}, r"schedules: n_test is 13; .* 1 to 12"),
    ],
)
def test_a_profile_that_asks_for_more_than_there_is_is_refused(run, changes, said):
    with pytest.raises(ValueError, match=said):
        run.jobs(**changes)


def dry(run, monkeypatch, *options, **changes):
    """What a dry run of a profile prints, some sections of which are others."""
    run.jobs(**changes)
    monkeypatch.setattr(sys, "argv", ["run", str(run.profile.where), "--dry", *options])
    report.jobs.run.main()


WRONG = """
from diffusion import ColdDiffusion, Patches

class Half(ColdDiffusion):
    prior = Patches()

    def __init__(self, T):
        self.T = T

    def degrade(self, x, t):
        return (x * (1 - t / self.T).view(-1, 1, 1, 1)).half()

class Changes(Half):
    def degrade(self, x, t):
        return x.mul_((1 - t / self.T).view(-1, 1, 1, 1))

class Shallow(Half):
    def degrade(self, x, t):
        return x * (1 - t.clamp(max=4) / self.T).view(-1, 1, 1, 1) / (t <= 5).view(-1, 1, 1, 1)
"""


def test_a_dry_run_refuses_what_a_training_would_refuse_here(run, monkeypatch):
    (run.folder / "own_wrong.py").write_text(WRONG)
    (run.folder / "file").touch()
    models = {"mine": {"notebook": "05_your_degradation", "T": 5}}

    def own(name, **more):
        return {"models": {"mine": models["mine"] | {"degradation": f"own_wrong:{name}", **more}}}

    far = {"training": {"fit_options": {"device": "cuda:99"}}}
    for changes, message in [
        (own("Half"), r"models\.mine: degrade gave .*float16"),
        (own("Changes"), r"models\.mine: degrade changes its argument x"),
        (
            own("Shallow", T=6),
            r"models\.mine: degrade gave numbers that are not finite",
        ),  # at the profile's T
        (far, r"models\.linear: device is 'cuda:99'"),
        ({"out": str(run.folder / "file" / "out")}, "^out is .*file/out, which is not writable: "),
    ]:
        with pytest.raises(ValueError, match=message):
            dry(run, monkeypatch, **changes)
    dry(run, monkeypatch, **own("Shallow"))
    dry(run, monkeypatch, "--on", "slurm", **far)  # which may have the device


def test_a_results_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"^out is .*file/out, which is not writable: "):
        jobs.lock(tmp_path / "file" / "out")


def test_a_dry_run_names_each_job_with_its_reason_and_writes_nothing(run, capsys, monkeypatch):
    before = helpers.content(run.out)
    dry(run, monkeypatch, training={"epochs": 3, "batch_size": 8} | ALL_IMAGES)
    note, *said = capsys.readouterr().out.splitlines()
    assert "64 starts contain only 1 different" in note
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
