"""Data sets beyond MNIST, from a local mirror: what arrives, what is refused; what to do by hand."""

import pytest
import torch

import fabricated
from diffusion import data, datasets, parameter_table
from diffusion.datasets import FASHION, KMNIST


@pytest.fixture(params=[FASHION, KMNIST], ids=lambda known: known.name)
def known(request):
    return request.param


@pytest.fixture
def files(known, monkeypatch):
    """Four archives that torchvision vouches for."""
    made = fabricated.archives(30, 20)
    fabricated.vouch(monkeypatch, known, made)
    return made


@pytest.fixture
def served(known, files, monkeypatch, tmp_path):
    """The folder of the mirror that has them, and the requests that it gets."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with fabricated.mirror(monkeypatch, known, folder) as asked:
        yield folder, asked


def refusal(known, data_dir):
    """The one line with which a data set is refused."""
    with pytest.raises(data.DataError) as error:
        data.fetch(data_dir, known.name)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_names_are_those_of_the_parameter():
    assert tuple(datasets.DATASETS) == parameter_table.DATASETS


def test_what_is_known_of_each():
    for name in datasets.DATASETS:
        one = datasets.get(name)
        assert len(one.classes) == len(set(one.classes)) == 10
        assert len(one.md5) == 4
    assert datasets.MNIST.classes == tuple("0123456789")
    assert FASHION.classes[9] == "Ankle boot"
    assert KMNIST.classes[:3] == ("o", "ki", "su")
    # As published with Fashion-MNIST, and in its README.
    assert FASHION.md5["t10k-images-idx3-ubyte.gz"] == "bef4ecab320f06d8554ea6380940ec79"


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="dataset is 'emnist'; allowed: mnist, fashion, kmnist"):
        data.load("test", dataset="emnist")


def test_it_is_downloaded_once_and_torchvision_reads_the_same(known, served, tmp_path):
    _, asked = served
    origin = data.fetch(tmp_path, known.name)
    assert set(origin.values()) == {"torchvision's download"}
    asked.clear()
    assert set(data.fetch(tmp_path, known.name).values()) == {"already there"}
    for split, n in (("train", 30), ("test", 20)):
        images, labels = data.load(split, tmp_path, dataset=known.name)
        other = known.torchvision(tmp_path, train=split == "train")
        assert torch.equal(images[:, 0], other.data.float() / 255 - 0.5)
        assert torch.equal(labels, other.targets)
        assert len(images) == n
    assert not asked
    assert len(data.load("train", tmp_path, 7, known.name)[0]) == 7


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"])
@pytest.mark.parametrize("damage", [lambda x: x[: len(x) // 2], lambda x: x[:-1] + bytes([x[-1] ^ 1])])
def test_a_truncated_or_wrong_archive_is_not_believed(known, served, tmp_path, name, damage):
    folder, _ = served
    (folder / name).write_bytes(damage((folder / name).read_bytes()))
    said = refusal(known, tmp_path)
    assert f"{known.title} is incomplete" in said
    assert name in said
    assert "Put the four archives" in said
    assert not list((tmp_path / known.loader).rglob("*ubyte*"))


def test_a_lying_source_is_not_believed(known, files, monkeypatch, tmp_path):
    """The hashes are checked here, whatever torchvision does."""
    name = "t10k-labels-idx1-ubyte.gz"
    wrong = files | {name: files[name][:-1] + b"\1"}
    monkeypatch.setitem(data.SOURCES, known.name, {"liar": lambda: wrong})
    assert f"liar: {name} has the wrong MD5" in refusal(known, tmp_path)
    raw = tmp_path / known.loader / "raw"
    assert not (raw / name).exists()
    assert data.verified(raw, "train-images-idx3-ubyte.gz", known.name)


def test_without_network_the_error_says_what_to_place_by_hand(known, files, monkeypatch, tmp_path):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(known.torchvision, "mirrors", ["http://127.0.0.1:9/"])  # nobody listens there
    said = refusal(known, tmp_path)
    assert f"in {tmp_path / known.loader / 'raw'}" in said
    assert "of http://127.0.0.1:9/ there as they are" in said
    assert all(name in said for name in files)
    # What the message asks for is enough.
    fabricated.place(known, tmp_path, files)
    assert set(data.fetch(tmp_path, known.name).values()) == {"already there"}
    assert len(data.load("test", tmp_path, dataset=known.name)[0]) == 20


def test_unpacked_files_must_be_those_of_the_archives(known, files, monkeypatch, tmp_path):
    monkeypatch.setitem(data.SOURCES, known.name, {})
    raw = fabricated.place(known, tmp_path, files)
    images, _ = data.load("test", tmp_path, dataset=known.name)
    unpacked = raw / "t10k-images-idx3-ubyte"
    content = unpacked.read_bytes()
    unpacked.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # one bit of one pixel
    assert torch.equal(data.load("test", tmp_path, dataset=known.name)[0], images)
    assert unpacked.read_bytes() == content
    unpacked.with_name(f"{unpacked.name}.gz").unlink()
    assert "unpacked files cannot be verified" in refusal(known, tmp_path)


def test_a_folder_that_cannot_be_written(known, files, monkeypatch, tmp_path):
    monkeypatch.setitem(data.SOURCES, known.name, {"good": lambda: files})
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    with pytest.raises(data.DataError, match="cannot be written.*data_dir"):
        data.fetch(blocked, known.name)


def test_the_command_says_what_lies_where(known, files, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    monkeypatch.setitem(data.SOURCES, known.name, {})
    with pytest.raises(SystemExit, match=f"error: {known.title} is incomplete"):
        data.main(["--dataset", known.name])
    fabricated.place(known, tmp_path, files)
    data.main(["--dataset", known.name])
    said = capsys.readouterr().out
    assert f"{known.title} in {tmp_path / known.loader / 'raw'}" in said
    assert "test: (20, 1, 28, 28), classes [2, 2, 2, 2, 2, 2, 2, 2, 2, 2]" in said
