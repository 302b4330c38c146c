"""The report's numbers and their sources: each knows the fields of the records that it was computed from.

`trace` turns the parts of loaded records into ones whose numbers are `Number`s, which know their place.
Arithmetic on them keeps the places; a function that computes in another way is `derived`: what it returns
knows all that it has read. The functions that format numbers mark them in the text (`Register.mark`), and the
text that is ready has a span for each (`written`), or none (`plain`).
"""

import functools
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, TypeVar

from diffusion.evaluation.interval import Interval, Part, Source
from diffusion.provenance import releases
from study.records import Record, Results

F = TypeVar("F", bound=Callable)
BEGIN, MIDDLE, END = "\ue000", "\ue001", "\ue002"  # around a number and its entry; in no text of ours
DEFINITION = "definition"  # in place of a record, of numbers that are chosen and not measured
MARK = re.compile(f"{BEGIN}(\\d+){MIDDLE}([^{BEGIN}{END}]*){END}")


class _Known:
    """The places of the records that a number comes from, and the function that made it."""

    sources: tuple[Source, ...] = ()
    operation: str = ""

    def __new__(cls, value: float, sources: Iterable[Source] = (), operation: str = ""):
        made = super().__new__(cls, value)
        made.sources, made.operation = tuple(dict.fromkeys(sources)), operation
        return made


class Number(_Known, float):
    """A number that knows where it comes from."""


class Count(_Known, int):
    """The same, whole."""


def _arithmetic(name: str, base: type) -> Callable:
    plain = getattr(base, name)

    def operate(self: Any, *others: Any) -> Any:
        value = plain(self, *others)  # perhaps NotImplemented, which stays as it is
        return known(value, sources_of((self, *others)), name.strip("_"))

    return operate


