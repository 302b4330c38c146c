"""Training: what it learns, what a run's identity is, and what is refused."""

import concurrent.futures
import copy
import inspect
import json
import math
import os
import random
import threading
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

import diffusion as d
from diffusion import identity
from diffusion.files import differences
from diffusion.processes import ColdZoom
from diffusion.runtime import generator
from diffusion.training import fit as module
from diffusion.training.network import Reconstructor
from diffusion.training.steps import learning_rate_at
from own import Fade, Linear
from short_runs import STEPS, assert_same, losses, train


def test_one_step_is_adams(images):
    """Against the loop written out: one generator for the order, one a step for the noise, torch's Adam."""
    run = train(images, None, epochs=1, learning_rate=1e-3)
    torch.manual_seed(generator(0, "network").initial_seed())
    network, process = Reconstructor((4,)), ColdZoom()
    adam = torch.optim.Adam(network.parameters(), lr=1e-3)
    order, seen = torch.randperm(32, generator=generator(0, "order", 1)), []
    for step, batch in enumerate(order.split(8)):
        loss = process.loss(network, images[0][batch], generator(0, "noise", step))
        adam.zero_grad()
        loss.backward()
        adam.step()
        seen.append(loss.item())
    assert run.history[0]["train_loss"] == pytest.approx(sum(seen) / STEPS, rel=1e-6)
    for name, value in network.state_dict().items():
        assert torch.equal(run.network().state_dict()[name], value)


def test_bf16_follows_fp32(images):
    a, b = (train(images, None, precision=p, epochs=4) for p in ("fp32", "bf16"))
    for x, y in zip(a.history, b.history, strict=True):
        assert y["train_loss"] == pytest.approx(x["train_loss"], rel=0.02)


# --- length ---


def test_more_epochs_extend_a_run_at_a_constant_rate(images, tmp_path, whole, before_step):
    short = train(images, tmp_path, epochs=1)
    before_step(1, lambda _: pytest.fail("the first epoch was trained again"))
    long = train(images, tmp_path)
    assert long.folder == short.folder
    assert_same(long, whole)
    again = train(images, tmp_path, epochs=2)  # fewer: nothing to do
    assert losses(again) == losses(whole)[:2]
    assert again.weights_file().name == "epoch-0002.safetensors"


def test_steps_end_within_an_epoch(images, tmp_path, killed):
    whole = train(images, None, epochs=None, steps=6)
    assert (whole.steps, whole.epochs) == (6, 2)
    two = train(images, None, epochs=2)
    assert losses(whole)[0][:3] == losses(two)[0][:3]
    assert losses(whole)[1][1] != losses(two)[1][1]  # of two steps instead of four
    killed(6, epochs=None, steps=6)
    assert_same(train(images, tmp_path, epochs=None, steps=6), whole)
    train(images, tmp_path, epochs=None, steps=7)
    assert len(list(tmp_path.glob("*/run.json"))) == 2


def test_learning_rate_courses():
    assert {learning_rate_at(s, 100, 1e-3, "constant") for s in (0, 50, 99)} == {1e-3}
    course = [learning_rate_at(s, 1000, 1.0, "cosine") for s in range(1000)]
    top = course.index(max(course))
    assert max(course) == pytest.approx(1)
    assert 20 < top < 40  # 3 % of 1000 steps
    assert course[: top + 1] == sorted(course[: top + 1])
    assert course[top:] == sorted(course[top:], reverse=True)
    assert course[-1] < 1e-4


# --- identity ---


