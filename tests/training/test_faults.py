"""A short, fixed part of `make test-faults`: no fault gives a wrong result without a word or a traceback."""

from pathlib import Path

import pytest

import faults

pytestmark = pytest.mark.usefixtures("one_thread")


def test_no_fault_gives_a_wrong_result(tmp_path: Path) -> None:
    finished = tmp_path / "finished"
    end, expected, said = faults.attempt(lambda: faults.train(finished))
    assert end == "done", said
    outcomes = [faults.one(i, 2026, finished, expected, tmp_path / str(i)) for i in range(10)]
    bad = [outcome for outcome in outcomes if outcome.end not in ("survived", "refused")]
    assert not bad
    assert len({outcome.fault.split(":")[0].split("-")[0] for outcome in outcomes}) > 3  # of several kinds


def test_a_wrong_result_would_be_noticed(tmp_path: Path) -> None:
    finished = tmp_path / "finished"
    _, expected, _ = faults.attempt(lambda: faults.train(finished))
    other = expected | {"weights 2": "another"}
    assert faults.one(0, 2026, finished, other, tmp_path / "0").end == "WRONG"
