"""The digits extractor and the Inception one: what they give, and how the latter is absent."""

import pickle
import urllib.error
from dataclasses import replace
from unittest import mock

import pytest
import torch
import torch_fidelity.feature_extractor_inceptionv3 as fidelity
from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3

from diffusion import data
from diffusion.evaluation import features
from diffusion.evaluation.frechet import Reference, floor, frechet_distance, kid, to_uint8
from hostile import Code

pytestmark = pytest.mark.usefixtures("one_thread")

BLACK = torch.zeros(4, 1, 28, 28, dtype=torch.uint8)


@pytest.fixture(scope="module")
def digits():
    return features.digits()


def test_digit_features_do_not_depend_on_the_chunk(digits, mnist_dir):
    images = to_uint8(data.load("mnist", "test", mnist_dir, 100)[0])
    whole = digits.features(images)
    assert whole.shape == (100, digits.info["dimension"]) == (100, 64)
    assert (whole - replace(digits, chunk=7).features(images)).abs().max() < 1e-4
    assert len(digits.info["sha256"]) == 64


def test_digit_distance_tells_real_digits_from_noise_and_from_wrong_scaling(digits, mnist_dir):
    test, train = (data.load("mnist", split, mnist_dir, 1000)[0] for split in ("test", "train"))
    reference = Reference(digits.features(to_uint8(test)))
    of_train = digits.features(to_uint8(train))
    real, real_kid = floor(of_train, reference, 250, repeats=4), kid(reference, of_train[:250]).mean
    noise = torch.rand(250, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5
    shifted = train[:250] + 0.5  # [0, 1] taken for [-0.5, 0.5]
    for x in (noise, shifted):
        found = digits.features(to_uint8(x))
        assert frechet_distance(reference, found) > 10 * real.mean
        assert kid(reference, found).mean > 10 * abs(real_kid)


# --- Inception ---


def test_inception_can_be_switched_off():
    extractor = features.inception("off")
    assert (extractor.available, extractor.info) == (False, {})
    with pytest.raises(ValueError, match="not available: switched off"):
        extractor.features(BLACK)


def test_files_that_are_no_weights_make_it_absent_and_run_no_code(tmp_path):
    code = Code(tmp_path / "ran")
    (tmp_path / "half.pth").write_text("half a file")  # makes the unpickler raise a KeyError
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"trap": code}, tmp_path / "trap.pth")
    (tmp_path / "pickle.pth").write_bytes(pickle.dumps(code, protocol=2))
    for path in tmp_path.glob("*.pth"):
        extractor = features.inception(path)
        assert not extractor.available
        assert f"{path.name} does not hold weights of that network" in extractor.reason
    assert "there is no weights file" in features.inception(tmp_path / "none.pth").reason
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("error", "cached", "said"),
    [
        (urllib.error.URLError(OSError(-2, "Name or service not known")), None, "Name or service not known"),
        (urllib.error.URLError("no host at https://example.org"), None, "the download failed (URLError)"),
        (RuntimeError("invalid hash value"), None, "the download failed (wrong hash)"),
        (TimeoutError(), b"half a file", "damaged in the cache"),
    ],
)
def test_inception_that_is_neither_in_the_cache_nor_downloaded_says_so_without_an_address(
    tmp_path, monkeypatch, error, cached, said
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", mock.Mock(side_effect=error))
    if cached:
        path = tmp_path / "hub" / "checkpoints" / fidelity.URL_INCEPTION_V3.rsplit("/", 1)[1]
        path.parent.mkdir(parents=True)
        path.write_bytes(cached)
    extractor = features.inception("auto")
    assert not extractor.available
    assert said in extractor.reason
    assert "example.org" not in extractor.reason


@pytest.fixture(scope="module")
def random_inception(tmp_path_factory):
    """A weights file of the real architecture with random weights that keep the features alive."""
    with (
        mock.patch.object(fidelity, "load_state_dict_from_url", return_value={}),
        mock.patch.object(fidelity.FeatureExtractorInceptionV3, "load_state_dict"),
        torch.random.fork_rng(devices=[]),
    ):
        torch.manual_seed(0)
        network = NoTrainInceptionV3("inception-v3-compat", ["2048"])
        for name, weight in network.named_parameters():
            if name.endswith("conv.weight"):
                torch.nn.init.kaiming_normal_(weight, nonlinearity="relu")
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.slow
def test_inception_features_are_those_of_torchmetrics_distance(random_inception, mnist_dir):
    images = to_uint8(data.load("mnist", "test", mnist_dir, 8)[0])
    extractor = features.inception(random_inception)
    assert (extractor.available, extractor.reason) == (True, "")
    assert (extractor.info["dimension"], extractor.info["source"]) == (2048, "file")
    oracle = FrechetInceptionDistance(2048, feature_extractor_weights_path=str(random_inception)).inception
    found, expected = replace(extractor, chunk=3).features(images), oracle(images.expand(-1, 3, -1, -1))
    assert expected.std() > 0
    assert (found - expected).abs().max() < 1e-3 * expected.abs().max()


@pytest.mark.slow
def test_inception_weights_are_found_in_the_cache(random_inception, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", mock.Mock(side_effect=AssertionError))
    name = f"weights-inception-{features.inception(random_inception).info['sha256'][:8]}.pth"
    monkeypatch.setattr(features, "URL_INCEPTION_V3", f"https://example.org/{name}")
    cached = tmp_path / "hub" / "checkpoints" / name
    cached.parent.mkdir(parents=True)
    cached.write_bytes(random_inception.read_bytes())
    assert features.inception("auto").info["source"] == "cache"
