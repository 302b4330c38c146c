"""Noise schedules against their formulas, step by step in plain numbers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from diffusion.processes.schedules import NoiseSchedule, cosine, linear


@settings(max_examples=30)
@given(st.integers(2, 99), st.floats(0, 0.01), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0.01, 0.9))
@example(1000, 1e-5, 0.02 - 1e-5, 0.008, 0.02)
def test_betas_are_their_formulas_and_alpha_bar_what_all_steps_keep(T, start, rise, s, most):
    f = [math.cos((t / T + s) / (1 + s) * math.pi / 2) ** 2 for t in range(T + 1)]
    betas = {
        linear(T, start, start + rise): [start + rise * (t - 1) / (T - 1) for t in range(1, T + 1)],
        cosine(T, s, most): [min(1 - f[t] / f[t - 1], most) for t in range(1, T + 1)],
    }
    for made, beta in betas.items():
        kept = np.cumprod([1, *(1 - np.array(beta))])
        np.testing.assert_allclose(made.beta, [0, *beta], atol=1e-10)
        np.testing.assert_allclose(made.alpha_bar, kept, rtol=1e-8)
        np.testing.assert_allclose(made.sqrt_alpha_bar, np.sqrt(kept), rtol=1e-5)
        np.testing.assert_allclose(made.sqrt_one_minus_alpha_bar, np.sqrt(1 - kept), atol=1e-4)
        again = NoiseSchedule.from_alpha_bar("again", made.alpha_bar)
        np.testing.assert_allclose(again.beta, made.beta, atol=1e-9)


def test_the_studys_are_the_defaults():
    assert (linear().T, *linear().beta[[1, -1]].tolist()) == pytest.approx((1000, 1e-5, 0.02))
    assert int((cosine().beta >= 0.02).sum()) == 98  # clipped: counted once by hand from the formula


def test_what_is_no_schedule_is_refused():
    with pytest.raises(ValueError, match=r"t = 1 is 1; .*\[0, 1\)"):
        NoiseSchedule.from_beta("x", torch.tensor([1.0, 0.5]))
    with pytest.raises(ValueError, match=r"t = 0 is 0.9.*1"):
        NoiseSchedule.from_alpha_bar("x", torch.tensor([0.9, 0.5, 0.1]))
