"""The report of a run of its own: models of one's own, and the study's beside the released ones."""

import datetime
import platform
import re
import shutil

import pytest
import yaml
from bs4 import BeautifulSoup

from conftest import BESIDE
from helpers import HOSTILE, TINY, N, changed
from report import build
from report.text_format import num
from study.results import load
from study.table import path_of

WORDS = """# Why {#sec:why}

Because of this.

~~~
# no heading
~~~

# Discussion

After @sec:why the loss was << num(models.dim.history[-1].test_loss) >>, the share << num(models.dim.dgit) >>.
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
    changed(path_of(out, "train_grey-3"), lambda facts: facts["environment"].update(python="9.9"))
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


def test_a_report_of_ones_own_models_has_its_authors_title_and_nothing_of_the_study(alone, own):
    assert said(own.h1) == TITLE
    assert own.find("meta", {"name": "author"})["content"] == "A. Student"
    assert not own.select(".verdict, .squares, .play, [id='tbl:verdicts'], [href$='cold-zoom.html']")
    assert [one["id"] for one in own.select("main > section") if "paper" in said(one)] == ["sec:on"]
    links = [a["href"] for a in own.select("a") if not a["href"].startswith(("#", "data:", "https:"))]
    assert [link for link in links if not (alone / re.split("[?#]", link)[0]).is_file()] == []
    assert (alone / "report.pdf").stat().st_size > 50_000


def test_its_authors_words_are_around_the_results_and_its_numbers_have_sources(alone, own):
    sections = [one["id"] for one in own.select("main > section")]
    assert sections[:2] == ["sec:why", "sec:draws"]
    assert sections.index("discussion") == sections.index("sec:models") + 1
    loss = load(alone).first("dim").history[-1]["test_loss"].value
    assert said(own.select_one("#discussion .n")) == num(loss)
    assert "the share –." in said(own.select_one("#discussion"))  # a mistake costs a dash
    assert said(own.select_one(".byline")) == "A. Student2026-11-29"


def test_its_first_table_says_what_draws_the_samples_and_how_good_they_are(alone, own):
    head, *rows = rows_of(own, "tbl:models")
    dim = load(alone).first("dim")
    assert head[1:5] == ["Degradation or schedule", "Prior", "Sampler", "Network"]
    assert head[5:] == ["Calls", "Time", "Distance", "Accepted"]
    assert [row[0] for row in rows] == [
        LABEL,
        f"{LABEL}, two",
        load(alone).first("grey").label,
        "Real images",
    ]
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
    assert "Degradation, Fade (strength 0.5). Pixels fade to grey." in section
    assert "Network, Linear (scale 2). A network of *one's own*. The network of 1 parameters" in section
    losses = f"{num(last['train_loss'].value)} in training and {num(last['test_loss'].value)}"
    assert losses in section
    grey = said(own.find(id="sec:model-grey"))
    assert " ".join(HOSTILE) in grey
    assert f"All {2 * N} samples are one image" in grey


def test_of_two_machines_the_usual_one_comes_first_and_of_the_other_it_says_whose_it_is(alone, own):
    shown = dict(row for row in rows_of(own, "tbl:environment") if len(row) == 2)["python"]
    assert shown == f"{platform.python_version()}; 9.9 ({load(alone).first('grey').label})"


# --- a run of models of the study ---


@pytest.fixture(scope="module")
def beside(short):
    return BeautifulSoup((short / "report.html").read_text(), "html.parser")


def test_a_run_that_departs_from_the_study_has_no_verdicts_and_leads_to_those_of_the_paper(short, beside):
    assert not (short / "ledger.json").exists()
    assert not beside.select(".verdict, .squares")
    last = said(beside.find(id="sec:on"))
    assert "make report PROFILE=paper" in last
    assert "it has no linear model" in last


def test_its_samples_losses_and_models_are_shown_beside_the_released_ones(short, beside):
    assert len(beside.select("figure img")) == len(BESIDE)
    head, *rows = rows_of(beside, "tbl:models")
    ways = [(name, one.measured[way]) for name, one, way in load(short).sets(("cosine", "zoom"))]
    measured = [num(samples["frechet"].value) for _, samples in ways]
    assert [row[7].partition(" ")[0] for row in rows[:-1]] == measured
