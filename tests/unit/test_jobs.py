"""The jobs of a profile: how they run and what is refused. What is stale: test_staleness.py."""

import contextlib
import json
import re
import sys

import numpy as np
import pytest

import helpers
import report.jobs.job
import report.jobs.run
from diffusion.files import write_bytes
from finished import MODELS, finished
from report.files import write_json
from report.jobs import plan as jobs
from report.jobs import release
from report.jobs.job import Job, count_threads
from report.jobs.run import describe_plan
from report.results.kept import keep, read_kept

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


def test_threads_are_shared_by_trainings_and_bounded_by_the_users_variable(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [count_threads("train", n, 8, True) for n in (1, 3, 9)] == [8, 2, 1]
    assert (count_threads("train", 1, 64, True), count_threads("report", 1, 64, True)) == (16, 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert (count_threads("measure", 1, 8, True), count_threads("measure", 1, 8, False)) == (1, 8)


def test_the_users_own_names_in_settings_are_listed():
    others = ["os:path", "diffusion.processes:DDPM", "torch.nn:Linear", "nowhere:Class", "12:30", "zoom", 1]
    settings = {"sampler": "helpers:Fade", "options": [{"prior": "helpers:train"}, *others]}
    assert [*jobs.own_names(settings)] == ["helpers:Fade", "helpers:train"]


# --- a job, and a release of what all have made ---

WRITES = "import sys\nfor name in sys.argv[1:]:\n    open(name, 'w').close()\nprint('note: all is written')\n"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (["a", "b"], "writes: done in "),
        (["a"], "writes: FAILED after .*: ValueError: writes ended without writing b\n"),
        (["a", "b", "no/folder"], "FAILED after .*: FileNotFoundError: .*no/folder"),
    ],
)
def test_a_job_is_done_once_all_its_files_are_there(tmp_path, monkeypatch, capfd, written, said):
    (tmp_path / "writes.py").write_text(WRITES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    paths = [str(tmp_path / name) for name in written]
    job = Job("writes", "", tmp_path, {}, module=("writes", *paths), makes=("a", "b"), stamp={"code": "1"})
    jobs.write_plan({"writes": job}, tmp_path)
    monkeypatch.setattr(report.jobs.job, "end_with_parent", lambda: None)  # of this process
    good = written == ["a", "b"]
    with contextlib.nullcontext() if good else pytest.raises(SystemExit, match="^1$"):
        report.jobs.job.main(str(tmp_path), "writes")
    assert re.search(said, shown := capfd.readouterr().out)
    assert ("writes: note: all is written" in shown) == ("no/folder" not in written)
    assert job.path.is_file() == good
    assert not good or json.loads(job.path.read_text()) == {"code": "1", "before": {}}


def test_a_release_has_the_weights_of_the_first_seed_of_each_model_and_of_all_of_those_that_are_opened(
    run, tmp_path, monkeypatch
):
    models = {name: MODELS[name] | {"seeds": [3, 1]} for name in ("linear", "zoom")}
    plan = run.jobs(models=models, opened=["zoom"])
    for model, seed in run.profile.trainings:
        for name in (*release.OF_RUN, "weights/epoch-0001.safetensors", "weights/epoch-0002.safetensors"):
            write_json(run.out / "runs" / f"{model}-{seed}" / name, [model, seed, name])
    run.finish(plan)
    for path in run.out.glob("kept/samples_*.npz"):
        keep(run.out, path.stem, np.zeros((250, 28, 28)))
    write_json(run.out / "numbers.json", [])
    write_bytes(run.out / "figures" / "losses.csv", b"value,low,high\n1,,\n2,1,3\n")
    monkeypatch.setattr(release, "RELEASED", tmp_path)
    release.release(run.profile)
    names = {*release.verify(tmp_path / "small")}
    weights = {f"runs/{one}/weights/epoch-0002.safetensors" for one in ("linear-3", "zoom-3", "zoom-1")}
    assert {name for name in names if "/weights/" in name} == weights
    assert len(read_kept(tmp_path / "small", "samples_zoom-1")) == release.N_SAMPLES
    of_jobs = {name for job in plan.values() for name in job.makes if name.startswith(("metrics", "kept"))}
    assert of_jobs | {"figures.json", "numbers.json"} <= names
    assert json.loads((tmp_path / "small" / "figures.json").read_text()) == {"losses.csv": [4, 7, 15]}
