"""The report about models of one's own: what it tells, and what it does not; the numbers behind figures."""

import csv
import io
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest
import yaml
from bs4 import BeautifulSoup

import synthetic
from diffusion.figures import curves
from diffusion.figures.numbers import keep
from report import build
from study.records import MeasureRecord, TrainRecord
from study.records import keep as keep_images

TITLE = 'Blurs & "greys": a report'
BLUR = {"degradation": "own:Fade", "network": "own:Linear", "network_options": {"scale": 2.0}}
GREY = {"batch_size": 64}  # its samples are one image


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The folder of a run of models of one's own, one of which failed, with its report."""
    out = tmp_path_factory.mktemp("alone")
    one = synthetic.synthetic_results(out, epochs=3, models=["blur"]).first("blur")
    docs = {"degradation": "Fades.\n\nTo the end.", "network": "Three *layers*.\n\nArgs:\n    scale: of it."}
    settings = one.train.settings
    train = one.train.model_copy(update={"docs": docs, "settings": settings | BLUR})
    train.save(TrainRecord.path(out, "blur", 0))
    train = one.train.model_copy(update={"model": "grey", "settings": settings | GREY | {"model": "grey"}})
    train.save(TrainRecord.path(out, "grey", 0))
    final = one.measure.final.model_copy(update={"constant": True, "calls": 20})
    measure = one.measure.model_copy(update={"model": "grey", "final": final})
    measure.save(MeasureRecord.path(out, "grey", 0))
    keep_images(out, "samples_grey-0", np.full((100, 28, 28), 127))
    notebook, measured = {"notebook": "05_your_degradation"}, ("n_checkpoint", "n_final", "n_distance")
    models = {"blur": BLUR | {"label": "Blur_1"}, "grey": GREY, "gone": {"learning_rate": 0.1}}
    content = {
        "profile": "alone",
        "training": {"epochs": 3},
        "models": {name: notebook | more for name, more in models.items()},
        "measure": dict.fromkeys(measured, synthetic.N),
        "report": {"title": TITLE, "authors": "A. Student"},
    }
    (out / "own.yaml").write_text(yaml.safe_dump(content))
    (out / "ledger.json").write_text("[]")
    build.build(out, out / "own.yaml", failed={"gone-0": "KeyError: 'no such'"})
    return out


@pytest.fixture(scope="module")
def page(alone):
    return BeautifulSoup((alone / "report.html").read_text(), "html.parser")


def said(tag):
    return " ".join(tag.get_text().split())


def test_it_has_the_author_s_title_and_names_and_nothing_of_the_study(alone, page):
    assert said(page.h1) == TITLE
    assert page.find("meta", {"name": "author"})["content"] == "A. Student"
    assert [a.get_text() for a in page.select("#contents a")][:2] == ["1 The models", "2 Side by side"]
    assert not page.select(".verdict, .squares, .play, [id='tbl:verdicts'], [href$='cold-zoom.html']")
    assert "paper" not in said(page.main)
    assert not (alone / "cold-zoom.html").exists()
    links = [a["href"] for a in page.select("a") if not a["href"].startswith(("#", "data:", "https:"))]
    assert [link for link in links if not (alone / link.partition("#")[0]).is_file()] == []
    assert "numbers.json" in links
    assert "ledger.json" not in links  # it has no claims
    assert (alone / "report.pdf").stat().st_size > 50_000


def test_its_first_table_says_what_draws_the_samples_and_how_good_they_are(page):
    rows = [[said(cell) for cell in row.select("th, td")] for row in page.find(id="tbl:own").select("tr")]
    assert rows[0][:6] == ["Model", "Degradation or schedule", "Prior", "Sampler", "Network", "Calls"]
    assert rows[1][:5] == ["Blur_1", "Fade, T = 20", "its own", "naive", "Linear (scale 2)"]
    measure = synthetic.released().first("zoom").measure
    assert rows[1][-1].startswith(f"{measure.curve[2].frechet.value:.1f} [")
    assert rows[2][-1] == "all one image"
    assert rows[3][0] == "Real images"


def test_docstrings_are_told_as_they_stand_without_their_arguments(page):
    section = said(page.find(id="sec:model-blur"))
    assert "Degradation, Fade. Fades. To the end." in section
    assert "Network, Linear (scale 2). Three *layers*. The network" in section


def test_what_failed_is_named_and_an_image_is_not_a_measure(page):
    assert "gone-0 (KeyError: 'no such')" in said(page.select_one(".banner")).replace("’", "'").replace(
        "‘", "'"
    )
    assert "samples are one image" in said(page.find(id="sec:model-grey"))
    assert "distance of 100 samples" not in said(page.find(id="sec:model-grey"))


def test_the_citation_and_the_numbers_of_a_figure_are_in_the_page(alone, page):
    assert "author = {{A. Student}}" in said(page.select_one("details.cite pre"))
    drawn = page.find(id="fig:own-losses").select_one(".drawn")
    assert said(drawn).startswith("Notebook 04_compare_fid, cell fig-losses · study.figures.losses")
    assert said(page.find(id="fig:loss-blur").select_one(".drawn")).startswith(
        "Notebook 05_your_degradation-blur-0"
    )
    link = drawn.select_one("a[download$='.csv']")
    kind, _, content = link["href"].partition(",")
    assert (kind, link["download"]) == ("data:text/csv", "losses.csv")
    assert unquote_to_bytes(content) == (alone / "figures" / "losses.csv").read_bytes()


def test_the_numbers_are_those_that_are_drawn(tmp_path):
    histories = {
        name: [{"epoch": e, "train_loss": 1 / (e + k), "test_loss": 2 / (e + k)} for e in (1, 2, 3)]
        for k, name in enumerate(("one", "two"))
    }
    keep(curves.losses(histories), tmp_path / "losses.svg")
    keep(curves.confusion(np.eye(10), [*"abcdefghij"], "letter"), tmp_path / "confusion.svg")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "losses.csv").read_text())))
    found = {(row["series"], float(row["x"]), float(row["y"])) for row in rows}
    wanted = [
        (f"{n}, {y}", line["epoch"], line[f"{y}_loss"])
        for n in histories
        for line in histories[n]
        for y in ("train", "test")
    ]
    assert found == {(series, x, float(f"{y:.6g}")) for series, x, y in wanted}
    cells = list(csv.DictReader(io.StringIO((tmp_path / "confusion.csv").read_text())))
    assert {(c["x"], c["y"]) for c in cells if float(c["value"]) == 100} == {(c, c) for c in "abcdefghij"}
    assert len(cells) == 100
