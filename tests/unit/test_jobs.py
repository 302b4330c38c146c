"""The jobs of a profile: how they run and what is refused. What is stale: test_stale.py."""

import sys

import pytest

import helpers
import report.jobs.job
import report.jobs.run
from finished import MODELS, finished
from report.jobs import plan as jobs
from report.jobs.run import describe_plan

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
        ({"schedules": {"n_test": 12, "image_index": 12}}, r"schedules: image_index is 12; .* 0 to 11"),
        (
            {"models": MODELS | {"own": MODELS["own"] | {"variants": {"mean": {"average": 3}}}}},
            r"models\.own, variants\.mean: average is 3; .* 1 to 2",
        ),
        (
            {  # 13 steps of 8 images, 12 of which are an epoch of 2
                "training": ALL_IMAGES | {"epochs": None, "fit_options": {"steps": 5}},
                "models": {"zoom": MODELS["zoom"] | {"variants": {"mean": {"average": 4}}}},
            },
            "average is 4; .* 1 to 3",
        ),
    ],
)
def test_a_profile_that_asks_for_more_than_there_is_is_refused(run, changes, said):
    with pytest.raises(ValueError, match=said):
        run.jobs(**changes)


def test_a_results_folder_that_cannot_be_created_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"^out is .*file/out, which cannot be created: "):
        jobs.lock(tmp_path / "file" / "out")


def test_a_cluster_without_its_plugin_names_the_command_that_adds_it(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["run", "smoke", "--on", "slurm"])
    monkeypatch.setattr(report.jobs.run.shutil, "which", lambda name: name)
    monkeypatch.setattr(report.jobs.run, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="make report EXECUTOR=slurm"):
        report.jobs.run.main()


def test_a_slurm_that_does_not_answer_is_one_line(monkeypatch, tmp_path):
    squeue = tmp_path / "squeue"
    squeue.write_text("#!/bin/sh\necho 'squeue: error: one' >&2\necho 'squeue: no controller' >&2\nexit 1\n")
    squeue.chmod(0o755)
    (tmp_path / "sbatch").symlink_to(squeue)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(report.jobs.run, "find_spec", lambda name: name)
    with pytest.raises(
        ValueError, match=r"^EXECUTOR=slurm: squeue failed \(squeue: no controller\); .*EXECUTOR"
    ):
        report.jobs.run.check_executor("slurm")


def test_a_dry_run_names_each_job_with_its_reason_and_work_and_writes_nothing(run, capsys):
    changes = {"training": {"epochs": 3, "batch_size": 8} | ALL_IMAGES}
    changes |= {"measure": {"n_final": 32, "n_checkpoint": 20}}
    plan = run.jobs(**changes)
    before = helpers.content(run.out)
    describe_plan(run.profile, plan, "2", "")
    said = capsys.readouterr().out.splitlines()
    assert said[2] == "training zoom, seed 0: settings.epochs was 2, is 3; 6 steps of 8 images"
    assert said[1].endswith("; 72 samples, measured epochs: 2")
    assert "10 of 11 jobs would run; nothing was started or written" in said
    assert helpers.content(run.out) == before
    describe_plan(run.profile, plan, "all", "slurm")
    said = capsys.readouterr().out
    assert "3 x train: threads 4, at most 8000 MB and 24 hours" in said
    assert "3 x measure: threads 4, at most 8000 MB and 12 hours" in said


def test_the_users_own_names_in_settings_are_listed():
    others = ["os:path", "diffusion.processes:DDPM", "torch.nn:Linear", "nowhere:Class", "12:30", "zoom", 1]
    settings = {"sampler": "helpers:Fade", "options": [{"prior": "helpers:train"}, *others]}
    assert [*jobs.own_names(settings)] == ["helpers:Fade", "helpers:train"]
