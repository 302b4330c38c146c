"""Numbers of the text lead to the rows that were read for them."""

import json

from helpers import PAPER
from report import sources
from report.sources import Marks, defined, written
from report.text import Text
from report.text_format import percent
from study import table
from study.results import load

ONE = load(PAPER).first("zoom")


def filled(text: str) -> tuple[str, list[dict], list[table.Row], list[str]]:
    """A text with names of the training, and its numbers, rows and what is missing."""
    names, marks = {"one": ONE, "limit": lambda: defined(0.5, "here:LIMIT"), "bare": 0.5}, Marks()
    return *written(Text(names, marks).markdown(text), marks, PAPER), marks.missing


def test_a_number_of_several_rows_has_them_all_and_only_what_was_read():
    ratio = "num(one.final.frechet.value * one.final.recall.value)"
    text = f"<< {ratio} >> << num(fmean(one.curve | map(attribute='frechet'))) >> << one.settings.T >>"
    _, numbers, _, missing = filled(text + " << percent(limit) >>")
    assert missing == []
    assert [[one["what"] for one in number["sources"]] for number in numbers] == [
        ["`frechet` of zoom-0", "`recall` of zoom-0"],
        ["`frechet` of 100 checkpoints of zoom-0, epochs 1 to 100"],
        ["`settings.T` of train_zoom-0"],
        ["a definition, `here:LIMIT`"],
    ]
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
