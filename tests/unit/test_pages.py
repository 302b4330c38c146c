"""The pages of reports and of notebooks: whole, safe, described, and linked to one another."""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from nbformat import v4

from diffusion.files import read_json
from helpers import ROOT, executed
from report import pages
from report.figures import CELL
from report.render import TEMPLATES

ALT = yaml.safe_load((TEMPLATES / "alt.yaml").read_text(encoding="utf-8"))["alt"]
NAMES = ["01_schedules", "03_train_zoom-zoom-0", "04_compare_fid"]  # of the paper's executed notebooks
LEFT = r"<<|>>|%%|:::|\{#|\{\.|@fig|@tbl|@eq|@sec|\?\?|\bnull\b|\bnan\b|Traceback|/tmp"  # of what is no text


def texts(found):
    return [" ".join(one.get_text().split()) for one in found]


# --- all pages ---


@pytest.mark.parametrize(
    ("run", "name"),
    [("made_out", "report.html"), ("short", "report.html"), ("made_out", f"notebooks/{NAMES[1]}.html")],
)
def test_a_page_is_whole_every_link_arrives_and_it_loads_nothing(request, run, name):
    path = request.getfixturevalue(run) / name
    page = BeautifulSoup(path.read_text(), "html.parser")
    assert not re.findall(LEFT, page.get_text())
    ids = [tag["id"] for tag in page.select("[id]")]
    assert len(ids) == len({*ids})
    text_of = cache(Path.read_text)
    for file, place in {tag["href"].partition("#")[::2] for tag in page.select("a[href]")}:
        if not file.startswith(("https://", "data:text/csv,")):
            assert (path.parent / file).is_file() or not file, file
            assert not place or f'id="{place}"' in text_of(path.parent / (file or path.name)), place
    levels = [int(h.name[1]) for h in page.select("h1, h2, h3, h4, h5, h6")]
    assert (levels[0], levels.count(1)) == (1, 1)
    assert all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False))
    assert {th.get("scope") for th in page.select("thead th")} == {"col"}
    assert {th.get("scope") for th in page.select("tbody th")} == {"row"}
    assert all(img["alt"] and not re.search(r"[\\${}]", img["alt"]) for img in page.select("img"))
    policy = page.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
    (script,) = page.select("script")
    digest = base64.b64encode(hashlib.sha256(script.string.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy  # it runs no other
    assert not page.select("iframe, object, embed, link[href^='http'], script[src], [onclick], [onload]")
    assert all(tag["src"].startswith("data:image/") for tag in page.select("[src]"))


# --- the report ---


def test_figures_and_tables_are_numbered_mentioned_and_lead_to_the_cell_that_draws_them(report):
    captions = " ".join(one.get_text() for one in report.select("figcaption"))
    for kind in ("Figure", "Table"):
        for series in ("", "S"):  # of the page alone
            found = re.findall(rf"{kind}\s{series}(\d+)\.", captions)
            assert found == [f"{n}" for n in range(1, len(found) + 1)]
            assert len(found) > 2
    mentioned = {tag["href"][1:] for tag in report.select("a[href^='#']")}
    named = report.select("[id^='fig:'], [id^='tbl:'], [id^='alg:']")
    assert {tag["id"] for tag in named if not tag.find_parent(class_="page")} <= mentioned
    drawn = report.select("figure .drawn")
    assert len(drawn) == 2
    assert all("cell fig-" in text for text in texts(drawn))


def test_the_front_has_a_square_for_each_claim_with_its_verdict(report):
    rows, squares = report.find(id="tbl:claims").select("tbody tr"), report.select("header .squares a")
    assert len(squares) == len(rows) >= 20
    for square, row in zip(squares, rows, strict=True):
        assert square["href"] == row.find("a")["href"]
        assert square["class"][1] == row.select_one(".verdict")["class"][1]


def test_all_figures_of_notebooks_are_described():
    cells = [cell for path in (ROOT / "notebooks").glob("*.ipynb") for cell in read_json(path)["cells"]]
    assert {cell["id"].removeprefix(CELL) for cell in cells if cell["id"].startswith(CELL)} == ALT.keys()


# --- notebooks ---


@pytest.fixture(scope="module")
def note(page):
    return page(f"notebooks/{NAMES[1]}.html")


def test_a_notebooks_outputs_are_shown_described_and_run_nothing(note):
    described, unknown = (img["alt"] for img in note.select("img"))
    assert described == f"{ALT['losses']} Under the heading: Losses"
    assert unknown == "Figure. Under the heading: Losses"
    text = note.get_text()
    assert "epoch 1: loss 0.5" in text
    assert "\x1b" not in text
    assert texts(note.select("table td")) == ["zoom", "12.1"]
    assert "removed" not in text


HOSTILE = "~~~~~~~~~\n\n![x](/etc/hostname)\n\n[a](javascript:run)\n"


def test_an_output_cannot_leave_its_fence_nor_embed_a_file_nor_link_to_a_script(tmp_path):
    said = v4.new_output("stream", name="stdout", text=HOSTILE)
    links = v4.new_markdown_cell("![x](local.png) [a](JavaScript:run) [b](https://b.org)")
    (tmp_path / "local.png").write_bytes(b"secret")
    executed(tmp_path / "n.ipynb", links, v4.new_code_cell("print()", outputs=[said]))
    page = BeautifulSoup(pages.page(tmp_path / "n.ipynb"), "html.parser")
    assert HOSTILE.strip() in page.select_one(".output").get_text()
    assert not page.select("main img")
    assert [a["href"] for a in page.select("main a") if not a["href"].startswith("#")] == ["https://b.org"]


def test_a_notebook_leads_to_the_report_and_its_neighbours_and_folds_what_serves_the_workflow(note):
    assert note.select_one(".up a")["href"] == "../report.html"
    assert note.select_one("a[rel=prev]")["href"] == f"{NAMES[0]}.html"
    assert note.select_one("a[rel=next]")["href"] == f"{NAMES[2]}.html"
    assert [a["href"] for a in note.select(".others a")] == [f"{name}.html" for name in NAMES]  # no stale one
    summaries = ["Parameters", "Parameters of this run", "Code for the workflow"]
    assert texts(note.select("details.fold summary")) == summaries
