"""A short, fixed part of `make test-faults`: no fault gives a wrong result without a word or a traceback."""

from pathlib import Path

import pytest

import faults


@pytest.fixture(scope="module")
def finished(one_thread, tmp_path_factory) -> tuple[Path, dict]:
    """The folder of an undisturbed training, and its results."""
    folder = tmp_path_factory.mktemp("finished")
    end, expected, said = faults.attempt(lambda: faults.train(folder))
    assert end == "done", said
    return folder, expected


def test_no_fault_gives_a_wrong_result(finished, tmp_path):
    rounds = [faults.one(i, 2026, *finished, tmp_path / str(i)) for i in range(10)]
    assert not [one for one in rounds if one[1] not in ("survived", "refused")]
    assert len({done[0].split(":")[0].split("-")[0] for done, *_ in rounds}) > 3  # of several kinds


def test_a_wrong_result_would_be_noticed(finished, tmp_path):
    folder, expected = finished
    other = expected | {"weights 2": "another"}
    assert faults.one(0, 2026, folder, other, tmp_path / "0")[1] == "WRONG"
