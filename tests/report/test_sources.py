"""Numbers that know the records they come from."""

import json
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffusion.evaluation.interval import Interval, Part, Source
from report import build, sources, text_format
from report.sources import Number, derived, plain, register
from study.records import Record

FLOATS = st.floats(-1e6, 1e6)


class Little(Part):
    value: float
    found: Interval
    curve: list[float]
    rows: list[Interval]
    name: str = "x"


class LittleRecord(Record):
    one: Little


@pytest.fixture
def record() -> LittleRecord:
    one = Little(
        value=0.25, found=Interval(2.0, 1.0, 3.0), curve=[1.0, 2.0], rows=[Interval(4.0), Interval(6.0)]
    )
    made = LittleRecord(job="x", settings={"n": 500}, environment={}, one=one)
    sources.trace(made, "metrics/little.json")
    return made


def pointers(x) -> list[str]:
    assert {source.record for source in x.sources} == {"metrics/little.json"}
    return [source.pointer for source in x.sources]


def test_what_is_read_knows_its_place(record):
    assert pointers(record.one.value) == ["/one/value"]
    assert pointers(record.one.found.low) == ["/one/found/low"]
    assert pointers(record.one.curve[1]) == ["/one/curve/1"]
    assert pointers(record.one.rows[1].value) == ["/one/rows/1/value"]
    assert pointers(record.settings["n"]) == ["/settings/n"]
    assert record.one.name == "x"


def test_arithmetic_keeps_places_and_a_derived_function_has_what_it_read(record):
    one = record.one
    assert pointers(1 - one.value / one.found.high) == ["/one/value", "/one/found/high"]
    mean = derived(lambda: fmean(row.value for row in one.rows))()
    assert mean == 5.0
    assert pointers(mean) == ["/one/rows/0/value", "/one/rows/1/value"]
    assert pointers(derived(lambda: fmean(one.curve))()) == ["/one/curve"]
    ends = ["/one/found/value", "/one/found/low", "/one/found/high"]
    assert pointers(one.found.map(lambda x: x + 1).map(lambda x: 2 * x).value) == ends


@given(FLOATS, FLOATS)
def test_numbers_are_the_floats_that_they_are(x, y):
    a, b = Number(x, [Source("a", "/x")]), Number(y, [Source("b", "/y")])
    for found, usual in ((a + b, x + y), (a - b, x - y), (a * b, x * y), (-a, -x), (abs(a), abs(x))):
        assert found == usual
        assert json.dumps(found) == json.dumps(usual)
    assert (a + b).sources == (Source("a", "/x"), Source("b", "/y"))


def test_a_number_is_marked_where_markdown_takes_a_span(record):
    said = text_format.percent(record.one.value)
    assert plain(said) == "25%"
    text, numbers = sources.written(
        f'{said} $x = {said}$ `{said}`\n![{said}](f.svg){{alt="{said}"}}\ntitle: {said}\n'
    )
    assert text == '[25%]{.n s=1} $x = 25%$ `25%`\n![[25%]{.n s=1}](f.svg){alt="25%"}\ntitle: 25%\n'
    source = {"record": "metrics/little.json", "pointer": "/one/value"}
    assert numbers == [{"number": 1, "text": "25%", "value": 0.25, "operation": "", "sources": [source]}]


def test_an_interval_is_one_number_of_three_places(record):
    _, (number,) = sources.written(text_format.shown(record.one.found))
    assert number["value"] == [2.0, 1.0, 3.0]
    assert len(number["sources"]) == 3


def test_a_number_without_a_source_is_missed():
    before = len(register.missing)
    assert text_format.num(1.5) == "1.50"
    assert register.missing[before:] == ["1.50"]


def test_every_number_of_the_paper_leads_to_numbers_of_the_records(made_out: Path):
    numbers, root = json.loads((made_out / "numbers.json").read_text()), build.PROFILES.parent
    assert len(numbers) > 500
    loaded: dict[Path, object] = {}
    for one in numbers:
        for source in one["sources"]:
            if source["record"] == sources.DEFINITION:
                continue
            path = (
                root / source["record"]
                if source["record"].startswith("released/")
                else made_out / source["record"]
            )
            found = loaded.setdefault(path, json.loads(path.read_text()) if path not in loaded else None)
            for key in source["pointer"].split("/")[1:]:
                found = found[int(key)] if isinstance(found, list) else found[key]
            assert isinstance(found, int | float | list), (one["text"], source)
            if len(one["sources"]) == 1 and not one["operation"]:
                assert one["value"] == found, one["text"]
