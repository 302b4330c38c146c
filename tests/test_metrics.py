"""Distances against closed forms and independent code; extractors; what each refuses."""

import math
import pickle
import urllib.error
from unittest import mock

import numpy as np
import pytest
import scipy.linalg
import torch
import torch_fidelity.feature_extractor_inceptionv3 as fidelity
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3

from diffusion import data, distances, metrics, uncertainty
from diffusion.metrics import Reference, floor, frechet, frechet_gap, frechet_interval, kernel, to_uint8

BLACK = torch.zeros(4, 1, 28, 28, dtype=torch.uint8)


def gaussian(n: int, dimension: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    noise = torch.randn(n, dimension, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return noise * scale + shift


def by_scipy(a: np.ndarray, b: np.ndarray) -> float:
    """The distance as its definition has it, with scipy's matrix square root."""
    s, t = np.atleast_2d(np.cov(a.T)), np.atleast_2d(np.cov(b.T))
    return float(np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(s + t - 2 * scipy.linalg.sqrtm(s @ t).real))


# --- to_uint8 ---


def test_every_grey_value_survives_the_way_there_and_back():
    grey = torch.arange(256, dtype=torch.uint8)
    images = grey.repeat(784, 1).T[:, None].reshape(256, 1, 28, 28)
    assert torch.equal(to_uint8(images.float() / 255 - 0.5), images)


def test_real_images_come_back_as_their_bytes(mnist_dir):
    images, _ = data.load("test", mnist_dir, 500)
    raw = data.read_idx(mnist_dir / "MNIST" / "raw" / "t10k-images-idx3-ubyte")[:500]
    assert np.array_equal(to_uint8(images)[:, 0].numpy(), raw)


@given(st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=20))
def test_values_are_clamped_scaled_and_rounded_never_wrapped(values):
    images = torch.zeros(1, 1, 28, 28)
    images.view(-1)[: len(values)] = torch.tensor(values)
    expected = np.rint((np.clip(np.array(values, np.float32), -0.5, 0.5) + np.float32(0.5)) * np.float32(255))
    found = to_uint8(images).view(-1)[: len(values)].numpy()
    assert np.array_equal(found, expected.astype(np.uint8))
    order = np.argsort(values)
    assert np.all(np.diff(found[order].astype(int)) >= 0)  # wrapping would break the order


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_pixels_that_are_not_finite_are_refused(value):
    images = torch.zeros(2, 1, 28, 28)
    images[0, 0, 5, 5] = value
    with pytest.raises(ValueError, match="1 of 1568 pixels are not finite"):
        to_uint8(images)


@pytest.mark.parametrize("images", [BLACK, torch.zeros(4, 28, 28), torch.zeros(4, 3, 28, 28)])
def test_bytes_and_other_shapes_are_refused(images):
    with pytest.raises(ValueError, match="needed: "):
        to_uint8(images)


# --- Fréchet distance ---


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(12, 60), st.integers(12, 60), st.floats(-2, 2), st.floats(0.2, 3))
def test_frechet_is_the_definition(dimension, n, m, shift, scale):
    a, b = gaussian(n, dimension, 1), gaussian(m, dimension, 2, shift, scale)
    expected = by_scipy(a.numpy(), b.numpy())
    assert abs(frechet(a, b) - expected) < 1e-8 * (1 + expected)
    assert abs(frechet(b, a) - expected) < 1e-8 * (1 + expected)
    assert frechet(a, a) < 1e-9


def test_frechet_of_large_samples_is_the_closed_form_of_two_gaussians():
    covariance = torch.tensor([[2.0, 0.6, 0.0], [0.6, 1.0, 0.2], [0.0, 0.2, 0.5]], dtype=torch.float64)
    mean = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    a = gaussian(200_000, 3, 1)
    b = gaussian(200_000, 3, 2) @ torch.linalg.cholesky(covariance).T + mean
    root = scipy.linalg.sqrtm(covariance.numpy()).real
    exact = float(mean.square().sum()) + 3 + float(covariance.trace()) - 2 * np.trace(root)
    assert frechet(a, b) == pytest.approx(exact, abs=0.03)


