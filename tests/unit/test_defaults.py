"""Bounds of public arguments, and what is sampled where nothing is said; defaults: golden/test_docs.py."""

import pytest
import torch

import diffusion as d
from diffusion.processes import NoiseSchedule
from diffusion.processes.base import check_images, levels
from diffusion.processes.priors import Gaussians, PixelCounts
from diffusion.processes.samplers import visits
from diffusion.training.folder import RunError
from helpers import Linear, train


def test_classes_are_sampled_as_the_docs_say_where_nothing_is_said():
    assert d.DDPM().schedule.alpha_bar.equal(d.linear().alpha_bar)
    assert (d.DDPM.sampler, d.DDPM.prior, d.DDPM.predicts) == (d.Ancestral(), None, "noise")
    assert (d.ColdZoom().T, d.ColdZoom.sampler, d.ColdZoom.prior) == (24, d.Naive(), d.Pixels())
    assert (d.ColdCrop.sampler, d.ColdCrop.prior, d.ColdCrop.predicts) == (d.Naive(), d.Pixels(), "image")
    assert (d.ColdBlur.sampler, d.ColdBlur.prior) == (d.Naive(), None)
    assert (d.linear().name, d.cosine().name) == ("linear", "cosine")
    for name, schedule in (("linear", d.linear), ("cosine", d.cosine)):
        assert d.DDPM(name, T=9).schedule.beta.equal(schedule(T=9).beta)
    for name, sampler in (("ancestral", d.Ancestral), ("ddim", d.DDIM)):
        assert d.sampler(name, steps=5) == sampler(steps=5)
    for name, sampler in (("naive", d.Naive), ("improved", d.Improved)):
        assert d.sampler(name, levels=5) == sampler(levels=5)
    for name, prior in (("pixels", d.Pixels()), ("patches", d.Patches()), ("mixture", d.Mixture())):
        assert d.prior(name) == prior
    assert d.prior("mixture", components=3) == d.Mixture(3)
    for name, process in (("zoom", d.ColdZoom), ("crop", d.ColdCrop), ("blur", d.ColdBlur)):
        assert type(d.degradation(name, T=3)) is process
        assert d.degradation(name, T=3).T == 3


def test_what_draws_grey_patches_has_one_colour_where_nothing_is_said():
    counts, generator = torch.eye(256)[9].long(), torch.Generator()
    assert PixelCounts(counts, 2).draw(3, generator).shape == (3, 1, 2, 2)
    means, spread = torch.zeros(1, 4, dtype=torch.float64), torch.zeros(1, 4, 4, dtype=torch.float64)
    drawn = Gaussians(torch.ones(1, dtype=torch.float64), means + 0.2, spread).draw(3, generator)
    assert torch.allclose(drawn, torch.full((3, 1, 2, 2), 0.2))


# --- bounds: values that are allowed, and the nearest that are not ---


def of_images(change):
    """x -> what is made of images whose last pixel is x."""

    def call(value):
        x = torch.zeros(2, 1, 4, 4)
        x[1, 0, 3, 3] = value
        change(x)

    return call


def taken(process, side):
    process.set_image_shape((1, side, side))
    return process.T


