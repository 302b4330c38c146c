"""The digit classifier: what is shipped, that it can be trained again, and what it refuses."""

import hashlib
import math
import shutil

import pytest
import torch

from diffusion import classifier, data


@pytest.fixture(scope="module")
def model() -> classifier.DigitClassifier:
    return classifier.load()


@pytest.fixture(scope="module")
def test_split(mnist_dir):
    return data.load("test", mnist_dir)


def test_shipped_weights_read_99_percent_of_the_test_split(model, test_split):
    images, labels = test_split
    found = classifier.accuracy(model, images, labels)
    assert len(images) == 10_000
    assert found >= 0.99
    # Another CPU may round otherwise and turn an image or two.
    assert found == pytest.approx(classifier.about()["test_accuracy"], abs=5e-4)


def test_shipped_file_is_the_recorded_one_and_describes_itself():
    assert hashlib.sha256(classifier.SHIPPED.read_bytes()).hexdigest() == classifier.SHA256
    about = classifier.about()
    assert about["n_train"] == 60_000
    assert about["n_test"] == 10_000
    assert about["seed"] == 0
    assert "label smoothing" in about["recipe"]


def test_a_changed_shipped_file_is_refused(tmp_path, monkeypatch):
    changed = tmp_path / "classifier.safetensors"
    content = bytearray(classifier.SHIPPED.read_bytes())
    content[-1] ^= 1  # one bit of one weight
    changed.write_bytes(content)
    monkeypatch.setattr(classifier, "SHIPPED", changed)
    with pytest.raises(ValueError, match="not comparable"):
        classifier.load()
    assert isinstance(classifier.load(changed), classifier.DigitClassifier)  # named explicitly, it is allowed


def test_a_missing_or_foreign_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no classifier weights at"):
        classifier.load(tmp_path / "none.safetensors")
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(b"no weights")
    with pytest.raises(ValueError, match="does not hold weights"):
        classifier.load(foreign)


def test_outputs_do_not_depend_on_the_batch(model, test_split):
    images = test_split[0][:60]
    together = model.features(images)
    alone = torch.cat([model.features(image[None]) for image in images])
    assert together.shape == (60, 64)
    assert (together - alone).abs().max() < 1e-4
    assert together.min() >= 0
    assert torch.equal(model.head(together), model(images))


def test_the_model_stays_in_evaluation_mode_and_collects_no_gradients(model):
    assert not any(module.training for module in model.modules())
    assert not any(weight.requires_grad for weight in model.parameters())
    assert sum(weight.numel() for weight in model.parameters()) == 107_258


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(2, 28, 28),
        torch.zeros(2, 3, 28, 28),
        torch.zeros(2, 1, 32, 32),
        torch.zeros(2, 1, 28, 28, dtype=torch.uint8),
    ],
)
def test_images_of_another_shape_or_type_are_refused(model, images):
    with pytest.raises(ValueError, match="the classifier takes"):
        model(images)


@pytest.mark.parametrize("value", [0.6, 1.0, -0.51, math.nan, math.inf])
def test_images_in_another_range_are_refused(model, value):
    images = torch.zeros(2, 1, 28, 28)
    images[1, 0, 3, 3] = value
    with pytest.raises(ValueError, match="clamp samples first"):
        model(images)


def test_training_is_reproducible_leaves_the_global_stream_alone_and_learns(mnist_dir):
    images, labels = data.load("train", mnist_dir, 1000)
    state = torch.get_rng_state()
    first, second = (classifier.train(images, labels, seed=3, epochs=2, batch_size=64) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    other = classifier.train(images, labels, seed=4, epochs=1, batch_size=64)
    assert not torch.equal(first.head.weight, other.head.weight)
    assert classifier.accuracy(first, images, labels) > 0.8


def test_the_command_writes_loadable_weights_with_the_same_bits_each_time(tmp_path, mnist_dir, capsys):
    for name in ("a", "b"):
        out = tmp_path / f"{name}.safetensors"
        options = ["--n-train", "256", "--epochs", "1", "--out", str(out), "--data-dir", str(mnist_dir)]
        classifier.main(options)
    said = capsys.readouterr().out
    assert (tmp_path / "a.safetensors").read_bytes() == out.read_bytes()
    assert "classifier, epoch 1/1" in said
    assert hashlib.sha256(out.read_bytes()).hexdigest() in said
    about = classifier.about(out)
    assert about["n_train"] == 256
    images, labels = data.load("test", mnist_dir)
    measured = classifier.accuracy(classifier.load(out), images, labels)
    assert measured == pytest.approx(about["test_accuracy"], abs=1e-6)


def test_the_command_refuses_no_epochs(capsys):
    with pytest.raises(SystemExit):
        classifier.main(["--epochs", "0"])
    assert "epochs is 0; at least 1" in capsys.readouterr().err


def test_a_failed_write_keeps_the_earlier_file(tmp_path, monkeypatch, model):
    path = tmp_path / "weights.safetensors"
    shutil.copy(classifier.SHIPPED, path)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        classifier.save(model, path, {"test_accuracy": 0.0})
    assert path.read_bytes() == classifier.SHIPPED.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
