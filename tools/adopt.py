"""Take over the results of the first edition (releases up to 0.1.0, and trainings begun with it).

    python -m tools.adopt OLD OUT

OLD is a results folder of the first edition: metrics/, runs/, and perhaps again/<model>-<seed>/ beside them;
or such a further training by itself. Its records are written to OUT in today's shape, with the same numbers;
its last weights are copied. The first edition kept no images; measuring the model again draws and keeps them.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from diffusion import records
from diffusion.runtime import read_json, sha256
from diffusion.settings import NOTEBOOKS, Measure

STUDY = ("linear", "cosine", "zoom")


def settings(notebook: str, old: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a first edition's record as today's settings; defaults for those it lacked."""
    cls = NOTEBOOKS[notebook]
    return cls.read({k: v for k, v in old.items() if k in cls.model_fields}, notebook).values()


def schedules(old: dict[str, Any]) -> records.SchedulesRecord:
    """The record of notebook 01."""
    return records.SchedulesRecord.model_validate(
        {
            "job": old["notebook"],
            "settings": settings(old["notebook"], old["parameters"]),
            "environment": _environment(old),
            "early": old["t300"],
            "informative_steps": old["useful_steps"],
            **{
                k: old[k] for k in ("T", "linear", "cosine", "mean_step", "misprint_eq9", "usual_cap", "zoom")
            },
        }
    )


def training(old: dict[str, Any], run: str, weights: str) -> records.TrainRecord:
    """The record of one training, whose run lies in the folder `run` now."""
    probes = {"ddpm": records.DDPMProbes, "zoom": records.ZoomProbes}.get(old["process"])
    found = {name: old[name] for name in probes.model_fields} if probes else None
    same = ("model", "process", "label", "epochs", "steps", "seconds_per_step", "first_epoch_gap")
    history = [dict(line) for line in old["history"]]
    history[-1]["sha256"] = old["weights"]["sha256"]
    return records.TrainRecord.model_validate(
        {name: old[name] for name in (*same, "parameters_count")}
        | {
            "job": old["notebook"],
            "settings": settings(old["notebook"], old["parameters"]),
            "environment": _environment(old),
            "seed": old["parameters"]["seed"],
            "run": run,
            "history": history,
            "weights": {"file": weights, "sha256": old["weights"]["sha256"]},
            **({old["process"]: found} if probes else {}),
        }
    )


def measures(old: dict[str, Any], model: str, weights_sha256: str) -> records.MeasureRecord:
    """Record of what the first edition's comparison measured of one model."""
    p = old["parameters"]
    one = lambda value: value[model] if isinstance(value, dict) else value  # noqa: E731
    final = old["final"][model]
    values = {k: p[k] for k in ("seed", "dataset", "n_test", "precision", "n_samples", "floor_repeats")}
    values |= {"interval_repeats": p["interval_repeats"], "inception_weights": p["inception_weights"]}
    values |= {
        "n_final": one(p["n_final"]),
        "n_distance": final["n"],
        "distance_every": one(p["distance_every"]),
    }
    ablations: dict[str, Any] = {}
    if pair := (old["clipping"] or {}).get(model):
        ablations["clipping"] = {"first": pair["off"], "second": pair["on"], "gap": pair["gap"]}
    if pair := (old["float32"] or {}).get(model):
        ablations["float32"] = {"first": pair["bf16"], "second": pair["fp32"], "gap": pair["gap"]}
    if model == "zoom" and (sources := old["seed_sources"]):
        patches = {k: v for k, v in sources["patches"].items() if k != "curve"}
        prior = {
            "independent": sources["independent"],
            "patches": patches,
            "curve": sources["patches"]["curve"],
        }
        ablations["prior"] = prior
    return records.MeasureRecord.model_validate(
        {
            "job": "measure",
            "settings": Measure.read(values, "measure").values(),
            "environment": _environment(old),
            "model": model,
            "seed": p["seed"],
            "weights_sha256": weights_sha256,
            "curve": old["curves"][model],
            "final": final,
            "ablations": ablations,
            **{k: old[k] for k in ("reference", "extractors", "floor", "real", "quality_rule")},
        }
    )


def adopt(old: Path, out: Path) -> list[tuple[str, int]]:
    """Write the records and last weights of a first edition's folder to `out`; the (model, seed) taken over.

    Raises:
        ValueError: a record or weights are missing, or not those that the record names.
    """
    adopted = []
    if (old / "metrics" / "schedules.json").is_file():
        schedules(read_json(old / "metrics" / "schedules.json")).save(records.schedules_path(out))
    folders = [f for f in (old, *sorted(old.glob("again/*"))) if (f / "metrics" / "compare.json").is_file()]
    if not folders:
        raise ValueError(f"{old} has no results of the first edition: metrics/compare.json is missing")
    for folder in folders:
        compare = read_json(folder / "metrics" / "compare.json")
        for model in compare["models"]:
            train = read_json(folder / "metrics" / f"train_{model}.json")
            seed, epochs = train["parameters"]["seed"], train["epochs"]
            source, run = folder / train["weights"]["file"], f"runs/{model}-{seed}"
            if not source.is_file() or sha256(source) != train["weights"]["sha256"]:
                raise ValueError(f"{source} is missing, or is not the file that its record names")
            weights = f"{run}/weights/epoch-{epochs:04d}.safetensors"
            (out / weights).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, out / weights)
            record = training(train, run, weights)
            lines = [json.dumps(line.model_dump()) + "\n" for line in record.history]
            (out / run / "history.jsonl").write_text("".join(lines), encoding="utf-8")
            record.save(records.train_path(out, model, seed))
            measures(compare, model, record.weights.sha256).save(records.measure_path(out, model, seed))
            adopted.append((model, seed))
    return adopted


def _environment(old: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in old["environment"].items() if k not in ("source", "accelerate")}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.adopt", description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path, help="results folder of the first edition")
    parser.add_argument("out", type=Path, help="where they go, for example build/paper")
    options = parser.parse_args()
    try:
        for model, seed in adopt(options.old, options.out):
            print(f"{model}-{seed} taken over")
    except (ValueError, OSError, KeyError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
