"""What the paper prints may not change unasked: its numbers and verdicts are held against the release."""

import json
import math

import pytest

import synthetic

CLOSE = 1e-9  # relative difference that another processor's rounding may make


def alike(a, b, close: float = CLOSE) -> bool:
    """Equal, but for the rounding of numbers."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(a[key], b[key], close) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(alike(x, y, close) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=close, abs_tol=close) or (math.isnan(a) and math.isnan(b))
    return a == b


@pytest.mark.parametrize("name", ["numbers", "ledger"])
def test_the_paper_prints_what_is_released(made_out, name):
    old, new = (json.loads((at / f"{name}.json").read_text()) for at in (synthetic.RELEASED, made_out))
    assert len(old) == len(new)
    different = [(a, b) for a, b in zip(old, new, strict=True) if not alike(a, b)]
    assert not different, different[:3]
