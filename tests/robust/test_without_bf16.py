"""A machine that is not fast in bf16: what is opened is sampled in float32, and what is begun goes on."""

import pytest
import torch

import diffusion as d
from helpers import assert_same, train


@pytest.fixture(autouse=True)
def slow(monkeypatch):
    """This process takes its machine for one without bf16."""
    monkeypatch.setenv("COLD_ZOOM_BF16", "0")


def test_what_is_opened_is_sampled_in_float32_and_bf16_is_had_for_the_asking(capsys):
    run, few = d.released("paper/zoom-0"), d.Naive(levels=2)
    x, in_bf16 = run.sample(2, sampler=few), run.sample(2, sampler=few, precision="bf16")
    again = d.released("paper/zoom-0", precision="bf16").sample(2, sampler=few)
    assert "note: zoom-0 was trained in bf16; sampling uses fp32" in capsys.readouterr().out
    assert run.precision == "fp32"
    assert torch.equal(in_bf16, again)
    assert not torch.equal(in_bf16, x)


def test_a_training_from_another_machine_goes_on_in_its_precision(images, tmp_path):
    whole = train(images, None, precision="bf16")
    train(images, tmp_path, precision="bf16", epochs=1)
    moved = train(images, tmp_path, precision="auto")
    assert_same(moved, whole)
    assert (moved.settings["precision"], moved.precision) == ("bf16", "fp32")
    assert train(images, None, precision="auto", epochs=1).settings["precision"] == "fp32"
