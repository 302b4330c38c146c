"""The workflow in earnest at the smoke profile: what it leaves, and what is found when that is damaged."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import helpers
from conftest import Project
from diffusion.files import read_json
from helpers import ROOT, changed, flipped
from report.run import Run
from study import measure, results
from study.settings import Profile, read_profile
from workflow import jobs, release

pytestmark = pytest.mark.slow
AFTER = ["compare", "comparison", "report"]
MEASURED = ["measure_zoom-0", "measure_frame-0", "analyse_zoom-0"]
SLOW = ("IPython", "matplotlib", "pandas", "report", "scipy", "sklearn", "snakemake", "torchmetrics")


@pytest.fixture
def copy(smoke, tmp_path, monkeypatch) -> Project:
    """A copy of the finished run, without the times of its files."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(tmp_path)]))
    shutil.copytree(smoke.out, tmp_path / "out", copy_function=shutil.copy)
    yield Project(tmp_path, smoke.content)
    sys.modules.pop("mine", None)


def read(project: Project, **changes) -> Profile:
    """The project's profile, changed."""
    return Profile(project.content | {"out": str(project.out)} | changes, str(project.path))


def stale(project: Project, **changes) -> dict[str, str]:
    """The jobs that must run now, with the reasons."""
    return jobs.check(read(project, **changes))


