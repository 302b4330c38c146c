"""The measures of samples, printed next to real images."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from diffusion.arguments import nearest
from diffusion.evaluation.measures import MeasuredImages, Value
from diffusion.evaluation.statistics import Interval
from diffusion.evaluation.variety import MEANINGFUL

if TYPE_CHECKING:
    import pandas as pd

# The first two that were measured; in features of a classifier only if it sees, as "frechet".
DISTANCES = ("frechet", "frechet_autoencoder", "frechet_random", "frechet_digits")
OTHERS = ("digit", "precision", "recall", "coverage", "different")
REPEATED = 0.5  # share of different images below which a set of samples repeats a few images


class Measured(dict[str, Value]):
    """Measures of samples by name. Prints the main ones next to real images, as a table.

    Attributes:
        images (MeasuredImages): The samples.
        one_image (bool): Whether all samples are near-copies of one image. There is then no distance.
    """

    def __init__(self, values: dict[str, Value], images: MeasuredImages):
        super().__init__(values)
        self.images, self.one_image = images, images.one_image

    def __missing__(self, name: str) -> Value:
        """Raise KeyError with the names of the measures taken."""
        raise KeyError(f"{name!r} was not measured; measured: {', '.join(self)}{nearest(name, self)}")

    @property
    def note(self) -> str:
        """A note if the samples repeat a few images."""
        count, n = self.images.different.value, self.images.different.n
        note = f"{n} samples contain about {count} different images, so the other measures say little"
        return note if repeats(count, n) else ""

    @property
    def real(self) -> dict[str, Value]:
        """dict: The same measures of equally many real images, if defined; for a distance its floor."""
        evaluator, n = self.images.evaluator, self.images.n
        floors = {name.replace("floor", "frechet", 1): floor for name, floor in evaluator.floors(n).items()}
        return evaluator.real(n) | floors

    @property
    def table(self) -> "pd.DataFrame":
        """DataFrame: One row per measure: samples, real images, unit and meaning."""
        import pandas as pd  # takes a second

        evaluator, real, names = self.images.evaluator, self.real, choose_main(self)
        known = evaluator.list_measures()
        measures = [known[name] for name in names]
        columns = {
            "samples": [format_value(self[name]) for name in names],
            "real images": [format_value(real.get(name)) for name in names],
            "unit": [measure.unit for measure in measures],
            "meaning": [measure.meaning for measure in measures],
        }
        return pd.DataFrame(columns, names).rename(index=evaluator.measure_names)

    def __str__(self) -> str:
        n, samples, real = self.images.n, len(self.images.x), len(self.images.evaluator.x_test)
        lines = [f"{samples} samples against {real} test images"]
        if n < samples:
            lines[0] += f", distances of the first {n}"
        lines += filter(None, (self.note, note_few(self.images.n)))
        if self:
            lines.append(self.table.drop(columns="meaning").to_string())
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        notes = filter(None, (self.note, note_few(self.images.n)))
        return "<br>".join([*notes, self.table.to_html() if self else ""])


def repeats(different: Any, n: Any) -> bool:
    """Return True if samples repeat a few images: fewer than half of n samples are different."""
    return different < REPEATED * n


def note_few(n: int) -> str:
    """Return a note if n samples are few."""
    note = f"precision, recall and coverage of fewer than {MEANINGFUL} samples mean little"
    return note if n < MEANINGFUL else ""


def choose_main(measures: Iterable[str]) -> list[str]:
    """Return the main measures of a list, or the whole list if it contains none of them."""
    names = list(measures)
    distances = [name for name in DISTANCES if name in names][:2]
    requested = [name for name in names if name.startswith("frechet_") and name not in DISTANCES]
    return [*distances, *requested, *(name for name in OTHERS if name in names)] or names


def format_value(value: Any) -> str:
    """Format a number with its interval or deviation: "12.3 [11.5, 14.1]", "0.46 ± 0.08", or "–"."""
    number = value if isinstance(value, Interval) else Interval(value)
    if isinstance(number.value, int):
        return str(number.value)
    if not isinstance(number.value, float):
        return "–"
    if number.low is not None:
        return f"{number.value:.3g} [{number.low:.3g}, {number.high:.3g}]"
    rounding = 1e-9 * abs(number.value)  # the deviation of equal values
    deviation = f" ± {number.sd:.1g}" if number.sd is not None and number.sd > rounding else ""
    return f"{number.value:.3g}{deviation}"
