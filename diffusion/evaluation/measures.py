"""Measures by name, and as a person reads them: unit and meaning stand beside the function that measures.

    @register(lambda seen: (seen.images,), ink=("share", "mean grey of all pixels, 0 black to 1 white"))
    def ink(images): ...

Such a function is called with what the first argument takes of a measured set of images (`evaluator.Seen`);
the evaluator then has the measure, and jobs write it. Without that argument the measure is only known here: a
job takes it. A function with several names returns a dictionary of them.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diffusion.bounds import F, nearest
from diffusion.evaluation.statistics import Interval
from diffusion.runtime import progress

if TYPE_CHECKING:
    import pandas as pd

    from diffusion.evaluation.evaluator import Seen

# A number with its interval; of some measures a number alone, one a place in a list, or one a place x.
Value = Interval | Any
FEATURES = {  # of distances and floors: the ending of their names, and the features that it means
    "": "features of the classifier",
    "_autoencoder": "features of an autoencoder, which never saw a label",
    "_random": "features of an untrained network",
    "_inception": "features of InceptionV3",
}
SLOW = "_inception"  # the ending of measures in features that are too slow for every set of samples


@dataclass(frozen=True)
class Measure:
    """A measure."""

    name: str
    unit: str
    meaning: str
    function: Any = None  # None: it is taken elsewhere
    arguments: Callable | None = None  # a measured set -> the function's arguments, or a false value
    real: bool = True  # test images have it as samples do

    @property
    def slow(self) -> bool:
        """It is too slow for every set of samples."""
        return self.name.endswith(SLOW)


MEASURES: dict[str, Measure] = {}


def register(
    arguments: Callable | None = None, real: bool = True, /, **names: tuple[str, str]
) -> Callable[[F], F]:
    """Register a function under the names of what it measures: name=(unit, meaning); see `Measure`.

    Called without a function, it enters what is measured elsewhere, such as in a notebook.
    """

    def enter(function: Any) -> Any:
        for name, (unit, meaning) in names.items():
            MEASURES[name] = Measure(name, unit, meaning, function, arguments, real)
        return function

    enter(None)
    return enter


def by_features(name: str, unit: str, meaning: str) -> dict[str, tuple[str, str]]:
    """Names of a measure in each kind of features, for `register`."""
    return {f"{name}{end}": (unit, f"{meaning}, in {which}") for end, which in FEATURES.items()}


def take_measures(seen: Any, only: Collection[str] | None = None, real: bool = False) -> dict[str, Value]:
    """Measures of a set of images by name: all of them, or only some, or the measures of `real` images."""
    entries = [entry for name, entry in MEASURES.items() if only is None or name in only]
    functions = {entry.function: entry for entry in entries if entry.arguments and (entry.real or not real)}
    values: dict[str, Value] = {}
    for function, entry in progress(functions.items(), "measuring"):
        if arguments := entry.arguments(seen):
            value = function(*arguments)
            values |= value if isinstance(value, dict) else {entry.name: value}
    return {name: value for name, value in values.items() if only is None or name in only}


# --- as a person reads them ---

DISTANCES = ("frechet", "frechet_autoencoder", "frechet_random")  # the first two that there are
OTHERS = ("digit", "precision", "recall", "coverage")
ONE_IMAGE = "All samples are one image: they have no distance, and none of them counts."


class Measured(dict[str, Value]):
    """Measures of samples by name; printed, the main ones beside those of real images.

    Attributes:
        seen: the samples.
        one_image: all samples are one image, but for rounding: they have no distance and are no digits.
    """

    def __init__(self, values: dict[str, Value], seen: "Seen"):
        super().__init__(values)
        self.seen, self.one_image = seen, seen.one_image

    def __missing__(self, name: str) -> Value:
        raise KeyError(f"{name!r} is not measured; there are {', '.join(self)}{nearest(name, self)}")

    @property
    def real(self) -> dict[str, Value]:
        """The same of as many real images, where they have them; for a distance its floor."""
        evaluator, n = self.seen.evaluator, self.seen.n
        floors = {name.replace("floor", "frechet", 1): floor for name, floor in evaluator.floors(n).items()}
        return evaluator.real(n) | floors

    @property
    def table(self) -> "pd.DataFrame":
        """A row a measure: that of the samples, that of real images, its unit and its meaning."""
        import pandas as pd  # takes a second

        real, names = self.real, choose_main(self)
        rows = [
            (format_value(self[k]), format_value(real.get(k)), MEASURES[k].unit, MEASURES[k].meaning)
            for k in names
        ]
        table = pd.DataFrame(rows, names, ["samples", "real images", "unit", "meaning"])
        return table.rename(index=self.seen.evaluator.measure_names)

    def __str__(self) -> str:
        seen = self.seen
        part = f", distances of the first {seen.n}" if seen.n < len(seen.x) else ""
        head = f"{len(seen.x)} samples against {len(seen.evaluator.x_test)} test images{part}"
        table = self.table.drop(columns="meaning").to_string()
        return "\n".join([head, *[ONE_IMAGE] * self.one_image, table])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"{ONE_IMAGE * self.one_image}{self.table.to_html()}"


def choose_main(measures: Iterable[str]) -> list[str]:
    """The main measures among these; all of these if none is a main one."""
    names = [*measures]
    distances = [name for name in DISTANCES if name in names][:2]
    return [*distances, *(name for name in OTHERS if name in names)] or names


def format_value(value: Any) -> str:
    """A number with its interval or its deviation: "12.3 [11.5, 14.1]", "0.46 ± 0.08", or "–"."""
    number = value if isinstance(value, Interval) else Interval(value)
    if not isinstance(number.value, float):
        return "–"
    if number.low is not None:
        return f"{number.value:.3g} [{number.low:.3g}, {number.high:.3g}]"
    return f"{number.value:.3g}" + (f" ± {number.sd:.1g}" if number.sd is not None else "")
