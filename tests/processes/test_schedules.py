"""Noise schedules against closed forms and independent recomputation."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import diffusion as d
from diffusion.parameters import TrainDDPM
from diffusion.processes import schedules


def test_linear_ends_are_the_studys():
    schedule = schedules.linear()
    assert schedule.beta[1].item() == pytest.approx(1e-5, rel=1e-12)
    assert schedule.beta[1000].item() == pytest.approx(0.02, rel=1e-12)
    assert torch.allclose(schedule.beta[1:].diff(), torch.tensor((0.02 - 1e-5) / 999, dtype=torch.float64))


def test_cosine_follows_its_formula_up_to_the_cap():
    schedule, s = schedules.cosine(), 0.008
    capped = int((schedule.beta >= 0.02).sum())
    assert capped == 98  # the last 98 steps: counted once by hand from the formula
    f = [math.cos((t / 1000 + s) / (1 + s) * math.pi / 2) ** 2 for t in range(1001)]
    for t in (1, 300, 700, 1000 - capped):
        assert schedule.alpha_bar[t].item() == pytest.approx(f[t] / f[0], rel=1e-10)
    assert schedule.alpha_bar[1000].item() ** 0.5 == pytest.approx(0.0565, abs=5e-4)


def test_a_schedule_from_alpha_bar_has_it():
    cosine = schedules.cosine()
    again = d.NoiseSchedule.from_alpha_bar("again", cosine.alpha_bar)
    assert torch.allclose(again.beta, cosine.beta, rtol=1e-9)
    assert torch.allclose(again.alpha_bar, cosine.alpha_bar, rtol=1e-9)
    assert torch.equal(d.DDPM("cosine").schedule.beta, cosine.beta)
    for wrong, named in (([0.9, 0.5, 0.1], "at t = 0 is 0.9"), ([1, 0.5, 0.6], "beta at t = 2 is -0.2")):
        with pytest.raises(ValueError, match=named):
            d.NoiseSchedule.from_alpha_bar("wrong", torch.tensor(wrong))


@settings(max_examples=40)
@given(T=st.integers(2, 300), start=st.floats(0, 0.01), extra=st.floats(0, 0.5), s=st.floats(0, 0.5))
def test_alpha_bar_is_the_product_of_what_each_step_keeps(T, start, extra, s):
    for schedule in (schedules.linear(T, start, start + extra), schedules.cosine(T, s)):
        product = 1.0
        for t in range(1, T + 1):
            product *= 1 - schedule.beta[t].item()
            assert schedule.alpha_bar[t].item() == pytest.approx(product, rel=1e-9)
        assert (schedule.alpha_bar.diff() <= 0).all()


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: schedules.linear(T=1), "T = 1"),
        (lambda: schedules.linear(T=10.5), "T = 10.5"),
        (lambda: schedules.linear(beta_start=0.1, beta_end=0.01), "beta_start = 0.1"),
        (lambda: schedules.linear(beta_end=1.0), "beta_end = 1"),
        (lambda: schedules.cosine(s=-1.0), "s = -1"),
        (lambda: schedules.cosine(s=math.nan), "s = nan"),
        (lambda: schedules.cosine(beta_max=1.5), "beta_max = 1.5"),
        (lambda: schedules.NoiseSchedule.from_beta("x", torch.tensor([0.1, math.nan])), "t = 2 is nan"),
    ],
)
def test_a_bad_parameter_is_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()


def test_a_schedule_of_ones_own_enters_by_its_name():
    P = TrainDDPM(schedule="own:root", T=10, s=0.1, schedule_options={"power": 1.0})
    found = P.process().schedule
    assert torch.allclose(
        found.beta[1:], torch.arange(1, 11, dtype=torch.float64) * 0.002, rtol=1e-12, atol=0
    )
