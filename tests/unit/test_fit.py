"""Training: what it learns, how long it is, what a run is known by, and what is refused."""

import copy
import math
import random
import time

import numpy as np
import pytest
import torch
from torch import nn

import diffusion as d
from diffusion import identity
from diffusion.files import differences
from diffusion.processes import ColdZoom
from diffusion.runtime import generator
from diffusion.training.steps import learning_rate_at
from helpers import BATCH, STEPS, Drops, Fade, Linear, assert_same, losses, train


def never(step, loss):
    pytest.fail(f"trained, step {step}")


# --- what it learns ---


class Forgets(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Dropout(0.5))

    def forward(self, x, t):
        return self.layers(x)


@pytest.mark.parametrize(("schedule", "ema"), [("constant", None), ("cosine", 0.3)])
def test_a_training_is_the_loop_written_out(images, schedule, ema):
    """Torch's Adam; generators for the weights, an epoch's order, and the noise and dropout of a batch."""
    (x, x_test), peak, total = images, 1e-3, 108  # steps, the first three of which warm up
    how = {"learning_rate": peak, "lr_schedule": schedule, "ema": ema, "seed": 5, "network": Forgets}
    run = train(images, None, epochs=total // STEPS, checkpoint_steps=total, **how)
    torch.manual_seed(generator(5, "network").initial_seed())
    network, process = Forgets(), ColdZoom()
    kept, adam = copy.deepcopy(network).eval(), torch.optim.Adam(network.parameters())
    for line in run.history:
        seen, order = [], torch.randperm(30, generator=generator(5, "order", line["epoch"]))
        for k, batch in enumerate(order.split(BATCH), (line["epoch"] - 1) * STEPS):
            rate = (k + 1) / 3 if k < 3 else (1 + math.cos(math.pi * (k - 3) / (total - 3))) / 2
            adam.param_groups[0]["lr"] = peak * (rate if schedule == "cosine" else 1)
            noise = generator(5, "noise", k)
            torch.manual_seed(noise.initial_seed())
            loss = process.loss(network, x[batch], noise)
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
        assert line["train_loss"] == pytest.approx(sum(seen) / STEPS, rel=1e-6)
        assert line["test_loss"] == pytest.approx(float(sum(squares)) / x_test.numel(), rel=1e-6)
        found = run.network(line["epoch"]).state_dict()
        for name, value in kept.state_dict().items():
            assert torch.allclose(found[name], value, atol=1e-6 if ema else 0)


def test_the_rate_warms_up_over_three_percent_of_the_steps_but_not_over_more_than_200():
    for total, rates in ((1000, [1, 0.927]), (10**5, [30 / 200, 1])):
        found = [learning_rate_at(step, total, 1.0, "cosine") for step in (29, 199)]
        assert found == pytest.approx(rates, abs=0.001)


def streams() -> list[str]:
    return [str(torch.random.get_rng_state().tolist()), str(np.random.get_state()), str(random.getstate())]  # noqa: NPY002


def test_all_randomness_is_the_runs_own_whatever_the_global_streams_are(images):
    first = train(images, None, network=Drops)
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(9)
    before = streams()
    assert_same(train(images, None, network=Drops), first)
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
    assert (losses(fewer), fewer.weights_file().name) == (losses(whole)[:2], "epoch-0002.safetensors")


def test_steps_may_end_within_an_epoch(images, whole):
    run = train(images, None, epochs=None, steps=6)
    assert (run.steps, run.epochs, run.losses[-1][0]) == (6, 2, 6)
    assert losses(run)[0][:3] == losses(whole)[0][:3]
    assert losses(run)[1][1] != losses(whole)[1][1]  # of two steps in place of four


def test_a_callback_sees_every_step_and_changes_nothing_not_even_by_the_images(images, whole):
    x, seen, ends = images[0].clone(), [], []

    def callback(step, loss):
        x.zero_()
        seen.append((step, pytest.approx(loss, rel=1e-5)))
        time.sleep(0.5 if step == 1 else 0)  # a step that takes long
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
        {"lr_schedule": "cosine", "epochs": 2},
        {"epochs": None, "steps": 3},  # a part of an epoch
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
    first = train(images, tmp_path, epochs=1, lr_schedule=change.get("lr_schedule", "constant"))
    capsys.readouterr()
    how = {"images": lambda *both: both, "epochs": 1} | change
    x = how.pop("images")(*images)
    second = train(x, tmp_path, **how)
    assert second.identity["code"] == identity.code("weights")
    assert second.folder != first.folder
    if "seed" not in change:
        names = [one.partition(" was ")[0] for one in differences(first.identity, second.identity)]
        said = capsys.readouterr().out
        assert any(f"a new run, since {name.removeprefix('own.')} " in said for name in names), said
        assert f"{first.folder} stays as it is" in said
    assert train(x, tmp_path, callback=never, **copy.deepcopy(how)).folder == second.folder


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
    network = d.open(run.folder).network()
    assert torch.equal(given.weight, before)  # a copy of it is trained
    assert not torch.equal(network.given.weight, before)
    assert network.a.weight.data_ptr() == network.b.weight.data_ptr()
