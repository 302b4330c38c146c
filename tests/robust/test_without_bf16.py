"""A machine that is not fast in bf16: what is opened is sampled in float32, and what is begun goes on."""

import pytest
import torch

import diffusion as d
from helpers import assert_same, changed, train


@pytest.fixture(autouse=True)
def slow(monkeypatch):
    """This process takes its machine for one without bf16."""
    monkeypatch.setenv("COLD_ZOOM_BF16", "0")


def test_what_is_opened_is_sampled_in_float32_and_bf16_is_had_for_the_asking(capsys):
    run, few = d.released("paper", "zoom"), d.Naive(levels=2)
    x, in_bf16 = run.sample(2, sampler=few), run.sample(2, sampler=few, precision="bf16")
    again = d.released("paper", "zoom", precision="bf16").sample(2, sampler=few)
    first, *notes = [one for one in capsys.readouterr().out.splitlines() if one.startswith("note: ")]
    assert first == "note: zoom-0, trained in bf16, is sampled in fp32, in which this machine is faster"
    assert all(one.startswith("note: zoom-0 is sampled in bf16, which is slower") for one in notes)
    assert len(notes) == 2  # of the two that ask for bf16
    assert run.precision == "fp32"
    assert torch.equal(in_bf16, again)
    assert not torch.equal(in_bf16, x)


def test_a_training_from_another_machine_goes_on_in_its_precision(images, tmp_path, capsys):
    whole = train(images, tmp_path / "whole", precision="bf16")
    run = train(images, tmp_path / "moved", precision="bf16", epochs=1)
    changed(run.folder / "run.json", lambda about: about.update(auto=True))  # as on a machine with bf16
    capsys.readouterr()
    moved = train(images, tmp_path / "moved", precision="auto")
    said = capsys.readouterr().out
    assert_same(moved, whole)
    assert (moved.identity["precision"], moved.precision) == ("bf16", "fp32")
    assert "note: m-0 is trained in bf16, which is slower" in said
    assert "note: m-0, trained in bf16, is sampled in fp32" in said
    other = train(images, tmp_path / "whole", precision="auto", epochs=1)  # was asked for in bf16
    assert (other.identity["precision"], other.store.about()["auto"]) == ("fp32", True)
    assert other.folder != whole.folder
