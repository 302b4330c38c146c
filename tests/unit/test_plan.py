"""The jobs of a profile, their sizes, and which of them must run; on a copy of the project: test_jobs.py."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from diffusion import data
from report import places
from report import profile as profiles
from report.files import read_json, write_json
from report.jobs import plan as jobs
from report.jobs.job import PLAN, Job, read_plan


@pytest.fixture(scope="module")
def profile():
    return profiles.read("paper")


def test_measuring_follows_training_and_the_report_follows_all(profile):
    planned = jobs.plan_jobs(profile)
    names = [*planned]
    assert names[0] == "schedules"
    assert names[-1] == "report"
    assert {job.out for job in planned.values()} == {profile.out}
    for (model, seed), (notebook, settings) in profile.trainings.items():
        train, measure = planned[f"train_{model}-{seed}"], planned[f"measure_{model}-{seed}"]
        assert (train.notebook, train.settings) == (notebook, json.loads(json.dumps(settings, default=str)))
        assert train.makes == (
            f"metrics/train_{model}-{seed}.json",
            f"runs/{model}-{seed}/history.jsonl",
            f"notebooks/{notebook}-{model}-{seed}.ipynb",
        )
        assert measure.needs == [train.name]
        assert measure.module[:3] == ("report.measures.measure", str(profile.out), f"{model}-{seed}")
        assert {*measure.makes} == {
            f"metrics/measure_{model}-{seed}.json",
            f"kept/samples_{model}-{seed}.npz",
            f"kept/quality_{model}-{seed}.npz",
        }
    for place, job in enumerate(planned.values()):  # each comes after those that it needs
        assert {*job.needs} <= {*names[:place]}
    assert {*planned["report"].needs} == {*names[:-1]}
    trained = {name for name in names if name.startswith(("train_", "measure_", "schedules"))}
    for name in profile.notebooks:
        assert trained <= {*planned[f"notebook_{name}"].needs}
        assert planned[f"notebook_{name}"].makes[-1] == f"notebooks/{name}.ipynb"
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
    trained = [job.of for job in planned.values() if job.kind == "train"]
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


def test_settings_of_jobs_are_as_json_has_them(profile):
    for job in jobs.plan_jobs(profile).values():
        assert json.loads(json.dumps(job.settings)) == job.settings


# --- sizes ---


@pytest.mark.parametrize(
    ("P", "n", "steps", "epochs"),
    [
        ({"epochs": 3, "batch_size": 8}, 24, 9, 3),
        ({"epochs": 3, "batch_size": 8}, 25, 12, 3),  # the last batch of an epoch is smaller
        ({"epochs": None, "batch_size": 8, "fit_options": {"steps": 10}}, 25, 10, 3),
        ({"epochs": None, "batch_size": 8, "fit_options": {"steps": 8}}, 25, 8, 2),
        ({"epochs": None, "batch_size": 8, "fit_options": {}}, 80, 1000, 100),
    ],
)
def test_steps_and_epochs_follow_from_the_number_of_images(P, n, steps, epochs):
    assert (jobs.count_steps(P, n), jobs.count_epochs(P, n)) == (steps, epochs)


def test_images_are_counted_by_split(mnist_dir):
    jobs.count_images.cache_clear()
    assert jobs.count_images("mnist", str(mnist_dir)) == {"train": 60_000, "test": 10_000}


def test_a_data_set_that_notebooks_do_not_support_is_refused_and_other_images_or_labels_have_other_hashes(
    monkeypatch,
):
    def loaded(images, labels, classes=("a", "b"), shape=(1, 28, 28)):
        jobs.hash_data.cache_clear()
        splits = {
            split: (torch.full((3, *shape), float(images[i])), torch.tensor(labels))
            for i, split in enumerate(data.SPLITS)
        }
        monkeypatch.setattr(data, "load", lambda name, split, folder, n=None: splits[split])
        monkeypatch.setattr(data, "get", lambda name: SimpleNamespace(title="Mine", classes=classes))
        return jobs.hash_data("mine", None)

    known = loaded((0, 0.25), [0, 1, 0])
    assert loaded((0, 0.25), [0, 1, 0]) == known
    assert (
        len({known, loaded((0.25, 0.25), [0, 1, 0]), loaded((0, 0), [0, 1, 0]), loaded((0, 0.25), [0, 1, 1])})
        == 4
    )
    for other in ({"classes": ()}, {"shape": (3, 28, 28)}, {"shape": (1, 32, 32)}):
        with pytest.raises(ValueError, match="Mine has images of shape .* grey images of 28 x 28"):
            loaded((0, 0), [0, 1, 0], **other)
    jobs.hash_data.cache_clear()


# --- what a job depends on ---


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project of a few files."""
    files = ["diffusion/a.py", "diffusion/deep/b.py", "play/c.py", "report/d.py", "report/figures/e.py"]
    files += ["report/measures/f.py", "report/results/g.py", "report/jobs/h.py", "report/pages/i.py"]
    files += ["report/pages/style.css", "paper/claims/j.py", "paper/text.md", "CITATION.cff", "other.py"]
    files += ["released/paper/manifest.json", "released/beyond/manifest.json", "released/page/page.html"]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    cells = [{"cell_type": "code", "source": ["1"]}, {"cell_type": "markdown", "source": ["words"]}]
    for name in ("notebooks/01.ipynb", "paper/notebooks/07.ipynb"):
        write_json(tmp_path / name, {"cells": cells, "metadata": {"makes": ["x"]} if "07" in name else {}})
    monkeypatch.setattr(places, "ROOT", tmp_path)
    monkeypatch.setattr(places, "PAPER", tmp_path / "paper")
    monkeypatch.setattr(places, "HOUSES", (tmp_path, tmp_path / "paper"))
    monkeypatch.setattr(jobs, "versions", lambda more: {"torch": "1"})
    yield tmp_path
    for cached in (jobs.hash_code, jobs.hash_cells):
        cached.cache_clear()


