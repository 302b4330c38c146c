"""Numbers of the text lead to the rows that were read for them."""

import json
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import made_up
from diffusion.evaluation.statistics import Interval
from helpers import HOSTILE, PAPER
from report.pages import render, sources
from report.pages.sources import Marks, selections, write_sources
from report.pages.text import TEXT, Text
from report.pages.text_format import Markdown, escape
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
    """In all forms: golden/test_released.py."""
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
    _, numbers, *_ = filled("<< num(ratio()) >> << num(one.final.frechet.value) >>")
    parts = dict.fromkeys(one["part"] for one in numbers[0]["sources"])
    assert [*parts] == ["numerator", "denominator", "scatter"]


def test_a_number_that_was_not_read_is_missed():
    assert filled("<< percent(bare) >> of << one.settings.batch_size and 'two' >>")[3] == ["50%"]


# --- on a run that is made up ---

EPOCHS = (80, 81, 82, 85, 100)


@pytest.fixture
def out(tmp_path) -> Path:
    made_up.training(tmp_path, "zoom-3", epochs=100)
    rows = made_up.curve({epoch: float(epoch) for epoch in EPOCHS})
    rows += [table.row("frechet", Interval(9.0, 8.0, 10.0, n=500), epoch=100), table.row("floor", 1.0)]
    rows += [
        table.row("recovered", 0.5, x=30),
        table.row("recovered", 0.25, x=60.5),
        table.row("ink", 0.1, "few", 100),
    ]
    made_up.measures(tmp_path, "zoom-3", rows)
    table.write(
        tmp_path, "files", {"job": "files"}, [table.row("ink", 7.0, "bytes"), table.row("ink", 8.0, "bytes")]
    )
    return tmp_path


MEASURED = "metrics/measure_zoom-3.json"


def chosen(out: Path, *places: int, file: str = MEASURED, part: str = "") -> list[sources.Selection]:
    with table.reading() as seen, table.reading(part):
        table.note(*(f"{file}#{place}" for place in places))
    return selections(seen, out)


def test_a_number_links_to_all_of_its_rows_and_to_the_first_of_them(out):
    """The page of rows marks those that `rows` names and goes to the anchor."""
    (read,) = chosen(out, 0, 1, 2, 4)
    assert read.indices == [[0, 2], 4]
    assert read.link(out) == "rows.html?rows=0-2,4#measure_zoom-3.json.0"
    assert (read.as_json()["rows"], read.as_json()["file"]) == ([[0, 2], 4], MEASURED)
    (single,) = chosen(out, 5)
    assert single.link(out) == "rows.html?rows=5#measure_zoom-3.json.5"
    (pair,) = chosen(out, 3, 4)
    assert pair.link(out) == "rows.html?rows=3-4#measure_zoom-3.json.3"


def test_rows_are_described_by_their_training_epochs_and_place(out):
    said = {
        (0, 1, 2, 3, 4): " of 5 checkpoints of zoom-3, epochs 80 to 100",
        (1,): " of a checkpoint of zoom-3, epoch 81",
        (5,): " of zoom-3",
        (8,): " of zoom-3, at 60.5",
        (7, 8): " of zoom-3, 2 rows",
        (9,): " of “few” of zoom-3",
    }
    for places, words in said.items():
        (read,) = chosen(out, *places)
        assert read.as_json()["what"] == f"{read.what}{words}"
        assert read.description.endswith(words)


def test_selections_are_apart_by_measure_variant_file_and_role(out):
    apart = chosen(out, 0, 5, 6, 9, 1)
    assert [read.what for read in apart] == ["`frechet`", "`frechet`", "`floor`", "`ink`"]
    assert [len(read.rows) for read in apart] == [2, 1, 1, 1]
    with table.reading() as seen:
        with table.reading("numerator"):
            table.note(f"{MEASURED}#0")
        with table.reading("scatter"):
            table.note(f"{MEASURED}#1", "metrics/files.json#0")
    heads = [(read.part, read.head) for read in selections(seen, out)]
    assert heads == [("numerator", "numerator, zoom"), ("scatter", "scatter, zoom"), ("scatter", "scatter")]


def test_settings_and_definitions_lead_to_their_files_or_nowhere(out):
    given = ["metrics/train_zoom-3.json#/settings/batch_size", "definition late_part"]
    given += ["released/paper/metrics/train_zoom-0.json#/steps"]
    setting, definition, released = selections(given, out)
    assert setting.as_json()["file"] == setting.link(out) == "metrics/train_zoom-3.json"
    assert definition.as_json().keys() == {"what"}
    assert definition.link(out) == ""
    assert released.link(PAPER.parent / "mine") == "../paper/metrics/train_zoom-0.json"


def test_rows_of_a_release_are_named_after_it(out):
    row = load(PAPER, prefix="released/paper/").first("zoom").final.data["frechet"][0]
    (read,) = selections([row.source], out)
    assert (read.as_json()["what"], read.rows) == ("`frechet` of zoom-0 of paper", [row])
    place = row.source.rpartition("#")[2]
    assert read.link(out) == f"rows.html?rows={place}#released.paper.metrics.measure_zoom-0.json.{place}"


