"""Samples: each way to draw them gives others, and the same way the same again."""

import os

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import diffusion as d
from helpers import Grey, Linear, stay, train
from oracles import equations, loop

GREY = torch.zeros(4, 1, 4, 4, dtype=torch.float64)  # pixels that a zoom leaves, in another precision
ZOOM = {
    "as it is": {},
    "seed": {"seed": 1},
    "epoch": {"epoch": 2},
    "noise": {"sampler": d.Naive(noise=0.1)},
    "levels": {"sampler": d.Naive(levels=6)},
    "function": {"sampler": stay},
    "patches": {"prior": "patches"},
    "start": {"start": GREY},
    "precision": {"precision": "bf16"},
}
DDPM = {"as it is": {}, "steps": {"sampler": d.Ancestral(steps=5)}, "ddim": {"sampler": "ddim"}}


@pytest.mark.parametrize(("process", "ways"), [(d.ColdZoom(), ZOOM), (d.DDPM(d.linear(20)), DDPM)])
def test_each_way_gives_other_samples_and_the_same_again(images, tmp_path, process, ways):
    run = train(images, tmp_path, process)
    found = {name: run.sample(4, **way).tolist() for name, way in ways.items()}
    assert len({*map(str, found.values())}) == len(ways)
    again = d.open(tmp_path)
    again.images = images[0]
    assert {name: again.sample(4, **way).tolist() for name, way in ways.items()} == found


@pytest.mark.parametrize("seed", [0, 5, None])
def test_samples_are_drawn_by_the_seed_that_is_asked_for_or_else_by_the_trainings(images, seed):
    """The start first, then the noise of each step, of the generator of the seed."""
    run = train(images, None, d.DDPM(d.linear(20)), seed=5, epochs=1, network=Linear)
    stream = loop.keyed(5 if seed is None else seed, "sample")
    start = torch.randn(3, 1, 28, 28, generator=stream)
    assert torch.equal(run.sample(3, seed, sampler=stay), start)
    x = dict(run.process.reverse(run.network(), start, d.Ancestral(), stream))[0].detach()
    assert torch.allclose(run.sample(3, seed), x, atol=1e-5)


class Moody(nn.Module):
    """A network that is another one in training: with dropout, and with the statistics of a batch."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.5))
        self.out = nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, x, t):
        return self.out(self.layers(x))


def test_samples_are_of_the_network_as_it_is_evaluated(images):
    """Algorithm 2 of Vrikkis (2024), with the weights that the run's file has."""
    run, network = train(images, None, network=Moody), Moody().eval()
    network.load_state_dict(load_file(run.store.weights(3)))
    assert not run.network().training
    x = images[0][:3] - 0.2
    found = run.trajectory(start=x, sampler=d.Naive(levels=3))
    with torch.no_grad():
        for t in (16, 8, 0):
            x = torch.from_numpy(equations.zoom(network(x, torch.ones(3)).numpy(), t))
            assert torch.allclose(found[t], x, atol=1e-5)
    assert all(p.requires_grad for p in run.network().parameters())


def test_a_start_stands_for_all_or_for_one_each_whatever_lies_beside(whole):
    patches = torch.rand(130, 1, 4, 4, generator=torch.Generator().manual_seed(0)) - 0.5
    many, last = whole.sample(start=patches.numpy()), patches[129:]
    one = whole.sample(start=last)
    assert torch.allclose(many[129:], one, atol=1e-3)
    assert torch.allclose(whole.sample(3, start=last), one.expand(3, -1, -1, -1), atol=1e-3)
    assert torch.equal(whole.sample(start=whole.process.from_pixels(last)), one)
    noisy = whole.sample(3, start=last, sampler=d.Naive(noise=0.2))
    assert not torch.equal(noisy[0], noisy[1])


@pytest.mark.parametrize("way", ZOOM.values(), ids=ZOOM)
def test_a_trajectory_ends_with_the_images_that_the_same_arguments_sample(whole, way):
    how = way if "start" in way else {"n": 2} | way
    walk = whole.trajectory(**how)
    assert torch.equal(walk[0], whole.sample(**how))
    levels = getattr(way.get("sampler"), "levels", None) or 24
    assert [*walk] == [*range(24, -1, -24 // levels)]
    assert walk[24][0].unique().numel() <= 16  # the pixels that the zoom leaves


def test_how_a_run_is_sampled_by_default_may_be_set_later(images, tmp_path, whole):
    best = {"sampler": d.Naive(noise=0.3, levels=6), "prior": d.Mixture(2)}
    run = train(images, tmp_path)
    assert run.calls == 24
    run.sampler, run.prior = best.values()
    assert run.calls == 6
    assert torch.equal(run.sample(3), whole.sample(3, **best))
    assert not torch.equal(whole.sample(3), run.sample(3))
    assert torch.equal(run.trajectory(3, 7)[0], whole.sample(3, 7, **best))


class Once(Grey):
    """It learns another level each time, and collects them."""

    def __init__(self, level=0.0):
        super().__init__(level)
        self.levels = []

    def fit(self, pixels):
        super().fit(pixels)
        self.level += int.from_bytes(os.urandom(4)) / 2**36
        self.levels.append(self.level)


def test_a_prior_is_fitted_once_on_the_runs_own_images(images, tmp_path):
    run, prior = train((images[0] / 2, None), tmp_path, epochs=1), Once()
    first = run.sample(2, prior=prior, sampler=stay)
    assert vars(prior) == vars(Once())  # a copy of it is fitted, and of what it holds
    assert torch.equal(run.sample(2, prior=Once(), sampler=stay), first)
    other = run.sample(2, prior=Once(0.2), sampler=stay)  # with other options
    assert (other - first).min() > 0.1
    again = d.open(tmp_path)
    for again.images in (None, images[0]):
        with pytest.raises(ValueError, match=r"a Grey, needs the training images.* run\.images"):
            again.sample(2, prior=Grey(0.2))
    again.images = images[0] / 2
    assert again.sample(2, prior=Grey(0.2), sampler=stay).unique().tolist() == pytest.approx([0.2])


class Counts:
    calls = 0

    def step(self, process, x_t, prediction, t, s, generator):
        self.calls += 1
        return prediction * self.calls


def test_the_same_call_gives_the_same_images_whatever_a_sampler_counts(whole):
    sampler = Counts()
    assert torch.equal(whole.sample(2, sampler=sampler), whole.sample(2, sampler=sampler))
    assert sampler.calls == 0


def test_a_callback_that_raises_ends_inference_mode_at_once(whole):
    def stop(t, x):
        raise KeyError(t)

    with pytest.raises(KeyError) as caught:
        whole.sample(2, callback=stop)
    assert caught.tb  # keeps the frames of the call
    assert not torch.is_inference_mode_enabled()
