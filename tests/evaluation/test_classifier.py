"""The networks that measure: what is shipped, that it can be trained again, and that of another data set."""

import hashlib
import json
from dataclasses import replace

import pytest
import safetensors
import torch

import own
from diffusion import data
from diffusion.evaluation import classifier, shipped
from diffusion.evaluation.autoencoder import AUTOENCODER, Encoder
from diffusion.evaluation.classifier import CLASSIFIER
from diffusion.runtime import seeded

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def model() -> classifier.DigitClassifier:
    return classifier.load()


def accuracy(model, x, labels) -> float:
    """Share of images whose most likely class is their label."""
    return (classifier.classes_of(model, x) == labels).double().mean().item()


def about(path) -> dict:
    """The facts in a weights file."""
    with safetensors.safe_open(str(path), "pt") as file:
        return json.loads(file.metadata()["about"])


def test_shipped_weights_read_99_percent_of_the_test_split(model, mnist_dir):
    found = accuracy(model, *data.load("mnist", "test", mnist_dir))
    assert found >= 0.99
    # Another CPU may round otherwise and turn an image or two.
    assert found == pytest.approx(about(CLASSIFIER.path)["test_accuracy"], abs=5e-4)


@pytest.mark.parametrize("kind", [CLASSIFIER, AUTOENCODER], ids=["classifier", "autoencoder"])
def test_a_changed_shipped_file_is_refused(kind, tmp_path):
    content = bytearray(kind.path.read_bytes())
    assert hashlib.sha256(content).hexdigest() == kind.sha256
    content[-1] ^= 1  # one bit of one weight
    changed = replace(kind, folder=tmp_path)
    changed.path.write_bytes(content)
    with pytest.raises(ValueError, match="not comparable"):
        changed.load()
    assert isinstance(changed.load(changed.path), kind.make)  # named explicitly, it is allowed


@pytest.mark.parametrize("content", [b"", b"\x80\x02cos\nsystem\nU\x04true\x85R."])
def test_a_missing_or_foreign_file_is_refused(tmp_path, content):
    with pytest.raises(ValueError, match="no classifier weights at"):
        classifier.load(tmp_path / "none.safetensors")
    (foreign := tmp_path / "foreign.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="does not hold weights"):
        classifier.load(foreign)


# --- one for each data set ---


def test_another_is_trained_once_for_the_same_data_and_code(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "EPOCHS", 1)
    path = CLASSIFIER.weights_for("own:BARS", tmp_path)
    written, facts = path.stat().st_mtime_ns, about(path)
    assert (facts["dataset"], facts["n_train"]) == ("own:BARS", 100)
    assert classifier.classifier_for("own:BARS", tmp_path).head.out_features == 10
    monkeypatch.setattr(own, "BARS", own.bars(110, 50))
    assert CLASSIFIER.weights_for("own:BARS", tmp_path) != path
    monkeypatch.setattr(shipped.identity, "code", lambda part: "another")
    CLASSIFIER.weights_for("own:BARS", tmp_path)
    assert len(list(path.parent.iterdir())) == 3
    assert path.stat().st_mtime_ns == written


def test_the_autoencoder_learns_without_labels(mnist_dir):
    x = data.load("mnist", "train", mnist_dir, 2000)[0]
    with seeded(0):
        untrained = Encoder()
    before, after = (net.features(x).detach() for net in (untrained, AUTOENCODER.train(x)))
    assert after.shape == (2000, 64)
    assert unexplained(after, x) < 0.9 * unexplained(before, x)


def unexplained(features, x):
    """The part of the variance of images that a linear function of their features leaves."""
    inputs, pixels = (part.flatten(1) - part.flatten(1).mean(0) for part in (features, x))
    return float((pixels - inputs @ torch.linalg.lstsq(inputs, pixels).solution).var() / pixels.var())


def test_one_that_is_damaged_is_trained_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shipped, "EPOCHS", 1)
    path = CLASSIFIER.weights_for("own:BARS", tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # one bit of one weight
    assert CLASSIFIER.weights_for("own:BARS", tmp_path).read_bytes() == whole
    assert f"{path} is damaged" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "EPOCHS", 1)
    (tmp_path / "Bars").write_text("a file where the folder would be")
    with pytest.raises(data.DataError, match="classifier of Bars"):
        CLASSIFIER.weights_for("own:BARS", tmp_path)
