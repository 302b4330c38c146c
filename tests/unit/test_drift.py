"""The law of offsets, against the samplers themselves with a network of which the response is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import made_up
from diffusion.evaluation.statistics import Interval
from diffusion.processes.samplers import DDIM, Ancestral
from diffusion.processes.schedules import linear
from diffusion.runtime import generator
from helpers import defined
from paper import drift
from paper.drift import Response, corrected, spread
from report.measures.probes import SHIFT
from report.results import table
from report.results.settings import describe
from report.results.views import load

BLIND = [Response(1.0, [1, 1000], [0.0, 0.0])]
SEEING = [Response(1.0, [1, 1000], [0.9, 0.9])]
GROWING = [Response(1.0, [1, 1000], [0.2, 0.5]), Response(30.0, [1, 1000], [0.8, 1.0])]  # with time and size


@pytest.mark.parametrize("sampler", [Ancestral(50), DDIM(50)])
@pytest.mark.parametrize("added", [0.0, 0.5])
@pytest.mark.parametrize("responses", [BLIND, SEEING, GROWING])
def test_it_is_the_spread_that_the_sampler_leaves(sampler, responses, added):
    """Also where a part of what the network misses is added to its prediction."""
    schedule, steps = linear(1000), sampler.visits(1000)
    random = generator("offsets")
    x = torch.randn(20_000, generator=random, dtype=torch.float64)  # offsets, in units of 1/28
    for t, s in zip(steps[:-1], steps[1:], strict=True):
        a, b = (float(schedule.alpha_bar[one]) for one in (t, s))
        noise = x / (1 - a) ** 0.5
        parts = [np.interp(t, one.t, one.part) for one in responses]
        rho = np.interp(noise.abs().log().numpy(), np.log([one.size for one in responses]), parts)
        eps = torch.from_numpy(rho) * noise
        x = sampler.move(x, eps + added * (noise - eps), a, b, random)
    heard = corrected(responses, added)
    result = spread(schedule.alpha_bar.numpy(), heard, steps, isinstance(sampler, DDIM))
    assert result == pytest.approx(SHIFT * float(x.std()), rel=0.05)


# --- on runs that are made up ---


@pytest.fixture(scope="module")
def level() -> dict:
    """Functions of notebook 09."""
    return defined("09_level", "variants", "predict")


SHIFTS = {30.0: 0.8, 1.0: 0.2, 3.0: 0.5}  # response to shifts of these sizes, in the order of rows


def ddpm(out, name: str, share: float = 0.0, **facts) -> None:
    """A DDPM with a variant, whose network's responses and first epochs are known."""
    made_up.training(out, name, **facts)
    rows = [table.row("border", Interval(0.1, n=9, sd=0.25), way, 100) for way in ("", "ddim")]
    rows += [table.row("border", Interval(0.1, n=9, sd=0.125), table.REAL)]
    rows += [
        table.row("response", part, f"shift {size:g}", x=t)
        for size, part in SHIFTS.items()
        for t in (1, 1000)
    ]
    rows += made_up.curve({1: 0.5 + share, 5: 0.75 + share, 30: 0.875 + share, 31: 1.0}, "response")
    rows += made_up.curve({2: 9.0}, "frechet")
    variants = {"ddim": {"sampler": "ddim", "sampler_options": {"steps": 25}}}
    made_up.measures(out, name, rows, {"variants": variants})


def test_a_drift_is_predicted_by_the_rows_of_its_training(tmp_path, level):
    schedule, sampler = describe("linear", {"T": 100}), describe("ancestral", {"steps": 20})
    ddpm(tmp_path, "linear-0", schedule=schedule, sampler=sampler, T=100)
    training = load(tmp_path).first("linear")
    assert level["variants"](training) == ["", "ddim"]
    heard = [Response(size, [1, 1000], [part, part]) for size, part in sorted(SHIFTS.items())]
    for variant, sampler in (("", Ancestral(20)), ("ddim", DDIM(25))):
        alpha_bar = linear(100).alpha_bar.numpy()
        expected = spread(alpha_bar, heard, sampler.visits(100), isinstance(sampler, DDIM))
        assert level["predict"](training, variant) == pytest.approx(expected)


