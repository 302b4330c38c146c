"""The measurements of one run: read from OUT/metrics, and checked to belong together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusion.files import read_json

REQUIRED = ("linear", "cosine", "zoom")  # the models of the study; the report may hold more
EXTRACTORS = ("digits", "inception")
FULL_TRAIN = 60000  # images in MNIST's training split


@dataclass(frozen=True)
class Results:
    """One run's records: what notebook 01, each training run, and notebook 04 wrote."""

    schedules: dict[str, Any]
    train: dict[str, dict[str, Any]]  # model name -> record, in the order of the comparison
    compare: dict[str, Any]

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


def load(out: Path) -> Results:
    """Read the records under ``out``.

    Raises:
        ValueError: a file is missing or unreadable, or the files come from different runs.
    """
    metrics = Path(out) / "metrics"
    compare = _read(metrics / "compare.json")
    models = list(compare.get("models", []))
    if absent := [m for m in REQUIRED if m not in models]:
        raise ValueError(
            f"{metrics / 'compare.json'} compares {', '.join(models) or 'no models'}; the report needs "
            f"{', '.join(REQUIRED)} and misses {', '.join(absent)}. "
            "Run notebook 04_compare_fid with these models, or `make report`."
        )
    train = {m: _read(metrics / f"train_{m}.json") for m in models}
    results = Results(_read(metrics / "schedules.json"), train, compare)
    _belong_together(results)
    return results


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        name = path.stem.removeprefix("train_")
        notebook = {"schedules": "01_schedules", "compare": "04_compare_fid", "zoom": "03_train_zoom"}
        which = notebook.get(name, "02_train_ddpm")
        raise ValueError(
            f"{path} is missing: run notebook {which} with this output folder, or `make report PROFILE=...`"
        )
    return read_json(path)


def _belong_together(results: Results) -> None:
    """Refuse records that different parameters or trainings left side by side in one folder.

    Records may name different versions of the package: the workflow runs again only those notebooks whose own
    modules have changed. That a training is the one which was measured is told by its fingerprint.
    """
    named = {"schedules.json": results.schedules, "compare.json": results.compare}
    named |= {f"train_{m}.json": record for m, record in results.train.items()}
    _same("seed", {n: r["parameters"]["seed"] for n, r in named.items()})
    for key in ("T", "beta_start", "beta_end", "s", "beta_max"):
        ddpm = {n: r["parameters"][key] for n, r in named.items() if r.get("process") == "ddpm"}
        _same(key, {"schedules.json": results.schedules["parameters"][key]} | ddpm)
    for key in ("T", "interpolation"):
        zoom = {n: r["parameters"][key] for n, r in named.items() if r.get("process") == "zoom"}
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
