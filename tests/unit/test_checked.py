"""Bounds of arguments at both of their ends, values in words, and objects by name."""

import math
from types import SimpleNamespace
from typing import Annotated

import numpy as np
import pytest
import torch
from pydantic import Field

from diffusion.arguments import Count, Number, Seed, Share, check_whole, checked, summarise
from diffusion.names import check_known, create, look_up, nearest
from helpers import Fade


@checked
def call(
    n: Count = 1, number: Number = 0.0, share: Share = 0.0, seed: Seed = 0, x: torch.Tensor | None = None
):
    return n, number, share, seed


@checked
class Box:
    def __init__(self, side: Annotated[int, Field(ge=2)] = 3):
        self.side = side


NO_NUMBER = SimpleNamespace(item=lambda: 3)  # of another library; only numbers are turned into Python's


@pytest.mark.parametrize(
    ("argument", "taken", "refused"),
    [
        (
            "n",
            [1, 10**6, np.int64(3), torch.tensor(3), np.array(2)],
            [0, 1.0, "3", True, np.array([3]), NO_NUMBER],
        ),
        ("number", [0, 0.0, 1e9, np.float32(0.5), torch.tensor(2.5)], [-1e-9, math.inf, math.nan, "1"]),
        ("share", [0, 1, 0.5, np.float64(1)], [-0.1, 1.1, 2, math.nan]),
        ("seed", [0, 1, 2**32 - 1, np.uint32(7)], [-1, 2**32, 0.0]),
        ("x", [torch.zeros(2)], [np.zeros(2), [0.0]]),
    ],
)
def test_arguments_are_taken_within_their_bounds_and_nowhere_else(argument, taken, refused):
    for value in taken:
        call(**{argument: value})
    for value in refused:
        with pytest.raises(ValueError, match=f": {argument} is .*; expected: "):
            call(**{argument: value})


def test_a_function_or_class_that_is_checked_is_called_as_before():
    assert call(np.int64(2), share=1) == (2, 0, 1, 0)
    assert type(call(np.int64(2))[0]) is int
    with pytest.raises(ValueError, match=": number is .*; expected: "):  # it was given by position
        call(1, -1)
    with pytest.raises(TypeError, match="other"):
        call(other=1)
    assert (Box(4).side, Box().side, isinstance(Box(), Box)) == (4, 3, True)
    with pytest.raises(ValueError, match=": side is .*; expected: "):
        Box(1)


def test_a_whole_number_is_taken_within_bounds_that_depend_on_others():
    taken = (
        check_whole("n", 1, 1),
        check_whole("n", 9, 1),
        check_whole("n", 4, 2, 4),
        check_whole("n", np.int64(2), 2, 4),
    )
    assert [*map(type, taken)] == [int] * 4
    assert taken == (1, 9, 4, 2)
    for value in (0, 5, 2.0, "2", True, None, np.array([2, 3])):
        with pytest.raises(ValueError, match=r"^n is .*; allowed: a whole number from 1 to 4$"):
            check_whole("n", value, 1, 4)
    with pytest.raises(ValueError, match="^n is 0; allowed: a whole number from 1$"):
        check_whole("n", 0, 1)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("zoom", "'zoom'"),
        (3, "3"),
        (0.5, "0.5"),
        (True, "True"),
        (None, "None"),
        (torch.zeros(2, 3), "(2, 3) of torch.float32"),
        (np.zeros((2, 3), np.uint8), "a NumPy array (2, 3) of uint8"),
        ([1, 2], "a list"),
        ({}, "a dict"),
        (Fade(), "a Fade"),
        (ValueError("x"), "a ValueError"),
        (AssertionError("x"), "an AssertionError"),
    ],
)
def test_a_value_in_words(value, words):
    assert summarise(value) == words


def test_a_name_that_is_not_known_is_refused_with_the_nearest():
    known = ["linear", "cosine", "linear-2"]
    assert nearest("linaer", known) == "; did you mean 'linear'?"
    assert nearest("zoom", known) == nearest("pixelows", ["pixelate"]) == ""
    check_known("schedule", "cosine", known)
    with pytest.raises(
        ValueError, match="^schedule is 'cosin'; allowed: linear, cosine, linear-2; did you mean 'cosine'.$"
    ):
        check_known("schedule", "cosin", known)
    with pytest.raises(ValueError, match="^schedule is 'x'; allowed: none$"):
        check_known("schedule", "x", [])


class Plain:
    """Has a step, and a setting."""

    def __init__(self, rate=1.0):
        if rate < 0:
            raise ValueError("rate is below 0")
        self.rate = rate

    def step(self):
        pass


REGISTRY = {"plain": Plain, "made": Plain(3.0), "dict": dict}


def test_an_object_is_looked_up_by_name_by_module_or_given():
    assert look_up("thing", "plain", REGISTRY) is Plain
    assert look_up("thing", "helpers:Fade", REGISTRY) is Fade
    assert look_up("thing", (given := Plain()), REGISTRY) is given
    with pytest.raises(
        ValueError, match="^thing is 'plan'; allowed: plain, made, dict, or your own module:name; did"
    ):
        look_up("thing", "plan", REGISTRY)
    for name in ("nowhere_:x", "helpers:nothing"):
        with pytest.raises(ValueError, match=f"^thing .*{name.split(':')[1]}"):
            look_up("thing", name, REGISTRY)


def test_a_thing_is_made_with_its_options_or_taken_as_it_is():
    assert create("thing", "plain", REGISTRY).rate == 1
    assert create("thing", "plain", REGISTRY, {"rate": 2.0}, has="step").rate == 2
    assert create("thing", "plain", REGISTRY, has="step").rate == 1
    assert create("thing", Plain, {}, {"rate": 2.0}).rate == 2
    assert create("thing", "made", REGISTRY, has="walk step") is REGISTRY["made"]
    assert create("thing", "dict", REGISTRY, {"a": 1}) == {"a": 1}
    options = {"rate": 2.0}
    create("thing", "plain", REGISTRY, options)
    assert options == {"rate": 2.0}


@pytest.mark.parametrize(
    ("name", "options", "has", "said"),
    [
        ("dict", None, "step walk", "^thing is .*; expected: an object with step or walk$"),
        ("made", {"rate": 1.0}, "step", "^thing made cannot be made with {'rate': 1.0}: .*not callable"),
        ("plain", {"rat": 1.0}, "step", "^thing Plain cannot be made with .*unexpected .* 'rat'"),
        ("plain", {"rate": "x"}, "", "^thing Plain cannot be made with {'rate': 'x'}: .*'<' not supported"),
        ("plain", {"rate": -1.0}, "", "^rate is below 0$"),
    ],
)
def test_what_cannot_be_made_is_refused_by_its_argument(name, options, has, said):
    with pytest.raises(ValueError, match=said):
        create("thing", name, REGISTRY, options, has=has)
