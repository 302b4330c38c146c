"""When numbers, rows and samples that are made again agree; of a release: e2e/test_release.py."""

import pytest
import torch

from workflow import verify
from workflow.verify import CHANCE, ROUNDING, TO_THE_BIT

FAILS = ""


@pytest.mark.parametrize(
    ("again", "how"),
    [(1.0, TO_THE_BIT), (1.0009, ROUNDING), (0.9991, ROUNDING), (1.0012, FAILS), (-1.0, FAILS)],
)
def test_a_number_agrees_to_the_bit_within_rounding_or_not(again, how):
    check = verify.compared("x", 1.0, again)
    assert (check.how, "DIFFERS" in check.line()) == (how, how == FAILS)


def test_a_row_that_differs_is_named_with_what_differs_in_it():
    old = [{"id": "a", "value": 1.0, "bound": [2.0]}, {"id": "b", "value": 3.0, "bound": [float("nan")]}]
    found = [*verify.rows("ledger", old, [{**old[0], "bound": [2.5]}], ["id"])]
    assert [check.what for check in found] == ["ledger a, bound", "ledger b, id", "ledger, 2 in all"]
    assert not any(check.how for check in found)
    for row, how in (
        (old[0], TO_THE_BIT),
        ({**old[0], "value": 1.0 + 1e-12}, ROUNDING),
        ({**old[0], "value": 1.0 + 1e-6}, FAILS),
        ({**old[0], "more": 1}, FAILS),
    ):
        assert [*verify.rows("ledger", old, [row, old[1]], ["id"])][-1].how == how


def test_samples_agree_to_the_bit_within_rounding_by_chance_or_not():
    draw = torch.Generator().manual_seed(0)
    kept = torch.randint(0, 256, (50, 28, 28), generator=draw, dtype=torch.int)
    again = kept[:8].clone()
    assert verify.likeness(again, kept) == (1.0, TO_THE_BIT)
    assert verify.likeness(again + 8, kept) == (1.0, ROUNDING)
    assert verify.likeness(again + 9, kept) == (0.0, FAILS)
    again[5] = kept[20]
    assert verify.likeness(again, kept) == (pytest.approx(7 / 8, abs=0.01), FAILS)  # one of another place
    again[5] = kept[5]
    again[:, :4] += 20  # a seventh of the pixels
    assert verify.likeness(again, kept) == (pytest.approx(6 / 7), CHANCE)
    assert verify.likeness(again, kept, chance=False)[1] == FAILS  # of the same precision and processor
    assert verify.likeness(kept[8:16], kept)[1] == FAILS
