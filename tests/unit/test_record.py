"""The parameters of a notebook, and kept samples of another training."""

import copy
import json
from statistics import median
from types import SimpleNamespace

import pytest
import torch

import diffusion as d
from helpers import defined
from report import profile, record
from report.results import views as results
from report.results.kept import Drawn

TRAINED = ("02_train_ddpm", "03_train_zoom", "05_your_degradation")


@pytest.mark.parametrize(
    ("notebook", "given", "named", "allowed"),
    [
        ("01_schedules", {"T": 10.5}, "T", "integer"),
        ("01_schedules", {"zoom_T": 28}, "zoom_T", "1 to 27"),
        ("01_schedules", {"image_index": "3"}, "image_index", "integer"),
        ("01_schedules", {"image_index": 99_999}, "image_index", "0 to 9999"),
        ("01_schedules", {"n_test": 0}, "n_test", "greater than or equal to 1"),
        ("02_train_ddpm", {"schedule_options": {"T": 50}}, "steps|visits", "50"),
        ("02_train_ddpm", {"sampler_options": {"steps": 5000}}, "steps|visits", "1000"),
        ("02_train_ddpm", {"fit_options": {"rate": 1}}, "parameter", "rate"),
        ("03_train_zoom", {"T": 30}, "T", "1 to 27"),
        ("03_train_zoom", {"fit_options": "{ema: 0.9}"}, "fit_options", "dictionary.*papermill.* -y"),
        ("03_train_zoom", {"n_keep": 0}, "n_keep", "greater than or equal to 1"),
        ("03_train_zoom", {"n_reconstruct": 0}, "n_reconstruct", "greater than or equal to 1"),
        ("05_your_degradation", {"model": "../zoom"}, "model", "letters"),
        ("05_your_degradation", {"degradation": "crop", "prior": "mixtur"}, "prior", "mixture"),
    ],
)
def test_a_parameter_that_is_not_allowed_is_one_line_in_the_first_cells(notebook, given, named, allowed):
    with pytest.raises(ValueError, match=rf"^{notebook}: .*({named}).*{allowed}") as caught:
        defined(notebook, "checked", **given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("notebook", TRAINED)
def test_all_parameters_are_kept_as_they_were_before_the_training(notebook):
    defaults = profile.parameters(notebook)[0]
    scope = copy.deepcopy(defaults)
    kept = record.parameters(notebook, scope)
    assert kept == defaults | {"notebook": notebook}
    scope["sampler_options"]["levels"] = 3  # as a later cell may do
    with pytest.raises(ValueError, match=r"sampler_options was .*levels.*from its parameters"):
        record.training("out", None, kept, scope)


def test_the_file_of_a_run_has_its_losses_at_their_steps_and_the_time_of_a_step(tmp_path, mnist_dir):
    run, scope = d.released("paper", "zoom"), copy.deepcopy(profile.parameters("03_train_zoom")[0])
    path = record.training(tmp_path, run, record.parameters("03_train_zoom", scope), scope)
    told = json.loads(path.read_text())
    history = [json.loads(line) for line in (run.folder / "history.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in history]
    per_epoch = steps[0]
    assert steps == [per_epoch * epoch for epoch in range(1, len(steps) + 1)]
    assert told["seconds_per_step"] == pytest.approx(median(line["seconds"] for line in history) / per_epoch)
    assert (told["epochs"], told["steps"]) == (len(steps), steps[-1])
    assert told["weights"]["sha256"] == history[-1]["sha256"]
    rows = {(measure, epoch, x): value for _, epoch, measure, x, value, *_ in told["rows"]}
    for line in history:
        for name, key in (("train_loss",) * 2, ("test_loss",) * 2, ("epoch_seconds", "seconds")):
            assert rows[name, line["epoch"], None] == line[key]
    parts = [x for measure, _, x in rows if measure == "step_loss"]
    assert parts == sorted(parts)
    assert {*steps} <= {*parts}  # the last part of an epoch ends with it
    assert rows["step_loss", None, steps[0]] == history[0]["losses"][-1]


def test_models_are_a_list(tmp_path):
    with pytest.raises(ValueError, match="models is 'zoom'.*list"):
        results.load(tmp_path, "zoom")


def test_kept_samples_of_other_weights_are_not_called_damaged(tmp_path, capsys):
    def drawn(weights):
        look = {"sampler": None, "prior": None, "precision": "fp32", "device": torch.device("cpu")}
        run = SimpleNamespace(
            history=[{"sha256": weights}], sample=lambda n, *_, **how: torch.ones(n), **look
        )
        Drawn(tmp_path, run, 0)(3)
        return capsys.readouterr().out

    assert drawn("a") == drawn("a") == ""
    assert "3.safetensors" in (told := drawn("b"))
    assert ("damaged" in told, "weights" in told) == (False, True)
    (tmp_path / "3.safetensors").write_bytes(b"cut")
    assert "damaged" in drawn("b")
