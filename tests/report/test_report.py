"""The report of a made-up run: page and PDF, and what a build refuses."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from nbformat import v4

import synthetic
from report import build, pages
from report.verdicts import claims

FIGURES, EQUATIONS = 14, 11  # of the study
OUTPUTS = ("report.html", "report.pdf", "ledger.json", "notebooks/01_schedules.html")
ENTRIES = {
    "linear": {"notebook": "02_train_ddpm", "schedule": "linear"},
    "cosine": {"notebook": "02_train_ddpm", "schedule": "cosine"},
    "zoom": {"notebook": "03_train_zoom", "seeds": [0, 1]},
    "blur": {"notebook": "05_your_degradation"},
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="


def profile(folder: Path, models=tuple(ENTRIES), **more) -> Path:
    path = folder / "synthetic.yaml"
    content = {"profile": "synthetic", "training": {"epochs": 20}, "models": {m: ENTRIES[m] for m in models}}
    path.write_text(yaml.safe_dump(content | more, sort_keys=False))
    return path


def notebook(title: str) -> nbformat.NotebookNode:
    """An executed notebook: mathematics, hidden cells, a picture, outputs that want the network or run."""

    def cell(source, *outputs, tags=()):
        data = [v4.new_output("display_data", {kind: content}) for kind, content in outputs]
        return v4.new_code_cell(source, outputs=data, metadata={"tags": list(tags)}, execution_count=1)

    cells = [
        v4.new_markdown_cell(f"# {title}\n\n$$ \\beta_t = 1 $$"),
        cell("shown_input", ("text/plain", "shown output")),
        cell("hidden_input", ("text/plain", "output of a hidden input"), tags=["hide-input"]),
        cell("removed_input", ("text/plain", "removed output"), tags=["remove-cell"]),
        v4.new_markdown_cell("## A picture"),
        cell("plot()", ("image/png", PIXEL)),
        cell(
            "page()", ("text/html", "<b>bold</b><script>run()</script><img src='https://example.com/x.png'>")
        ),
    ]
    return v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    """A run of the study's models, one of them with two seeds, and one of one's own; its report."""
    folder = tmp_path_factory.mktemp("report")
    synthetic.synthetic_results(folder)
    (folder / "notebooks").mkdir()
    for name in ("01_schedules", "03_train_zoom-zoom-1", "02_train_ddpm-stale-0"):
        nbformat.write(notebook(name), folder / "notebooks" / f"{name}.ipynb")
    build.build(folder, profile(folder))
    return folder


@pytest.fixture(scope="module")
def page(out) -> BeautifulSoup:
    return BeautifulSoup((out / "report.html").read_text(), "html.parser")


def ids(page, kind=""):
    return [tag["id"] for tag in page.select("[id]") if tag["id"].startswith(kind)]


def links(page):
    return [tag["href"] for tag in page.select("a[href]")]


# --- the page ---


def test_the_page_is_whole(page):
    text = page.get_text()
    for word in (
        "Abstract",
        "Contents",
        "Introduction",
        "References",
        "Conclusion",
        "Errata",
        "Reproducibility",
    ):
        assert word in text
    assert not re.findall(r"<<|>>|:::|\{#|\{\.|@fig|@tbl|@eq|@sec|\?\?", text)
    assert not re.search(r"\b(null|nan|Traceback)\b|\.json|/tmp", text)
    assert len(ids(page)) == len(set(ids(page)))


def test_figures_are_numbered_as_in_the_study(page):
    study = (
        "schedules latents losses fid linear-samples cosine-samples zoom centre zoom-losses reconstructions"
    )
    study = [f"fig:{name}" for name in (study + " level24 trajectory fid-all zoom-samples").split()]
    found = [i for i in ids(page) if i.startswith("fig:") and page.find(id=i).name == "figure"]
    assert found[:FIGURES] == study
    captions = re.findall(r"Figure\s(\d+)\.", " ".join(c.get_text() for c in page.select("figcaption")))
    assert [int(n) for n in captions] == list(range(1, len(found) + 1))
    assert all(img["src"].startswith("data:image/") and img.get("alt") for img in page.select("figure img"))


def test_equations_and_algorithms_are_numbered(page):
    assert ids(page, "alg:") == ["alg:train", "alg:sample"]
    assert [tag.get_text() for tag in page.select(".eqno")] == [f"({n})" for n in range(1, EQUATIONS + 1)]


def test_every_link_within_the_page_arrives_and_every_figure_and_table_is_mentioned(page):
    inside = {href[1:] for href in links(page) if href.startswith("#")}
    assert inside <= set(ids(page))
    assert not {i for i in ids(page) if i.startswith(("fig:", "tbl:", "alg:"))} - inside


def test_the_page_loads_and_runs_nothing(page):
    assert not page.select("script[src], iframe, link[href^='http']")
    assert all(tag["src"].startswith("data:") for tag in page.select("[src]"))
    beside = {href for href in links(page) if not href.startswith(("#", "https://", "notebooks/"))}
    assert beside <= {"report.pdf", "ledger.json", "cold-zoom.html"}


def test_all_trainings_are_in_the_tables_and_one_s_own_model_has_its_section(page):
    def rows(label):
        return [
            [cell.get_text() for cell in row.select("th, td")]
            for row in page.find(id=label).select("tbody tr")
        ]

    names = ["DDPM, linear", "DDPM, cosine", "Cold Zoom, seed 0", "Cold Zoom, seed 1", "Cold diffusion, blur"]
    assert list(dict.fromkeys(row[0] for row in rows("tbl:distances"))) == names
    assert [row[0] for row in rows("tbl:measures")] == [*names, "Real images"]
    section = " ".join(page.get_text().split())
    assert "Blurs more from level to level." in section
    assert "Most often it reads" in section
    assert {f"fig:{kind}-blur" for kind in ("degradation", "loss", "samples", "trajectory")} <= set(ids(page))


def test_the_ledger_is_a_file_too(out, page):
    rows = json.loads((out / "ledger.json").read_text())
    assert len(rows) == len(page.find(id="tbl:claims").select("tbody tr")) == len(claims())
    assert len(page.select("details.claim > summary")) == len(rows)
    assert {"id", "section", "text", "verdict", "effect", "trainings", "reason", "why"} <= rows[0].keys()
    kinds = [span["class"] for span in page.find(id="tbl:claims").select("tbody .verdict")]
    assert {"holds", "open"} <= {kind for _, kind in kinds}
    zoom = next(row for row in rows if row["id"] == "comparable")
    assert zoom["verdict"] == "undecided at this scale"
    assert "20 of the 50 epochs" in zoom["why"]


# --- notebooks ---


def test_notebooks_of_the_run_are_rendered_and_linked_others_left_alone(out, page):
    assert {h for h in links(page) if h.startswith("notebooks/")} == {
        "notebooks/01_schedules.html",
        "notebooks/03_train_zoom-zoom-1.html",
    }
    assert not (out / "notebooks/02_train_ddpm-stale-0.html").exists()


def test_a_notebook_page_hides_what_tags_say_and_loads_nothing(out):
    note = BeautifulSoup((out / "notebooks/01_schedules.html").read_text(), "html.parser")
    text = note.get_text()
    for word in ("shown_input", "shown output", "output of a hidden input", "bold"):
        assert word in text
    assert "hidden_input" in note.select_one("details.fold:not([open])").get_text()
    for word in ("removed", "run()"):
        assert word not in text
    assert note.select("math[display=block]")
    assert "../report.html" in links(note)
    assert [img["alt"] for img in note.select("img")] == ["Figure. Under the heading: A picture"]
    assert all(tag["src"].startswith("data:") for tag in note.select("[src]"))


def test_something_else_than_a_notebook_is_refused(tmp_path):
    (tmp_path / "x.ipynb").write_text("no notebook")
    with pytest.raises(ValueError, match="is not a notebook"):
        pages.page(tmp_path / "x.ipynb")


# --- the same again, and what is refused ---


@pytest.mark.slow
def test_another_time_place_and_hash_seed_give_the_same_bytes(out, tmp_path, root):
    again = tmp_path / "elsewhere"
    shutil.copytree(out, again, ignore=shutil.ignore_patterns("figures", "*.html", "*.pdf", "ledger.json"))
    surroundings = {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "LC_ALL": "C", "PYTHONPATH": str(root)}
    command = [
        sys.executable,
        "-m",
        "report.build",
        "--out",
        str(again),
        "--profile",
        str(again / "synthetic.yaml"),
    ]
    subprocess.run(command, cwd=tmp_path, env=os.environ | surroundings, check=True, capture_output=True)
    for name in OUTPUTS:
        assert (again / name).read_bytes() == (out / name).read_bytes(), name
    assert not [path.name for path in again.iterdir() if path.name.startswith(".")]


def refusal(capsys, out, profile) -> str:
    """The one line of a build that fails."""
    assert build.main(["--out", str(out), "--profile", str(profile)]) == 1
    said = capsys.readouterr()
    assert not said.out
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    return said.err


def copy(out, tmp_path) -> Path:
    """The records and kept images of a run."""
    for part in ("metrics", "kept"):
        shutil.copytree(out / part, tmp_path / part)
    return tmp_path


def test_a_folder_or_a_profile_that_is_not_there_is_refused(out, tmp_path, capsys):
    assert "does not exist" in refusal(capsys, tmp_path / "none", profile(tmp_path))
    assert "is not a profile" in refusal(capsys, out, "nothing")


@pytest.mark.parametrize("name", ["schedules", "train_cosine-0", "measure_zoom-1"])
@pytest.mark.parametrize("content", ["{", "[]", '{"job": 1}', ""])
def test_a_damaged_record_is_one_line_with_its_name(out, tmp_path, capsys, name, content):
    (copy(out, tmp_path) / "metrics" / f"{name}.json").write_text(content)
    assert f"{name}.json" in refusal(capsys, tmp_path, profile(tmp_path))


def test_a_missing_training_is_named(out, tmp_path, capsys):
    (copy(out, tmp_path) / "metrics/train_zoom-1.json").unlink()
    assert "train_zoom-1.json does not exist" in refusal(capsys, tmp_path, profile(tmp_path))


def test_a_run_of_other_settings_than_the_profile_s_is_refused(out, tmp_path, capsys):
    other = profile(tmp_path, training={"epochs": 30})
    assert "epochs was 20, is 30" in refusal(capsys, out, other)


def test_images_that_are_not_kept_are_named(out, tmp_path, capsys):
    (copy(out, tmp_path) / "kept/quality_linear-0.npz").unlink()
    assert "fig05_linear_samples.png" in refusal(capsys, tmp_path, profile(tmp_path))
