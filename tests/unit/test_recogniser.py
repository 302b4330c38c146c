"""Distortions against other code, and a recogniser that accepts digits and refuses what is none."""

import numpy as np
import pytest
import torch
from scipy import ndimage

import diffusion as d
from diffusion.evaluation import classifier
from diffusion.evaluation.distortions import MILD
from diffusion.evaluation.recogniser import DigitRecogniser, digit, of_kinds, tidied
from diffusion.runtime import generator
from helpers import defined

NO_DIGITS = defined("07_yardstick", "kinds", "scribbles", "noise")["NO_DIGITS"]
N_KIND = 40
WAYS = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c]
LINEAR = {"order": 1, "mode": "grid-constant"}  # of interpolation
EXPECTED = {  # distortion -> all that it may make of ink
    "thicker": lambda ink: [ndimage.maximum_filter(ink, 2, origin=-1, mode="constant")],
    "thinner": lambda ink: [(ink + ndimage.minimum_filter(ink, 2, origin=-1, mode="constant")) / 2],
    "shifted by 3 pixels": lambda ink: [ndimage.shift(ink, (3 * r, 3 * c), **LINEAR) for r, c in WAYS],
    "turned by 20°": lambda ink: [ndimage.rotate(ink, k, reshape=False, **LINEAR) for k in (20, -20)],
    "on 10 % grey": lambda ink: [ink + 0.1 * (1 - ink)],
}


@pytest.fixture(scope="module")
def digits(mnist_dir):
    return d.load("mnist", "test", mnist_dir, 240)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_mild_distortion_is_what_it_is_called_in_each_of_its_ways(digits, name):
    x, labels, seen = digits[0][:60], digits[1][:60], set()
    for clean, made in zip(x, MILD[name](x, labels, generator(0)), strict=True):
        ways = EXPECTED[name]((clean[0] + 0.5).numpy())
        errors = [np.abs((made[0] + 0.5).numpy() - one).max() for one in ways]
        assert min(errors) < 2e-3
        seen.add(int(np.argmin(errors)))
    assert len(seen) == len(ways)


@pytest.fixture(scope="module")
def known(mnist_dir):
    return classifier.load(), d.load("mnist", "train", mnist_dir, 600)[0]


@pytest.fixture(scope="module")
def fitted(known, digits):
    return DigitRecogniser.fit(*known, *digits, N_KIND)


def test_it_accepts_digits_and_refuses_noise_scribbles_and_grey(fitted, digits):
    x, labels = (part[1::2] for part in digits)
    kinds = (MILD | NO_DIGITS).items()
    accepted = {name: digit(fitted, kind(x, labels, generator(name))).value for name, kind in kinds}
    assert min(accepted[kind] for kind in MILD) > 0.7
    assert min(accepted["unchanged"], accepted["shifted by 3 pixels"]) > 0.85
    assert accepted["random pen strokes"] < 0.3
    assert max(accepted["uniform noise"], accepted["shuffled pixels"]) < 0.05
    noise = torch.randn(100, 1, 28, 28, generator=generator("no digits"))
    grey = torch.linspace(-0.5, 0.5, 64)[:, None, None, None].expand(-1, 1, 28, 28)
    for none in (noise / 20 - 0.4, (noise > 0).float() - 0.5, grey):
        assert not fitted.accepts(none).any()


def test_its_bound_refuses_one_in_twenty_of_distorted_digits_made_of_every_second_one(fitted, known, digits):
    x, labels = digits
    kinds = of_kinds(MILD, x[::2], labels[::2], N_KIND, "bound")
    accepted = torch.cat([fitted.accepts(images) for images, _ in kinds.values()])
    assert float(accepted.double().mean()) == pytest.approx(0.95, abs=0.005)


def test_the_ground_is_that_of_rows_as_strokes_reach_the_sides():
    x = torch.full((1, 1, 28, 28), -0.5)
    x[:, :, 3:-3, :3] = x[:, :, 3:-3, -3:] = 0.5
    assert torch.equal(tidied(x), x)


def test_a_digit_is_near_to_five_training_digits_wherever_it_lies_and_on_whatever_grey(fitted, known, digits):
    x = digits[0][:20]
    moved = x.roll((1, -1), (2, 3))
    assert torch.allclose(fitted.scores(moved + 0.3 * (0.5 - moved)), fitted.scores(x), atol=0.05)
    assert torch.equal(fitted.scores(3 * x), fitted.scores((3 * x).clamp(-0.5, 0.5)))
    for copies in (4, 5):
        near = torch.cat([known[1], x[:1].expand(copies, -1, -1, -1)])
        scores = DigitRecogniser.fit(known[0], near, *digits, n=1).scores(x)
        assert (scores[0] > 10 + scores[1:].max()) == (copies == 5)
