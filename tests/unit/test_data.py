"""Data sets: known ones and one's own, of any size and colours; trained on and measured."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torchvision import datasets
from torchvision.transforms.functional import resize

import diffusion as d
from diffusion import data, provenance

DIGITS = load_digits()


def eight(split, folder):
    """1,500 digits of 8 x 8 pixels to train on, 297 to test."""
    part = slice(None, 1500) if split == "train" else slice(1500, None)
    return (DIGITS.images[part] * 255 / 16).astype(np.uint8), DIGITS.target[part]


def colours(split, folder, side=32):
    """Noise in colour; without classes."""
    random = np.random.default_rng(split == "train")
    return random.integers(0, 256, (96, 32, side, 3), np.uint8)


EIGHT = d.DataSet("Eight", eight, noun="digit")
COLOURS = d.DataSet("Squares in colour", colours, ())


@pytest.mark.parametrize("split", ["train", "test"])
def test_mnist_is_torchvisions(mnist_dir, split):
    images, labels = d.load("mnist", split, mnist_dir)
    other = datasets.MNIST(mnist_dir, train=split == "train")
    assert torch.equal(images[:, 0], other.data.float() / 255 - 0.5)
    assert torch.equal(labels, other.targets)
    few, of_them = d.load("mnist", split, mnist_dir, 7)
    assert torch.equal(few, images[:7])
    assert torch.equal(of_them, labels[:7])


def test_the_place_is_the_callers_choice_or_the_checkouts(monkeypatch):
    monkeypatch.delenv("MNIST_DIR", raising=False)
    assert data.folder() == provenance.checkout() / "data"
    monkeypatch.setenv("MNIST_DIR", "/somewhere")
    assert data.folder() == Path("/somewhere")


def test_what_is_known_by_its_hash_is_found_again(mnist_dir):
    x = d.load(n=5)[0]
    assert torch.equal(data.find(data.fingerprint(x), 5), x)
    assert data.find(data.fingerprint(x + 0.1), 5) is None
    contents = {data.content(one) for one in (EIGHT, COLOURS, d.DataSet("Other", eight))}
    assert len(contents) == 2  # of the images and labels, whatever the title


def test_images_of_another_shape_and_scale_are_the_same_images():
    """Bytes or floats, with channels or without, colours last as numpy has them."""
    pixels = ((torch.arange(9 * 64 * 3) * 7919) % 256).byte().view(9, 8, 8, 3)
    first = pixels[:, None, ..., 0] / 255 - 0.5
    assert torch.equal(data.as_images(pixels[..., 0]), first)
    assert torch.equal(data.as_images(first[:, 0].double().numpy()), first.double())
    assert torch.equal(data.as_images(pixels.numpy()), pixels.permute(0, 3, 1, 2) / 255 - 0.5)


def test_grey_values_are_clamped_and_rounded():
    x = torch.tensor([-9, -0.5, -0.5 + 0.6 / 255, 0, 0.5, 0.7])
    assert data.grey_values(x).tolist() == [0, 0, 1, 128, 255, 255]


def test_images_become_28_by_one_option():
    small = d.load(EIGHT)[0]
    padded, resized = (d.load(d.DataSet("Eight", eight, to_28=how))[0] for how in ("pad", "resize"))
    assert torch.equal(padded, torch.nn.functional.pad(small, [10] * 4, value=-0.5))
    assert (resized - resize(small, [28, 28])).abs().max() <= 1 / 255
    wide = d.load(d.DataSet("Wide", partial(colours, side=64), (), to_28="resize"))[0]
    assert wide.shape == (96, 1, 28, 28)
    assert (wide[:, :, :7] == -0.5).all()


@pytest.mark.parametrize(
    ("dataset", "process", "network", "prior"),
    [
        (EIGHT, d.ColdZoom(), "cnn", None),
        (COLOURS, d.ColdZoom(interpolation="bilinear"), "cnn", d.Mixture(2)),
        (COLOURS, d.DDPM(d.linear(T=5)), "unet", None),
    ],
)
def test_a_training_of_other_images_samples_and_opens(tmp_path, one_thread, dataset, process, network, prior):
    x, _ = d.load(dataset, n=32)
    how = {"steps": 1, "batch_size": 32, "precision": "fp32", "channels": [4]}
    run = d.fit(process, x, network=network, folder=tmp_path, **how)
    found = run.sample(2, prior=prior)
    assert found.shape == (2, *x.shape[1:])
    assert torch.equal(d.open(run.folder).sample(2, prior=prior), found)
    assert process.name != "zoom" or x.shape[-1] - 4 == run.process.T


@pytest.mark.parametrize(
    ("load", "named"),
    [
        (lambda: d.load(n=60001), "n = 60001 .* 60000"),
        (lambda: d.load("fashoin"), "allowed: mnist, fashion, kmnist.*did you mean 'fashion'"),
        (lambda: d.load(d.DataSet("Wide", partial(colours, side=30), ())), "square ones, or to_28='resize'"),
        (lambda: d.load(d.DataSet("Few", eight, ("a", "b"))), "labels one an image, 0 to 1"),
        (lambda: d.ColdZoom(8).take((1, 8, 8)), "T = 8 .* 7"),
    ],
)
def test_what_is_no_such_data_set_is_named(mnist_dir, load, named):
    with pytest.raises(ValueError, match=named):
        load()