for _base, _cls in ((float, Number), (int, Count)):
    for _name in ["add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "pow", "neg", "abs"]:
        setattr(_cls, f"__{_name}__", _arithmetic(f"__{_name}__", _base))


def known(value: Any, sources: Sequence[Source], operation: str = "") -> Any:
    """A value whose numbers come from these places, but for those that know their own."""
    if not sources or isinstance(value, bool | Number | Count):
        return value
    if isinstance(value, float):
        return Number(value, sources, operation)
    if isinstance(value, int):
        return Count(value, sources, operation)
    if isinstance(value, Part):
        found = value.model_copy(update={k: known(v, sources, operation) for k, v in value if v is not None})
        found.__class__ = _traced(type(value))
        return found
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(known(one, sources, operation) for one in value)
    if type(value) is dict:
        return {k: known(v, sources, operation) for k, v in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        names = getattr(value, "SOURCED", [f.name for f in fields(value) if f.init])
        return replace(value, **{name: known(getattr(value, name), sources, operation) for name in names})
    return value


def sources_of(values: Iterable[Any]) -> tuple[Source, ...]:
    """The places that numbers come from, without repetition."""
    return tuple(dict.fromkeys(source for x in values for source in getattr(x, "sources", ())))


def defined(value: Any, name: str) -> Any:
    """A number that is a definition of ours: the `module:NAME` that holds it."""
    return known(value, (Source(DEFINITION, name),))


def counted(values: Iterable[Any], of: Iterable[Any] | None = None) -> int:
    """The number of some numbers or records, which comes from all of them, or from those it is taken `of`."""
    values = list(values)
    among = values if of is None else [*of]
    places = [_places[id(one)][1] for one in among if id(one) in _places]
    places = [Source(place.record, f"{place.pointer}/seed") for place in places]  # records of trainings
    return known(len(values), places or sources_of(among), "count")


# --- reading ---

STRUCTURE = {"epoch", "n", "seed", "steps"}  # by which numbers are chosen; they enter none
_reads: list[dict[Source, None]] = []  # of each function under way that is derived: what it has read
_made: set[type] = set()  # the classes of traced parts
_places: dict[int, tuple[Part, Source]] = {}  # id of a part -> the part, which so stays, and its place


@contextmanager
def reading():
    """All places that are read in the block, in order, as keys."""
    _reads.append({})
    try:
        yield _reads[-1]
    finally:
        seen = _reads.pop()
        if _reads:
            _reads[-1].update(seen)


def derived(function: F) -> F:
    """The function, whose result knows all that it has read."""

    @functools.wraps(function)
    def traced(*given: Any, **named: Any) -> Any:
        with reading() as seen:
            note([*given, *named.values()])
            found = function(*given, **named)
        return known(found, tuple(seen), f"{function.__module__}.{function.__qualname__}")

    return traced


mean = derived(fmean)


@functools.cache
def _traced(cls: type[Part]) -> type[Part]:
    """A class of parts whose numbers are read as `Number`s."""
    if cls in _made:
        return cls
    names = frozenset(cls.model_fields)

    def read(self: Part, name: str) -> Any:
        value = super(made, self).__getattribute__(name)
        if name not in names or not isinstance(value, float | int | list | tuple | dict):
            return value
        place = _places.get(id(self))
        if not place:
            found = value
        else:
            place = Source(place[1].record, f"{place[1].pointer}/{name}")
            found = _read(value, place)
        if _reads and name not in STRUCTURE and not isinstance(found, dict):
            array = place and isinstance(found, list | tuple) and all(map(_numeric, found))
            note(known(0.0, (place,)) if array else found)
        return found

    further = {"__getattribute__": read, "__module__": cls.__module__}
    if issubclass(cls, Interval):
        further |= {"map": derived(cls.map), "minus": derived(cls.minus)}
    made = type(cls.__name__, (cls,), further)
    _made.add(made)
    return made


def note(value: Any) -> None:
    """A number, or a list of numbers, has been read."""
    if isinstance(value, Number | Count):
        _reads[-1].update(dict.fromkeys(value.sources))
    elif isinstance(value, list | tuple):
        for one in value:
            note(one)


def _read(value: Any, place: Source) -> Any:
    if isinstance(value, float | int):
        return known(value, (place,))
    if not isinstance(value, list | tuple | dict):
        return value
    items = value if isinstance(value, dict) else dict(enumerate(value))
    if any(isinstance(one, Part) for one in items.values()):
        return value
    found = {k: _read(one, Source(place.record, f"{place.pointer}/{k}")) for k, one in items.items()}
    return found if isinstance(value, dict) else type(value)(found.values())


def trace(record: Record, name: str) -> None:
    """Have the numbers of a record, that of the file `name`, know their places."""
    _trace(record, Source(name, ""))


def _trace(value: Any, place: Source) -> None:
    if isinstance(value, Part):
        if id(value) in _places:
            return
        _places[id(value)] = (value, place)
        for name, one in list(value.__dict__.items()):
            _trace(one, Source(place.record, f"{place.pointer}/{name}"))
        if any(_numeric(one) for one in value.__dict__.values()):
            value.__class__ = _traced(type(value))
    elif isinstance(value, list | tuple | dict):
        for key, one in value.items() if isinstance(value, Mapping) else enumerate(value):
            if isinstance(one, Part | list | tuple | dict):
                _trace(one, Source(place.record, f"{place.pointer}/{key}"))


def _numeric(value: Any) -> bool:
    if isinstance(value, list | tuple | dict):
        return any(map(_numeric, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float | int) and not isinstance(value, bool)


def trace_results(results: Results, prefix: str = "") -> None:
    """As `trace`, for all records of a run whose folder is `prefix`."""
    records = {name: getattr(results, name) for name in ("schedules", "yardstick", "blind", "tuning")}
    for (model, seed), one in results.trainings.items():
        of_one = {"train": one.train, "measure": one.measure, "analyse": one.analysis}
        records |= {f"{kind}_{model}-{seed}": record for kind, record in of_one.items()}
    for name, record in records.items():
        if record:
            trace(record, f"{prefix}metrics/{name}.json")


# --- writing ---

IN_CODE, IN_FORMULA = r"(?P<tick>`+)[^`]+?(?P=tick)", r"\$[^$\n]+\$"
IN_ATTRIBUTES, IN_METADATA = r"\{[^{}]*\}", rf"^\w+: .*{BEGIN}.*$"
NO_SPAN = re.compile("|".join((IN_CODE, IN_FORMULA, IN_ATTRIBUTES, IN_METADATA)), re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """A number as it stands in the text: unrounded, and where it comes from."""

    values: tuple[float, ...]
    sources: tuple[Source, ...]
    operation: str


class Register:
    """The numbers of a text, in the order in which they were formatted."""

    def __init__(self):
        self.entries: dict[Entry, int] = {}
        self.missing: list[str] = []  # numbers without a source, as they are printed

    def mark(self, text: str, numbers: Sequence[Any]) -> str:
        """`text` with a mark that names its entry; as it stands where no source is known."""
        numbers = [getattr(x, "value", x) for x in numbers]  # also of a number with its interval
        if not (sources := sources_of(numbers)):
            self.missing.append(text)
            return text
        operations = dict.fromkeys(filter(None, (getattr(x, "operation", "") for x in numbers)))
        entry = Entry(tuple(float(x) for x in numbers), sources, ", ".join(operations))
        return f"{BEGIN}{self.entries.setdefault(entry, len(self.entries))}{MIDDLE}{text}{END}"


register = Register()


def plain(text: str) -> str:
    """The text without its marks."""
    while (found := MARK.sub(r"\2", text)) != text:
        text = found
    return text


def written(text: str) -> tuple[str, list[dict[str, Any]]]:
    """The text with a span for each marked number, and the numbers in the order in which they stand there."""
    by_id = {number: entry for entry, number in register.entries.items()}
    order: dict[int, int] = {}
    numbers: list[dict[str, Any]] = []

    def span(found: re.Match) -> str:
        mark = int(found[1])
        if mark not in order:
            order[mark] = len(order) + 1
            entry = by_id[mark]
            sources = [source._asdict() for source in entry.sources]
            value = entry.values[0] if len(entry.values) == 1 else list(entry.values)
            one = {"number": order[mark], "text": found[2], "value": value, "operation": entry.operation}
            numbers.append(one | {"sources": sources})
        return f"[{found[2]}]{{.n s={order[mark]}}}"

    return MARK.sub(span, NO_SPAN.sub(lambda found: plain(found[0]), text)), numbers


def listing(numbers: Sequence[Mapping[str, Any]], out: Path) -> str:
    """The list of sources at the end of the page, which lies in the folder `out`."""
    lines = [f"1. [{one['text']}]{{#n{one['number']}}}: {said(one, out)}" for one in numbers]
    return "\n".join(["", "::: page", HEAD, FOLD, f"**{len(lines)} numbers**", "", *lines, ":::", ":::", ""])


def said(one: Mapping[str, Any], out: Path) -> str:
    """A line on one number: the unrounded value and its places, of which like ones are one."""
    values = one["value"] if isinstance(one["value"], list) else [one["value"]]
    places: dict[str, dict[str, int]] = {}
    for source in one["sources"]:
        alike = re.sub(r"/\d+(?=/|$)", "/*", source["pointer"])
        of_record = places.setdefault(source["record"], {})
        of_record[alike] = of_record.get(alike, 0) + 1
    found = []
    for record, pointers in places.items():
        if len(places) > MANY:
            break
        here = [s["pointer"] for s in one["sources"] if s["record"] == record]
        first = {re.sub(r"/\d+(?=/|$)", "/*", pointer): pointer for pointer in here}
        shown = [f"`{first[p] if n == 1 else p}`" + (f" ({n})" if n > 1 else "") for p, n in pointers.items()]
        at = os.path.relpath(releases().parent / record, out) if record.startswith("released/") else record
        where = "" if record == DEFINITION else f"[{record.removesuffix('.json')}]({at}) "
        found.append(where + ", ".join(shown))
    if len(places) > MANY:
        named = f"number {one['number']} of [the file of numbers](numbers.json)"
        found = [f"{len(one['sources'])} places in {len(places)} records: {named}"]
    how = f" by `{one['operation']}` of" if one["operation"] else " from"
    return f"{', '.join(map(repr, values))}{how} {'; '.join(found)}"


MANY = 6  # records, of which more are not named one by one
HEAD = "# Where the numbers come from {#sec:sources .unnumbered}\n"
FOLD = "::: {.claim #numbers}"