def python(*arguments: object, **options) -> subprocess.CompletedProcess:
    """Python to its end."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, **{"cwd": ROOT, "timeout": 900} | options, capture_output=True, text=True)


# --- the run itself -----------------------------------------------------------------------------------------


def test_it_goes_on_after_a_kill_and_ends_whole_without_a_network(smoke, copy):
    assert smoke.facts["left"] == 0  # nothing went on running
    line = f"error: {smoke.out} is being written by another run; wait for it, or stop it\n"
    assert smoke.facts["meanwhile"] == [1, line]  # what a second command did
    *before, first, last = smoke.said.read_text().splitlines()
    assert first.endswith("first_samples.png")
    assert last.endswith("report.pdf are made")
    assert not [line for line in before if line.startswith("train_zoom")]  # which was done before the kill
    assert [line for line in before if re.match(r"report \| starts, \d+ of \d+ jobs are done$", line)]
    for name in ("report.html", "report.pdf"):
        assert (smoke.out / name).stat().st_size > 100_000
    assert stale(copy) == {}
    found = {name for one in jobs.of(read(copy)).values() for name in read_json(one.path)["files"]}
    there = {p.relative_to(copy.out).as_posix() for p in copy.out.rglob("*") if p.is_file()}
    free = ("logs/", "jobs/", "samples/", "/state-", "/priors/", ".lock")  # these have hashes of their own
    assert [name for name in there - found if not any(part in name for part in free)] == []


def test_ones_own_is_trained_measured_and_told_and_no_notebook_names_this_machine(smoke):
    found = results.load(smoke.out)
    assert {"gaussian", "cautious"} <= found.first("zoom").changes.keys()
    assert found.first("frame").train.parameters_count == 2_217
    assert all(one.final["low_confidence"].n == 32 for one in found.trainings.values())
    assert "Level t blackens a frame of t pixels." in (told := of_page(smoke.out))
    assert "Your run, and the paper’s" in told
    executed = list((smoke.out / "notebooks").glob("*.ipynb"))
    assert len(executed) == 5
    for path in executed:
        outputs = [one for cell in read_json(path)["cells"] for one in cell.get("outputs", [])]
        assert not [one for one in outputs if one["output_type"] == "error"]
        assert any("image/png" in one.get("data", {}) for one in outputs)
        shown = json.dumps([one.get("data", {}).get("text/plain", one.get("text", "")) for one in outputs])
        assert str(ROOT) not in shown


def of_page(out: Path) -> str:
    return " ".join(re.sub(r"</?span[^>]*>", "", (out / "report.html").read_text()).split())


def test_nothing_outlives_make_and_a_failing_job_says_why_and_is_left_out_of_the_report(copy):
    """A network is edited, and fails."""
    module = copy.folder / "mine.py"
    head, line, tail = module.read_text().partition("class Small")
    end = tail.index("\n", tail.index("def forward")) + 1
    module.write_text(f'{head}{line}{tail[:end]}        raise ValueError("no such luck")\n{tail[end:]}')
    assert copy.killed("make", "train_frame-0 runs again: mine:Small changed\n") == 0
    assert copy.start().wait(900) == 1
    said = copy.said.read_text()
    assert "train_frame-0 | FAILED" in said
    assert "ValueError: no such luck" in said
    assert "Traceback" not in said
    assert "Traceback" in (copy.out / "logs" / "train_frame-0.log").read_text()
    assert f"error: frame-0 failed, and {copy.out}/report.html is made of the others" in said
    assert "no such luck" in of_page(copy.out)
    assert (copy.out / "metrics" / "train_frame-0.json").is_file()
    assert "measure_frame-0 | starts" not in said
    assert "_zoom-0" not in said  # which does not use that class


def test_a_run_with_nothing_to_do_says_so_and_loads_nothing_that_takes_long(copy):
    code = f"import sys; from workflow import run; run.main(); print(*{{*{SLOW}}} & sys.modules.keys())"
    done = python("-c", code, "--retrain", copy.path)
    *_, last, loaded = done.stdout.splitlines()
    assert last.endswith("report.pdf are up to date"), done.stdout + done.stderr
    assert loaded == ""


def test_a_measure_that_was_killed_has_the_numbers_of_one_that_was_not(smoke, copy):
    """The run was killed while it measured this training, and went on."""
    shutil.rmtree(copy.out / "samples")
    known, path = (one.out / "metrics" / "measure_zoom-0.json" for one in (smoke, copy))
    path.unlink()
    measure.measure(copy.out, "zoom", 0, read(copy).measure("zoom", 0))
    rows = [(str(row) for row in read_json(one)["rows"] if row[2] != "seconds") for one in (known, path)]
    assert sorted(rows[0]) == sorted(rows[1])
    kept = [one.out / "kept" / "samples_zoom-0.npz" for one in (smoke, copy)]
    assert kept[0].read_bytes() == kept[1].read_bytes()


def test_on_a_full_disk_a_job_ends_with_one_line_and_nothing_is_half_written(copy):
    (copy.out / "metrics" / "measure_frame-0.json").unlink()  # rows that are there would stay
    (copy.out / "jobs" / "measure_frame-0.json").unlink()
    before = helpers.content(copy.out)
    done = python("-m", "workflow.job", copy.path, "measure_frame-0", **helpers.small_files())
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if "FAILED" in line]
    assert "File too large" in line
    assert not re.search("Traceback|Exception ignored", done.stdout + done.stderr)
    after = helpers.content(copy.out)
    different = {name for name in before | after if before.get(name) != after.get(name)}
    assert {name.partition("/")[0] for name in different} <= {"logs", "samples"}


def test_what_changed_while_a_job_ran_makes_it_run_again(copy):
    """The file of the training before it is another one, once a measure has begun."""
    training = copy.out / "jobs" / "train_zoom-0.json"
    with (copy.folder / "mine.py").open("a") as file:
        file.write("import pathlib, sys\nif sys.argv[0].endswith('measure.py'):\n")
        file.write(f'    pathlib.Path({str(training)!r}).write_text(\'{{"files": {{"another": 1}}}}\')\n')
    whole = training.read_bytes()
    done = python("-m", "workflow.job", copy.path, "measure_zoom-0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert training.read_bytes() != whole
    assert jobs.of(read(copy))["measure_zoom-0"].stale() == "its results.train_zoom-0 changed"
    training.write_bytes(whole)
    assert jobs.of(read(copy))["measure_zoom-0"].stale() is None


@pytest.mark.long
def test_a_data_set_of_ones_own_is_trained_measured_and_told(tmp_path):
    content = helpers.example_profile("squares", data_too=True)
    content["models"] = {model: content["models"][model] for model in ("linear", "zoom")}
    del content["models"]["zoom"]["analyse"], content["yardstick"]
    project = Project(tmp_path, content)
    assert project.start().wait(1500) == 0, project.said.read_text()
    assert "Squares" in of_page(project.out)


# --- what is stale ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "changes", "name", "reason"),
    [
        ("training", {"epochs": 3}, "train_zoom-0", "settings.epochs was 2, is 3"),
        ("measure", {"n_final": 33}, "measure_zoom-0", "settings.n_final was 32, is 33"),
        ("schedules", {"T": 999}, "schedules", "settings.T was 1000, is 999"),
    ],
)
def test_a_changed_setting_is_named_and_what_rests_on_it_is_made_again(copy, section, changes, name, reason):
    found = stale(copy, **{section: copy.content[section] | changes})
    assert found[name] == reason
    assert list(found)[-3:] == AFTER
    assert found["report"].endswith("is made again")
    assert ("schedules" in found) == (section == "schedules")
    assert ("analyse_zoom-0" in found) == (section != "schedules")


def test_another_label_or_seed_leaves_what_is_there(copy):
    models = copy.content["models"]
    assert list(stale(copy, models=models | {"zoom": models["zoom"] | {"label": "Ours"}})) == AFTER
    content = {"models": {"zoom": models["zoom"]}, "seeds": [0, 7]}
    assert list(stale(copy, **content)) == ["train_zoom-7", "measure_zoom-7", "analyse_zoom-7", *AFTER]
    trainings = [name for name in jobs.of(read(copy, seeds=[5, 1])) if name.startswith("train")]
    assert trainings == ["train_zoom-5", "train_frame-5", "train_zoom-1", "train_frame-1"]


@pytest.mark.parametrize("name", ["paper", "beyond", "starts", "quick"])
def test_what_only_a_long_report_shows_is_a_job_where_it_is_long(name):
    profile, folder = read_profile(name, jobs.PROFILES), ROOT / "released" / name
    long = folder.is_dir() and not Run(results.load(folder), profile).short
    assert ("level" in jobs.of(profile)) == long


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ({"study/measure.py": "x = 1"}, [*MEASURED, *AFTER]),
        ({"diffusion/files.py": "# a remark", "report/references.bib": "%"}, ["report"]),
    ],
)
def test_an_edited_line_re_runs_what_rests_on_it(copy, tmp_path, edits, expected):
    place = helpers.copied(tmp_path / "code", *helpers.CODE)
    (place / "released").symlink_to(ROOT / "released")
    for name, line in edits.items():
        with (place / name).open("a") as file:
            file.write(f"\n{line}\n")
    code = """import json, sys; from study.settings import read_profile; from workflow import jobs
