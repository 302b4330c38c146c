"""Whether a folder has the run that is asked for: by each setting, and by its code."""

import inspect
import shutil
from pathlib import Path

import pytest
import torch

import diffusion as d
from diffusion import own
from diffusion.own import TRAINING
from diffusion.processes import DEGRADATIONS
from diffusion.processes.schedules import SCHEDULES
from diffusion.training.folder import RunError
from diffusion.training.network import NETWORKS
from diffusion.training.steps import Learner
from helpers import Fade, Linear, assert_same, content, train
from unit.test_fit import CHANGES, never

ONE = {"process": Fade(mask=torch.ones(28, 28)), "epochs": 1}
# Arguments that enter no weight -> another value.
FREE = {
    "device": "cpu",
    "callback": lambda step, loss: None,
    "epoch_callback": lambda run, line: None,
    "checkpoint_steps": 3,
    "if_exists": "rename",
}


@pytest.fixture(scope="module")
def one(images, tmp_path_factory):
    return train(images, tmp_path_factory.mktemp("one"), **ONE)


@pytest.fixture
def folder(one, tmp_path) -> Path:
    """A copy of a run."""
    return shutil.copytree(one.folder, tmp_path / "copy")


def test_each_argument_of_fit_enters_weights_or_does_not():
    """Those that do are changed one by one in test_fit.py."""
    changes = {name for row in CHANGES.values() for name in row} - {"images"} | {"x", "x_test"}
    assert changes.isdisjoint(FREE)
    assert changes | FREE.keys() | {"folder"} == {*inspect.signature(d.fit).parameters}


@pytest.mark.parametrize("name", FREE)
def test_an_argument_that_enters_no_weight_changes_no_run(images, folder, one, name, capsys):
    before = content(folder)
    assert_same(train(images, folder, **ONE | {"callback": never} | {name: FREE[name]}), one)
    assert "is already trained" in capsys.readouterr().out
    assert content(folder) == before


def test_the_length_belongs_to_a_run_whose_rate_falls(images, tmp_path):
    how = {"lr_schedule": "cosine", "network": Linear}
    train(images, tmp_path, **ONE | how)
    for epochs in (2, 3):
        with pytest.raises(RunError, match=f"steps was 4, is {4 * epochs}"):
            train(images, tmp_path, **ONE | how | {"epochs": epochs}, callback=never)


# --- the code that trains ---


def test_each_built_in_process_schedule_and_network_is_in_training_code():
    """What these files import: golden/test_values.py."""
    parts = [*DEGRADATIONS.values(), *SCHEDULES.values(), *NETWORKS.values(), d.DDPM, Learner]
    assert {f"{part.__module__.removeprefix('diffusion.').replace('.', '/')}.py" for part in parts} <= {
        *TRAINING
    }


EDITS = {
    (name, "", "\n\nNEW = 1\n"): True for name in TRAINING
} | {  # file, text, another -> whether it counts
    ("training/steps.py", "", "# a remark\n"): False,
    ("progress.py", "LINE_SECONDS = 10", "LINE_SECONDS = 20"): False,
    ("training/fit.py", "train loss", "training loss"): False,
    ("processes/schedules.py", "allowed: [0, 1)", "expected: [0, 1)"): False,
    ("processes/zoom.py", "interpolation: str =", "interpolation: Any ="): False,
    ("training/steps.py", "schedule: str) -> float:", "schedule: str) -> Any:"): False,
    ("training/steps.py", "peak * 0.5 *", "peak * 0.6 *"): True,
    ("training/network.py", "kernel_size=7", "kernel_size=5"): True,
}


def test_training_code_is_arithmetic_without_progress_messages_and_types(
    images, folder, one, tmp_path, monkeypatch
):
    package = shutil.copytree(own.PACKAGE, tmp_path / "diffusion", ignore=shutil.ignore_patterns("*.pyc"))
    monkeypatch.setattr(own, "PACKAGE", package)
    for (file, before, after), is_other in EDITS.items():
        text = (package / file).read_text()
        assert before in text
        (package / file).write_text(text.replace(before, after) if before else text + after)
        own.training_code.cache_clear()
        if is_other:
            with pytest.raises(RunError, match="holds a different run: code has changed"):
                train(images, folder, **ONE, callback=never)
        else:
            assert_same(train(images, folder, **ONE, callback=never), one)
        (package / file).write_text(text)
    own.training_code.cache_clear()
