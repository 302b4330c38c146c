"""Controls: one thing is changed, and what it changes is told from what it leaves alone."""

from dataclasses import dataclass, field
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
    drawn: list = field(default_factory=list)  # the epochs after which samples were asked for

    def samples(self, n, seed, epoch=None):
        assert (n, seed) == (len(self.x), 3)
        self.drawn.append(epoch)
        return self.other if self.changed(self) else self.x


def model(x, other, changed, process="ddpm"):
    settings = {"schedule": "linear", "T": 8, "beta_start": 1e-5, "beta_end": 0.02, "s": 0.008}
    settings |= {"beta_max": 0.02, "clip_x0": False, "sampling_steps": 4}
    built = processes.build(process, settings)
    return Drawn("m", {"epochs": 1}, built, Path(), "bf16", x, other, changed)


def fid(stick, x):
    return metrics.frechet(stick.references["digits"], stick.features(x))


def is_fp32(drawn):
    return drawn.precision == "fp32"


def is_clipped(drawn):
    assert isinstance(drawn.process, DDPM)
    assert drawn.process.sampling_steps == 4
    assert drawn.process.schedule.T == 8
    return drawn.process.clip_x0


def is_from_patches(drawn):
    assert (drawn.process.T, drawn.process.interpolation) == (24, "nearest")
    assert len(drawn.process.patches)
    return drawn.process.seed_source == "patches"


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


def a_zoom(x, other, epochs):
    process = processes.build("zoom", {"T": 24, "interpolation": "nearest"})
    process.prepare(x)
    return Drawn("zoom", {"epochs": epochs}, process, Path(), "bf16", x, other, is_from_patches)


def test_seeds_from_patches_are_all_that_differs(stick):
    x = data.load("train", n=N)[0]
    zoom = a_zoom(x, x.clamp(min=-0.1), 1)
    found = controls.seed_sources(zoom, stick, N, 12, 3)
    assert found["independent"]["not_digit"] == stick.qualities(x)["not_digit"]
    assert found["patches"]["classes"] == stick.qualities(x.clamp(min=-0.1))["classes"]
    assert {source["variety"]["n"] for source in found.values()} == {12}
    assert zoom.process.seed_source == "pixels"  # as it was


def test_seeds_from_patches_are_measured_over_the_final_epochs(stick):
    x = data.load("train", n=N)[0]
    zoom = a_zoom(x, x.clamp(min=-0.1), 20)
    rows = controls.patches_at_the_end(zoom, stick, N, 3, 3)
    assert [row["epoch"] for row in rows] == zoom.drawn == [18, 20]
    (whole, *_) = zoom.curve(stick, N, 20, 3)
    assert whole["epoch"] == 1
    assert whole["digits"]["fid"] == pytest.approx(fid(stick, x))
    assert rows[0]["digits"]["fid"] == pytest.approx(fid(stick, x.clamp(min=-0.1)))
    assert whole["centre"] == stick.qualities(x)["centre"]
    assert whole["variety"]["n"] == N
