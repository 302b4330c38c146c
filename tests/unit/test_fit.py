"""Training: what it learns, how long it is, what a run is known by, and what is refused."""

import random
import re
import shutil
import sys
import time

import numpy as np
import pytest
import torch
from torch import nn

import diffusion as d
from diffusion import progress
from diffusion.training.folder import RunError
from helpers import BATCH, STEPS, Drops, Fade, Grey, Linear, assert_same, content, losses, stopped, train


def never(step, loss):
    pytest.fail(f"trained, step {step}")


# --- what it draws from ---


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
    train(images, tmp_path, epochs=1)
    seen = []
    assert_same(train(images, tmp_path, callback=lambda step, loss: seen.append(step)), whole)
    assert seen == list(range(STEPS + 1, 3 * STEPS + 1))


def test_a_run_of_which_fewer_epochs_are_asked_for_is_as_long_as_asked_and_its_folder_as_it_was(
    images, tmp_path, whole
):
    folder = shutil.copytree(whole.folder, tmp_path / "copy")
    before = content(folder)
    run = train(images, folder, epochs=2, callback=never)
    assert losses(run) == losses(whole)[:2]
    assert (run.epochs, run.steps, run.losses[-1][0]) == (2, 2 * STEPS, 2 * STEPS)
    assert re.search(f"epochs: 2, steps: {2 * STEPS};", str(run))
    assert run.weights_sha256() == whole.weights_sha256(2)
    assert torch.equal(run.sample(2), whole.sample(2, epoch=2))
    assert content(folder) == before
    assert d.open(folder).epochs == 3


def test_a_callback_sees_every_step_and_changes_nothing_not_even_by_the_images(images, whole):
    x, x_test, seen = images[0].clone(), images[1].clone(), []

    def callback(step, loss):
        x.zero_()
        x_test.zero_()
        seen.append((step, pytest.approx(loss, rel=1e-5)))

    run = train((x, x_test), None, callback=callback)
    assert run.losses == seen
    assert [step for step, _ in seen] == list(range(1, 3 * STEPS + 1))
    assert losses(run) == losses(whole)


def test_a_callback_of_epochs_has_their_losses_and_a_run_to_sample_and_goes_on_with_it(
    images, tmp_path, whole
):
    seen = []

    def watch(run, line):
        kept = d.open(run.folder)
        assert torch.equal(run.sample(2), kept.sample(2, prior=whole.prior or whole.process.prior))
        seen.append((line["epoch"], line["train_loss"], line["test_loss"], line["sha256"]))
        assert seen[-1] == losses(kept)[-1] == losses(run)[-1]
        line.clear()
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(images, tmp_path, epoch_callback=watch)
    assert_same(train(images, tmp_path, epoch_callback=watch), whole)
    assert seen == losses(whole)


def test_the_losses_of_a_long_epoch_are_means_over_equal_parts_of_it(images, monkeypatch):
    monkeypatch.setattr("diffusion.training.fit.POINTS", 16)
    seen, how = [], {"batch_size": 1, "network": Linear, "epochs": 1}
    run = train((images[0][:20], None), None, callback=lambda step, loss: seen.append(loss), **how)
    steps, losses = zip(*run.losses, strict=True)
    begins = [0, *steps[:-1]]
    assert [end - begin for begin, end in zip(begins, steps, strict=True)] == [1, 1, 1, 2] * 4
    parts = [np.mean(seen[begin:end]) for begin, end in zip(begins, steps, strict=True)]
    assert losses == pytest.approx(parts, rel=1e-4)


@pytest.fixture
def log(monkeypatch):
    """A log, as of a process that no person and no notebook looks at, which shows each step."""
    monkeypatch.setattr(progress, "LINE_SECONDS", 0)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)


def test_a_log_says_which_epoch_and_step_a_training_is_at_and_how_far_its_samples_are(
    images, tmp_path, log, capsys
):
    how = {"process": Fade(), "network": Linear, "epochs": 2}
    stopped(images, tmp_path / "a", 7, **how)
    run = train(images, tmp_path / "a", **how)
    run.sample(2, epoch=1, sampler=d.Naive(levels=2))
    run.sample(2, sampler=d.Naive(levels=2))
    output = capsys.readouterr().out.splitlines()
    lines = {re.sub(r":\s+\d+%\|.*\| ", ": ", line).partition(" [")[0] for line in output}
    assert {f"a: epoch {epoch}/2: {step}/4" for epoch in (1, 2) for step in (1, 2, 3, 4)} <= lines
    assert {"a: samples after epoch 1: 2/3", "a: samples: 1/3"} <= lines


class Slow(Fade):
    """A batch of it takes a second of a clock."""

    def loss(self, network, x, generator):
        Slow.now += 1
        return super().loss(network, x, generator)


def test_the_seconds_of_an_epoch_are_those_of_all_its_steps_and_of_its_test_loss_though_it_was_interrupted(
    images, tmp_path, monkeypatch
):
    Slow.now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: Slow.now)
    how = {"images": images, "folder": tmp_path, "network": Linear}
    stopped(step=6, process=Slow(), **how)
    Slow.now += 1000  # between two processes
    stopped(step=8, process=Slow(), **how)
    assert [line["seconds"] for line in train(process=Slow(), **how).history] == [STEPS + 3] * 3


class Ink(Fade):
    """Its loss is the mean pixel of a batch."""

    def loss(self, network, x, generator):
        return super().loss(network, x, generator) * 0 + x.mean()


