"""A folder of pictures as a data set, beside what Pillow wrote into it and torchvision's ImageFolder."""

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

import diffusion as d
from diffusion.data import DataError


def write(folder, n=10, shape=(8, 8), seed=0):
    """Write n pictures of noise, grey or in colour; returns them."""
    folder.mkdir(parents=True, exist_ok=True)
    made = np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)
    for i, pixels in enumerate(made):
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return made


def rows(x):
    """Images (N, C, S, S) in model units, as a sorted list of bytes."""
    return sorted(((one + 0.5) * 255).round().byte().permute(1, 2, 0).numpy().tobytes() for one in x)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3)], ids=["grey", "colour"])
def test_pictures_are_what_was_written_and_split_into_two_which_stay(tmp_path, shape):
    made = write(tmp_path, 20, shape)
    (x, none), (x_test, _) = (d.load(d.images(tmp_path), split) for split in ("train", "test"))
    assert none is None
    assert (len(x), len(x_test)) == (18, 2)
    assert rows([*x, *x_test]) == sorted(one.tobytes() for one in made)
    (tmp_path / "new.png").write_bytes((tmp_path / "0.png").read_bytes())
    assert len({*rows(d.load(d.images(tmp_path))[0])} & {*rows(x_test)}) <= 1  # most stay what they were


def test_sub_folders_are_classes_as_of_torchvision(tmp_path):
    for split in ("train", "test"):
        for i, name in enumerate(("cats", "dogs", "birds")):
            write(tmp_path / split / name, 3 + i, (8, 8, 3), seed=i)
    found, other = d.images(tmp_path, title="Pets"), ImageFolder(tmp_path / "train")
    assert (found.title, list(found.classes)) == ("Pets", other.classes)
    x, labels = d.load(found)
    assert labels.tolist() == other.targets
    for ours, (theirs, _) in zip(x, other, strict=True):
        assert np.array_equal(((ours + 0.5) * 255).round().permute(1, 2, 0), theirs)
    held = d.images(tmp_path / "train", held_out=0.4)  # a share of each class
    assert d.load(held, "test")[1].tolist() == [0, 0, 1, 2, 2]


def test_pictures_of_many_sizes_are_brought_to_one(tmp_path):
    write(tmp_path, 3, (20, 30))
    Image.new("RGB", (40, 40), (255, 0, 0)).save(tmp_path / "red.jpg", quality=95)
    with pytest.raises(DataError, match="are of 30 x 20, 40 x 40 pixels; .* or size="):
        d.images(tmp_path)
    x, _ = d.load(d.images(tmp_path, size=10, held_out=0.01))
    assert x.shape == (3, 3, 10, 10)
    assert d.load(d.images(tmp_path, size=10, colour=False, held_out=0.01))[0].shape == (3, 1, 10, 10)


def test_what_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no pictures; needed: .*png"):
        d.images(tmp_path)
    write(tmp_path)
    (tmp_path / "7.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match="7.png cannot be read as a picture"):
        d.images(tmp_path)
    write(tmp_path / "more")
    with pytest.raises(DataError, match="lies beside sub-folders"):
        d.images(tmp_path)
