"""Samples of a run's trainings are drawn once, and a file that is not theirs is never taken for them."""

import pytest
import safetensors.torch
import torch

from damage import WAYS
from diffusion.training import sampling
from short_runs import train
from study.drawn import DrawnRun


@pytest.fixture
def run(images, tmp_path) -> DrawnRun:
    return DrawnRun.of(train(images, tmp_path / "runs", epochs=2))


def test_they_are_drawn_once_for_all_that_determines_them(run, tmp_path, monkeypatch):
    first, other = run.sample(3), run.sample(3, epoch=1)
    assert not torch.equal(first, other)
    monkeypatch.setattr(sampling, "draw", lambda *_: pytest.fail("drawn again"))
    assert torch.equal(run.sample(3), first)
    assert torch.equal(run.sample(3, run.seed, 2), first)
    assert len(list((tmp_path / "samples").iterdir())) == 2


@pytest.mark.parametrize("damage", [WAYS["half"], WAYS["empty"], WAYS["other"]])
def test_a_damaged_file_is_drawn_again(run, tmp_path, capsys, damage):
    first = run.sample(3)
    (path,) = (tmp_path / "samples").iterdir()
    good = path.read_bytes()
    path.write_bytes(damage(good))
    assert torch.equal(run.sample(3), first)
    assert "is damaged and is drawn again" in capsys.readouterr().out
    assert path.read_bytes() == good


def test_a_whole_file_of_other_samples_or_of_other_tensors_is_not_taken_for_these(run, tmp_path):
    first = run.sample(3)
    (path,) = (tmp_path / "samples").iterdir()
    run.sample(3, seed=1)
    (other,) = set((tmp_path / "samples").iterdir()) - {path}
    for content in (other.read_bytes(), safetensors.torch.save({"pixels": first})):
        path.write_bytes(content)
        assert torch.equal(run.sample(3), first)