def test_run_json_says_what_a_run_is(images, tmp_path):
    run = train(images, tmp_path, epochs=1)
    about = json.loads((run.folder / "run.json").read_text())
    assert (about["form"], about["name"], about["identity"]) == (3, "m", run.identity)
    assert about["identity"]["code"] == identity.code("weights")
    assert about["versions"] == {"torch": torch.__version__, "numpy": np.__version__}
    state = {"interpolation": "nearest", "image_noise": 0.0}
    assert run.identity["process"] == {"object": "diffusion:ColdZoom", "state": state}
    assert run.identity["network"] == {
        "class": "diffusion:Reconstructor",
        "options": {"dict": {"channels": [4]}},
    }
    assert (run.identity["seed"], run.identity["precision"], run.identity["own"]) == (0, "fp32", {})


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 1e-3},
        {"lr_schedule": "cosine"},
        {"batch_size": 16},
        {"precision": "bf16"},
        {"seed": 1},
        {"channels": [4, 6]},
        {"network_options": {"norm": "rms"}},
        {"process": ColdZoom(T=23)},
        {"process": ColdZoom(image_noise=0.1)},
        {"process": Fade(T=24)},
        {"process": Fade(T=24, mask=np.ones((28, 28), np.float32))},
        {"network": Linear},
        {"images": lambda x, x_test: (x.flip(3), x_test)},
        {"images": lambda x, x_test: (x, None)},
    ],
    ids=",".join,
)
def test_whatever_determines_the_weights_makes_another_run_and_is_named(images, tmp_path, capsys, change):
    first = train(images, tmp_path, epochs=1)
    capsys.readouterr()
    changed = {"images": lambda *both: both} | change
    x = changed.pop("images")(*images)
    second = train(x, tmp_path, epochs=1, **changed)
    assert second.folder != first.folder
    said = capsys.readouterr().out
    if "seed" not in change:
        names = [one.partition(" was ")[0] for one in differences(first.identity, second.identity)]
        assert any(f"a new run, since {name.removeprefix('own.')} " in said for name in names), said
    assert train(x, tmp_path, epochs=1, **copy.deepcopy(changed)).folder == second.folder


def test_changed_code_makes_another_run(images, tmp_path, capsys, monkeypatch):
    first = train(images, tmp_path, epochs=1)
    monkeypatch.setattr(module, "CODE", "0123456789abcdef")
    assert train(images, tmp_path, epochs=1).folder != first.folder
    assert "m, seed 0: a new run, since this package's code of training has" in capsys.readouterr().out


def test_what_cannot_be_told_is_refused_before_anything_is_written(images, tmp_path):
    process = ColdZoom()
    process.lock = threading.Lock()
    with pytest.raises(ValueError, match="process.lock is a _thread:lock, which cannot be written down"):
        train(images, tmp_path, process=process)
    with pytest.raises(ValueError, match="network_options.act is a .*which cannot be written down"):
        train(images, tmp_path, network=Linear, network_options={"act": (x for x in ())})
    assert not list(tmp_path.iterdir())


def test_a_process_may_be_trained_twice_and_each_run_keeps_its_own(images, tmp_path):
    process, (x, x_test) = d.ColdBlur(3), images
    before = dict(vars(process))
    first = train(images, tmp_path, epochs=1, process=process)
    train((x * 0.5, x_test), tmp_path, epochs=1, process=process)
    assert vars(process) == before  # it is not prepared; each run's own copy is
    first.keeps = False
    assert torch.equal(first.sample(2, seed=5), d.open(first.folder).sample(2, seed=5))


# --- random numbers that a network draws by itself ---


class Drops(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.Dropout(0.5), nn.Conv2d(4, 1, 3, padding=1)
        )

    def forward(self, x, t):
        return self.layers(x) * (1 + 0.01 * np.random.rand())  # noqa: NPY002


def test_a_network_with_dropout_is_trained_alike_resumes_and_leaves_the_users_stream(
    images, tmp_path, killed
):
    torch.manual_seed(1)
    state = torch.random.get_rng_state(), str(np.random.get_state()), random.getstate()  # noqa: NPY002
    runs = [train(images, None, network=Drops) for _ in range(2)]
    assert torch.equal(state[0], torch.random.get_rng_state())
    assert state[1:] == (str(np.random.get_state()), random.getstate())  # noqa: NPY002
    assert losses(runs[0]) == losses(runs[1])
    killed(7, network=Drops)
    assert_same(train(images, tmp_path, network=Drops), runs[0])