BOUNDS = {  # what is bounded -> (call, allowed, refused, what is said)
    "T of linear": (lambda T: d.linear(T=T), [2, 100_000], [1, 0, 100_001, 2.0], ": T is "),
    "T of cosine": (lambda T: d.cosine(T=T), [2, 100_000], [1, 100_001], ": T is "),
    "beta_start": (lambda b: d.linear(9, b, 0.5), [0, 0.5], [-1e-9, 0.501, 1.0], "beta_start"),
    "beta_end": (lambda b: d.linear(9, 0.0, b), [0, 0.999999], [1.0, -0.1, 1.5], "beta_end"),
    "s": (lambda s: d.cosine(9, s), [0, 9.0], [-1e-9, float("inf")], ": s is "),
    "beta_max": (lambda b: d.cosine(9, beta_max=b), [1e-9, 0.999999], [0, 1.0, 1.5], "beta_max"),
    "a beta": (lambda b: NoiseSchedule("b", [0.1, b]), [0, 0.99], [-1e-9, 1.0], "beta at t = 2 is"),
    "alpha_bar_0": (
        lambda a: NoiseSchedule.from_alpha_bar("a", [a, 0.5, 0.1]),
        [1, 1 + 9e-7, 1 - 9e-7],
        [1 + 2e-6, 1 - 2e-6, 2.0],
        "alpha_bar at t = 0 is",
    ),
    "alpha_bar": (
        lambda a: NoiseSchedule.from_alpha_bar("a", [1, 0.5, a]),
        [0.5, 1e-6],
        [0.0, 0.51, -0.1],
        r"beta at t = 2 is .*\[0, 1\)",
    ),
    "dimensions of a schedule": (
        lambda n: NoiseSchedule("x", torch.zeros([2] * n)),
        [1],
        [0, 2, 3],
        "^beta is .*one number for each step",
    ),
    "T of the blur": (d.ColdBlur, [1, 10_000], [0, 10_001], ": T is "),
    "T of the zoom": (d.ColdZoom, [1, 99], [0, -1, 2.0, True], ": T is "),
    "T of a zoom of 9 x 9": (lambda T: taken(d.ColdZoom(T), 9), [1, 8], [9, 10], "^T is .* from 1 to 8$"),
    "T of the crop": (d.ColdCrop, [1, 99], [0], ": T is "),
    "side of the crop": (lambda S: taken(d.ColdCrop(), S), [5, 6], [4, 3], "^the images' side is .* from 5$"),
    "image_noise": (lambda sd: d.ColdZoom(image_noise=sd), [0, 1, 0.5], [-0.1, 1.1], "image_noise"),
    "image_noise of the crop": (lambda sd: d.ColdCrop(image_noise=sd), [0, 1], [-0.1, 1.1], "image_noise"),
    "interpolation": (
        lambda how: d.ColdZoom(interpolation=how),
        ["nearest", "bilinear"],
        ["bicubic", "area"],
        "interpolation",
    ),
    "steps": (lambda n: d.Ancestral(steps=n), [2, None], [1, 0, 2.0], "steps"),
    "steps of 4": (lambda n: d.DDIM(steps=n).visits(4), [2, 4], [5, 100], "^steps is .* from 1 to 4$"),
    "spacing": (lambda how: d.DDIM(spacing=how), ["uniform", "quadratic"], ["cubic"], "spacing"),
    "levels": (lambda n: d.Naive(levels=n), [1, None], [0, -1], "levels"),
    "levels of 4": (lambda n: d.Naive(levels=n).visits(4), [1, 4], [5, 100], "^levels is .* from 1 to 4$"),
    "noise": (lambda sd: d.Naive(noise=sd), [0, 1], [-0.1, 1.1], "noise"),
    "grey_noise": (lambda share: d.Improved(grey_noise=share), [0, 1], [-0.1, 1.1], "grey_noise"),
    "components": (d.Mixture, [1, 2], [0], "components"),
    "patches of a mixture": (
        lambda n: d.Mixture(2).fit(torch.arange(n * 4.0).reshape(n, 1, 2, 2)),
        [2, 3],
        [1],
        "components is 2; expected: at most 1,",
    ),
    "channels": (lambda n: d.Reconstructor([n], image_shape=(1, 4, 4)), [1, 1024], [0, 1025], "channels"),
    "blocks": (
        lambda n: d.Reconstructor([1] * n, image_shape=(1, 4, 4)),
        [1, 64],
        [0, 65],
        "channels",
    ),
    "dilations": (
        lambda n: d.Reconstructor([2], dilations=[n], image_shape=(1, 4, 4)),
        [1, 9],
        [0, 10],
        "dilations",
    ),
    "dilations of two blocks": (
        lambda n: d.Reconstructor([2, 2], dilations=[1] * n, image_shape=(1, 4, 4)),
        [2],
        [1, 3],
        "^dilations is .*; needed: one for each of 2 blocks",
    ),
    "width": (d.UNet, [4, 8], [0, 2, 6], "width"),
    "pixels": (
        of_images(lambda x: check_images(x, "x")),
        [-0.5, 0.5, -0.5 - 5e-7, 0.5 + 5e-7],
        [-0.50001, 0.50001, float("nan"), -9.0, 9.0],
        r"^x: pixels range from .*\[-0.5, 0.5\]",
    ),
    "shapes of images": (
        lambda shape: check_images(torch.zeros(shape)),
        [(1, 1, 4, 4), (2, 3, 1, 1)],
        [(1, 1, 4, 5), (1, 4, 4), (1, 1, 1, 4, 4)],
        "^images: .* expected: square images",
    ),
    "types of images": (
        lambda kind: check_images(torch.zeros(1, 1, 4, 4, dtype=kind)),
        [torch.float32, torch.float64],
        [torch.uint8, torch.int64],
        "^images: .* expected: square images, floats",
    ),
    "levels of images": (
        lambda t: levels(torch.zeros(3, 1, 4, 4), t, 5),
        [0, 5, [0, 5, 5], [1], torch.tensor(2)],
        [-1, 6, [0, 0, 6], [0, 0, -1], [1, 2], 1.0, [[1], [2], [3]], [[[1]]], [0, 1, 2, 3]],
        "^t is .*; expected: whole numbers from 0 to 5, one for each image or all$",
    ),
    "images of levels": (
        lambda shape: levels(torch.zeros(shape), 1, 5),
        [(3, 1, 4, 4), (1, 3, 2, 2)],
        [(1, 4, 4), (1, 1, 1, 4, 4)],
        r"^x is .*; expected: a tensor of images \(B, C, S, S\)$",
    ),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_values_are_allowed_up_to_their_bounds_and_not_beyond(name):
    call, allowed, refused, said = BOUNDS[name]
    for value in allowed:
        call(value)
    for value in refused:
        with pytest.raises(ValueError, match=said):
            call(value)


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("batch_size", [1, 10**6], [0]),
        ("learning_rate", [1e-9, 1000], [0, 1000.1]),
        ("lr_schedule", ["constant", "cosine"], ["linear"]),
        ("seed", [0, 2**32 - 1], [-1, 2**32]),
        ("ema", [1e-9, 0.999999], [0.0, 1.0]),
        ("checkpoint_steps", [1, 10**6], [0]),
        ("steps", [1], [0, -1]),
        ("precision", ["fp32", "bf16"], ["fp16"]),
    ],
)
def test_a_training_takes_values_up_to_their_bounds_and_not_beyond(name, allowed, refused):
    x = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)) - 0.5
    how = {"epochs": None, "steps": 1, "network": Linear, "process": d.ColdZoom(4)}
    for value in allowed:
        assert train((x, None), None, **how | {name: value}).steps == 1
    for value in refused:
        with pytest.raises(ValueError, match=f"^fit: {name} is "):
            train((x, None), None, **how | {name: value})


