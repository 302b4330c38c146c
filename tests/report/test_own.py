"""The report about models of one's own: what it tells, and what it does not."""

import numpy as np
import pytest
import yaml
from bs4 import BeautifulSoup

import synthetic
from report import build
from study.kept import keep
from study.results import plain

TITLE = 'Blurs & "greys": a report'
LABEL = "Blur_1 | *a* <i>"
BLUR = {"degradation": "own:Fade", "network": "own:Linear", "network_options": {"scale": 2.0}}
GREY = {"batch_size": 64}  # its samples are one image


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The folder of a run of models of one's own, one of which failed, with its report."""
    out = tmp_path_factory.mktemp("alone")
    one = synthetic.synthetic_results(out, epochs=3, models=["blur"]).first("blur")
    docs = {"degradation": "Fades.\n\nTo the end.", "network": "Three *layers*.\n\nArgs:\n    scale: of it."}
    settings = plain(one.settings)
    synthetic.written(out, "train_blur-0", one.job, {"docs": docs, "settings": settings | BLUR})
    grey = {"model": "grey", "settings": settings | GREY | {"model": "grey"}}
    synthetic.written(out, "train_grey-0", one.job, grey)
    rows = [row for row in one.measured.rows if row.measure not in ("frechet", "digit")]
    synthetic.written(out, "measure_grey-0", one.measured, {"model": "grey"}, rows)
    keep(out, "samples_grey-0", np.full((100, 28, 28), 127))
    notebook, measured = {"notebook": "05_your_degradation"}, ("n_checkpoint", "n_final", "n_distance")
    models = {"blur": BLUR | {"label": LABEL}, "grey": GREY, "gone": {"learning_rate": 0.1}}
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
    return " ".join(tag.get_text().split()).replace("’", "'").replace("‘", "'")


def test_it_has_the_author_s_title_and_names_and_nothing_of_the_study(alone, page):
    assert said(page.h1) == TITLE
    assert page.find("meta", {"name": "author"})["content"] == "A. Student"
    assert "author = {{A. Student}}" in said(page.select_one("details.cite pre"))
    assert [a.get_text() for a in page.select("#contents a")][:2] == ["1 The models", "2 One by one"]
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
    assert rows[1][:5] == [LABEL, "Fade, T = 20", "its own", "naive", "Linear (scale 2)"]
    released = synthetic.released().first("zoom").curve[2]
    assert rows[1][-1].startswith(f"{released['frechet'].value:.1f} [")
    assert rows[2][-1] == "all one image"
    assert rows[3][0] == "Real images"


def test_docstrings_are_told_as_they_stand_without_their_arguments(page):
    section = said(page.find(id="sec:model-blur"))
    assert "Degradation, Fade. Fades. To the end." in section
    assert "Network, Linear (scale 2). Three *layers*. The network" in section


def test_what_failed_is_named_and_an_image_is_not_a_measure(page):
    assert "gone-0 (KeyError: 'no such')" in said(page.select_one(".banner"))
    assert "samples are one image" in said(page.find(id="sec:model-grey"))
    assert "distance of 100 samples" not in said(page.find(id="sec:model-grey"))


def test_a_figure_that_is_not_drawn_is_not_told_of(page):
    assert page.find(id="fig:own-compared") is None
    assert "Figure" not in said(page.main)
