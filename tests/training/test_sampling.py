"""Samples are drawn once, kept, and found again only if nothing that determines them has changed."""

import pytest
import torch

from damage import WAYS
from diffusion.processes import DDPM, schedules
from diffusion.training import sampling
from diffusion.training.checkpoints import tensor_bytes
from diffusion.training.network import Reconstructor


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Reconstructor().eval()


def draw(network, folder, process=None, **changes):
    options = {"weights_sha256": "w", "n": 3, "seed": 0, "precision": "fp32"} | changes
    return sampling.draw(process or DDPM(schedules.linear(T=3)), network, cache=folder, **options)


@pytest.mark.parametrize(
    "change",
    [
        {"weights_sha256": "v"},
        {"n": 4},
        {"seed": 1},
        {"precision": "bf16"},
        {"process": DDPM(schedules.linear(T=3), clip_x0=True)},
        {"process": DDPM(schedules.linear(T=3), sampling_steps=2)},
        {"process": DDPM(schedules.cosine(T=3))},
    ],
)
def test_any_change_draws_anew(network, tmp_path, change):
    draw(network, tmp_path)
    draw(network, tmp_path, **change)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


@pytest.mark.parametrize("damage", WAYS.values(), ids=WAYS)
def test_a_damaged_cache_is_drawn_again(network, tmp_path, capsys, damage):
    first = draw(network, tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    good = path.read_bytes()
    path.write_bytes(damage(good))
    assert torch.equal(draw(network, tmp_path), first)
    assert "is damaged and is drawn again" in capsys.readouterr().out
    assert path.read_bytes() == good


def test_a_whole_file_of_other_samples_or_of_other_tensors_is_not_taken_for_these(network, tmp_path, capsys):
    first = draw(network, tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    draw(network, tmp_path / "other", seed=1)
    (other,) = (tmp_path / "other").iterdir()
    for content in (other.read_bytes(), tensor_bytes({"pixels": first})):
        path.write_bytes(content)
        assert torch.equal(draw(network, tmp_path), first)
        assert "is damaged and is drawn again" in capsys.readouterr().out