def test_trainings_in_threads_have_the_weights_that_they_have_alone(images, tmp_path):
    alone = {seed: losses(train(images, None, epochs=1, seed=seed)) for seed in range(3)}
    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        seeds = [0, 1, 2] * 4
        runs = list(threads.map(lambda seed: train(images, None, epochs=1, seed=seed), seeds))
    assert [losses(run) for run in runs] == [alone[seed] for seed in seeds]


def test_a_temporary_run_goes_with_its_last_use_and_not_with_a_forked_process(images):
    run = train(images, None, epochs=1)
    child = os.fork()
    if not child:
        del run
        os._exit(0)
    os.waitpid(child, 0)
    run.network()
    place = run.folder
    del run
    assert not place.exists()


# --- networks of all kinds ---


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, padding=1)
        self.b.weight = self.a.weight

    def forward(self, x, t):
        return self.b(self.a(x))


class Normed(nn.Module):
    def __init__(self, act=nn.GELU):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), act(), nn.Conv2d(4, 1, 1)
        )

    def forward(self, x, t):
        return self.layers(x)


def test_tied_weights_and_classes_as_options(images, tmp_path):
    tied = train(images, tmp_path, network=Tied)
    assert tied.network().a.weight is tied.network(1).a.weight or tied.sample(2).isfinite().all()
    network = tied.network()
    assert network.a.weight.data_ptr() == network.b.weight.data_ptr()
    acts = [train(images, tmp_path, network=Normed, network_options={"act": a}) for a in (nn.GELU, nn.Tanh)]
    assert acts[0].folder != acts[1].folder
    again = d.open(acts[1].folder)
    assert isinstance(again.network().layers[2], nn.Tanh)


def test_averages_take_running_statistics_along(images):
    run = train(images, None, network=Normed)
    each = [run.network(epoch).layers[1].running_var for epoch in (2, 3)]
    assert torch.allclose(run.network(average=2).layers[1].running_var, (each[0] + each[1]) / 2)
    assert run.network(average=2).layers[1].num_batches_tracked == run.network().layers[1].num_batches_tracked


def test_to_look_at_a_run_draws_no_random_numbers(images):
    run = train(images, None, epochs=1)
    before = torch.random.get_rng_state()
    repr(run), run.network(), run.parameters_count, run.sample(2)
    assert torch.equal(before, torch.random.get_rng_state())


class Head(nn.Module):
    """A network with a part that the caller gives."""

    def __init__(self, inner, shape=(-1, 1, 28, 28)):
        super().__init__()
        self.inner, self.shape = inner, shape
        self.register_buffer("mask", torch.full((1,), -math.inf))

    def forward(self, x, t):
        return self.inner(x).view(self.shape)


class TakesOne(Tied):
    def forward(self, x):
        return self.a(x)


class Narrow(Fade):
    def degrade(self, x, t):
        return x[..., :27]


class OneForAll(Fade):
    def degrade(self, x, t):
        return super().degrade(x[:1], t[:1])


class Constant(Fade):
    def loss(self, network, x, generator):
        return torch.tensor(1.0)


