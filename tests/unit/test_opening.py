"""A run folder describes itself: it is opened wherever it lies. Released models are opened by name."""

import shutil
import subprocess
import sys
from fractions import Fraction

import pytest
import torch

import diffusion as d
from diffusion.training.checkpoints import RunError
from helpers import Fade, assert_same, changed, train


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"process": d.DDPM(d.cosine(20)), "epochs": None, "steps": 3},
        {"process": Fade(5, mask=torch.ones(28, 28))},
    ],
    ids=["zoom", "ddpm", "own"],
)
def test_a_run_is_opened_wherever_its_folder_lies(images, tmp_path, options):
    run = train(images, tmp_path / "runs", **{"epochs": 2} | options)
    moved = shutil.copytree(run.folder, tmp_path / "elsewhere" / "anything")
    found = d.open(moved)
    assert_same(found, run)
    assert (found.name, found.seed, found.identity, found.steps) == ("m", run.seed, run.identity, run.steps)
    assert torch.equal(found.sample(2), run.sample(2))
    assert repr(found).replace(str(moved), "") == repr(run).replace(str(run.folder), "")


SCRIPT = """
import sys
import torch
import diffusion as d

AMOUNT = torch.tensor([0.5])

class Mine(d.ColdBlur):
    def prepare(self, x):
        super().prepare(x)
        self.mean += AMOUNT

run = d.fit(Mine(3), torch.zeros(8, 1, 28, 28), steps=1, batch_size=8, folder=sys.argv[1], channels=[4])
assert torch.equal(run.sample(2), d.open(run.folder).sample(2))
AMOUNT = torch.tensor([0.4])
d.open(run.folder)
print(run.folder)
"""


def test_classes_of_a_script_are_defined_where_its_runs_are_opened(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert "note: __main__:AMOUNT has changed since " in done.stdout
    folder = done.stdout.splitlines()[-1]
    with pytest.raises(ValueError, match="__main__.Mine cannot be had: define it first.* or network="):
        d.open(folder)
    assert isinstance(d.open(folder, process=Fade(3)).process, Fade)


def test_a_process_may_be_handed_over(images, tmp_path, capsys):
    process = Fade(5)
    process.part = Fraction(1, 3)  # is known, and is not made from a file
    run = train(images, tmp_path, process=process, epochs=1)
    with pytest.raises(ValueError, match="cannot be opened: .*fractions.Fraction is not made from a file"):
        d.open(run.folder)
    assert_same(d.open(run.folder, process=process), run)
    assert "is not the one that" not in capsys.readouterr().out
    d.open(run.folder, process=Fade(4))
    assert "note: the process is not the one that" in capsys.readouterr().out


def test_what_is_no_run_is_refused_and_other_code_is_named(images, tmp_path, capsys):
    run = train(images, tmp_path / "runs", epochs=1)
    assert_same(d.open(tmp_path), run)  # the only one
    other = train(images, tmp_path / "runs", epochs=1, seed=1)
    both = ", ".join(sorted(f"runs/{one.folder.name}" for one in (run, other)))
    with pytest.raises(RunError, match=f"holds several runs; open one: {both}$"):
        d.open(tmp_path)
    changed(run.folder / "run.json", lambda about: about["identity"].update(code="https://nowhere"))
    d.open(run.folder)
    assert "was trained by other code: https://nowhere" in capsys.readouterr().out


# --- released ones ---


def test_a_released_model_is_listed_and_opened_by_its_name_and_nothing_is_added_to_it(mnist_dir):
    names = d.released()
    assert {"paper/zoom-0", "paper/zoom-1", "beyond/zoom_unet_noise-1"} <= set(names)
    assert d.released("paper") == [name for name in names if name.startswith("paper/")]
    assert d.released("paper/zoom-1").folder == d.released("paper", "zoom", 1).folder
    run = d.released("paper", "zoom")
    assert (run.name, run.seed, run.epochs, run.parameters_count) == ("zoom", 0, 100, 146_961)
    before = sorted(run.folder.rglob("*"))
    assert run.by_default(d.Naive(levels=2), d.Patches()).sample(2).shape == (2, 1, 28, 28)
    assert sorted(run.folder.rglob("*")) == before
    best = d.released("beyond", "zoom_unet_noise").way
    assert (best.sampler, best.prior) == (d.Naive(noise=0.15), d.Mixture())
    with pytest.raises(ValueError, match="did you mean 'zoom-0'"):
        d.released("paper/zoon")