print(json.dumps(list(jobs.check(read_profile(sys.argv[1], jobs.PROFILES)))))"""
    paths = {"PYTHONPATH": os.pathsep.join([str(place), str(tmp_path)])}
    done = python("-c", code, copy.path, cwd=place, env=os.environ | paths)
    assert json.loads(done.stdout) == expected, done.stderr


def test_of_a_notebook_the_code_counts_alone(tmp_path):
    path = ROOT / "notebooks" / "03_train_zoom.ipynb"
    notebook, copy, known = read_json(path), tmp_path / "n.ipynb", jobs.code_of(path)
    notebook["cells"][-1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["seen"]}]
    notebook["cells"].append({"cell_type": "markdown", "source": ["A remark."]})
    copy.write_text(json.dumps(notebook))
    assert jobs.code_of(copy) == known
    changed(copy, lambda content: content["cells"].append({"cell_type": "code", "source": ["!ls"]}))
    assert jobs.code_of(copy) != known
    compile(jobs.code_of(copy), "n.ipynb", "exec")


def test_a_flipped_bit_or_a_loss_of_any_file_is_found(copy):
    dice = random.Random(1)
    for one in jobs.of(read(copy)).values():
        for name in read_json(one.path)["files"]:
            path = copy.out / name
            whole = path.read_bytes()
            path.write_bytes(flipped(whole, dice))
            assert one.stale() == f"{name} is damaged or was changed"
            path.unlink()
            assert one.stale() == f"{name} is lost"
            path.write_bytes(whole)
        whole = one.path.read_bytes()
        for content in (b"", b"[]", b'{"files": 5}', b"\0"):
            one.path.write_bytes(content)
            assert one.stale() == f"{one.path.name} cannot be read, or is of an earlier edition"
        one.path.write_bytes(whole)
        assert one.stale() is None


def test_what_a_job_rests_on_is_found_where_it_changed_and_a_new_default_makes_nothing_stale(copy):
    found = jobs.of(read(copy))
    measured, training, report = found["measure_zoom-0"], found["train_zoom-0"], found["report"]
    assert {"CITATION.cff", "released/paper/manifest.json"} <= read_json(report.path)["inputs"].keys()
    changed(report.path, lambda content: content["inputs"].update({"CITATION.cff": "another"}))
    assert stale(copy) == {"report": "its inputs.CITATION.cff changed"}
    changed(measured.path, lambda content: content["settings"].pop("precision"))
    assert measured.stale() is None
    changed(measured.path, lambda content: content["settings"].pop("floor_repeats"))
    assert measured.stale() == "settings.floor_repeats was 20, is 3"
    changed(measured.path, lambda content: content["settings"].update(floor_repeats=3))
    (copy.out / "trained" / "zoom-0.json").write_bytes(b"another")
    training.finish(training.expected())
    assert measured.stale() == "its results.train_zoom-0 changed"


# --- before anything is run ---------------------------------------------------------------------------------


def test_what_is_released_in_this_project_is_whole():
    for folder in (path.parent for path in (ROOT / "released").glob("*/manifest.json")):
        there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        assert there == {*release.verify(folder), "manifest.json"}


@pytest.mark.parametrize("out", [".", "released/paper", "notebooks", "build/../study", "..", str(ROOT)])
def test_jobs_never_write_over_the_project(out):
    profile = Profile({"profile": "mine", "models": {"zoom": {"notebook": "03_train_zoom"}}}, "mine.yaml")
    assert jobs.folder(profile) == ROOT / "build" / "mine"
    profile.out = out
    with pytest.raises(ValueError, match=f"out = {out!r} is not allowed"):
        jobs.folder(profile)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--", "--help"], "'--help' .*there are .*quick"),
        (["quick", "none"], "CORES = 'none' .*all, or a number"),
        (["FILE"], "'epoch'.*'epochs'"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_written(tmp_path, arguments, line):
    text = "profile: mine\nout: mine\nmodels: {zoom: {notebook: 03_train_zoom}}\ntraining: {epoch: 2}\n"
    (tmp_path / "mine.yaml").write_text(text)
    done = python("-m", "workflow.run", *(a.replace("FILE", f"{tmp_path}/mine.yaml") for a in arguments))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert re.match(f"error: .*{line}", done.stderr)
    assert not (ROOT / "mine").exists()
