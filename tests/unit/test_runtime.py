"""What every part stands on: random numbers, device, precision, progress, names and bounds."""

import contextlib
import random

import numpy as np
import pytest
import torch

import diffusion as d
from diffusion import files, plugins, provenance, runtime

CPU = torch.device("cpu")


def test_a_generator_is_a_function_of_its_whole_key():
    keys = [(0, "noise", 1), (0, "order", 1), (1, "noise", 1), (0, "noise", 11), (0, "noise", 1, 1)]
    drawn = [torch.randn(3, generator=runtime.generator(*key)).tolist() for key in keys]
    assert drawn[0] == torch.randn(3, generator=runtime.generator(*keys[0])).tolist()
    assert all(drawn.count(one) == 1 for one in drawn)


def draws() -> list[float]:
    return [torch.rand(1).item(), np.random.rand(), random.random()]  # noqa: NPY002


def test_global_streams_are_seeded_for_a_while_and_go_on_as_they_were_also_after_an_error():
    with runtime.seeded(5):
        undisturbed = [draws(), draws()]
    with runtime.seeded(5):
        found = [draws()]
        with contextlib.suppress(KeyError), runtime.seeded(6):
            assert draws() not in undisturbed
            raise KeyError
        assert [*found, draws()] == undisturbed


def test_a_device_is_the_one_that_is_named_or_the_environments(monkeypatch):
    monkeypatch.setenv("COLD_ZOOM_DEVICE", "meta")
    assert runtime.device().type == "meta"
    assert runtime.device("cpu") == CPU
    assert runtime.device_of(torch.nn.Linear(1, 1, device="meta")).type == "meta"
    assert runtime.device_of(len) == runtime.device_of(torch.nn.ReLU()) == CPU


def test_precision_is_that_of_products():
    x = torch.ones(2, 2)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with runtime.autocast(CPU, precision):
            assert (x @ x).dtype == dtype


def test_what_the_environment_says_of_bf16_concerns_auto_alone(monkeypatch):
    monkeypatch.setenv("COLD_ZOOM_BF16", "off")
    with pytest.raises(ValueError, match="COLD_ZOOM_BF16 is 'off'; allowed: 0"):
        runtime.resolve_precision("auto", CPU)
    monkeypatch.setenv("COLD_ZOOM_BF16", "0")
    found = [runtime.resolve_precision(one, CPU) for one in ("auto", "bf16", "fp32")]
    assert found == ["fp32", "bf16", "fp32"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: d.Naive(nois=0.1), "Naive has no option 'nois'; .*did you mean 'noise'"),
        (lambda: d.cosine("10"), "T = '10' is not allowed: .* integer.*remove the quotes"),
        (lambda: plugins.named("schedule", "cosin", {"cosine": 2}), "'cosin'; .*did you mean 'cosine'"),
        (lambda: runtime.device("nowhere"), "device is 'nowhere'"),
        (lambda: files.read_json(provenance.PACKAGE), "^[^\n]*diffusion cannot be read as JSON[^\n]*$"),
    ],
)
def test_arguments_and_names_are_checked_by_name(make, said):
    with pytest.raises((TypeError, ValueError), match=said):
        make()
