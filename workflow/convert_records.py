"""Convert the records of a release of an earlier edition: `python -m tools.convert_records FOLDER ...`

Numbers with an interval become `Interval`s, and fields get their nouns. Each number stays what it is, to the
bit; keys of `settings` stay as they are. Records that are converted already are left alone; the manifest gets
the new hashes.
"""

import sys
from pathlib import Path
from typing import Any

from scipy import stats

from diffusion.files import read_json, sha256, write_json
from study.records import (
    AnalyseRecord,
    DataNames,
    MeasureRecord,
    SchedulesRecord,
    TrainRecord,
    YardstickRecord,
)

Old = dict[str, Any]
CLASSES = {
    "schedules": SchedulesRecord,
    "train": TrainRecord,
    "measure": MeasureRecord,
    "analyse": AnalyseRecord,
    "yardstick": YardstickRecord,
}


def interval(found: Old, value: str, prefix: str = "") -> Old:
    """The number named `value` with its ends, and the n that stands beside it."""
    ends = {end: found[f"{prefix}{end}"] for end in ("low", "high") if found[f"{prefix}{end}"] is not None}
    n = {"n": found["n"]} if not prefix and "n" in found else {}
    return {"value": found[value], **ends, **n}


def spread(mean: float, sd: float, n: int | None = None) -> Old:
    return {"mean": mean, "sd": sd} | ({} if n is None else {"n": n})


def distance(found: Old) -> Old:
    bias = {} if found["bias"] is None else {"bias": found["bias"]}
    return interval(found, "fid") | bias | {"kid": spread(found["kid"], found["kid_sd"])}


def floor(found: Old | None) -> Old | None:
    return found and spread(found["fid_mean"], found["fid_sd"], found["n"])


def variety(found: Old) -> Old:
    count, n = round(found["precision"] * found["n"]), found["n"]
    ends = stats.binomtest(count, n).proportion_ci(0.95, method="wilson")
    precision = {"value": found["precision"], "low": float(ends.low), "high": float(ends.high)}
    others = {name: interval(found, name, f"{name}_") for name in ("recall", "coverage")}
    return {"precision": precision, **others, "n": n}


def classes(found: Old) -> Old:
    if "divergence" not in found:  # of real images: shares alone
        return found
    each = zip(found["share"], found["low"], found["high"], strict=True)
    return {
        "share": [{"value": share, "low": low, "high": high} for share, low, high in each],
        "divergence": interval(found, "divergence", "divergence_"),
    }


PARTS = {
    "not_digit": ("low_confidence", lambda found: interval(found, "share")),
    "background": ("background", lambda found: interval(found, "mean")),
    "variety": ("variety", variety),
    "classes": ("classes", classes),
    "digits": ("frechet", distance),
    "divergence_floor": ("divergence_floor", lambda found: spread(found["mean"], found["sd"], found["n"])),
}


def samples(found: Old) -> Old:
    """What is measured of samples, or of real images."""
    out = {}
    for name, value in found.items():
        new, convert = PARTS.get(name, (name, lambda value: value))
        out[new] = convert(value)
    out.pop("inception", None)
    return out


def measure(found: Old) -> Old:
    found["ways"] = {name: samples(one) for name, one in found.pop("variants", found.get("ways", {})).items()}
    found.pop("measures", None)
    found["classifier"], found["inception"] = (found["extractors"][k] for k in ("digits", "inception"))
    found.pop("extractors")
    found["floor"] = floor(found["floor"]["digits"])
    found["curve"] = [samples(row) for row in found["curve"]]
    final = found["final"]
    found["final"] = samples(final) | {
        "floor": floor(final["floor"]["digits"]),
        "inception": final["inception"] and distance(final["inception"]),
        "inception_floor": floor(final["floor"].get("inception")),
    }
    found["real"] = samples(found["real"])
    for name, one in found["ablations"].items():
        if one and name == "prior":
            sides = {side: samples(one[side]) for side in ("independent", "patches")}
            found["ablations"][name] = sides | {"curve": [samples(row) for row in one["curve"]]}
        elif one:
            gap = {PARTS.get(k, (k,))[0]: interval(v, "mean") for k, v in one["gap"].items()}
            found["ablations"][name] = {k: samples(one[k]) for k in ("first", "second")} | {"gap": gap}
    return found


def analyse(found: Old) -> Old:
    def drawn(one: Old) -> Old:
        return samples(one) | {"digit": interval(one["digit"], "share")}

    found["drawn"] = [drawn(one) for one in found["drawn"]]
    found["ways"] = {name: drawn(one) for name, one in found.pop("variants", found.get("ways", {})).items()}
    found["mix"] = {
        "n": found["mix"]["n"],
        "frechet": distance(found["mix"]["digits"]),
        "reweighted": interval(found["mix"]["reweighted"], "fid"),
    }
    found["memorised"] = {name: interval(one, "share") for name, one in found["memorised"].items()}
    if response := found.get("response"):
        each = zip(*(response[k] for k in ("response", "low", "high")), strict=True)
        ends = [{"value": value, "low": low, "high": high} for value, low, high in each]
        found["response"] = {"t": response["t"], "response": ends}
    if recoverable := found.get("recoverable"):
        recoverable["right"] = [interval(one, "share") for one in recoverable["right"]]
    return found


def yardstick(found: Old) -> Old:
    found["distorted"] = [{"kind": one["kind"], "frechet": one["fid"]} for one in found["distorted"]]
    found["mixed"] = [{"divergence": one["divergence"], "frechet": one["fid_mean"]} for one in found["mixed"]]
    return found


def train(found: Old) -> Old:
    names = DataNames.of(found["settings"].get("dataset", "mnist"))
    return found | {"data": found.get("data") or names.model_dump()}


CONVERT = {"train": train, "measure": measure, "analyse": analyse, "yardstick": yardstick}


def earlier(kind: str, found: Old) -> bool:
    """Whether a record is of an earlier edition."""
    old = {
        "train": lambda: not found.get("data"),
        "measure": lambda: "extractors" in found,
        "analyse": lambda: "digits" in found["mix"],
        "yardstick": lambda: "fid" in found["distorted"][0],
    }
    return kind in old and old[kind]()


def convert(folder: Path) -> list[Path]:
    """Convert the records of a results folder, or of a release; returns those that it changed."""
    changed = []
    for path in sorted((folder / "metrics").glob("*.json")):
        kind, found = path.stem.partition("_")[0], read_json(path)
        if earlier(kind, found):
            CLASSES[kind].model_validate(CONVERT[kind](found)).save(path)
            changed.append(path)
    if (folder / "manifest.json").is_file():
        content = read_json(folder / "manifest.json")
        content["files"] |= {path.relative_to(folder).as_posix(): sha256(path) for path in changed}
        write_json(folder / "manifest.json", content)
    return changed


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(f"{name}: {len(convert(Path(name)))} records converted")
