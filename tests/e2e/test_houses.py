"""The houses: which part imports which, and the tool in a checkout without the folder `paper/`."""

import ast
import os
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest
import yaml

import helpers
from helpers import ROOT
from report.files import read_json

TRAINING = ("diffusion.training", "diffusion.processes")


def imported(path):
    """The modules of the project that a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_no_files_of_the_library_import_each_other_and_no_import_points_up():
    """`training/` and `processes/` import nothing of `evaluation/`, and the other way round."""
    paths = [*(ROOT / "diffusion").rglob("*.py")]
    files = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    files = {name.removesuffix(".__init__"): path for name, path in files.items()}
    imports = {name: imported(path) for name, path in files.items()}
    for name, others in imports.items():
        assert not {other for other in others if other.split(".")[0] in ("report", "paper", "play")}, name
        if name.startswith("diffusion.evaluation"):
            assert not {other for other in others if other.startswith(TRAINING)}, name
        if name.startswith(TRAINING):
            assert not {other for other in others if other.startswith("diffusion.evaluation")}, name
    # The package itself imports its names when they are used, and no file needs them.
    order = {name: others & imports.keys() - {name, "diffusion"} for name, others in imports.items()}
    TopologicalSorter(order).prepare()  # raises CycleError


MODELS = {  # each lesson that trains, and models of one's own
    "linear": {"notebook": "02_train_ddpm", "sampler_options": {"steps": 5, "clip_x0": True}},
    "zoom": {"notebook": "03_train_zoom"},
    "crop": {"notebook": "05_your_degradation", "degradation": "crop", "T": 8},
}


@pytest.fixture(scope="module")
def without_paper(tmp_path_factory, mnist_dir):
    """A checkout without the paper, in which a profile has run that executes all lessons."""
    project = helpers.copied(tmp_path_factory.mktemp("alone") / "project")
    shutil.rmtree(project / "paper")
    smoke = yaml.safe_load((ROOT / "profiles" / "smoke.yaml").read_text())
    notebooks = {"04_compare_fid": {}, "06_beyond": {}}
    content = smoke | {"models": MODELS, "notebooks": notebooks, "data_dir": str(mnist_dir)}
    (project / "profiles" / "smoke.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return project


def run(project, *arguments):
    command = [sys.executable, "-m", "report.jobs.run", *arguments]
    environment = os.environ | {"PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)


@pytest.mark.long
def test_a_report_is_made_and_all_lessons_run(without_paper):
    done = run(without_paper, "smoke", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    out = without_paper / "build" / "smoke"
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")
    assert "Cold diffusion" in (out / "report.html").read_text("utf-8")
    lessons = {path.stem for path in (out / "notebooks").glob("*.ipynb")}
    trained = {"02_train_ddpm-linear-0", "03_train_zoom-zoom-0", "05_your_degradation-crop-0"}
    assert lessons == {"01_schedules", "04_compare_fid", "06_beyond", "report_figures", *trained}
    figures = read_json(out / "notebooks" / "report_figures.ipynb")["cells"]
    drawn = [cell["id"] for cell in figures if cell.get("outputs")]
    assert drawn[:2] == ["fig-first_samples", "fig-distances"]


def test_a_profile_that_asks_for_the_paper_is_refused_in_one_line(without_paper):
    path = without_paper / "mine.yaml"
    content = yaml.safe_load((without_paper / "profiles" / "smoke.yaml").read_text())
    path.write_text(yaml.safe_dump(content | {"report": {"kind": "paper"}}))
    done = run(without_paper, str(path))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "lacks the folder paper/" in done.stderr
