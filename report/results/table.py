"""All numbers of a run as one table, with a row for each number.

    from report.results import table
    rows = table.frame("paper")                      # a release, or a folder such as build/quick
    last = rows[(rows.measure == "frechet") & (rows.way == "")]

A job writes one file, OUT/metrics/<job>.json. It contains the rows and, once, everything else: settings,
machine, versions, labels, and sizes such as steps and parameters. `write` writes it and `Record` reads it.

`reading` notes which rows are read, so a number in a report knows its sources.
"""

import json
from collections import UserDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from diffusion.evaluation.statistics import Interval
from diffusion.files import write_bytes
from diffusion.places import releases
from report.files import read_json

if TYPE_CHECKING:
    import pandas as pd

METRICS = "metrics"
CHECKPOINT, REAL = "checkpoint", "real"  # values of `Row.way`
IN_FILE = ("way", "epoch", "measure", "x", "value", "low", "high", "n", "sd")  # a model may follow


class Row(NamedTuple):
    """A number of the table."""

    run: str  # name of the run's folder
    model: str  # "" if the number belongs to no training run
    seed: int | None
    way: str  # "" for the finished model; "checkpoint", "real", name of a variant, or a distortion
    epoch: int | None  # epoch of the weights; None for the training run as a whole
    measure: str
    x: float | None  # level, time step, class or place in a list
    value: float
    low: float | None  # lower end of the 95% interval
    high: float | None  # upper end
    n: int | None  # number of cases
    sd: float | None  # standard deviation over the cases
    source: str  # the job's file, relative to the run or the project, and the place of the row in it

    @property
    def interval(self) -> Interval:
        """The number with its interval; the row is noted as read."""
        note(self.source)
        return Interval(self.value, self.low, self.high, self.n, sd=self.sd)


# --- noting what is read ---

_reads: list[dict[str, None]] = []  # sources that each open block has read, in order


class Read(str):
    """A source with its role in a number, `part`, such as "denominator"."""

    part = ""


@contextmanager
def reading(part: str = "") -> Iterator[dict[str, None]]:
    """Yield the sources that are read in the block, in order, as keys. They also count for outer blocks.

    Args:
        part: role of the sources in a number; a source keeps its first role.
    """
    seen: dict[str, None] = {}
    _reads.append(seen)
    try:
        yield seen
    finally:
        _reads.pop()
        for source in seen:
            read = Read(source)
            read.part = getattr(source, "part", "") or part
            note(read)


def note(*sources: str) -> None:
    """Note that sources are read."""
    if _reads:
        _reads[-1].update(dict.fromkeys(sources))


class Facts(Mapping):
    """The content of a job's file except its rows, by key or attribute. Each value that is read is noted.

    Attributes:
        unread: the same content as a plain mapping, from which reading is not noted.
        source: place of the content, such as "metrics/train_zoom-0.json#".
    """

    def __init__(self, content: Mapping[str, Any], source: str):
        self.unread, self.source = content, source

    def __getitem__(self, key: str) -> Any:
        value, source = self.unread[key], f"{self.source}/{key}"
        if isinstance(value, dict):
            return Facts(value, source)
        note(source)
        return value

    def __getattr__(self, key: str) -> Any:
        if key == "unread" or key not in self.unread:  # `unread` is missing while the object is copied
            raise AttributeError(key)
        return self[key]

    def __contains__(self, key: object) -> bool:  # does not count as reading
        return key in self.unread

    def __iter__(self) -> Iterator[str]:
        return iter(self.unread)

    def __len__(self) -> int:
        return len(self.unread)


# --- a job's file ---


def row(
    measure: str,
    value: float | Interval,
    way: str = "",
    epoch: int | None = None,
    x: float | None = None,
    model: str | None = None,
) -> list[Any]:
    """A row for a job's file.

    Args:
        measure: name of the measure.
        value: the number, or an interval.
        way, epoch, x: see `Row`.
        model: the model, for a job that belongs to no single training run.
    """
    number = value if isinstance(value, Interval) else Interval(value)
    cells = [way, epoch, measure, x, number.value, number.low, number.high, number.n, number.sd]
    return [*cells, model] if model else cells


def lines(values: Mapping[str, Any], way: str = "", epoch: int | None = None) -> Iterator[list[Any]]:
    """Rows for several measures.

    Args:
        values: value of each measure: a number, a list of numbers, or a mapping of x to numbers.
        way, epoch: see `Row`.
    """
    for measure, value in values.items():
        places = dict(enumerate(value)) if isinstance(value, list) else value
        for x, number in places.items() if isinstance(places, Mapping) else [(None, value)]:
            yield row(measure, number, way=way, epoch=epoch, x=x)


