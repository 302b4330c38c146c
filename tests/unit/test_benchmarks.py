"""The benchmarks: both sides of a ratio compute the same. No test asserts a time."""

import pytest
import torch

import diffusion as d
from benchmarks import baseline
from diffusion.processes.zoom import zoom

N = 16


def same():
    return torch.Generator().manual_seed(1)


def test_the_textbooks_images_and_losses_are_ours(mnist_dir, monkeypatch):
    images = d.load("mnist", data_dir=mnist_dir, n=N)[0]
    assert torch.equal(torch.stack([x for x, _ in baseline.dataset(N)]), images)
    levels = torch.arange(N) % 25
    assert torch.equal(baseline.zoom(images, levels), zoom(images, levels))
    network, ddpm, source = d.Reconstructor().eval(), d.DDPM(d.linear()), same()
    t = torch.randint(1, ddpm.T + 1, (N,), generator=source)
    eps = torch.randn(images.shape, generator=source)
    monkeypatch.setattr(torch, "randn_like", lambda x: eps)
    of_ddpm = baseline.ddpm_loss(ddpm.schedule.alpha_bar)(network, images, t)
    of_zoom = baseline.zoom_loss(network, images, torch.randint(1, 25, (N,), generator=same()))
    for process, theirs in ((ddpm, of_ddpm), (d.ColdZoom(), of_zoom)):
        assert theirs.item() == pytest.approx(process.loss(network, images, same()).item(), rel=1e-6)
