"""Compare models in a script: a table of measures and a grid of samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from diffusion.arguments import check_whole, summarise
from diffusion.data import DataSet
from diffusion.evaluation.evaluator import Evaluator, choose_n, draw_samples
from diffusion.evaluation.measured import Measured, choose_main, format_value, note_few
from diffusion.evaluation.statistics import Interval
from diffusion.evaluation.variety import FEWEST_IMAGES
from diffusion.figures import Grid, grid
from diffusion.pixels import as_images, grey
from diffusion.training.folder import HASHES
from diffusion.training.run import Run

REAL = "real images"


@dataclass(frozen=True)
class Comparison:
    """The result of `compare`. Prints the measures of each model; `table` has the settings, too.

    Attributes:
        samples (dict): Name -> samples (n, C, S, S).
        measured (dict): Name -> all measures, as `Evaluator.measure` returns them.
        evaluator (Evaluator): The real images.
        settings (DataFrame): One row per run, one column per setting in which runs differ, such as
            "learning_rate", "seed" or "process.T". Leaves out their code; images are compared by number.
        runs (dict): Name -> run, of all models that are runs, not samples.
    """

    samples: dict[str, Tensor]
    measured: dict[str, Measured]
    evaluator: Evaluator
    settings: pd.DataFrame
    runs: dict[str, Run]

    @property
    def table(self) -> pd.DataFrame:
        """DataFrame: One row per model; columns are `settings` and (measure, "value", "low", "high" or "n").

        Undefined numbers are NaN, for example for samples that are all one image, or with too few real
        images.
        """
        columns = pd.MultiIndex.from_product([self.settings.columns, [""]])
        settings = self.settings.set_axis(columns, axis=1).reindex([*self.measured])
        return pd.concat([settings, _numbers(self._intervals().drop(REAL))], axis=1)

    def _intervals(self) -> pd.DataFrame:
        """Return the main measures of each model and of real images (for a distance its floor)."""
        rows = {**self.measured, REAL: next(iter(self.measured.values())).real}
        names = choose_main(dict.fromkeys(name for row in rows.values() for name in row))
        intervals = [[row.get(name, Interval(None)) for name in names] for row in rows.values()]
        return pd.DataFrame(intervals, [*rows], names).rename(columns=self.evaluator.measure_names)

    def _printed(self) -> pd.DataFrame:
        return self._intervals().map(format_value)

    def grid(self, columns: int = 10) -> Grid:
        """Show the first samples of each model, one row per model, with real images in the first row.

        Args:
            columns (int): Number of samples per model. Default 10.

        Returns:
            Grid: The figure, a matplotlib one.
        """
        rows = {REAL: self.evaluator.x_test} | self.samples
        shown = min(check_whole("columns", columns, 1), *map(len, rows.values()))
        x = torch.cat([images[:shown] for images in rows.values()])
        return grid(x if x.shape[1] == 3 else grey(x), shown, [*rows])

    def __str__(self) -> str:
        n = len(next(iter(self.samples.values())))
        head = f"{n} samples of each against {len(self.evaluator.x_test)} test images"
        return "\n".join([head, self._printed().to_string(), *self._notes()])

    def _notes(self) -> list[str]:
        few = note_few(next(iter(self.measured.values())).images.n)
        named = (f"{name}: {measured.note}" for name, measured in self.measured.items() if measured.note)
        return [*filter(None, [few]), *named]

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "<br>".join([self._printed().to_html(), *self._notes()])


def compare(
    runs: Mapping[str, Run | Tensor] | Sequence[Run],
    evaluator: Evaluator | DataSet | str = "mnist",
    n: int | None = None,
    seed: int | None = None,
) -> Comparison:
    """Compare models: measure them in the same way, next to real images.

    Args:
        runs (dict or list): Name -> a run, which samples with its defaults, or samples drawn in another way,
            such as `run.sample(1000, sampler=...)`, of which the first n are used. Or a list of runs, named
            by their folders.
        evaluator (Evaluator, DataSet or str): The evaluator, or a data set, for which one is made. Default
            "mnist".
        n (int, optional): Samples per model, at least 12. If None, 1000, or fewer if there are fewer samples
            or training images. Default None.
        seed (int, optional): Seeds the samples. If None, each run uses its own seed. Default None.

    Returns:
        Comparison: Prints as a table. `table` contains the numbers, and `grid()` shows samples.

    Raises:
        ValueError: If `runs` is empty, samples are fewer than n, or `Evaluator.measure` refuses them.

    Example:
        >>> import diffusion as d
        >>> x, _ = d.load("mnist", n=60)
        >>> evaluator = d.Evaluator(x[:30], x[30:], interval_repeats=5)
        >>> both = d.compare({"real": x[:20], "negative": -x[:20]}, evaluator, n=20)
        >>> value = both.table["frechet"]["value"]
        >>> bool(value["real"] < value["negative"])
        True
    """
    models = _by_name(runs)
    if not isinstance(evaluator, Evaluator):
        evaluator = Evaluator.for_dataset(evaluator)
    trained = {name: model for name, model in models.items() if isinstance(model, Run)}
    given = {name: as_images(x) for name, x in models.items() if name not in trained}
    for name, x in given.items():
        if not isinstance(x, Tensor):
            raise ValueError(f"runs[{name!r}] is {summarise(x)}; expected: a run (d.open) or samples")
    n = choose_n(evaluator, *map(len, given.values())) if n is None else check_whole("n", n, FEWEST_IMAGES)
    for name, x in given.items():
        if len(x) < n:
            raise ValueError(
                f"runs contains {len(x)} samples of {name!r}; expected: n = {n}; draw more or lower n"
            )
    samples = {}
    for name in models:
        samples[name] = given[name][:n] if name in given else draw_samples(trained[name], n, seed)
    measured = {name: evaluator.measure(x) for name, x in samples.items()}
    return Comparison(samples, measured, evaluator, compare_settings(trained), trained)


def _by_name(runs: Any) -> Mapping[str, Any]:
    """Return runs and samples by name; a list of runs is named by their folders."""
    if isinstance(runs, Mapping) and runs:
        return runs
    if not isinstance(runs, Sequence) or {*map(type, runs)} != {Run}:
        expected = "a list of runs, or a dictionary of runs or samples by name, as in {'a': run}"
        raise ValueError(f"runs is {summarise(runs)}; expected: {expected}, and at least one")
    models = {run.name: run for run in runs}
    if len(models) < len(runs):
        raise ValueError("two runs have the same folder name; pass names, as in {'a': run}")
    return models


def compare_settings(runs: Mapping[str, Run]) -> pd.DataFrame:
    """Return one row per run, and one column per setting in which runs differ."""
    every = pd.json_normalize([run.settings | {"steps": run.steps} for run in runs.values()])
    hashes = [name for name in every if f"{name}.".startswith(HASHES) or name.endswith(".sha256")]
    numbers = every.drop(columns=[name for name in hashes if name != "images.n"]).astype(str).nunique()
    return every.loc[:, [name for name, n in numbers.items() if n > 1]].set_axis([*runs])


def _numbers(intervals: pd.DataFrame) -> pd.DataFrame:
    """Return intervals as numbers, with columns (measure, "value", "low", "high" or "n")."""
    parts = ("value", "low", "high", "n")
    table = pd.concat({part: intervals.map(attrgetter(part)) for part in parts}, axis=1).swaplevel(axis=1)
    columns = pd.MultiIndex.from_product([intervals.columns, parts])
    return table.reindex(columns=columns).astype(float)
