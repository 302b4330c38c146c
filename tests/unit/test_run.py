"""The report of a run of models of one's own."""

import platform

import pytest
from bs4 import BeautifulSoup

from conftest import LABEL, TITLE
from helpers import HOSTILE
from report.text_format import num
from study.results import load


def said(tag):
    return " ".join(tag.get_text().split()).replace("’", "'").replace("‘", "'")


def rows_of(page, table: str) -> list[list[str]]:
    return [[said(cell) for cell in row.select("th, td")] for row in page.find(id=table).select("tr")]


@pytest.fixture(scope="module")
def own(alone):
    return BeautifulSoup((alone / "report.html").read_text(), "html.parser")


def test_its_authors_words_are_around_the_results_and_its_numbers_have_sources(alone, own):
    assert said(own.h1) == TITLE
    loss = load(alone).first("dim").history[-1]["test_loss"].value
    assert said(own.select_one("#discussion .n")) == num(loss)


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


def test_of_two_machines_the_usual_one_comes_first_and_of_the_other_it_says_whose_it_is(alone, own):
    shown = dict(row for row in rows_of(own, "tbl:environment") if len(row) == 2)["python"]
    assert shown == f"{platform.python_version()}; 9.9 ({load(alone).first('grey').label})"


def test_a_run_that_departs_from_the_study_has_no_verdicts(alone, own):
    assert not (alone / "ledger.json").exists()
    assert not own.select(".verdict, .squares")
