"""Variants of sampling: what they may be, what is made of them, and what a sample costs."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch

import diffusion as d
from report.measures import variants
from report.measures.registry import MEASURES
from report.measures.variants import cost, describe_sampler, make_variant
from report.results.settings import describe


@dataclass
class Run:
    sampler: object = None
    prior: object = None
    precision: str = "bf16"
    calls: int = 24


OWN = {"sampler": describe("naive", {"levels": 6}), "prior": describe("pixels")}


def test_a_variant_is_a_copy_of_the_run_with_what_it_names():
    run = Run("own", "own")
    same = make_variant(run, OWN, {})
    assert (same.sampler.levels, type(same.prior), same.precision) == (6, d.Pixels, "bf16")
    other = make_variant(run, OWN, {"sampler": "improved", "prior": "patches", "precision": "fp32"})
    assert (type(other.sampler), type(other.prior), other.precision) == (d.Improved, d.Patches, "fp32")
    assert (run.sampler, run.prior, run.precision) == ("own", "own", "bf16")
    with pytest.raises(ValueError, match="levels"):
        make_variant(run, OWN, {"sampler_options": {"levels": 0}})


def test_averaged_weights_are_the_mean_over_the_last_epochs(whole):
    each = [whole.network(epoch).state_dict() for epoch in (3, 2, 1)]
    for n in (2, 3):
        averaged = make_variant(whole, OWN, {"average": n})
        for name, mean in averaged.network().state_dict().items():
            assert torch.allclose(mean, sum(state[name] for state in each[:n]) / n, atol=1e-6)
        assert torch.equal(averaged.network(1).state_dict()[name], each[2][name])


def test_a_sampler_is_described_by_its_registered_name_calls_and_options():
    naive = d.Naive(noise=0.1)
    assert describe_sampler(Run(naive)) == {"sampler": "naive", "calls": 24, "noise": 0.1, "clip_x0": False}
    ddim = describe_sampler(Run(d.DDIM(50, clip_x0=True), calls=50))
    assert ddim == {"sampler": "ddim", "calls": 50, "noise": 0.0, "clip_x0": True}

    class Mine(d.Naive):
        """A sampler of one's own."""

    assert describe_sampler(Run(Mine()))["sampler"] == "own"


def test_measures_of_samples_are_those_that_are_taken_of_images():
    names = variants.names_of_samples()
    assert {"frechet", "ink", "divergence"} <= {*names}
    assert not {"floor", "calls", "seconds", "threshold", "response", "copies"} & {*names}
    assert names == [name for name in MEASURES if name in names]


def test_seconds_are_those_of_one_sample_and_of_the_processor(monkeypatch):
    clock, drawn = iter((100.0, 164.0, 0.0, 10.0)), []
    monkeypatch.setattr(variants.time, "process_time", lambda: next(clock))
    run = SimpleNamespace(fitted=lambda: drawn.append("prior"), sample=drawn.append, calls=24)
    assert cost(run) == {"calls": 24, "seconds": 0.5}
    assert cost(run, 5)["seconds"] == 2.0
    assert drawn == ["prior", 128, "prior", 5]  # a prior is fitted outside of the measured time
