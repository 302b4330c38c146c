"""Images of other sizes, colours and numbers of classes: scikit-learn's digits of 8 x 8, and made-up ones."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torchvision.transforms.functional import resize, resized_crop

import diffusion as d
from diffusion import data
from diffusion.training.run import Run

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


EIGHT = d.DataSet("Eight", eight, noun="digit")
COLOURS = d.DataSet("Squares in colour", colours, ())
SHAPES = {"eight": (EIGHT, (1, 8, 8)), "colours": (COLOURS, (3, 32, 32))}
CASES = [
    ("eight", d.ColdZoom, "cnn", None),
    ("eight", lambda: d.DDPM(d.linear(T=5)), "unet", None),
    ("eight", lambda: d.ColdBlur(3), "cnn", None),
    ("colours", lambda: d.ColdZoom(interpolation="bilinear", latent_noise=0.1), "unet", d.Mixture(2)),
    ("colours", d.ColdZoom, "cnn", d.Patches()),
    ("colours", lambda: d.DDPM(d.linear(T=5)), "cnn", None),
]


@pytest.mark.parametrize(("name", "make", "network", "prior"), CASES)
def test_a_training_of_other_images_samples_and_opens(tmp_path, name, make, network, prior):
    dataset, shape = SHAPES[name]
    x, _ = d.load(dataset)
    run = d.fit(make(), x, network=network, folder=tmp_path, **SMALL)
    found = run.sample(4, prior=prior)
    assert found.shape == (4, *shape)
    again = d.open(run.folder)
    again.keeps, again.images = False, x
    assert torch.equal(again.sample(4, prior=prior), found)
    assert again.process.image_shape == run.process.image_shape == shape
    if run.process.name == "zoom":
        assert shape[1] - 4 == run.process.T
        start = torch.zeros(2, shape[0], 4, 4)
        assert run.sample(start=start).shape == (2, *shape)
        with pytest.raises(ValueError, match=r"start pixels are .*needed: \(n, "):
            run.sample(start=start[..., :3, :3])
    with pytest.raises(ValueError, match="x_test is .*; needed: images of one shape"):
        d.fit(make(), x, x[..., 1:, 1:], network=network, **SMALL)


def test_the_zoom_of_other_images_is_torchvisions(tmp_path):
    x, _ = d.load(COLOURS, n=4)
    for t in (1, 17, 28):
        first, side = (t + 1) // 2, 32 - t
        seen = resized_crop(x, first, first, side, side, [32, 32], interpolation=0)
        assert torch.equal(d.ColdZoom(31).degrade(x, torch.full((4,), t)), seen)
    with pytest.raises(ValueError, match="T = 8 is not allowed: it should be less than or equal to 7"):
        d.fit(d.ColdZoom(8), d.load(EIGHT)[0], folder=tmp_path, **SMALL)
    assert d.fit(d.ColdZoom(5), d.load(EIGHT)[0], **SMALL).process.T == 5


def test_trainings_of_two_shapes_with_the_same_bytes_are_two(tmp_path):
    x = d.load(COLOURS)[0]
    runs: list[Run] = [d.fit(d.ColdZoom(1), y, folder=tmp_path, **SMALL) for y in (x, x.view(288, 1, 32, 32))]
    assert runs[0].folder != runs[1].folder


def test_measures_of_a_data_set_with_classes_of_another_size(tmp_path):
    (x, _), (x_test, labels) = d.load(EIGHT), d.load(EIGHT, "test")
    evaluator = d.Evaluator(x, x_test, labels, dataset=EIGHT, data_dir=tmp_path)
    assert list(evaluator.spaces) == ["digits", "autoencoder", "random"]
    assert evaluator.describe()["digits"].test_accuracy > 0.8
    real, noise = (evaluator.measure(y) for y in (x[:200], torch.rand(200, 1, 8, 8) - 0.5))
    assert real.frechet.value < noise.frechet.value
    assert all(real.distances[name].value < noise.distances[name].value for name in real.distances)
    with pytest.raises(ValueError, match=r"those of dataset 'mnist' \(N, 1, 28, 28\); needed: one shape"):
        d.Evaluator(x, x_test, labels)


def test_measures_of_a_data_set_without_classes_are_free_of_labels(tmp_path):
    x, x_test = (d.load(COLOURS, split)[0] for split in ("train", "test"))
    for dataset, names in ((COLOURS, ["autoencoder", "random"]), (None, ["random"])):
        evaluator = d.Evaluator(x, x_test, dataset=dataset, data_dir=tmp_path)
        assert list(evaluator.spaces) == names
        found = evaluator.measure(x[:40])
        assert found.frechet.value < evaluator.measure(torch.rand(40, 3, 32, 32) - 0.5).frechet.value
        assert found.classes is found.recognised is found.low_confidence is evaluator.real(40).classes is None
        with pytest.raises(ValueError, match="there is no classifier, as the data set has no classes"):
            evaluator.digits.floor(40)
    with pytest.raises(ValueError, match="labels are given, and dataset None has no classes"):
        d.Evaluator(x, x_test, torch.zeros(96).long(), dataset=None)


def test_more_classes_than_ten(tmp_path):
    def letters(split, folder):
        labels = np.arange(260) % 26
        images = np.zeros((260, 28, 28), np.uint8)
        images[np.arange(260), labels] = 255
        return images, labels

    dataset = d.DataSet("Letters", letters, tuple("abcdefghijklmnopqrstuvwxyz"))
    x, labels = d.load(dataset)
    evaluator = d.Evaluator(x, x, labels, dataset=dataset, data_dir=tmp_path)
    found = evaluator.measure(x[labels < 13])
    assert len(found.classes.share) == len(found.recognised.share) == 26
    assert len(evaluator.real(100).classes.share) == 26
    assert max(evaluator.test.labels.tolist()) <= 25


@pytest.mark.parametrize("how", ["pad", "resize"])
def test_images_become_28_by_one_option(how):
    x = d.load(d.DataSet("Eight", eight, to_28=how))[0]
    small = d.load(EIGHT)[0]
    assert x.shape == (1500, 1, 28, 28)
    if how == "pad":
        assert torch.equal(x[..., 10:18, 10:18], small)
        assert (x.sum((1, 2, 3)) + 0.5 * 720 - small.sum((1, 2, 3))).abs().max() < 1e-3  # the rest is black
    else:
        assert (x - resize(small, [28, 28])).abs().max() <= 1 / 255
        grey = d.load(d.DataSet("Grey", colours, (), to_28=how))[0]
        assert grey.shape == (96, 1, 28, 28)


@pytest.mark.parametrize(
    ("dataset", "named"),
    [
        (d.DataSet("Pad", colours, (), to_28="pad"), "'pad' none above 28 pixels: choose 'resize'"),
        (d.DataSet("Wide", lambda *_: np.zeros((9, 28, 30), np.uint8), ()), "square ones, or to_28='resize'"),
        (d.DataSet("Few", eight, ("a", "b")), "0 to 9; needed: one an image, 0 to 1, as it has 2 classes"),
        (d.DataSet("None", eight, ()), "needed: none, as it has no classes"),
        (d.DataSet("Ten", colours), "labels are not there; needed: one an image, 0 to 9"),
    ],
    ids=lambda one: getattr(one, "title", ""),
)
def test_what_is_no_such_data_set_is_named(dataset, named):
    with pytest.raises(data.DataError, match=named):
        d.load(dataset)


def test_a_grid_in_colour_shows_the_colours():
    x = d.load(COLOURS, n=4)[0]
    canvas = d.grid(x, columns=2).axes[0].images[0].get_array()
    scale = (canvas.shape[1] - 2) // 2 - 2
    shown = canvas[2 : 2 + scale, 2 : 2 + scale][:: scale // 32, :: scale // 32]
    assert np.abs(shown - (x[0] + 0.5).permute(1, 2, 0).numpy()).max() < 1e-6
