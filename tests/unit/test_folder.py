"""The folder of a run: its files, what is damaged, and what is said when it is used again."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

import diffusion as d
from diffusion.files import sha256
from diffusion.training.folder import RunError
from helpers import Fade, Linear, content, stopped, train

FILES = {"run.json", "process.pt", "network.pt", "state.pt", "history.jsonl"}
HOW = {"process": Fade(), "epochs": 2, "network": Linear}


def never(step, loss):
    pytest.fail(f"trained, step {step}")


@pytest.fixture(scope="module")
def faded(images, tmp_path_factory):
    return train(images, tmp_path_factory.mktemp("runs") / "faded", **HOW)


def test_a_run_has_its_files_in_a_folder_that_is_made_and_each_is_readable_by_itself(images, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=r"is not a run folder \(no run.json\)"):
        d.open(tmp_path)
    for folder in (tmp_path, tmp_path / "not" / "there"):
        run = train(images, folder, **HOW)
    names = [f"weights/epoch-{epoch:04d}.safetensors" for epoch in (1, 2)]
    assert {*content(run.folder)} == FILES | {*names}
    assert (tmp_path / "notes.txt").read_text() == "mine"
    whole = (run.folder / "run.json").read_text()
    assert whole.endswith("}\n")
    assert json.loads(whole)["settings"] == run.settings
    assert json.loads(whole)["versions"]["torch"] == torch.__version__
    lines = (run.folder / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == run.history == run.store.history()
    for epoch, name in enumerate(names, 1):
        weights = load_file(run.folder / name)
        assert {*weights} == {"scale"}
        assert torch.equal(weights["scale"], run.network(epoch).scale.detach())
        assert run.weights_sha256(epoch) == sha256((run.folder / name).read_bytes())
    assert run.weights_sha256() == run.weights_sha256(2) != run.weights_sha256(1)


@pytest.mark.parametrize("lost", [[], ["state.pt"], ["state.pt", "history.jsonl"]])
@pytest.mark.parametrize("left", [None, b"", b"[]", b"{}", b'{"settings": 3}', b'{"settings": {"seed": 0'])
def test_a_run_whose_settings_are_damaged_is_an_error_and_stays(images, tmp_path, faded, left, lost):
    folder = shutil.copytree(faded.folder, tmp_path / "copy")
    (folder / "run.json").write_bytes(left or b"")
    for name in lost if left is not None else [*lost, "run.json"]:
        (folder / name).unlink()
    before = content(folder)
    for use in (
        lambda: train(images, folder, callback=never, if_exists="rename", **HOW),
        lambda: d.open(folder),
    ):
        with pytest.raises(RunError, match=r"run.json is missing, damaged"):
            use()
    assert content(folder) == before


def test_a_folder_that_cannot_be_created_is_named(images, tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "a"):
        with pytest.raises(RunError, match=f"^folder {folder} cannot be used: "):
            train(images, folder, callback=never, **HOW)


def test_what_is_found_when_a_run_goes_on_is_said(images, tmp_path, capsys):
    def said(**how):
        capsys.readouterr()
        train(images, tmp_path / "a", **HOW | how)
        return capsys.readouterr().out

    stopped(images, tmp_path / "a", 7, **HOW)
    assert "a resumes at step 6 of 8\n" in said()
    assert said(callback=never) == "a is already trained\n"
    (tmp_path / "a" / "state.pt").unlink()
    assert f"a: {tmp_path / 'a'} lacks a state to resume from; training restarts" in said()
    lines = [line for line in said(epochs=3).splitlines() if line.startswith("a: epoch")]
    assert [line.partition(",")[0] for line in lines] == ["a: epoch 3/3"]


def test_a_training_without_a_folder_leaves_nothing_when_it_is_no_longer_used(images, capsys):
    for is_gone in (False, True):
        run = train(images, None, **HOW)
        folder = run.folder
        assert folder.is_dir()
        assert folder.name.startswith("diffusion-")  # which tells whose it is, if a kill leaves it
        if is_gone:
            shutil.rmtree(folder)
        del run
        assert not folder.exists()
        assert capsys.readouterr().err == ""


class Wears(Fade):
    """A process that wears out: what it holds changes as it is used."""

    def degrade(self, x, t):
        self.mask += 1
        return super().degrade(x, t)


def test_a_run_keeps_its_process_as_it_was_prepared_whatever_its_use_changes(images, tmp_path):
    process = Wears(mask=torch.zeros(2))
    run = train(images, tmp_path, process, network=Linear, epochs=1)
    assert (process.mask == 0).all()
    for _ in range(2):
        assert (d.open(tmp_path).process.mask == 0).all()
        used = run.process.mask.clone()
        run.sample(2)
        assert torch.equal(run.process.mask, used)
