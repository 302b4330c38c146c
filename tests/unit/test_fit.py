"""Training: what it learns, how long it is, what a run is known by, and what is refused."""

import copy
import math
import random
import threading
import time
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

import diffusion as d
import helpers
from diffusion import identity
from diffusion.files import differences
from diffusion.processes import ColdZoom
from diffusion.runtime import generator
from diffusion.training.network import Reconstructor
from diffusion.training.steps import learning_rate_at
from helpers import BATCH, STEPS, Fade, Linear, assert_same, losses, train

pytestmark = pytest.mark.usefixtures("one_thread")


def never(step, loss):
    pytest.fail(f"trained, step {step}")


# --- what it learns ---


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("ema", [None, 0.3])
def test_two_epochs_are_those_of_the_loop_written_out(images, schedule, ema):
    """Torch's Adam; a generator for the weights, for an epoch's order, and for the noise of a batch."""
    (x, x_test), peak = images, 1e-3
    how = {"learning_rate": peak, "lr_schedule": schedule, "ema": ema, "seed": 5}
    run = train(images, None, epochs=2, **how)
    torch.manual_seed(generator(5, "network").initial_seed())
    network, process = Reconstructor((4,)), ColdZoom()
    kept, adam = copy.deepcopy(network), torch.optim.Adam(network.parameters())
    for epoch in (1, 2):
        seen, order = [], torch.randperm(30, generator=generator(5, "order", epoch))
        for batch in order.split(BATCH):
            k = len(seen) + (epoch - 1) * STEPS  # of 8, the first of which warms up
            fallen = (1 + math.cos(math.pi * max(k - 1, 0) / 7)) / 2
            adam.param_groups[0]["lr"] = peak * (fallen if schedule == "cosine" else 1)
            loss = process.loss(network, x[batch], generator(5, "noise", k))
            adam.zero_grad()
            loss.backward()
            adam.step()
            seen.append(loss.item())
            decay = min(ema, (k + 1) / (10 + k)) if ema and k else 0
            for old, new in zip(kept.parameters(), network.parameters(), strict=True):
                old.data = decay * old.data + (1 - decay) * new.data
        with torch.no_grad():
            parts = enumerate(x_test.split(BATCH))
            squares = [process.loss(kept, y, generator(5, "test", i)) * y.numel() for i, y in parts]
        line = run.history[epoch - 1]
        assert line["train_loss"] == pytest.approx(sum(seen) / STEPS, rel=1e-6)
        assert line["test_loss"] == pytest.approx(float(sum(squares)) / x_test.numel(), rel=1e-6)
        for name, value in kept.state_dict().items():
            assert torch.allclose(run.network(epoch).state_dict()[name], value, atol=1e-7 if ema else 0)


class Forgets(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Dropout(0.5))

    def forward(self, x, t):
        return self.layers(x)


def test_the_test_loss_is_that_of_a_network_in_evaluation(images):
    run, (x, _) = train(images, None, epochs=1, network=Forgets, batch_size=20), images[::-1]
    with torch.no_grad():
        loss = run.process.loss(run.network(), x, generator(0, "test", 0))
    assert run.history[0]["test_loss"] == pytest.approx(loss.item(), rel=1e-6)


SEEN: list[int] = []  # seeds of the noise of each batch


class Notes(Fade):
    def loss(self, network, x, source):
        SEEN.append(source.initial_seed())
        return super().loss(network, x, source)


def test_each_of_many_steps_has_a_noise_of_its_own(images):
    train((images[0], None), None, Notes(), network=Linear, epochs=None, steps=150)
    assert len({*SEEN[-150:]}) == 150


def test_the_rate_warms_up_over_three_percent_of_the_steps_and_falls_to_zero():
    rate = partial(learning_rate_at, peak=2.0, schedule="cosine")
    assert [rate(s, 1000) for s in (0, 14, 29, 30)] == pytest.approx([2 / 30, 1, 2, 2])
    assert [rate(s, 1000) for s in (515, 1000)] == pytest.approx([1, 0])
    assert [rate(s, 100_000) for s in (0, 199, 200)] == pytest.approx([2 / 200, 2, 2])  # 200 at most


def streams() -> list[str]:
    return [str(torch.random.get_rng_state().tolist()), str(np.random.get_state()), str(random.getstate())]  # noqa: NPY002


def test_all_randomness_is_the_runs_own_whatever_the_global_streams_are(images):
    first = train(images, None, network=helpers.Drops)
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(9)
    before = streams()
    assert_same(train(images, None, network=helpers.Drops), first)
    repr(first), first.network(), first.parameters_count, first.sample(2)
    assert streams() == before


# --- how long it is, and what is seen of it ---


def test_more_epochs_extend_a_run_at_a_constant_rate(images, tmp_path, whole):
    short, seen = train(images, tmp_path, epochs=1), []
    long = train(images, tmp_path, callback=lambda step, loss: seen.append(step))
    assert seen == list(range(STEPS + 1, 3 * STEPS + 1))
    assert long.folder == short.folder
    assert_same(long, whole)
    fewer = train(images, tmp_path, epochs=2, callback=never)  # nothing to do
    assert losses(fewer) == losses(whole)[:2]
    assert (fewer.epochs, fewer.weights_file().name) == (2, "epoch-0002.safetensors")


