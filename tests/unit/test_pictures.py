"""Folders of pictures as data sets: compared with what Pillow wrote, and with torchvision's ImageFolder."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

import diffusion as d
from diffusion import data
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
    made, about = write(tmp_path, 20, shape), Image.Exif()
    about[0x112] = 6  # orientation: it is to be shown turned to the right
    Image.fromarray(np.rot90(made[0])).save(tmp_path / "0.png", exif=about)
    (x, none), (x_test, _) = (d.load(d.images(tmp_path), split) for split in ("train", "test"))
    assert (none, len(x), len(x_test)) == (None, 18, 2)
    assert rows([*x, *x_test]) == sorted(one.tobytes() for one in made)
    (tmp_path / "new.png").write_bytes((tmp_path / "0.png").read_bytes())
    assert len({*rows(d.load(d.images(tmp_path))[0])} & {*rows(x_test)}) <= 1  # most stay what they were


def test_sub_folders_are_classes_as_of_torchvision(tmp_path):
    for split in ("train", "test"):
        for i, name in enumerate(("cats", "dogs", "birds")):
            write(tmp_path / split / name, 3 + i, (8, 8, 3), seed=i)
    found, other = d.images(tmp_path), datasets.ImageFolder(tmp_path / "train")
    x, labels = d.load(found)
    assert (found.title, list(found.classes)) == (tmp_path.name, other.classes)
    ours = [*zip((rows([one])[0] for one in x), labels.tolist(), strict=True)]
    theirs = [(np.asarray(one).tobytes(), label) for one, label in other]
    assert sorted(ours) == sorted(theirs)
    assert labels[:7].unique().numel() == 3  # the first ones are of all classes
    held = d.images(tmp_path / "train", held_out=0.4)  # a share of each class
    assert sorted(d.load(held, "test")[1].tolist()) == [0, 0, 1, 2, 2]


def test_a_picture_of_any_format_is_read_and_hidden_or_other_files_are_not(tmp_path):
    Image.init()
    for i, suffix in enumerate((*data.SUFFIXES, ".PNG")):
        Image.fromarray(np.full((8, 8), 20 * i, np.uint8)).save(tmp_path / f"{i}{suffix}")
    (tmp_path / ".hidden.png").write_bytes(b"no picture")
    (tmp_path / "words.txt").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    found = d.images(tmp_path, held_out=0.5)
    x = torch.cat([d.load(found, split)[0] for split in ("train", "test")])
    greys = ((x.mean((1, 2, 3)) + 0.5) * 255).sort().values
    assert greys.tolist() == pytest.approx([20 * i for i in range(11)], abs=2)  # JPEG rounds
    documented = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp"}
    assert {*data.SUFFIXES} == documented


def test_pictures_of_two_greys_or_with_transparency_are_grey_and_of_a_palette_in_colour(tmp_path):
    white = np.full((8, 8), 255, np.uint8)
    for folder, mode, channels in (
        ("a", "1", 1),
        ("b", "L", 1),
        ("c", "LA", 1),
        ("d", "P", 3),
        ("e", "RGBA", 3),
    ):
        for name in ("0.png", "1.png"):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(white).convert("RGB").convert(mode).save(tmp_path / folder / name)
        x, _ = d.load(d.images(tmp_path / folder))
        assert x.shape == (1, channels, 8, 8)
        assert x.unique().tolist() == [0.5]
    for name, mode, at in (("deep.png", "I;16", np.uint16), ("deep.tif", "F", np.float32)):
        (tmp_path / mode[0]).mkdir()
        for one in (name, f"second-{name}"):
            Image.fromarray(np.zeros((8, 8), at)).save(tmp_path / mode[0] / one)
        with pytest.raises(DataError, match=f"{name} has more than 8 bits per channel"):
            d.images(tmp_path / mode[0])


def test_a_class_is_the_first_sub_folder_and_has_pictures_in_both_splits(tmp_path):
    write(tmp_path / "cats" / "young", 4)
    write(tmp_path / "cats" / "old", 4, seed=1)
    write(tmp_path / "dogs", 3, seed=2)
    found = d.images(tmp_path, held_out=0.5)
    assert found.classes == ("cats", "dogs")
    counts = [d.load(found, split)[1].bincount().tolist() for split in ("train", "test")]
    assert counts == [[4, 1], [4, 2]]
    assert [len(d.load(d.images(tmp_path), split)[0]) for split in ("train", "test")] == [9, 2]  # a tenth
    write(tmp_path / "birds", 1)
    with pytest.raises(DataError, match=f"{tmp_path / 'birds'} lacks a picture for the train split"):
        d.images(tmp_path)
    write(tmp_path / "alone" / "train", 5)  # without "test" it is a class as any other
    assert d.images(tmp_path / "alone").classes == ("train",)


def test_pictures_of_many_sizes_are_brought_to_one_and_what_is_no_data_set_is_refused(tmp_path):
    def refused(said):
        with pytest.raises(DataError, match=said):
            d.images(tmp_path)

    with pytest.raises(DataError, match="folder is .*nowhere, which does not exist"):
        d.images(tmp_path / "nowhere")
    refused("contains no pictures; expected: .*png")
    write(tmp_path, 3, (20, 30))
    Image.new("RGB", (40, 40), (255, 0, 0)).save(tmp_path / "red.jpg", quality=95)
    refused("have sides of .* pixels; pass size=")
    for colour, channels in ((None, 3), (False, 1)):
        x, _ = d.load(d.images(tmp_path, size=10, colour=colour, held_out=0.01))
        assert x.shape == (3, channels, 10, 10)
    (tmp_path / "7.png").write_bytes(b"\x89PNG")
    refused("7.png cannot be read as a picture")
    write(tmp_path / "more")
    refused("contains pictures and sub-folders")
