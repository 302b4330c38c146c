"""What the scripts are given: packed numbers, modules put together, trainings."""

import re

import numpy as np
import pytest
import torch

import diffusion as d
from diffusion.play import bundle


def unpacked(blob):
    """As net.js does it, on its own."""
    size = int(blob["type"][1])
    planes = np.frombuffer(blob["data"], np.uint8).reshape(size, -1)
    return planes.T.copy().view(f">{blob['type']}")[:, 0]


@pytest.mark.parametrize("dtype", ["f4", "f2", "u1"])
def test_numbers_survive_packing(dtype):
    values = np.array([0, 1, 3, 100, 255], dtype=dtype)
    assert np.array_equal(unpacked(bundle.packed(values, dtype)), values)


@pytest.mark.parametrize("entry", ["page.js", "widget.js"])
def test_scripts_come_in_order_and_no_name_twice(entry):
    text = bundle.script(entry)
    assert not re.search(r'^import |^export (?!default)|from "\./', text, re.M)
    names = re.findall(r"^(?:async )?(?:function\*?|class|const|let) (\w+)", text, re.M)
    assert len(names) == len(set(names)) > 40
    headings = re.findall(r"^// --- (\S+)$", text, re.M)
    assert (headings[0], headings[-1]) == ("net.js", entry)


def test_a_zoom_keeps_its_weights_its_noise_and_starts_of_its_prior():
    x = torch.rand(32, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5
    run = d.fit(d.ColdZoom(24), x, steps=1, batch_size=32)
    run.by_default(d.Naive(noise=0.2), d.Patches())
    found = bundle.training(run)
    own = [p.detach().numpy().ravel() for n, p in run.network().named_parameters() if n[:4] != "time"]
    assert np.array_equal(unpacked(found["weights"]), np.concatenate(own))
    starts = torch.tensor(found["starts"]).view(-1, 16)
    assert torch.cdist(starts, x[:, 0, 12:16, 12:16].flatten(1)).amin(1).max() < 1e-3
    assert found["walk"] == list(range(24, -1, -1))
    assert found["noise"] == 0.2
