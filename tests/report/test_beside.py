"""The short report of a run of one's own, beside the released trainings."""

import json
import re

import pytest
from bs4 import BeautifulSoup

import synthetic
from report import beside
from study.records import load_results


@pytest.fixture(scope="module")
def opened(short):
    return BeautifulSoup((short / "report.html").read_text(), "html.parser")


def test_own_models_come_first_and_nothing_is_left_unfilled(opened):
    assert opened.select_one("main > section")["id"] == "sec:own-models"
    assert not re.findall(r"<<|>>|:::|\{#|\{\.|@fig|@tbl|\?\?", opened.get_text())


def test_each_model_stands_beside_the_released_one_of_its_process_and_network(short, opened):
    rows = opened.find(id="tbl:beside").select("tbody tr")
    rows = [[cell.get_text() for cell in row.select("th, td")] for row in rows]
    of_models = [("Cold Zoom", "your run"), (" ", "the paper’s"), ("DDPM, linear", "your run")]
    of_models += [(" ", "the paper’s")]
    assert [(row[0].strip() or " ", row[1]) for row in rows] == of_models
    assert [row[2] for row in rows] == ["3", "100", "3", "100"]
    assert beside.is_short(load_results(short))
    assert not beside.is_short(synthetic.released())


def test_verdicts_that_the_run_gives_too_are_marked(short, opened):
    own, paper = (
        {row["id"]: row["verdict"] for row in json.loads((folder / "ledger.json").read_text())}
        for folder in (short, synthetic.RELEASED)
    )
    same = {name for name in own if own[name] == paper[name] != "undecided"}
    marks = [row.select("td")[-1].get_text() for row in opened.find(id="tbl:verdicts").select("tbody tr")]
    assert 0 < marks.count("✓") == len(same) < len(marks) == len(paper)