# --- a zoom of images of any side, and samplers of one's own ---


@pytest.mark.parametrize("S", [5, 9, 28, 32])
def test_a_zoom_keeps_the_depth_that_was_asked_for_and_leaves_4_pixels_a_side_otherwise(S):
    assert taken(d.ColdZoom(), S) == S - 4
    for T in (1, S // 2, 24, S - 1):
        if T < S:
            assert taken(d.ColdZoom(T), S) == T
    assert d.ColdZoom.T == 24  # of the class, which stays as it was


def test_a_zoom_of_images_of_few_pixels_has_one_level():
    assert [taken(d.ColdZoom(), S) for S in (2, 3, 4, 5)] == [1, 1, 1, 1]


class Visits(d.Naive):
    def visits(self, T):
        return self.way


@pytest.mark.parametrize(
    ("way", "is_allowed"),
    [
        ([5, 4, 3, 2, 1, 0], True),
        ([5, 0], True),
        ((5, 2, 0), True),
        ([5, 3, 1], False),  # ends above 0
        ([5], False),
        ([], False),
        ([4, 2, 0], False),  # begins below T
        ([6, 5, 0], False),
        ([5, 2, 3, 0], False),  # rises
        ([0, 5], False),
        ([5, 2, 2, 0], False),  # twice
        ([5, 2.5, 0], False),
        ([5, 2, 0, -1], False),
        ([5, 2, 0, 0], False),
    ],
)
def test_a_sampler_of_ones_own_goes_from_T_down_to_0(way, is_allowed):
    sampler = Visits()
    Visits.way = way
    if is_allowed:
        assert visits(sampler, 5) == [*way]
        return
    with pytest.raises(ValueError, match="^Visits visits .*; expected: from T = 5 down to 0, each.*once$"):
        visits(sampler, 5)
    process = d.ColdZoom(5)
    with pytest.raises(ValueError, match="at most once"):
        next(iter([*process.reverse(lambda x, t: x, torch.zeros(1, 1, 9, 9), sampler, torch.Generator())]))


def test_more_steps_than_a_process_has_are_refused_before_anything_is_drawn(whole):
    for sampler in (d.Naive(levels=25), d.Improved(levels=25)):
        with pytest.raises(ValueError, match="^levels is 25; allowed: a whole number from 1 to 24$"):
            whole.sample(2, sampler=sampler)
    with pytest.raises(RunError, match="epoch is 4, average 1; .* has epochs 1 to 3"):
        whole.sample(2, epoch=4)
