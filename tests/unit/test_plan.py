"""The jobs of a profile, in their order; which of them must run: test_stale.py."""

import json
from types import SimpleNamespace

import pytest

from diffusion import data
from report import profile as profiles
from report.jobs import plan as jobs


@pytest.fixture(scope="module")
def profile():
    return profiles.read("paper")


def test_measuring_follows_training_and_the_report_follows_all(profile):
    planned = jobs.plan_jobs(profile)
    names = [*planned]
    assert (names[0], names[-1]) == ("schedules", "report")
    for (model, seed), (notebook, settings) in profile.trainings.items():
        train, measure = planned[f"train_{model}-{seed}"], planned[f"measure_{model}-{seed}"]
        assert (train.notebook, train.settings) == (notebook, json.loads(json.dumps(settings, default=str)))
        assert measure.needs == [train.name]
        assert measure.module[:3] == ("report.measures.measure", str(profile.out), f"{model}-{seed}")
    for place, job in enumerate(planned.values()):  # each comes after those that it needs
        assert {*job.needs} <= {*names[:place]}
    assert {*planned["report"].needs} == {*names[:-1]}
    trained = {name for name in names if name.startswith(("train_", "measure_", "schedules"))}
    for name in profile.notebooks:
        assert trained <= {*planned[f"notebook_{name}"].needs}
    seeds = [name.rpartition("-")[2] for name in names if name.startswith("train_")]
    assert seeds == sorted(seeds)  # the first of each model, then the second


def test_notebooks_wait_for_those_that_write_what_they_may_read(profile):
    planned = jobs.plan_jobs(profile)
    made = [name for name in profile.notebooks if jobs.list_files(name)]
    assert made
    order = [*profile.notebooks]
    for name in order:
        before = {f"notebook_{one}" for one in made if order.index(one) < order.index(name)}
        assert {one for one in planned[f"notebook_{name}"].needs if one.startswith("notebook_")} == before


def test_of_a_release_only_notebooks_of_first_seeds_and_the_report_are_jobs(profile, tmp_path):
    planned = jobs.plan_jobs(profile, tmp_path)
    assert {job.out for job in planned.values()} == {tmp_path}
    assert not [name for name in planned if name.startswith("measure")]
    trained = [job.subject for job in planned.values() if job.kind == "train"]
    models = dict.fromkeys(model for model, _ in profile.trainings)
    assert trained == [f"{model}-{profile.seeds(model)[0]}" for model in models]
    usual = jobs.plan_jobs(profile)
    for job in planned.values():
        if job.notebook:
            assert job.settings["released"] == (usual[job.name].settings.get("released") or "paper")
            assert job.settings.get("n_reconstruct", 100) == 100
            assert all(name.startswith("notebooks/") for name in job.makes)
            assert job.needs in ((), [])
    assert {*planned["report"].needs} == {*planned} - {"report"}


def test_a_data_set_without_classes_is_refused(monkeypatch):
    monkeypatch.setattr(data, "get", lambda name: SimpleNamespace(title="Mine", classes=()))
    with pytest.raises(ValueError, match="Mine has no classes"):
        jobs.hash_data.__wrapped__("mine")


def test_a_folder_is_locked_once(tmp_path):
    with jobs.lock(tmp_path / "new" / "folder"):
        assert (tmp_path / "new" / "folder").is_dir()
        with pytest.raises(TimeoutError):
            jobs.lock(tmp_path / "new" / "folder").acquire()
