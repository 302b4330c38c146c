"""The measures of a set of samples: a table of their names, units, meanings and functions.

A measure maps a set of images, seen by an evaluator (`evaluator.MeasuredImages`), to the arguments of its
function. Without this map, it is only described here, and computed elsewhere. An evaluator takes the measures
of its own table, which is this one unless you pass another, such as `MEASURES | {"mine": Measure(...)}`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diffusion.evaluation import frechet
from diffusion.evaluation.recogniser import digit
from diffusion.evaluation.statistics import Interval
from diffusion.evaluation.variety import precision_recall_coverage
from diffusion.names import nearest
from diffusion.progress import progress

if TYPE_CHECKING:
    import pandas as pd

# A number with its interval; for some measures a plain number, a list of numbers, or one number per place x.
Value = Interval | Any
FEATURES = {  # suffix of the names of distances and floors -> the features that it stands for
    "": "features of the classifier",
    "_autoencoder": "features of an autoencoder, which never saw a label",
    "_random": "features of an untrained network",
    "_photographs": "features of a network trained on photographs",
    "_inception": "features of InceptionV3",
}
SLOW = ("_photographs", "_inception")  # suffixes of measures that are too slow for every set of samples


@dataclass(frozen=True)
class Measure:
    """A measure: its name, unit and meaning, and the function that computes it."""

    name: str
    unit: str
    meaning: str
    function: Any = None  # None if the measure is taken elsewhere
    arguments: Callable | None = None  # a measured set -> the function's arguments, or a false value
    real: bool = True  # whether it is also taken of test images

    @property
    def slow(self) -> bool:
        """bool: Whether the measure is too slow for all sets of samples."""
        return self.name.endswith(SLOW)


def by_features(name: str, unit: str, meaning: str) -> dict[str, tuple[str, str]]:
    """Return the names of a measure in each kind of features, with its unit and meaning."""
    return {f"{name}{end}": (unit, f"{meaning}, in {which}") for end, which in FEATURES.items()}


def entries(
    function: Any, arguments: Callable | None, real: bool, names: Mapping[str, tuple[str, str]]
) -> dict[str, Measure]:
    """Return the entries of a function in a table of measures: name -> (unit, meaning), see `Measure`."""
    return {
        name: Measure(name, unit, meaning, function, arguments, real)
        for name, (unit, meaning) in names.items()
    }


def distances(seen: Any) -> dict[str, Interval]:
    """Return Fréchet and kernel distances of the first n samples, in each requested kind of features."""
    values, evaluator = {}, seen.evaluator
    for space in evaluator.spaces.values():
        names = f"frechet{space.ending}", f"kid{space.ending}"
        if seen.only is None or {*names}.intersection(seen.only):
            main = space is evaluator.default_space
            x = seen.features[: seen.n] if main else space.features(seen.x[: seen.n])
            values[names[0]] = frechet.distance(space.reference, x, evaluator.interval_repeats, seen.seed)
            values[names[1]] = frechet.kid(space.reference, x, seen.seed)
    return values


def _variety(seen: Any) -> Any:
    reference = seen.evaluator.default_space.reference
    return not seen.one_image and (reference.features, seen.features[: seen.n], seen.n, seen.seed)


SQUARED = "squared distance"
MEASURES: dict[str, Measure] = {
    **entries(
        frechet.floor,
        None,
        True,
        by_features("floor", SQUARED, "Fréchet distance of as many training images, mean"),
    ),
    **entries(
        precision_recall_coverage,
        _variety,
        False,
        {
            "precision": ("share", "samples within reach of real images"),
            "recall": ("share", "real images within reach of samples"),
            "coverage": ("share", "real images with a sample nearer than their fifth real neighbour"),
        },
    ),
    **entries(
        digit,
        lambda seen: seen.recognisable and (seen.evaluator.recogniser, seen.x),
        False,
        {"digit": ("share", "images that the calibrated recogniser takes for digits")},
    ),
    **entries(
        distances,
        lambda seen: not seen.one_image and (seen,),
        False,
        by_features("frechet", SQUARED, "Fréchet distance of the samples from the test images")
        | by_features("kid", SQUARED, "kernel distance of the samples from the test images"),
    ),
}


def take_measures(seen: Any, only: Collection[str] | None = None, real: bool = False) -> dict[str, Value]:
    """Take measures of a set of images: all, only the names in `only`, or only measures of `real` images."""
    table = seen.evaluator.measures
    chosen = [entry for name, entry in table.items() if only is None or name in only]
    functions = {entry.function: entry for entry in chosen if entry.arguments and (entry.real or not real)}
    values: dict[str, Value] = {}
    for function, entry in progress(functions.items(), "measuring"):
        if arguments := entry.arguments(seen):
            value = function(*arguments)
            values |= value if isinstance(value, dict) else {entry.name: value}
    return {name: value for name, value in values.items() if only is None or name in only}


# --- for readers ---

DISTANCES = ("frechet", "frechet_autoencoder", "frechet_random")  # the first two that were measured
OTHERS = ("digit", "precision", "recall", "coverage")
ONE_IMAGE = "All samples are one image: they have no distance, and none of them counts."


class Measured(dict[str, Value]):
    """Measures of samples by name. Prints the main ones next to real images, as a table.

    Attributes:
        seen (MeasuredImages): The samples.
        one_image (bool): Whether all samples are one image, up to rounding. There is then no distance.
    """

    def __init__(self, values: dict[str, Value], seen: Any):
        super().__init__(values)
        self.seen, self.one_image = seen, seen.one_image

    def __missing__(self, name: str) -> Value:
        """Raise KeyError with the names of the measures taken."""
        raise KeyError(f"{name!r} was not measured; measured: {', '.join(self)}{nearest(name, self)}")

    @property
    def real(self) -> dict[str, Value]:
        """dict: The same measures of equally many real images, if defined; for a distance its floor."""
        evaluator, n = self.seen.evaluator, self.seen.n
        floors = {name.replace("floor", "frechet", 1): floor for name, floor in evaluator.floors(n).items()}
        return evaluator.real(n) | floors

    @property
    def table(self) -> "pd.DataFrame":
        """DataFrame: One row per measure: samples, real images, unit and meaning."""
        import pandas as pd  # takes a second

        real, names, known = self.real, choose_main(self), self.seen.evaluator.measures
        rows = [
            (format_value(self[k]), format_value(real.get(k)), known[k].unit, known[k].meaning) for k in names
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
    """Return the main measures of a list, or the whole list if it contains none of them."""
    names = [*measures]
    distances = [name for name in DISTANCES if name in names][:2]
    distances += [name for name in names if name.startswith("frechet") and name.endswith(SLOW)]  # requested
    return [*distances, *(name for name in OTHERS if name in names)] or names


def format_value(value: Any) -> str:
    """Format a number with its interval or deviation: "12.3 [11.5, 14.1]", "0.46 ± 0.08", or "–"."""
    number = value if isinstance(value, Interval) else Interval(value)
    if not isinstance(number.value, float):
        return "–"
    if number.low is not None:
        return f"{number.value:.3g} [{number.low:.3g}, {number.high:.3g}]"
    return f"{number.value:.3g}" + (f" ± {number.sd:.1g}" if number.sd is not None else "")
