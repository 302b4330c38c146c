"""Schedules, processes, samplers and trainings against equations written out, on random inputs."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import mse_loss

from diffusion.processes import DDPM, ColdBlur, ColdCrop, ColdZoom, NoiseSchedule, cosine, linear
from diffusion.processes.samplers import DDIM, Ancestral, Improved, Naive, visits
from diffusion.training.steps import learning_rate_at
from helpers import train, walk
from oracles import equations, loop

SEEDS = st.integers(0, 10**6)


def g(seed):
    return torch.Generator().manual_seed(seed)


def doubles(x):
    return x.double().numpy()


def assert_near(found, expected):
    """Equal up to the rounding of float32, of what the numbers are at most."""
    assert found.shape == expected.shape
    assert found.dtype == torch.float32
    assert np.abs(doubles(found) - expected).max() < 1e-5 * max(1, np.abs(expected).max())


def network(x, t):
    return 0.6 * x.tanh() + (0.3 * t - 0.1).view(-1, 1, 1, 1)


def predict(x, share):
    """What that network gives."""
    return 0.6 * np.tanh(x) + 0.3 * share - 0.1


SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(5, 12)).map(lambda of: (*of, of[2]))


# --- noise schedules ---


@st.composite
def schedules(draw, deepest=40):
    """A schedule, and its betas written out."""
    T = draw(st.integers(2, deepest))
    if draw(st.booleans()):
        start, rise = draw(st.floats(1e-5, 0.1)), draw(st.floats(0, 0.5))
        return linear(T, start, start + rise), equations.linear(T, start, start + rise)
    s, most = draw(st.floats(0, 0.5)), draw(st.floats(0.01, 0.5))
    return cosine(T, s, most), equations.cosine(T, s, most)


STUDY = linear(1000, 1e-5, 0.02), equations.linear(1000, 1e-5, 0.02)


@settings(max_examples=50)
@given(schedules(99))
@example(STUDY)
@example((cosine(1000, 0.008, 0.02), equations.cosine(1000, 0.008, 0.02)))
def test_betas_are_their_formulas_and_alpha_bar_what_all_steps_keep(pair):
    made, betas = pair
    assert len(betas) == made.T
    np.testing.assert_allclose(made.beta, [0, *betas], atol=1e-10)
    np.testing.assert_allclose(made.alpha_bar, equations.cumulative(betas), rtol=1e-8)
    for values in (made.alpha_bar, made.alpha_bar.numpy(), made.alpha_bar.tolist()):
        again = NoiseSchedule.from_alpha_bar("again", values)
        np.testing.assert_allclose(again.beta, made.beta, atol=1e-9)
    for values in (made.beta[1:], made.beta[1:].numpy(), made.beta[1:].tolist()):
        again = NoiseSchedule("again", values)
        assert again.name == "again"
        assert torch.equal(again.beta, made.beta)
        assert torch.equal(again.alpha_bar, made.alpha_bar)


# --- the DDPM and its samplers ---


@given(schedules(), SHAPES, SEEDS)
def test_latents_are_eq_4_of_ho_and_the_loss_is_the_error_of_their_noise(pair, shape, seed):
    schedule, betas = pair
    process, kept, x = DDPM(schedule), equations.cumulative(betas), torch.randn(shape, generator=g(seed))
    t = torch.randint(0, process.T + 1, shape[:1], generator=g(seed))
    eps = torch.randn(shape, generator=g(seed + 1))
    expected = equations.noised(doubles(x), t, doubles(eps), kept)
    for how in ({"eps": eps}, {"generator": g(seed + 1)}):
        assert_near(process.degrade(x, t, **how), expected)
    stream = g(seed)
    t = torch.randint(1, process.T + 1, shape[:1], generator=stream)
    eps = torch.randn(shape, generator=stream)
    expected = equations.ddpm_loss(predict, doubles(x), t.tolist(), doubles(eps), kept)
    assert process.loss(network, x, g(seed)).item() == pytest.approx(expected, rel=1e-5)


@given(schedules(), SHAPES, SEEDS, st.sampled_from([1, 2]), st.booleans(), st.data())
def test_each_step_of_a_ddpm_is_line_4_of_algorithm_2_or_eq_12_of_song(pair, shape, seed, power, clip, data):
    schedule, betas = pair
    process, kept = DDPM(schedule), equations.cumulative(betas)
    steps = data.draw(st.integers(2, process.T) | st.none())
    how = {"steps": steps, "clip_x0": clip, "spacing": ["uniform", "quadratic"][power - 1]}
    start = torch.randn(shape, generator=g(seed))
    for sampler in (Ancestral(**how), DDIM(**how)):
        x, stream = walk(process, network, shape[0], seed, sampler, start), g(seed)
        assert [*x] == visits(sampler, process.T)
        assert torch.equal(x[process.T], start)
        for t, s in pairwise(x):
            x_t, a, b = doubles(x[t]), kept[t], kept[s]
            eps = predict(x_t, t / process.T)
            eps = equations.clipped(x_t, eps, a) if clip else eps
            if isinstance(sampler, DDIM):
                assert_near(x[s], equations.ddim_step(x_t, eps, a, b))
            else:
                z = torch.randn(shape, generator=stream) if s else torch.zeros(shape)
                assert_near(x[s], equations.ancestral_step(x_t, eps, a, b, doubles(z)))


def test_a_step_near_the_image_is_exact_though_next_to_no_noise_is_left():
    """What it takes of the predicted noise is as small as 1 - alpha_bar there."""
    process, kept, zero = DDPM(STUDY[0]), equations.cumulative(STUDY[1]), torch.zeros(1, 1, 4, 4)
    for t, s in ((1, 0), (2, 1), (3, 2), (9, 5), (1000, 999)):
        by_ancestral, by_ddim = (
            sampler.step(process, zero, zero + 1, t, s, g(0)) - sampler.step(process, zero, zero, t, s, g(0))
            for sampler in (Ancestral(), DDIM())
        )
        a, b = kept[t], kept[s]
        assert by_ancestral.mean().item() == pytest.approx(equations.ancestral_step(0, 1, a, b, 0), abs=1e-7)
        assert by_ddim.mean().item() == pytest.approx(equations.ddim_step(0, 1, a, b), abs=1e-7)


@pytest.mark.parametrize("sampler", [Ancestral(), Ancestral(clip_x0=True), DDIM(), DDIM(clip_x0=True)])
def test_a_first_step_without_noise_is_gone_back_without_a_change(sampler):
    """beta_1 may be 0: then alpha_bar is 1 at t = 1, as at t = 0."""
    x = walk(
        DDPM(linear(5, 0, 0.3)), network, 2, start=torch.randn(2, 1, 4, 4, generator=g(0)), sampler=sampler
    )
    assert torch.equal(x[1], x[0])
    assert (x[2] - x[1]).abs().max() > 0.01


@settings(max_examples=200)
@given(st.integers(2, 1000), st.sampled_from([1, 2]), st.data())
@example(1000, 1, None)
def test_steps_are_spaced_evenly_or_quadratically_and_none_is_visited_twice(T, power, data):
    n = data.draw(st.integers(2, T)) if data else T
    how = {"steps": n, "spacing": ["uniform", "quadratic"][power - 1]}
    samplers = [Ancestral(**how), DDIM(**how), *([Naive(levels=n), Improved(levels=n)] if power == 1 else [])]
    found = visits(samplers[0], T)
    assert [visits(sampler, T) for sampler in samplers] == [found] * len(samplers)
    assert (found[0], found[-1], len(found)) == (T, 0, n + 1)
    assert all(a > b for a, b in pairwise(found))
    for i, t in enumerate(reversed(found)):  # where steps would fall together, they are one apart
        assert t == i or 2 * abs(t * n**power - T * i**power) <= n**power  # the nearest


# --- cold diffusion ---


@st.composite
def colds(draw, side):
    """A cold process of images of that side, with its degradation written out."""
    kind = draw(st.sampled_from(["zoom", "crop", "blur"]))
    if kind == "zoom":
        return ColdZoom(draw(st.integers(1, side - 1))), equations.zoom
    T = draw(st.integers(1, 12))
    if kind == "blur":
        return ColdBlur(T), lambda x, t: equations.blur(x, 0.4 * t)
    sides = [side * (4 / side) ** (t / T) % 1 for t in range(T + 1)]
    assume(all(abs(part - 0.5) > 1e-3 for part in sides))  # which float32 may round otherwise
    return ColdCrop(T), lambda x, t: equations.crop(x, t, T)


@given(SHAPES, SEEDS, st.data())
def test_cold_degradations_and_their_loss_are_those_written_out(shape, seed, data):
    process, degrade = data.draw(colds(shape[-1]))
    process.image_noise = data.draw(st.floats(0.01, 1) | st.just(0))
    x, stream = torch.randn(shape, generator=g(seed)), g(seed)
    t = torch.randint(0, process.T + 1, shape[:1], generator=g(seed))
    levels = zip(doubles(x), t.tolist(), strict=True)
    assert_near(process.degrade(x, t), np.stack([degrade(one, k) if k else one for one, k in levels]))
    t, noise = torch.randint(1, process.T + 1, shape[:1], generator=stream), torch.zeros(shape)
    if process.image_noise:
        sd = process.image_noise * torch.rand((len(x), 1, 1, 1), generator=stream)
        noise = sd * torch.randn(shape, generator=stream)
    expected = equations.cold_loss(predict, degrade, doubles(x), t.tolist(), process.T, doubles(noise))
    assert process.loss(network, x, g(seed)).item() == pytest.approx(expected, rel=1e-5)


@given(SHAPES, SEEDS, st.floats(0, 1), st.floats(0, 1), st.data())
@example((2, 1, 9, 9), 0, 0.0, 0.0, None)
def test_sampling_is_algorithm_1_or_2_of_bansal_with_noise_on_the_predicted_image(
    shape, seed, everywhere, grey, data
):
    process, degrade = data.draw(colds(shape[-1])) if data else (ColdZoom(5), equations.zoom)
    n = data.draw(st.integers(1, process.T) | st.none()) if data else None
    start = torch.randn(shape, generator=g(seed))
    for sampler, algorithm in ((Naive, equations.naive), (Improved, equations.improved)):
        x = walk(process, network, shape[0], seed, sampler(everywhere, n, grey), start)
        assert len(x) == 1 + (n or process.T)
        stream = g(seed)
        for t, s in pairwise(x):
            z, x_t = None, doubles(x[t])
            if s and (everywhere or grey):
                sd = equations.grey_deviation(predict(x_t, t / process.T), everywhere, grey)
                z = sd * doubles(torch.randn(shape, generator=stream))
            # One step of the algorithm, from the latent that is there, so that rounding does not add up.
            _, expected = algorithm(lambda x, _, t=t: predict(x, t / process.T), degrade, x_t, [t, s], [z])
            assert_near(x[s], expected)


# --- training ---


class Forgets(nn.Module):
    """A network with dropout, which sees the time."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 1, 3, padding=1)
        self.drop = nn.Dropout(0.4)

    def forward(self, x, t):
        return self.last(self.drop(self.first(x).tanh()) + t.view(-1, 1, 1, 1))


