"""Folders of pictures as data sets: those that torchvision's ImageFolder reads, in another order."""

import shutil

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

import diffusion as d
from diffusion.data import DataError


def write(folder, n=10, shape=(8, 8), seed=0):
    """Write n pictures of noise, grey or in colour."""
    folder.mkdir(parents=True, exist_ok=True)
    made = np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)
    for i, pixels in enumerate(made):
        Image.fromarray(pixels).save(folder / f"{i}.png")


def write_splits(folder, *names):
    for name in names:
        write(folder / name / "cats", 2)


def rows(x):
    """Images (N, C, S, S) in model units, as a list of bytes."""
    return [((one + 0.5) * 255).round().byte().permute(1, 2, 0).numpy().tobytes() for one in x]


def test_sub_folders_are_classes_as_of_torchvision_in_an_order_that_mixes_them(tmp_path, capsys):
    for split in ("train", "test"):
        for i, name in enumerate(("cats", "dogs", "birds")):
            write(tmp_path / split / name, 3 + i, (8, 8, 3), seed=i)
    found, other = d.images(tmp_path, size=8, colour=True), datasets.ImageFolder(tmp_path / "train")
    x, labels = d.load(found)
    d.load(found)
    assert (found.title, list(found.classes)) == (tmp_path.name, other.classes)
    theirs = [(np.asarray(one).tobytes(), label) for one, label in other]
    assert sorted(zip(rows(x), labels.tolist(), strict=True)) == sorted(theirs)
    assert labels[:7].unique().numel() == 3
    assert rows(d.load(found)[0]) == rows(x)


def test_pictures_of_many_sizes_are_brought_to_one_and_of_one_class_have_no_labels(tmp_path):
    write(tmp_path / "test" / "all", 2)
    write(tmp_path / "train" / "all", 3, (20, 30))
    Image.new("RGB", (40, 40), (255, 0, 0)).save(tmp_path / "train" / "all" / "red.jpg")
    for colour, channels in ((True, 3), (False, 1)):
        x, labels = d.load(d.images(tmp_path, size=10, colour=colour))
        assert (x.shape, labels) == ((4, channels, 10, 10), None)


def test_a_picture_that_cannot_be_read_is_refused_by_the_name_of_its_split(tmp_path):
    write_splits(tmp_path, "train", "test")
    (tmp_path / "train" / "cats" / "7.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match=f"{tmp_path}/train cannot be read: cannot identify image file"):
        d.load(d.images(tmp_path, size=8))


@pytest.mark.parametrize(
    "names", [[], ["train"], ["train", "val"], ["Train", "Validation", "TEST"], ["cats", "dogs"]]
)
def test_folders_other_than_train_and_test_are_refused_instead_of_being_left_out(tmp_path, names):
    write_splits(tmp_path, *names, ".cache", "__MACOSX")
    found = ", ".join(sorted(name.lower() for name in names)) or "no folder"
    with pytest.raises(DataError, match=f"^{tmp_path} contains {found}; expected: train and test"):
        d.images(tmp_path, size=8)


def test_splits_may_have_capital_letters_and_have_the_same_classes(tmp_path):
    for split in ("Train", "TEST"):
        for name in ("cats", "dogs", "elks"):
            write(tmp_path / split / name, 2)
    found = d.images(tmp_path, size=8)
    assert found.classes == ("cats", "dogs", "elks")
    assert d.load(found, "test")[1].bincount().tolist() == d.load(found)[1].bincount().tolist() == [2, 2, 2]
    shutil.rmtree(tmp_path / "TEST" / "dogs")
    with pytest.raises(DataError, match=r"TEST has the classes .*; expected: .*'dogs'.*, as in train"):
        d.load(found, "test")
