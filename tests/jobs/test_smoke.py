"""The workflow in earnest at the smoke profile: what it leaves, and what is found when that is damaged."""

import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import checkout
import examples
from damage import flipped
from jobs.conftest import Project
from report.run import Run
from study import results
from study.settings import Profile, read_profile
from workflow import jobs, release, run

pytestmark = pytest.mark.slow
ONES = ("linear-0", "zoom-0", "frame-0")
AFTER = ["compare", "report"]
SLOW = {
    "IPython",
    "matplotlib",
    "pandas",
    "report",
    "scipy",
    "sklearn",
    "snakemake",
    "torchmetrics",
    "torchvision",
}


@pytest.fixture
def copy(smoke, tmp_path, monkeypatch) -> Project:
    """A copy of the finished run, without the times of its files."""
    monkeypatch.syspath_prepend(tmp_path)
    shutil.copytree(smoke.out, tmp_path / "out", copy_function=shutil.copy)
    yield Project(tmp_path, smoke.content)
    sys.modules.pop("mine", None)


def read(project: Project, **changes) -> Profile:
    """The project's profile, changed."""
    return Profile(project.content | {"out": str(project.out)} | changes, "smoke.yaml")


def stale(project: Project, **changes) -> dict[str, str]:
    """The jobs that must run now, with the reasons."""
    return jobs.check(read(project, **changes))


# --- the run itself -----------------------------------------------------------------------------------------


def test_it_goes_on_after_kills_and_ends_whole_without_a_network(smoke, copy):
    for left, second in smoke.facts["killed"]:
        assert left == 0  # nothing went on running
        line = f"error: {smoke.out} is being written by another run; wait for it, or stop it"
        assert second.splitlines() == [line]
    *_, first, last = smoke.facts["said"].splitlines()
    assert first.endswith("first_samples.png")
    assert last.endswith("report.pdf are made")
    for name in ("report.html", "report.pdf"):
        assert (smoke.out / name).stat().st_size > 100_000
    assert stale(copy) == {}
    found = {
        name for job in jobs.of(read(copy)).values() for name in json.loads(job.path.read_text())["files"]
    }
    there = {p.relative_to(copy.out).as_posix() for p in copy.out.rglob("*") if p.is_file()}
    free = ("logs/", "jobs/", "samples/", "/state-", "/priors/", ".lock")  # these have hashes of their own
    assert [name for name in there - found if not any(part in name for part in free)] == []


def test_a_failing_job_says_why_and_the_report_is_made_of_the_others(copy):
    """A network is edited, and fails."""
    module = copy.folder / "mine.py"
    head, call, tail = module.read_text().partition("class Small")
    line = tail.index("\n", tail.index("def forward")) + 1
    module.write_text(head + call + tail[:line] + '        raise ValueError("no such luck")\n' + tail[line:])
    assert copy.run() == 1
    assert "train_frame-0 runs again: mine:Small changed\n" in copy.said
    assert "train_frame-0 | FAILED" in copy.said
    assert "ValueError: no such luck" in copy.said
    assert "Traceback" not in copy.said
    assert "Traceback" in (copy.out / "logs" / "train_frame-0.log").read_text()
    assert f"error: frame-0 failed, and {copy.out}/report.html is made of the others" in copy.said
    assert "no such luck" in (copy.out / "report.html").read_text()
    assert (copy.out / "metrics" / "train_frame-0.json").is_file()
    assert "measure_frame-0 | starts" not in copy.said
    assert "_zoom-0" not in copy.said  # which does not use that class


def test_where_what_compares_all_models_fails_the_report_is_made_without_it(copy, monkeypatch):
    for name in AFTER:
        (copy.out / "jobs" / f"{name}.json").unlink()
    commands = []
    monkeypatch.setattr(run, "run", lambda *command: commands.append(command))
    assert run.of_others(read(copy)).startswith("what compares all models failed, and ")
    assert commands == [("report.build", "--out", str(copy.out), "--profile", "smoke.yaml")]


