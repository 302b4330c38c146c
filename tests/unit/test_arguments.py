"""Arguments: each is allowed up to its bounds, and beyond them refused in a line that names it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

import diffusion as d
from diffusion.arguments import check_whole
from diffusion.pixels import check_images, finite_images, note_outside
from diffusion.processes import NoiseSchedule
from diffusion.processes.base import levels
from diffusion.processes.samplers import sampler_of, visits
from diffusion.training.check import check
from diffusion.training.folder import RunError
from diffusion.training.settings import notes
from helpers import Fade, Grey, Linear, stay, train

X = torch.rand(60, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5
FEW = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1)) - 0.5
NAN = float("nan")
REFUSED = TypeError, ValueError, AttributeError, RunError


def is_refused(call, value, named):
    """In one line, which says this of the argument."""
    with pytest.raises(REFUSED, match=named) as error:
        call(value)
    assert "\n" not in str(error.value)


# --- processes, schedules, samplers, priors, networks and images ---


def own(base, **methods):
    """A class that this module has under a name of its own."""
    name = f"Own{len(globals())}"
    globals()[name] = type(name, (base,), methods | {"__module__": __name__})
    return globals()[name]


class Visits(d.Naive):
    """A sampler of one's own."""

    def __init__(self, times):
        self.times = times

    def visits(self, T):
        return self.times


def of_side(process, side):
    process.set_image_shape((1, side, side))
    return process.T


def adding(off, among=False):
    """A process that adds something to all images, or only to those that are not alone."""
    return own(Fade, degrade=lambda self, x, t: Fade.degrade(self, x, t) + off * (not among or len(x) > 1))()


def zoom_by(interpolation):
    return d.ColdZoom(interpolation=interpolation)


def shaped(shape):
    return check_images(torch.zeros(shape))


def typed_images(dtype):
    return check_images(torch.zeros(1, 1, 4, 4, dtype=dtype))


def level_of(t, shape=(3, 1, 4, 4)):
    return levels(torch.zeros(shape), t, 5)


def with_pixel(value):
    x = torch.zeros(2, 1, 4, 4)
    x[1, 0, 3, 3] = value
    return check_images(x, "x")


def from_beta(beta):
    return NoiseSchedule("b", beta)


def patches(n):
    return torch.arange(n * 4.0).reshape(n, 1, 2, 2)


def network(channels=(2,), dilations=None):
    return d.Reconstructor([*channels], dilations=dilations, image_shape=(1, 4, 4))


def falling(kept):
    return NoiseSchedule.from_alpha_bar("a", kept)


def whole_to(high):
    return lambda n: check_whole("n", n, 1, high)


