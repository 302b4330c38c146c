"""Measures of samples as a person reads them: the main ones, beside those of real images."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from diffusion.evaluation.measures import MEASURES, Value
from diffusion.evaluation.statistics import Interval

if TYPE_CHECKING:
    import pandas as pd

    from diffusion.evaluation.evaluator import Seen

# What is shown, of two distances the first two that there are, of classes the most and the least frequent.
DISTANCES = ("frechet", "frechet_autoencoder", "frechet_random")
OTHERS = ("digit", "precision", "recall", "coverage", "class_share")
MISSING = "–"
ONE_IMAGE = "All samples are one image: they have no distance and are no digits."


class Measured(dict[str, Value]):
    """Measures of samples by name; printed, the main ones beside those of real images.

    Attributes:
        seen: the samples.
        one_image: all samples are one image, but for rounding: they have no distance and are no digits.
    """

    def __init__(self, values: dict[str, Value], seen: "Seen"):
        super().__init__(values)
        self.seen, self.one_image = seen, seen.one_image

    @property
    def real(self) -> dict[str, Value]:
        """The same of as many real images, where they have them; for a distance its floor."""
        of, n = self.seen.evaluator, self.seen.n
        floors = {name.replace("floor", "frechet", 1): one for name, one in of.floors(n).items()}
        return of.real(n, OTHERS) | floors

    @property
    def table(self) -> "pd.DataFrame":
        """A row a measure: that of the samples, that of real images, its unit and its meaning."""
        import pandas as pd  # takes a second

        names, real, rows = self.seen.evaluator.class_names, self.real, {}
        for name, value in ((name, self[name]) for name in main(self)):
            if isinstance(value, list):
                order = sorted(range(len(value)), key=lambda k, of=value: -of[k].value)
                for k in (order[0], order[-1]):
                    rows[f"{name}, {names[k]}"] = name, value[k], real[name][k]
            elif not isinstance(value, dict):
                rows[name] = name, value, real.get(name)
        cells = {
            row: [shown(value), shown(other), MEASURES[name].unit, MEASURES[name].meaning]
            for row, (name, value, other) in rows.items()
        }
        columns = ["samples", "real images", "unit", "meaning"]
        return pd.DataFrame.from_dict(cells, orient="index", columns=columns)

    def __str__(self) -> str:
        seen, found = self.seen, self.table.drop(columns="meaning")
        of = f", distances of the first {seen.n}" if seen.n < len(seen.x) else ""
        head = f"{len(seen.x)} samples against {len(seen.evaluator.x_test)} test images{of}"
        return "\n".join([head, *[ONE_IMAGE] * self.one_image, found.to_string()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"{ONE_IMAGE * self.one_image}{self.table.to_html()}"


def main(measures: Iterable[str]) -> list[str]:
    """Those of some measures that are shown; all where none of the main ones is among them."""
    there = [*measures]
    distances = [name for name in DISTANCES if name in there][:2]
    return [*distances, *(name for name in OTHERS if name in there)] or there


def shown(number: Any) -> str:
    """A number with its interval or its deviation: "12.3 [11.5, 14.1]", "0.46 ± 0.08"."""
    one = number if isinstance(number, Interval) else Interval(number)
    if one.value is None:
        return MISSING
    if one.low is not None:
        return f"{one.value:.3g} [{one.low:.3g}, {one.high:.3g}]"
    return f"{one.value:.3g}" + (f" ± {one.sd:.1g}" if one.sd is not None else "")