def zoom_loss(network, x, generator):
    t = torch.randint(1, 5, (len(x),), generator=generator)
    x_t = torch.stack([equations.zoom(one, k) for one, k in zip(x, t.tolist(), strict=True)])
    return mse_loss(network(x_t, t / 4), x)


def noise_loss(network, x, generator):
    t, kept = torch.randint(1, 10, (len(x),), generator=generator), equations.cumulative([0.1] * 9)
    eps = torch.randn(x.shape, generator=generator)
    a = torch.tensor(kept, dtype=torch.float64)[t].view(-1, 1, 1, 1)
    return mse_loss(network(a.sqrt().float() * x + (1 - a).sqrt().float() * eps, t / 9), eps)


HOW = st.fixed_dictionaries(
    {
        "batch_size": st.integers(1, 8),
        "learning_rate": st.floats(1e-4, 1e-2),
        "lr_schedule": st.sampled_from(["constant", "cosine"]),
        "ema": st.none() | st.floats(0.1, 0.9),
        "seed": st.integers(0, 2**32 - 1),
    }
)


@settings(max_examples=12)
@given(
    HOW,
    st.sampled_from(["zoom", "ddpm"]),
    st.integers(2, 12),
    st.booleans(),
    st.integers(1, 9),
    st.booleans(),
)
def test_a_training_is_the_loop_written_out(how, kind, n, tested, length, in_epochs):
    images = torch.rand(n + 5, 1, 8, 8, generator=g(n)) - 0.5
    x, x_test = images[:n], images[n:] if tested else None
    process = ColdZoom(4) if kind == "zoom" else DDPM(linear(9, 0.1, 0.1))
    epochs, steps = (-(-length // 3), None) if in_epochs else (None, length)
    total = steps or epochs * -(-n // how["batch_size"])
    kept = {"checkpoint_steps": 100, "network": Forgets}
    run = train((x, x_test), None, process, epochs=epochs, steps=steps, **kept, **how)
    expected = [*loop.training(Forgets, zoom_loss if kind == "zoom" else noise_loss, x, x_test, total, how)]
    assert (run.epochs, run.steps) == (len(expected), total)
    assert [loss for _, loss in run.losses] == pytest.approx(
        [one for e in expected for one in e.losses], rel=1e-5
    )
    for line, one in zip(run.history, expected, strict=True):
        assert line["train_loss"] == pytest.approx(np.mean(one.losses), rel=1e-5)
        assert line["test_loss"] == (pytest.approx(one.test_loss, rel=1e-5) if tested else None)
        found = run.network(line["epoch"]).state_dict()
        assert all(torch.allclose(found[name], value, atol=1e-6) for name, value in one.weights.items())


@settings(max_examples=200)
@given(st.integers(1, 100_000), st.floats(0, 1), st.sampled_from(["constant", "cosine"]))
@example(1, 0.0, "cosine")
@example(33, 1 / 33, "cosine")
@example(10**5, 0.002, "cosine")
def test_the_rate_warms_up_over_three_percent_of_the_steps_but_not_over_more_than_200(total, where, schedule):
    k = min(int(where * total), total - 1)
    for step in {0, k, total - 1}:
        expected = 0.3 * loop.rate(step, total, schedule)
        assert learning_rate_at(step, total, 0.3, schedule) == pytest.approx(expected, abs=1e-12)
