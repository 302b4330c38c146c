"""A job as it is run: its command, its log, what the terminal shows, and its stamp."""

import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml

from diffusion.files import sha256
from helpers import needs_linux
from report.files import read_json, write_json
from report.jobs import job as jobs
from report.jobs.job import Job

SPEAKS = """
import sys
print("note: fewer images")
print("[IPKernelApp] started")
print()
print("epoch 1")
print("a warning: of no start")
print("warning: of a start", file=sys.stderr)
print("  the end  ")
sys.exit(int(sys.argv[1]))
"""
PAPERMILL = """
import json, os, sys
path, made, option, values, *others = sys.argv[1:]
with open(made, "w") as file:
    json.dump({"path": path, "option": option, "values": values, "others": others, "cwd": os.getcwd()}, file)
print("executed")
sys.exit(int("fails" in values))
"""


@pytest.fixture(autouse=True)
def _modules(tmp_path, monkeypatch):
    for name, text in (("speaks", SPEAKS), ("papermill", PAPERMILL)):
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(jobs, "end_with_parent", lambda: None)  # tests do not end with what started them


@pytest.mark.parametrize(
    ("kind", "of", "settings", "title"),
    [
        ("train", "zoom-0", {}, "training zoom, seed 0"),
        ("measure", "linear_unet-12", {}, "measuring linear_unet, seed 12"),
        ("train", "zoom-0", {"released": "paper"}, "notebook 03_train_zoom for zoom, seed 0"),
        ("report", "", {}, "report"),
    ],
)
def test_a_job_is_named_in_words(tmp_path, kind, of, settings, title):
    notebook = "03_train_zoom" if kind == "train" else ""
    assert Job(kind, of, tmp_path, settings, notebook=notebook).title == title


def module(out: Path, status: int = 0, **more) -> Job:
    write_weights(out, "a")
    return Job("measure", "zoom-0", out, {}, module=("speaks", str(status)), **more)


@pytest.mark.parametrize("status", [0, 3])
def test_a_module_is_logged_and_its_notes_are_shown(tmp_path, capsys, status):
    job = module(tmp_path / "out", status)
    assert jobs.run(job) == (status, "the end")
    assert job.log == tmp_path / "out" / "logs" / "measure_zoom-0.log"
    notes = ["note: fewer images", "warning: of a start"]
    logged = [*notes, "epoch 1", "a warning: of no start", "  the end  "]
    assert sorted(job.log.read_text().splitlines()) == sorted(logged)
    shown = capsys.readouterr().out.splitlines()
    assert sorted(shown) == [f"measuring zoom, seed 0: {note}" for note in notes]


def test_bytes_that_are_no_text_do_not_end_a_job(tmp_path):
    (tmp_path / "speaks.py").write_text("import sys; sys.stdout.buffer.write(b'\\xff done')")
    assert jobs.run(module(tmp_path / "out")) == (0, "\ufffd done")


def test_the_last_line_is_shown_five_minutes_after_the_one_before(tmp_path, capsys, monkeypatch):
    (tmp_path / "speaks.py").write_text("for i in range(4):\n    print('line', i)")
    clock = iter((0, 300, 300.5, 301, 601, 602, 602))  # at the start, at each line, and after a line is shown
    monkeypatch.setattr(jobs.time, "monotonic", lambda: next(clock))
    jobs.run(module(tmp_path / "out"))
    said = capsys.readouterr().out.splitlines()
    assert said == ["measuring zoom, seed 0: line 1", "measuring zoom, seed 0: line 3"]
    assert not [*clock]


def test_a_notebook_is_executed_with_its_parameters_and_replaces_the_one_before(tmp_path):
    settings = {"epochs": 2, "fit_options": {"rate": 2e-4}, "model": "zoom"}
    makes = ("metrics/x.json", "notebooks/03_train_zoom-zoom-0.ipynb")
    job = Job("train", "zoom-0", tmp_path / "out", settings, notebook="03_train_zoom", makes=makes)
    assert jobs.run(job) == (0, "executed")
    made = read_json(job.executed)
    assert job.executed == tmp_path / "out" / makes[-1]
    assert (made["path"], made["option"]) == ("notebooks/03_train_zoom.ipynb", "-y")
    assert Path(made["cwd"]) == jobs.ROOT
    out = os.path.relpath(tmp_path / "out", jobs.ROOT)
    assert yaml.safe_load(made["values"]) == settings | {"out_dir": out}
    assert not job.log.with_suffix(".ipynb").exists()
    before = job.executed.read_bytes()
    assert jobs.run(replace(job, settings={"model": "fails"})) == (1, "executed")
    assert job.executed.read_bytes() == before  # that of a failure lies beside its log
    assert "fails" in job.log.with_suffix(".ipynb").read_text()