def stamp(kind: str = "measure", notebook: str = "", **settings) -> dict:
    for cached in (jobs.hash_code, jobs.hash_cells):
        cached.cache_clear()
    return jobs.make_stamp(Job(kind, "zoom-0", Path("out"), settings, notebook=notebook))


KINDS = {
    "measure": {},
    "notebook": {"notebook": "01"},
    "of the paper": {"notebook": "07"},
    "released": {"notebook": "01", "released": "paper"},
    "report": {"kind": "report"},
}
CODE = {"measure", "notebook", "of the paper", "released", "report"}


@pytest.mark.parametrize(
    ("name", "stale"),
    [
        ("diffusion/a.py", CODE),
        ("diffusion/deep/b.py", CODE),
        ("play/c.py", CODE),
        ("report/d.py", CODE),
        ("report/figures/e.py", CODE),
        ("report/measures/f.py", CODE),
        ("report/results/g.py", CODE),
        ("report/jobs/h.py", set()),
        ("other.py", set()),
        ("report/pages/i.py", {"report"}),
        ("report/pages/style.css", {"report"}),
        ("CITATION.cff", {"report"}),
        ("released/paper/manifest.json", {"report", "released"}),
        ("released/beyond/manifest.json", {"report"}),
        ("released/page/page.html", {"report"}),
        ("paper/claims/j.py", {"of the paper"}),
        ("paper/text.md", set()),
    ],
)
def test_an_edited_file_changes_the_stamps_of_the_jobs_that_read_it(project, name, stale):
    before = {kind: stamp(**how) for kind, how in KINDS.items()}
    assert {kind: stamp(**how) for kind, how in KINDS.items()} == before
    (project / name).write_text("edited")
    assert {kind for kind, how in KINDS.items() if stamp(**how) != before[kind]} == stale


def of_paper() -> dict:
    return jobs.make_stamp(Job("report", "", Path("out"), {"kind": "paper"}))


def test_a_report_of_the_papers_kind_reads_all_of_its_files(project):
    before = of_paper()
    assert {*before["beside"]} >= {"paper/text.md", "paper/claims/j.py"}
    (project / "paper/text.md").write_text("edited")
    assert of_paper() != before
    (project / "paper" / "x.pyc").write_text("compiled")
    assert "paper/x.pyc" not in of_paper()["beside"]


def test_a_stamp_has_the_settings_but_for_folders_and_the_cells_of_code(project):
    made = stamp(notebook="01", epochs=3, data_dir="a", out_dir="b")
    assert made["settings"] == {"epochs": 3}
    assert (made["data"], made["own"], made["versions"], made["beside"]) == (None, {}, {"torch": "1"}, {})
    assert stamp()["notebook"] == ""
    path = project / "notebooks/01.ipynb"
    for place, same in ((1, True), (0, False)):
        content = read_json(path)
        content["cells"][place]["source"] = ["other"]
        write_json(path, content)
        assert (stamp(notebook="01")["notebook"] == made["notebook"]) == same
    assert jobs.list_files("01") == []
    assert jobs.list_files("07") == ["x"]


