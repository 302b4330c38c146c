"""Models beside one another in a script: their measures as a table, their samples as a grid."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from diffusion.bounds import looks, whole
from diffusion.data import DataSet, as_images
from diffusion.evaluation.evaluator import Evaluator, drawn
from diffusion.evaluation.samples import FEWEST
from diffusion.evaluation.statistics import Interval
from diffusion.evaluation.summary import ONE_IMAGE, Measured, main, shown
from diffusion.figures import images as drawing
from diffusion.training.run import Run

REAL = "real images"
PARTS = ("value", "low", "high", "n")


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
    def numbers(self) -> pd.DataFrame:
        """Of each model, and of real images, the main measures with their intervals."""
        rows = {**self.measured, REAL: next(iter(self.measured.values())).real}  # of a distance its floor
        shown_of_all = main({name: None for row in rows.values() for name in row})
        names = [x for x in shown_of_all if any(isinstance(row.get(x), Interval) for row in rows.values())]
        columns = {name: [row.get(name, Interval(None)) for row in rows.values()] for name in names}
        return pd.DataFrame(columns, index=[*rows])

    @property
    def table(self) -> pd.DataFrame:
        """A row a model and one of real images; columns (measure, "value", "low", "high" or "n").

        A number that there is not is NaN: of samples that are one image, or of too few real images.
        """
        found = self.numbers
        parts = {(name, part): [getattr(x, part) for x in found[name]] for name in found for part in PARTS}
        return pd.DataFrame(parts, index=found.index, dtype=float)

    def grid(self, columns: int = 10) -> Figure:
        """The first samples of each model, a row each, below as many real images; in colour without names."""
        whole("columns", columns, 1)
        rows = {REAL: self.evaluator.x_test} | self.samples
        shortest = min(columns, *map(len, rows.values()))
        rows = {name: x[:shortest] for name, x in rows.items()}
        if self.evaluator.x_test.shape[1] == 3:
            return drawing.grid(torch.cat([*rows.values()]), shortest)
        return drawing.rows(rows)

    def __str__(self) -> str:
        found = self.numbers.map(shown)
        n = len(next(iter(self.samples.values())))
        head = f"{n} samples of each against {len(self.evaluator.x_test)} test images"
        same = [name for name, one in self.measured.items() if one.one_image]
        return "\n".join([head, found.to_string(), *(f"{name}: {ONE_IMAGE}" for name in same)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.numbers.map(shown).to_html()


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
        ValueError: no models, what is no model, samples fewer than n, or what `Evaluator.measure` refuses.
    """
    if not isinstance(runs, Mapping) or not runs or REAL in runs:
        said = f"named {REAL!r}" if isinstance(runs, Mapping) and runs else looks(runs)
        raise ValueError(f"runs is {said}; needed: other names -> a run or samples each, one or more")
    n = whole("n", n, FEWEST)
    models = {str(name): one if isinstance(one, Run) else as_images(one) for name, one in runs.items()}
    for name, one in models.items():
        if not isinstance(one, Run | Tensor):
            raise ValueError(f"runs has {looks(one)} as {name!r}; needed: a run or samples (n, C, S, S)")
        if isinstance(one, Tensor) and len(one) < n:
            raise ValueError(f"runs has {len(one)} samples of {name!r}; needed: n = {n}, or a smaller n")
    against = evaluator if isinstance(evaluator, Evaluator) else Evaluator.of(evaluator)
    of = {name: drawn(one, n, seed) if isinstance(one, Run) else one[:n] for name, one in models.items()}
    return Comparison(of, {name: against.measure(x) for name, x in of.items()}, against)
