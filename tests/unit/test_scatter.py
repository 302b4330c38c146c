"""How far trainings of one recipe scatter: what is pooled."""

import math
from types import SimpleNamespace

import pytest

from study import scatter
from study.scatter import LOG, LOGIT


def training(recipe: str, seed: int, value: float = 0.0, epochs: int = 10, constant: bool = False):
    """A training of no network: its settings, its length, its number."""
    settings = {"network": recipe, "lr_schedule": "constant" if constant else "cosine", "seed": seed}
    train = SimpleNamespace(unread={"epochs": epochs})
    of = {"settings": SimpleNamespace(unread=settings), "train": train, "seed": seed, "value": value}
    return SimpleNamespace(**of, process="ddpm", constant_rate=constant)


def run(*ones):
    return SimpleNamespace(trainings=dict(enumerate(ones)))


def value(one) -> float:
    return one.value


def test_squares_are_pooled_over_recipes_with_their_degrees_of_freedom():
    ones = [training("a", i, v) for i, v in enumerate((1.0, 3.0))]
    ones += [training("b", i, v) for i, v in enumerate((10.0, 11.0, 15.0))]
    found = scatter.pooled([run(*ones, training("alone", 0, 99.0))], value, constant=False)
    assert found == (pytest.approx(math.sqrt((2.0 + 14.0) / 3)), 3)
    assert found.half(1 / 2) == pytest.approx(3.182446 * found.sd / math.sqrt(2))  # Student's quantile


def test_constant_and_decaying_rates_are_apart_where_each_tells_enough():
    decaying = [training(name, i, 10.0 * i) for name in "abc" for i in (0, 1)]
    constant = [training(name, i, 1.0 * i, constant=True) for name in "defg" for i in (0, 1)]
    assert scatter.pooled([run(*decaying, *constant)], value, constant=True).sd == pytest.approx(0.5**0.5)
    assert scatter.pooled([run(*decaying, *constant)], value, constant=False).sd == pytest.approx(50**0.5)
    few = scatter.pooled([run(*decaying, *constant[:4])], value, constant=True)
    assert few.freedom == 5  # of all


def test_the_longer_of_two_trainings_that_begin_alike_stands_for_both():
    long = [training("a", seed, constant=True, epochs=100) for seed in (0, 1)]
    short = [training("a", seed, constant=True, epochs=30) for seed in (1, 2)]
    assert scatter.recipes([run(*long), run(*short)]) == [long]
    decaying = [training("a", seed, epochs=epochs) for epochs in (10, 30) for seed in (0, 1)]
    assert scatter.recipes([run(*decaying)]) == [decaying[:2], decaying[2:]]  # which begin otherwise


@pytest.mark.parametrize(("scale", "of", "at", "gain"), [(LOG, LOGIT, 0.2, 0.8), (scatter.LINEAR, LOG, 3, 3)])
def test_a_difference_on_one_scale_is_carried_to_another(scale, of, at, gain):
    assert scatter.gain(scale, of, at) == pytest.approx(gain, rel=1e-4)
