"""The networks that measure: what they read, what they give, and where their weights come from."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from diffusion import data
from diffusion.evaluation import classifier, features, small_networks
from diffusion.evaluation.classifier import CLASSIFIER
from diffusion.evaluation.small_networks import AUTOENCODER
from diffusion.files import sha256

CPU = torch.device("cpu")


def bars(seed: int = 0, shift: int = 0) -> data.DataSet:
    """Noisy images of 8 x 8 pixels with a white line, whose place, shifted, is the class."""

    def read(split, folder):
        assert folder.parts[-2:] == ("Bars", "raw")
        labels = np.arange(800) % 4
        images = np.random.default_rng([seed, split == "test"]).integers(0, 99, (800, 8, 8), np.uint8)
        images[np.arange(800), 2 * labels] = 255
        return images, (labels + shift) % 4

    return data.DataSet("Bars", read, tuple("abcd"))


@pytest.fixture(scope="module")
def digits(mnist_dir):
    return [part[::9] for part in data.load("mnist", "test")]


def test_the_shipped_classifier_reads_99_percent_of_the_test_split_whatever_the_chunk(digits):
    (x, labels), model = digits, classifier.load()
    read = classifier.logits(model, x)
    assert (read.argmax(1) == labels).double().mean() > 0.99
    assert torch.allclose(read[:50], classifier.logits(model, x[:50], chunk=7), atol=1e-4)
    beyond = x[:500] + 3 * x[:500].sign() * (x[:500].abs() == 0.5)  # what is cut to the range
    assert torch.equal(classifier.classes_of(model, beyond), read[:500].argmax(1))


@pytest.mark.parametrize(("n", "steps"), [(200, 250), (300, 252), (6400, 250), (6401, 255)])
def test_networks_of_few_images_are_trained_in_whole_passes_for_at_least_so_many_steps(n, steps):
    seen, network = [], torch.nn.Linear(1, 1)

    def loss(batch):
        seen.append(len(batch))
        return network(torch.ones(1)).sum()

    small_networks.optimise(network, n, loss, "any", 250)
    assert (len(seen), sum(seen) % n) == (steps, 0)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 10, 10), (2, 31, 31)])
def test_networks_are_made_for_images_of_any_size_and_colour(shape):
    x = torch.rand((3, *shape), generator=torch.Generator().manual_seed(0)) - 0.5
    for network in (CLASSIFIER.make(shape, 7).eval(), AUTOENCODER.make(shape, 7)):
        found = network.features(x)
        assert found.shape == (3, 64)
        assert found.std(0).min() >= 0 < found.std(0).max()
    assert classifier.logits(CLASSIFIER.make(shape, 7), x).shape == (3, 7)
    assert classifier.DigitClassifier()(torch.zeros(1, 1, 28, 28)).shape == (1, 10)
    trained = classifier.train(x, torch.tensor([0, 9, 3]))
    assert classifier.logits(trained, x).shape == (3, 10)  # of digits, unless told otherwise
    other = small_networks.train_encoder(x)
    assert torch.equal(other.features(x), small_networks.train_encoder(x).features(x))
    assert not torch.equal(other.features(x), small_networks.train_encoder(x, seed=1).features(x))


def test_an_untrained_network_is_the_same_in_all_versions_and_takes_images_of_any_size_and_colour():
    black = features.untrained(CPU, 3).features(torch.zeros(2, 3, 8, 8).byte())
    assert black.shape == (2, 64)
    assert black.std() > 0.1  # grey is 0, not black
    # Distances in these features are published: they must stay what they are.
    extractor = features.untrained(CPU)
    found = extractor.features((torch.arange(784) * 7919 % 256).byte().view(1, 1, 28, 28))[0]
    assert [*found[:3], found.mean()] == pytest.approx([0, 19.12144, 0, 16.47415], rel=1e-4)
    assert extractor.features(torch.full((1, 1, 28, 28), 128).byte()).mean() < 0.2


def test_extractors_have_what_their_features_depend_on():
    images = torch.full((3, 1, 28, 28), 255).byte()
    for shipped in (CLASSIFIER, AUTOENCODER):
        network = shipped.load()
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())
        extractor = features.small("any", network, CPU)
        made = extractor.features(images)
        assert extractor.info == extractor.info | {"dimension": made.shape[1], "sha256": network.sha256}
        assert torch.equal(made, network.features(torch.full((3, 1, 28, 28), 0.5)))


def test_a_network_is_trained_on_all_images_in_each_epoch_at_a_rate_that_rises_and_falls():
    network, batches, weights = torch.nn.Linear(1, 1, bias=False), [], []

    def loss(batch):
        assert network.training
        batches.append(batch.tolist())
        weights.append(network.weight.item())
        return network.weight.sum()  # its gradient is one: a step of Adam is about as long as the rate

    for _ in range(2):
        small_networks.optimise(network.eval(), 300, loss, "any")
        assert not network.training
    first, again = batches[:15], batches[15:]
    assert first == again
    assert [*map(len, first)] == 5 * [128, 128, 44]
    epochs = [sum(first[i : i + 3], []) for i in range(0, 15, 3)]
    assert all(sorted(epoch) == [*range(300)] for epoch in epochs)
    assert len({*map(tuple, epochs)}) == 5
    steps = -np.diff(weights[:15])
    assert 1e-3 < steps.max() < 2e-3
    assert steps[0] < steps.max() / 10
    assert steps[-1] < steps.max() / 20


def test_that_of_another_data_set_is_trained_once_and_is_never_sure(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    (x, labels), model = data.load(bars(), "test"), classifier.classifier_for(bars())
    read = classifier.logits(model, x)
    assert (read.argmax(1) == labels).double().mean() > 0.99
    assert read.softmax(1).max() < 0.9  # labels are smoothed
    assert "training the classifier of Bars" in capsys.readouterr().out
    (file,) = tmp_path.rglob("*.safetensors")
    assert file.parent == tmp_path / "Bars" / "classifier"
    assert classifier.classifier_for(bars()).sha256 == model.sha256
    assert "training" not in capsys.readouterr().out
    assert classifier.classifier_for(bars(1)).sha256 != model.sha256
    assert classifier.classifier_for(bars(), 1).sha256 != model.sha256
    relabelled = classifier.classifier_for(bars(shift=1))
    assert (classifier.logits(relabelled, x).argmax(1) == (labels + 1) % 4).double().mean() > 0.99
    capsys.readouterr()
    assert classifier.classifier_for("mnist").sha256 == CLASSIFIER.load().sha256
    assert "training" not in capsys.readouterr().out


def test_an_autoencoder_of_another_data_set_needs_no_labels(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    x, labels = data.load(bars())
    unlabelled = replace(bars(), read=lambda *how: bars().read(*how)[0], classes=())
    found = AUTOENCODER.load_for(unlabelled)
    (file,) = (tmp_path / "Bars" / "autoencoder").iterdir()
    assert sha256(file) == found.sha256
    near = torch.cdist(found.features(x[:200]), found.features(x[200:])).argmin(1)
    assert (labels[200:][near] == labels[:200]).double().mean() > 0.95  # what is where in an image