# --- refused ---


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"epochs": 0}, "epochs"),
        ({"steps": 5}, "steps is 5 and epochs is 3"),
        ({"batch_size": 10**6}, "batch_size is 1000000"),
        ({"process": "zoom"}, "process is a str"),
        ({"process": ColdZoom}, "process is the class ColdZoom, not an object of it"),
        ({"process": Narrow()}, "degrade of Narrow maps .* to .*; needed: the same shape"),
        ({"process": OneForAll()}, "degrade of OneForAll maps .* to .*; needed: the same shape"),
        ({"process": Constant()}, "the loss of Constant does not depend on the network"),
        ({"callback": 3}, "callback is an int"),
        ({"learning_rate": 1e300}, "learning_rate = 1e\\+300"),
        ({"images": (torch.zeros(9, 1, 28, 28).to_sparse(), None)}, "x: images are .*sparse"),
        ({"network": TakesOne}, r"the network, called with x_t and t / T, raises .*forward\(\) takes 2 pos"),
        ({"learning_rate": math.nan}, "learning_rate"),
        ({"lr_schedule": np.zeros(2)}, "lr_schedule"),
        ({"channels": 16}, "channels"),
        ({"name": "../x"}, "name"),
        ({"network": Head, "network_options": {"inner": nn.Identity()}}, "no parameters to train"),
        ({"network": Head, "network_options": {"inner": nn.Conv2d(1, 1, 1), "shape": (-1, 28, 28)}}, "maps"),
        ({"folder": "~nosuchuser/x"}, "nosuchuser"),
        ({"device": "nowhere"}, "device is 'nowhere'"),
        ({"images": ([[0.0]], None)}, "x: images are a list"),
        ({"images": (np.full((9, 28, 28), 16, np.uint8), None)}, "x: bytes reach 16; needed: 0 to 255"),
        ({"images": (np.ones((9, 28, 28), int), None)}, "x: images are .* of torch.int64"),
        ({"images": (torch.ones(9, 1, 28, 28), None)}, r"from 1 to 1; .* pixel - 0.5 for floats in \[0, 1\]"),
        ({"images": (torch.full((9, 1, 28, 28), math.nan), None)}, "x: image 0 has a pixel that is NaN"),
        ({"images": ((torch.zeros(9), torch.zeros(9)), None)}, "x: these are images and labels, as d.load"),
    ],
    ids=lambda one: ",".join(one) if isinstance(one, dict) else "",
)
def test_bad_arguments_are_named(images, tmp_path, change, named):
    with pytest.raises(ValueError, match=named):
        train(**{"images": images, "folder": tmp_path} | change)


def test_a_misspelt_argument_is_named_and_help_shows_plain_types():
    with pytest.raises(
        TypeError, match=r"fit has no option 'learnig_rate'; .*did you mean 'learning_rate'\?"
    ):
        d.fit(ColdZoom(), None, learnig_rate=1)
    for function in (d.fit, d.ColdZoom):
        assert "Annotated" not in str(inspect.signature(function))


BYTES = ((torch.arange(32 * 784) * 7919) % 256).byte().view(32, 1, 28, 28)


@pytest.mark.parametrize(
    ("given", "same"),
    [
        (lambda x: x.double(), lambda x: x),
        (lambda x: x.half(), lambda x: x.half().float()),
        (lambda x: x.numpy()[:, 0], lambda x: x),
        (lambda x: BYTES, lambda x: BYTES.float() / 255 - 0.5),
        (lambda x: BYTES[:, 0].numpy()[::-1], lambda x: BYTES.flip(0).float() / 255 - 0.5),
    ],
    ids=["double", "half", "numpy", "bytes", "numpy bytes"],
)
def test_images_of_another_type_are_the_same_images(images, given, same):
    x = images[0]
    assert losses(train((given(x), None), None, epochs=1)) == losses(train((same(x), None), None, epochs=1))


# --- what is looked at, and averaged, on the way ---


def test_the_loss_by_step_has_parts_of_equal_length(images, monkeypatch):
    seen = []
    run = train(images, None, callback=lambda step, loss: seen.append((step, loss)))
    assert run.losses == [(step, pytest.approx(loss, rel=1e-5)) for step, loss in seen]
    monkeypatch.setattr("diffusion.training.loop.POINTS", 6)
    few = train(images, None).losses
    assert [step for step, _ in few] == [2, 4, 6, 8, 10, 12]
    assert few[0][1] == pytest.approx((seen[0][1] + seen[1][1]) / 2, rel=1e-5)


def test_images_that_change_while_it_trains_change_nothing(images, whole):
    x = images[0].clone()
    run = train((x, images[1]), None, callback=lambda *_: x.zero_())
    assert_same(run, whole)