def test_statistics_are_kept_in_float64():
    # Features far from zero: in float32 the covariance would drown in the rounding of the squared mean.
    a, b = gaussian(300, 4, 1, 1000, 0.01), gaussian(300, 4, 2, 1000.02, 0.02)
    expected = by_scipy(a.numpy(), b.numpy())
    assert frechet(a, b) == pytest.approx(expected, rel=1e-3)
    metric = Reference(a).metric
    assert metric.real_features_cov_sum.dtype == metric.real_features_sum.dtype == torch.float64


def test_a_reference_does_not_go_stale():
    real, other = gaussian(80, 5, 1), gaussian(80, 5, 2, 1.0)
    first, second = gaussian(40, 5, 3), gaussian(60, 5, 4, 0.5)
    reference = Reference(real)
    expected, by_kernel = frechet(real, first), kernel(real, first)
    interval = frechet_interval(Reference(real), first, repeats=5)
    assert frechet(reference, first) == expected
    frechet(reference, second)
    assert frechet(reference, first) == expected  # the second set left nothing behind
    real.add_(100)
    assert frechet(reference, first) == expected  # it owns its features
    assert kernel(reference, first) == by_kernel
    assert frechet_interval(reference, first, repeats=5) == interval
    assert frechet(Reference(other), first) == pytest.approx(by_scipy(other.numpy(), first.numpy()), abs=1e-9)


@settings(max_examples=15)
@given(st.integers(2, 40), st.integers(0, 100))
def test_the_fast_form_for_subsets_equals_torchmetrics_below_and_above_full_rank(n, seed):
    reference = Reference(gaussian(100, 16, 1))
    features = gaussian(n, 16, seed + 10, 0.3, 1.2)
    found = uncertainty._frechet_of_subset(reference, features)
    assert found == pytest.approx(frechet(reference, features), abs=1e-5)


# --- kernel distance ---


def test_kernel_on_whole_sets_is_the_unbiased_estimate_by_hand():
    a, b = gaussian(20, 3, 1).numpy(), gaussian(20, 3, 2, 0.5).numpy()

    def mean_kernel(u, v, same):
        pairs = [(i, j) for i in range(len(u)) for j in range(len(v)) if not (same and i == j)]
        return np.mean([(u[i] @ v[j] / 3 + 1) ** 3 for i, j in pairs])

    expected = mean_kernel(a, a, True) + mean_kernel(b, b, True) - 2 * mean_kernel(a, b, False)
    mean, sd = kernel(torch.from_numpy(a), torch.from_numpy(b), subsets=3, subset_size=20)
    assert mean == pytest.approx(expected, abs=1e-10)
    assert sd == pytest.approx(0, abs=1e-10)  # every subset is the whole set


def test_kernel_is_seeded_and_leaves_the_global_stream_alone():
    reference, features = Reference(gaussian(200, 4, 1)), gaussian(100, 4, 2)
    state = torch.get_rng_state()
    assert kernel(reference, features, seed=1) == kernel(reference, features, seed=1)
    assert kernel(reference, features, seed=1) != kernel(reference, features, seed=2)
    assert torch.equal(torch.get_rng_state(), state)


def test_kernel_of_equal_distributions_is_zero_on_average_and_grows_with_a_shift():
    reference = Reference(gaussian(2000, 4, 0))
    null = [kernel(reference, gaussian(60, 4, seed))[0] for seed in range(1, 41)]
    assert abs(np.mean(null)) < 4 * np.std(null, ddof=1) / math.sqrt(40)
    assert min(null) < 0  # unbiased, so it must fall on both sides
    assert kernel(reference, gaussian(60, 4, 1, 1.0))[0] > 10 * np.std(null)


@pytest.mark.parametrize("size", [1, 0, 31, 1000])
def test_kernel_refuses_subsets_larger_than_the_sets(size):
    with pytest.raises(ValueError, match="allowed: 2 to 30"):
        kernel(gaussian(50, 3, 1), gaussian(30, 3, 2), subset_size=size)


def test_two_images_are_enough_for_both_distances():
    reference = Reference(gaussian(50, 3, 1))
    assert math.isfinite(frechet(reference, gaussian(2, 3, 2)))
    assert all(map(math.isfinite, kernel(reference, gaussian(2, 3, 2))))


# --- floor, interval, large n ---


