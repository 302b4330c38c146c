"""The classifier of a data set: shipped, or trained once, kept, and never taken for another one."""

import threading
import time

import pytest
import torch

import fabricated
from diffusion import classifier, data, fingerprints, readers
from diffusion.datasets import FASHION


@pytest.fixture
def fashion(monkeypatch, tmp_path):
    """A data folder with a made-up Fashion-MNIST, and no network."""
    files = fabricated.archives(100, 50)
    fabricated.vouch(monkeypatch, FASHION, files)
    monkeypatch.setitem(data.SOURCES, "fashion", {})
    fabricated.place(FASHION, tmp_path, files)
    return tmp_path


@pytest.fixture
def trainings(monkeypatch):
    """How often a classifier was trained."""
    real, calls = classifier.train_and_measure, []

    def counted(*arguments, **options):
        calls.append(threading.current_thread().name)
        time.sleep(0.2)  # long enough for the others to come and wait
        return real(*arguments, epochs=1, **options)

    monkeypatch.setattr(classifier, "train_and_measure", counted)
    return calls


def test_mnist_has_the_one_that_is_shipped(tmp_path):
    assert readers.weights("mnist", tmp_path) is None
    assert torch.equal(readers.load("mnist").head.weight, classifier.load().head.weight)
    assert not list(tmp_path.iterdir())


def test_it_is_trained_once_on_its_own_data_and_kept(fashion, trainings):
    path = readers.weights("fashion", fashion)
    assert readers.weights("fashion", fashion) == path
    assert len(trainings) == 1
    assert path.parent == fashion / "FashionMNIST" / "classifier"
    about = classifier.about(path)
    assert (about["dataset"], about["n_train"], about["n_test"]) == ("fashion", 100, 50)
    images, labels = data.load("test", fashion, dataset="fashion")
    measured = classifier.accuracy(readers.load("fashion", fashion), images, labels)
    assert measured == pytest.approx(about["test_accuracy"], abs=1e-6)
    assert not torch.equal(readers.load("fashion", fashion).head.weight, classifier.load().head.weight)


def test_who_comes_at_the_same_time_waits(fashion, trainings):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(readers.weights("fashion", fashion))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(trainings) == 1
    assert len(found) == 3
    assert len(set(found)) == 1


def test_a_damaged_file_is_trained_again(fashion, trainings, capsys):
    path = readers.weights("fashion", fashion)
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert readers.weights("fashion", fashion).read_bytes() == good
    assert len(trainings) == 2
    assert "is damaged and not used" in capsys.readouterr().out
    assert len(list(path.parent.glob("*.safetensors"))) == 1


def test_other_data_or_code_have_another_one(fashion, trainings, monkeypatch):
    paths = [readers.weights("fashion", fashion)]
    with monkeypatch.context() as changed:
        changed.setattr(fingerprints, "of_modules", lambda names: "other code")
        paths.append(readers.weights("fashion", fashion))
    other = fabricated.archives(110, 50)
    fabricated.vouch(monkeypatch, FASHION, other)
    fabricated.place(FASHION, fashion, other)
    paths.append(readers.weights("fashion", fashion))
    assert len(trainings) == len({path.name[:12] for path in paths}) == 3
    assert all(path.is_file() for path in paths)


def test_a_folder_that_cannot_be_written(fashion):
    (fashion / "FashionMNIST" / "classifier").write_text("a file where the folder should be")
    with pytest.raises(data.DataError, match="classifier of Fashion-MNIST cannot be written.*data_dir"):
        readers.weights("fashion", fashion)


def test_a_failed_write_leaves_nothing_half_done(fashion, trainings, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(readers, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "disk full")))
        with pytest.raises(data.DataError, match="disk full"):
            readers.weights("fashion", fashion)
    assert readers.load("fashion", fashion)
    assert len(trainings) == 2
