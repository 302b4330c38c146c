"""Measures of samples as a person reads them: the main ones, beside those of real images."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from diffusion.bounds import nearest
from diffusion.evaluation.measures import MEASURES, Value
from diffusion.evaluation.statistics import Interval

if TYPE_CHECKING:
    import pandas as pd

    from diffusion.evaluation.evaluator import Seen

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
        of, n = self.seen.evaluator, self.seen.n
        floors = {name.replace("floor", "frechet", 1): floor for name, floor in of.floors(n).items()}
        return of.real(n) | floors

    @property
    def table(self) -> "pd.DataFrame":
        """A row a measure: that of the samples, that of real images, its unit and its meaning."""
        import pandas as pd  # takes a second

        real, known = self.real, {name: MEASURES[name] for name in main(self)}
        rows = [(shown(self[k]), shown(real.get(k)), one.unit, one.meaning) for k, one in known.items()]
        table = pd.DataFrame(rows, [*known], ["samples", "real images", "unit", "meaning"])
        return table.rename(index=self.seen.evaluator.words)

    def __str__(self) -> str:
        seen = self.seen
        of = f", distances of the first {seen.n}" if seen.n < len(seen.x) else ""
        head = f"{len(seen.x)} samples against {len(seen.evaluator.x_test)} test images{of}"
        return "\n".join(
            [head, *[ONE_IMAGE] * self.one_image, self.table.drop(columns="meaning").to_string()]
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"{ONE_IMAGE * self.one_image}{self.table.to_html()}"


def main(measures: Iterable[str]) -> list[str]:
    """Those of some measures that are shown; all where none of the main ones is among them."""
    there = [*measures]
    distances = [name for name in DISTANCES if name in there][:2]
    return [*distances, *(name for name in OTHERS if name in there)] or there


def shown(value: Any) -> str:
    """A number with its interval or its deviation: "12.3 [11.5, 14.1]", "0.46 ± 0.08"; "–": it is none."""
    number = value if isinstance(value, Interval) else Interval(value)
    if not isinstance(number.value, float):
        return "–"
    if number.low is not None:
        return f"{number.value:.3g} [{number.low:.3g}, {number.high:.3g}]"
    return f"{number.value:.3g}" + (f" ± {number.sd:.1g}" if number.sd is not None else "")
