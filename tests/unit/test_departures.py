"""A run is complete if it is trained, sampled and measured as the original study: at the very thresholds."""

from dataclasses import replace

import pytest

import made_up
from diffusion.evaluation.statistics import Interval
from paper.departures import departure
from report.results import table
from report.results.settings import describe
from report.results.table import row
from report.results.views import STUDY, load

SCHEDULES = {"T": 1000, "beta_start": 1e-5, "beta_end": 0.02, "s": 0.008, "beta_max": 0.02, "n_test": 5}
WAYS = {"own": {"sampler": "x", "calls": 24, "noise": 0.0, "clip_x0": False}}


def measured(n: int = 500, late: int = 5, only: tuple[str, ...] = (), lacks: tuple[str, ...] = ()) -> list:
    epochs = [1, *range(101 - late, 101)]
    rows = made_up.curve(dict.fromkeys(epochs, 10.0))
    rows += [row("frechet", Interval(9.0, n=n), epoch=100), row("centre_dark", Interval(0.1, n=n), epoch=100)]
    rows += [row("copies", 0.1), row("frechet", 1.0, "own", 100)]
    return [line for line in rows if line[2] not in lacks]


@pytest.fixture
def made(tmp_path):
    """made("zoom-0", training, measures): a complete run, with changes of the files of one training."""

    def make(name: str = "", training=None, measures=None, without=(), schedules=None):
        for one in (f"{model}-0" for model in STUDY if model not in without):
            noted = {"variants": {"own": {"n": 500}}}
            how = {"settings": noted, "rows": measured(), "ways": WAYS}
            given = (measures or {}) if one == name else {}
            how |= given | ({"settings": noted | given["settings"]} if "settings" in given else {})
            made_up.training(tmp_path, one, **((training or {}) if one == name else {}))
            made_up.measures(tmp_path, one, **how)
        table.write(tmp_path, "schedules", {"settings": SCHEDULES | (schedules or {})}, [])
        table.write(tmp_path, "yardstick", {"job": "yardstick"}, [])
        return load(tmp_path)

    return make


def test_a_run_like_the_original_study_is_complete(made):
    assert departure(made()) == ""


@pytest.mark.parametrize(
    ("training", "measures", "said"),
    [
        ({"data": made_up.DATA | {"n_test": 10_000}}, {}, ""),
        ({"data": made_up.DATA | {"n_test": 9_999}}, {}, "fewer than 10000 test images"),
        ({"data": made_up.DATA | {"n_test": 500}}, {}, "fewer than 10000 test images"),
        ({"data": made_up.DATA | {"n_train": 30_000}}, {}, ""),  # 50 passes in 100 epochs
        ({"data": made_up.DATA | {"n_train": 29_999}}, {}, "fewer than 50 epochs"),
        ({}, {"rows": measured(n=500)}, ""),
        ({}, {"rows": measured(n=499)}, "499 of 500 samples"),
        ({}, {"settings": {"n_checkpoint": 500}}, ""),
        ({}, {"settings": {"n_checkpoint": 499}}, "499 of 500 samples"),
        ({}, {"reference": {"split": "test", "n": 10_000}}, ""),
        ({}, {"reference": {"split": "test", "n": 500}}, "500 of 10000 reference images"),
        ({}, {"rows": measured(late=5)}, ""),
        ({}, {"rows": measured(late=4)}, "fewer than 5 checkpoints in the last fifth of training"),
        ({"sampler": describe("naive", {"levels": 24})}, {}, ""),  # all of them, in other words
        ({"sampler": describe("naive", {"levels": 12})}, {}, "sampler.levels = 12"),
        ({"sampler": describe("improved")}, {}, "sampler.class = diffusion:Improved"),
        ({"prior": describe("mixture")}, {}, "prior.class = diffusion:Mixture"),
        ({"prior": None}, {}, "prior = None"),
        ({"settings": {"process": made_up.ZOOM | {"image_noise": 0.1}}}, {}, "process.image_noise = 0.1"),
        ({"settings": {"process": made_up.ZOOM | {"T": 23}}}, {}, "process.T = 23"),
        ({"settings": {"batch_size": 64}}, {}, "batch_size = 64"),
        ({"settings": {"lr_schedule": "cosine"}}, {}, "lr_schedule = cosine"),
        ({"settings": {"ema": 0.99}}, {}, "ema = 0.99"),
        ({"settings": {"network": "diffusion:UNet"}}, {}, "network.class = diffusion:UNet"),
        ({"settings": {"precision": "bf16"}}, {}, ""),  # which the original study leaves open
        ({}, {"rows": measured(lacks=("copies",))}, "is not analysed"),
        ({}, {"ways": {}}, "is not analysed"),
        ({}, {"rows": measured(lacks=("frechet",))}, "fewer than 5 checkpoints"),
    ],
)
def test_a_departure_of_the_zoom_is_told(made, training, measures, said):
    found = departure(made("zoom-0", training, measures))
    assert (said in found) if said else (found == "")
    if said:
        assert found.startswith("zoom-0 ")


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"sampler": describe("ancestral", {"steps": 1000})}, ""),
        ({"sampler": describe("ancestral", {"steps": 50})}, "sampler.steps = 50"),
        ({"sampler": describe("ddim")}, "sampler.class = diffusion:DDIM"),
        ({"schedule": describe("cosine")}, "schedule.class = diffusion:cosine"),
        ({"schedule": describe("linear", {"beta_end": 0.1})}, "schedule.beta_end = 0.1"),
        ({"prior": describe("pixels")}, "prior = {"),
        ({"settings": {"learning_rate": 1e-3}}, "learning_rate = 0.001"),
    ],
)
def test_a_departure_of_a_ddpm_is_told(made, training, said):
    found = departure(made("linear-0", training))
    assert (f"linear-0 has {said}" in found) if said else (found == "")


def test_what_a_run_lacks_is_told(made):
    assert departure(made(without=("cosine", "zoom"))) == "it has no cosine and zoom model"
    complete = made()
    for name, title in (("schedules", "noise schedules"), ("yardstick", "yardstick")):
        jobs = {key: job for key, job in complete.jobs.items() if key != name}
        assert departure(replace(complete, jobs=jobs)) == f"it has no {title}"


@pytest.mark.parametrize("name", ["T", "beta_start", "beta_end", "s", "beta_max"])
def test_other_noise_schedules_are_told(made, name):
    assert departure(made(schedules={name: 7})) == f"its noise schedules have {name} = 7"


def test_other_settings_of_the_schedules_are_none_of_its_business(made):
    assert departure(made(schedules={"n_test": 60})) == ""
