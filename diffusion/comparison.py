"""Models beside one another in a script: their measures as a table, their samples as a grid."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from diffusion.bounds import check_known, summarise, whole
from diffusion.data import DataSet, as_images
from diffusion.evaluation.evaluator import Evaluator, choose_n, draw_samples
from diffusion.evaluation.measures import ONE_IMAGE, Measured, choose_main, format_value
from diffusion.evaluation.samples import FEWEST, grey
from diffusion.evaluation.statistics import Interval
from diffusion.figures import images as drawing
from diffusion.figures.curves import curve
from diffusion.figures.style import styled
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
        runs: name -> the run, of models that are runs and not samples.
    """

    samples: dict[str, Tensor]
    measured: dict[str, Measured]
    evaluator: Evaluator
    settings: pd.DataFrame
    runs: dict[str, Run]

    @property
    def table(self) -> pd.DataFrame:
        """A row a model; columns: `settings`, and (measure, "value", "low", "high" or "n").

        A number that there is not is NaN: of samples that are one image, or of too few real images.
        """
        columns = pd.MultiIndex.from_product([self.settings.columns, [""]])
        settings = self.settings.set_axis(columns, axis=1).reindex([*self.measured])
        return pd.concat([settings, _numbers(self._intervals().drop(REAL))], axis=1)

    def by_setting(self) -> pd.DataFrame:
        """One row per setting, over its seeds: for runs whose settings are equal but for the seed.

        The index has the settings that differ, or a run's name if none does. Columns: `runs`, their number;
        `collapsed`, the number of them that draw one image only; and (measure, "mean" or "sd"), over runs. A
        collapsed run has no distance: the mean and sd of its setting are NaN, and `table` has its other runs.

        ValueError: there are samples alone, and no runs.
        """
        if not self.runs:
            raise ValueError("by_setting needs runs; this comparison has samples alone")
        settings = self.settings.drop(columns="seed", errors="ignore").map(_hashable)
        every = [run.settings | {"seed": None, "steps": run.steps} for run in self.runs.values()]
        keys = pd.Index([json.dumps(setting, sort_keys=True) for setting in every])
        values = self.table.loc[[*self.runs]].xs("value", axis=1, level=1)
        groups, whole = values.groupby(keys, sort=False), values.notna().groupby(keys, sort=False).all()
        parts = {"mean": groups.mean().where(whole), "sd": groups.std().where(whole)}
        table = pd.concat(parts, axis=1).swaplevel(axis=1).reindex(columns=values.columns, level=0)
        collapsed = pd.Series([self.measured[name].one_image for name in self.runs])
        table.insert(0, ("runs", ""), groups.size())
        table.insert(1, ("collapsed", ""), collapsed.groupby(keys, sort=False).sum())
        names = settings[~keys.duplicated()]
        return table.set_axis(names.set_index([*names]).index if [*names] else names.index)

    @property
    def references(self) -> pd.DataFrame:
        """The same measures of as many real images, of a distance its floor: a row, columns as of `table`."""
        return _numbers(self._intervals().loc[[REAL]])

    def _intervals(self) -> pd.DataFrame:
        """The main measures of each model, and of real images (of a distance its floor)."""
        rows = {**self.measured, REAL: next(iter(self.measured.values())).real}
        names = choose_main({name for row in rows.values() for name in row})
        intervals = [[row.get(name, Interval(None)) for name in names] for row in rows.values()]
        return pd.DataFrame(intervals, [*rows], names).rename(columns=self.evaluator.measure_names)

    def _printed(self) -> pd.DataFrame:
        rows, settings = self._intervals().map(format_value), self.settings.astype(str)
        if len(settings.columns) > PRINTED:
            return rows
        return pd.concat([settings.reindex(rows.index, fill_value=""), rows], axis=1)

    def plot(self, setting: str, measure: str = "frechet", log: bool | None = None) -> Figure:
        """A measure of each run, with its interval, over a setting that differs, such as "learning_rate".

        The dashed line shows real images; a cross at the upper edge is a run that draws one image only.

        Args:
            setting: a column of `settings`.
            measure: a measure that `table` has.
            log: whether the setting's axis is logarithmic. If None, it is where the values are positive and
                the largest is more than ten times the smallest.

        ValueError: an argument that is none of these.
        """
        table = self.table.loc[[*self.runs]]
        measures = [*table.columns.get_level_values(0).unique().drop(self.settings.columns)]
        for what, name, known in ("setting", setting, self.settings), ("measure", measure, measures):
            check_known(what, name, known)
        values, real = table[measure], self.references[measure]["value"].item()
        errors = [values["value"] - values["low"], values["high"] - values["value"]]
        x = self.settings[setting]
        x = x if (numbers := pd.api.types.is_numeric_dtype(x)) else x.astype(str)
        if log not in (None, True, False):
            raise ValueError(f"log is {log!r}; allowed: True, False or None")
        log = bool(numbers and 0 < 10 * x.min() < x.max()) if log is None else log
        one_image = [self.measured[name].one_image for name in self.runs]
        return curve((setting, measure), x, values["value"], errors, real, [*x[one_image]], log)

    def grid(self, columns: int = 10) -> Figure:
        """The first samples of each model, a row beside its name, below as many real images."""
        rows = {REAL: self.evaluator.x_test} | self.samples
        shortest = min(whole("columns", columns, 1), *map(len, rows.values()))
        x = torch.cat([x[:shortest] for x in rows.values()])
        x = x if x.shape[1] == 3 else grey(x)
        images = drawing.as_bytes(x).reshape(x.shape).transpose(0, 2, 3, 1)
        return styled(drawing.page)([drawing.Block(images, shortest, [*rows])])

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
    n: int | None = None,
    seed: int | None = None,
) -> Comparison:
    """The measures and samples of some models beside one another, and beside real images.

        comparison = d.compare({"swirl": run, "blur": other})
        print(comparison)
        comparison.table["frechet"]["value"]
        comparison.grid().savefig("both.png")

    Of a sweep, `d.compare(runs)`, the settings that differ are columns: `comparison.table["seed"]`.

    Args:
        runs: name -> a trained model, sampled as it is by default, or samples that were drawn in another way,
            such as `run.sample(1000, sampler=...)`, of which the first n are taken. Or a list of trained
            models, whose names are those of their folders.
        evaluator: the measures; or the data set whose test images are the real ones, for which one is made.
        n: samples of each, as distances depend on their number; at least 12. If None, 1000, or as many as
            the smallest set of samples and the training images allow.
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
            f"runs is {summarise(runs) if runs else 'empty'}; needed: names -> a "
            "run or samples each, or a list of runs, one or more; then the evaluator"
        )
    evaluator = evaluator if isinstance(evaluator, Evaluator) else Evaluator.for_dataset(evaluator)
    trained = {name: run for name, run in runs.items() if isinstance(run, Run)}
    given = {name: as_images(x) for name, x in runs.items() if name not in trained}
    for name, x in given.items():
        if not isinstance(x, Tensor):
            raise ValueError(f"runs[{name!r}] is {summarise(x)}; expected: a run (d.open) or samples")
    n = choose_n(evaluator, *map(len, given.values())) if n is None else whole("n", n, FEWEST)
    for name, x in given.items():
        if len(x) < n:
            raise ValueError(f"runs has {len(x)} samples of {name!r}; needed: n = {n}, or a smaller n")
    samples = {name: given[name][:n] if name in given else draw_samples(runs[name], n, seed) for name in runs}
    if len({run.settings["images"]["train"] for run in trained.values()}) > 1:
        print("note: these runs were trained on different images", flush=True)
    measured = {name: evaluator.measure(x) for name, x in samples.items()}
    return Comparison(samples, measured, evaluator, compare_settings(trained), trained)


def compare_settings(runs: Mapping[str, Run]) -> pd.DataFrame:
    """A row a training, a column a setting in which they differ."""
    every = pd.json_normalize([run.settings | {"steps": run.steps} for run in runs.values()])
    hashes = [name for name in every if f"{name}.".startswith(HASHES) or name.endswith(".sha256")]
    numbers = every.drop(columns=[name for name in hashes if name != "images.n"]).astype(str).nunique()
    return every.loc[:, [name for name, n in numbers.items() if n > 1]].set_axis([*runs])


def _hashable(value: Any) -> Any:
    """A setting as it stands in an index: a list as text."""
    return str(value) if isinstance(value, list | dict) else value


def _numbers(intervals: pd.DataFrame) -> pd.DataFrame:
    """Intervals as numbers: columns (measure, "value", "low", "high" or "n")."""
    parts = ("value", "low", "high", "n")
    table = pd.concat({part: intervals.map(attrgetter(part)) for part in parts}, axis=1).swaplevel(axis=1)
    columns = pd.MultiIndex.from_product([intervals.columns, parts])
    return table.reindex(columns=columns).astype(float)
