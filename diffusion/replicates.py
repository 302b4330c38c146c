"""One study, several seeds: the same models trained and measured again, and how far the results agree.

OUT                 the first seed
OUT/seeds/<seed>    each other one, laid out alike
"""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diffusion.files import read_json
from diffusion.records import read_training

EXTRACTORS = ("digits", "inception")


def folder(out: Path, seed: int) -> Path:
    """Where the results of a seed other than the first lie."""
    return out / "seeds" / str(seed)


def read(
    out: Path, seeds: Sequence[int], models: Sequence[str], dataset: str = "mnist"
) -> dict[int, tuple[dict, dict]]:
    """Seed -> (training records by model, comparison record) of the other seeds.

    Raises:
        ValueError: a seed has no comparison, or one of other models or data; the message says which.
    """
    found = {}
    for seed in seeds:
        path = folder(out, seed) / "metrics" / "compare.json"
        if not path.is_file():
            raise ValueError(
                f"seed {seed} has no comparison at {path}; run 04_compare_fid with seed = {seed} and "
                f"out_dir = {path.parents[1]} first, or remove {seed} from seeds"
            )
        compare = read_json(path)
        if compare["models"] != list(models):
            raise ValueError(
                f"{path} compares {', '.join(compare['models'])}, not {', '.join(models)}; "
                "run it again with the same models"
            )
        found[seed] = read_training(path.parents[1], list(models), dataset), compare
    return found


def spread(
    trained: Sequence[Mapping[str, dict]],
    curves: Sequence[Mapping[str, list[dict]]],
    finals: Sequence[Mapping[str, dict]],
) -> dict[str, dict[str, Any]]:
    """Mean and standard deviation over seeds, by model; each argument has one entry a seed.

    Args:
        trained: training records by model.
        curves: measures after each checkpoint by model, as `comparison.Model.curve` gives them.
        finals: measures of the final samples by model, as `comparison.Model.final` gives them.

    Returns:
        model -> {"losses": [{"epoch", "mean", "sd"}], "distances": {extractor: [{"epoch", "mean", "sd"}]},
        "final": {measure: {"mean", "sd", "values"}}}; an extractor that is missing in a seed is left out.
    """
    out = {}
    for model in trained[0]:
        histories = [t[model]["history"] for t in trained]
        final = [
            {"test_loss": h[-1]["test_loss"]} | measures(f[model])
            for h, f in zip(histories, finals, strict=True)
        ]
        rows = {e: [c[model] for c in curves] for e in EXTRACTORS if all(c[model][0][e] for c in curves)}
        out[model] = {
            "losses": _over_epochs([{line["epoch"]: line["test_loss"] for line in h} for h in histories]),
            "distances": {
                e: _over_epochs([{row["epoch"]: row[e]["fid"] for row in curve} for curve in found])
                for e, found in rows.items()
            },
            "final": {
                key: _spread([f[key] for f in final]) for key in final[0] if all(key in f for f in final)
            },
        }
    return out


def measures(final: Mapping[str, Any]) -> dict[str, float]:
    """The measures of one model's final samples that are compared between seeds."""
    distances = {e: final[e]["fid"] for e in EXTRACTORS if final[e]}
    return distances | {
        "not_digit": final["not_digit"]["share"],
        "background": final["background"]["mean"],
        "recall": final["variety"]["recall"],
        "coverage": final["variety"]["coverage"],
        "divergence": final["classes"]["divergence"],
    }


def panels(
    spreads: Mapping[str, Mapping], floors: Mapping[str, dict | None], noun: str = "digit"
) -> dict[str, tuple]:
    """Loss and distance over epochs with one standard deviation to either side, for `distance_panels`.

    `noun` is what a class of the data set is called, as in `comparison.panels`.
    """
    floor = floors["digits"]
    return {
        "test loss": ({m: _bands(s["losses"]) for m, s in spreads.items()}, None),
        f"Fréchet distance, {noun} features": (
            {m: _bands(s["distances"]["digits"]) for m, s in spreads.items()},
            (floor["fid_mean"], floor["fid_sd"]) if floor else None,
        ),
    }


def _bands(rows: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    return [
        {"epoch": r["epoch"], "value": r["mean"], "low": r["mean"] - r["sd"], "high": r["mean"] + r["sd"]}
        for r in rows
    ]


def _over_epochs(columns: Sequence[Mapping[int, float]]) -> list[dict[str, float]]:
    common = sorted(set.intersection(*(set(c) for c in columns)))
    return [{"epoch": epoch} | _mean_sd([c[epoch] for c in columns]) for epoch in common]


def _spread(values: list[float]) -> dict[str, Any]:
    return _mean_sd(values) | {"values": values}


def _mean_sd(values: list[float]) -> dict[str, float]:
    return {"mean": statistics.fmean(values), "sd": statistics.stdev(values)}
