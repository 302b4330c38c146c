"""Results are known by settings, code and content: whatever does not agree is found, said and made again."""

import json
import random
import shutil
from pathlib import Path

import numpy
import pytest

from damage import flipped
from jobs.conftest import forget
from jobs.standin import PROFILE
from study.settings import read_profile
from workflow import jobs

ALL = ["schedules", "train_zoom-0", "measure_zoom-0", "analyse_zoom-0", "yardstick", "compare", "report"]
END = ALL[5:]
AFTER_MEASURING = [*ALL[2:4], *END]
AFTER_TRAINING = [ALL[1], *AFTER_MEASURING]


def test_a_copied_project_without_snakemakes_metadata_is_up_to_date(project, stale, tmp_path):
    shutil.rmtree(project.folder / ".snakemake")
    for path in project.out.rglob("*"):
        path.touch()  # a copy that keeps no times
    assert stale() == {}


# --- settings -----------------------------------------------------------------------------------------------


def changed(section: str, name: str, value) -> dict:
    return PROFILE | {section: PROFILE[section] | {name: value}}


@pytest.mark.parametrize(
    ("content", "job", "reason", "others"),
    [
        (changed("training", "epochs", 3), "train_zoom-0", "epochs was 2, is 3", AFTER_TRAINING),
        (changed("measure", "n_final", 33), "measure_zoom-0", "n_final was 32, is 33", AFTER_MEASURING),
        (changed("analyse", "n_samples", 17), "analyse_zoom-0", "n_samples was 16, is 17", [ALL[3], *END]),
        (changed("yardstick", "n", 33), "yardstick", "n was 32, is 33", ["yardstick", *END]),
        (PROFILE | {"schedules": {"T": 999}}, "schedules", "T was 1000, is 999", ["schedules", *END]),
        (PROFILE | {"dataset": "fashion"}, "schedules", "dataset was 'mnist', is 'fashion'", ALL),
        (
            PROFILE | {"report": {"repository": "https://x.org"}},
            "report",
            "repository was None, is 'https://x.org'",
            ["report"],
        ),
    ],
)
def test_a_changed_setting_is_named(project, stale, content, job, reason, others):
    project.profile(content)
    found = stale()
    assert found[job] == reason
    assert list(found) == others
    assert all(r.endswith(("is made again", reason)) for r in found.values())


def test_another_seed_leaves_the_first_alone(project, stale):
    project.profile(PROFILE | {"models": {"zoom": {"notebook": "03_train_zoom", "seeds": [0, 7]}}})
    assert list(stale()) == ["train_zoom-7", "measure_zoom-7", "analyse_zoom-7", "compare", "report"]
    assert stale()["train_zoom-7"] == jobs.NOT_MADE


def test_first_seeds_come_first(project):
    models = {"zoom": {"notebook": "03_train_zoom"}, "other": {"notebook": "03_train_zoom", "T": 20}}
    project.profile(PROFILE | {"models": models, "seeds": [5, 1]})
    names = list(jobs.of(read_profile("smoke", project.folder / "profiles")))
    assert names[1:5] == ["train_zoom-5", "train_other-5", "train_zoom-1", "train_other-1"]


# --- code ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("diffusion/files.py", ALL),
        ("study/measure.py", AFTER_MEASURING),
        ("study/analyse.py", ["analyse_zoom-0", *END]),
        ("diffusion/figures/__init__.py", ["report"]),
        ("report/build.py", ["report"]),
        ("report/template.html", ["report"]),
        ("workflow/run.py", []),
        ("workflow/Snakefile", []),
    ],
)
def test_changed_code_re_runs_what_depends_on_it(project, stale, file, expected):
    with (project.folder / file).open("a") as code:
        code.write("\nx = 1\n")
    assert list(stale()) == expected
    assert all(r == "its code changed" or r.endswith("is made again") for r in stale().values())


