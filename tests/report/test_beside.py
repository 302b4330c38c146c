"""The short report of a run of one's own, beside the released trainings."""

import json
import re

import pytest
from bs4 import BeautifulSoup

import made_report
import synthetic
from report import beside, build
from study.records import load_results


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """The made-up run with other weights than the released ones, and its report as text and as a page."""
    out = tmp_path_factory.mktemp("short")
    synthetic.synthetic_results(out, epochs=3, models=["zoom", "linear", "blur"])
    for path in (out / "metrics").glob("*.json"):
        path.write_text(re.sub(r'"([0-9a-f]{64})"', lambda found: f'"{found[1][::-1]}"', path.read_text()))
    build.build(out, made_report.profile(out / "own.yaml", ["zoom", "linear", "blur"], epochs=3))
    return out, BeautifulSoup((out / "report.html").read_text(), "html.parser")


def test_it_opens_with_the_samples_of_the_first_model_and_is_short(short):
    _, page = short
    heads = [h.get_text() for h in page.select("main h2")]
    assert ["draws" in heads[0], "your own" in heads[3], len(heads)] == [True, True, 5]
    caption = " ".join(page.find("figcaption").get_text().split())
    assert caption.endswith("The first 64 samples of Cold Zoom, as they come.")
    assert not re.findall(r"<<|>>|:::|\{#|\{\.|@fig|@tbl|\?\?", page.get_text())


def test_each_model_stands_beside_the_released_one_of_its_process_and_network(short):
    out, page = short
    rows = [
        [c.get_text() for c in row.select("th, td")] for row in page.find(id="tbl:beside").select("tbody tr")
    ]
    of_models = [("Cold Zoom", "your run"), (" ", "the paper's"), ("DDPM, linear", "your run")]
    of_models += [(" ", "the paper's"), ("Cold diffusion, blur", "your run")]
    assert [(row[0].strip() or " ", row[1]) for row in rows] == of_models
    assert [row[2] for row in rows] == ["3", "100", "3", "100", "3"]
    assert beside.is_short(load_results(out))
    assert not beside.is_short(synthetic.released())


def test_verdicts_that_the_run_gives_too_are_marked(short):
    out, page = short
    own, paper = (
        {row["id"]: row["verdict"] for row in json.loads((folder / "ledger.json").read_text())}
        for folder in (out, synthetic.RELEASED)
    )
    same = {name for name in own if own[name] == paper[name] != "undecided"}
    marks = [row.select("td")[-1].get_text() for row in page.find(id="tbl:verdicts").select("tbody tr")]
    assert 0 < marks.count("✓") == len(same) < len(marks) == len(paper)
