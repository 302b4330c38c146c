"""The numbers of a run as one table: each leads to its place, and none is left out."""

import csv
import functools
import math
import random
from collections.abc import Iterator
from typing import Any

import pytest

from diffusion.files import read_json
from study import table
from workflow import release

PAPER = release.RELEASED / "paper"


@pytest.fixture(scope="module")
def rows() -> list[table.Row]:
    return list(table.rows(PAPER))


@functools.cache
def record(file: str) -> Any:
    return read_json(PAPER / file)


def at(place: str) -> Any:
    """What stands at a source."""
    file, _, pointer = place.partition("#")
    node = record(file)
    for key in pointer.split("/")[1:]:
        node = node[int(key)] if isinstance(node, list) else node[key]
    return node


def numbers(node: Any) -> Iterator[float]:
    """All numbers that are results: not settings, and not what says where another number is."""
    if isinstance(node, dict):
        for name, one in node.items():
            if name not in table.NO_NUMBERS and name not in table.AXES:
                yield from numbers(one)
    elif isinstance(node, list):
        for one in node:
            yield from numbers(one)
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield float(node)


def test_a_number_stands_where_its_row_says(rows):
    for row in random.Random(0).sample(rows, 300):
        found = at(row.source)
        assert row.value == (found.get("value", found.get("mean")) if isinstance(found, dict) else found)
        if isinstance(found, dict):
            assert [row.low, row.high, row.sd] == [found.get(key) for key in ("low", "high", "sd")]


@pytest.mark.parametrize(
    "name", ["measure_zoom-0", "analyse_linear-1", "train_cosine-0", "yardstick", "schedules"]
)
def test_no_number_of_a_record_is_left_out(rows, name):
    kept = [one for row in rows if row.source.startswith(f"metrics/{name}.json#") for one in row]
    kept = {float(one) for one in kept if isinstance(one, int | float)}
    lost = [one for one in numbers(record(f"metrics/{name}.json")) if one not in kept]
    assert not lost
    assert len(kept) > 100


def test_rows_say_what_they_are_of(rows):
    last = [row for row in rows if (row.model, row.seed, row.way, row.epoch) == ("zoom", 0, "", 100)]
    (found,) = (row for row in last if row.measure == "distances.autoencoder")
    final = record("metrics/measure_zoom-0.json")["final"]
    assert found.value == final["distances"]["autoencoder"]["value"]
    (real,) = (row for row in rows if row.source == "metrics/measure_zoom-0.json#/real/ink")
    assert (real.way, real.measure) == ("real", "ink")
    errors = [
        row for row in rows if row.source.startswith("metrics/train_zoom-0.json#/zoom/reconstruction/mse")
    ]
    assert [row.x for row in errors] == list(range(1, 25))


def test_a_frame_is_of_a_release_or_of_a_folder_and_the_csv_is_the_same():
    frame = table.frame("paper")
    assert tuple(frame.columns) == table.Row._fields
    assert frame.equals(table.frame(PAPER))
    _, *lines = csv.reader(table.as_csv(PAPER).decode().splitlines())
    assert len(lines) == len(frame)
    value = table.Row._fields.index("value")
    assert math.isclose(sum(float(line[value]) for line in lines), frame.value.sum(), rel_tol=1e-9)


def test_a_folder_without_records_is_named(tmp_path):
    with pytest.raises(ValueError, match="has no records; needed: a folder of results, or the name of a"):
        table.frame(tmp_path)
