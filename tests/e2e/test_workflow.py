"""The workflow at the smoke profile: kills, failures, changes. What is stale: unit/test_stale.py."""

import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import helpers
from finished import Project
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


@pytest.fixture
def command(monkeypatch, capsys):
    """command("report.jobs.run", "quick") -> all that a process of this command would print."""

    def run(module: str, *arguments: str) -> str:
        monkeypatch.chdir(ROOT)
        monkeypatch.delenv("MAKELEVEL", raising=False)
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        monkeypatch.setattr(sys, "excepthook", None)  # commands install their own
        try:
            importlib.import_module(module).main()
        except SystemExit as error:  # which Python prints
            print(error, file=sys.stderr)
        except Exception as error:
            sys.excepthook(type(error), error, None)
        done = capsys.readouterr()
        return done.out + done.err

    return run


def of_page(out: Path) -> str:
    return " ".join(re.sub(r"</?span[^>]*>", "", (out / "report.html").read_text()).split())


# --- the run itself -----------------------------------------------------------------------------------------


def test_it_goes_on_after_a_kill_and_ends_whole_without_a_network(smoke):
    assert smoke.left == 0  # nothing went on running
    lines = smoke.said.read_text().splitlines()
    assert not [line for line in lines if "training zoom" in line]  # which was done before the kill
    assert [line for line in lines if re.match(r"\[\d/5\] measuring zoom, seed 0: done in ", line)]
    assert lines[-1].startswith("Report ready: ")
    for name in ("report.html", "report.pdf"):
        assert (smoke.out / name).stat().st_size > 100_000


def test_ones_own_is_measured_and_told_and_no_notebook_names_this_machine(smoke):
    zoom = results.load(smoke.out).first("zoom")
    assert ({"gaussian", "cautious"} <= zoom.changes.keys(), len(zoom.drawn)) == (True, 4)
    assert (zoom.train.steps, zoom.final["low_confidence"].n) == (12, 32)
    assert "the released model that has the same process and network" in of_page(smoke.out)
    executed = list((smoke.out / "notebooks").glob("*.ipynb"))
    assert len(executed) == 3
    for path in executed:
        outputs = [one for cell in read_json(path)["cells"] for one in cell.get("outputs", [])]
        assert not [one for one in outputs if one["output_type"] == "error"]
        assert any("image/png" in one.get("data", {}) for one in outputs)
        shown = json.dumps([one.get("data", {}).get("text/plain", one.get("text", "")) for one in outputs])
        assert str(ROOT) not in shown


def test_a_run_with_nothing_to_do_says_so(smoke, command, monkeypatch):
    monkeypatch.syspath_prepend(smoke.folder)
    said = command("report.jobs.run", str(smoke.path), "--retrain")
    sys.modules.pop("mine")
    assert said.splitlines()[-1] == f"Report up to date: {smoke.out}/report.pdf"


def test_a_second_command_is_refused_while_the_first_one_works(smoke, command, monkeypatch):
    monkeypatch.syspath_prepend(smoke.folder)
    with jobs.lock(smoke.out):
        said = command("report.jobs.run", str(smoke.path), "--retrain")
    sys.modules.pop("mine")
    assert said == f"error: another command is working on {smoke.out}; wait for it, or stop it\n"


BROKEN = """
import mine

class Broken(mine.ColdFrame):
    def degrade(self, x, t):
        raise ValueError("no such luck")
"""


@pytest.mark.long
def test_nothing_outlives_make_and_a_failing_job_says_why_and_how_to_leave_its_model_out(copy):
    """A model is added whose degradation fails."""
    (copy.folder / "broken.py").write_text(BROKEN)
    broken = {"notebook": "05_your_degradation", "degradation": "broken:Broken", "T": 10}
    both = Project(copy.folder, copy.content | {"models": copy.content["models"] | {"broken": broken}})
    assert both.killed("make", "training broken, seed 0: started") == 0
    assert both.start().wait(both.TIMEOUT) == 1
    said = both.said.read_text()
    assert "training broken, seed 0: FAILED" in said
    assert "ValueError: no such luck" in said
    assert "Traceback" not in said
    assert re.search(f"error: some jobs failed; .*remove theirs from {re.escape(str(both.path))}; ", said)
    assert "measuring broken, seed 0: started" not in said


@pytest.mark.long
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
def test_a_data_set_degradation_and_network_of_ones_own_are_trained_measured_and_told(tmp_path):
    content = helpers.example_profile("squares", data_too=True)
    models, small = content["models"], {"network": "mine:Small", "network_options": {"width": 8}}
    content["models"] = {"linear": models["linear"], "frame": models["frame"] | small}
    project = Project(tmp_path, content)
    assert project.start().wait(project.TIMEOUT) == 0, project.said.read_text()
    page = of_page(project.out)
    assert [one for one in ("Squares", "Level t blackens a frame of t pixels.") if one not in page] == []
    assert results.load(project.out).first("frame").train.parameters_count == 2_217


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
def test_a_mistake_is_one_line_before_anything_is_written(tmp_path, command, arguments, line):
    text = "profile: mine\nout: mine\nmodels: {zoom: {notebook: 03_train_zoom}}\ntraining: {epoch: 2}\n"
    (tmp_path / "mine.yaml").write_text(text)
    (said,) = command(*(word.replace("FILE", f"{tmp_path}/mine.yaml") for word in arguments)).splitlines()
    assert re.search(f"error: .*{line}", said)
    assert not (ROOT / "mine").exists()


def test_without_the_environment_a_command_says_how_to_make_it():
    python = [sys.executable, "-S", "-m", "report.jobs.run", "smoke"]
    done = subprocess.run(python, cwd=ROOT, capture_output=True, text=True)
    assert "make env" in done.stderr.splitlines()[-1]
