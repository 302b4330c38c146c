"""The blind comparison: what becomes of readers' labels."""

import pytest

from study.blind import DATA, Blind, labels_of
from study.records import BlindRecord


def test_shares_are_of_what_all_readers_see():
    one = {"job": "blind", "settings": {"n": 2}, "environment": {}}
    record = BlindRecord(
        **one,
        sources=[DATA, DATA, "zoom", "zoom", "zoom", "zoom"],
        classes=[3, 5, -1, -1, -1, -1],
        labels={"a": ["3", "6", "1", "1", "n", "n"], "b": ["3", "6", "1", "7", "n", "n"]},
        accepted=[True, True, True, True, True, False],
    )
    found = Blind(record)
    assert found.sources[DATA].digit.value == 1
    assert found.right.value == 0.5  # both take the 5 for a 6
    assert found.sources["zoom"].digit.value == 0.25  # of the second they say two things
    assert [one.value for one in found.sources["zoom"].each] == [0.5, 0.5]
    assert found.sources["zoom"].accepted.value == 0.75
    assert found.agreement.value == pytest.approx(5 / 6)
    assert (found.taken.value, found.taken.n) == (1, 1)
    assert (found.mistaken.value, found.mistaken.n) == (0.5, 2)
    low, high = found.corrected(0.75)
    assert low == 0  # as many of what is no digit may be accepted
    assert high == pytest.approx((0.75 - found.mistaken.low) / (1 - found.mistaken.low))


def test_a_reader_labels_every_image(tmp_path):
    file = tmp_path / "reader.csv"
    file.write_text("number,label\n1,n\n0, 7\n")
    assert labels_of(file, 2) == ["7", "n"]
    for wrong in ("0,7\n", "0,7\n1,x\n"):
        file.write_text(wrong)
        with pytest.raises(ValueError, match="image 1"):
            labels_of(file, 2)