def test_a_callback_sees_every_step_and_changes_nothing(images, tmp_path, whole):
    seen = []
    run = train(images, tmp_path, callback=lambda step, loss: seen.append((step, loss)), device="cpu")
    assert_same(run, whole)
    assert [step for step, _ in seen] == list(range(1, 3 * STEPS + 1))
    means = np.array([loss for _, loss in seen]).reshape(3, STEPS).mean(1)
    assert means == pytest.approx([line["train_loss"] for line in run.history])

    def stop(step, loss):
        if step == STEPS + 2:
            raise StopIteration

    with pytest.raises(StopIteration):
        train(images, tmp_path / "stopped", callback=stop)
    (folder,) = (tmp_path / "stopped").iterdir()
    assert losses(d.open(folder)) == losses(whole)[:1]
    assert_same(train(images, tmp_path / "stopped"), whole)


def test_weights_averaged_over_steps(images, tmp_path, killed, before_step):
    """Against the recursion written out, of the weights before each step and after the last."""
    each = []
    for step in range(2, STEPS + 1):
        before_step(step, lambda learner: each.append(copy.deepcopy(learner.network.state_dict())))
    each.append(train(images, None, epochs=1).network().state_dict())
    run = train(images, tmp_path / "whole", epochs=1, ema=0.2)
    for name, value in run.network().state_dict().items():
        mean = each[0][name]
        for k, state in enumerate(each[1:STEPS], 2):
            decay = min(0.2, k / (9 + k))
            mean = decay * mean + (1 - decay) * state[name]
        assert torch.allclose(value, mean, atol=1e-7)
    assert run.history[0]["train_loss"] == train(images, None, epochs=1).history[0]["train_loss"]
    killed(7, ema=0.9)
    assert_same(train(images, tmp_path, ema=0.9), train(images, None, ema=0.9))


# --- what a process or a network of one's own may do ---


def times(k, x):
    return x * k


class Learns(Fade):
    """It learns at random, and what cannot be made again; its function is another once it knows images."""

    def __init__(self, T=3):
        super().__init__(T)
        self.f = partial(times, 2.0)

    def prepare(self, x):
        self.part, self.learnt = Fraction(1, 3), torch.randn(2)
        self.f = partial(times, float(x.std()))


def test_what_is_learnt_is_what_is_used_and_at_random_the_same_again(images, tmp_path):
    a, b = (train(images, tmp_path / name, process=Learns(), epochs=1) for name in "ab")
    assert torch.equal(a.process.learnt, b.process.learnt)
    assert_same(a, b)
    assert a.process.f(1.0) == pytest.approx(images[0].std().item())


def test_a_part_of_a_network_that_is_given_is_not_trained_itself(images, tmp_path):
    inner = nn.Conv2d(1, 1, 3, padding=1)
    before = inner.weight.detach().clone()
    runs = [
        train(images, tmp_path, epochs=1, network=Head, network_options={"inner": inner}) for _ in range(2)
    ]
    assert torch.equal(inner.weight, before)
    assert runs[0].folder == runs[1].folder


def test_whatever_the_caller_has_said_of_torch(images, tmp_path):
    before = train(images, None, epochs=1)
    with torch.inference_mode():
        x = images[0] + 0
        assert_same(train((x, images[1]), None, epochs=1), before)
    with torch.no_grad():
        assert_same(train(images, None, epochs=1), before)
    with (
        torch.autocast("cpu", torch.bfloat16),
        pytest.raises(ValueError, match="under torch.autocast; leave it"),
    ):
        train(images, None, epochs=1)
    torch.set_default_dtype(torch.float64)
    try:
        with pytest.raises(ValueError, match="torch's defaults are torch.float64 on cpu; needed"):
            train(images, None, epochs=1)
    finally:
        torch.set_default_dtype(torch.float32)


class Counting(Fade):
    calls = 0

    def loss(self, network, x, generator):
        self.calls += 1
        return super().loss(network, x, generator) * self.calls


def test_what_counts_its_uses_is_refused(images, tmp_path):
    with pytest.raises(ValueError, match="Counting changes when it is used"):
        train(images, tmp_path, process=Counting(3), epochs=1)
