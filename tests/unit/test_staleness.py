"""Of each setting of a profile: it is changed, and exactly the jobs that rest on it run again.

Nothing runs here; the run itself is tested in e2e/test_workflow.py. Files that jobs are made from:
test_stale_files.py.
"""

import datetime
import functools
import json

import pytest

from finished import (
    AFTER,
    ALL,
    BEYOND,
    COMPARE,
    FIGURES,
    MODELS,
    OF_LINEAR,
    OF_OWN,
    OF_ZOOM,
    PROFILE,
    N,
    finished,
)
from report import profile as profiles
from report.parameters import MEASURE, parameters

OF_MODELS = [COMPARE, FIGURES, "report"]  # which take the names of the models; `BEYOND` shows a release


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with finished(tmp_path_factory.mktemp("finished")) as found:
        yield found


def test_a_run_with_nothing_changed_has_nothing_to_do(run):
    assert (run.stale(), [*run.jobs()]) == ({}, ALL)


# --- settings ---


def other(path: str, value) -> dict:
    """The sections of the profile in which the value at a dotted path is another."""
    content = json.loads(json.dumps(PROFILE))
    *above, last = path.split(".")
    functools.reduce(lambda inner, name: inner.setdefault(name, {}), above, content)[last] = value
    return {path.partition(".")[0]: content[path.partition(".")[0]]}


OF_03 = {  # parameters of a notebook, as 03_train_zoom -> another value
    "T": 20,
    "interpolation": "bilinear",
    "image_noise": 0.1,
    "prior": "patches",
    "prior_options": {"components": 2},
    "sampler": "improved",
    "sampler_options": {"levels": 4},
    "network": "own_way:Linear",
    "network_options": {"channels": [8]},
    "n_train": 9,
    "n_test": 9,
    "epochs": 3,
    "batch_size": 4,
    "learning_rate": 0.1,
    "fit_options": {"ema": 0.9},
    "n_keep": 8,
    "n_reconstruct": 8,
}
OF_02 = {"schedule": "cosine", "schedule_options": {"T": 500}}
OF_05 = {"degradation": "own_fade:Deeper", "degradation_options": {"strength": 0.5}}
SCHEDULES = {
    "T": 500,
    "beta_start": 1e-4,
    "beta_end": 0.03,
    "s": 0.01,
    "beta_max": 0.5,
    "zoom_T": 20,
    "interpolation": "bilinear",
    "image_index": 3,
    "n_columns": 5,
    "n_test": 9,
}
MEASURED = {
    "n_test": N,
    "n_checkpoint": 20,
    "n_final": 33,
    "n_distance": 20,
    "distance_every": 2,
    "floor_repeats": 3,
    "interval_repeats": 3,
    "n_per_distortion": 20,
    "n_real": 200,
    "n_probe": 20,
    "sample_seed": 1,
    "more_features": ["inception"],
    "precision": "fp32",
}
NOTEBOOK = {"n": 20, "n_test": 9, "distance_every": 2, "floor_repeats": 3}
SETTINGS = {  # path in the profile -> another value, the jobs that run again, how the setting is named
    **{f"models.zoom.{name}": (value, [*OF_ZOOM, *AFTER]) for name, value in OF_03.items()},
    "models.zoom.network": ("own_way:Linear", [*OF_ZOOM, *AFTER], "own_way"),
    **{f"models.linear.{name}": (value, [*OF_LINEAR, *AFTER]) for name, value in OF_02.items()},
    **{f"models.own.{name}": (value, [*OF_OWN, *AFTER]) for name, value in OF_05.items()},
    **{f"schedules.{name}": (value, ["schedules", *AFTER]) for name, value in SCHEDULES.items()},
    **{f"models.zoom.measure.{name}": (value, [OF_ZOOM[1], *AFTER]) for name, value in MEASURED.items()},
    **{f"notebooks.04_compare_fid.{name}": (value, [COMPARE, "report"]) for name, value in NOTEBOOK.items()},
    "models.zoom.variants.two": ({"average": 2}, [OF_ZOOM[1], *AFTER], "variants.two"),
    "models.zoom.variants.stays.n": (20, [OF_ZOOM[1], *AFTER], "variants.stays.n"),
    "training.epochs": (3, ALL[1:]),
    "measure.n_final": (33, [OF_LINEAR[1], OF_ZOOM[1], OF_OWN[1], *AFTER]),
    "notebooks.06_beyond.released": ("paper", [BEYOND, "report"]),
    "models.zoom.label": ("Zoom", OF_MODELS, "labels.zoom"),
    "report.title": ("X", ["report"]),
    "report.authors": ("X", ["report"]),
    "report.date": (datetime.date(2026, 12, 1), ["report"]),
    "report.beside": (["paper"], ["report"]),
    "report.text": (None, ["report"]),
    "profile": ("other", ["report"]),
    "opened": (["zoom"], []),  # what a release has of the run
}


@pytest.mark.parametrize("path", SETTINGS)
def test_a_changed_setting_is_named_and_what_rests_on_it_runs_again(run, path):
    value, stale, *named = SETTINGS[path]
    found, (name,) = run.stale(**other(path, value)), named or [path.rpartition(".")[2]]
    assert [*found] == stale
    assert all(found[job].startswith(("settings." + name, "own." + name)) for job in stale[:1]), found


def test_each_parameter_of_a_profile_has_a_row_above():
    for notebook in ("02_train_ddpm", "03_train_zoom", "05_your_degradation"):
        assert parameters(notebook)[0].keys() - profiles.GIVEN <= {*OF_02, *OF_03, *OF_05}
    assert parameters("01_schedules")[0].keys() - profiles.GIVEN == {*SCHEDULES}
    assert parameters("04_compare_fid")[0].keys() - profiles.GIVEN == {*NOTEBOOK}
    assert MEASURE.model_fields.keys() - {"dataset", "data_dir", "variants"} == {*MEASURED}
    sections = {path.partition(".")[0] for path in SETTINGS}
    assert profiles.Sections.model_fields.keys() - sections == {
        "seeds",
        "dataset",
        "data_dir",
        "out",
    }  # below
    of_report = {path.partition(".")[2] for path in SETTINGS if path.startswith("report.")}
    assert profiles.Report.model_fields.keys() - of_report == {"kind"}


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        (
            {"models": MODELS | {"more": {"notebook": "03_train_zoom"}}},
            ["train_more-0", "measure_more-0", *AFTER],
        ),
        ({"models": {name: MODELS[name] for name in ("linear", "zoom")}}, AFTER),
        ({"models": dict(reversed(MODELS.items()))}, OF_MODELS),  # they are shown in this order
        (
            {"models": MODELS | {"zoom": MODELS["zoom"] | {"seeds": [0, 7]}}},
            ["train_zoom-7", "measure_zoom-7", *AFTER],
        ),
        ({"notebooks": PROFILE["notebooks"] | {"11_models": {}}}, ["notebook_11_models", "report"]),
        ({"notebooks": {}}, ["report"]),
        ({"dataset": "own_data:same"}, ALL),
        ({"data_dir": "."}, []),
    ],
)
def test_what_is_new_or_gone_is_made_with_what_shows_it_and_nothing_else(run, changes, stale):
    assert {*run.stale(**changes)} == {*stale}
