"""Measures by name, of the library and of reports, with units and meanings next to their functions.

    @register(lambda seen: (seen.images,), ink=("share", "mean grey of all pixels, 0 black to 1 white"))
    def ink(images): ...

The first argument of `register` maps a set of images (`diffusion.evaluation.evaluator.MeasuredImages`) to
the arguments of the function; jobs then take the measure. Without it, the measure is only described here, and
computed elsewhere. A function with several names returns a dictionary.
"""

from collections.abc import Callable
from typing import Any

from diffusion.arguments import F
from diffusion.evaluation import measures
from diffusion.evaluation.measures import Measure

MEASURES: dict[str, Measure] = {**measures.MEASURES}


def register(
    arguments: Callable | None = None, real: bool = True, /, **names: tuple[str, str]
) -> Callable[[F], F]:
    """Register a function under the names of its measures: name=(unit, meaning), see `Measure`.

    If it is called without a function, it describes a measure that is computed elsewhere.
    """

    def enter(function: Any) -> Any:
        MEASURES.update(measures.entries(function, arguments, real, names))
        return function

    enter(None)
    return enter
