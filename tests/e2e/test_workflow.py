"""The workflow at the smoke profile: kills, failures, changes. What is stale: unit/test_jobs.py."""

import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import helpers
from conftest import Project
from helpers import ROOT
from report import profile
from report.files import read_json
from report.jobs import plan as jobs
from report.measures import measure
from report.results import views as results

pytestmark = pytest.mark.slow


@pytest.fixture
def copy(smoke, tmp_path) -> Project:
    """A copy of the finished run."""
    shutil.copytree(smoke.out, tmp_path / "out")
    return Project(tmp_path, smoke.content)


def python(*arguments: object, **options) -> subprocess.CompletedProcess:
    """Python to its end."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, **{"cwd": ROOT, "timeout": 900} | options, capture_output=True, text=True)


def of_page(out: Path) -> str:
    return " ".join(re.sub(r"</?span[^>]*>", "", (out / "report.html").read_text()).split())


# --- the run itself -----------------------------------------------------------------------------------------


def test_it_goes_on_after_a_kill_and_ends_whole_without_a_network(smoke):
    assert smoke.facts["left"] == 0  # nothing went on running
    line = f"error: another command is working on {smoke.out}; wait for it, or stop it\n"
    assert smoke.facts["meanwhile"] == [1, line]  # what a second command did
    lines = smoke.said.read_text().splitlines()
    assert not [line for line in lines if "training zoom" in line]  # which was done before the kill
    assert [line for line in lines if re.match(r"\[\d/\d\] measuring zoom, seed 0: done in ", line)]
    assert lines[-1].startswith("Report ready: ")
    for name in ("report.html", "report.pdf"):
        assert (smoke.out / name).stat().st_size > 100_000


def test_ones_own_is_trained_measured_and_told_and_no_notebook_names_this_machine(smoke):
    found = results.load(smoke.out)
    zoom, frame = (found.first(model) for model in ("zoom", "frame"))
    assert ({"gaussian", "cautious"} <= zoom.changes.keys(), len(zoom.drawn)) == (True, 4)
    assert (zoom.train.steps, frame.train.parameters_count) == (12, 2_217)
    assert all(one.final["low_confidence"].n == 32 for one in found.trainings.values())
    assert "Level t blackens a frame of t pixels." in (told := of_page(smoke.out))
    assert "the released model that has the same process and network" in told
    executed = list((smoke.out / "notebooks").glob("*.ipynb"))
    assert len(executed) == 5
    for path in executed:
        outputs = [one for cell in read_json(path)["cells"] for one in cell.get("outputs", [])]
        assert not [one for one in outputs if one["output_type"] == "error"]
        assert any("image/png" in one.get("data", {}) for one in outputs)
        shown = json.dumps([one.get("data", {}).get("text/plain", one.get("text", "")) for one in outputs])
        assert str(ROOT) not in shown


def test_a_run_with_nothing_to_do_says_so(copy):
    assert copy.start().wait(900) == 0
    assert copy.said.read_text().endswith(f"Report up to date: {copy.out}/report.pdf\n")


def test_nothing_outlives_make_and_a_failing_job_says_why_and_how_to_leave_its_model_out(copy, monkeypatch):
    """A setting of the zoom is changed; a network is edited, and fails."""
    module = copy.folder / "mine.py"
    head, line, tail = module.read_text().partition("class Small")
    end = tail.index("\n", tail.index("def forward")) + 1
    module.write_text(f'{head}{line}{tail[:end]}        raise ValueError("no such luck")\n{tail[end:]}')
    assert copy.killed("make", "Running again (own.mine changed): ") == 0
    assert copy.start().wait(900) == 1
    said = copy.said.read_text()
    assert "training frame, seed 0: FAILED" in said
    assert "ValueError: no such luck" in said
    assert "Traceback" not in said
    assert re.search(f"error: some jobs failed; .*remove theirs from {re.escape(str(copy.path))}; ", said)
    assert "measuring frame, seed 0: started" not in said
    assert (copy.out / "jobs" / "measure_zoom-0.json").is_file()  # stale, as its sampler is of that module
    assert (copy.out / "runs" / "frame-0" / "run.json").is_file()  # what was trained before stays
    models = {"zoom": copy.content["models"]["zoom"]}
    monkeypatch.syspath_prepend(copy.folder)
    alone = profile.read(Project(copy.folder, copy.content | {"models": models}).path)
    left = jobs.find_stale(jobs.make_plan(alone))
    assert left.keys() == {"measure_zoom-0", "notebook_04_compare_fid", "notebook_report_figures", "report"}
    sys.modules.pop("mine")


def test_a_measure_that_was_killed_has_the_numbers_of_one_that_was_not(smoke, copy, monkeypatch):
    """The run was killed while it measured this training, and went on."""
    monkeypatch.syspath_prepend(copy.folder)
    shutil.rmtree(copy.out / "samples")
    known, path = (one.out / "metrics" / "measure_zoom-0.json" for one in (smoke, copy))
    path.unlink()
    measure.measure(copy.out, "zoom-0", **profile.read(copy.path).measures["zoom"])
    sys.modules.pop("mine")
    rows = [(str(row) for row in read_json(one)["rows"] if row[2] != "seconds") for one in (known, path)]
    assert sorted(rows[0]) == sorted(rows[1])
    kept = [one.out / "kept" / "samples_zoom-0.npz" for one in (smoke, copy)]
    assert kept[0].read_bytes() == kept[1].read_bytes()


@pytest.mark.long
def test_a_data_set_of_ones_own_is_trained_measured_and_told(tmp_path):
    content = helpers.example_profile("squares", data_too=True)
    content["models"] = {model: content["models"][model] for model in ("linear", "zoom")}
    del content["models"]["zoom"]["measure"]
    project = Project(tmp_path, content)
    assert project.start().wait(1500) == 0, project.said.read_text()
    assert "Squares" in of_page(project.out)


# --- before anything is run ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["report.jobs.run", "quick", "none"], "CORES is 'none'; .*all, or a number"),
        (["report.jobs.run", "FILE"], "'epoch'.*'epochs'"),
        (["report.jobs.run", "FILE", "--dry"], "'epoch'.*'epochs'"),
        (["paper.readme", "released/papr"], "'papr'.*'paper'"),
        (["benchmarks.bench", "zomo"], "'zomo'; did you mean 'zoom'"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_written(tmp_path, monkeypatch, capsys, arguments, line):
    text = "profile: mine\nout: mine\nmodels: {zoom: {notebook: 03_train_zoom}}\ntraining: {epoch: 2}\n"
    (tmp_path / "mine.yaml").write_text(text)
    module, *given = (argument.replace("FILE", f"{tmp_path}/mine.yaml") for argument in arguments)
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("MAKELEVEL", raising=False)
    monkeypatch.setattr(sys, "argv", [module, *given])
    monkeypatch.setattr(sys, "excepthook", None)  # commands install their own
    with pytest.raises((ValueError, SystemExit)) as raised:
        importlib.import_module(module).main()
    if raised.type is SystemExit:  # which Python prints
        print(raised.value, file=sys.stderr)
    else:
        sys.excepthook(raised.type, raised.value, None)
    (said,) = capsys.readouterr().err.splitlines()
    assert re.search(f"error: .*{line}", said)
    assert not (ROOT / "mine").exists()


def test_without_the_environment_a_command_says_how_to_make_it():
    done = python("-S", "-m", "report.jobs.run", "smoke")
    assert "make env" in done.stderr.splitlines()[-1]
