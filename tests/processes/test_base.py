"""The contract: what a process of one's own gets for free, and how it is built from settings."""

import pytest
import torch

from diffusion import processes
from diffusion.processes import DDPM, ColdBlur, ColdZoom, linear
from own import Fade


def test_settings_hold_every_argument_of_a_class_of_ones_own():
    """Otherwise a run of one strength would be taken for that of another."""
    assert Fade().settings() == {"process": "fade", "T": 10, "strength": 1.0, "mask": None}
    assert Fade(10, 2.0).settings()["strength"] == Fade(strength=2.0).settings()["strength"] == 2.0
    a, b, c = (Fade(mask=torch.tensor(m)).settings()["mask"] for m in ([1.0, 2.0], [1.0, 3.0], [1.0, 2.0]))
    assert a == c != b
    assert ColdBlur(7).settings() == {"process": "blur", "T": 7}


def test_settings_of_the_studys_processes_are_what_determines_a_training():
    assert ColdZoom(prior="patches").settings() == ColdZoom().settings()
    assert ColdZoom(interpolation="bilinear").settings() != ColdZoom().settings()
    assert DDPM(clip_x0=True, sampling_steps=5).settings() == DDPM().settings()
    assert DDPM(linear(T=10)).settings() != DDPM(linear(T=11)).settings()


def test_build_from_settings():
    ddpm = {"schedule": "cosine", "T": 10, "s": 0.1, "beta_max": 0.5, "clip_x0": True, "sampling_steps": 5}
    found = processes.build("ddpm", ddpm)
    assert (found.T, found.clip_x0, found.schedule.name, found.sampling_steps) == (10, True, "cosine", 5)
    assert processes.build("zoom", {"T": 5, "prior": "patches", "seed": 1}).prior.name == "patches"
    own = {"degradation": "own:Fade", "T": 3, "degradation_options": {"strength": 0.5}}
    assert processes.build("own", own).settings() == {
        "process": "fade",
        "T": 3,
        "strength": 0.5,
        "mask": None,
    }


@pytest.mark.parametrize(
    ("degradation", "options", "named"),
    [
        ("nowhere:Class", {}, "cannot be loaded"),
        ("os:system", {}, "needed: a subclass of"),
        ("fade", {}, "allowed: blur, or module:name"),
        ("own:Fade", {"power": 2}, "Fade has no option 'power'"),
        ("own:NoName", {}, "needs a `name`"),
        ("own:NoDepth", {}, "must keep the T"),
        ("own:OtherDepth", {}, "must keep the T"),
    ],
)
def test_a_class_that_is_no_degradation_is_refused(degradation, options, named):
    with pytest.raises(ValueError, match=named):
        processes.own(degradation, 5, options)
