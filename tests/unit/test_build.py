"""A report as it is built: its notebooks, the same again, and what is refused. Its page: test_pages.py."""

import os
import shutil
import subprocess
import sys

import pytest

from conftest import NOTEBOOKS
from helpers import ROOT
from report.pages import build


def test_the_report_leads_to_the_notebooks_of_its_run_alone(report):
    shown = {tag["href"] for tag in report.select("a[href^='notebooks/']")}
    assert {address.partition("#")[0] for address in shown} == {f"notebooks/{one}.html" for one in NOTEBOOKS}


@pytest.mark.long
def test_another_time_place_and_hash_seed_give_the_same_bytes(alone, tmp_path):
    # A row names its folder, and links to the releases, in the PDF too, are as long as it lies deep.
    out, paths = alone.parents[1] / "elsewhere" / alone.name, os.pathsep.join([str(ROOT), f"{ROOT}/tests"])
    for part in ("metrics", "kept"):
        shutil.copytree(alone / part, out / part)
    surroundings = {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "LC_ALL": "C", "PYTHONPATH": paths}
    command = [sys.executable, "-m", "report.pages.build", out, alone / "own.yaml"]
    subprocess.run(command, cwd=tmp_path, env=os.environ | surroundings, check=True, capture_output=True)
    for name in ("report.html", "report.pdf", "results.csv", "rows.html"):
        assert (out / name).read_bytes() == (alone / name).read_bytes(), name


@pytest.mark.parametrize(
    ("lost", "said"), [("measure", "dim-3 .* not measured"), ("train", "train_dim-3.json")]
)
def test_a_run_that_is_not_whole_is_refused_in_a_line(alone, tmp_path, monkeypatch, lost, said):
    shutil.copytree(alone / "metrics", tmp_path / "metrics")
    (tmp_path / "metrics" / f"{lost}_dim-3.json").unlink()
    monkeypatch.setattr(sys, "argv", ["report.pages.build", str(tmp_path), str(alone / "own.yaml")])
    with pytest.raises(SystemExit, match=f"^error: [^\n]*{said}[^\n]*$"):
        build.main()
