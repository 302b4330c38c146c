"""The networks that measure: what they read, what they give, and where their weights come from."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from diffusion import data
from diffusion.evaluation import classifier, features
from diffusion.evaluation.classifier import CLASSIFIER

CPU = torch.device("cpu")


def bars(seed: int = 0, shift: int = 0) -> data.DataSet:
    """Noisy images of 8 x 8 pixels with a white line, whose place, shifted, is the class."""

    def read(split, folder):
        labels = np.arange(800) % 4
        images = np.random.default_rng([seed, split == "test"]).integers(0, 99, (800, 8, 8), np.uint8)
        images[np.arange(800), 2 * labels] = 255
        return images, (labels + shift) % 4

    return data.DataSet("Bars", read, tuple("abcd"))


@pytest.fixture(scope="module")
def digits(mnist_dir):
    return [part[::3] for part in data.load("mnist", "test", mnist_dir)]


def test_the_shipped_classifier_reads_99_percent_of_the_test_split_whatever_the_chunk(digits):
    (x, labels), model = digits, classifier.load()
    read = classifier.logits(model, x)
    assert (read.argmax(1) == labels).double().mean() > 0.99
    assert torch.allclose(read[:50], classifier.logits(model, x[:50], chunk=7), atol=1e-4)
    beyond = x[:500] + 3 * x[:500].sign() * (x[:500].abs() == 0.5)  # what is cut to the range
    assert torch.equal(classifier.classes_of(model, beyond), read[:500].argmax(1))


def test_an_untrained_network_takes_images_of_any_size_and_colour():
    black = features.untrained(CPU, 3).features(torch.zeros(2, 3, 8, 8).byte())
    assert black.shape == (2, 64)
    assert black.std() > 0.1  # grey is 0, not black


def test_inception_that_cannot_be_had_is_left_out_and_says_why(monkeypatch, capsys):
    monkeypatch.setattr("torchmetrics.image.fid.NoTrainInceptionV3", lambda *how: {}["no weights"])
    assert [*features.extractors(None, inception_weights="auto")] == ["random"]
    assert "no weights" in capsys.readouterr().out


def test_a_changed_shipped_file_is_refused():
    with pytest.raises(ValueError, match="not comparable"):
        replace(CLASSIFIER, sha256="0" * 64).load()


def test_that_of_another_data_set_is_trained_once_and_is_never_sure(tmp_path, capsys):
    (x, labels), model = data.load(bars(), "test"), classifier.classifier_for(bars(), tmp_path)
    read = classifier.logits(model, x)
    assert (read.argmax(1) == labels).double().mean() > 0.99
    assert read.softmax(1).max() < 0.9  # labels are smoothed
    assert "training the classifier of Bars" in capsys.readouterr().out
    assert classifier.classifier_for(bars(), tmp_path).sha256 == model.sha256
    assert "training" not in capsys.readouterr().out
    assert classifier.classifier_for(bars(1), tmp_path).sha256 != model.sha256
    relabelled = classifier.classifier_for(bars(shift=1), tmp_path)
    assert (classifier.logits(relabelled, x).argmax(1) == (labels + 1) % 4).double().mean() > 0.99
    assert classifier.classifier_for("mnist", tmp_path).sha256 == CLASSIFIER.sha256
