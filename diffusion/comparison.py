"""Models beside one another in a script: their measures as a table, their samples as a grid."""

from collections.abc import Mapping, Sequence
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
from diffusion.figures.curves import curve
from diffusion.training.folder import HASHES
from diffusion.training.run import Run

REAL = "real images"
PRINTED = 4  # settings, at most: more of them are not a sweep, and stand in the table alone


@dataclass(frozen=True)
class Comparison:
    """Models compared, as `compare` returns it; printed, a row a model.

    Attributes:
        samples: name -> its samples, (n, C, S, S).
        measured: name -> all measures of these, as `Evaluator.measure` returns them.
        evaluator: the real images.
        settings: a row a training, a column a setting in which they differ, such as "learning_rate", "seed",
            "process.T"; not their code, and of their images the number.
    """

    samples: dict[str, Tensor]
    measured: dict[str, Measured]
    evaluator: Evaluator
    settings: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """A row a model; columns: `settings`, and (measure, "value", "low", "high" or "n").

        A number that there is not is NaN: of samples that are one image, or of too few real images.
        """
        columns = pd.MultiIndex.from_product([self.settings.columns, [""]])
        settings = self.settings.set_axis(columns, axis=1).reindex([*self.measured])
        return pd.concat([settings, _numbers(self._intervals().drop(REAL))], axis=1)

    @property
    def references(self) -> pd.DataFrame:
        """The same measures of as many real images, of a distance its floor: a row, columns as of `table`."""
        return _numbers(self._intervals().loc[[REAL]])

    def _intervals(self) -> pd.DataFrame:
        """The main measures of each model, and of real images (of a distance its floor)."""
        rows = {**self.measured, REAL: next(iter(self.measured.values())).real}
        names = main({name for row in rows.values() for name in row})
        intervals = [[row.get(name, Interval(None)) for name in names] for row in rows.values()]
        return pd.DataFrame(intervals, [*rows], names).rename(columns=self.evaluator.words)

    def _printed(self) -> pd.DataFrame:
        rows, settings = self._intervals().map(shown), self.settings.astype(str)
        if len(settings.columns) > PRINTED:
            return rows
        return pd.concat([settings.reindex(rows.index, fill_value=""), rows], axis=1)

    def plot(self, setting: str, measure: str = "frechet") -> Figure:
        """A measure of each training over a setting that differs, such as "learning_rate"; dashed, the real.

        KeyError: it is no column of `table`.
        """
        found, real = self.table[measure], self.references[measure]["value"].item()
        errors = [found["value"] - found["low"], found["high"] - found["value"]]
        return curve((setting, measure), self.table[setting], found["value"], errors, real)

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
        return "\n".join([head, self._printed().to_string(), *same])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self._printed().to_html()


def compare(
    runs: Mapping[str, Run | Tensor] | Sequence[Run],
    evaluator: Evaluator | DataSet | str = "mnist",
    n: int = 1000,
    seed: int | None = None,
) -> Comparison:
    """The measures and samples of some models beside one another, and beside real images.

        found = d.compare({"swirl": run, "blur": other})
        print(found)
        found.table["frechet"]["value"]
        found.grid().savefig("both.png")

    Of a sweep, `d.compare(runs)`, the settings that differ are columns: `found.table["seed"]`.

    Args:
        runs: name -> a trained model, sampled as it is by default, or samples that were drawn in another way,
            such as `run.sample(1000, sampler=...)`, of which the first n are taken. Or a list of trained
            models, whose names are those of their folders.
        evaluator: the measures; or the data set whose test images are the real ones, for which one is made.
        n: samples of each, as distances depend on their number; at least 12.
        seed: of the samples; None: of each training its own, which `Run.sample` takes.

    Raises:
        ValueError: no models, samples fewer than n, or what `Evaluator.measure` refuses.
    """
    if isinstance(runs, Sequence) and {*map(type, runs)} == {Run}:
        if len({run.name for run in runs}) < len(runs):
            raise ValueError("runs has two whose folders have one name; needed: names -> runs")
        runs = {run.name: run for run in runs}
    if not isinstance(runs, Mapping) or not runs:
        raise ValueError(
            f"runs is {looks(runs) if runs else 'empty'}; needed: names -> a run or samples each, or a list "
            "of runs, one or more"
        )
    evaluator = evaluator if isinstance(evaluator, Evaluator) else Evaluator.of(evaluator)
    samples = {}
    for name, run in runs.items():
        samples[name] = x = drawn(run, n, seed) if isinstance(run, Run) else as_images(run)[:n]
        if len(x) < n:
            raise ValueError(f"runs has {len(x)} samples of {name!r}; needed: n = {n}, or a smaller n")
    trained = {name: run for name, run in runs.items() if isinstance(run, Run)}
    measured = {name: evaluator.measure(x) for name, x in samples.items()}
    return Comparison(samples, measured, evaluator, differing(trained))


def differing(runs: Mapping[str, Run]) -> pd.DataFrame:
    """A row a training, a column a setting in which they differ."""
    every = pd.json_normalize([run.settings | {"steps": run.steps} for run in runs.values()])
    hashes = [name for name in every if f"{name}.".startswith(HASHES) or name.endswith(".sha256")]
    told = every.drop(columns=[name for name in hashes if name != "images.n"]).astype(str).nunique()
    return every.loc[:, [name for name, n in told.items() if n > 1]].set_axis([*runs])


def _numbers(intervals: pd.DataFrame) -> pd.DataFrame:
    """Intervals as numbers: columns (measure, "value", "low", "high" or "n")."""
    parts = ("value", "low", "high", "n")
    found = {name: [*map(attrgetter(*parts), column)] for name, column in intervals.items()}
    tables = {name: pd.DataFrame(rows, intervals.index, parts) for name, rows in found.items()}
    return pd.concat(tables, axis=1).astype(float)