def test_steps_may_end_within_an_epoch_and_then_or_at_a_falling_rate_they_are_part_of_a_run(
    images, tmp_path, whole
):
    run = train(images, tmp_path, epochs=None, steps=6)
    assert (run.steps, run.epochs, run.losses[-1][0]) == (6, 2, 6)
    assert losses(run)[0][:3] == losses(whole)[0][:3]
    assert losses(run)[1][1] != losses(whole)[1][1]  # of two steps in place of four
    assert train(images, tmp_path, epochs=None, steps=7).folder != run.folder
    falling = [train(images, tmp_path, epochs=n, lr_schedule="cosine").folder for n in (1, 2)]
    assert falling[0] != falling[1]


def test_a_callback_sees_every_step_and_changes_nothing_not_even_by_the_images(images, whole):
    x, seen, ends = images[0].clone(), [], []

    def callback(step, loss):
        x.zero_()
        seen.append((step, pytest.approx(loss, rel=1e-5)))
        time.sleep(0.5 if step == 1 else 0)
        ends.append(time.monotonic())

    run = train((x, images[1]), None, callback=callback)
    assert_same(run, whole)
    assert run.losses == seen
    assert [step for step, _ in seen] == list(range(1, 3 * STEPS + 1))
    assert [(line["epoch"], line["step"]) for line in run.history] == [(1, 4), (2, 8), (3, 12)]
    assert run.history[0]["seconds"] > 0.49
    assert run.history[1]["seconds"] < ends[2 * STEPS] - ends[STEPS - 1]  # its own


# --- what it is known by ---


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 1e-3},
        {"lr_schedule": "cosine"},
        {"precision": "bf16"},
        {"ema": 0.9},
        {"seed": 1},
        {"network": Linear},
        {"process": ColdZoom(image_noise=0.1)},
        {"images": lambda x, x_test: (x.flip(3), x_test)},
        {"images": lambda x, x_test: (x, None)},
    ],
    ids=",".join,
)
def test_whatever_determines_the_weights_makes_another_run_and_is_named(images, tmp_path, capsys, change):
    first = train(images, tmp_path, epochs=1)
    capsys.readouterr()
    how = {"images": lambda *both: both} | change
    x = how.pop("images")(*images)
    second = train(x, tmp_path, epochs=1, **how)
    assert second.identity["code"] == identity.code("weights")
    assert second.folder != first.folder
    said = capsys.readouterr().out
    if "seed" not in change:
        names = [one.partition(" was ")[0] for one in differences(first.identity, second.identity)]
        assert any(f"a new run, since {name.removeprefix('own.')} " in said for name in names), said
        assert f"{first.folder} stays as it is" in said
    again = train(x, tmp_path, epochs=1, callback=never, **copy.deepcopy(how))
    assert again.folder == second.folder


def test_a_temporary_run_goes_with_its_last_use(images):
    run = [train(images, None, epochs=1)]
    place = run[0].folder
    run[0].network()
    run.clear()
    assert not place.exists()


# --- processes and networks of one's own ---


class Learns(Fade):
    def prepare(self, x):
        self.learnt = torch.randn(2)
        x.zero_()


def test_each_run_prepares_a_copy_of_its_process_at_random_the_same_again(images, tmp_path):
    process, plain = Learns(3), train(images, None, process=Fade(3), epochs=1)
    a, b = (train(images, tmp_path / name, process=process, epochs=1) for name in "ab")
    assert vars(process) == vars(Fade(3))
    assert torch.equal(a.process.learnt, b.process.learnt)
    assert_same(a, b)
    assert losses(plain)[0][1:3] == losses(a)[0][1:3]  # the images stay as they are


class Normed(nn.Module):
    """Tied weights, statistics that are no weights, and a part that is given."""

    def __init__(self, given):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, padding=1)
        self.b.weight = self.a.weight
        self.norm, self.given = nn.BatchNorm2d(1), given

    def forward(self, x, t):
        return self.given(self.norm(self.b(self.a(x))))


def test_a_network_may_have_tied_weights_statistics_and_a_part_that_is_given(images, tmp_path):
    given = nn.Conv2d(1, 1, 1)
    before = given.weight.detach().clone()
    run = train(images, tmp_path, network=Normed, network_options={"given": given})
    assert torch.equal(given.weight, before)  # a copy of it is trained
    network = d.open(run.folder).network()
    assert not torch.equal(network.given.weight, before)
    assert network.a.weight.data_ptr() == network.b.weight.data_ptr()


# --- what is refused ---


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"epochs": 0}, "epochs = 0 .* 1"),
        ({"steps": 5}, "steps is 5 and epochs is 3"),
        ({"batch_size": 31}, "batch_size is 31, .* 30 training images"),
        ({"process": ColdZoom}, "process is the class ColdZoom, not an object of it"),
        ({"process": Fade(mask=threading.Lock())}, "process.mask is a _thread:lock"),
        (
            {"images": (torch.ones(9, 1, 28, 28), None)},
            r"x: .*from 1 to 1; .* pixel - 0.5 for floats in \[0, 1\]",
        ),
    ],
    ids=lambda one: ",".join(one) if isinstance(one, dict) else "",
)
def test_what_cannot_be_trained_is_named_before_anything_is_trained(images, tmp_path, change, named):
    given = {"images": images, "folder": tmp_path, "callback": never} | change
    with pytest.raises(ValueError, match=named):
        train(**given)
