"""Features of networks trained on photographs."""

import pytest
import torch
from torchvision.transforms import functional as F

from diffusion import data
from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.measured import choose_main
from report.measures import photographs
from report.measures.photographs import PhotographNetwork
from report.measures.registry import MEASURES


@pytest.fixture(scope="module")
def network() -> PhotographNetwork:
    return PhotographNetwork()


def test_features_are_the_mean_over_positions_of_enlarged_normalised_images(network):
    """The oracle enlarges by torchvision, and averages each feature itself."""
    images = torch.randint(0, 256, (4, 3, 28, 28), generator=torch.Generator().manual_seed(0)).byte()
    large = F.resize(images.float(), [112, 112], F.InterpolationMode.BILINEAR, antialias=False)
    large = F.normalize(large, [127.0] * 3, [128.0] * 3)
    with torch.inference_mode():
        places = network.body.extract_features(large)
        expected = torch.stack([place.flatten(1).mean(1) for place in places])
        made = network(images)
    assert made.shape == (4, photographs.DIMENSION)
    torch.testing.assert_close(made, expected, rtol=1e-3, atol=1e-4)


def test_grey_images_are_three_equal_colours_and_the_network_reads_contrast(network):
    grey = torch.randint(0, 256, (3, 1, 28, 28), generator=torch.Generator().manual_seed(1)).byte()
    with torch.inference_mode():
        a, b, c = network(grey), network(grey.repeat(1, 3, 1, 1)), network(255 - grey)
    torch.testing.assert_close(a, b)
    assert (a - c).abs().max() > 0.1


def test_a_missing_package_and_other_weights_are_named_with_what_to_install(monkeypatch):
    monkeypatch.setattr(photographs, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match=r"efficientnet-lite0-57934424\.pth .*sha256"):
        PhotographNetwork()
    monkeypatch.setattr(photographs.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"need the package efficientnet_lite_pytorch; .*\[photographs\]"):
        PhotographNetwork()


def test_an_evaluator_measures_them_on_request_only(mnist_dir):
    x, _ = data.load("mnist", "test", 36)
    more = Evaluator(x[:12], x[12:24], more_features=[photographs.photographs()], measures=MEASURES)
    assert [*more.spaces] == ["random", "photographs"]
    measured = more.measure(x[24:], only=["frechet", "frechet_photographs", "kid_photographs"])
    assert {*measured} == {"frechet", "frechet_photographs", "kid_photographs"}
    assert "frechet_photographs" in choose_main(measured)  # it was asked for, so it is shown
    same = more.measure(x[12:24], only="frechet_photographs")["frechet_photographs"]
    assert same.value < measured["frechet_photographs"].value / 10
    assert more.floors(12)["floor_photographs"].value > same.value
