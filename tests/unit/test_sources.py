"""Numbers of the text lead to the rows that were read for them."""

import json

from helpers import PAPER
from report import sources
from report.sources import Marks, defined, written
from report.text import Text
from report.text_format import percent
from study import table
from study.results import load

RESULTS = load(PAPER)
ONE = RESULTS.first("zoom")


def filled(text: str) -> tuple[str, list[dict], list[table.Row], list[str]]:
    """A text with names of the training, and its numbers, rows and what is missing."""
    names = {"one": ONE, "both": RESULTS.of("zoom"), "bare": 0.5}
    names["limit"], marks = lambda: defined(0.5, "here:LIMIT"), Marks()
    return *written(Text(names, marks).markdown(text), marks, PAPER), marks.missing


def test_a_number_has_all_rows_that_were_read_for_it_and_no_other():
    told = {
        "num(one.final.frechet.value * one.final.recall.value)": [
            "`frechet` of zoom-0",
            "`recall` of zoom-0",
        ],
        "num(fmean(one.curve | map(attribute='frechet')))": [
            "`frechet` of 100 checkpoints of zoom-0, epochs 1 to 100"
        ],
        "num(fmean(both | map(attribute='final.ink')))": ["`ink` of zoom-0", "`ink` of zoom-1"],
        "one.settings.T": ["`settings.T` of train_zoom-0"],
        "percent(limit)": ["a definition, `here:LIMIT`"],
    }
    _, numbers, _, missing = filled(" ".join(f"<< {placeholder} >>" for placeholder in told))
    assert missing == []
    assert [[one["what"] for one in number["sources"]] for number in numbers] == [*told.values()]
    first = numbers[0]["sources"][0]
    (line,) = first["rows"]
    assert json.loads((PAPER / first["file"]).read_text())["rows"][line][4] == ONE.final["frechet"].value


def test_a_number_is_marked_where_markdown_takes_a_span():
    said = "<< percent(one.final.recall) >>"
    source = f'{said} $x = {said}$ `{said}`\n![{said}](f.svg){{alt="{said}"}}\ntitle: {said}\n'
    text, numbers, rows, _ = filled(source)
    n, value = percent(ONE.final["recall"]), ONE.final["recall"].value
    begin = f'[{n}]{{.n s=1}} $x = {n}$ `{n}`\n![[{n}]{{.n s=1}}](f.svg){{alt="{n}"}}\ntitle: {n}\n'
    assert text.startswith(begin)
    assert [(one["number"], one["text"], one["value"]) for one in numbers] == [(1, n, value)]
    assert [(one.measure, one.value) for one in rows] == [("recall", value)]
    assert sources.anchor(rows[0]) in sources.page_of(rows).decode()


def test_a_number_that_was_not_read_is_missed():
    assert filled("<< percent(bare) >> of << limit and 'two' >>")[3] == ["50%"]