def test_a_run_with_nothing_to_do_says_so_and_loads_nothing_that_takes_long(copy):
    code = f"""import sys
from workflow import run
sys.argv = ["run", "--retrain", {str(copy.path)!r}]
run.main()
print(*sorted({SLOW} & sys.modules.keys()))"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(checkout.ROOT), str(copy.folder)])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    *_, last, loaded = done.stdout.splitlines()
    assert last.endswith("report.pdf are up to date"), done.stdout + done.stderr
    assert loaded == ""


def test_a_measure_that_was_killed_has_the_numbers_of_one_that_was_not(smoke, copy):
    """The run was killed while it measured this training, and went on."""
    shutil.rmtree(copy.out / "samples")
    known, path = (one.out / "metrics" / "measure_linear-0.json" for one in (smoke, copy))
    path.unlink()
    done = copy.job("measure_linear-0")
    assert done.returncode == 0, done.stdout + done.stderr

    def numbers(path: Path) -> list[str]:
        times = ("seconds", "commit", "threads")
        return [ln for ln in path.read_text().splitlines() if not any(f'"{t}"' in ln for t in times)]

    assert numbers(path) == numbers(known)
    kept = [one.out / "kept" / "samples_linear-0.npz" for one in (smoke, copy)]
    assert kept[0].read_bytes() == kept[1].read_bytes()


@pytest.mark.parametrize("name", ["schedules", "measure_linear-0"])
def test_on_a_full_disk_a_job_ends_with_one_line_and_nothing_is_half_written(copy, name):
    """No file may have more than some bytes, so that its last ones cannot be written."""
    job = jobs.of(read(copy))[name]
    before = {path: path.read_bytes() for path in job.files()}
    job.path.unlink()
    if name.startswith("measure"):  # rows that are there would stay, and nothing be written
        rows = copy.out / "metrics" / f"{name}.json"
        rows.unlink()
        del before[rows]
    parts = {*copy.out.rglob(".*.part-*")}
    done = copy.job(name, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, 9_000)))
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if "FAILED" in line]
    assert "File too large" in line
    assert not re.search("Traceback|Exception ignored", done.stdout + done.stderr)
    assert {path: path.read_bytes() for path in before} == before
    assert not job.path.exists()
    assert before.keys() >= set(job.out.glob(f"metrics/{name}.json"))
    assert {*copy.out.rglob(".*.part-*")} == parts  # what the kills have left


# --- what is stale ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "changes", "job", "reason"),
    [
        ("training", {"epochs": 3}, "train_zoom-0", "settings.epochs was 2, is 3"),
        ("measure", {"n_final": 33}, "measure_zoom-0", "settings.n_final was 32, is 33"),
        ("yardstick", {"n": 33}, "yardstick", "settings.n was 32, is 33"),
        ("schedules", {"T": 999}, "schedules", "settings.T was 1000, is 999"),
    ],
)
def test_a_changed_setting_is_named_and_what_rests_on_it_is_made_again(copy, section, changes, job, reason):
    found = stale(copy, **{section: copy.content[section] | changes})
    assert found[job] == reason
    assert list(found)[-2:] == AFTER
    assert found["report"].endswith("is made again")
    assert ("schedules" in found) == (section == "schedules")


def test_a_label_makes_nothing_stale_but_what_shows_it(copy):
    models = copy.content["models"]
    assert list(stale(copy, models=models | {"zoom": models["zoom"] | {"label": "Ours"}})) == AFTER


@pytest.mark.parametrize("name", ["paper", "beyond", "starts", "quick"])
def test_what_only_a_long_report_shows_is_a_job_where_it_is_long(name, root):
    found, folder = jobs.of(read_profile(name, jobs.PROFILES)), root / "released" / name
    profile = read_profile(name, jobs.PROFILES)
    short = not folder.is_dir() or Run(results.load(folder), profile).short
    assert [kind for kind in ("level", "comparison") if kind in found] == ["level", "comparison"] * (
        not short
    )


def test_another_seed_leaves_the_first_alone_and_comes_later(copy):
    content = {"models": {"zoom": copy.content["models"]["zoom"]}, "seeds": [0, 7]}
    assert list(stale(copy, **content)) == ["train_zoom-7", "measure_zoom-7", "analyse_zoom-7", *AFTER]
    assert list(jobs.of(read(copy, seeds=[5, 1])))[1:6:3] == ["train_linear-5", "train_linear-1"]


def test_a_new_kind_of_jobs_is_a_line_of_the_table(copy, monkeypatch):
    kinds = dict(jobs.KINDS)
    last = kinds.pop("report")
    more = jobs.Kind(lambda profile: profile.schedules, needs=("measure",))
    monkeypatch.setattr(jobs, "KINDS", kinds | {"more": more, "report": last})
    found = jobs.of(read(copy))
    assert found["more"].needs == tuple(f"measure_{one}" for one in ONES)
    assert found["report"].needs == (*ALL[:-1], "more")


ALL = ["schedules", *(f"train_{one}" for one in ONES), *(f"measure_{one}" for one in ONES), "analyse_zoom-0"]
ALL += ["yardstick", *AFTER]


CHECK = """import json, sys
from study.settings import read_profile
from workflow import jobs
print(json.dumps(list(jobs.check(read_profile(sys.argv[1], jobs.PROFILES)))))"""


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ({"study/measure.py": "x = 1"}, [name for name in ALL[4:] if name != "yardstick"]),
        ({"diffusion/files.py": "# a remark", "report/references.bib": "%"}, ["report"]),
    ],
)
def test_an_edited_line_re_runs_what_rests_on_it(copy, tmp_path, edits, expected):
    parts = ("diffusion", "study", "report", "notebooks", "workflow", "profiles", "CITATION.cff")
    code = checkout.copied(tmp_path / "code", *parts)
    (code / "released").symlink_to(checkout.ROOT / "released")
    for name, line in edits.items():
        with (code / name).open("a") as file:
            file.write(f"\n{line}\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(code), str(tmp_path)])}
    command = [sys.executable, "-c", CHECK, str(copy.path)]
    done = subprocess.run(command, cwd=code, env=environment, capture_output=True, text=True)
    assert json.loads(done.stdout) == expected, done.stderr


def test_of_a_notebook_the_code_counts_alone(tmp_path, root):
    content = json.loads((root / "notebooks" / "03_train_zoom.ipynb").read_text())
    known = jobs.code_of(root / "notebooks" / "03_train_zoom.ipynb")
    content["cells"].append({"cell_type": "markdown", "id": "m", "metadata": {}, "source": ["A remark."]})
    content["cells"][-2]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["seen"]}]
    (tmp_path / "n.ipynb").write_text(json.dumps(content))
    assert jobs.code_of(tmp_path / "n.ipynb") == known
    magic = {"cell_type": "code", "id": "c", "metadata": {}, "source": ["%matplotlib inline\n", "!ls"]}
    (tmp_path / "n.ipynb").write_text(json.dumps({"cells": [magic]}))
    compile(jobs.code_of(tmp_path / "n.ipynb"), "n.ipynb", "exec")


def test_a_flipped_bit_or_a_loss_of_any_file_is_found(copy):
    dice = random.Random(1)
    for job in jobs.of(read(copy)).values():
        for name in json.loads(job.path.read_text())["files"]:
            path = copy.out / name
            whole = path.read_bytes()
            path.write_bytes(flipped(whole, dice))
            assert job.stale() == f"{name} is damaged or was changed"
            path.unlink()
            assert job.stale() == f"{name} is lost"
            path.write_bytes(whole)
        whole = job.path.read_bytes()
        for content in (b"", b"[]", b'{"files": 5}', b"\0"):
            job.path.write_bytes(content)
            assert job.stale() == f"{job.path.name} cannot be read, or is of an earlier edition"
        job.path.write_bytes(whole)
        assert job.stale() is None


def test_a_report_knows_the_releases_that_it_reads(copy):
    path = copy.out / "jobs" / "report.json"
    content = json.loads(path.read_text())
    assert {"CITATION.cff", "released/paper/manifest.json"} <= content["inputs"].keys()
    content["inputs"]["released/paper/manifest.json"] = "another"
    path.write_text(json.dumps(content))
    assert stale(copy) == {"report": "its inputs.released/paper/manifest.json changed"}


def test_jobs_never_write_over_the_project(copy, root):
    for out in (".", "released/paper", "notebooks", "build/../study", "..", str(root)):
        with pytest.raises(ValueError, match=f"out = {out!r} is not allowed: it holds the project"):
            jobs.folder(Profile(copy.content | {"out": out}, "smoke.yaml"))
    for out in ("mine", "build/mine", str(copy.folder)):
        assert jobs.folder(Profile(copy.content | {"out": out}, "smoke.yaml")) == (root / out).resolve()


def test_measures_of_another_training_are_found_and_a_new_default_makes_nothing_stale(copy):
    found = jobs.of(read(copy))
    measure, training = found["measure_zoom-0"], found["train_zoom-0"]
    content = json.loads(measure.path.read_text())
    assert content["settings"].pop("floor_repeats") == 3
    content["settings"].pop("precision")
    measure.path.write_text(json.dumps(content))
    assert measure.stale() == "settings.floor_repeats was 20, is 3"
    measure.path.write_text(json.dumps(content | {"settings": content["settings"] | {"floor_repeats": 3}}))
    assert measure.stale() is None
    (copy.out / "kept" / "trajectory_zoom-0.npz").write_bytes(b"another")
    training.finish(training.expected())
    assert measure.stale() == "its results.train_zoom-0 changed"


# --- what its notebooks and measures left -------------------------------------------------------------------


def test_no_notebook_left_an_error_or_a_path_of_this_machine(smoke, root):
    executed = list((smoke.out / "notebooks").glob("*.ipynb"))
    assert len(executed) == 3 + len(ONES)
    for path in executed:
        outputs = [o for c in json.loads(path.read_text())["cells"] for o in c.get("outputs", [])]
        assert not [o for o in outputs if o["output_type"] == "error"]
        assert any("image/png" in o.get("data", {}) for o in outputs)
        shown = json.dumps([o.get("data", {}).get("text/plain", o.get("text", "")) for o in outputs])
        assert str(root) not in shown


def test_ones_own_is_trained_measured_and_told(smoke):
    found = results.load(smoke.out)
    linear = found.first("linear").train
    assert {"gaussian", "cautious"} <= found.first("zoom").changes.keys()
    assert (linear.settings.sampler, linear.settings.schedule) == ("mine:Deterministic", "mine:sigmoid")
    assert linear.docs.schedule == "alpha_bar falls as a sigmoid of the step."
    assert found.first("frame").train.parameters_count == 107_329
    assert all(one.final["low_confidence"].n == 32 for one in found.trainings.values())
    page = re.sub(r"</?span[^>]*>", "", (smoke.out / "report.html").read_text())
    told = " ".join(page.split())
    assert "Level t blackens a frame of t pixels." in told
    assert "The first 32 samples of DDPM, linear, as they come." in told
    assert "Your run, and the paper’s" in told


@pytest.mark.long
def test_a_data_set_of_ones_own_is_trained_measured_and_told(tmp_path):
    content = examples.profile("squares", data_too=True)
    content["models"] = {model: content["models"][model] for model in ("linear", "zoom")}
    del content["models"]["zoom"]["analyse"], content["yardstick"]
    project = Project(tmp_path, content)
    assert project.run() == 0, project.said
    assert "Squares" in (project.out / "report.html").read_text()


# --- releases -----------------------------------------------------------------------------------------------


@pytest.fixture
def released(copy, tmp_path, monkeypatch) -> Path:
    """The folder of a release of the finished run."""
    monkeypatch.setattr(release, "RELEASED", tmp_path / "released")
    return release.release(read(copy))


def test_a_release_is_whole_or_none_and_stale_results_are_refused(copy, released, monkeypatch):
    names = release.verify(released)
    there = {p.relative_to(released).as_posix() for p in released.rglob("*") if p.is_file()}
    assert there == {*names, "manifest.json"}
    for part in ("metrics/", "kept/", "jobs/", "notebooks/", "figures/", "history.jsonl", "report.pdf"):
        assert any(part in name for name in names), part
    assert sum("/weights/" in name for name in names) == len(ONES)
    assert not [
        name for name in names if name.endswith(".html") or name.startswith("samples") or "/state-" in name
    ]
    monkeypatch.setattr(release, "write_json", lambda *_: 1 / 0)  # it dies before the last file
    with pytest.raises(ZeroDivisionError):
        release.release(read(copy))
    with pytest.raises(ValueError, match="manifest.json is missing or damaged"):
        release.verify(released)
    (copy.out / "kept" / "zoom.npz").write_bytes(b"another")
    with pytest.raises(ValueError, match="zoom.npz is damaged or was changed; run `make retrain"):
        release.release(read(copy))


def test_a_damaged_release_is_refused_and_what_cures_it_is_said(released):
    dice = random.Random(2)
    for name in release.verify(released):
        whole = (released / name).read_bytes()
        (released / name).write_bytes(flipped(whole, dice))
        with pytest.raises(ValueError, match="get it back with `git checkout -- released/smoke`"):
            release.verify(released)
        (released / name).write_bytes(whole)
    for content in ("", "[]", '{"files": 5}'):
        (released / "manifest.json").write_text(content)
        with pytest.raises(ValueError, match="manifest.json is missing or damaged; get it back with `git"):
            release.verify(released)


def test_the_report_comes_from_the_release_without_training(copy, released, tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(run, "run", lambda *command: commands.append(command))
    monkeypatch.setattr(run, "execute", lambda *given: commands.append(["notebooks", given[2]]))
    monkeypatch.setattr(jobs, "ROOT", tmp_path)
    (out := tmp_path / "build" / "released" / "smoke" / "metrics").mkdir(parents=True)
    (out / "train_gone-0.json").write_text("{}")  # of an earlier release
    run.from_release(read(copy), "3")
    assert [command[0] for command in commands] == ["notebooks", "report.build"]
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {
        p.name: p.read_bytes() for p in (released / "metrics").iterdir()
    }
    with pytest.raises(ValueError, match="released/smoke has no .*-7: make retrain PROFILE=smoke"):
        run.from_release(read(copy, seeds=[0, 7]), "all")


def test_what_is_released_in_this_project_is_whole(root):
    for folder in (path.parent for path in (root / "released").glob("*/manifest.json")):
        there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        assert there == {*release.verify(folder), "manifest.json"}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["qiuck"], "PROFILE = 'qiuck' is not a profile; there are .*; did you mean 'quick'?"),
        (["--", "--help"], "PROFILE = '--help' is not a profile; there are .*"),
        (["FILE"], "there is no parameter 'epoch'; did you mean 'epochs'?"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_written(tmp_path, root, arguments, line):
    text = "profile: mine\nout: mine\nmodels: {zoom: {notebook: 03_train_zoom}}\ntraining: {epoch: 2}\n"
    (tmp_path / "mine.yaml").write_text(text)
    command = [a.replace("FILE", str(tmp_path / "mine.yaml")) for a in arguments]
    command = [sys.executable, "-m", "workflow.run", *command]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert re.fullmatch(f"error: .*{line.replace('?', '[?]')}\n", done.stderr)
    assert not (root / "mine").exists()
