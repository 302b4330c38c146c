"""The measurements of one run: read from OUT/metrics, and checked to belong together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from diffusion import datasets, replicates
from diffusion.files import read_json
from diffusion.records import code_of
from report import again, consistency, schema

REQUIRED = ("linear", "cosine", "zoom")  # the models of the study; the report may hold more
EXTRACTORS = ("digits", "inception")
FULL_TRAIN = 60000  # images in the training split of each data set


@dataclass(frozen=True)
class Results:
    """One run's records: what notebook 01, each training run, and notebook 04 wrote."""

    schedules: dict[str, Any]
    train: dict[str, dict[str, Any]]  # model name -> record, in the order of the comparison
    compare: dict[str, Any]
    others: tuple[Results, ...] = ()  # the same study with other seeds
    again: tuple[again.Again, ...] = ()  # further trainings of single models

    @property
    def runs(self) -> tuple[Results, ...]:
        """This run; the same with other seeds; the same with a further training of one model in its place."""
        return (self, *self.others, *(one.run for one in self.again))

    @property
    def seed(self) -> int:
        """The seed of every random draw of this run."""
        return self.compare["parameters"]["seed"]

    @property
    def dataset(self) -> datasets.DataSet:
        """What the run is about; records from before there was a choice are about MNIST."""
        return datasets.get(self.compare["parameters"].get("dataset", datasets.MNIST.name))

    @property
    def extractors(self) -> list[str]:
        """The feature extractors that were available to the run."""
        return [e for e in EXTRACTORS if self.compare["extractors"].get(e, {}).get("available")]

    @property
    def final(self) -> dict[str, dict[str, Any]]:
        """Model name -> measures of its final sample set."""
        return self.compare["final"]

    def passes(self, model: str) -> float:
        """Epochs in units of passes over the full training split."""
        n = self.train[model]["parameters"].get("n_train") or FULL_TRAIN
        return self.train[model]["epochs"] * min(n, FULL_TRAIN) / FULL_TRAIN


def notebooks(results: Results) -> list[str]:
    """The executed notebooks that belong to this run, in their order, relative to its folder."""
    trained = [f"{record['notebook']}-{m}" for m, record in results.train.items()]
    names = [results.schedules["notebook"], *trained, results.compare["notebook"]]
    return [f"notebooks/{name}.ipynb" for name in names] + [n for one in results.again for n in one.notebooks]


def load(out: Path) -> Results:
    """Read the records under ``out``, those of the other seeds that its comparison takes in, and those of
    further trainings of its models.

    Raises:
        ValueError: a file is missing, unreadable or malformed, or the files do not belong together.
    """
    main = load_one(out)
    seeds = (main.compare["over_seeds"] or {"seeds": [main.seed]})["seeds"]
    if seeds[0] != main.seed:
        raise ValueError(f"{out} holds seed {main.seed}, but its comparison begins with seed {seeds[0]}")
    others = tuple(load_one(replicates.folder(Path(out), seed)) for seed in seeds[1:])
    for seed, other in zip(seeds[1:], others, strict=True):
        consistency.same_but_seed(main, other, seed)
    main = replace(main, others=others)
    return replace(main, again=again.load(Path(out), main))


def check_code(results: Results) -> None:
    """Refuse records that other code made than this checkout's, be it a notebook or a module that it needs.

    Raises:
        ValueError: there is such a record; the message names it.
    """
    codes: dict[tuple[str, str], str] = {}
    records = [
        (o.seed, r) for o in (results, *results.others) for r in (o.schedules, *o.train.values(), o.compare)
    ]
    records += [(one.seed, record) for one in results.again for record in (one.train, one.compare)]
    for seed, record in records:
        key = record["notebook"], record["parameters"].get("degradation", "")
        here = codes[key] = codes.get(key) or code_of(record["notebook"], record["parameters"])
        if record["code"] != here:
            what = f"the record of {record['notebook']} {record.get('model', '')}".rstrip()
            raise ValueError(
                f"{what} (seed {seed}) was made by other code ({record['code']}) than there is now "
                f"({here}): `make retrain` (or `make again`, for a further training) runs what has changed"
            )


def load_one(out: Path) -> Results:
    """Read the records of one seed."""
    metrics = Path(out) / "metrics"
    compare = _read(metrics / "compare.json", schema.COMPARE)
    if compare["extractors"]["inception"]["available"]:
        schema.check(compare, schema.WITH_INCEPTION, str(metrics / "compare.json"))
    models = compare["models"]
    if absent := [m for m in REQUIRED if m not in models]:
        raise ValueError(
            f"{metrics / 'compare.json'} compares {', '.join(models)}; the report needs "
            f"{', '.join(REQUIRED)} and misses {', '.join(absent)}. "
            "Run notebook 04_compare_fid with these models, or `make report`."
        )
    for key in ("labels", "fingerprints", "curves", "final"):
        if absent := [m for m in models if m not in compare[key]]:
            schema.check(compare[key], dict.fromkeys(absent, object), str(metrics / "compare.json"), key)
    train = {}
    for m in models:
        file = metrics / f"train_{m}.json"
        train[m] = _read(file, schema.TRAIN)
        if m in REQUIRED:
            consistency.model_of_the_study(m, train[m], file)
    results = Results(_read(metrics / "schedules.json", schema.SCHEDULES), train, compare)
    consistency.belong_together(results)
    consistency.comparable(results)
    return results


def _read(path: Path, spec: dict[str, Any]) -> dict[str, Any]:
    if not path.is_file():
        name = path.stem.removeprefix("train_")
        notebook = {"schedules": "01_schedules", "compare": "04_compare_fid", "zoom": "03_train_zoom"}
        notebook |= dict.fromkeys(("linear", "cosine"), "02_train_ddpm")
        which = f"notebook {notebook[name]}" if name in notebook else f"the training notebook of {name}"
        raise ValueError(
            f"{path} is missing: run {which} with this output folder, or `make report PROFILE=...`"
        )
    record = read_json(path)
    schema.check(record, spec, str(path))
    return record
