"""Distortions and the recogniser against other code; it accepts digits and refuses other images."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

import diffusion as d
from diffusion.evaluation import classifier
from diffusion.evaluation.distortions import MILD, warp
from diffusion.evaluation.recogniser import DigitRecogniser, digit, distort, tidied
from diffusion.runtime import generator
from helpers import defined
from unit import oracles_measures as oracle

NO_DIGITS = defined("07_yardstick", "kinds", "scribbles", "noise")["NO_DIGITS"]
N_KIND = 40
WAYS = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c]
LINEAR = {"order": 1, "mode": "grid-constant"}  # of interpolation


def shifts(pixels):
    return lambda ink: [ndimage.shift(ink, (pixels * r, pixels * c), **LINEAR) for r, c in WAYS]


def turns(degrees):
    return lambda ink: [ndimage.rotate(ink, k, reshape=False, **LINEAR) for k in (degrees, -degrees)]


EXPECTED = {  # distortion -> all that it may make of ink
    "unchanged": lambda ink: [ink],
    **{f"shifted by {n} pixel{'s' * (n > 1)}": shifts(n) for n in (1, 2, 3)},
    **{f"turned by {angle}°": turns(angle) for angle in (10, 20)},
    "thicker": lambda ink: [ndimage.maximum_filter(ink, 2, origin=-1, mode="constant")],
    "thinner": lambda ink: [(ink + ndimage.minimum_filter(ink, 2, origin=-1, mode="constant")) / 2],
    "on 5 % grey": lambda ink: [ink + 0.05 * (1 - ink)],
    "on 10 % grey": lambda ink: [ink + 0.1 * (1 - ink)],
}


@pytest.fixture(scope="module")
def digits(mnist_dir):
    return d.load("mnist", "test", 240)


@pytest.mark.parametrize("name", MILD)
def test_a_mild_distortion_is_what_it_is_called_in_each_of_its_ways(digits, name):
    x, labels, seen = digits[0][:60], digits[1][:60], set()
    x = x.roll(7, -1)  # ink at the edges
    again = MILD[name](x, labels, generator(0))
    assert torch.equal(again, MILD[name](x, labels, generator(0)))
    for clean, made in zip(x, MILD[name](x, labels, generator(0)), strict=True):
        ways = EXPECTED[name]((clean[0] + 0.5).numpy())
        errors = [np.abs((made[0] + 0.5).numpy() - one).max() for one in ways]
        assert min(errors) < 2e-3
        seen.add(int(np.argmin(errors)))
    assert len(seen) == len(ways)


def test_a_shift_is_right_and_down_and_an_angle_counter_clockwise(digits):
    x, angles, moves = digits[0][:4], [30, -90, 0, 90], [(0, 0), (0, 0), (2, 1), (-3, 0)]
    made = warp(x, torch.tensor(angles).float(), torch.tensor(moves).float())
    for one, before, angle, (right, down) in zip(made, x, angles, moves, strict=True):
        turned = ndimage.rotate((before[0] + 0.5).numpy(), angle, reshape=False, **LINEAR)
        expected = ndimage.shift(turned, (down, right), **LINEAR)
        assert (one[0] + 0.5).numpy() == pytest.approx(expected, abs=2e-3)


@pytest.fixture(scope="module")
def known(mnist_dir):
    return classifier.load(), d.load("mnist", "train", 600)[0]


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


def ink_of(x):
    return (x[:, 0].double() + 0.5).numpy()


def features_of(model):
    """Features of ink in grey values, as all features are."""

    def features(ink):
        grey = torch.from_numpy(np.rint(255 * ink) / 255 - 0.5).float()[:, None]
        with torch.inference_mode():
            return model.features(grey).double().numpy()

    return features


def spoiled(x):
    """Images as models may draw them: moved, on grey, faint, with strokes that reach the sides, and blank."""
    far = x.roll((5, -6), (2, 3))
    columns, one = x[:1].clone(), torch.full((1, 1, 28, 28), -0.5)
    one[..., 3, 4:6] = -0.2  # less ink than one white pixel has
    columns[..., :3] = columns[..., -3:] = 0.5
    faint = 0.97 * 0.5 + 0.02 * x
    noise = torch.rand(4, 1, 28, 28, generator=generator("spoiled")) - 0.5
    return torch.cat(
        [x, far, x + 0.3 * (0.5 - x), 3 * x, faint, noise, one, columns, 0 * columns - 0.5, 0 * columns + 0.5]
    )


def test_the_background_is_that_of_rows_and_the_ink_is_moved_to_the_middle(digits):
    x = spoiled(digits[0][:20]).clamp(-0.5, 0.5)
    expected = np.stack([*map(oracle.tidied, ink_of(x))])
    assert np.abs(ink_of(tidied(x)) - expected).max() < 1e-5
    sides = torch.full((1, 1, 28, 28), -0.5)
    sides[:, :, 3:-3, :3] = sides[:, :, 3:-3, -3:] = 0.5
    assert torch.equal(tidied(sides), sides)


def test_scores_are_those_of_the_definition(fitted, known, digits):
    x = spoiled(digits[0][:20])
    near = oracle.digit_scores(ink_of(x.clamp(-0.5, 0.5)), ink_of(known[1]), features_of(known[0]))
    found = fitted.scores(x)
    assert found.numpy() == pytest.approx(near, abs=2e-3)
    assert torch.equal(fitted.accepts(x), found >= fitted.bound)
    assert fitted.accepts(x).any()
    assert not fitted.accepts(x).all()
    exactly = replace(fitted, bound=float(found[3]))  # a score that reaches the threshold is accepted
    assert exactly.accepts(x)[3]


def test_95_percent_of_distorted_digits_made_of_every_second_one_reach_the_threshold(fitted, known, digits):
    x, labels = digits
    kinds = distort(MILD, x[::2], labels[::2], N_KIND, "bound")
    assert kinds.keys() == EXPECTED.keys()
    scores = np.concatenate([fitted.scores(images).numpy() for images, _ in kinds.values()])
    assert len(scores) == N_KIND * len(EXPECTED)
    assert fitted.bound == pytest.approx(oracle.threshold(scores))
    # The other half, which tries it, has no part in it.
    others = x.clone()
    others[1::2] = 0
    assert DigitRecogniser.fit(*known, others, labels, N_KIND).bound == fitted.bound


def test_images_of_a_kind_are_random_ones_with_their_labels(digits):
    x, labels = digits
    kinds = {"as they are": MILD["unchanged"], "the same": MILD["unchanged"]}
    (first, of_first), (other, _) = distort(kinds, x, labels, 30, "a").values()
    places = [int((x == one).flatten(1).all(1).nonzero()[0, 0]) for one in first]
    assert len({*places}) == 30
    assert places[:4] == [76, 236, 132, 144]  # the threshold of the reports is of such draws
    assert of_first.tolist() == labels[places].tolist()
    assert not torch.equal(first, other)
    assert not torch.equal(first, distort(kinds, x, labels, 30, "b")["as they are"][0])


def test_a_digit_is_near_to_five_training_digits(known, digits):
    x = digits[0][:20]
    for copies in (4, 5):
        near = torch.cat([known[1], x[:1].expand(copies, -1, -1, -1)])
        scores = DigitRecogniser.fit(known[0], near, *digits, n=1).scores(x)
        assert (scores[0] > 10 + scores[1:].max()) == (copies == 5)
