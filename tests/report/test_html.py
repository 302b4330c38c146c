"""The HTML of the report and of notebooks: outline, tables, pictures, links, what notebooks give."""

import base64
import hashlib
import re

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

import made_report
from diffusion.files import read_json
from report import pages
from report.figures import CELL
from report.pages import SHOWN
from report.render import TEMPLATES

ALT = yaml.safe_load((TEMPLATES / "alt.yaml").read_text(encoding="utf-8"))["alt"]
WITHOUT_ADDRESS = {"vrikkis2024", "bynagari2019"}  # entries of the bibliography


@pytest.fixture(scope="module")
def note(page):
    return page("notebooks/03_train_zoom-zoom-0.html")


def texts(found):
    return [" ".join(one.get_text().split()) for one in found]


# --- both ---


def test_there_is_one_title_and_no_level_is_left_out(report, note):
    for page in (report, note):
        levels = [int(h.name[1]) for h in page.select("h1, h2, h3, h4, h5, h6")]
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False))


def test_heads_of_tables_have_a_scope_and_a_text(report, note):
    for page in (report, note):
        assert page.select("th")
        assert {th.get("scope") for th in page.select("thead th")} == {"col"}
        assert {th.get("scope") for th in page.select("tbody th")} == {"row"}
        assert all(th.get_text().strip() for th in page.select("th"))
        assert not any(len(th.contents) == 1 and th.find("math", recursive=False) for th in page.select("th"))


def test_pages_load_nothing_and_say_so(report, note):
    for page in (report, note):
        policy = page.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
        assert policy.startswith("default-src 'none'")
        (script,) = page.select("script")
        digest = base64.b64encode(hashlib.sha256(script.string.encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'" in policy  # it runs no other
        assert not page.select("iframe, object, embed, link[href^='http'], script[src]")
        assert all(tag["src"].startswith("data:image/") for tag in page.select("[src]"))
        assert not page.select("[onclick], [onload]")


# --- the report ---


def test_the_front_has_a_picture_of_each_model_and_a_square_for_each_claim(report):
    assert texts(report.select(".draws .name")) == texts(report.select(".draws li"))
    assert len(report.select(".draws img")) == 3
    rows = report.find(id="tbl:claims").select("tbody tr")
    squares = report.select("header .squares a")
    assert len(squares) == len(rows) >= 20
    for square, row in zip(squares, rows, strict=True):
        assert square["href"] == row.find("a")["href"]
        assert square["class"][1] == row.select_one(".verdict")["class"][1]
        assert report.find(id=square["href"][1:]).name == "details"
    assert {square["class"][1] for square in squares} >= {"holds", "open"}


def test_pictures_are_described_not_captioned_twice(report):
    for figure in report.select("figure:has(img)"):
        alt, caption = figure.img["alt"].replace("’", "'"), texts([figure.figcaption])[0]
        assert alt, caption
        assert alt not in caption
        assert not re.search(r"[\\${}]", alt)
    assert all(img["alt"] and not re.search(r"[\\${}]", img["alt"]) for img in report.select("img"))


@pytest.fixture(scope="module")
def drawn(root):
    """Names of the figures that cells of notebooks draw."""
    cells = [cell for path in (root / "notebooks").glob("*.ipynb") for cell in read_json(path)["cells"]]
    return {cell["id"].removeprefix(CELL) for cell in cells if cell["id"].startswith(CELL)}


def test_every_figure_of_a_notebook_is_described_and_no_other(drawn):
    assert drawn == ALT.keys()


def test_every_figure_of_the_text_is_drawn_in_a_notebook(root, drawn):
    written = [path.read_text(encoding="utf-8") for path in (root / "report/text").rglob("*.md")]
    shown = {name for text in written for name in SHOWN.findall(text)}
    assert len(shown) > 30
    assert [name for name in shown if not {name, name.rpartition("_")[0]} & drawn] == []


def test_a_figure_leads_to_the_cell_that_draws_it(report):
    figures = report.select("figure:has(.drawn)")
    assert len(figures) == 2
    for figure in figures:
        (drawn,) = figure.select(".drawn")
        kind = "svg" if figure.img["src"].startswith("data:image/svg") else "png"
        assert drawn.select("a[download]")[-1]["href"].endswith(kind)
        assert "cell fig-" in texts([drawn])[0]


def test_the_bibliography_leads_out_and_back(report):
    entries = report.select(".csl-entry")
    assert len(entries) > 20
    for entry in entries:
        key = entry["id"].removeprefix("ref-")
        outside = [a["href"] for a in entry.select("a") if a["href"].startswith("https://")]
        assert bool(outside) == (key not in WITHOUT_ADDRESS)
        back = [report.find(id=a["href"][1:]) for a in entry.select("a.cited")]
        assert back
        assert [a["href"] for a in back] == [f"#ref-{key}"] * len(back)
    assert len(report.select("a.cited")) == len(report.select("a[id^='cite-']"))


# --- notebooks ---


def test_a_notebook_s_pictures_are_described_by_their_cells(note):
    described, unknown = (img["alt"] for img in note.select("img"))
    assert described == f"{ALT['losses']} Under the heading: Losses"
    assert unknown == "Figure. Under the heading: Losses"


def test_a_notebook_s_outputs_are_shown_and_run_nothing(note):
    text = note.get_text()
    assert "epoch 1: loss 0.5" in text
    assert "\x1b" not in text
    assert texts(note.select("table td")) == ["zoom", "12.1"]
    assert "removed" not in text
    assert "color: red" not in str(note)
    assert note.select("math[display=block]")
    assert texts(note.select("li")).count("a point, x2x^2") == 1


HOSTILE = "~~~~~~~~~\n\n![x](/etc/hostname)\n\n[a](javascript:run)\n"


def test_an_output_cannot_leave_its_fence_nor_embed_a_file_nor_link_to_a_script(tmp_path):
    said = nbformat.v4.new_output("stream", name="stdout", text=HOSTILE)
    cells = [
        nbformat.v4.new_markdown_cell("# Title\n\n![x](local.png) [a](JavaScript:run) [b](https://b.org)"),
        nbformat.v4.new_code_cell("print()", outputs=[said]),
    ]
    (tmp_path / "local.png").write_bytes(b"secret")
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "n.ipynb")
    page = BeautifulSoup(pages.page(tmp_path / "n.ipynb"), "html.parser")
    assert HOSTILE.strip() in page.select_one(".output").get_text()
    assert not page.select("main img")
    links = [a["href"] for a in page.select("main a") if not a["href"].startswith("#")]
    assert links == ["https://b.org"]


def test_a_notebook_leads_to_the_report_and_its_neighbours(note):
    assert note.select_one(".up a")["href"] == "../report.html"
    assert note.select_one("a[rel=prev]")["href"] == "01_schedules.html"
    assert note.select_one("a[rel=next]")["href"] == "04_compare_fid.html"
    assert [a["href"] for a in note.select(".others a")] == [f"{name}.html" for name in made_report.NOTEBOOKS]
    assert "Losses" in texts(note.select("#contents a"))


def test_parameters_and_what_serves_the_workflow_are_folded(note):
    folds = note.select("details.fold")
    assert texts(fold.summary for fold in folds) == [
        "Parameters",
        "Parameters of this run",
        "Code for the workflow",
    ]
    assert "rate: float = 2e-3  # of Adam" in folds[0].pre.get_text()
    assert "epochs = 100" in folds[1].pre.get_text()