SAMPLERS = "sampler is .*: (ancestral, ddim, naive, improved.*did you mean 'ddim'|.*step)"
PRIORLESS, BAD_SHAPES = own(d.ColdDiffusion, degrade=None)(), [(1, 1, 4, 5), (1, 4, 4), (1, 1, 1, 4, 4)]
BOUNDS = {  # argument -> (call, allowed, refused, what the message says)
    "T of linear": (lambda T: d.linear(T=T), [2, 100_000], [1, 100_001, 2.0], ": T is "),
    "T of cosine": (lambda T: d.cosine(T=T), [2, 100_000], [1, 100_001], ": T is "),
    "beta_start": (lambda b: d.linear(9, b, 0.5), [0, 0.5], [-1e-9, 0.501, 1.0], "beta_start"),
    "beta_end": (lambda b: d.linear(9, 0.0, b), [0, 0.999999], [1.0, -0.1], "beta_end"),
    "s": (
        lambda s: d.cosine(9, s),
        [0, 9.0, np.float32(0.5), torch.tensor(2.5)],
        [-1e-9, float("inf"), NAN, "1", np.array([1.0])],
        ": s is .*; expected: ",
    ),
    "no argument": (lambda s: d.cosine(9, other=s), [], [1.0], "other"),
    "beta_max": (lambda b: d.cosine(9, beta_max=b), [1e-9, 0.999999], [0, 1.0], "beta_max"),
    "two at once": (lambda b: d.cosine(T=1, beta_max=b), [], [2], r": T is 1; .*\. beta_max is 2; "),
    "beta": (lambda b: from_beta([0.1, b]), [0, 0.99], [-1e-9, 1.0, NAN], r"t = 2 is .*\[0, 1\)"),
    "name": (lambda name: NoiseSchedule(name, "x"), [], [[0.1]], "name is a list; .*string"),
    "alpha_bar at 0": (lambda a: falling([a, 0.5]), [1, 1 + 9e-7, 1 - 9e-7], [1 + 2e-6, 0.9], "t = 0 is .*1"),
    "alpha_bar": (lambda a: falling([1, 0.5, a]), [0.5, 1e-6], [0.0, 0.51, -0.1], r"t = 2 is .*\[0, 1\)"),
    "dimensions of beta": (lambda n: from_beta(torch.zeros([2] * n)), [1], [0, 2, 3], "^beta is "),
    "T beside a schedule": (lambda T: d.DDPM(d.cosine(), T=T), [], [100], r"^T .*d\.cosine\(T=100\)$"),
    "schedule": (d.DDPM, ["linear", d.linear(3)], ["linaer", [0.1]], "^schedule is .*(linear|NoiseSched)"),
    "T of the blur": (d.ColdBlur, [1, 10_000], [0, 10_001], ": T is "),
    "T of the zoom": (d.ColdZoom, [1, 99], [0, -1, 2.0, True, "24"], ": T is "),
    "T of the crop": (d.ColdCrop, [1, 99], [0], ": T is "),
    "T of a zoom of 9 x 9": (lambda T: of_side(d.ColdZoom(T), 9), [1, 8], [9, 10], "^T is .* from 1 to 8$"),
    "side of the crop": (lambda side: of_side(d.ColdCrop(), side), [5, 6], [4, 3], "side is .* from 5$"),
    "image_noise of the zoom": (lambda sd: d.ColdZoom(image_noise=sd), [0, 1], [-0.1, 1.1], "image_noise"),
    "image_noise of the crop": (lambda sd: d.ColdCrop(image_noise=sd), [0, 1], [-0.1, 1.1], "image_noise"),
    "interpolation": (zoom_by, ["nearest", "bilinear"], ["bicubic", 1], " is .*'nearest' or 'bilinear'"),
    "degradation": (d.degradation, ["zoom"], ["zoo"], "degradation is .*: zoom, crop, blur"),
    "sampler": (d.sampler, ["ddim", d.DDIM, d.DDIM()], ["dim", 3, dict], SAMPLERS),
    "own sampler": (
        d.sampler,
        [stay, "helpers:stay"],
        ["helpers:none", "nowhere_:x"],
        "^sampler .*(none|nowhere_)",
    ),
    "options": (lambda n: d.sampler("naive", level=n), [], [1], "^sampler Naive cannot .*'level'"),
    "options of an object": (
        lambda n: d.sampler(d.Naive(), levels=n),
        [],
        [1],
        "^sampler .* cannot .*'levels'",
    ),
    "sampler of a zoom": (lambda s: sampler_of(s, d.ColdZoom()), [d.Naive()], [d.DDIM()], "DDIM .*Naive"),
    "steps": (
        lambda n: d.Ancestral(steps=n),
        [2, None, np.int64(3), torch.tensor(3), np.array(2)],
        [1, 0, 2.0, "3", True, np.array([3])],
        ": steps is .*; expected: ",
    ),
    "steps of 4": (lambda n: d.DDIM(steps=n).visits(4), [2, 4], [5, 100], "^steps is .* from 1 to 4$"),
    "spacing": (lambda how: d.DDIM(spacing=how), ["uniform", "quadratic"], ["cubic"], "spacing is .*uniform"),
    "levels": (lambda n: d.Naive(levels=n), [1, None], [0, -1], "levels"),
    "levels of 4": (lambda n: d.Naive(levels=n).visits(4), [1, 4], [5, 100], "^levels is .* from 1 to 4$"),
    "noise": (lambda sd: d.Naive(noise=sd), [0, 1, np.float64(1)], [-0.1, 1.1, NAN], ": noise is "),
    "grey_noise": (lambda share: d.Improved(grey_noise=share), [0, 1], [-0.1, 1.1], "grey_noise"),
    "visits": (  # from T down to 0, each once
        lambda times: visits(Visits(times), 5),
        [[5, 4, 3, 2, 1, 0], [5, 0], (5, 2, 0)],
        [[5, 3, 1], [5], [], [4, 2, 0], [6, 0], [5, 2, 3, 0], [0, 5], [5, 2, 2, 0], [5, 2.5, 0], [5, -1, 0]],
        "Visits visits .*from T = 5 down to 0",
    ),
    "prior": (d.prior, ["pixels"], ["pixel", 3], "prior is .*: (pixels, patches, mixture|.*fit)"),
    "prior of a process": (lambda process: process.draw_prior(1, None), [], [PRIORLESS], "no prior"),
    "pixels of a process": (lambda process: process.to_pixels(X), [], [d.DDPM()], "DDPM .*no prior"),
    "components": (d.Mixture, [1, 2], [0], "components"),
    "patches": (lambda n: d.Mixture(2).fit(patches(n)), [2, 3], [1], "components is 2; .* 1,"),
    "channels": (lambda n: network([n]), [1, 1024], [0, 1025], "channels"),
    "blocks": (lambda n: network([1] * n), [1, 64], [0, 65], "channels"),
    "dilation": (lambda n: network(dilations=[n]), [1, 9], [0, 10], "dilations"),
    "dilations": (lambda n: network([2, 2], [1] * n), [2], [1, 3], "^dilations is .* 2 blocks"),
    "norm": (lambda norm: d.Reconstructor(norm=norm), ["layer", "rms"], ["rsm"], "norm is .*: layer, rms"),
    "width": (d.UNet, [4, 8], [0, 2, 6], "width"),
    "pixel": (
        with_pixel,
        [-0.5, 0.5, -0.5 - 5e-7, 0.5 + 5e-7],
        [-0.50001, 0.50001, NAN, -9.0, 9.0],
        r"^x: pixels .*\[-0.5, 0.5\]",
    ),
    "shape of images": (shaped, [(1, 1, 4, 4), (2, 3, 1, 1)], BAD_SHAPES, "^images: .*square"),
    "number of images": (lambda n: shaped((n, 1, 4, 4)), [1], [0], "^images has no images"),
    "type of images": (typed_images, [torch.float64], [torch.uint8, torch.int64], "^images: .*floats"),
    "t": (
        level_of,
        [0, 5, [0, 5, 5], [1], torch.tensor(2)],
        [-1, 6, [0, 0, 6], [0, 0, -1], [1, 2], 1.0, [[1], [2], [3]], [[[1]]], [0, 1, 2, 3]],
        "^t is .* from 0 to 5",
    ),
    "x of t": (lambda shape: level_of(1, shape), [(1, 3, 2, 2)], BAD_SHAPES[1:], r"^x is .*\(B, C, S, S\)"),
    "images that somebody gave": (
        lambda x: finite_images(x, (2, 1, 4, 4), "mine"),
        [torch.zeros(2, 1, 4, 4), torch.full((2, 1, 4, 4), 9.0)],
        [None, torch.zeros(2, 1, 4, 5), torch.zeros(2, 1, 4, 4).long(), torch.full((2, 1, 4, 4), NAN)],
        r"^mine gave (.*\(2, 1, 4, 4\) of floats|numbers that are not finite)$",
    ),
    "whole": (whole_to(4), [1, 4, np.int64(2)], [0, 5, 2.0, "2", True], "n is .*from 1 to 4$"),
    "whole from": (whole_to(None), [1, 10**9], [0, None], "^n is .*from 1$"),
    "data set": (d.load, [], ["fashoin"], "mnist, fashion, kmnist.*did you mean 'fashion'"),
    "shape of a grid": (d.grid, [X[:1], FEW.expand(6, 3, 8, 8)], [X[0, 0], X[:0]], "^images is "),
    "colours of a grid": (lambda n: d.grid(FEW.expand(6, n, 8, 8)), [1, 3], [2, 4], "^images have"),
    "level 0": (lambda off: check(adding(off), X), [0.0009], [0.0011], "^level 0 must "),
    "batch": (
        lambda off: check(adding(off, among=True), X),
        [0.00009],
        [0.00011],
        "^images in a batch .* alone",
    ),
    "folder of pictures": (lambda path: d.images(path, size=8), [], [3], "folder is 3; .*PathLike"),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_values_are_allowed_up_to_their_bounds_and_not_beyond(name):
    call, allowed, refused, named = BOUNDS[name]
    for value in allowed:
        call(value)
    for value in refused:
        is_refused(call, value, named)


# --- data sets, runs, samples and measures; what is refused leaves nothing behind ---


def degrading(change):
    return own(Fade, degrade=lambda self, x, t: change(Fade.degrade(self, x, t)))()


def network_of(change):
    return own(Linear, forward=lambda self, x, t: change(Linear.forward(self, x, t)))


def drawing(x):
    return own(object, draw=lambda self, n, generator: x)()


def stepping(change):
    return lambda process, x_t, prediction, t, s, generator: change(x_t)


def local():
    class Hidden(Linear):
        pass

    return Hidden


ALLOWED = {  # verb and argument -> values up to the bounds
    "fit batch_size": [1, 10**6],
    "fit learning_rate": [1e-9, 1000],
    "fit lr_schedule": ["constant", "cosine"],
    "fit seed": [0, 2**32 - 1, np.uint32(7)],
    "fit ema": [1e-9, 0.999999],
    "fit checkpoint_steps": [1, 10**6],
    "fit steps": [1],
    "fit precision": ["fp32", "bf16"],
    "fit network": ["cnn", Linear],
    "fit images": [(FEW, FEW[:2])],
    "sample sampler": ["naive", stepping(lambda x: x)],
    "sample prior": ["patches", Grey()],
    "sample start": [X[:4], X[:1], X[:4, :, :4, :4]],
    "sample epoch": [1, 3],
    "measure x": [X],
    "measure_run n": [12],
    "evaluator x_test": [X[:12]],
    "evaluator x_train": [X[:12]],
    "grid columns": [1],
}


@pytest.mark.parametrize("name", ALLOWED)
def test_values_of_runs_and_measures_are_allowed_up_to_their_bounds(verbs, name):
    verb, argument = name.split()
    for value in ALLOWED[name]:
        getattr(verbs, verb)(None, **{argument: value})


NO_RUNS, BAD_START = [d.released("paper/zoom-0")] * 2, r"start has shape .*; .*\(4, 1, 4, 4\)"
REFUSED_RUNS = [  # verb and argument, value, what the message says
    ("fit batch_size", 0, "batch_size is"),
    ("fit learning_rate", 0, "learning_rate is"),
    ("fit learning_rate", 1000.1, "learning_rate is"),
    ("fit lr_schedule", "linear", "lr_schedule is .*'constant' or 'cosine'"),
    ("fit seed", -1, "seed is"),
    ("fit seed", 2**32, "seed is"),
    ("fit seed", SimpleNamespace(item=lambda: 3), "seed is"),
    ("fit ema", 0.0, "ema is"),
    ("fit ema", 1.0, "ema is"),
    ("fit checkpoint_steps", 0, "checkpoint_steps is"),
    ("fit steps", 0, "steps is"),
    ("fit epochs", 0, "epochs is 0; .* 1$"),
    ("fit epochs", 3, "steps is 1 and epochs is 3"),
    ("fit precision", "fp16", "precision is .*'fp32'"),
    ("fit device", "gpu", "device is 'gpu', .*'cpu'"),
    ("fit process", d.ColdZoom, "process is the class ColdZoom; .*DegradationProcess"),
    ("fit process", own(Fade, draw_prior=lambda self, n: None)(), "takes 2 positional arguments"),
    ("fit process", own(d.ColdDiffusion, degrade=None)(), "Own.* lacks T; set self.T"),
    ("fit process", degrading(lambda x: x[..., ::2, ::2]), r"degrade gave .*expected: .* 8, 8\) of floats"),
    ("fit process", degrading(lambda x: x.long()), "degrade gave .*int64; expected: .* of floats"),
    ("fit process", degrading(lambda x: None), "degrade gave None; expected: a torch tensor"),
    ("fit process", degrading(lambda x: x.numpy()), "degrade gave a NumPy array .*: a torch tensor"),
    ("fit network", network_of(lambda x: x.flatten(1)), r"returned \(2, 64\) .*a tensor \(2, 1, 8, 8\)"),
    ("fit network", network_of(lambda x: (x, 0)), "returned a tuple; expected: a tensor"),
    ("fit network", own(Linear, forward=lambda self, x: x), "takes 2 positional arguments"),
    ("fit network", local(), "network is .*Hidden, defined in a function"),
    ("fit network", d.UNet(), "network is a UNet; expected: a subclass of torch.nn.Module"),
    ("fit network", "cnnn", "network is 'cnnn'; allowed: cnn, unet"),
    ("fit network_options", {"scales": 1.0}, "Linear cannot .*'scales'"),
    ("fit network_options", {"scale": {1}}, r"network_options\['scale'\] is a set"),
    ("fit images", (FEW + 0.5, None), r"^x: .*\[-0.5, 0.5\]"),
    ("fit images", ((FEW, FEW), None), r"x: a tuple; .*square images.*\(N, C, S, S\)"),
    ("fit images", (FEW[:0], None), "^x has no images"),
    ("fit images", (FEW, FEW[:0]), "^x_test has no images"),
    ("fit images", (FEW, FEW[..., :7, :7]), r"^x_test is \(6, 1, 7, 7\), x \(6, 1, 8, 8\)"),
    ("sample sampler", stepping(lambda x: x[:2]), r"sampler, .*gave \(2, .*tensor \(4, 1, 28, 28\)"),
    ("sample sampler", stepping(lambda x: None), "the sampler, .*gave None; .*a torch tensor"),
    ("sample sampler", stepping(lambda x: x * NAN), "the sampler gave numbers that are not finite"),
    ("sample sampler", lambda x, t: x, "takes 2 positional arguments"),
    ("sample sampler", d.Improved(levels=25), "levels is 25; .* 1 to 24"),
    ("sample prior", drawing(np.zeros((4, 1, 4, 4))), r"gave a NumPy array .*tensor \(4, C, p, p\)"),
    ("sample prior", drawing(torch.zeros(4, 4, 4)), r"an Own.*, gave \(4, 4, 4\) .*tensor \(4, C, p, p\)"),
    ("sample prior", own(object, draw=lambda self, n: None)(), "takes 2 positional arguments"),
    ("sample prior", Grey(NAN), "a Grey, gave numbers that are not finite"),
    ("sample start", torch.zeros(4, 4), BAD_START),
    ("sample start", torch.zeros(3, 1, 4, 4), BAD_START),
    ("sample start", X[:4] * NAN, "image 0 has a pixel that is NaN"),
    ("both start", X[:4], "prior and start are both given"),
    ("set name", "smapler", "smapler"),
    ("sample epoch", 4, "epoch is 4.* has epochs 1 to 3"),
    ("trajectory n", 0, "n is 0; .* 1$"),
    ("trajectory n", "3", "n is '3'; .*integer"),
    ("trajectory n", None, "n is None; .*start"),
    ("trajectory smapler", d.Naive(), "smapler"),
    ("measure x", X + 0.5, r"x - 0.5 for \[0, 1\]"),
    ("measure x", X.sign(), r"x / 2 for \[-1, 1\]"),
    ("measure x", X * NAN, "NaN"),
    ("measure x", X[:11], r"at least 12 images \(n, 1, 28, 28\)"),
    ("measure x", X[..., :27, :27], r"at least 12 images \(n, 1, 28, 28\)"),
    ("measure_run n", 11, "n is 11; .*12"),
    ("compare runs", {}, "runs is a dict; .* at least one"),
    ("compare runs", NO_RUNS, "two runs have the same folder name"),
    ("compare runs", d.Naive(), "runs is a Naive"),
    ("compare runs", {"a": "runs/a"}, r"runs\['a'\] is 'runs/a'; .*d.open"),
    ("compare runs", X, r"runs is \(60, 1, 28, 28\) .*; expected: a list of runs, or a dictionary"),
    ("compare runs", {"a": X[:29]}, "runs contains 29 samples of 'a'; expected: n = 30"),
    ("compare runs", {"a": X, "b": X[..., 1:, 1:]}, r"at least 12 images \(n, 1, 28, 28\)"),
    ("compare n", 11, "n is 11; .*12"),
    ("grid columns", 0, "columns is 0; .*from 1"),
    ("plain_grid images", X + 0.5, r"x - 0.5 for \[0, 1\]"),
    ("plain_grid images", X.sign(), r"x / 2 for \[-1, 1\]"),
    ("sample prior", drawing(X[:4, :, :5, :5]), r"expected: \(4, 1, 4, 4\), the shape of process.to_pixels"),
    ("floors n", 1, "n is 1; .*2"),
    ("evaluator x_test", X[:11], "x_test has 11 images; .*at least 12"),
    ("evaluator x_train", X[:11], "x_train has 11 images; .*at least 12"),
    ("evaluator x_train", X[..., :27, :27], r"x_train has images \(1, 27, 27\), x_test \(1, 28, 28\)"),
    ("released name", "paper/zom-0", "did you mean 'paper/zoom-0'"),
]


@pytest.mark.parametrize(("name", "value", "named"), REFUSED_RUNS)
def test_what_cannot_be_is_refused_by_its_name_before_anything_is_done(verbs, tmp_path, name, value, named):
    verb, argument = name.split()
    is_refused(lambda value: getattr(verbs, verb)(tmp_path, **{argument: value}), value, named)
    assert not {path.name for path in tmp_path.iterdir()} - {".lock"}


@pytest.fixture(scope="module")
def verbs(whole):
    """What fits 6 images, draws 4 samples of a zoom of three epochs, or measures."""
    evaluator = d.Evaluator(X[:33], X[33:], floor_repeats=2, interval_repeats=3)
    known = {"a": X[:31]}
    how = {"images": (FEW, None), "network": Linear, "epochs": None, "steps": 1, "process": d.ColdZoom(4)}
    how |= {"precision": "auto", "callback": None}
    return SimpleNamespace(
        fit=lambda folder, **given: train(folder=folder, **how | given),
        sample=lambda folder, **given: whole.sample(4, **given),
        both=lambda folder, start: whole.sample(4, start=start, prior="pixels"),
        set=lambda folder, name: setattr(whole, name, whole.sampler),
        trajectory=lambda folder, n=2, **given: whole.trajectory(n, **given),
        measure=lambda folder, x=X, **given: evaluator.measure(x, 12, **given),
        measure_run=lambda folder, n: evaluator.measure(whole, n),
        evaluator=lambda folder, x_train=X, x_test=X: d.Evaluator(x_train, x_test),
        grid=lambda folder, columns: d.compare(known, evaluator, n=30).grid(columns),
        plain_grid=lambda folder, images=X[:8], **given: d.grid(images, **given),
        floors=lambda folder, n: evaluator.floors(n),
        compare=lambda folder, runs=known, n=30: d.compare(runs, evaluator, n=n),
        released=lambda folder, name: d.released(name),
    )


def test_images_are_refused_where_networks_would_be_in_float64(monkeypatch):
    monkeypatch.setattr(torch, "get_default_dtype", lambda: torch.float64)
    with pytest.raises(ValueError, match="float64; expected: torch.float32"):
        train((FEW, None), None)


BAD = [lambda self, x, t: x * (1 - t / self.T), lambda self, x, t: x if t > 3 else -x]


@pytest.mark.parametrize("degrade", BAD, ids=["broadcast", "branch"])
def test_an_error_of_torch_in_your_degrade_says_which_shapes_it_gets(verbs, degrade):
    with pytest.raises(RuntimeError) as caught:
        verbs.fit(None, process=own(Fade, degrade=degrade)())
    (note,) = caught.value.__notes__
    assert "t, (B,)" in note
    assert "t[:, None, None, None]" in note


def test_pydantics_error_in_your_own_code_stays_as_it_is():
    with pytest.raises(ValidationError):
        train((FEW, None), None, callback=lambda step, loss: TypeAdapter(int).validate_python("x"))


# --- by default, and by name ---

NAMED = {  # name -> what makes it, its class, an option
    "ancestral": (d.sampler, d.Ancestral, {"steps": 5}),
    "ddim": (d.sampler, d.DDIM, {"steps": 5}),
    "naive": (d.sampler, d.Naive, {"levels": 5}),
    "improved": (d.sampler, d.Improved, {"levels": 5}),
    "mixture": (d.prior, d.Mixture, {"components": 5}),
    "pixels": (d.prior, d.Pixels, {}),
    "patches": (d.prior, d.Patches, {}),
    "zoom": (d.degradation, d.ColdZoom, {"T": 3}),
    "crop": (d.degradation, d.ColdCrop, {"T": 3}),
    "blur": (d.degradation, d.ColdBlur, {"T": 3}),
}


def test_classes_are_made_by_name_and_are_sampled_as_the_docs_say_where_nothing_is_said():
    for name, (make, cls, options) in NAMED.items():
        made = make(name, **options)
        assert type(made) is cls
        assert vars(made).items() >= options.items()
    assert type(d.Naive(levels=np.int64(3)).levels) is int
    for name, schedule in (("linear", d.linear), ("cosine", d.cosine)):
        assert d.DDPM(name, T=9).schedule.beta.equal(schedule(T=9).beta)
    assert (d.DDPM().schedule.name, d.DDPM.sampler, d.DDPM.prior) == ("linear", d.Ancestral(), None)
    for cold, prior in ((d.ColdZoom, d.Pixels()), (d.ColdCrop, d.Pixels()), (d.ColdBlur, None)):
        assert (cold.sampler, cold.prior) == (d.Naive(), prior)


# --- notes on what is allowed and seldom meant: where they begin ---


@pytest.mark.parametrize(
    ("kept", "share"), [([0.9, 0.5, 0.049], ""), ([0.9, 0.0499], ""), ([0.9, 0.0501], "5%"), ([0.4], "40%")]
)
def test_noise_that_leaves_more_than_a_twentieth_of_the_image_is_a_note(kept, share):
    assert [text.split()[4] for text in notes(d.DDPM(falling([1, *kept])), FEW)] == [share] * bool(share)


def test_what_the_check_finds_of_a_cold_process_is_a_note_and_does_not_end_the_training(verbs, capsys):
    verbs.fit(None, process=degrading(lambda x: x + 0.01))
    assert capsys.readouterr().out.count(": level 0 ") == 1
    verbs.fit(None)
    assert "note" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("pixels", "value", "is_noted"),
    [(1, 9.0, False), (2, 9.0, True), (2, -0.751, True), (50, 0.75, False), (50, -0.75, False)],
)
def test_more_than_one_pixel_in_a_hundred_far_outside_is_a_note(capsys, pixels, value, is_noted):
    x = torch.zeros(1, 1, 10, 10)
    x.view(-1)[:pixels] = value
    note_outside(x, "mine")
    assert (f"note: {pixels}% of the pixels of mine" in capsys.readouterr().out) == is_noted


def test_the_note_names_what_sampling_started_from(whole, capsys):
    for level, is_noted in ((0.5, False), (1.0, True)):
        whole.sample(start=torch.full((2, 1, 4, 4), level), sampler=stay)
        assert ("note: 100% of the pixels of start " in capsys.readouterr().out) == is_noted


# --- unknown names ---


@pytest.mark.parametrize(
    ("option", "near"),
    [
        ("lr", "learning_rate"),
        ("bs", "batch_size"),
        ("batch", "batch_size"),
        ("n_epochs", "epochs"),
        ("colour", None),
    ],
)
def test_an_unknown_argument_is_refused_with_its_function_and_the_nearest_one(option, near):
    hint = rf"; did you mean '{near}'\?" if near else ""
    with pytest.raises(TypeError, match=f"^fit: .*'{option}'{hint}$"):
        d.fit(d.ColdZoom(), FEW, **{option: 1})
