"""Samples: any way to draw them has an identity, and the same way gives the same ones."""

import functools

import numpy as np
import pytest
import torch

import diffusion as d
from diffusion.files import digest
from diffusion.processes.priors import fitted
from diffusion.training import run as runs
from own import Grey, Halves, stay
from short_runs import train


@pytest.fixture(scope="module")
def zoom(images, one_thread, tmp_path_factory):
    return train(images, tmp_path_factory.mktemp("zoom"), channels=[4])


@pytest.fixture(scope="module")
def ddpm(images, one_thread, tmp_path_factory):
    return train(images, tmp_path_factory.mktemp("ddpm"), d.DDPM(d.linear(20)), epochs=1)


def weighted(process, x_t, prediction, t, s, generator, weight):
    return prediction * weight


class Shade(Grey):
    """Another prior of one's own."""

    def draw(self, n, generator):
        return super().draw(n, generator) / 2


ZOOM = {
    "as it is": {},
    "more": {"n": 5},
    "seed": {"seed": 1},
    "epoch": {"epoch": 2},
    "average": {"average": 2},
    "improved": {"sampler": "improved"},
    "noise": {"sampler": d.Naive(noise=0.1)},
    "grey noise": {"sampler": d.Naive(grey_noise=0.1)},
    "improved with noise": {"sampler": d.Improved(noise=0.1)},
    "levels": {"sampler": d.Naive(levels=6)},
    "function": {"sampler": stay},
    "class": {"sampler": Halves},
    "patches": {"prior": "patches"},
    "mixture": {"prior": d.Mixture(2)},
    "another mixture": {"prior": d.Mixture(3)},
    "partial": {"sampler": functools.partial(weighted, weight=0.5)},
    "another partial": {"sampler": functools.partial(weighted, weight=1.0)},
    "own": {"prior": Grey(0.1)},
    "own with other options": {"prior": Grey(0.2)},
    "own, another class": {"prior": Shade(0.1)},
    "start": {"start": torch.zeros(4, 1, 4, 4)},
    "another start": {"start": torch.full((4, 1, 4, 4), 0.5)},
    "latents": {"start": torch.zeros(4, 1, 28, 28) + torch.arange(28) / 100},
    "precision": {"precision": "bf16"},
}
DDPM = {
    "as it is": {},
    "steps": {"sampler": d.Ancestral(steps=5)},
    "clipped": {"sampler": d.Ancestral(clip_x0=True)},
    "ddim": {"sampler": "ddim"},
    "ddim steps": {"sampler": d.DDIM(steps=5)},
    "start": {"start": torch.zeros(4, 1, 28, 28)},
    "precision": {"precision": "bf16"},
}


@pytest.mark.parametrize(("model", "ways"), [("zoom", ZOOM), ("ddpm", DDPM)])
def test_two_ways_give_other_samples_and_are_told_apart_and_one_way_gives_the_same(request, model, ways):
    run = request.getfixturevalue(model)
    drawn = {name: run.sample(**{"n": 4} | how) for name, how in ways.items()}
    assert len({x.numpy().tobytes() for x in drawn.values()}) == len(ways)
    assert len({digest(run.drawn_by(**{"n": 4} | how)) for how in ways.values()}) == len(ways)
    again = d.open(run.folder)
    for name, how in ways.items():
        assert torch.equal(again.sample(**{"n": 4} | how), drawn[name]), name
        assert again.drawn_by(**{"n": 4} | how) == run.drawn_by(**{"n": 4} | how)


def test_a_start_stands_for_all_or_for_one_each(zoom):
    patch = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(0)) - 0.5
    one = zoom.sample(start=patch)
    assert one.shape == (1, 1, 28, 28)
    assert torch.equal(zoom.sample(start=patch.numpy()), one)
    assert torch.allclose(zoom.sample(3, start=patch), one.expand(3, -1, -1, -1), atol=1e-3)
    assert torch.equal(zoom.sample(1, start=d.ColdZoom().expand(patch)), one)
    noisy = zoom.sample(3, start=patch, sampler=d.Naive(noise=0.2))
    assert not torch.equal(noisy[0], noisy[1])


def test_a_way_by_default_is_kept_and_is_no_part_of_the_weights(images, tmp_path, before_step):
    run = train(images, tmp_path, epochs=2)
    best = {"sampler": d.Naive(noise=0.3), "prior": d.Mixture(2), "average": 2}
    wanted = run.sample(3, **best)
    assert not torch.equal(run.sample(3), wanted)
    assert run.by_default(**best) is run
    assert torch.equal(run.sample(3), wanted)
    again = d.open(run.folder)
    assert (again.way.sampler, again.way.prior, again.calls) == (best["sampler"], best["prior"], 24)
    assert torch.equal(again.sample(3), wanted)
    without = {"sampler": best["sampler"], "prior": best["prior"], "average": 1}
    assert torch.equal(again.sample(3, average=1), run.sample(3, **without))
    before_step(1, lambda _: pytest.fail("trained again"))
    assert train(images, tmp_path, epochs=2).folder == run.folder
    with pytest.raises(ValueError, match="average = 3"):
        run.by_default(average=3)


