"""Models beside one another in a script: their measures as a table, their samples as a grid."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from diffusion.bounds import looks
from diffusion.data import DataSet, as_images
from diffusion.evaluation.evaluator import Evaluator, drawn
from diffusion.evaluation.statistics import Interval
from diffusion.evaluation.summary import ONE_IMAGE, Measured, main, shown
from diffusion.figures import images as drawing
from diffusion.training.run import Run

REAL = "real images"


@dataclass(frozen=True)
class Comparison:
    """Models compared, as `compare` returns it; printed, a row a model.

    Attributes:
        samples: name -> its samples, (n, C, S, S).
        measured: name -> all measures of these, as `Evaluator.measure` returns them.
        evaluator: the real images.
    """

    samples: dict[str, Tensor]
    measured: dict[str, Measured]
    evaluator: Evaluator

    @property
    def table(self) -> pd.DataFrame:
        """A row a model and one of real images; columns (measure, "value", "low", "high" or "n").

        A number that there is not is NaN: of samples that are one image, or of too few real images.
        """
        intervals = self._intervals()
        parts = {part: intervals.map(attrgetter(part)) for part in ("value", "low", "high", "n")}
        return pd.concat(parts, axis=1).swaplevel(axis=1).astype(float)

    def _intervals(self) -> pd.DataFrame:
        """The main measures of each model, and of real images (of a distance its floor)."""
        rows = {**self.measured, REAL: next(iter(self.measured.values())).real}
        names = main({name for row in rows.values() for name in row})
        intervals = [[row.get(name, Interval(None)) for name in names] for row in rows.values()]
        return pd.DataFrame(intervals, [*rows], names)

    def grid(self, columns: int = 10) -> Figure:
        """The first samples of each model, a row each, below as many real images; in colour without names."""
        rows = {REAL: self.evaluator.x_test} | self.samples
        shortest = min(columns, *map(len, rows.values()))
        rows = {name: x[:shortest] for name, x in rows.items()}
        if self.evaluator.x_test.shape[1] == 3:
            return drawing.grid(torch.cat([*rows.values()]), shortest)
        return drawing.rows(rows)

    def __str__(self) -> str:
        n = len(next(iter(self.samples.values())))
        head = f"{n} samples of each against {len(self.evaluator.x_test)} test images"
        same = [f"{name}: {ONE_IMAGE}" for name, measured in self.measured.items() if measured.one_image]
        return "\n".join([head, self._intervals().map(shown).to_string(), *same])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self._intervals().map(shown).to_html()


def compare(
    runs: Mapping[str, Run | Tensor],
    evaluator: Evaluator | DataSet | str = "mnist",
    n: int = 1000,
    seed: int | None = None,
) -> Comparison:
    """The measures and samples of some models beside one another, and beside real images.

        found = d.compare({"swirl": run, "blur": other})
        print(found)
        found.table["frechet"]["value"]
        found.grid().savefig("both.png")

    Args:
        runs: name -> a trained model, sampled as it is by default, or samples that were drawn in another way,
            such as `run.sample(1000, sampler=...)`, of which the first n are taken.
        evaluator: the measures; or the data set whose test images are the real ones, for which one is made.
        n: samples of each, as distances depend on their number; at least 12.
        seed: of the samples; None: of each training its own, which `Run.sample` takes.

    Raises:
        ValueError: no models, samples fewer than n, or what `Evaluator.measure` refuses.
    """
    if not isinstance(runs, Mapping) or not runs:
        raise ValueError(f"runs is {looks(runs)}; needed: names -> a run or samples each, one or more")
    evaluator = evaluator if isinstance(evaluator, Evaluator) else Evaluator.of(evaluator)
    samples = {}
    for name, run in runs.items():
        samples[name] = x = drawn(run, n, seed) if isinstance(run, Run) else as_images(run)[:n]
        if len(x) < n:
            raise ValueError(f"runs has {len(x)} samples of {name!r}; needed: n = {n}, or a smaller n")
    return Comparison(samples, {name: evaluator.measure(x) for name, x in samples.items()}, evaluator)
