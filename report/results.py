"""The measurements of one run: read from OUT/metrics, and checked to belong together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from diffusion import datasets, replicates
from diffusion.files import read_json
from diffusion.records import code_of
from report import schema

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
    """Names of the executed notebooks that belong to this run, in their order."""
    trained = [f"{record['notebook']}-{m}" for m, record in results.train.items()]
    return [results.schedules["notebook"], *trained, results.compare["notebook"]]


def load(out: Path) -> Results:
    """Read the records under ``out``, and those of the other seeds that its comparison takes in.

    Raises:
        ValueError: a file is missing, unreadable or malformed, or the files do not belong together.
    """
    main = load_one(out)
    seeds = (main.compare["over_seeds"] or {"seeds": [main.seed]})["seeds"]
    if seeds[0] != main.seed:
        raise ValueError(f"{out} holds seed {main.seed}, but its comparison begins with seed {seeds[0]}")
    others = tuple(load_one(replicates.folder(Path(out), seed)) for seed in seeds[1:])
    for seed, other in zip(seeds[1:], others, strict=True):
        _same_but_seed(main, other, seed)
    return replace(main, others=others)


def check_code(results: Results) -> None:
    """Refuse records that other code made than this checkout's, be it a notebook or a module that it needs.

    Raises:
        ValueError: there is such a record; the message names it.
    """
    codes: dict[tuple[str, str], str] = {}
    for one in (results, *results.others):
        for record in (one.schedules, *one.train.values(), one.compare):
            key = record["notebook"], record["parameters"].get("degradation", "")
            here = codes[key] = codes.get(key) or code_of(record["notebook"], record["parameters"])
            if record["code"] != here:
                what = f"the record of {record['notebook']} {record.get('model', '')}".rstrip()
                raise ValueError(
                    f"{what} (seed {one.seed}) was made by other code ({record['code']}) than there is now "
                    f"({here}): `make retrain` runs again what has changed"
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
            _model_of_the_study(m, train[m], file)
    results = Results(_read(metrics / "schedules.json", schema.SCHEDULES), train, compare)
    _belong_together(results)
    _comparable(results)
    return results


def _model_of_the_study(name: str, record: dict[str, Any], file: Path) -> None:
    """Refuse a model whose name promises another process or schedule than its record has."""
    process = "zoom" if name == "zoom" else "ddpm"
    if record["process"] != process:
        raise ValueError(
            f"{file} has the process {record['process']!r}; the report needs {process!r} for the model "
            f"{name!r}: give this model another name"
        )
    schema.check(record, schema.ZOOM if name == "zoom" else schema.DDPM, str(file))
    if process == "zoom":
        schema.parallel(record["reconstruction"], ("levels", "mse"), str(file), "reconstruction")
        return
    schema.parallel(record["timestep_loss"], ("t", "alpha_bar", "test_loss"), str(file), "timestep_loss")
    for rate in ("printed", "used"):
        trial = record["learning_rate_check"][rate]
        if trial["finite"]:
            where = f"learning_rate_check.{rate}.last_loss"
            schema.check(trial["last_loss"], schema.NUMBER, str(file), where)
    if (schedule := record["parameters"]["schedule"]) != name:
        raise ValueError(
            f"{file} has the schedule {schedule!r}; the report needs {name!r} for the model {name!r}: "
            "give this model another name"
        )


def _comparable(results: Results) -> None:
    """Refuse distances of different numbers of samples: a Fréchet distance depends on the number."""
    n = {m: f["n"] for m, f in results.final.items() if m in results.train}
    if len(set(n.values())) > 1:
        shown = ", ".join(f"{k} of {m}" for m, k in n.items())
        raise ValueError(
            f"compare.json has final distances of different numbers of samples ({shown}), which cannot be "
            "compared: run notebook 04_compare_fid again, or `make report`"
        )


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


def _belong_together(results: Results) -> None:
    """Refuse records that different parameters or trainings left side by side in one folder.

    Records may name different versions of the package: the workflow runs again only those notebooks whose own
    modules have changed. That a training is the one which was measured is told by its fingerprint.
    Models beyond those of the study may have other schedules, steps or interpolations: they are variants.
    """
    named = {"schedules.json": results.schedules, "compare.json": results.compare}
    named |= {f"train_{m}.json": record for m, record in results.train.items()}
    _same("seed", {n: r["parameters"]["seed"] for n, r in named.items()})
    _same("data set", {n: r["parameters"].get("dataset", "mnist") for n, r in named.items()})
    for key in ("T", "beta_start", "beta_end", "s", "beta_max"):
        ddpm = {f"train_{m}.json": results.train[m]["parameters"][key] for m in ("linear", "cosine")}
        _same(key, {"schedules.json": results.schedules["parameters"][key]} | ddpm)
    for key in ("T", "interpolation"):
        zoom = {"train_zoom.json": results.train["zoom"]["parameters"][key]}
        _same(f"zoom {key}", {"schedules.json": results.schedules["zoom"][key]} | zoom)
    for m, record in results.train.items():
        file, compare = f"train_{m}.json", results.compare
        _same(f"name of the model in {file}", {"its file name": m, "its content": record["model"]})
        _same(
            f"fingerprint of {m}",
            {"compare.json": compare["fingerprints"].get(m), file: record["fingerprint"]},
        )
        _same(
            f"epochs of {m}",
            {"compare.json": compare["final"].get(m, {}).get("epoch"), file: record["epochs"]},
        )
        _same(f"label of {m}", {"compare.json": compare["labels"].get(m), file: record["label"]})


def _same_but_seed(main: Results, other: Results, seed: int) -> None:
    """Refuse another seed's records unless they were made with the same parameters, and that seed."""
    _same("seed", {f"the folder seeds/{seed}": seed, "its records": other.seed})
    _same("models compared", {"main": main.compare["models"], f"seeds/{seed}": other.compare["models"]})
    pairs = [(main.schedules, other.schedules), (main.compare, other.compare)]
    for ours, theirs in pairs + [(main.train[m], other.train[m]) for m in main.train]:
        a, b = ours["parameters"], theirs["parameters"]
        for key in sorted(a.keys() - {"seed", "seeds"}):
            _same(f"{key} of {ours['notebook']}", {"main": a[key], f"seeds/{seed}": b.get(key)})


def _same(what: str, values: dict[str, Any]) -> None:
    found: dict[str, list[str]] = {}
    for name, value in values.items():
        found.setdefault(repr(value), []).append(name)
    if len(found) > 1:
        shown = "; ".join(f"{v} in {', '.join(files)}" for v, files in found.items())
        raise ValueError(
            f"the records come from different runs: they disagree about the {what} ({shown}). "
            "Run the notebooks again with one set of parameters, or `make report`."
        )
