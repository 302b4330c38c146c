"""Distortions against closed forms, and a recogniser that accepts digits and refuses what is none."""

import pytest
import torch
from scipy import ndimage

import diffusion as d
from cells import defined
from diffusion import data
from diffusion.evaluation import classifier, distortions, recogniser
from diffusion.runtime import generator

NO_DIGITS = defined("07_yardstick", "kinds", "scribbles", "noise")["NO_DIGITS"]


@pytest.fixture(scope="module")
def digits(mnist_dir):
    return data.load("mnist", "test", mnist_dir, 400)


@pytest.mark.parametrize("pixels", [1, 3])
def test_a_shift_is_a_shift(digits, pixels):
    x, labels = digits
    moved = distortions.shifted(pixels)(x[:20], labels[:20], generator(0))
    for a, b in zip(x[:20], moved, strict=True):
        ways = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c]
        expected = [ndimage.shift((a[0] + 0.5).numpy(), (r * pixels, c * pixels), order=1) for r, c in ways]
        assert min(abs((b[0] + 0.5).numpy() - e).max() for e in expected) < 1e-5


def test_a_turn_is_a_turn(digits):
    x, labels = digits
    turned = distortions.turned(90)(x[:8], labels[:8], generator(0))
    for a, b in zip(x[:8], turned, strict=True):
        assert min((torch.rot90(a, k, (1, 2)) - b).abs().max() for k in (1, 3)) < 1e-4


@pytest.fixture(scope="module")
def fitted(mnist_dir, digits):
    x_train, _ = data.load("mnist", "train", mnist_dir, 2000)
    return recogniser.DigitRecogniser.fit(classifier.load(), x_train, *digits, n=60)


def test_it_accepts_digits_and_refuses_noise_and_scribbles(fitted, digits):
    x, labels = (part[1::2] for part in digits)
    accepted = {
        name: float(fitted.accepts(kind(x, labels, generator(name))).double().mean())
        for name, kind in (distortions.MILD | NO_DIGITS).items()
    }
    assert min(accepted[kind] for kind in distortions.MILD) > 0.7
    assert accepted["unchanged"] > 0.9
    assert accepted["shifted by 3 pixels"] > 0.85  # where confidence fails
    assert accepted["random pen strokes"] < 0.3
    assert max(accepted["uniform noise"], accepted["shuffled pixels"]) < 0.05


@torch.inference_mode()
def test_it_refuses_noise_grey_and_blank_which_confidence_does_not(fitted):
    random = generator("no digits")
    noise = torch.randn(200, 1, 28, 28, generator=random)
    run = d.released("paper", "linear")
    grainy = run.trajectory(8, sampler=d.Ancestral(steps=10))
    alpha_bar = run.process.schedule.alpha_bar[-1]
    restored = (
        noise[:8] - (1 - alpha_bar).sqrt() * run.network()(noise[:8], torch.ones(8))
    ) / alpha_bar.sqrt()
    none = {
        "Gaussian noise": noise / 2,
        "faint noise": noise / 20 - 0.4,
        "black and white": (noise > 0).float() - 0.5,
        "grey": torch.linspace(-0.5, 0.5, 256)[:, None, None, None].expand(-1, 1, 28, 28),
        "early steps of a DDPM": torch.cat([x for t, x in grainy.items() if t >= 500]),
        "noise restored at once": restored,
    }
    assert {name: int(fitted.accepts(x).sum()) for name, x in none.items()} == dict.fromkeys(none, 0)
    read = classifier.logits(fitted.classifier, none["black and white"]).softmax(1).amax(1)
    assert float((read > 0.8).double().mean()) > 0.9


def test_its_bound_refuses_one_in_twenty_of_the_digits_it_was_fitted_on(fitted, digits):
    x, labels = (part[::2] for part in digits)
    kinds = recogniser.of_kinds(distortions.MILD, x, labels, 60, "bound")
    accepted = torch.cat([fitted.accepts(images) for images, _ in kinds.values()])
    assert float(accepted.double().mean()) == pytest.approx(0.95, abs=0.005)
