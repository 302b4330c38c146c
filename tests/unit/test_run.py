"""The report of a run of its own: models of one's own, and the study's beside the released ones."""

import datetime
import shutil

import pytest
import yaml
from bs4 import BeautifulSoup

from helpers import HOSTILE, TINY, changed
from report import build
from report.text_format import num
from study.results import load
from study.table import path_of

WORDS = """# Why

Because of this.

# Discussion

The loss was << num(models.dim.history[-1].test_loss) >>, the share << num(models.dim.dgit) >>.
"""
TITLE, LABEL = 'Blurs & "greys": a report', "Blur_1 | *a* <i>"


def said(tag):
    return " ".join(tag.get_text().split()).replace("’", "'").replace("‘", "'")


def rows_of(page, table: str) -> list[list[str]]:
    return [[said(cell) for cell in row.select("th, td")] for row in page.find(id=table).select("tr")]


# --- a run of models of one's own ---


@pytest.fixture(scope="module")
def alone(tiny, tmp_path_factory):
    """The folder of two models of one's own, of which one is constant."""
    out = tmp_path_factory.mktemp("alone") / "out"
    shutil.copytree(tiny, out)
    docs = {"degradation": " ".join(HOSTILE)}
    changed(path_of(out, "train_grey-3"), lambda facts: facts.update(docs=docs))
    models = {"dim": TINY["models"]["dim"] | {"label": LABEL}, "grey": TINY["models"]["grey"]}
    about = {"title": TITLE, "authors": "A. Student", "date": datetime.date(2026, 11, 29), "text": "own.md"}
    (out / "own.md").write_text(WORDS)
    content = TINY | {"profile": "alone", "models": models, "report": about}
    (out / "own.yaml").write_text(yaml.safe_dump(content))
    build.build(out, out / "own.yaml")
    return out


@pytest.fixture(scope="module")
def own(alone):
    return BeautifulSoup((alone / "report.html").read_text(), "html.parser")


def test_its_authors_words_are_around_the_results_and_its_numbers_have_sources(alone, own):
    assert said(own.h1) == TITLE
    loss = load(alone).first("dim").history[-1]["test_loss"].value
    assert said(own.select_one("#discussion .n")) == num(loss)
    assert "the share –." in said(own.select_one("#discussion"))  # a mistake costs a dash


def test_its_first_table_says_what_draws_the_samples_and_how_good_they_are(alone, own):
    _, *rows = rows_of(own, "tbl:models")
    dim = load(alone).first("dim")
    assert [row[0] for row in rows[:2]] == [LABEL, f"{LABEL}, two"]
    made = ["Fade (strength 0.5), T = 3", "pixels", "naive (levels 2)", "Linear (scale 2)", "2"]
    assert rows[0][1:6] == made
    assert rows[1][1:6] == [*made[:2], "improved", made[3], "3"]  # options are of one sampler
    for row, samples in ((rows[0], dim.final), (rows[1], dim.measured["two"])):
        assert row[7].startswith(f"{num(samples['frechet'].value)} [{num(samples['frechet'].low)},")
        assert row[8].startswith(f"{100 * samples['digit'].value:.0f}% [")
    assert rows[2][7:] == ["one image", "–"]
    assert rows[3][7] == num(dim.final["floor"].value, 2)


def test_each_is_described_by_its_docstrings_as_text_and_its_numbers(alone, own):
    section, last = said(own.find(id="sec:model-dim")), load(alone).first("dim").history[-1]
    assert "A network of *one's own*." in section
    assert f"{num(last['train_loss'].value)} in training and {num(last['test_loss'].value)}" in section
    assert " ".join(HOSTILE) in said(own.find(id="sec:model-grey"))


# --- a run of models of the study ---


def test_a_run_that_departs_from_the_study_has_no_verdicts_and_says_why(short):
    assert not (short / "ledger.json").exists()
    page = BeautifulSoup((short / "report.html").read_text(), "html.parser")
    assert not page.select(".verdict, .squares")
    assert "it has no linear model" in said(page.find(id="sec:on"))