def test_a_prior_is_fitted_once_on_the_runs_own_images(images, tmp_path, monkeypatch):
    run = train(images, tmp_path / "runs", epochs=1)
    run.sample(2, prior=Grey(0.1))
    x, again = images[0], d.open(run.folder)
    monkeypatch.setattr("diffusion.data.find", lambda *_: None)
    again.sample(3, prior=Grey(0.1))  # needs no images
    again.keeps = False
    with pytest.raises(ValueError, match="fitted on the training images, which are not known; set run.im"):
        again.sample(2, prior=Grey(0.2))
    again.images = x * 0.5
    with pytest.raises(ValueError, match="which are not those of this run"):
        again.sample(2, prior=Grey(0.2))
    again.images = x
    again.sample(2, prior=Grey(0.2))


def test_a_foreign_or_damaged_prior_is_not_taken(images, tmp_path, capsys):
    run = train(images, tmp_path, epochs=1)
    wanted = run.sample(2, prior="patches", seed=3)
    pixels, patches = (
        next(run.folder.glob(f"{run.prior_name(prior)}-*")) for prior in (d.Pixels(), d.Patches())
    )
    for content in (pixels.read_bytes(), patches.read_bytes()[:-1] + b"x", b""):
        patches.write_bytes(content)
        run.keeps, run.learnt = False, {}
        assert torch.equal(run.sample(2, prior="patches", seed=3), wanted)
        assert "the prior is fitted again" in capsys.readouterr().out


def test_a_prior_is_fitted_once_for_a_run_that_keeps_nothing(images, tmp_path, monkeypatch):
    run = train(images, tmp_path, epochs=1)
    run.keeps, fits = False, []
    monkeypatch.setattr(runs, "fitted", lambda *of: fits.append(of) or fitted(*of))
    first, second = (run.sample(2, prior="patches", seed=3) for _ in range(2))
    assert torch.equal(first, second)
    assert len(fits) == 1


# --- what gives no images is refused, once ---


class Draws:
    """A prior that draws what it is told."""

    def __init__(self, give):
        self.give = give

    def draw(self, n, generator):
        return self.give(n)


def stop(process, x_t, prediction, t, s, generator):
    return x_t[:1]


def explode(process, x_t, prediction, t, s, generator):
    return x_t * float("nan")


def middle(process, x_t, prediction, t, s, generator):
    return prediction[:, 0]


class Nowhere:
    def visits(self, T):
        return None

    def step(self, process, x_t, prediction, t, s, generator):
        return prediction


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"n": 0}, "n = 0"),
        ({"seed": -1}, "seed = -1"),
        ({"average": 9}, "average = 9"),
        ({"sampler": "ddim"}, "takes the noise"),
        ({"sampler": stop}, "the sampler gave"),
        ({"sampler": explode}, "not finite"),
        ({"sampler": middle}, "the sampler gave .* at t ="),
        ({"sampler": Nowhere()}, "visits None"),
        ({"prior": Draws(lambda n: torch.zeros(8, 1, 4, 4))}, r"a Draws, gave \(8, 1, 4, 4\)"),
        ({"prior": Draws(lambda n: torch.full((n, 1, 4, 4), float("nan")))}, "not finite"),
        ({"prior": Draws(lambda n: [0])}, "a Draws, gave a list"),
        ({"prior": "mixtur"}, "did you mean 'mixture'"),
        ({"start": torch.zeros(3, 1, 4, 4)}, r"start is \(3, 1, 4, 4\)"),
        ({"start": [[0.0]], "n": 1}, "start is a list; needed: a tensor or array of floats, of one image"),
        ({"start": np.ones((4, 1, 4, 4))}, r"start reaches 1; needed: pixels in \[-0.5, 0.5\]"),
        ({"start": torch.zeros(4, 1, 5, 5)}, "start pixels are"),
        ({"start": torch.zeros(4, 1, 4, 4), "prior": "patches"}, "both given"),
    ],
    ids=lambda one: ",".join(one) if isinstance(one, dict) else None,
)
def test_what_gives_no_images_is_refused(zoom, how, named):
    with pytest.raises(ValueError, match=named):
        zoom.sample(**{"n": 4} | how)


def test_a_trajectory_leads_to_the_samples_in_the_way_by_default(images, tmp_path):
    run = train(images, tmp_path, epochs=2).by_default(average=2)
    walk = run.trajectory(2, sampler=d.Naive(levels=4))
    assert list(walk) == [24, 18, 12, 6, 0]
    assert torch.allclose(walk[0], run.sample(2, sampler=d.Naive(levels=4)), atol=1e-6)
    assert train(images, tmp_path, epochs=2).way.average == 2  # fit knows it as open does
    for n in (0, "a"):
        with pytest.raises(ValueError, match="n = "):
            run.trajectory(n)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_a_prior_of_another_precision_is_taken(zoom, dtype):
    class Wide:
        def draw(self, n, generator):
            return torch.zeros(n, 1, 4, 4, dtype=dtype)

    assert zoom.sample(2, prior=Wide()).dtype == torch.float32


class Alternating:
    def __init__(self):
        self.calls = 0

    def step(self, process, x_t, prediction, t, s, generator):
        self.calls += 1
        return prediction * self.calls


def test_the_same_call_gives_the_same_images_whatever_a_sampler_counts(images, tmp_path):
    run = train(images, tmp_path, epochs=1)
    sampler = Alternating()
    assert torch.equal(run.sample(2, sampler=sampler), run.sample(2, sampler=sampler))
    assert sampler.calls == 0
