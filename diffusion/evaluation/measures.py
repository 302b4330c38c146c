"""Measures by name: unit and meaning, which stand beside the function that measures.

    @register(lambda seen: (seen.images,), ink=("share", "mean grey of all pixels, 0 black to 1 white"))
    def ink(images): ...

Such a function is called with what the first argument takes of a measured set of images (`evaluator.Seen`);
the evaluator then has the measure, and jobs write it. Without that argument the measure is only known here: a
job takes it. A function with several names returns a dictionary of them.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from diffusion.bounds import F
from diffusion.evaluation.statistics import Interval
from diffusion.runtime import progress

# A number with its interval; of some measures a number alone, one a place in a list, or one a place x.
Value = Interval | Any
FEATURES = {  # of distances and floors: the ending of their names, and the features that it means
    "": "features of the classifier",
    "_autoencoder": "features of an autoencoder, which never saw a label",
    "_random": "features of an untrained network",
    "_inception": "features of InceptionV3",
}


@dataclass(frozen=True)
class Measure:
    """A measure."""

    name: str
    unit: str
    meaning: str
    function: Any = None  # None: it is taken elsewhere
    of: Callable | None = None  # a measured set -> its arguments, or a false value; None: of no set
    real: bool = True  # test images have it as samples do


MEASURES: dict[str, Measure] = {}


def register(of: Callable | None = None, real: bool = True, /, **names: tuple[str, str]) -> Callable[[F], F]:
    """Register a function under the names of what it measures: name=(unit, meaning); see `Measure`.

    Called without a function, it enters what is measured elsewhere, such as in a notebook.
    """

    def enter(function: Any) -> Any:
        for name, (unit, meaning) in names.items():
            MEASURES[name] = Measure(name, unit, meaning, function, of, real)
        return function

    enter(None)
    return enter


def by_features(name: str, unit: str, meaning: str) -> dict[str, tuple[str, str]]:
    """Names of a measure in each kind of features, for `register`."""
    return {f"{name}{end}": (unit, f"{meaning}, in {which}") for end, which in FEATURES.items()}


def taken(seen: Any, only: Collection[str] | None = None, real: bool = False) -> dict[str, Value]:
    """The measures of a set of images, or those `only`, by name; or those that `real` ones have, too."""
    wanted = [one for one in MEASURES.values() if one.of and (only is None or one.name in only)]
    found: dict[str, Value] = {}
    functions = {one.function: one for one in wanted if one.real or not real}
    for function, one in progress(functions.items(), "measuring"):
        if arguments := one.of(seen):
            value = function(*arguments)
            found |= value if isinstance(value, dict) else {one.name: value}
    return {name: value for name, value in found.items() if only is None or name in only}
