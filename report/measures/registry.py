"""Measures by name, of the library and of reports, with units and meanings next to their functions.

    @register(lambda images: (images.images,), ink=("share", "mean grey of all pixels, 0 black to 1 white"))
    def ink(images): ...

The first argument of `register` maps a measured set of images (`measures.MeasuredImages` of the library) to
the arguments of the function; jobs then take the measure. Without it, the measure is only described here, and
computed elsewhere. A function with several names returns a dictionary.
"""

import functools
from collections.abc import Callable
from typing import Any

from diffusion.arguments import F
from diffusion.evaluation import measures
from diffusion.evaluation.measures import Measure, MeasuredImages, Value, distances_in

FEATURES = {  # ending of the names of distances and floors -> the features in words
    "": measures.FEATURES["digits"],
    "_autoencoder": measures.FEATURES["autoencoder"],
    "_random": measures.FEATURES["random"],
    "_photographs": "features of a network trained on photographs",
    "_inception": "features of InceptionV3",
}
SLOW = "_photographs"  # ending of measures that are too slow for every set of samples

MEASURES: dict[str, Measure] = {**measures.MEASURES}
for _ending, _features in FEATURES.items():
    _meaning = f"Fréchet distance of as many training images, mean, in {_features}"
    MEASURES |= distances_in(_ending, _features)
    MEASURES[f"floor{_ending}"] = Measure("squared distance", _meaning)


def register(
    arguments: Callable | None = None, real: bool = True, /, **names: tuple[str, str]
) -> Callable[[F], F]:
    """Register a function under the names of its measures: name=(unit, meaning), see `Measure`.

    If it is called without a function, it describes a measure that is computed elsewhere.
    """

    def enter(function: Any) -> Any:
        @functools.wraps(function or register)
        def take(images: MeasuredImages) -> dict[str, Value]:
            given = arguments(images)
            if not given:
                return {}
            value = function(*given)
            return value if isinstance(value, dict) else dict.fromkeys(names, value)

        for name, (unit, meaning) in names.items():
            MEASURES[name] = Measure(unit, meaning, take if arguments else None, real)
        return function

    enter(None)
    return enter
