"""A report as it is built: what it says, the same again, and what is refused. Its page: test_pages.py."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import NOTEBOOKS
from helpers import ROOT
from report import build


def test_the_report_leads_to_the_notebooks_of_its_run_alone(report):
    shown = {tag["href"] for tag in report.select("a[href^='notebooks/']")}
    assert {address.partition("#")[0] for address in shown} == {f"notebooks/{one}.html" for one in NOTEBOOKS}


@pytest.mark.long
def test_another_time_place_and_hash_seed_give_the_same_bytes(short, tmp_path):
    # A row names its folder, and links to the releases, in the PDF too, are as long as it lies deep.
    out = short.parents[1] / "elsewhere" / short.name
    for part in ("metrics", "kept", "notebooks"):
        shutil.copytree(short / part, out / part)
    surroundings = {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "LC_ALL": "C", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "report.build", "--out", out, "--profile", short / "short.yaml"]
    subprocess.run(command, cwd=tmp_path, env=os.environ | surroundings, check=True, capture_output=True)
    for name in ("report.html", "report.pdf", "results.csv", "rows.html"):
        assert (out / name).read_bytes() == (short / name).read_bytes(), name


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("measure_zoom-1.json", "zoom-1 .* not measured"),
        ("train_cosine-1.json", r"train_cosine-1\.json"),
    ],
)
def test_a_run_that_is_not_whole_is_refused_in_a_line(short, tmp_path, capsys, lost, said):
    shutil.copytree(short / "metrics", tmp_path / "metrics")
    (tmp_path / "metrics" / lost).unlink()
    assert build.main(["--out", str(tmp_path), "--profile", str(short / "short.yaml")]) == 1
    out, error = capsys.readouterr()
    assert (out, error[:7], error.count("\n")) == ("", "error: ", 1)
    assert re.search(said, error)
