"""All numbers of a run as one table: a row is a number, with what it is of and where it stands.

    from report.results import table
    found = table.frame("paper")                      # a release; or a folder, such as build/quick
    last = found[(found.measure == "frechet") & (found.way == "")]

A job leaves one file, OUT/metrics/<job>.json: its rows, and beside them, once, what is no number (settings,
machine, versions, labels) and the sizes of things (steps, parameters). `write` makes it and `load` reads it.

What is read of a table can be noted (`reading`): so a number of the report knows its rows.
"""

import json
from collections import UserDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from diffusion.evaluation.statistics import Interval
from diffusion.files import write_bytes
from diffusion.provenance import releases
from report.files import read_json

if TYPE_CHECKING:
    import pandas as pd

METRICS = "metrics"
CHECKPOINT, REAL = "checkpoint", "real"  # ways: see `Row`
IN_FILE = ("way", "epoch", "measure", "x", "value", "low", "high", "n", "sd")  # the model may come last


class Row(NamedTuple):
    """A number."""

    run: str  # the folder that it is in
    model: str  # "" of what is of no training
    seed: int | None
    way: str  # "" the finished model's own; "checkpoint", "real", a variant's name, or a distortion
    epoch: int | None  # after which the weights were kept; None of the whole training
    measure: str
    x: float | None  # level, time step, class or place in a list
    value: float
    low: float | None  # the 95 % interval
    high: float | None
    n: int | None  # cases behind it
    sd: float | None
    source: str  # the job's file, from the folder of the run or the project, and its place in it

    @property
    def interval(self) -> Interval:
        """The number with its interval; it has been read."""
        note(self.source)
        return Interval(self.value, self.low, self.high, self.n, sd=self.sd)


# --- what is read ---

_reads: list[dict[str, None]] = []  # of each block under way: the sources that it has read, in order


class Read(str):
    """A source, and the part of a number that it was read for, such as its denominator."""

    part = ""


@contextmanager
def reading(part: str = "") -> Iterator[dict[str, None]]:
    """All sources that are read in the block, in order, as keys; a block around it reads them, too.

    part: what they are read for; a source has the part for which it was read first.
    """
    seen: dict[str, None] = {}
    _reads.append(seen)
    try:
        yield seen
    finally:
        _reads.pop()
        for source in seen:
            one = Read(source)
            one.part = getattr(source, "part", "") or part
            note(one)


def note(*sources: str) -> None:
    """Something has been read."""
    if _reads:
        _reads[-1].update(dict.fromkeys(sources))


class Facts(Mapping):
    """The part of a job's file beside its rows, by key or as attributes; a number or text read is noted.

    `unread` is the same as it stands in the file, of which nothing is noted; `source` is its place.
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
        if key == "unread" or key not in self.unread:  # which a copy in the making lacks
            raise AttributeError(key)
        return self[key]

    def __contains__(self, key: object) -> bool:  # reads nothing
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
    """A row as it stands in a job's file; with its model where the job is of none."""
    one = value if isinstance(value, Interval) else Interval(value)
    found = [way, epoch, measure, x, one.value, one.low, one.high, one.n, one.sd]
    return [*found, model] if model else found


def lines(found: Mapping[str, Any], way: str = "", epoch: int | None = None) -> Iterator[list[Any]]:
    """Rows of what is measured of one thing: measure -> a number, or numbers in a list or by place x."""
    for measure, value in found.items():
        places = dict(enumerate(value)) if isinstance(value, list) else value
        for x, one in places.items() if isinstance(places, Mapping) else [(None, value)]:
            yield row(measure, one, way=way, epoch=epoch, x=x)


def write(out: Path, job: str, facts: Mapping[str, Any], rows: Iterable[Sequence[Any]]) -> Path:
    """Write the file of a job, a row a line, atomically; returns its path. ValueError: one is not finite."""
    lines = ",\n".join(json.dumps(one, ensure_ascii=False, allow_nan=False) for one in rows)
    head = json.dumps(dict(facts), indent=1, ensure_ascii=False, allow_nan=False).removesuffix("\n}")
    text = f'{head},\n "rows": [\n{lines}\n]}}\n'
    return write_bytes(path_of(out, job), text.encode())