def test_floor_falls_as_one_over_n_and_the_kernel_floor_stays_at_zero():
    train, reference = gaussian(20_000, 16, 1), Reference(gaussian(20_000, 16, 2))
    small, large = (floor(train, reference, n, repeats=8) for n in (200, 800))
    assert set(small) == {"n", "repeats", "fid_mean", "fid_sd", "kid_mean", "kid_sd"}
    assert (small["n"], small["repeats"]) == (200, 8)
    assert small["fid_mean"] / large["fid_mean"] == pytest.approx(4, rel=0.25)
    assert 0 < large["fid_sd"] < small["fid_sd"] < small["fid_mean"]
    assert abs(small["kid_mean"]) < 4 * small["kid_sd"] / math.sqrt(8)
    assert floor(train, reference, 200, repeats=8) == small
    assert floor(train, reference, 200, repeats=8, seed=1) != small


def test_floor_draws_share_no_image_while_they_fit(monkeypatch):
    seen = []
    monkeypatch.setattr(uncertainty, "frechet", lambda _, features: seen.append(features) or 0.0)
    train, reference = torch.arange(60.0).view(30, 2), Reference(gaussian(40, 2, 1))
    floor(train, reference, 10, repeats=3)
    assert len(torch.cat(seen).unique(dim=0)) == 30
    seen.clear()
    floor(train, reference, 20, repeats=3)
    assert [len(part.unique(dim=0)) for part in seen] == [20, 20, 20]  # within a draw, none twice


@pytest.mark.parametrize(
    ("n", "repeats", "said"), [(1, 5, "n is 1"), (31, 5, "n is 31"), (10, 1, "repeats is 1")]
)
def test_floor_refuses_what_it_cannot_draw(n, repeats, said):
    with pytest.raises(ValueError, match=said):
        floor(gaussian(30, 3, 1), Reference(gaussian(40, 3, 2)), n, repeats)


def test_interval_covers_the_mean_distance_at_this_n_and_a_plain_bootstrap_does_not():
    n, dimension, sets = 60, 8, 60
    reference = Reference(gaussian(20_000, dimension, 0))
    target = np.mean([frechet(reference, gaussian(n, dimension, s, 0.3, 1.1)) for s in range(1000, 1400)])
    covered = plainly = 0
    spreads, estimates, biases = [], [], []
    for seed in range(sets):
        features = gaussian(n, dimension, seed + 1, 0.3, 1.1)
        found = frechet_interval(reference, features, repeats=60, seed=seed)
        assert 0 <= found["low"] <= found["fid"] <= found["high"]
        covered += found["low"] <= target <= found["high"]
        draws = torch.Generator().manual_seed(seed)
        plain = [
            uncertainty._frechet_of_subset(reference, features[torch.randint(n, (n,), generator=draws)])
            for _ in range(60)
        ]
        plainly += np.quantile(plain, 0.025) <= target <= np.quantile(plain, 0.975)
        spreads.append(found["sd"])
        estimates.append(found["fid"])
        biases.append(found["bias"])
    assert covered >= 0.86 * sets
    assert plainly < 0.6 * sets
    assert np.mean(spreads) == pytest.approx(np.std(estimates), rel=0.35)
    exact = dimension * (0.3**2 + 0.1**2)  # of N(0, 1) and N(0.3, 1.1^2) in each of the dimensions
    assert np.mean(biases) == pytest.approx(target - exact, rel=0.35)


def test_interval_is_seeded_and_says_what_it_is():
    reference, features = Reference(gaussian(200, 4, 1)), gaussian(51, 4, 2, 0.5)
    found = frechet_interval(reference, features, repeats=20, seed=1)
    assert set(found) == {"fid", "low", "high", "sd", "bias", "n", "repeats", "level"}
    assert found == frechet_interval(reference, features, repeats=20, seed=1)
    assert found != frechet_interval(reference, features, repeats=20, seed=2)
    assert found["fid"] == frechet(reference, features)
    wide = frechet_interval(reference, features, repeats=20, seed=1, level=0.99)
    assert wide["high"] - wide["low"] >= found["high"] - found["low"]


@pytest.mark.parametrize(
    ("n", "how", "said"),
    [(3, {}, "at least 4"), (10, {"repeats": 1}, "repeats is 1"), (10, {"level": 1.0}, "level is 1")],
)
def test_interval_refuses_what_has_no_spread(n, how, said):
    with pytest.raises(ValueError, match=said):
        frechet_interval(Reference(gaussian(40, 3, 2)), gaussian(n, 3, 1), **how)


