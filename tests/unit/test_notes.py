"""Notes on what is allowed and seldom meant: where they begin, and where they do not."""

import re
import sys

import numpy as np
import pytest
import torch

import diffusion as d
from diffusion import progress
from diffusion.processes import NoiseSchedule
from diffusion.training.sampling import finite_images, note_outside
from diffusion.training.settings import notes, prepare
from helpers import Fade, Linear, stay, stopped, train

X = torch.rand(300, 1, 8, 8, generator=torch.Generator().manual_seed(0)) - 0.5


def schedule(*alpha_bar):
    return NoiseSchedule.from_alpha_bar("x", [1, *alpha_bar])


NOISE = d.DDPM(schedule(0.5, 0.001))


def of(process=NOISE, x=X):
    return [*notes(process, x)]


@pytest.mark.parametrize(
    ("kept", "said"),
    [([0.9, 0.5, 0.049], []), ([0.9, 0.0499], []), ([0.9, 0.0501], ["5%"]), ([0.4], ["40%"])],
)
def test_noise_that_leaves_more_than_a_twentieth_of_the_image_is_a_note(kept, said):
    found = of(d.DDPM(schedule(*kept)))
    assert [text.split()[4] for text in found] == said
    assert all(
        "of the image's variance is left, and sampling starts from noise alone" in text for text in found
    )


def test_what_the_check_finds_of_a_cold_process_is_a_note_and_does_not_end_the_training():
    class Bent(Fade):
        def degrade(self, x, t):
            return super().degrade(x, t) + 0.01

        def draw_prior(self, n, generator):
            return torch.zeros(n, 1, 8, 8)

    assert of(Bent(3)) == ["level 0 must return the image unchanged; pixels change by 0.01"]
    process = d.ColdZoom(4)
    process.set_image_shape((1, 8, 8))
    process.prior = d.Pixels().fit(process.to_pixels(X))
    assert of(process) == []


def test_the_checks_before_a_training_leave_a_process_as_it_was():
    class Remembers(Fade):
        def __init__(self):
            super().__init__(2)
            self.seen = []

        def degrade(self, x, t):
            self.seen.append(len(x))
            return super().degrade(x, t)

    prepare(process := Remembers(), X[:5])
    assert process.seen == []


def test_a_network_that_is_defined_in_a_function_is_refused_by_its_name(images):
    class Hidden(Linear):
        pass

    with pytest.raises(ValueError, match=r"^network is .*Hidden, defined in a function; "):
        train(images, None, network=Hidden)


# --- samples ---


@pytest.mark.parametrize(
    ("pixels", "value", "is_noted"),
    [(1, 9.0, False), (2, 9.0, True), (2, -0.751, True), (50, 0.75, False), (50, -0.75, False)],
)
def test_more_than_one_pixel_in_a_hundred_far_outside_is_a_note(capsys, pixels, value, is_noted):
    x = torch.zeros(1, 1, 10, 10)
    x.view(-1)[:pixels] = value
    note_outside(x, "mine")
    said = f"note: {pixels}% of the pixels of mine are far outside [-0.5, 0.5]\n"
    assert capsys.readouterr().out == (said if is_noted else "")


def test_the_note_names_what_sampling_started_from(whole, capsys):
    x = torch.full((2, 1, 4, 4), 0.5)
    whole.sample(start=x, sampler=stay)
    assert "far outside" not in capsys.readouterr().out
    whole.sample(start=2 * x, sampler=stay)
    assert "note: 100% of the pixels of start are far outside [-0.5, 0.5]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (None, "^me gave None; expected"),
        (
            torch.zeros(2, 1, 4, 5),
            r"^me gave \(2, 1, 4, 5\) .*; expected: a torch tensor \(2, 1, 4, 4\) of floats",
        ),
        (torch.zeros(2, 1, 4, 4).long(), "^me gave .*int64; expected"),
        (torch.full((2, 1, 4, 4), torch.inf), "^me gave numbers that are not finite$"),
        (torch.eye(4).log().expand(2, 1, 4, 4), "^me gave numbers that are not finite$"),
    ],
)
def test_what_is_not_finite_images_is_refused_by_who_gave_it(x, said):
    with pytest.raises(ValueError, match=said):
        finite_images(x, (2, 1, 4, 4), "me")


def test_images_that_are_finite_are_given_back():
    x = torch.zeros(2, 1, 4, 4)
    assert finite_images(x, (2, 1, 4, 4), "me") is x


# --- progress ---


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
    lines = [line.partition(", ")[0] for line in capsys.readouterr().out.splitlines()]
    steps = [line for line in dict.fromkeys(lines) if re.match(r"a: epoch \d", line)]
    expected = [f"a: epoch {epoch}/2: {step}/4" for epoch in (1, 2) for step in (1, 2, 3, 4)]
    assert {*expected} <= {*steps}
    assert {step for step in steps if step not in expected} <= {
        f"a: epoch {i}/2{end}" for i in (1, 2) for end in ("", ": 0/4")
    }
    run.sample(2, epoch=1, sampler=d.Naive(levels=2))
    run.sample(2, sampler=d.Naive(levels=2))
    said = {line.partition(", ")[0] for line in capsys.readouterr().out.splitlines()}
    assert {"a: samples after epoch 1: 2/3", "a: samples: 1/3"} <= said


class Rises(Fade):
    """Its loss is the number that stands for the step, whatever the network does."""

    def __init__(self, losses):
        super().__init__()
        self.losses, self.calls = losses, 0

    def loss(self, network, x, generator):
        self.calls += 1
        return network(x, torch.ones(len(x))).mean() * 0 + self.losses[self.calls - 1]


def test_a_log_shows_the_mean_loss_of_the_last_hundred_steps(log, capsys):
    losses = [*[1.0] * 50, *[3.0] * 150]
    how = {"network": Linear, "epochs": 1, "batch_size": 1, "checkpoint_steps": 1000}
    train((X[:200], None), None, Rises(losses), **how)
    found = {}
    for line in capsys.readouterr().out.splitlines():
        if match := re.search(r": (\d+)/200, .*loss ([\d.]+)$", line):
            found[int(match[1])] = float(match[2])
    assert len(found) > 150
    assert {n: loss for n, loss in found.items() if n < 60 or n > 170} == {
        n: pytest.approx(float(np.mean(losses[: n // 20 * 20][-100:])), abs=1e-4)
        for n in found
        if n < 60 or n > 170
    }