def path_of(out: Path, job: str) -> Path:
    return Path(out) / METRICS / f"{job}.json"


def grouped(rows: Iterable[Row], by: str) -> dict[Any, list[Row]]:
    """Rows by what they have in a column."""
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(getattr(row, by), []).append(row)
    return groups


class Record:
    """A job's file, read: `facts` beside its `rows`, and by `ways` all that is measured in each."""

    def __init__(self, out: Path, name: str, prefix: str = ""):
        path = path_of(out, name)
        content = read_json(path)
        self.name, source, self.rows = name, f"{prefix}{METRICS}/{path.name}#", []
        model, seed = content.get("model", ""), content.get("seed")
        for place, line in enumerate(content.pop("rows")):
            way, epoch, *numbers = line[: len(IN_FILE)]
            of = line[len(IN_FILE)] if len(line) > len(IN_FILE) else model
            self.rows.append(Row(out.name, of, seed, way, epoch, *numbers, f"{source}{place}"))
        self.facts = Facts(content, source)
        self.ways = {way: Samples(rows) for way, rows in grouped(self.rows, "way").items()}

    def __contains__(self, way: str) -> bool:
        return way in self.ways

    def __getitem__(self, way: str) -> "Samples":
        """The samples of one way, as they are measured. Raises KeyError where there are none."""
        return self.ways[way]

    def curve(self, way: str = CHECKPOINT) -> list["Samples"]:
        """The samples of one way after each epoch, in order."""
        rows = [row for row in self.rows if row.way == way and row.epoch is not None]
        return [Samples(of_epoch) for _, of_epoch in sorted(grouped(rows, "epoch").items())]


class Samples(UserDict):
    """A set of samples or of images, as it is measured: measure -> an `Interval`, or a list by places x."""

    def __init__(self, rows: Sequence[Row]):
        super().__init__(grouped(rows, "measure"))
        self.way, self.epoch = rows[0].way, rows[0].epoch

    def __getitem__(self, measure: str) -> Interval | list[Interval]:
        rows = self.data[measure]
        return rows[0].interval if rows[0].x is None else [row.interval for row in rows]

    def at(self, measure: str, x: float) -> Interval:
        """The number at a place. Raises KeyError where it is not measured there."""
        return {row.x: row for row in self.data[measure]}[x].interval

    def places(self, measure: str) -> list[float]:
        """The places x of a measure."""
        return [row.x for row in self.data[measure]]

    @property
    def n(self) -> int:
        """Samples that the distance is of; all, where these are one image."""
        return self["centre_dark" if self.one_image else "frechet"].n

    @property
    def one_image(self) -> bool:
        """All are one image, so that they have no distance and are no digits."""
        return "frechet" not in self and "centre_dark" in self


# --- for readers ---


def rows(out: Path) -> Iterator[Row]:
    """The numbers of all jobs under OUT, in the order of their files."""
    names = sorted(path.stem for path in (Path(out) / METRICS).glob("*.json"))
    return chain.from_iterable(Record(out, name).rows for name in names)


def frame(run: str | Path) -> "pd.DataFrame":
    """The numbers of a release, by its name, or of a folder as a DataFrame; ValueError: it has none."""
    import pandas as pd  # takes a second

    folder = releases() / run if (releases() / run / METRICS).is_dir() else Path(run).expanduser()
    found = pd.DataFrame(rows(folder), columns=Row._fields)
    if found.empty:
        raise ValueError(f"{folder} has no results; needed: a folder of results, or the name of a release")
    return found.astype({"seed": "Int64", "epoch": "Int64", "n": "Int64"})


def as_csv(out: Path) -> bytes:
    """The numbers of all jobs under OUT as CSV, with a head."""
    return frame(out).to_csv(index=False, lineterminator="\n").encode()