# --- marks and what is written ---


def written(out: Path, *cells: tuple[str, list[str], list[float]], around: str = "{}") -> tuple:
    marks = Marks()
    text = " and ".join(
        around.format(marks.mark(Markdown(text), read, values)) for text, read, values in cells
    )
    return write_sources(text, marks, out)


def test_the_list_is_taken_out_of_the_text_and_read_as_pandocs_own_reader_reads_it(out):
    """With all that a name may have; print has no list."""
    cells = [(escape(f"{i} {name}"), [f"{MEASURED}#0"], [float(i)]) for i, name in enumerate(HOSTILE)]
    text, *_ = written(out, ("8 $x^2$ -- 'so'", [f"{MEASURED}#1"], [80.0]), *cells)
    main, items = render.split(text)
    assert main.replace(f"::: {{#{render.PLACE}}}\n:::\n", items) == text
    assert (items.count("\n1. "), "1. [" in main) == (len(HOSTILE), False)
    own = ("--from=markdown-raw_html-raw_tex-raw_attribute", "--to=html5", "--mathml")
    result, expected = (" ".join(render.pandoc(items, *how).split()) for how in (render.LIST, own))
    assert result == expected
    assert render.split("Nothing is counted here.\n\n1. [9]{.n s=1}\n")[1] == ""


def test_numbers_are_counted_in_the_order_of_the_text_and_list_their_sources_once(out):
    table.write(out, "many", {"job": "x"}, [table.row("ink", float(i)) for i in range(12)])
    once, rows = [f"{MEASURED}#5"], [f"metrics/many.json#{place}" for place in (11, 2, 10)]
    cells = [("9.0", once, [9.0]), ("80 and 81", rows, [80.123456789012, 81.0]), ("9", once, [9.0001])]
    text, numbers, cited = written(out, *cells, cells[0])
    assert text.startswith("[9.0]{.n s=1} and [80 and 81]{.n s=2} and [9]{.n s=3} and [9.0]{.n s=1}\n")
    told = [(one["number"], one["text"], one["value"]) for one in numbers]
    assert told == [(1, "9.0", 9.0), (2, "80 and 81", [80.123456789012, 81.0]), (3, "9", 9.0001)]
    assert (numbers[1]["sources"][0]["rows"], numbers[2]["sources"]) == ([11, 2, 10], 1)  # of the first one
    in_order = [rows[1], rows[2], rows[0], *once]  # by place, as numbers are ordered
    assert [row.source for row in cited] == in_order
    assert [entries["Value"] for _, entries in listed(text)] == [["9"], ["80.12, 81"], ["9"]]


@pytest.mark.parametrize("around", ["`{}`", "$x = {}$", "``{}``", "[a]{{width={}}}"])
def test_code_formulas_and_attributes_have_no_span(out, around):
    text, numbers, rows = written(out, ("9.0", [f"{MEASURED}#5"], [9.0]), around=around)
    assert text.startswith(around.format("9.0").replace("{{", "{").replace("}}", "}") + "\n")
    assert (numbers, rows) == ([], [])


def listed(text: str) -> list[tuple[str, dict[str, list[str]]]]:
    """The list of numbers: of each its line, and the definitions below it by their terms."""
    items: list[tuple[str, dict[str, list[str]]]] = []
    for line in text.splitlines():
        if line.startswith("1. "):
            items.append((line, {}))
        elif items and line.startswith("    :   "):
            [*items[-1][1].values()][-1].append(line.removeprefix("    :   "))
        elif items and line.startswith("    "):
            items[-1][1][line.strip()] = []
    return items


def test_a_number_of_many_values_or_sources_is_told_in_short(out):
    made_up.measures(out, "zoom-4", [table.row(f"m{i}", float(i)) for i in range(9)])
    file = "metrics/measure_zoom-4.json"
    for n, values in ((8, "1, 1, 1, 1"), (9, "1, 1, 1, 1 …")):
        text, *_ = written(out, ("9", [f"{file}#{i}" for i in range(n)], [1.0] * (n - 4)))
        ((_, entries),) = listed(text)
        assert entries["Value"] == [values]
        assert sum("rows.html?rows=" in one for one in entries["Source"]) == 8
        assert len(entries["Source"]) == n  # the last of nine leads to the file of numbers


def test_a_chosen_number_is_read_by_its_name():
    with table.reading() as seen:
        assert sources.chosen("late_part") == 0.2
        assert sources.note_definition(7, "mine") == 7
    assert [*seen] == ["definition late_part", "definition mine"]
    with pytest.raises(ValueError, match="no definition is named 'late_par'.*late_part"):
        sources.chosen("late_par")


def test_the_page_of_rows_has_the_columns_that_are_used(out):
    """Cells: golden/test_report_tables.py. A single row names its training."""
    job = table.Record(out, "measure_zoom-3").rows
    several = ["way", "epoch", "measure", "value", "low", "high", "n"]
    for rows, columns in ((job[:6:5], several), (job[7:8], ["model", "seed", "measure", "x", "value"])):
        page = BeautifulSoup(sources.render_rows(rows), "html.parser")
        assert [cell.get_text() for cell in page.select_one("tr").select("th")] == columns
