"""Controls: one thing is changed, and what it changes is told from what it leaves alone."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from diffusion import comparison, controls, data, metrics, processes
from diffusion.ddpm import DDPM
from diffusion.yardstick import Yardstick

N = 40


@pytest.fixture(scope="module")
def stick():
    x, y = data.load("test", n=300)
    return Yardstick(x[:20], x, y, y, inception_weights="off", interval_repeats=20)


@dataclass
class Drawn(comparison.Model):
    """A model whose samples are given: x, or something else where `changed` says so."""

    x: torch.Tensor = None
    other: torch.Tensor = None
    changed: object = None

    def samples(self, n, seed, epoch=None, process=None):
        assert (n, seed) == (len(self.x), 3)
        return self.other if self.changed(self, process) else self.x


def model(x, other, changed, process="ddpm"):
    settings = {"schedule": "linear", "T": 8, "beta_start": 1e-5, "beta_end": 0.02, "s": 0.008}
    settings |= {"beta_max": 0.02, "clip_x0": False, "sampling_steps": 4}
    built = processes.build(process, settings)
    return Drawn("m", {"epochs": 1}, built, Path(), "bf16", x, other, changed)


def fid(stick, x):
    return metrics.frechet(stick.references["digits"], stick.features(x))


def is_fp32(drawn, process):
    assert process is None
    return drawn.precision == "fp32"


def is_clipped(drawn, process):
    assert isinstance(process, DDPM)
    assert process.sampling_steps == 4
    assert process.schedule is drawn.process.schedule
    return process.clip_x0


@pytest.mark.parametrize(
    ("control", "names", "changed"),
    [(controls.float32, ("bf16", "fp32"), is_fp32), (controls.clipping, ("off", "on"), is_clipped)],
)
def test_the_gap_is_the_second_minus_the_first(stick, control, names, changed):
    x = data.load("train", n=N)[0]
    brighter = x.clamp(min=-0.3)  # a grey ground, a fifth of the range above black
    found = control(model(x, brighter, changed), stick, N, 3)
    first, second = (found[name] for name in names)
    assert first["digits"]["fid"] == pytest.approx(fid(stick, x))
    assert second["digits"]["fid"] == pytest.approx(fid(stick, brighter))
    gap = found["gap"]
    assert gap["digits"]["mean"] == pytest.approx(second["digits"]["fid"] - first["digits"]["fid"])
    assert gap["digits"]["low"] < gap["digits"]["mean"] < gap["digits"]["high"]
    assert 0.15 < gap["background"]["low"] <= gap["background"]["mean"] < 0.21
    assert {first["n"], second["n"]} == {N}


def test_what_changes_nothing_has_no_gap(stick):
    x = data.load("train", n=N)[0]
    gap = controls.float32(model(x, x, is_fp32), stick, N, 3)["gap"]
    assert gap == dict.fromkeys(("digits", "background"), dict.fromkeys(("mean", "low", "high"), 0.0))