BAD_FEATURES = {
    "at least 2": gaussian(1, 3, 1),
    "needed: ": gaussian(4, 3, 1).view(2, 2, 3),
    "of floats": torch.zeros(4, 3, dtype=torch.int64),
    "same extractor": gaussian(4, 2, 1),
    "not finite": gaussian(4, 3, 1).fill_(math.nan),
}


@pytest.mark.parametrize("said", BAD_FEATURES)
@pytest.mark.parametrize("distance", [frechet, kernel, frechet_interval])
def test_bad_features_are_refused(distance, said):
    with pytest.raises(ValueError, match=said):
        distance(Reference(gaussian(40, 3, 2)), BAD_FEATURES[said])
    if said != "same extractor":
        with pytest.raises(ValueError, match=f"reference features: .*{said}"):
            Reference(BAD_FEATURES[said])


# --- the digits extractor ---


@pytest.fixture(scope="module")
def digits():
    return metrics.digits()


def test_digit_features_do_not_depend_on_the_chunk_and_nor_does_the_distance(digits, mnist_dir):
    images = to_uint8(data.load("test", mnist_dir, 300)[0])
    whole = digits.features(images)
    chunked = digits.features(images, chunk=7)
    assert whole.shape == (300, digits.info["dimension"]) == (300, 64)
    assert (whole - chunked).abs().max() < 1e-4
    assert frechet(whole[:150], whole[150:]) == pytest.approx(frechet(chunked[:150], chunked[150:]), abs=1e-4)


def test_digit_distance_tells_real_digits_from_noise_and_from_wrong_scaling(digits, mnist_dir):
    test, train = (data.load(split, mnist_dir, 2000)[0] for split in ("test", "train"))
    reference = Reference(digits.features(to_uint8(test)))
    real = floor(digits.features(to_uint8(train)), reference, 500, repeats=4)
    assert abs(real["kid_mean"]) < 0.1 * real["fid_mean"]
    noise = (torch.rand(500, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5).clamp(-0.5, 0.5)
    noisy = digits.features(to_uint8(noise))
    assert frechet(reference, noisy) > 10 * real["fid_mean"]
    assert kernel(reference, noisy)[0] > 10 * abs(real["kid_mean"])
    shifted = digits.features(to_uint8(train[:500] + 0.5))  # [0, 1] taken for [-0.5, 0.5]
    assert frechet(reference, shifted) > 10 * real["fid_mean"]


def test_digit_extractor_names_its_weights(digits):
    assert digits.available
    assert set(digits.info) == {"dimension", "sha256", "test_accuracy"}
    assert len(digits.info["sha256"]) == 64
    assert digits.info["test_accuracy"] >= 0.99


@pytest.mark.parametrize("images", [BLACK.float(), BLACK[:, 0], BLACK[:0], BLACK.expand(-1, 3, -1, -1)])
def test_extractor_refuses_what_are_no_images(digits, images):
    with pytest.raises(ValueError, match="convert samples with metrics.to_uint8"):
        digits.features(images)


# --- the Inception extractor ---


def test_inception_can_be_switched_off():
    extractor = metrics.inception("off")
    assert (extractor.available, extractor.info) == (False, {})
    assert "switched off" in extractor.reason
    with pytest.raises(ValueError, match="not available: switched off"):
        extractor.features(BLACK)


def test_inception_without_a_file_or_with_another_one_is_not_available(tmp_path):
    assert "there is no weights file" in metrics.inception(tmp_path / "none.pth").reason
    (tmp_path / "text.pth").write_text("no weights")
    (tmp_path / "half.pth").write_text("half a file")  # makes the unpickler raise a KeyError
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    for name in ("text.pth", "half.pth", "other.pth", "list.pth"):
        extractor = metrics.inception(tmp_path / name)
        assert not extractor.available
        assert f"the file {name} does not hold weights of that network" in extractor.reason


class Trap:
    """Would call `print` when unpickled."""

    def __reduce__(self):
        return print, ("executed",)


def test_inception_weights_with_code_in_them_are_not_executed(tmp_path, capsys):
    (tmp_path / "trap.pth").write_bytes(pickle.dumps({"fc.weight": Trap()}, protocol=2))
    torch.save({"fc.weight": Trap()}, tmp_path / "trap2.pth")
    assert not metrics.inception(tmp_path / "trap.pth").available
    assert not metrics.inception(tmp_path / "trap2.pth").available
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (urllib.error.URLError(OSError(-2, "Name or service not known")), "Name or service not known"),
        (urllib.error.URLError("no host at https://example.org"), "URLError"),
        (urllib.error.HTTPError("https://example.org", 403, "Forbidden", None, None), "Forbidden"),
        (TimeoutError(), "TimeoutError"),
        (RuntimeError("invalid hash value"), "wrong hash"),
    ],
)
def test_inception_that_cannot_be_downloaded_says_so_without_an_address(tmp_path, monkeypatch, error, said):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", mock.Mock(side_effect=error))
    extractor = metrics.inception("auto")
    assert not extractor.available
    assert extractor.reason == f"the weights are not in the cache and the download failed ({said})"
    assert "://" not in extractor.reason


