"""The zoom against torchvision, one image at a time, and sampling against Algorithm 2 written out."""

from functools import partial

import pytest
import torch
from torchvision.transforms.functional import InterpolationMode, resized_crop

from diffusion import load
from diffusion.processes import DDPM, ColdZoom
from diffusion.processes.priors import MixturePrior
from diffusion.processes.zoom import central_patch, zoom
from own import BARS, Grey, stay


@pytest.fixture
def images():
    bytes_ = torch.randint(0, 256, (28, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    return bytes_.float() / 255 - 0.5


def g(seed=0):
    return torch.Generator().manual_seed(seed)


def torchvision_zoom(x, t, mode):
    top, size = (t + 1) // 2, 28 - t
    return resized_crop(x, top, top, size, size, [28, 28], mode, antialias=False)


def test_equals_torchvision_to_the_bit_with_a_level_of_its_own_for_each_image(images):
    levels = torch.randperm(28, generator=g(1))
    expected = [
        torchvision_zoom(x, int(t), InterpolationMode.NEAREST) for x, t in zip(images, levels, strict=True)
    ]
    assert torch.equal(zoom(images, levels), torch.stack(expected))


def test_bilinear_equals_torchvision_to_rounding(images):
    levels = torch.arange(28)
    expected = [
        torchvision_zoom(x, int(t), InterpolationMode.BILINEAR) for x, t in zip(images, levels, strict=True)
    ]
    assert (zoom(images, levels, "bilinear") - torch.stack(expected)).abs().max() < 1e-5


def test_the_pixel_prior_follows_the_central_pixels():
    black, white = torch.full((300, 1, 28, 28), -0.5), torch.full((100, 1, 28, 28), 0.5)
    process = ColdZoom()
    process.prepare(torch.cat([black, white]))
    counts = process.prior.counts
    assert (counts.sum(), counts[0], counts[255]) == (400 * 16, 300 * 16, 100 * 16)
    drawn = process.draw_prior(500, g())
    assert drawn.shape == (500, 1, 28, 28)
    assert set(drawn.unique().tolist()) == {-0.5, 0.5}
    assert (drawn == 0.5).float().mean().item() == pytest.approx(0.25, abs=0.02)
    blocks = drawn.view(500, 4, 7, 4, 7)
    assert (blocks == blocks[:, :, :1, :, :1]).all()  # 7 x 7 blocks of one value
    pixels = drawn[:, 0, ::7, ::7].flatten(1)
    assert torch.corrcoef(pixels.T).fill_diagonal_(0).abs().max() < 0.2  # independent


def test_the_patch_prior_draws_real_centres(images):
    process = ColdZoom(prior="patches")
    process.prepare(images)
    real = {tuple(p.flatten().tolist()) for p in central_patch(images, 4)}
    drawn = process.draw_prior(40, g())[:, :, ::7, ::7]
    assert {tuple(p.flatten().tolist()) for p in drawn} <= real


def test_the_mixture_prior_has_the_moments_of_real_centres_and_copies_none():
    random = g()
    patches = torch.randn(4000, 1, 2, 2, generator=random) * 0.05
    patches[..., 1] += patches[..., 0] - 0.1  # correlated pixels
    patches[::2] += 0.3  # in two clusters
    prior = MixturePrior(components=2)
    prior.fit(patches)
    drawn, real = prior.draw(4000, g(1)).flatten(1), patches.flatten(1)
    assert torch.allclose(drawn.mean(0), real.mean(0), atol=0.02)
    assert torch.allclose(torch.cov(drawn.T), torch.cov(real.T), atol=0.003)
    assert torch.cdist(drawn, real).min() > 0
    with pytest.raises(ValueError, match="50 components need as many patches; there are 20"):
        MixturePrior().fit(patches[:20])
    with pytest.raises(ValueError, match="components is 0"):
        ColdZoom(prior="mixture", prior_options={"components": 0})


@pytest.mark.parametrize(
    ("prior", "options"), [("pixels", {}), ("patches", {}), ("mixture", {"components": 3}), ("own:Grey", {})]
)
def test_what_a_prior_learnt_is_kept(images, prior, options):
    process, other = (ColdZoom(prior=prior, prior_options=options) for _ in range(2))
    process.prepare(images)
    other.load_state(process.state())
    assert torch.equal(process.draw_prior(5, g()), other.draw_prior(5, g()))


def test_a_prior_of_ones_own_has_options_that_tell_samples_apart(images):
    one, two = (ColdZoom(prior="own:Grey", prior_options={"level": x}) for x in (0.1, 0.2))
    two.prepare(images)
    assert (two.draw_prior(2, g()) == torch.tensor(0.2)).all()
    assert one.settings() == two.settings() == ColdZoom().settings()  # the training is the same
    assert one.sampling_settings() != two.sampling_settings()


def test_python_takes_the_object_in_place_of_its_name():
    named, given = ColdZoom(prior="own:Grey", sampler="own:stay"), ColdZoom(prior=Grey, sampler=stay)
    assert given.sampling_settings() == named.sampling_settings()
    assert DDPM(sampler=stay).sampling_settings()["sampler"] == "own:stay"
    assert torch.equal(load(BARS, "test")[0], load("own:BARS", "test")[0])
    for one in (lambda *_: None, partial(stay), Grey()):  # no name tells these from others
        with pytest.raises(ValueError, match="sampler is a .*; needed: its name, or a class or function"):
            ColdZoom(sampler=one)


def test_sampling_is_algorithm_2(images):
    process = ColdZoom(T=5)
    process.prepare(images)
    seen = []

    def network(x, t):
        seen.append(round(float(t[0]) * 5))
        return 0.9 * x + 0.01

    found = process.sample(network, 3, g(2))
    x = process.draw_prior(3, g(2))
    for s in (5, 4, 3, 2, 1):
        x = torch.stack([torchvision_zoom(i, s - 1, InterpolationMode.NEAREST) for i in 0.9 * x + 0.01])
    assert seen == [5, 4, 3, 2, 1]
    assert torch.equal(found, x)


def test_a_perfect_reconstructor_has_no_loss_and_samples_its_image(images):
    process = ColdZoom()
    process.prepare(images)
    same = images[:1].expand(32, -1, -1, -1)
    assert process.loss(lambda x, t: images[:1].expand_as(x), same, g()).item() == 0
    found = process.sample(lambda x, t: images[:1].expand_as(x), 2, g())
    assert torch.equal(found, images[:1].expand(2, -1, -1, -1))


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: ColdZoom(T=0), "T is 0; allowed: 1 to 27"),
        (lambda: ColdZoom(T=28), "T is 28"),
        (lambda: ColdZoom(interpolation="bicubic"), "'bicubic'; allowed: nearest, bilinear"),
        (lambda: ColdZoom(prior="pixel"), "prior is 'pixel'.*did you mean 'pixels'"),
        (lambda: ColdZoom(prior="patches", prior_options={"x": 1}), "has no option 'x'"),
        (lambda: ColdZoom().draw_prior(1, g()), "call prepare"),
        (lambda: ColdZoom().prepare([1]), "images are a list; needed: a tensor"),
        (lambda: DDPM("cosine"), "schedule is a str; needed: a NoiseSchedule"),
        (lambda: zoom(torch.zeros(1, 1, 28, 28), torch.tensor([28])), "28"),
        (lambda: zoom(torch.zeros(1, 1, 28, 27), torch.tensor([1])), "square"),
        (lambda: zoom(torch.zeros(2, 1, 28, 28), torch.tensor([1])), r"needed: \(2,\)"),
        (lambda: ColdZoom().prepare(torch.ones(2, 1, 28, 28)), "range from 1 to 1"),
        (lambda: ColdZoom().loss(torch.nn.Identity(), torch.ones(2, 1, 28, 28), g()), "range from 1 to 1"),
    ],
)
def test_bad_input_is_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()


def test_an_empty_batch_and_a_strided_one(images):
    process = ColdZoom()
    assert process.degrade(images[:0], torch.zeros(0, dtype=torch.long)).shape == (0, 1, 28, 28)
    wide = images.transpose(2, 3)  # not contiguous
    t = torch.full((28,), 5)
    assert torch.equal(process.degrade(wide, t), process.degrade(wide.contiguous(), t))


def test_noise_on_the_latents_is_what_the_identity_is_charged_for():
    grey = torch.full((4000, 1, 28, 28), 0.2)  # the zoom leaves it as it is
    loss = ColdZoom(latent_noise=0.3).loss(lambda x, t: x, grey, g())
    assert loss.item() == pytest.approx(0.3**2 / 3, rel=0.05)  # the mean of the squares of U(0, 0.3)
    assert ColdZoom().loss(lambda x, t: x, grey, g()).item() == 0
    assert "latent_noise" not in ColdZoom().settings()
    assert ColdZoom(latent_noise=0.3).settings()["latent_noise"] == 0.3
    with pytest.raises(ValueError, match="latent_noise is -1; allowed: a standard deviation"):
        ColdZoom(latent_noise=-1)
