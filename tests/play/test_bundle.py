"""What the page is given: packed numbers, scripts put together, trainings that it can compute."""

import base64
import gzip
import re

import numpy as np
import pytest
import torch

import diffusion as d
from diffusion.evaluation import classifier
from diffusion.play import bundle
from diffusion.processes.samplers import visits

LIMIT = 0.02  # by how much the confidence may differ in 8 bits


def unpacked(blob):
    """As net.js does it, on its own."""
    size = int(blob["type"][1])
    content = gzip.decompress(base64.b64decode(blob["data"]))
    n = len(content) // size
    whole = bytes(content[plane * n + i] for i in range(n) for plane in range(size))
    return np.frombuffer(whole, f">{blob['type']}")


@pytest.mark.parametrize("dtype", ["f4", "f2", "u1", "i1"])
def test_numbers_survive_packing(dtype):
    values = np.array([0, 1, 3, 100, 127], dtype=dtype)
    values = values - 60 if dtype != "u1" else values
    assert np.array_equal(unpacked(bundle.as_text(bundle.packed(values, dtype))), values)
    assert bundle.as_text(bundle.packed(values, dtype)) == bundle.as_text(bundle.packed(values, dtype))


@pytest.mark.parametrize("entry", ["page.js", "widget.js"])
def test_scripts_come_in_order_and_no_name_twice(entry):
    text = bundle.script(entry)
    assert not re.search(r'^import |^export (?!default)|from "\./', text, re.M)
    names = re.findall(r"^(?:async )?(?:function\*?|class|const|let) (\w+)", text, re.M)
    assert len(names) == len(set(names)) > 40
    headings = re.findall(r"^// --- (\S+)$", text, re.M)
    assert headings[0] == "net.js"
    assert headings[-1] == entry


def test_a_zoom_keeps_its_weights_and_a_prior_without_counts_is_drawn():
    x = torch.rand(32, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5
    run = d.fit(d.ColdZoom(24), x, steps=1, batch_size=32)
    run.by_default(d.Naive(noise=0.2, power=1.5), d.Patches())
    found = bundle.training(run)
    planes = np.frombuffer(found["weights"]["data"], np.uint8).reshape(4, -1)
    own = [p.detach().numpy().ravel() for n, p in run.network().named_parameters() if n[:4] != "time"]
    assert np.array_equal(planes.T.copy().view(">f4")[:, 0], np.concatenate(own))
    starts = np.float32(found["prior"]["starts"]).reshape(-1, 4, 4)
    patches = x[:, 0, 12:16, 12:16].numpy()
    assert all((patches == start).all((1, 2)).any() for start in starts)
    assert found["walk"] == list(range(24, -1, -1))
    assert (found["noise"], found["noise_power"]) == (0.2, 1.5)


def test_a_network_has_one_function_and_keeps_torchs_random_numbers():
    before = torch.get_rng_state()
    networks = {"cnn": d.Reconstructor(), "cnn_rms": d.Reconstructor(norm="rms"), "unet": d.UNet()}
    torch.set_rng_state(before)
    for name, network in networks.items():
        assert bundle.function(network, "own") == name
        assert bundle.encodings(network, [1, 2, 3], 24).shape == (3, 192 if name == "unet" else 16)
        assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert torch.equal(torch.get_rng_state(), before)


def test_a_schedule_is_known_wherever_the_page_goes():
    noise = d.cosine(500)
    found = bundle.schedule(noise)
    assert {0, 5, 250, 500} <= set(found["steps"])
    assert set(visits(d.Ancestral(steps=24), noise.T)) <= set(found["steps"])
    at = found["steps"].index(250)
    assert found["alpha_bar"][at] == noise.alpha_bar[250].item()


@torch.inference_mode()
def test_eight_bits_read_the_same_digits(mnist_dir):
    model = classifier.load()
    images, _ = d.load("mnist", "test", n=1000)
    expected = classifier.logits(model, images).softmax(1)
    h = images
    layers = bundle.as_text(bundle.classifier(model))["layers"]
    for i, layer in enumerate(layers):
        shape = (layer["outputs"], layer["inputs"], 3, 3) if i < 5 else (layer["outputs"], layer["inputs"])
        whole = torch.tensor(unpacked(layer["weights"]).astype(np.float32)).view(layer["outputs"], -1)
        w = (whole * torch.tensor(unpacked(layer["scales"]).astype(np.float32))[:, None]).view(shape)
        b = torch.tensor(unpacked(layer["biases"]).astype(np.float32))
        if i < 5:
            h = torch.nn.functional.conv2d(h, w, b, padding=1).relu()
            h = torch.nn.functional.max_pool2d(h, 2) if i in (0, 2, 4) else h
        else:
            h = h.flatten(1) @ w.T + b
            h = h.relu() if i == 5 else h
    found = h.softmax(1)
    assert (found.argmax(1) == expected.argmax(1)).float().mean() > 0.998
    assert (found.amax(1) - expected.amax(1)).abs().max() < LIMIT