def test_a_damaged_cache_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", mock.Mock(side_effect=TimeoutError()))
    cached = tmp_path / "hub" / "checkpoints" / fidelity.URL_INCEPTION_V3.rsplit("/", 1)[1]
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"half a file")
    assert "damaged in the cache" in metrics.inception("auto").reason


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
def test_inception_path_from_a_weights_file_to_a_distance(random_inception, mnist_dir):
    images = to_uint8(data.load("test", mnist_dir, 24)[0])
    extractor = metrics.inception(random_inception)
    assert (extractor.available, extractor.reason) == (True, "")
    assert extractor.info["dimension"] == 2048
    assert extractor.info["source"] == "file"
    assert extractor.info["antialias"] is True
    assert len(extractor.info["sha256"]) == 64
    features = extractor.features(images)
    assert features.shape == (24, 2048)
    assert (features - extractor.features(images, chunk=5)).abs().max() < 1e-3 * features.abs().max()

    reference = Reference(features[:12])
    oracle = FrechetInceptionDistance(2048, feature_extractor_weights_path=str(random_inception))
    oracle.update(images[:12].expand(-1, 3, -1, -1), real=True)
    oracle.update(images[12:].expand(-1, 3, -1, -1), real=False)
    found = frechet(reference, features[12:])
    assert found > 0
    assert found == pytest.approx(oracle.compute().item(), rel=1e-3)
    interval = frechet_interval(reference, features[12:], repeats=5)
    assert interval["low"] <= found <= interval["high"]
    mean, sd = kernel(reference, features[12:], subsets=5)
    assert math.isfinite(mean)
    assert sd > 0


@pytest.mark.slow
def test_inception_weights_are_found_in_the_cache(random_inception, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", mock.Mock(side_effect=AssertionError))
    prefix = metrics.inception(random_inception).info["sha256"][:8]
    name = f"weights-inception-{prefix}.pth"
    monkeypatch.setattr("diffusion.inception_weights.URL_INCEPTION_V3", f"https://example.org/{name}")
    cached = tmp_path / "hub" / "checkpoints" / name
    cached.parent.mkdir(parents=True)
    cached.write_bytes(random_inception.read_bytes())
    assert metrics.inception("auto").info["source"] == "cache"


def test_public_names_are_one_set():
    assert metrics.frechet is distances.frechet
    assert all(hasattr(metrics, name) for name in metrics.__all__)


def test_the_gap_of_paired_sets_is_known_better_than_of_two_sets():
    reference = Reference(torch.randn(2000, 6, generator=torch.Generator().manual_seed(0)))
    a = torch.randn(300, 6, generator=torch.Generator().manual_seed(1))
    found = frechet_gap(reference, a + 0.3, a)
    apart = [frechet_interval(reference, x) for x in (a + 0.3, a)]
    assert found["mean"] == pytest.approx(apart[0]["fid"] - apart[1]["fid"])
    assert found["low"] < 6 * 0.3**2 < found["high"]  # the mean moves, the covariance does not
    alone = math.hypot(*((one["high"] - one["low"]) for one in apart))
    assert found["high"] - found["low"] < alone
    same = frechet_gap(reference, a, a)
    assert same == {"mean": 0.0, "low": 0.0, "high": 0.0}
    with pytest.raises(ValueError, match="300 and 299 images"):
        frechet_gap(reference, a, a[:299])
