"""What reports print may not change unasked: numbers, verdicts, rows of figures, words of HTML and PDF.

Numbers, verdicts and figures are held against the release. The words are snapshots, for the time in which
study and report are rebuilt; after a change that is meant, SNAPSHOTS=write in the environment of pytest
writes them anew.
"""

import csv
import json
import math
import os
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from filelock import FileLock
from pypdf import PdfReader

import synthetic
from conftest import shared_folder
from report import build
from workflow import release

HERE = Path(__file__).parent
CLOSE = 1e-9  # relative difference that another processor's rounding may make
FEW = 1e-5  # the same of what has six digits


def alike(a, b, close: float = CLOSE) -> bool:
    """Equal, but for the rounding of numbers."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(a[key], b[key], close) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(alike(x, y, close) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=close, abs_tol=close) or (math.isnan(a) and math.isnan(b))
    return a == b


def numbers(path: Path) -> list[float]:
    """The numbers in a CSV, sorted; its columns and the order of its rows may change."""
    found = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            for cell in row:
                try:
                    found.append(float(cell))
                except ValueError:
                    continue
    return sorted(found)


@pytest.mark.parametrize("name", ["numbers", "ledger", "table"])
def test_the_paper_prints_what_is_released(made_out, name):
    old, new = (json.loads((at / f"{name}.json").read_text()) for at in (synthetic.RELEASED, made_out))
    if name == "numbers":
        old, new = ([{key: one[key] for key in ("text", "value")} for one in rows] for rows in (old, new))
    assert len(old) == len(new)
    different = [(a, b) for a, b in zip(old, new, strict=True) if not alike(a, b)]
    assert not different, different[:3]


def test_the_papers_figures_draw_the_numbers_that_are_released(made_out):
    names = {path.name for path in (synthetic.RELEASED / "figures").glob("*.csv")}
    assert len(names) > 10
    for name in sorted(names):
        old, new = (numbers(at / "figures" / name) for at in (synthetic.RELEASED, made_out))
        assert alike(old, new, FEW), name


# --- words ---


def words_of_html(path: Path) -> list[str]:
    """The visible text of a page, a block a line, without the list of sources."""
    page = BeautifulSoup(path.read_text("utf-8"), "html.parser")
    for hidden in page.select("script, style, template, annotation, #sec\\:sources, nav"):
        hidden.decompose()
    for block in page.find_all(["p", "li", "tr", "h1", "h2", "h3", "figcaption", "summary", "dt", "dd"]):
        block.insert_after("\n")
    lines = (" ".join(line.split()) for line in page.get_text(" ").splitlines())
    return [line for line in lines if line]


def words_of_pdf(path: Path) -> list[str]:
    """The words of a PDF; where its lines and pages end does not count."""
    text = " ".join(page.extract_text() for page in PdfReader(path).pages)
    return re.sub(r"-\s+", "-", text).split()


def built(name: str, folder: Path) -> Path:
    """The report of released results, or of the kept ones of the profile quick."""
    out = folder / f"golden-{name}"
    with FileLock(out.with_suffix(".lock")):  # pytest-xdist: one worker makes it
        if not (out / "report.pdf").exists():
            if name == "quick":
                with zipfile.ZipFile(HERE / "quick.zip") as kept:
                    kept.extractall(out)
            else:
                release.unpack(release.RELEASED / name, out)
                shutil.rmtree(out / "notebooks", ignore_errors=True)
            build.build(out, name)
    return out


def words(name: str, folder: Path) -> str:
    html, pdf = (built(name, folder) / f"report.{kind}" for kind in ("html", "pdf"))
    return "\n".join([*words_of_html(html), "PDF", *words_of_pdf(pdf), ""])


@pytest.mark.parametrize("name", ["paper", "beyond", "quick"])
def test_reports_have_the_words_that_they_had(tmp_path_factory, name):
    kept, found = HERE / "text" / f"{name}.txt", words(name, shared_folder(tmp_path_factory))
    if os.environ.get("SNAPSHOTS") == "write":
        kept.write_text(found, "utf-8")
    old, new = kept.read_text("utf-8").splitlines(), found.splitlines()
    different = [(a, b) for a, b in zip(old, new, strict=False) if a != b]
    assert not different, different[:3]
    assert len(old) == len(new)
