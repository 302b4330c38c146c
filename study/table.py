"""All numbers of a run as one table: a row is a number, with what it is of and where it stands.

    from study import table
    found = table.frame("paper")                      # a release; or a folder, such as build/quick
    last = found[(found.measure == "frechet") & found.source.str.contains("/final/")]

A row has the columns of `Row`. A measure is named as in the records: `frechet` is the distance in digit
features, `distances.autoencoder` that in an autoencoder's, `variety.coverage` the coverage.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from diffusion.files import expanded, read_json
from diffusion.provenance import releases

AXES = ("levels", "t")  # lists that say where the numbers beside them stand
NO_NUMBERS = {
    "settings",
    "environment",
    "changes",
    "labels",
    "accepted",
    "sources",
    "features",
    "seed",
    "epoch",
}


class Row(NamedTuple):
    """A number.

    Attributes:
        run: the folder that it is in.
        model, seed: the training; "" and None of what is of no training.
        way: how samples were drawn, where that is not the model's own way, or which images are measured.
        epoch: after which the weights were kept; None of the whole training.
        measure: its name.
        x: level, time step, class or place in a list; None of a single number.
        value, low, high, n, sd: the number, its 95 % interval, the cases behind it and their deviation.
        source: the file and the JSON pointer in it.
    """

    run: str
    model: str
    seed: int | None
    way: str
    epoch: int | None
    measure: str
    x: float | None
    value: float
    low: float | None
    high: float | None
    n: int | None
    sd: float | None
    source: str


def rows(out: Path) -> Iterator[Row]:
    """The numbers of all records under OUT, in the order of their files."""
    for path in sorted((out / "metrics").glob("*.json")):
        record = {} if path.stem == "blind" else read_json(path)  # readers' labels are no numbers
        of = {"run": out.name, "model": record.get("model", ""), "seed": record.get("seed")}
        yield from _walk(record, of, "", f"metrics/{path.name}#", None)


def frame(run: str | Path) -> pd.DataFrame:
    """The same as a DataFrame, of a release's name or of a folder of results.

    Raises:
        ValueError: there are no records.
    """
    folder = releases() / run if (releases() / run / "metrics").is_dir() else expanded(run)
    found = pd.DataFrame(rows(folder), columns=Row._fields)
    if found.empty:
        raise ValueError(f"{folder} has no records; needed: a folder of results, or the name of a release")
    return found.astype({"seed": "Int64", "epoch": "Int64", "n": "Int64"})


def as_csv(out: Path) -> bytes:
    """The same as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([Row._fields, *rows(out)])
    return text.getvalue().encode()


def _walk(node: Any, of: Mapping[str, Any], measure: str, source: str, x: float | None) -> Iterator[Row]:
    """The rows below a place of a record; `of` has what they have in common."""
    alone = isinstance(node, Mapping) and _number(node.get("value", node.get("mean")))
    if alone or _number(node):
        yield _row(node, of, measure, source, x)
    if isinstance(node, Mapping):
        axis = next((node[name] for name in AXES if isinstance(node.get(name), list)), None)
        said = {*NO_NUMBERS, *AXES, *(("value", "mean", "low", "high", "n", "sd") if alone else ())}
        for name, child in node.items():
            if name in said:
                continue
            now, part = _of(name, child, of)
            below = ".".join(filter(None, (measure, part)))
            if isinstance(child, list):
                places = axis if axis and len(axis) == len(child) else range(len(child))
                for i, (place, one) in enumerate(zip(places, child, strict=True)):
                    about = _of_item(name, one, now)
                    place = place if about is now else None  # an epoch or a kind says where it is
                    yield from _walk(one, about, below, f"{source}/{name}/{i}", place)
            else:
                yield from _walk(child, now, below, f"{source}/{name}", x)


def _of(name: str, child: Any, of: Mapping) -> tuple[Mapping[str, Any], str]:
    """Common columns of the rows below a name, and the name's part in that of the measure."""
    if name == "final":
        return {**of, "epoch": child["epoch"]}, ""
    if name in ("curve", "history", "drawn", "ways", "ablations"):
        return of, ""
    if name in ("real", "prior", "clipping", "float32", "first", "second"):
        return {**of, "way": " ".join(filter(None, (of.get("way", ""), name)))}, ""
    if isinstance(child, Mapping) and "changes" in child:  # a way to sample, by its name
        return {**of, "way": name}, ""
    if isinstance(child, Mapping) and {"sampler", "digit"} <= child.keys():
        return {**of, "way": name}, ""
    return of, name


def _of_item(name: str, one: Any, of: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same of an item of a list."""
    if not isinstance(one, Mapping):
        return of
    if "epoch" in one:
        return {**of, "epoch": one["epoch"]}
    if name == "drawn":
        said = [one["sampler"], f"{one['calls']} calls"]
        said += [f"noise {one['noise']:g}"] if one["noise"] else []
        return {**of, "way": ", ".join(said + ["clipped"] * one["clip_x0"])}
    if name == "tried":
        return {**of, "model": one["model"], "seed": one["seed"], "way": str(one["changes"])}
    called = one.get("kind", one.get("name", one.get("source")))
    return {**of, "way": called} if called else of


def _row(node: Any, of: Mapping[str, Any], measure: str, source: str, x: float | None) -> Row:
    given = node if isinstance(node, Mapping) else {"value": node}
    numbers = {name: given.get(name) for name in ("low", "high", "n", "sd")}
    numbers["value"] = given.get("value", given.get("mean"))
    return Row(**{"way": "", "epoch": None, **of}, measure=measure, x=x, **numbers, source=source)


def _number(node: Any) -> bool:
    return isinstance(node, int | float) and not isinstance(node, bool)
