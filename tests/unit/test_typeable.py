"""What prints as a call can be typed: the call makes an equal object."""

import pytest
import torch

import diffusion as d
from diffusion.values import to_json, tree
from helpers import Fade

NAMES = {name: getattr(d, name) for name in d.__all__}
CALLS = {  # what is printed -> what is made
    "ColdZoom()": d.ColdZoom(),
    'ColdZoom(T=12, interpolation="bilinear")': d.ColdZoom(12, "bilinear", 0.0),
    "ColdZoom(T=24, image_noise=0.1)": d.ColdZoom(T=24, image_noise=0.1),
    "ColdCrop()": d.ColdCrop(T=8),
    "ColdCrop(T=5, image_noise=0.25)": d.ColdCrop(5, 0.25),
    "ColdBlur()": d.ColdBlur(),
    "ColdBlur(7)": d.ColdBlur(7),
    "DDPM(linear())": d.DDPM(),
    "DDPM(linear(T=20, beta_start=0.001, beta_end=0.3))": d.DDPM(
        "linear", T=20, beta_start=1e-3, beta_end=0.3
    ),
    "DDPM(cosine(T=50, beta_max=0.5))": d.DDPM(d.cosine(50, beta_max=0.5)),
    "linear(beta_end=0.03)": d.linear(beta_end=0.03),
    "cosine()": d.cosine(),
    "Pixels()": d.Pixels(),
    "Patches()": d.Patches(),
    "Mixture()": d.Mixture(50),
    "Mixture(3)": d.Mixture(3),
    "Ancestral()": d.Ancestral(),
    'Ancestral(steps=5, clip_x0=True, spacing="quadratic")': d.Ancestral(5, True, "quadratic"),
    "DDIM(steps=5)": d.DDIM(steps=5),
    "Naive()": d.Naive(noise=0),
    "Naive(noise=0.1, levels=12)": d.Naive(0.1, 12),
    "Improved(grey_noise=0.5)": d.Improved(grey_noise=0.5),
}
KINDS = [
    cls
    for cls in NAMES.values()
    if isinstance(cls, type)
    and (hasattr(cls, "step") or hasattr(cls, "draw") or issubclass(cls, d.DegradationProcess))
    and cls not in (d.DegradationProcess, d.ColdDiffusion)  # which one derives from
]


@pytest.mark.parametrize("text", CALLS)
def test_the_text_of_a_part_makes_an_equal_part(text):
    made = CALLS[text]
    assert repr(made) == text
    again = eval(text, dict(NAMES))
    assert type(again) is type(made)
    assert to_json(tree(again, "again")) == to_json(tree(made, "made"))


def test_every_public_process_prior_and_sampler_is_tried():
    assert len(KINDS) == 11
    assert {*KINDS} <= {type(made) for made in CALLS.values()}


def test_what_cannot_be_typed_says_so():
    class Kept(d.ColdDiffusion):
        def __init__(self, T, strength=1.0, mask=None):
            self.T, self.scale, self.mask = T, strength, mask

        def degrade(self, x, t):
            return x

    assert repr(Kept(3, mask=torch.zeros(9))) == "Kept(T=3, strength=..., mask=...)"
    assert repr(d.NoiseSchedule.from_beta("mine", [0.1, 0.3, 0.2])) == "<NoiseSchedule mine, T = 3>"
    assert repr(d.cosine(50, s=0.5, beta_max=0.9)) == "<NoiseSchedule cosine, T = 50>"
    assert repr(d.NoiseSchedule.from_beta("linear", [0.1, 0.3, 0.2])) == "<NoiseSchedule linear, T = 3>"
    assert repr(d.Pixels().fit(torch.zeros(9, 1, 4, 4))) == "PixelCounts(counts=..., side=4)"


def test_a_run_prints_as_the_call_that_opens_it(whole, monkeypatch):
    assert repr(whole) == f'open("{whole.folder}")'
    monkeypatch.chdir(whole.folder.parent)
    assert repr(whole) == f'open("{whole.name}")'
    again = eval(repr(whole), dict(NAMES))
    assert (again.folder, again.settings) == (whole.folder, whole.settings)
    assert (repr(again.process), str(again)) == (repr(whole.process), str(whole))


def test_an_evaluator_prints_as_the_call_that_made_it(mnist_dir, capsys):
    how = {"n_train": 60, "n_test": 60, "interval_repeats": 2}
    made = d.Evaluator.for_dataset("mnist", **how, n_digits=60, seed=0)
    text = 'Evaluator.for_dataset("mnist", n_train=60, n_test=60, n_digits=60, interval_repeats=2)'
    assert repr(made) == text
    assert repr(eval(text, dict(NAMES))) == text
    of_any = d.Evaluator(made.x_train, made.x_test, dataset=None)
    assert repr(of_any) == "<Evaluator of 60 training and 60 test images>"


def test_a_process_of_ones_own_prints_by_its_arguments():
    assert repr(Fade(5)).startswith("Fade(")
    assert eval(repr(Fade(5)), {"Fade": Fade}).T == 5


@pytest.mark.parametrize("off", [1e-12, 1e-7])
def test_a_schedule_of_nearly_a_known_one_is_not_printed_as_that(off):
    """Numbers that a call prints make the same tensors, up to rounding."""
    beta = d.linear(20).beta[1:].clone()
    beta[9] *= 1 + off
    beta[1] += off / 100
    known = repr(d.NoiseSchedule.from_beta("linear", beta)) == "linear(T=20)"
    assert known == (off == 1e-12)
