"""The WebAssembly that the page runs, against torch in float64; references are those of references.py."""

from pathlib import Path

import numpy as np
import pytest
import torch

import diffusion as d
from diffusion.play import bundle, compile
from diffusion.training.network import UNet
from wasm_kernel import Kernel

ONE_CALL = 2e-5  # of a pixel; 1 grey level is 4e-3
DIGIT = 1e-2  # of the worst pixel after 24 calls
MEDIAN = 5e-4  # of a digit's worst pixel


@pytest.fixture(scope="module")
def references():
    return np.load(Path(__file__).with_name("references.npz"))


@pytest.mark.parametrize(
    ("profile", "model"),
    [
        *[("paper", "zoom"), ("paper", "linear"), ("paper", "cosine")],
        *[("beyond", "zoom_unet_noise"), ("beyond", "linear_unet")],
    ],
)
def test_one_call(references, profile, model):
    kernel = Kernel(d.released(profile, model).network())
    for row in references[f"call-{model}"]:
        x, expected, share = row[:784], row[784:-1], row[-1]
        assert np.abs(kernel(x, share) - expected).max() < ONE_CALL


def test_whole_digits(references):
    worst = []
    for seed in (0, 1):
        kernel = Kernel(d.released("paper", "zoom", seed).network())
        for pixels, expected in list(zip(references["seeds"], references[f"zoom-{seed}"], strict=True))[::3]:
            worst.append(np.abs(kernel.digit(pixels) - expected).max())
    assert max(worst) < DIGIT
    assert np.median(worst) < MEDIAN


def test_whole_digits_with_noise_on_the_way(references):
    kernel = Kernel(d.released("beyond", "zoom_unet_noise").network())
    pairs = list(zip(references["unet-seeds"], references["unet-digits"], strict=True))[::3]
    worst = [np.abs(kernel.digit(seed, references["unet-noise"]) - digit).max() for seed, digit in pairs]
    assert max(worst) < DIGIT
    assert np.median(worst) < MEDIAN


@pytest.mark.parametrize(("profile", "model"), [("paper", "zoom"), ("beyond", "zoom_unet_noise")])
def test_the_edge_stays_empty_from_call_to_call(references, profile, model):
    kernel = Kernel(d.released(profile, model).network())
    row = references[f"call-{model}"][0]
    x, share = row[:784], row[-1]
    first = kernel(x, share)
    kernel(-x, 1.0)
    assert np.array_equal(kernel(x, share), first)


def test_a_constant_image_is_no_division_by_zero():
    torch.manual_seed(0)
    network = UNet().double()
    with torch.inference_mode():
        x = torch.zeros(1, 1, 28, 28, dtype=torch.float64)
        expected = network(x, torch.tensor([0.5], dtype=torch.float64)).flatten().numpy()
    assert np.abs(Kernel(network)(np.zeros(784), 0.5) - expected).max() < ONE_CALL


@torch.inference_mode()
def test_the_norm_that_keeps_the_mean():
    torch.manual_seed(0)
    network = d.Reconstructor(norm="rms")
    for block in network.blocks:  # so that scale and shift matter
        block[1].weight.add_(torch.rand(28, 28))
        block[1].bias.add_(torch.randn(28, 28))
    x = torch.randn(1, 1, 28, 28)
    expected = network(x, torch.tensor([0.4])).flatten().numpy()  # torch's own has no float64
    found = Kernel(network)(x.flatten().numpy(), 0.4)
    assert np.abs(found - expected).max() < ONE_CALL


def test_the_committed_file_is_what_the_compiler_makes():
    pytest.importorskip("ziglang", reason=f"no compiler: pip install ziglang=={compile.COMPILER}")
    assert compile.compiled() == bundle.kernel()
