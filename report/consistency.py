"""Do the records of a run belong together? Each check raises ValueError with what disagrees."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from report import schema

if TYPE_CHECKING:
    from report.results import Results


def model_of_the_study(name: str, record: dict[str, Any], file: Path) -> None:
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


def comparable(results: Results) -> None:
    """Refuse distances of different numbers of samples: a Fréchet distance depends on the number."""
    n = {m: f["n"] for m, f in results.final.items() if m in results.train}
    if len(set(n.values())) > 1:
        shown = ", ".join(f"{k} of {m}" for m, k in n.items())
        raise ValueError(
            f"compare.json has final distances of different numbers of samples ({shown}), which cannot be "
            "compared: run notebook 04_compare_fid again, or `make report`"
        )


def belong_together(results: Results) -> None:
    """Refuse records that different parameters or trainings left side by side in one folder.

    Records may name different versions of the package: the workflow runs again only those notebooks whose own
    modules have changed. That a training is the one which was measured is told by its fingerprint.
    Models beyond those of the study may have other schedules, steps or interpolations: they are variants.
    """
    named = {"schedules.json": results.schedules, "compare.json": results.compare}
    named |= {f"train_{m}.json": record for m, record in results.train.items()}
    same("seed", {n: r["parameters"]["seed"] for n, r in named.items()})
    same("data set", {n: r["parameters"].get("dataset", "mnist") for n, r in named.items()})
    for key in ("T", "beta_start", "beta_end", "s", "beta_max"):
        ddpm = {f"train_{m}.json": results.train[m]["parameters"][key] for m in ("linear", "cosine")}
        same(key, {"schedules.json": results.schedules["parameters"][key]} | ddpm)
    for key in ("T", "interpolation"):
        zoom = {"train_zoom.json": results.train["zoom"]["parameters"][key]}
        same(f"zoom {key}", {"schedules.json": results.schedules["zoom"][key]} | zoom)
    for m, record in results.train.items():
        measured(m, record, results.compare)


def measured(model: str, record: dict[str, Any], compare: dict[str, Any]) -> None:
    """Refuse a comparison that measured another training of the model than the one that the record is of."""
    file = f"train_{model}.json"
    same(f"name of the model in {file}", {"its file name": model, "its content": record["model"]})
    found = {
        "fingerprint": (compare["fingerprints"].get(model), record["fingerprint"]),
        "epochs": (compare["final"].get(model, {}).get("epoch"), record["epochs"]),
        "label": (compare["labels"].get(model), record["label"]),
    }
    for what, (theirs, ours) in found.items():
        same(f"{what} of {model}", {"compare.json": theirs, file: ours})


def same_but_seed(main: Results, other: Results, seed: int) -> None:
    """Refuse another seed's records unless they were made with the same parameters, and that seed."""
    same("seed", {f"the folder seeds/{seed}": seed, "its records": other.seed})
    same("models compared", {"main": main.compare["models"], f"seeds/{seed}": other.compare["models"]})
    pairs = [(main.schedules, other.schedules), (main.compare, other.compare)]
    for ours, theirs in pairs + [(main.train[m], other.train[m]) for m in main.train]:
        a, b = ours["parameters"], theirs["parameters"]
        for key in sorted(a.keys() - {"seed", "seeds"}):
            same(f"{key} of {ours['notebook']}", {"main": a[key], f"seeds/{seed}": b.get(key)})


def same(what: str, values: dict[str, Any]) -> None:
    """Refuse values that are not all equal; `values` has where each was found."""
    found: dict[str, list[str]] = {}
    for name, value in values.items():
        found.setdefault(repr(value), []).append(name)
    if len(found) > 1:
        shown = "; ".join(f"{v} in {', '.join(files)}" for v, files in found.items())
        raise ValueError(
            f"the records come from different runs: they disagree about the {what} ({shown}). "
            "Run the notebooks again with one set of parameters, or `make report`."
        )
