"""The folder of a run: its files, what is damaged, and what is said when it is used again."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

import diffusion as d
from diffusion.files import sha256
from diffusion.training.folder import RunError, RunFolder
from helpers import Fade, Linear, content, stopped, train

FILES = {"run.json", "process.pt", "network.pt", "state.pt", "history.jsonl"}
HOW = {"process": Fade(), "epochs": 2, "network": Linear}


def never(step, loss):
    pytest.fail(f"trained, step {step}")


def test_a_run_has_its_files_in_a_folder_that_is_made_and_each_is_readable_by_itself(images, tmp_path):
    run = train(images, tmp_path / "not" / "there", **HOW)
    names = [f"weights/epoch-{epoch:04d}.safetensors" for epoch in (1, 2)]
    assert {*content(run.folder)} == FILES | {*names}
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


@pytest.mark.parametrize("left", [b"", b"[]", b"{}", b'{"settings": 3}', b'{"settings": {"seed": 0'])
def test_a_run_whose_settings_are_damaged_is_an_error_and_stays(images, tmp_path, left):
    path = stopped(images, tmp_path, 3, **HOW).path / "run.json"
    path.write_bytes(left)
    before = content(tmp_path)
    with pytest.raises(RunError, match=r"run.json is missing, damaged.* another folder, or delete this one"):
        train(images, tmp_path, callback=never, **HOW)
    with pytest.raises(RunError, match="run.json"):
        d.open(tmp_path)
    assert content(tmp_path) == before


def test_a_folder_of_other_files_is_no_run_until_one_is_trained_there(images, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert (RunFolder(tmp_path).settings(), RunFolder(tmp_path).state(), RunFolder(tmp_path).history()) == (
        None,
        None,
        [],
    )
    with pytest.raises(RunError, match=r"is not a run folder \(no run.json\)"):
        d.open(tmp_path)
    train(images, tmp_path, **HOW)
    assert (tmp_path / "notes.txt").read_text() == "mine"


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


OWN = {"mine:A": "1", "mine.py": "1"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"seed": 1}, "seed was 0, is 1"),
        ({"seed": 1, "own": OWN | {"mine:A": "2"}}, "seed was 0, is 1"),  # own code comes last
        ({"own": OWN | {"mine:A": "2"}}, "the code of mine:A has changed"),
        (
            {"own": OWN | {"mine.py": "2"}},
            "the code of mine.py has changed. Every line of a script counts; to edit the script freely, move "
            "the class into a module",
        ),
        ({"images": {"train": "b"}}, "images.train has changed"),
        ({"code": "b"}, "code has changed"),
    ],
)
def test_another_run_is_told_by_its_first_difference_and_hashes_by_their_names(tmp_path, changed, said):
    settings, store = {"code": "a", "images": {"train": "a"}, "own": OWN, "seed": 0}, RunFolder(tmp_path)
    assert store.difference(settings) == ""  # there is none yet
    store.begin(settings)
    assert store.settings() == settings
    assert store.difference(settings | changed) == said


class Wears(Fade):
    """A process that wears out: what it holds changes as it is used."""

    def degrade(self, x, t):
        self.mask += 1
        return super().degrade(x, t)

    def draw_prior(self, n, generator):
        self.mask += 1
        return super().draw_prior(n, generator)


def test_a_run_keeps_its_process_as_it_was_prepared_whatever_its_use_changes(images, tmp_path):
    process = Wears(mask=torch.zeros(2))
    run = train(images, tmp_path, process, network=Linear, epochs=1)
    assert (process.mask == 0).all()
    for _ in range(2):
        assert (d.open(tmp_path).process.mask == 0).all()
        used = run.process.mask.clone()
        run.sample(2)
        assert torch.equal(run.process.mask, used)


def test_only_plain_values_are_read_and_an_error_is_one_line(tmp_path):
    store = RunFolder(tmp_path)
    store.keep("process.pt", {"mask": torch.ones(2)})
    assert torch.equal(store.load("process.pt")["mask"], torch.ones(2))
    store.keep("process.pt", Fade())  # which would execute its code
    with pytest.raises(
        RunError, match=r"process.pt is missing or damaged \(Weights only load failed"
    ) as error:
        store.load("process.pt")
    assert "\n" not in str(error.value)


def test_losses_are_a_curve_of_the_training_loss_by_step(images):
    run = train(images, None, **HOW)
    axes = run.losses.plot().axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "training loss")
    steps, losses = axes.lines[0].get_data()
    assert [*steps] == list(range(1, 9))
    assert [*zip(steps, losses, strict=True)] == run.losses