# --- stamps and plans ---


def test_a_job_is_done_when_all_that_it_makes_is_there_and_its_stamp_has_those_before(tmp_path):
    first = Job("train", "zoom-0", tmp_path, {}, makes=("a", "b/c"), stamp={"settings": 1})
    second = replace(first, kind="notebook", needs=(first.name,), makes=(), stamp={"settings": 2})
    assert (second.name, Job("report", "", tmp_path, {}).name) == ("notebook_zoom-0", "report")
    assert first.path == tmp_path / "jobs" / "train_zoom-0.json" == second.stamp_of(first.name)
    (tmp_path / "b").mkdir()
    for made in first.makes:
        assert first.lost() == made
        with pytest.raises(ValueError, match=f"^training zoom, seed 0 ended without writing {made}$"):
            first.finish()
        assert not first.path.exists()
        (tmp_path / made).touch()
    first.finish()
    assert (first.lost(), read_json(first.path)) == ("", {"settings": 1, "before": {}})
    second.finish()
    assert read_json(second.path) == {"settings": 2, "before": {"train_zoom-0": sha256(first.path)}}


def planned(out: Path, job: Job) -> None:
    write_json(out / jobs.PLAN, {job.name: asdict(job) | {"out": str(out)}})


def test_the_command_runs_a_job_of_the_plan_and_stamps_it(tmp_path, capsys):
    planned(tmp_path, module(tmp_path, makes=("made",)))
    (tmp_path / "made").touch()
    jobs.main(str(tmp_path), "measure_zoom-0")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "measuring zoom, seed 0: started"
    assert said[-1] == "[1/1] measuring zoom, seed 0: done in 0:00:00"
    assert (tmp_path / "jobs" / "measure_zoom-0.json").is_file()


@pytest.mark.parametrize(("status", "said"), [(1, "the end"), (0, "ended without writing made")])
def test_a_job_that_fails_or_leaves_something_out_has_no_stamp(tmp_path, capsys, status, said):
    planned(tmp_path, module(tmp_path, status, makes=("made",)))
    with pytest.raises(SystemExit) as ended:
        jobs.main(str(tmp_path), "measure_zoom-0")
    assert ended.value.code == 1
    *_, why, where = capsys.readouterr().out.splitlines()
    assert why.startswith("measuring zoom, seed 0: FAILED after 0:00:00: ")
    assert why.endswith(said)
    assert where == f"measuring zoom, seed 0: full log in {tmp_path}/logs/measure_zoom-0.log"
    assert not (tmp_path / "jobs" / "measure_zoom-0.json").exists()


def write_weights(out: Path, sha256: str) -> None:
    write_json(out / "metrics" / "train_zoom-0.json", {"sha256": {"1": sha256}})


@pytest.fixture
def measured(tmp_path) -> Job:
    """A job that has measured, and is to run again with its training; its module now fails."""
    job = module(tmp_path, 3, makes=("made",))
    planned(tmp_path, job)
    (tmp_path / "made").touch()
    job.finish()
    job.set_aside()
    return job


def test_what_was_measured_stays_if_the_training_was_only_opened_again(measured):
    jobs.main(str(measured.out), measured.name)
    assert measured.path.is_file()


@pytest.mark.parametrize("lost", [True, False])
def test_what_was_measured_of_other_weights_or_is_lost_is_measured_in_full(measured, lost):
    (measured.out / "made").unlink() if lost else write_weights(measured.out, "b")
    for _ in range(2):  # the second time, all is as before, but measuring had begun
        with pytest.raises(SystemExit):
            jobs.main(str(measured.out), measured.name)
        (measured.out / "made").touch()
        write_weights(measured.out, "a")
    assert not measured.path.exists()


@needs_linux
def test_a_process_ends_with_its_parent():
    """The child waits for a minute; its parent says its id and ends at once."""
    parent = """
import subprocess, sys
from report.jobs.job import end_with_parent
child = [sys.executable, "-c", "import time; time.sleep(60)"]
print(subprocess.Popen(child, preexec_fn=end_with_parent, stdout=subprocess.DEVNULL).pid)
"""
    done = subprocess.run([sys.executable, "-c", parent], cwd=jobs.ROOT, stdout=subprocess.PIPE, timeout=120)
    state = Path(f"/proc/{int(done.stdout)}/stat")
    end = time.monotonic() + 30
    while (alive := state.exists() and state.read_text().split()[2] != "Z") and time.monotonic() < end:
        time.sleep(0.02)
    assert not alive