def write(out: Path, job: str, facts: Mapping[str, Any], rows: Iterable[Sequence[Any]]) -> Path:
    """Write the file of a job atomically, with a line for each row, and return its path.

    Args:
        out: results folder.
        job: name of the job.
        facts: everything but the rows.
        rows: rows from `row` or `lines`.

    Raises:
        ValueError: a number is not finite.
    """
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    head = json.dumps(dict(facts), indent=1, ensure_ascii=False, allow_nan=False).removesuffix("\n}")
    text = f'{head},\n "rows": [\n{lines}\n]}}\n'
    return write_bytes(path_of(out, job), text.encode())


def path_of(out: Path, job: str) -> Path:
    return Path(out) / METRICS / f"{job}.json"


def grouped(rows: Iterable[Row], by: str) -> dict[Any, list[Row]]:
    """Group rows by their value in a column."""
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(getattr(row, by), []).append(row)
    return groups


class Record:
    """A job's file.

    Attributes:
        facts: everything but the rows.
        rows: all rows.
        ways: samples by way (see `Row`).
    """

    def __init__(self, out: Path, name: str, prefix: str = ""):
        path = path_of(out, name)
        content = read_json(path)
        self.name, source, self.rows = name, f"{prefix}{METRICS}/{path.name}#", []
        model, seed = content.get("model", ""), content.get("seed")
        for index, line in enumerate(content.pop("rows")):
            way, epoch, *numbers = line[: len(IN_FILE)]
            owner = line[len(IN_FILE)] if len(line) > len(IN_FILE) else model
            self.rows.append(Row(out.name, owner, seed, way, epoch, *numbers, f"{source}{index}"))
        self.facts = Facts(content, source)
        self.ways = {way: Samples(rows) for way, rows in grouped(self.rows, "way").items()}

    @property
    def main_features(self) -> str:
        """The name of the features behind `frechet` and coverage in a record of measuring."""
        return next(iter(self.facts.unread.get("features", ["digits"])))

    def __contains__(self, way: str) -> bool:
        return way in self.ways

    def __getitem__(self, way: str) -> "Samples":
        """The samples of a way; KeyError: the file lacks rows for it."""
        return self.ways[way]

    def curve(self, way: str = CHECKPOINT) -> list["Samples"]:
        """The samples of a way after each epoch, in order."""
        rows = [row for row in self.rows if row.way == way and row.epoch is not None]
        return [Samples(of_epoch) for _, of_epoch in sorted(grouped(rows, "epoch").items())]


class Samples(UserDict):
    """The measures of a set of images by name: an `Interval`, or a list of them, one for each x."""

    def __init__(self, rows: Sequence[Row]):
        super().__init__(grouped(rows, "measure"))
        self.way, self.epoch = rows[0].way, rows[0].epoch

    def __getitem__(self, measure: str) -> Interval | list[Interval]:
        rows = self.data[measure]
        return rows[0].interval if rows[0].x is None else [row.interval for row in rows]

    def at(self, measure: str, x: float) -> Interval:
        """The number at a place x; KeyError: it is not measured there."""
        return {row.x: row for row in self.data[measure]}[x].interval

    def places(self, measure: str) -> list[float]:
        """The places x of a measure."""
        return [row.x for row in self.data[measure]]

    @property
    def n(self) -> int:
        """Number of samples behind the distance; of all samples if they are one image."""
        return self["centre_dark" if self.one_image else "frechet"].n

    @property
    def one_image(self) -> bool:
        """True if all samples are one image; distances are then undefined."""
        return "frechet" not in self and "centre_dark" in self


# --- for readers ---


def frame(run: str | Path) -> "pd.DataFrame":
    """All rows of a run as a DataFrame, in the order of the jobs' files.

    Args:
        run: name of a release, such as "paper", or a results folder, such as "build/quick".

    Raises:
        ValueError: the folder contains no results.
    """
    import pandas as pd  # takes a second

    folder = releases() / run if (releases() / run / METRICS).is_dir() else Path(run).expanduser()
    names = sorted(path.stem for path in (folder / METRICS).glob("*.json"))
    rows = [row for name in names for row in Record(folder, name).rows]
    table = pd.DataFrame(rows, columns=Row._fields)
    if table.empty:
        raise ValueError(f"{folder} contains no results; expected a results folder or the name of a release")
    return table.astype({"seed": "Int64", "epoch": "Int64", "n": "Int64"})


def as_csv(out: Path) -> bytes:
    """All rows of a run as CSV, with a header."""
    return frame(out).to_csv(index=False, lineterminator="\n").encode()
