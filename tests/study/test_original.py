"""The study's own files: its procedure for distances, and what its weights show."""

import pytest
import torch

import diffusion as d
from cells import defined
from diffusion.evaluation.evaluator import Evaluator

FILES = defined("10_files", "learnt", "scores")
noise_learnt, scored, wrapped = (FILES[name] for name in ("noise_learnt", "scored", "wrapped"))


def test_bytes_wrap_and_samples_do_not():
    """Against whole numbers: 255 (x + 1) / 2 modulo 256 for a byte x."""
    grey = torch.arange(256)
    assert wrapped(grey.to(torch.uint8)).tolist() == (255 * (grey + 1) // 2 % 256).tolist()
    assert wrapped(torch.tensor([-0.5, 0.0, 0.5])).tolist() == [63, 127, 191]


@pytest.mark.parametrize("variance", [2e-5, 3e-4, 0.01])
def test_the_noise_that_a_network_was_trained_on_is_found(variance):
    """The best prediction for images that are all black: the latent over the noise's standard deviation."""
    eps = torch.randn((8, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    found = noise_learnt(lambda x, t: x / variance**0.5, torch.zeros_like(eps), eps, 1, 1000)
    assert found == pytest.approx(variance, rel=0.02)


def test_by_the_studys_procedure_uniform_noise_is_better_than_real_digits(mnist_dir):
    evaluator = Evaluator.of("mnist", str(mnist_dir), 100, 500)
    noise = torch.rand((120, 1, 28, 28), generator=torch.Generator().manual_seed(0)) - 0.5
    digits, uniform = (scored(x, evaluator, n=100, described=120, draws=3) for x in (evaluator.x_test, noise))
    assert uniform[0].mean() < digits[0].mean()
    assert uniform[1] > 5 * digits[1]


def test_the_studys_weights_open_and_say_who_trained_them(mnist_dir, capsys):
    run = d.released("original", "zoom")
    assert "was trained by other code: https://github.com/av1518/cold_diffusion" in capsys.readouterr().out
    assert run.sample(2).shape == (2, 1, 28, 28)
    beta = d.released("original", "linear").process.schedule.beta
    assert beta[1] == pytest.approx(1e-4 + (0.02 - 1e-4) / 1000)
