"""The pages of reports and of notebooks: whole, safe, and their figures described."""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from nbformat import v4

from helpers import executed
from report import places
from report.files import read_json
from report.pages import notebooks as pages
from report.pages.figures import CELL
from report.pages.render import TEMPLATES

ALT = yaml.safe_load((TEMPLATES / "alt.yaml").read_text(encoding="utf-8"))["alt"]
NAMES = ["01_schedules", "03_train_zoom-zoom-0", "04_compare_fid"]  # of the paper's executed notebooks
LEFT = r"<<|>>|%%|:::|\{#|\{\.|@fig|@tbl|@eq|@sec|\?\?|\bnull\b|\bnan\b|Traceback|/tmp"  # of what is no text


# --- all pages ---


@pytest.mark.parametrize(
    ("run", "name"),
    [("made_out", "report.html"), ("alone", "report.html"), ("made_out", f"notebooks/{NAMES[1]}.html")],
)
def test_a_page_is_whole_every_link_arrives_and_it_loads_nothing(request, run, name):
    path = request.getfixturevalue(run) / name
    page = BeautifulSoup(path.read_text(), "html.parser")
    assert run == "alone" or not re.findall(LEFT, page.get_text())  # which has such words, and keeps them
    ids = [tag["id"] for tag in page.select("[id]")]
    assert len(ids) == len({*ids})
    links = {tuple(tag["href"].partition("#")[::2]) for tag in page.select("a[href]")}
    text_of = cache(Path.read_text)
    for address, place in links:
        file = address.partition("?")[0]
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


def test_all_figures_of_notebooks_are_described():
    cells = [cell for path in places.notebooks().values() for cell in read_json(path)["cells"]]
    assert {cell["id"].removeprefix(CELL) for cell in cells if cell["id"].startswith(CELL)} == ALT.keys()


# --- notebooks ---


HOSTILE = "~~~~~~~~~\n\n![x](/etc/hostname)\n\n[a](javascript:run)\n"


def test_of_progress_in_a_notebook_its_page_has_the_last_state():
    said = [v4.new_output("stream", name="stdout", text=one) for one in ("\rfirst", "\r     \r", "done\n")]
    page = pages.markdown(v4.new_notebook(cells=[v4.new_code_cell("1", outputs=said)]))
    assert ("done" in page, "first" in page) == (True, False)


def test_an_output_cannot_leave_its_fence_nor_embed_a_file_nor_link_to_a_script(tmp_path):
    said = v4.new_output("stream", name="stdout", text=HOSTILE)
    links = v4.new_markdown_cell("![x](local.png) [a](JavaScript:run) [b](https://b.org)")
    (tmp_path / "local.png").write_bytes(b"secret")
    executed(tmp_path / "n.ipynb", links, v4.new_code_cell("print()", outputs=[said]))
    page = BeautifulSoup(pages.render_page(tmp_path / "n.ipynb"), "html.parser")
    assert HOSTILE.strip() in page.select_one(".output").get_text()
    assert not page.select("main img")
    assert [a["href"] for a in page.select("main a") if not a["href"].startswith("#")] == ["https://b.org"]


def test_the_pages_that_are_kept_show_the_code_of_the_notebooks():
    kept = sorted(pages.KEPT.glob("*.html"))
    assert [path.stem[:2] for path in kept] == ["00", "01", "02", "03", "04", "05", "06"]
    assert sum(path.stat().st_size for path in kept) <= 3e6
    for path in kept:
        page = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        cells = read_json(places.notebook(path.stem.partition("-")[0]))["cells"]
        cells = [cell for cell in cells if cell["cell_type"] == "code"]
        code = {"".join(cell["source"]) for cell in cells if "colab" not in cell["metadata"].get("tags", ())}
        assert code <= {block.get_text().strip("\n") for block in page.select("pre.python")}, (
            "run `make pages`"
        )
        links = {tag["href"].partition("#")[0] for tag in page.select("a[href]")}
        assert not [one for one in links if ":" not in one and not (path.parent / one).exists()]


def test_a_page_says_whether_its_notebook_trained_whatever_gave_the_parameters():
    def executed_with(source, **given):
        cell = v4.new_code_cell(source, metadata={"tags": ["parameters"]})
        return v4.new_notebook(cells=[cell], metadata={"papermill": {"parameters": given}})

    own = 'model: str = "pixelate"  # name\nseed: int = 0\nreleased: str = None'
    assert pages.describe_execution(executed_with(own)) == "Trained pixelate-0."
    assert pages.describe_execution(executed_with(own, seed=3)) == "Trained pixelate-3."
    assert "paper/zoom-1" in pages.describe_execution(
        executed_with(own, model="zoom", seed=1, released="paper")
    )
    assert "no model" in pages.describe_execution(executed_with("models: list = None"))