def test_drifts_are_the_predictions_of_the_notebook_with_the_samples_of_their_run(tmp_path):
    ddpm(tmp_path, "linear-0")
    ddpm(tmp_path / "beyond", "linear-1")
    noted = {("linear-0", "ddim"): 0.5, ("beyond/linear-1", ""): 0.75, ("starts/linear-2", ""): 0.9}
    rows = [table.row("drift", value, variant, model=model) for (model, variant), value in noted.items()]
    table.write(tmp_path, "level", {"job": "level"}, rows)
    first, second = drift.list_drifts(replace(load(tmp_path), beside={"beyond": load(tmp_path / "beyond")}))
    assert [(one.training.name, one.variant, one.ddim) for one in (first, second)] == [
        ("linear-0", "ddim", True),
        ("linear-1", "", False),
    ]
    for i, drawn in enumerate((first, second)):
        with table.reading() as seen:
            assert drawn.predicted == [*noted.values()][i]
        assert [*seen] == [f"metrics/level.json#{i}"]
        assert drawn.border == 0.25


@pytest.mark.parametrize(
    "change",
    [
        {"sampler": {"class": "mine:Sampler"}},
        {"settings": {"network": "mine:Network"}},
        {"schedule": {"class": "mine:schedule"}},
    ],
)
def test_a_training_of_ones_own_parts_or_without_responses_is_not_predicted(tmp_path, level, change):
    ddpm(tmp_path, "linear-0", **change)
    assert level["variants"](load(tmp_path).first("linear")) == []
    made_up.training(tmp_path, "linear-0")
    made_up.measures(tmp_path, "linear-0", made_up.curve({1: 0.5}, "response"))
    assert level["variants"](load(tmp_path).first("linear")) == []


def test_runs_of_a_model_with_equal_settings_are_one_training_the_longest_first(tmp_path):
    made_up.training(tmp_path, "linear-1", epochs=30)
    made_up.training(tmp_path, "linear-2", epochs=30)
    made_up.training(tmp_path / "paper", "linear-1", epochs=100)
    made_up.training(tmp_path / "beyond", "linear-1", epochs=10, settings={"learning_rate": 2e-3})
    runs = [run for folder in ("", "paper", "beyond") for run in load(tmp_path / folder).trainings.values()]
    assert [[(run.seed, run.train.epochs) for run in same] for same in drift.group(runs + runs)] == [
        [(1, 100), (1, 30)],
        [(2, 30)],
        [(1, 10)],
    ]


def test_a_course_is_of_the_first_epochs_of_each_training_and_the_fullest_of_equal_ones(tmp_path):
    ddpm(tmp_path, "linear-0")
    ddpm(tmp_path, "linear-1", share=0.01)
    ddpm(tmp_path, "zoom-0")
    ddpm(tmp_path, "cosine-0", schedule=describe("linear"))  # not of the schedule that its name says
    fuller = [(1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)]  # the same training, watched more closely
    made_up.training(tmp_path / "starts", "linear-0", rows=made_up.losses(40))
    made_up.measures(tmp_path / "starts", "linear-0", made_up.curve(dict(fuller), "response"))
    alone = drift.courses(load(tmp_path))
    first, second = [(1, 0.5), (5, 0.75), (30, 0.875)], [(1, 0.51), (5, 0.76), (30, 0.885)]
    assert alone == {"linear": [(0, first), (1, second)]}
    beside = replace(load(tmp_path), beside={"starts": load(tmp_path / "starts")})
    assert drift.courses(beside) == {"linear": [(0, fuller), alone["linear"][1]]}