def test_of_a_notebook_the_code_counts_alone(project, stale):
    file = project.folder / "notebooks" / "03_train_zoom.ipynb"
    content = json.loads(file.read_text())
    content["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["seen"]}]
    content["cells"].append({"cell_type": "markdown", "id": "m", "metadata": {}, "source": ["A remark."]})
    content["cells"][1]["source"] = ["%matplotlib inline\n", *content["cells"][1]["source"]]
    file.write_text(json.dumps(content))
    assert stale() == {}
    project.notebook("03_train_zoom", "from diffusion.work import work\nwork('train', globals())\nx = 1")
    assert list(stale()) == AFTER_TRAINING


def test_code_that_is_not_there_is_an_error(project, stale):
    (project.folder / "study" / "measure.py").unlink()
    with pytest.raises(ValueError, match="study.measure does not exist in .*; results are known by the"):
        stale()


def test_a_class_of_ones_own_counts(project, stale, monkeypatch):
    project.write("my_blur.py", "from diffusion.processes.blur import ColdBlur\nclass Mine(ColdBlur): ...\n")
    monkeypatch.syspath_prepend(str(project.folder))
    own = {"notebook": "05_your_degradation", "degradation": "my_blur:Mine"}
    project.profile(PROFILE | {"models": PROFILE["models"] | {"mine": own}})
    project.notebook("05_your_degradation", "pass")

    def known() -> dict[str, str]:
        forget()
        found = jobs.of(read_profile("smoke", project.folder / "profiles"))
        return found["train_mine-0"].expected()["own code"]

    before = known()
    assert list(before) == ["my_blur:Mine"]
    project.write("my_blur.py", "from diffusion.processes.blur import ColdBlur\nclass Mine(ColdBlur): pass\n")
    assert known() == before  # it does the same
    project.write(
        "my_blur.py", "from diffusion.processes.blur import ColdBlur\nclass Mine(ColdBlur): x = 1\n"
    )
    assert known() != before


def test_changed_data_and_versions_count(project, stale, monkeypatch):
    project.write("data/mnist", "another")
    found = stale()
    assert list(found) == ALL
    assert {found[name] for name in (*ALL[:5],)} >= {"the data of mnist changed"}
    (project.folder / "data" / "mnist").unlink()
    assert stale() == {}
    monkeypatch.setattr(jobs, "versions", lambda: {"torch": "1", "numpy": numpy.__version__})
    assert stale()["schedules"] == "torch was '0', is '1', by version"


def test_a_new_setting_whose_default_is_what_was_done_makes_nothing_stale(project, stale):
    path = project.out / "jobs" / "measure_zoom-0.json"
    content = json.loads(path.read_text())
    assert content["settings"].pop("floor_repeats") == 20
    path.write_text(json.dumps(content))
    assert stale() == {}


# --- files --------------------------------------------------------------------------------------------------


def owner(name: str) -> str:
    """The job that makes a file."""
    if name.startswith(("report.", "figures/", "jobs/report")):
        return "report"
    if "04_compare" in name or "jobs/compare" in name:
        return "compare"
    if "schedules" in name or name == "kept/zoom.npz":
        return "schedules"
    if "yardstick" in name:
        return "yardstick"
    if "analyse" in name or "nearest" in name:
        return "analyse_zoom-0"
    return "measure_zoom-0" if "measure" in name or "samples" in name else "train_zoom-0"


def made(out: Path) -> list[str]:
    """Every file of a run that is a result, or says where one is from."""
    names = (p.relative_to(out).as_posix() for p in sorted(out.rglob("*")) if p.is_file())
    return [n for n in names if not n.startswith(("logs/", ".")) and "/state-" not in n]


def test_a_flipped_bit_in_any_file_is_found(project, stale):
    dice = random.Random(1)
    for name in made(project.out):
        path = project.out / name
        whole = path.read_bytes()
        path.write_bytes(flipped(whole, dice))
        found = stale()
        assert owner(name) in found, name
        if not name.startswith("jobs/"):
            assert found[owner(name)] == f"{name} is damaged or was changed"
        path.write_bytes(whole)
    assert stale() == {}


def test_a_lost_file_is_found(project, stale):
    for name in made(project.out):
        lost = (project.out / name).rename(project.folder / "lost")
        assert owner(name) in stale(), name
        lost.rename(project.out / name)


@pytest.mark.parametrize("content", ["", "{", "[]", "5", "{}", '{"files": 5}', "\0", "9" * 5000])
def test_provenance_that_cannot_be_read_counts_as_changed(project, stale, content):
    (project.out / "jobs" / "train_zoom-0.json").write_text(content)
    found = stale()
    assert list(found) == AFTER_TRAINING
    assert found["train_zoom-0"] == "train_zoom-0.json cannot be read, or is of an earlier edition"


def test_provenance_that_leaves_a_record_out_is_not_believed(project, stale):
    path = project.out / "jobs" / "measure_zoom-0.json"
    content = json.loads(path.read_text())
    del content["files"]["metrics/measure_zoom-0.json"]
    path.write_text(json.dumps(content))
    assert stale()["measure_zoom-0"] == "measure_zoom-0.json is not among its files"


def test_measures_of_another_training_are_found(project, stale):
    """Two whole jobs, but the second one was made from other results of the first."""
    path = project.out / "runs" / "zoom-0-0" / "history.jsonl"
    path.write_text("another")
    jobs.Job.finish(job := training(project), job.expected(), {})
    assert stale()["measure_zoom-0"] == "what it was made from changed"


def training(project) -> jobs.Job:
    return jobs.of(read_profile("smoke", project.folder / "profiles"))["train_zoom-0"]


def test_a_job_without_its_record_is_not_finished(project):
    (project.out / "metrics" / "train_zoom-0.json").unlink()
    with pytest.raises(ValueError, match="train_zoom-0 has not made .*train_zoom-0.json"):
        training(project).finish({}, {})
