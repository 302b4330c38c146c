"""When rows and samples that are made again agree; of a release: e2e/test_release.py."""

import pytest
import torch

from diffusion.files import write_json
from workflow import verify


def test_a_row_that_differs_is_named_with_what_differs_in_it():
    old = [{"id": "a", "value": 1.0, "bound": [2.0]}, {"id": "b", "value": 3.0, "bound": []}]
    assert [check.agrees for check in verify.rows("ledger.json", old, old)] == [True]
    found = [*verify.rows("ledger.json", old, [{**old[0], "bound": [2.5]}])]
    assert [check.what for check in found] == ["ledger.json, a, bound", "rows of ledger.json"]
    assert not any(check.agrees for check in found)


def test_the_order_in_which_sources_are_read_makes_no_difference(tmp_path):
    orders = ([{"what": "b"}, {"what": "a"}], [{"what": "a"}, {"what": "b"}])
    files = [tmp_path / name for name in "xy"]
    for path, order in zip(files, orders, strict=True):
        write_json(path, [{"text": "1", "sources": order}, {"text": "2", "sources": 1}, {"id": "c"}])
    assert verify.told(files[0]) == verify.told(files[1])


@pytest.mark.parametrize(("text", "same"), [("0.12345678912", True), ("0.1234567", False), ("-0.1", False)])
def test_a_number_is_the_same_to_nine_digits(text, same):
    assert (verify.rounded(text) == verify.rounded("0.12345678914")) == same


def test_samples_agree_where_most_pixels_do_and_each_is_nearest_to_its_own():
    draw = torch.Generator().manual_seed(0)
    kept = torch.randint(0, 256, (50, 28, 28), generator=draw, dtype=torch.int)
    again = kept[:8].clone()
    assert verify.alike(again + 8, kept) == (1.0, True)
    assert verify.alike(again + 9, kept) == (0.0, False)
    again[5] = kept[20]
    assert verify.alike(again, kept) == (pytest.approx(7 / 8, abs=0.01), False)  # one of another place
    again[5] = kept[5]
    again[:, :4] += 20  # a seventh of the pixels
    assert verify.alike(again, kept) == (pytest.approx(6 / 7), True)
    again[:, 4:7] += 20  # a quarter
    assert verify.alike(again, kept) == (pytest.approx(3 / 4), False)
    assert not verify.alike(kept[8:16], kept)[1]
