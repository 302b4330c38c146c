"""The classifier: what is shipped, that it can be trained again, and the one of another data set."""

import hashlib
import json

import pytest
import safetensors

import own
from diffusion import data
from diffusion.evaluation import classifier

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def model() -> classifier.DigitClassifier:
    return classifier.load()


def about(path) -> dict:
    """The facts in a weights file."""
    with safetensors.safe_open(str(path), "pt") as file:
        return json.loads(file.metadata()["about"])


def test_shipped_weights_read_99_percent_of_the_test_split(model, mnist_dir):
    found = classifier.accuracy(model, *data.load("mnist", "test", mnist_dir))
    assert found >= 0.99
    # Another CPU may round otherwise and turn an image or two.
    assert found == pytest.approx(about(classifier.SHIPPED)["test_accuracy"], abs=5e-4)


def test_a_changed_shipped_file_is_refused(tmp_path, monkeypatch):
    content = bytearray(classifier.SHIPPED.read_bytes())
    assert hashlib.sha256(content).hexdigest() == classifier.SHA256
    content[-1] ^= 1  # one bit of one weight
    (changed := tmp_path / "classifier.safetensors").write_bytes(content)
    monkeypatch.setattr(classifier, "SHIPPED", changed)
    with pytest.raises(ValueError, match="not comparable"):
        classifier.load()
    assert isinstance(classifier.load(changed), classifier.DigitClassifier)  # named explicitly, it is allowed


@pytest.mark.parametrize("content", [b"", b"\x80\x02cos\nsystem\nU\x04true\x85R."])
def test_a_missing_or_foreign_file_is_refused(tmp_path, content):
    with pytest.raises(ValueError, match="no classifier weights at"):
        classifier.load(tmp_path / "none.safetensors")
    (foreign := tmp_path / "foreign.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="does not hold weights"):
        classifier.load(foreign)


def test_weights_that_have_learnt_say_how_they_came_about(tmp_path, mnist_dir):
    splits = [data.load("mnist", split, mnist_dir, 1000) for split in ("train", "test")]
    (out := tmp_path / "a.safetensors").write_bytes(
        classifier.to_bytes(*classifier.train_and_measure(*splits))
    )
    facts, measured = about(out), classifier.accuracy(classifier.load(out), *splits[1])
    assert facts["recipe"] == about(classifier.SHIPPED)["recipe"]
    assert facts["n_train"] == 1000
    assert 0.8 < measured == pytest.approx(facts["test_accuracy"], abs=1e-6)


# --- one for each data set ---


def test_another_is_trained_once_for_the_same_data_and_code(tmp_path, monkeypatch):
    monkeypatch.setattr(classifier, "EPOCHS", 1)
    path = classifier.weights_for("own:BARS", tmp_path)
    written, facts = path.stat().st_mtime_ns, about(path)
    assert (facts["dataset"], facts["n_train"], facts["n_test"]) == ("own:BARS", 100, 50)
    found = classifier.classifier_for("own:BARS", tmp_path)
    measured = classifier.accuracy(found, *data.load("own:BARS", "test", tmp_path))
    assert measured == pytest.approx(facts["test_accuracy"], abs=1e-6)
    monkeypatch.setattr(own, "BARS", own.bars(110, 50))
    assert classifier.weights_for("own:BARS", tmp_path) != path
    monkeypatch.setattr(classifier.syntax, "code", lambda part: "another")
    classifier.weights_for("own:BARS", tmp_path)
    assert len(list(path.parent.iterdir())) == 3
    assert path.stat().st_mtime_ns == written


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(classifier, "EPOCHS", 1)
    (tmp_path / "Bars").write_text("a file where the folder would be")
    with pytest.raises(data.DataError, match="classifier of Bars"):
        classifier.weights_for("own:BARS", tmp_path)
