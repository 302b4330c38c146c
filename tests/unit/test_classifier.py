"""The networks that measure: what is shipped, and what is trained once for another data set."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from diffusion import data
from diffusion.evaluation import classifier
from diffusion.evaluation.autoencoder import AUTOENCODER
from diffusion.evaluation.classifier import CLASSIFIER

pytestmark = pytest.mark.usefixtures("one_thread")


def bars(seed: int = 0) -> data.DataSet:
    """Noisy images of 8 x 8 pixels with a white line, whose place is the class."""

    def read(split, folder):
        labels = np.arange(800) % 4
        images = np.random.default_rng([seed, split == "test"]).integers(0, 99, (800, 8, 8), np.uint8)
        images[np.arange(800), 2 * labels] = 255
        return images, labels

    return data.DataSet("Bars", read, tuple("abcd"))


def test_the_shipped_classifier_reads_99_percent_of_the_test_split_whatever_the_chunk(mnist_dir):
    x, labels = (part[::3] for part in data.load("mnist", "test", mnist_dir))
    model = classifier.load()
    read = classifier.logits(model, x)
    assert (read.argmax(1) == labels).double().mean() > 0.99
    assert torch.allclose(read[:50], classifier.logits(model, x[:50], chunk=7), atol=1e-4)
    beyond = x[:500] + 3 * x[:500].sign() * (x[:500].abs() == 0.5)  # what is cut to the range
    assert torch.equal(classifier.classes_of(model, beyond), read[:500].argmax(1))


@pytest.mark.parametrize("kind", [CLASSIFIER, AUTOENCODER], ids=["classifier", "autoencoder"])
def test_a_changed_shipped_file_is_refused_unless_it_is_named(kind, tmp_path):
    changed, content = replace(kind, folder=tmp_path), bytearray(kind.path.read_bytes())
    content[-1] ^= 1  # one bit of one weight
    changed.path.write_bytes(content)
    with pytest.raises(ValueError, match="not comparable"):
        changed.load()
    assert isinstance(changed.load(changed.path), kind.make)
    changed.path.write_bytes(content[:99])
    with pytest.raises(ValueError, match=r"\.safetensors does not hold weights"):
        changed.load(changed.path)


def test_that_of_another_data_set_reads_its_classes_and_is_never_sure(tmp_path):
    x, labels = data.load(bars(), "test")
    model = classifier.classifier_for(bars(), tmp_path)
    assert (classifier.classes_of(model, x) == labels).double().mean() > 0.99
    assert classifier.logits(model, x).softmax(1).max() < 0.9  # labels are smoothed


def test_it_is_trained_once_for_the_same_data_and_again_when_it_is_damaged(tmp_path, capsys):
    path = CLASSIFIER.weights_for(bars(), tmp_path)
    whole, written = path.read_bytes(), path.stat().st_mtime_ns
    assert CLASSIFIER.weights_for("mnist", tmp_path) is None  # the shipped one
    assert CLASSIFIER.weights_for(bars(1), tmp_path) != CLASSIFIER.weights_for(bars(), tmp_path) == path
    assert path.stat().st_mtime_ns == written
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # one bit of one weight
    assert CLASSIFIER.weights_for(bars(), tmp_path).read_bytes() == whole
    assert f"{path} is damaged" in capsys.readouterr().out