def test_a_stamp_has_the_data_of_their_folder(project, monkeypatch):
    monkeypatch.setattr(jobs, "hash_data", lambda *given: given)
    assert stamp(dataset="mine", data_dir="a")["data"] == ("mine", "a")
    assert stamp(dataset="mine")["data"] == ("mine", None)


# --- which jobs must run ---


@pytest.fixture
def planned(tmp_path) -> dict[str, Job]:
    """Jobs that are done: a training, its measures, a report, and another training."""
    stamp = {
        "settings": {"n": 1},
        "versions": {"torch": "1"},
        "code": "a",
        "own": {"mine": "b"},
        "data": None,
    }
    made = [
        Job("train", "zoom-0", tmp_path, {}, makes=("a",), stamp=stamp),
        Job("measure", "zoom-0", tmp_path, {}, ("train_zoom-0",), makes=("b",), stamp=stamp),
        Job("train", "linear-0", tmp_path, {}, makes=("c",), stamp=stamp),
        Job("report", "", tmp_path, {}, ("measure_zoom-0", "train_linear-0"), makes=("d",), stamp=stamp),
    ]
    for job in made:
        (tmp_path / job.makes[0]).touch()
        job.finish()
    return {job.name: job for job in made}


def changed(planned: dict[str, Job], name: str, **parts) -> dict[str, Job]:
    return planned | {name: replace(planned[name], stamp=planned[name].stamp | parts)}


AFTER = {"measure_zoom-0": "training zoom, seed 0 runs again", "report": "measuring zoom, seed 0 runs again"}


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"settings": {"n": 2}}, "settings.n was 1, is 2"),
        ({"versions": {"torch": "2"}}, "versions.torch was '1', is '2'"),
        ({"code": "b"}, "code changed"),
        ({"own": {"mine": "c"}}, "own.mine changed"),
        ({"data": "x"}, "data changed"),
    ],
)
def test_a_job_runs_if_something_differs_and_those_after_it_with_it(planned, parts, reason):
    assert jobs.find_stale(planned) == {}
    assert jobs.find_stale(changed(planned, "train_zoom-0", **parts)) == {"train_zoom-0": reason} | AFTER
    assert jobs.find_stale(changed(planned, "report", **parts)) == {"report": reason}


def test_a_job_runs_if_its_stamp_or_a_file_is_missing(planned):
    report, train = planned["report"], planned["train_linear-0"]
    (report.out / "d").unlink()
    assert jobs.find_stale(planned) == {"report": "d is missing"}
    report.path.unlink()
    assert jobs.find_stale(planned) == {"report": jobs.NOT_MADE}
    train.path.unlink()
    assert jobs.find_stale(planned) == {"train_linear-0": jobs.NOT_MADE, "report": jobs.NOT_MADE}


def test_a_job_follows_another_if_it_runs_for_that_alone(planned):
    stale = jobs.find_stale(changed(planned, "train_zoom-0", code="b"))
    follows = {name: jobs.follows(planned[name], reason, planned) for name, reason in stale.items()}
    assert follows == {"train_zoom-0": False, "measure_zoom-0": True, "report": True}


def test_a_written_plan_is_the_one_that_is_read(planned, tmp_path):
    jobs.write_plan(planned, tmp_path)
    assert (tmp_path / PLAN).is_file()
    found = read_plan(tmp_path)
    assert [*found] == [*planned]
    assert {name: job.stamp for name, job in found.items()} == {
        name: job.stamp for name, job in planned.items()
    }
    assert jobs.find_stale(found) == {}


def test_a_folder_is_locked_once(tmp_path):
    with jobs.lock(tmp_path / "new" / "folder"):
        assert (tmp_path / "new" / "folder").is_dir()
        with pytest.raises(TimeoutError):
            jobs.lock(tmp_path / "new" / "folder").acquire()


def test_ones_own_names_are_found_wherever_settings_have_them():
    settings = {
        "a": "helpers:Fade",
        "b": ["x:y", ("helpers:stay", 3)],
        "c": {"d": {"e": "helpers:Grey"}},
        "f": "helpers",
    }
    assert [*jobs.own_names(settings)] == ["helpers:Fade", "helpers:stay", "helpers:Grey"]
    own = jobs.hash_own_modules(settings)
    assert "helpers" in own
    assert all(isinstance(value, str) for value in own.values())
    assert jobs.hash_own_modules({"a": 1}) == {}
