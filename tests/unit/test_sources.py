"""Numbers of the text lead to the rows that were read for them."""

import json
import re

from helpers import PAPER
from report.pages.sources import Marks, selections, write_sources
from report.pages.text import TEXT, Text
from report.results import table
from report.results.scatter import LOG, last, over
from report.results.views import load

RUN = load(PAPER)
ONE = RUN.first("zoom")


def ratio() -> float:
    pair = {model: RUN.all_of(model) for model in ("zoom", "linear")}
    return over(RUN, last("frechet"), pair, LOG).interval.value


def filled(text: str) -> tuple[str, list[dict], list[table.Row], list[str]]:
    """A text with names of the training, and its numbers, rows and what is missing."""
    names, marks = {"one": ONE, "ratio": ratio, "bare": 0.5}, Marks()
    return *write_sources(Text(names, marks, TEXT / "run").markdown(text), marks, PAPER), marks.missing


def test_a_number_leads_to_the_rows_that_were_read_for_it_and_to_no_other():
    """In all forms: golden/test_reports.py."""
    told = ["num(one.final.frechet.value - one.curve[-1].frechet.value)", "one.settings.batch_size"]
    told += ["percent(chosen('late_part'))"]
    _, numbers, _, missing = filled(" ".join(f"<< {one} >>" for one in told))
    assert missing == []
    measured, setting, chosen = (number["sources"] for number in numbers)
    final, last = ONE.final["frechet"].value, ONE.curve[-1]["frechet"].value
    of_last = "`frechet` of a checkpoint of zoom-0, epoch 100"
    assert [one["what"] for one in measured] == ["`frechet` of zoom-0", of_last]
    rows = [json.loads((PAPER / one["file"]).read_text())["rows"][one["rows"][0]] for one in measured]
    assert [row[4] for row in rows] == [final, last]
    assert setting[0]["what"] == "`settings.batch_size` of train_zoom-0"
    assert chosen[0]["what"] == "a definition, `late_part`"


def test_parts_of_a_ratio_are_told_apart():
    """Numerator, denominator, and what is read only for the scatter of the trainings."""
    text, numbers, *_ = filled("<< num(ratio()) >> << num(one.final.frechet.value) >>")
    both, alone = text.split("\n1. [")[1:]
    heads = [re.findall(r"^    (\w.*)$", item, re.MULTILINE) for item in (both, alone)]
    assert heads == [
        ["Value", "Numerator, zoom", "Denominator, linear", "Scatter, cosine"],
        ["Value", "Source"],
    ]
    parts = dict.fromkeys(one["part"] for one in numbers[0]["sources"])
    assert [*parts] == ["numerator", "denominator", "scatter"]


def test_a_number_that_was_not_read_is_missed():
    assert filled("<< percent(bare) >> of << one.settings.batch_size and 'two' >>")[3] == ["50%"]


def test_a_row_of_no_model_is_of_its_way_and_its_release():
    (read,) = selections(["released/original/metrics/files.json#7"], PAPER)
    assert re.fullmatch(r"`\w+` of “[^”]+” of original", read.as_json()["what"])
