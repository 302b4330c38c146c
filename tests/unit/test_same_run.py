"""Whether a folder has the run that is asked for: by each setting, by its code, and if a file is lost."""

import inspect
import itertools
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch

import diffusion as d
from diffusion import own
from diffusion.processes import DEGRADATIONS
from diffusion.processes.schedules import SCHEDULES
from diffusion.training.folder import RunError
from diffusion.training.network import NETWORKS
from diffusion.training.steps import Learner
from helpers import Fade, Linear, assert_same, changed, content, train
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


def leaves(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all values in nested settings."""
    if isinstance(node, dict) and node:
        for name, inner in node.items():
            yield from leaves(inner, (*path, name))
    else:
        yield path


def test_each_setting_of_a_run_is_refused_by_its_name_where_it_was_another(images, folder):
    """Each value that run.json has is replaced there."""
    path = folder / "run.json"
    known = path.read_text()
    every = [*leaves(json.loads(known)["settings"])]
    for *above, last in every:

        def change(about: dict, above: list[str] = above, last: str = last) -> None:
            inner = about["settings"]
            for name in above:
                inner = inner[name]
            inner[last] = "another"

        changed(path, change)
        name = ".".join([*above, last]).replace("own.", "the code of ")
        with pytest.raises(RunError, match=rf"holds a different run: {name} (was 'another'|has changed)"):
            train(images, folder, **ONE, callback=never)
        path.write_text(known)
    train(images, folder, **ONE, callback=never)


def test_the_length_belongs_to_a_run_whose_rate_falls(images, tmp_path):
    how = {"lr_schedule": "cosine", "network": Linear}
    train(images, tmp_path, **ONE | how)
    for epochs in (2, 3):
        with pytest.raises(RunError, match=f"steps was 4, is {4 * epochs}"):
            train(images, tmp_path, **ONE | how | {"epochs": epochs}, callback=never)


# --- the code that trains ---


def executed(work: Callable[[], object]) -> set[str]:
    """The files of the package of which code runs while something is done."""
    files = set()

    def event(frame: FrameType, kind: str, argument: object) -> None:
        files.add(frame.f_code.co_filename)

    sys.setprofile(event)
    try:
        work()
    finally:
        sys.setprofile(None)
    paths = [Path(file) for file in files if Path(file).is_relative_to(own.PACKAGE)]
    return {path.relative_to(own.PACKAGE).as_posix() for path in paths}


# What runs in a training and changes no weight: arguments are checked there.
CHECKS = {"arguments.py", "names.py"}


@pytest.fixture(scope="module")
def training_files() -> set[str]:
    """The files of which code runs in a step of any process and network."""
    x, files = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5, set()
    how = {"batch_size": 2, "learning_rate": 0.1, "lr_schedule": "cosine", "precision": "bf16", "ema": 0.9}
    processes = [d.DDPM(name) for name in SCHEDULES]
    processes += [d.ColdZoom(2, image_noise=0.1), *(DEGRADATIONS[name](T=2) for name in DEGRADATIONS)]
    for process, network in zip(processes, itertools.cycle(NETWORKS.values()), strict=False):
        process.set_image_shape((1, 28, 28))
        process.prepare(x)

        def work(process: Any = process, network: Any = network) -> None:
            learner = Learner(process, network, {}, x, x, **how, total=4, seed=0)
            for step, batch in enumerate(learner.batches(1)):
                learner.step(step, batch)

        files |= executed(work)
    return files - CHECKS


def test_every_file_of_which_code_runs_in_a_step_is_training_code(training_files):
    assert {"processes/ddpm.py", "processes/zoom.py", "training/steps.py"} <= training_files
    assert training_files <= {*own.TRAINING}


def test_an_edit_of_training_code_makes_another_run_and_a_remark_does_not(
    images, folder, one, training_files, tmp_path, monkeypatch
):
    package = shutil.copytree(own.PACKAGE, tmp_path / "diffusion", ignore=shutil.ignore_patterns("*.pyc"))
    monkeypatch.setattr(own, "PACKAGE", package)
    for name in sorted(training_files):
        before = (package / name).read_text()
        for edit in (f"# a remark\n{before}", f"{before}\n\nNEW = 1\n"):
            (package / name).write_text(edit)
            own.training_code.cache_clear()
            if "NEW" in edit:
                with pytest.raises(RunError, match="holds a different run: code has changed"):
                    train(images, folder, **ONE, callback=never)
            else:
                assert_same(train(images, folder, **ONE, callback=never), one)
        (package / name).write_text(before)
    own.training_code.cache_clear()


@pytest.mark.parametrize(
    ("file", "before", "after", "is_other"),
    [
        ("progress.py", "LINE_SECONDS = 10", "LINE_SECONDS = 20", False),
        ("training/fit.py", "train loss", "training loss", False),
        ("processes/schedules.py", "allowed: [0, 1)", "expected: [0, 1)", False),
        ("processes/zoom.py", "interpolation: str =", "interpolation: Any =", False),
        ("training/steps.py", "ema: float | None = None", "ema: Any = None", False),
        ("training/steps.py", "peak * 0.5 *", "peak * 0.6 *", True),
        ("training/network.py", "kernel_size=7", "kernel_size=5", True),
        ("processes/base.py", "torch.randint(1, self.T + 1", "torch.randint(1, self.T", True),
    ],
)
def test_training_code_is_arithmetic_without_progress_messages_and_types(
    images, folder, one, tmp_path, monkeypatch, file, before, after, is_other
):
    package = shutil.copytree(own.PACKAGE, tmp_path / "diffusion", ignore=shutil.ignore_patterns("*.pyc"))
    text = (package / file).read_text()
    assert before in text
    (package / file).write_text(text.replace(before, after))
    monkeypatch.setattr(own, "PACKAGE", package)
    own.training_code.cache_clear()
    try:
        if is_other:
            with pytest.raises(RunError, match="holds a different run: code has changed"):
                train(images, folder, **ONE, callback=never)
        else:
            assert_same(train(images, folder, **ONE, callback=never), one)
    finally:
        own.training_code.cache_clear()


# --- files that are lost, and a run that is set aside ---


def test_a_folder_of_the_name_of_an_earlier_run_is_left_as_it_is(images, folder):
    for number, name in enumerate(("run.json", "state.pt", "notes.txt"), 1):
        (folder.with_name(f"copy.before-{number}")).mkdir()
        (folder.with_name(f"copy.before-{number}") / name).write_text("mine")
    train(images, folder, **ONE, seed=1, if_exists="rename")
    assert d.open(folder.with_name("copy.before-4")).seed == 0
    for number in (1, 2, 3):
        assert len([*folder.with_name(f"copy.before-{number}").iterdir()]) == 1
