"""A folder of pictures as a data set, beside what Pillow wrote into it and torchvision's ImageFolder."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

import diffusion as d
from diffusion.data import DataError


def write(folder, n=10, shape=(8, 8), kind="png", seed=0):
    """Write n pictures of noise, grey or in colour; returns them as bytes, by the file's name."""
    folder.mkdir(parents=True, exist_ok=True)
    made = np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)
    for i, pixels in enumerate(made):
        Image.fromarray(pixels).save(folder / f"{i}.{kind}")
    return {f"{i}.{kind}": pixels for i, pixels in enumerate(made)}


def rows(x):
    """Images (N, C, S, S) in model units, as a sorted list of bytes."""
    return sorted(((one + 0.5) * 255).round().byte().numpy().tobytes() for one in x)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3)], ids=["grey", "colour"])
def test_pictures_are_what_was_written_and_split_into_two(tmp_path, shape):
    made = write(tmp_path, 20, shape)
    (tmp_path / "readme.txt").write_text("no picture")
    found = d.images(tmp_path)
    (x, none), (x_test, _) = d.load(found), d.load(found, "test")
    assert none is None
    assert (len(x), len(x_test), x.shape[1]) == (18, 2, 3 if len(shape) == 3 else 1)
    as_read = [np.moveaxis(one, -1, 0) if one.ndim == 3 else one for one in made.values()]
    assert rows([*x, *x_test]) == sorted(one.tobytes() for one in as_read)
    assert torch.equal(d.load(d.images(tmp_path))[0], x)
    (tmp_path / "new.png").write_bytes((tmp_path / "0.png").read_bytes())
    assert len({*rows(d.load(d.images(tmp_path))[0])} & {*rows(x_test)}) <= 1  # most stay what they were


def test_sub_folders_are_classes_as_of_torchvision(tmp_path):
    for split in ("train", "test"):
        for i, name in enumerate(("cats", "dogs", "birds")):
            write(tmp_path / split / name, 3 + i, (8, 8, 3), seed=i)
    found = d.images(tmp_path)
    other = ImageFolder(tmp_path / "train")
    assert list(found.classes) == other.classes
    x, labels = d.load(found)
    assert labels.tolist() == other.targets
    for ours, (theirs, _) in zip(x, other, strict=True):
        assert np.array_equal(((ours + 0.5) * 255).round().permute(1, 2, 0), theirs)


def test_pictures_of_many_sizes_are_brought_to_one(tmp_path):
    write(tmp_path, 3, (20, 30))
    Image.new("RGB", (40, 40), (255, 0, 0)).save(tmp_path / "red.jpg", quality=95)
    with pytest.raises(DataError, match="are of 30 x 20, 40 x 40 pixels; .* or size="):
        d.images(tmp_path)
    x, _ = d.load(d.images(tmp_path, size=10, held_out=0.01))
    assert x.shape == (3, 3, 10, 10)
    grey, _ = d.load(d.images(tmp_path, size=10, colour=False, held_out=0.01))
    assert (grey - x.mul(torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, True)).abs().max() < 0.01
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 255  # what is over is cut off at both sides
    for path in tmp_path.iterdir():
        Image.fromarray(wide).save(path)
    assert (d.load(d.images(tmp_path, size=10))[0].median() == 0.5).all()


def test_they_are_trained_on(tmp_path):
    write(tmp_path / "data" / "a", 40)
    write(tmp_path / "data" / "b", 40, seed=1)
    signs = d.images(tmp_path / "data", title="Signs")
    x, _ = d.load(signs)
    run = d.fit(d.ColdZoom(), x, steps=2, batch_size=8, channels=[4], precision="fp32")
    assert run.sample(2).shape == (2, 1, 8, 8)
    x_test, labels = d.load(signs, "test")
    assert labels.tolist() == [0] * 4 + [1] * 4


def damaged(folder):
    write(folder)
    path = folder / "7.png"
    path.write_bytes(path.read_bytes()[:60])


def deep(folder):
    write(folder)
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(folder / "deep.png")


def mixed(folder):
    write(folder)
    write(folder / "more")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: None, "holds no pictures; needed: files that end in .png"),
        (lambda folder: folder.rmdir(), "is no folder"),
        (damaged, "7.png cannot be read as a picture"),
        (deep, "deep.png has more than 8 bits"),
        (mixed, "lies beside sub-folders"),
        (lambda folder: write(folder / "one"), "has one sub-folder, 'one'; needed: two classes"),
        (lambda folder: write(folder, 1), "has no picture to train on"),
        (lambda folder: write(folder, shape=(8, 9)), "are of 9 x 8 pixels; needed: squares"),
    ],
)
def test_what_is_no_data_set_is_named(tmp_path, make, said):
    make(tmp_path)
    with pytest.raises(DataError, match=said) as error:
        d.load(d.images(tmp_path))
    assert str(tmp_path) in str(error.value)
