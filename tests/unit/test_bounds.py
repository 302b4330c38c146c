"""What is refused: each once, in a line that names the argument and what is allowed."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

import diffusion as d
from diffusion.processes import NoiseSchedule
from diffusion.processes.samplers import sampler_of
from diffusion.training.folder import RunError
from helpers import Fade, Grey, Linear, train

X = torch.rand(60, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5
LABELS = np.arange(9)


@pytest.fixture(scope="module")
def on(images, whole, tmp_path_factory):
    """What trains on 30 images, draws 4 samples of a zoom of three epochs, or measures."""
    evaluator = d.Evaluator(X[:30], X[30:], dataset=None, floor_repeats=2, interval_repeats=2)
    given = {"images": images, "folder": tmp_path_factory.mktemp("refused"), "callback": pytest.fail}
    return SimpleNamespace(
        folder=given["folder"],
        fit=lambda **how: train(**given | how),
        sample=lambda **how: whole.sample(4, **how),
        trajectory=whole.trajectory,
        set=lambda name: setattr(whole, name, d.Naive()),
        measure=evaluator.measure,
        compare=lambda runs, n=30: d.compare(runs, evaluator, n=n),
        evaluator=evaluator,
        run=whole,
    )


def wide(split, folder):
    return np.zeros((9, 32, 30), np.uint8), LABELS


class Twice(d.Naive):
    def visits(self, T):
        return [T, 12, 12, 0]


def halving(process, x_t, prediction, t, s, generator):
    return x_t[: len(x_t) // 2]


class Flat(torch.nn.Flatten):
    def forward(self, x, t):
        return super().forward(x)


class Halved(Fade):
    def degrade(self, x, t):
        return x[..., ::2, ::2]


class Whole(Fade):
    def degrade(self, x, t):
        return super().degrade(x, t).mul(255).long()


class Nothing(Fade):
    def degrade(self, x, t):
        pass


class Arrays(Fade):
    def degrade(self, x, t):
        return super().degrade(x, t).numpy()


class Levelless(d.ColdDiffusion):
    def degrade(self, x, t):
        return x

    def draw_prior(self, n, generator):
        return torch.zeros(n, 1, 28, 28)


class Timeless(torch.nn.Conv2d):
    def __init__(self):
        super().__init__(1, 1, 1)


class Pair(Timeless):
    def forward(self, x, t):
        return super().forward(x), t


class Untrained(torch.nn.Module):
    def forward(self, x, t):
        return x


class Detached(Timeless):
    def forward(self, x, t):
        return super().forward(x).detach()


class Numbers:
    def draw(self, n, generator):
        return np.zeros((n, 1, 4, 4), np.float32)


class Sheets:
    def draw(self, n, generator):
        return torch.zeros(n, 4, 4)


class Fixed:
    def draw(self, n):
        return torch.zeros(n, 1, 4, 4)


def nothing(process, x_t, prediction, t, s, generator):
    pass


def short(x, t):
    return x


def lost(process, x_t, prediction, t, s, generator):
    return x_t * torch.nan


class Alone(Fade):
    def draw_prior(self, n):
        return torch.zeros(n, 1, 28, 28)


REFUSED = [
    # data sets
    (lambda on: d.load("fashoin"), "allowed: mnist, fashion, kmnist.*did you mean 'fashion'"),
    (lambda on: d.load(d.DataSet("Wide", wide)), "square images"),
    (lambda on: d.load(d.DataSet("Few", wide, ("a", "b"))), "one label per image, 0 to 1"),
    (lambda on: d.load(d.DataSet("Empty", lambda split, folder: None)), "Empty: read returned None; .*pair"),
    (lambda on: d.load(d.DataSet("Blind", lambda: None)), "takes 0 positional arguments but 2 were given"),
    (lambda on: d.load(data_dir=__file__), "data_dir is .*test_bounds.py, a file; expected: a folder"),
    # processes, samplers and priors, also by name
    (lambda on: d.ColdZoom(T=28).set_image_shape((1, 28, 28)), "T is 28; .*27"),
    (lambda on: d.ColdCrop().set_image_shape((1, 4, 4)), "side is 4; .*from 5"),
    (lambda on: NoiseSchedule("x", torch.tensor([1.0, 0.5])), r"t = 1 is 1; .*\[0, 1\)"),
    (lambda on: NoiseSchedule.from_alpha_bar("x", torch.tensor([0.9, 0.5, 0.1])), "t = 0 is 0.9.*1"),
    (
        lambda on: sampler_of(d.DDIM(), d.ColdZoom()),
        r"DDIM needs .* the noise; .*a ColdZoom .*d.Naive\(\), d.Impro",
    ),
    (lambda on: NoiseSchedule("x", [0.1, 1.2]), r"t = 2 is 1.2; .*\[0, 1\)"),
    (
        lambda on: NoiseSchedule([0.1, 0.2], "x"),
        r"^NoiseSchedule: name is a list; expected: a valid string$",
    ),
    (lambda on: d.DDPM(d.cosine(), T=100), r"^T .*finished schedule; pass T to d\.cosine\(T=100\)$"),
    (lambda on: d.ColdCrop(image_noise=25), "^ColdCrop: image_noise is 25; expected: .* equal to 1"),
    (lambda on: d.Mixture(2).draw(4, None), r"Mixture\(components=2\) is not fitted; .*fit\(pixels\)"),
    (lambda on: d.Mixture(2).fit(torch.arange(9)), r"pixels is \(9,\) .*\(N, C, p, p\)"),
    (lambda on: d.Pixels().fit(torch.arange(9)), r"^pixels is \(9,\) of torch.int64; .*\(N, C, p, p\)$"),
    (lambda on: d.Patches().fit(X.numpy()), r"^pixels is a NumPy array .*; .*a tensor \(N, C, p, p\)$"),
    (lambda on: d.Mixture(61).fit(X), "^components is 61; .*60, the number of patches$"),
    (lambda on: d.ColdZoom("24"), "^ColdZoom: T is '24'; expected: a valid integer$"),
    (
        lambda on: d.cosine(T=1, beta_max=2),
        r"^cosine: T is 1; expected: greater than or equal to 2\. beta_max is 2; .*than 1$",
    ),
    (lambda on: d.images(3, size=8), "^images: folder is 3; expected: .* or .*instance of PathLike$"),
    (lambda on: d.Naive(noise=50), "^Naive: noise is 50; expected: less than or equal to 1"),
    (
        lambda on: sampler_of(Twice(), d.ColdZoom()),
        "Twice visits .*from T = 24 down to 0, each step at most once",
    ),
    # trainings
    (lambda on: on.fit(steps=5), "steps is 5 and epochs is 3"),
    (lambda on: on.fit(epochs=0), "^fit: epochs is 0; expected: greater than or equal to 1$"),
    (
        lambda on: on.fit(process=d.ColdZoom),
        r"^fit: process is the class ColdZoom; .*instance of DegradationProcess$",
    ),
    (
        lambda on: on.fit(network=Flat),
        r"the network Flat returned \(2, 784\) .*expected: a tensor \(2, 1, 28, 28\)",
    ),
    (lambda on: on.fit(network=Timeless), "takes 2 positional arguments but 3 were given"),
    (lambda on: on.fit(network=Pair), "the network Pair returned a tuple; expected: a tensor"),
    (lambda on: on.fit(network=Untrained), "network Untrained cannot be trained: .*Parameter"),
    (lambda on: on.fit(network=Detached), "network Detached cannot be trained: .*Parameter"),
    (lambda on: on.fit(network=d.UNet()), "^network is a UNet; expected: a subclass of torch.nn.Module.*$"),
    (lambda on: on.fit(network="cnnn"), "network is 'cnnn'; allowed: cnn, unet"),
    (lambda on: on.fit(images=(X + 0.5, None)), r"x: .*\[-0.5, 0.5\]"),
    (
        lambda on: on.fit(images=((X, X), None)),
        r"x: a tuple; expected: square images.*\(N, C, S, S\).*x, labels = d.load",
    ),
    (
        lambda on: on.fit(network_options={"channel": [4]}),
        "Reconstructor cannot be made with .*unexpected keyword argument 'channel'",
    ),
    (lambda on: on.fit(process=Alone()), "takes 2 positional arguments but 3 were given"),
    (lambda on: on.fit(process=Levelless()), "Levelless lacks T; set self.T"),
    (lambda on: on.fit(process=Halved()), r"degrade gave .* 14, 14\) .*expected: .* 28, 28\) of floats"),
    (lambda on: on.fit(process=Whole()), "degrade gave .* of torch.int64; expected: .* of floats"),
    (lambda on: on.fit(process=Nothing()), "degrade gave None; expected: a torch tensor"),
    (
        lambda on: on.fit(process=Arrays()),
        "degrade gave a NumPy array .* of float32; expected: a torch tensor",
    ),
    (lambda on: on.fit(device="gpu"), "^device is 'gpu', .*expected: 'cpu'.{,50}$"),
    (lambda on: on.fit(images=(X[:0], None)), "^x has no images; expected: at least one$"),
    (lambda on: on.fit(images=(X, X[:0])), "^x_test has no images; expected: at least one$"),
    (
        lambda on: on.fit(images=(X, X[..., :20, :20])),
        r"^x_test is \(60, 1, 20, 20\), x \(60, 1, 28, 28\); expected: equal shapes$",
    ),
    (
        lambda on: on.fit(network=Linear, network_options={"scale": {1}}),
        r"^network_options\['scale'\] is a set; expected: numbers",
    ),
    (lambda on: d.DDPM("linaer"), "^schedule is 'linaer'; allowed: linear, cosine.*did you mean 'linear'"),
    (lambda on: d.DDPM([0.1]), "^schedule is a list; needed: a NoiseSchedule, such as cosine"),
    (lambda on: d.sampler("dim"), "^sampler is 'dim'; allowed: ancestral, ddim, naive, improved"),
    (lambda on: d.sampler(3), "^sampler is 3; expected: an object with step or __call__"),
    (lambda on: d.prior("pixel"), "^prior is 'pixel'; allowed: pixels, patches, mixture"),
    (lambda on: d.prior(3), "^prior is 3; expected: an object with fit or draw"),
    (lambda on: d.degradation("zoo"), "^degradation is 'zoo'; allowed: zoom, crop, blur"),
    (lambda on: d.DDPM(d.linear(9)).to_pixels(X), "DDPM starts from noise and takes no prior"),
    (
        lambda on: d.ColdDiffusion.draw_prior(Levelless(), 1, None),
        "^Levelless has no draw_prior and no prior",
    ),
    # samples
    (lambda on: on.sample(average=4), "average 4; .*epochs 1 to 3"),
    (
        lambda on: on.sample(sampler=halving),
        r"the sampler, a FunctionSampler, gave \(2, .*expected: a torch tensor \(4, 1, 28, 28\)",
    ),
    (
        lambda on: on.sample(sampler=nothing),
        "the sampler, a FunctionSampler, gave None; expected: a torch tensor",
    ),
    (lambda on: on.sample(sampler=short), "takes 2 positional arguments but 6 were given"),
    (
        lambda on: on.sample(prior=Numbers()),
        r"a Numbers, gave a NumPy array .* of float32; expected: a torch tensor \(4, C, p, p\)",
    ),
    (
        lambda on: on.sample(prior=Sheets()),
        r"a Sheets, gave \(4, 4, 4\) .*expected: a torch tensor \(4, C, p, p\)",
    ),
    (lambda on: on.sample(prior=Fixed()), "takes 2 positional arguments but 3 were given"),
    (
        lambda on: on.sample(start=torch.zeros(4, 4)),
        r"start has shape \(4, 4\); expected: \(4, 1, 28, 28\) or \(4, 1, 4, 4\), or one for all",
    ),
    (lambda on: on.trajectory(0), "^Run.trajectory: n is 0; expected: greater than or equal to 1$"),
    (lambda on: on.set("smapler"), "smapler"),
    (lambda on: on.trajectory("3"), "^Run.trajectory: n is '3'; expected: a valid integer$"),
    (lambda on: on.trajectory(2, smapler=d.Naive()), "unexpected keyword argument 'smapler'$"),
    (lambda on: on.sample(prior="pixels", start=X[:4]), "^prior and start are both given"),
    (lambda on: on.trajectory(), "^n is None; expected: the number of images, or start$"),
    (lambda on: on.sample(sampler=lost), "^the sampler gave numbers that are not finite$"),
    (lambda on: on.sample(start=X[:4] * torch.nan), "image 0 has a pixel that is NaN"),
    (lambda on: on.sample(prior=Grey(float("nan"))), "a Grey, gave numbers that are not finite"),
    (
        lambda on: on.sample(start=torch.zeros(3, 1, 4, 4)),
        r"start has shape \(3, 1, 4, 4\); .*\(4, 1, 4, 4\), or one",
    ),
    # measures
    (lambda on: d.Evaluator(X, X[:12], torch.from_numpy(LABELS)), "labels are .*for each of 12"),
    (lambda on: d.Evaluator(X, X[:12], torch.full((12,), 77)), "labels are .* 0 to 9"),
    (lambda on: d.Evaluator(X, X[:8], dataset=None), "8 images; expected: at least 12"),
    (lambda on: on.measure(X + 0.5), r"pixels of samples .* x - 0.5 for \[0, 1\]"),
    (lambda on: on.measure(X.sign()), r"pixels of samples .* x / 2 for \[-1, 1\]"),
    (lambda on: on.measure(X * torch.nan), "NaN"),
    (lambda on: on.measure(d.released("paper", "zoom"), 3), "n is 3; .*12"),
    (lambda on: on.compare({}), "^runs is empty; expected: "),
    (lambda on: on.compare([d.released("paper", "zoom")] * 2), "two runs have the same folder name"),
    (lambda on: on.compare({"never": on.run}, 5), "n is 5; .*from 12"),
    (lambda on: on.compare({"a": "runs/a"}), r"runs\['a'\] is 'runs/a'; expected: a run.*d.open"),
    (lambda on: on.compare(X), r"^runs is \(60, 1, 28, 28\) .*; expected: a list of runs, or a dictionary"),
    (
        lambda on: d.released("paper", "zom"),
        "^'paper/zom-0' is not released; did you mean 'paper/zoom-0'.{,60}$",
    ),
    (lambda on: on.compare(on.evaluator), "runs is an Evaluator; .*runs"),
    (lambda on: on.measure(X, only=[]), "only is empty"),
    (lambda on: on.compare({"a": X[:30]}).grid(0), "columns is 0; .*from 1"),
    (lambda on: on.compare({"a": X[:29]}), "runs contains 29 samples of 'a'; expected: n = 30"),
]


class Broadcast(Fade):
    def degrade(self, x, t):
        return x * (1 - t / self.T)


class Branch(Fade):
    def degrade(self, x, t):
        return x if t > 3 else -x


@pytest.mark.parametrize("process", [Broadcast(), Branch()])
def test_an_error_of_torch_in_your_degrade_says_which_shapes_it_gets(on, process):
    with pytest.raises(RuntimeError) as caught:
        on.fit(process=process)
    (note,) = caught.value.__notes__
    assert "t, (B,)" in note
    assert "t[:, None, None, None]" in note


def test_pydantics_error_in_your_own_code_stays_as_it_is(images, tmp_path):
    def callback(step, loss):
        TypeAdapter(int).validate_python("x")

    with pytest.raises(ValidationError):
        train(images, folder=tmp_path / "a", callback=callback)


@pytest.mark.parametrize(("call", "said"), REFUSED)
def test_what_cannot_be_is_refused_by_its_name_before_anything_is_done(mnist_dir, on, call, said):
    with pytest.raises((TypeError, ValueError, AttributeError, RunError), match=said):
        call(on)
    assert not {path.name for path in on.folder.iterdir()} - {".lock"}
