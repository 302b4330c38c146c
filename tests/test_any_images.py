"""Images of other sizes, colours and numbers of classes: scikit-learn's digits of 8 x 8, and made-up ones."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torchvision.transforms.functional import resize, resized_crop

import diffusion as d
from diffusion.data import DataError
from study.measure import described

DIGITS = load_digits()
SMALL = {"steps": 3, "batch_size": 32, "precision": "fp32", "channels": [4]}


def eight(split, folder):
    """1,500 digits of 8 x 8 pixels to train on, 297 to test."""
    part = slice(None, 1500) if split == "train" else slice(1500, None)
    return (DIGITS.images[part] * 255 / 16).astype(np.uint8), DIGITS.target[part]


def colours(split, folder):
    """A coloured square on another colour, 32 x 32; without classes."""
    random = np.random.default_rng(split == "train")
    images = np.zeros((96, 32, 32, 3), np.uint8)
    images[:] = random.integers(0, 256, (96, 1, 1, 3))
    for image, (row, column) in zip(images, random.integers(0, 24, (96, 2)), strict=True):
        image[row : row + 8, column : column + 8] = random.integers(0, 256, 3)
    return images


def letters(split, folder):
    """A white line, of which the class is the row."""
    labels, images = np.arange(260) % 26, np.zeros((260, 28, 28), np.uint8)
    images[np.arange(260), labels] = 255
    return images, labels


EIGHT = d.DataSet("Eight", eight, noun="digit")
COLOURS = d.DataSet("Squares in colour", colours, ())
LETTERS = d.DataSet("Letters", letters, tuple("abcdefghijklmnopqrstuvwxyz"))


@pytest.mark.parametrize(
    ("dataset", "make", "network", "prior"),
    [
        (EIGHT, d.ColdZoom, "cnn", None),
        (EIGHT, lambda: d.ColdBlur(3), "unet", None),
        (COLOURS, lambda: d.ColdZoom(interpolation="bilinear", image_noise=0.1), "unet", d.Mixture(2)),
        (COLOURS, lambda: d.DDPM(d.linear(T=5)), "cnn", None),
    ],
)
def test_a_training_of_other_images_samples_and_opens(tmp_path, dataset, make, network, prior):
    x, _ = d.load(dataset, n=96)
    shape = tuple(x.shape[1:])
    run = d.fit(make(), x, network=network, folder=tmp_path, **SMALL)
    found = run.sample(4, prior=prior)
    assert found.shape == (4, *shape)
    again = d.open(run.folder)
    again.keeps = False
    assert torch.equal(again.sample(4, prior=prior), found)
    if run.process.name == "zoom":
        assert shape[1] == run.process.T + 4
        start = torch.zeros(2, shape[0], 4, 4)
        assert run.sample(start=start).shape == (2, *shape)
        with pytest.raises(ValueError, match=r"start pixels are .*needed: \(n, "):
            run.sample(start=start[..., :3, :3])


def test_the_zoom_of_other_images_is_torchvisions():
    x, _ = d.load(COLOURS, n=4)
    for t in (1, 17, 28):
        first, side = (t + 1) // 2, 32 - t
        seen = resized_crop(x, first, first, side, side, [32, 32], interpolation=0)
        assert torch.equal(d.ColdZoom(31).degrade(x, torch.full((4,), t)), seen)


def test_what_shapes_a_training_refuses_and_tells_apart(tmp_path):
    x, small = d.load(COLOURS)[0], d.load(EIGHT)[0]
    runs = [d.fit(d.ColdZoom(1), one, folder=tmp_path, **SMALL) for one in (x, x.view(288, 1, 32, 32))]
    assert runs[0].folder != runs[1].folder  # the bytes are the same
    assert d.fit(d.ColdZoom(5), small, **SMALL).process.T == 5
    with pytest.raises(ValueError, match="T = 8 is not allowed: it should be less than or equal to 7"):
        d.fit(d.ColdZoom(8), small, **SMALL)
    with pytest.raises(ValueError, match="x_test is .*; needed: images of one shape"):
        d.fit(d.ColdZoom(), x, small, **SMALL)


@pytest.mark.slow
def test_measures_of_other_images_and_classes(tmp_path):
    for dataset, K in ((EIGHT, 10), (LETTERS, 26)):
        (x, _), (x_test, labels) = d.load(dataset), d.load(dataset, "test")
        evaluator = d.Evaluator(x, x_test, labels, dataset=dataset, data_dir=tmp_path)
        assert list(evaluator.spaces) == ["digits", "autoencoder", "random"]
        real, noise = (evaluator.measure(y) for y in (x[:200], torch.rand(200, *x.shape[1:]) - 0.5))
        distances = [f"frechet{end}" for end in ("", "_autoencoder", "_random")]
        assert all(real[name].value < noise[name].value for name in distances)
        assert len(real["class_share"]) == len(evaluator.real(100)["class_share"]) == K
        if dataset is EIGHT:
            assert described(evaluator)["features"]["digits"]["test_accuracy"] > 0.8
            assert "digit" not in real  # they are not 28 x 28
            assert described(evaluator)["recogniser"] is None
            with pytest.raises(ValueError, match=r"those of dataset 'mnist' \(1, 28, 28\); needed: one"):
                d.Evaluator(x, x_test, labels)


def test_measures_of_a_data_set_without_classes_are_free_of_labels(tmp_path):
    x, x_test = (d.load(COLOURS, split)[0] for split in ("train", "test"))
    for dataset, names in ((COLOURS, ["autoencoder", "random"]), (None, ["random"])):
        evaluator = d.Evaluator(x, x_test, dataset=dataset, data_dir=tmp_path)
        assert list(evaluator.spaces) == names
        found = evaluator.measure(x[:40])
        noise = evaluator.measure(torch.rand(40, 3, 32, 32) - 0.5)
        assert found["frechet"].value < noise["frechet"].value
        read = {"class_share", "divergence", "recognised_share", "low_confidence", "digit", "threshold"}
        assert not read & (found.keys() | evaluator.real(40).keys())
        with pytest.raises(ValueError, match="there is no classifier, as the data set has no classes"):
            evaluator.digits.floor(40)


def test_images_become_28_by_one_option():
    small = d.load(EIGHT)[0]
    padded, resized = (d.load(d.DataSet("Eight", eight, to_28=how))[0] for how in ("pad", "resize"))
    assert torch.equal(padded, torch.nn.functional.pad(small, [10] * 4, value=-0.5))
    assert (resized - resize(small, [28, 28])).abs().max() <= 1 / 255
    assert d.load(d.DataSet("Grey", colours, (), to_28="resize"))[0].shape == (96, 1, 28, 28)


@pytest.mark.parametrize(
    ("dataset", "named"),
    [
        (d.DataSet("Pad", colours, (), to_28="pad"), "'pad' none above 28 pixels: choose 'resize'"),
        (d.DataSet("Wide", lambda *_: np.zeros((9, 28, 30), np.uint8), ()), "square ones, or to_28='resize'"),
        (
            d.DataSet("Few", eight, ("a", "b")),
            r"labels \(1500,\) of int64; .* and labels one an image, 0 to 1",
        ),
        (d.DataSet("None", eight, ()), "and labels none, without classes"),
        (d.DataSet("Ten", colours), "labels none; needed: .* and labels one an image, 0 to 9"),
    ],
    ids=lambda one: getattr(one, "title", ""),
)
def test_what_is_no_such_data_set_is_named(dataset, named):
    with pytest.raises(DataError, match=named):
        d.load(dataset)


def test_a_grid_in_colour_shows_the_colours():
    x = d.load(COLOURS, n=4)[0]
    canvas = d.grid(x, columns=2).axes[0].images[0].get_array()
    scale = (canvas.shape[1] - 2) // 2 - 2
    shown = canvas[2 : 2 + scale, 2 : 2 + scale][:: scale // 32, :: scale // 32]
    assert np.abs(shown - (x[0] + 0.5).permute(1, 2, 0).numpy()).max() < 1e-6