def test_a_test_loss_is_of_all_images_though_its_last_batch_has_fewer(images):
    x, _ = images
    brighter = torch.linspace(-0.4, 0.4, BATCH + 3)[:, None, None, None].expand(-1, 1, 28, 28)
    run = train((x, brighter), None, Ink(), network=Linear, epochs=1)
    assert run.history[-1]["test_loss"] == pytest.approx(brighter.mean().item(), abs=1e-6)


class Draws:
    """A prior that is fitted at random, from all global streams."""

    def fit(self, pixels):
        self.level = float(torch.rand(())) / 9 + np.random.rand() / 9 + random.random() / 9  # noqa: NPY002
        self.side = pixels.shape[-1]

    draw = Grey.draw


class Random(Fade):
    """A process whose prior and what it prepares are random; it spoils the images that it is given."""

    prior = Draws()

    def prepare(self, x):
        super().prepare(x)
        self.learnt = torch.randn(2)
        x.zero_()


def test_what_a_run_prepares_and_fits_at_random_is_the_same_in_each_process(images, tmp_path):
    """Processes differ by their global streams. What is given stays as it is."""
    found = []
    for name, seed in (("a", 1), ("b", 2)):
        for set_seed in (torch.manual_seed, np.random.seed, random.seed):
            set_seed(seed)
        process = Random(3)
        run = train(images, tmp_path / name, process, epochs=1)
        assert vars(process) == vars(Fade(3))
        opened = d.open(run.folder)
        opened.images = images[0]
        levels = run.process.prior.level, opened.fitted(Draws()).level
        found.append((levels, run.process.learnt.tolist(), losses(run)))
    assert found[0] == found[1]
    plain = train(images, None, Fade(3), epochs=1)
    assert losses(plain)[0][1:3] == found[0][2][0][1:3]
    assert levels[0] > 0


# --- a folder is one run: equal in all that determines its weights, or refused in a line ---

CHANGES = {  # what is named -> what is changed
    "learning_rate": {"learning_rate": 1e-3},
    "lr_schedule": {"lr_schedule": "cosine"},
    "steps": {"epochs": None, "steps": 3},  # a part of an epoch
    "batch_size": {"batch_size": 9, "learning_rate": 1e-3},  # the first of two
    "precision": {"precision": "bf16"},
    "ema": {"ema": 0.9},
    "seed": {"seed": 1},
    "network": {"network": Linear},
    "network_options.channels": {"network_options": {"channels": [5]}},
    "process.strength": {"process": Fade(strength=0.5)},
    "process.class": {"process": d.ColdBlur(10)},
    "images.train": {"images": lambda x, x_test: (x.flip(3), x_test)},
    "images.test": {"images": lambda x, x_test: (x, x_test.flip(3))},  # as many
    "images.test has": {"images": lambda x, x_test: (x, None)},
}


@pytest.fixture(scope="module")
def faded(images, tmp_path_factory):
    return train(images, tmp_path_factory.mktemp("runs") / "faded", Fade(), epochs=1)


@pytest.mark.parametrize("name", CHANGES)
def test_another_run_in_a_folder_is_refused_by_one_difference_and_stays_as_it_is(images, faded, name):
    how = {"process": Fade(), "images": lambda *both: both, "epochs": 1} | CHANGES[name]
    before, given = content(faded.folder), how.pop("images")(*images)
    begins = rf"^\S*faded holds a different run: ([^\n]* )?{name} "
    said = rf'{begins}[^\n]*another folder[^\n]*if_exists="rename"[^\n]*$'
    with pytest.raises(RunError, match=said):
        train(given, faded.folder, callback=never, **how)
    assert content(faded.folder) == before


def test_another_run_is_set_aside_where_that_is_asked_for(images, tmp_path, whole, capsys, monkeypatch):
    monkeypatch.setenv("COLD_ZOOM_BF16", "0")  # "auto" is fp32, whatever the earlier run has
    (tmp_path / "a.before-1").mkdir()  # of no run
    first = losses(train(images, tmp_path / "a", seed=1))
    stopped(images, tmp_path / "a", 7, seed=2, precision="bf16", if_exists="rename")
    for callback in (None, never):  # the second time it is no other
        how = {"precision": "auto", "if_exists": "rename", "callback": callback}
        assert_same(train(images, tmp_path / "a", **how), whole)
    assert re.search("was .*The earlier run is now a.before-3", capsys.readouterr().out)
    assert losses(d.open(tmp_path / "a.before-2")) == first
    assert d.open(tmp_path / "a.before-3").seed == 2
    assert [*(tmp_path / "a.before-1").iterdir()] == []


def test_a_run_goes_on_under_another_name_elsewhere_and_in_an_empty_folder(images, tmp_path, whole):
    (tmp_path / "empty").mkdir()
    left = stopped(images, tmp_path / "empty", 7)
    (tmp_path / "other").mkdir()
    left.path.rename(tmp_path / "other" / "name")
    assert_same(train(images, tmp_path / "other" / "name"), whole)


# --- processes and networks of one's own ---


class Normed(nn.Module):
    """Tied weights, and statistics that are no weights."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, padding=1)
        self.b.weight = self.a.weight
        self.norm = nn.BatchNorm2d(1)

    def forward(self, x, t):
        return self.norm(self.b(self.a(x)))


def test_a_network_may_have_tied_weights_and_statistics(images, tmp_path):
    stopped(images, tmp_path, 7, network=Normed)
    run = train(images, tmp_path, network=Normed)
    assert_same(run, train(images, None, network=Normed))
    network = d.open(tmp_path).network()
    assert network.a.weight.data_ptr() == network.b.weight.data_ptr()
    assert network.norm.num_batches_tracked == 12
