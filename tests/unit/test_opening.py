"""A run folder describes itself: it is opened wherever it lies. Released models are opened by name."""

import contextlib
import importlib
import io
import os
import shutil
import subprocess
import sys

import pytest
import torch

import diffusion as d
from helpers import MINE, ROOT, Fade, Linear, assert_same, forked, needs_linux, train, typed


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"process": d.DDPM(d.cosine(20)), "epochs": None, "steps": 3},
        {"process": Fade(5, mask=torch.ones(28, 28)), "network": Linear, "network_options": {"scale": 2.0}},
    ],
    ids=["zoom", "ddpm", "own"],
)
def test_a_run_is_opened_wherever_its_folder_lies(images, tmp_path, options):
    run = train(images, tmp_path / "runs" / "a", **{"epochs": 2} | options)
    found = d.open(shutil.copytree(run.folder, tmp_path / "elsewhere" / "a"))
    assert_same(found, run)
    assert (found.name, found.seed, found.settings) == ("a", 0, run.settings)
    assert torch.equal(found.sample(2), run.sample(2))
    assert str(found).replace(str(found.folder), "") == str(run).replace(str(run.folder), "")


PRIORS = """
import diffusion as d
import torch

class Fit:  # returns nothing, and cannot be fitted to other images
    def fit(self, pixels):
        self.pixels = pixels[:3]

    def draw(self, n, generator):
        return self.pixels[torch.randint(3, (n,), generator=generator)]

class Fade(d.ColdDiffusion):
    T, prior = 6, None

    def degrade(self, x, t):
        return x * (1 - 0.9 * t / self.T)[:, None, None, None]

class ByClass(Fade):
    prior = d.Patches()

class Fitted(Fade):
    prior = Fit()

class ByInit(Fade):
    def __init__(self):
        self.prior, self.sampler = Fit(), d.Naive(levels=2)

class Prepared(Fade):
    def prepare(self, x):
        self.prior = d.Mixture(2).fit(self.to_pixels(x))

class Drawn(Fade):
    def prepare(self, x):
        self.learned = self.to_pixels(x)[:4]

    def draw_prior(self, n, generator):
        return self.learned[torch.randint(4, (n,), generator=generator)]

def stay(process, x_t, prediction, t, s, generator):
    return x_t

def assigned(process, prior, sampler=None):
    process.prior, process.sampler = prior, sampler or process.sampler
    return process

def processes():
    yield from (ByClass(), Fitted(), ByInit(), Prepared(), Drawn())
    yield from (assigned(Fade(), Fit(), stay), assigned(Drawn(), "patches"), assigned(ByClass(), Fit))
    yield assigned(d.ColdZoom(20), d.Mixture(3), d.Naive(noise=0.3))
"""
OPENED = """
import sys, torch, diffusion as d
for folder in sys.argv[1:]:
    torch.save(d.open(folder).sample(5), folder + "/samples.pt")
"""


def test_a_prior_and_a_sampler_belong_to_the_run_however_they_were_set(images, tmp_path, monkeypatch, capsys):
    """Fitted in one process, the run samples the same in another one, without its images."""
    (tmp_path / "set_priors.py").write_text(PRIORS)
    monkeypatch.syspath_prepend(tmp_path)
    set_priors = importlib.import_module("set_priors")

    x, runs = images[0].roll(1, 2), []  # images that a run does not find again
    for i, process in enumerate(set_priors.processes()):
        before = {**vars(process)}
        runs.append(train((x, None), tmp_path / f"run-{i}", process, network=Linear, epochs=1))
        assert vars(process) == before
    assert runs[2].calls == 2
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert all("different images" in note for note in notes)  # not that there is no prior
    samples = [run.sample(5) for run in runs]
    assert all(len(drawn.unique(dim=0)) > 1 for drawn in samples)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT / "tests")]))
    command = [sys.executable, "-c", OPENED, *(str(run.folder) for run in runs)]
    assert subprocess.check_output(command, stderr=subprocess.STDOUT, text=True) == ""
    for run, drawn in zip(runs, samples, strict=True):
        assert torch.equal(torch.load(run.folder / "samples.pt"), drawn)


def test_the_last_call_of_fit_sets_the_prior_and_sampler_of_a_run(images, tmp_path):
    def opened(prior=None, sampler=None):
        process = d.ColdZoom()
        process.prior, process.sampler = prior, sampler
        train(images, tmp_path, process, network=Linear, epochs=1)
        return d.open(tmp_path)

    first, second = opened(), opened("patches", d.Naive(levels=3))
    assert_same(second, first)
    assert (second.calls, opened().calls) == (3, first.calls)
    assert torch.equal(second.sample(4), first.sample(4, prior="patches", sampler=d.Naive(levels=3)))
    assert torch.equal(opened().sample(4), first.sample(4))


@needs_linux
def test_a_class_of_a_notebook_is_opened_where_it_is_typed_and_its_edit_is_named(images, tmp_path, whole):
    def work(text: str) -> str:
        made = typed(text)
        if not (tmp_path / "run.json").exists():
            train(images, tmp_path, made, epochs=1)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            d.open(tmp_path).sample(2)
        return said.getvalue()

    assert forked(lambda: work(MINE)) == (0, "")
    status, said = forked(lambda: work(MINE.replace("rate = 1", "rate = 2")))
    assert said.startswith("note: __main__:Mine has changed since ")
    with pytest.raises(ValueError, match="cannot be opened: '__main__:Mine' cannot be loaded.* process="):
        d.open(tmp_path)
    assert isinstance(d.open(tmp_path, process=Fade(3)).process, Fade)


def test_a_released_model_is_listed_and_opened_by_its_name_and_nothing_is_added_to_it(mnist_dir):
    table = d.released()
    assert {"paper/zoom-0", "paper/zoom-1", "beyond/zoom_unet_noise-1"} <= {*table.index}
    assert not table.isna().any(axis=None)  # else `make pages` writes it again
    assert table.loc["beyond/zoom_unet_noise-1", "best"] in str(d.released("beyond/zoom_unet_noise-1"))
    run = d.released("paper/zoom-0")
    assert (run.name, run.seed, run.epochs, run.parameters_count) == ("zoom-0", 0, 100, 146_961)
    before = sorted(run.folder.rglob("*"))
    assert run.sample(2, sampler=d.Naive(levels=2), prior=d.Patches()).shape == (2, 1, 28, 28)
    assert sorted(run.folder.rglob("*")) == before
    with pytest.raises(ValueError, match="did you mean 'paper/zoom-"):
        d.released("paper/zoon")
