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
from report import places, profile
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


@pytest.mark.long
def test_without_the_paper_a_report_is_made_and_all_lessons_run(tmp_path, mnist_dir):
    project = helpers.copied(tmp_path / "project")
    shutil.rmtree(project / "paper")
    content = yaml.safe_load((ROOT / "profiles" / "smoke.yaml").read_text())
    content |= {"models": MODELS, "notebooks": {"04_compare_fid": {}, "06_beyond": {}}}
    content["data_dir"] = str(mnist_dir)
    (project / "profiles" / "smoke.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    command = [sys.executable, "-m", "report.jobs.run", "smoke", "2"]
    environment = os.environ | {"PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    out = project / "build" / "smoke"
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")
    assert "Cold diffusion" in (out / "report.html").read_text("utf-8")
    lessons = {path.stem for path in (out / "notebooks").glob("*.ipynb")}
    trained = {"02_train_ddpm-linear-0", "03_train_zoom-zoom-0", "05_your_degradation-crop-0"}
    assert lessons == {"01_schedules", "04_compare_fid", "06_beyond", "report_figures", *trained}
    figures = read_json(out / "notebooks" / "report_figures.ipynb")["cells"]
    drawn = [cell["id"] for cell in figures if cell.get("outputs")]
    assert drawn[:2] == ["fig-first_samples", "fig-distances"]


def test_a_profile_that_asks_for_the_paper_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "PAPER", tmp_path / "paper")
    content = {"profile": "mine", "models": MODELS, "report": {"kind": "paper"}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(profile.ProfileError, match="^[^\n]*lacks the folder paper/[^\n]*$"):
        profile.read(tmp_path / "mine.yaml")
