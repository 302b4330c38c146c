"""A run folder describes itself: it is opened wherever it lies. Released models are opened by name."""

import contextlib
import io
import shutil

import pytest
import torch

import diffusion as d
from helpers import MINE, Fade, Linear, assert_same, forked, needs_linux, train, typed


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
    names = d.released()
    assert {"paper/zoom-0", "paper/zoom-1", "beyond/zoom_unet_noise-1"} <= {*names}
    run = d.released("paper/zoom-0")
    assert (run.name, run.seed, run.epochs, run.parameters_count) == ("zoom-0", 0, 100, 146_961)
    before = sorted(run.folder.rglob("*"))
    assert run.sample(2, sampler=d.Naive(levels=2), prior=d.Patches()).shape == (2, 1, 28, 28)
    assert sorted(run.folder.rglob("*")) == before
    with pytest.raises(ValueError, match="did you mean 'paper/zoom-"):
        d.released("paper/zoon")
