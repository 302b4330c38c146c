"""Numbers of the text lead to the rows that were read for them."""

import json

import pytest

from diffusion.evaluation.statistics import Interval
from report import sources
from report.sources import Marks, defined, plain, written
from report.text import Text
from study import table
from study.results import Results, load
from study.table import row


@pytest.fixture
def results(tmp_path) -> Results:
    """A training of few numbers, and its samples after two epochs."""
    of = {"model": "zoom", "seed": 0}
    train = of | {"process": "zoom", "label": "Zoom", "epochs": 2, "steps": 8, "settings": {"T": 24}}
    losses = [row("train_loss", 1 / epoch, epoch=epoch) for epoch in (1, 2)]
    table.write(tmp_path, "train_zoom-0", train | {"weights": {"sha256": "ab"}}, losses)
    distances = [Interval(4.0, 3.0, 5.0, 10), Interval(2.0, 1.0, 3.0, 10)]
    rows = [row("frechet", found, way="checkpoint", epoch=i) for i, found in enumerate(distances, 1)]
    rows += [row("frechet", distances[-1], epoch=2), row("recall", 0.25, epoch=2)]
    table.write(tmp_path, "measure_zoom-0", of | {"weights_sha256": "ab"}, rows)
    return load(tmp_path)


def filled(results: Results, text: str) -> tuple[str, list[dict], list[table.Row], list[str]]:
    """A text with names of the training, and its numbers, rows and what is missing."""
    one, marks = results.first("zoom"), Marks()
    names = {"one": one, "late": lambda: one.late, "limit": lambda: defined(0.5, "here:LIMIT"), "bare": 0.5}
    return *written(Text(names, marks).markdown(text), marks, results.out), marks.missing


def told(results: Results, placeholder: str) -> list[dict]:
    _, (number,), _, missing = filled(results, f"<< {placeholder} >>")
    assert missing == []
    return number["sources"]


@pytest.mark.parametrize(
    ("placeholder", "what", "rows"),
    [
        ("num(one.final.frechet)", "`frechet` of zoom-0", [2]),
        ("num(one.curve[0].frechet)", "`frechet` of a checkpoint of zoom-0, epoch 1", [0]),
        ("num(fmean(late | map(attribute='frechet')))", "`frechet` of a checkpoint of zoom-0, epoch 2", [1]),
        ("percent(one.final.recall)", "`recall` of zoom-0", [3]),
        ("one.settings.T", "`settings.T` of train_zoom-0", None),
        ("percent(limit)", "a definition, `here:LIMIT`", None),
    ],
)
def test_a_number_knows_what_was_read_for_it(results, placeholder, what, rows):
    (source,) = told(results, placeholder)
    assert source["what"] == what
    assert source.get("rows") == rows


def test_a_number_of_several_rows_has_them_all(results):
    found = told(results, "num(one.final.frechet.value * one.final.recall.value)")
    assert [source["what"] for source in found] == ["`frechet` of zoom-0", "`recall` of zoom-0"]


def test_a_number_is_marked_where_markdown_takes_a_span(results):
    said = "<< percent(one.final.recall) >>"
    source = f'{said} $x = {said}$ `{said}`\n![{said}](f.svg){{alt="{said}"}}\ntitle: {said}\n'
    text, numbers, rows, _ = filled(results, source)
    begin = '[25%]{.n s=1} $x = 25%$ `25%`\n![[25%]{.n s=1}](f.svg){alt="25%"}\ntitle: 25%\n'
    assert text.startswith(begin)
    assert [(one["number"], one["text"], one["value"]) for one in numbers] == [(1, "25%", 0.25)]
    assert [(one.measure, one.value) for one in rows] == [("recall", 0.25)]
    page = sources.page_of(rows).decode()
    assert sources.anchor(rows[0]) in page
    assert "0.25" in page


def test_an_interval_is_one_number_of_three_places(results):
    text, (number,), rows, _ = filled(results, "<< shown(one.final.frechet) >>")
    assert number["value"] == [2.0, 1.0, 3.0]
    assert len(rows) == 1
    assert plain(text).startswith("[2.00 [1.00,\xa03.00]]{.n s=1}")


def test_a_number_that_was_not_read_is_missed(results):
    assert filled(results, "<< percent(bare) >> of << limit and 'two' >>")[3] == ["50%"]


def test_every_number_of_the_paper_leads_to_rows_of_the_table(made_out):
    numbers = json.loads((made_out / "numbers.json").read_text())
    page = (made_out / "rows.html").read_text()
    assert len(numbers) > 500
    assert all(one["sources"] for one in numbers)
    files = {source["file"] for one in numbers for source in one["sources"] if "rows" in source}
    assert len(files) > 20
    assert all(file in page for file in files)
