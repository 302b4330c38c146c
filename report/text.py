"""From the text's sources to Markdown: guards are decided, placeholders filled in, what they read is noted.

A source has placeholders `<< >>`, and loops only where a table needs them, on lines that begin with `%%`.
Paragraphs may stand in a guard, whose condition is a Jinja2 expression over the names of the run:

    ::: {.finding if="min(low_confidence_all) > 0.5 and real.low_confidence.value < 0.1"}
    Said only if the run supports it. The tests hold the released paper to all of them.
    :::

    ::: {.part if="final.zoom and notebooks"}
    Said only of a run that has what is needed.
    :::

What a run lacks is undefined, and a condition that needs it is not met. A finding can have a name, `{.finding
#doubtful if="..."}`; conditions of other paragraphs can then rest on it: `if="doubtful and final.zoom"`.

A name is a function, which is called when a placeholder or a condition first needs it (`Names`).
"""

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from traceback import extract_tb
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.meta import find_undeclared_variables
from jinja2.visitor import NodeTransformer

from diffusion.bounds import nearest
from report.sources import Marks, taken
from report.text_format import DASH, HELPERS, Markdown, finalize, printed
from study.table import note, reading

TEXT = Path(__file__).resolve().parent / "text"
FINDINGS = TEXT.parent / "readme" / "findings.md"  # what came out, for the README and for the top of the page
GUARD = re.compile(r'::: \{\.(?P<kind>finding|part)(?: #(?P<name>\w+))? if="(?P<condition>[^"]+)"\}')
BEGIN = re.compile(r"::: \{\.(finding|part)\b")
PLACEHOLDER = re.compile(r"<<.*?>>", re.DOTALL)
STATEMENT = re.compile(r"^%%(.*)$", re.MULTILINE)
NAMES = "_names"  # a template's one variable


# --- names ---


class Lazy(Mapping):
    """Key -> value, made by a function when it is first read; what it reads and prints is noted each time."""

    def __init__(self, keys: Iterable[str], function: Callable[[str], Any]):
        self._keys, self._function, self._made = dict.fromkeys(keys), function, {}

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        begin = len(printed)
        if key not in self._made:
            with reading() as seen:
                value = self._function(key)
            self._made[key] = value, tuple(seen), printed[begin:]
        value, seen, printed[begin:] = self._made[key]
        note(*seen)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class Names(Lazy):
    """Names of a text: each a value, or a function without arguments that makes it when it is needed."""

    def __init__(self, functions: Mapping[str, Callable[[], Any] | Any]):
        super().__init__(functions, lambda name: f() if callable(f := functions[name]) else f)


# --- what conditions may call ---


def _of_numbers(choose: Callable[[Sequence[float]], float]) -> Callable[..., float]:
    """A function of numbers and lists of numbers; undefined where there are none."""

    def function(*values: Any) -> float:
        plain = [getattr(value, "value", value) for value in values]
        found = [x for value in plain for x in (value if isinstance(value, Iterable) else [value])]
        if not found:
            raise jinja2.UndefinedError("there are no numbers")
        return choose([getattr(x, "value", x) for x in found])

    return function


STATISTICS = {f.__name__: _of_numbers(f) for f in (max, min, fmean)}


# --- the language ---


class _Late(NodeTransformer):
    """Each name becomes an item of `NAMES`, so that it is made where it stands, not at the begin."""

    def __init__(self, tree: nodes.Template, known: Iterable[str]):
        self.own = {*known} | {one.name for one in tree.find_all(nodes.Name) if one.ctx == "store"}

    def visit_Name(self, node: nodes.Name) -> nodes.Node:
        if node.ctx != "load" or node.name in self.own:
            return node
        names, key = nodes.Name(NAMES, "load"), nodes.Const(node.name)
        return nodes.Getitem(names, key, "load").set_lineno(node.lineno)


class _Environment(jinja2.Environment):
    """Jinja2 for which None is undefined, and an attribute that a class does not have an error."""

    def _generate(self, tree: nodes.Template, *given: Any, **how: Any) -> str:
        return super()._generate(_Late(tree, (NAMES, *self.globals)).visit(tree), *given, **how)

    def preprocess(self, source: str, *given: Any) -> str:
        """Lines with statements as blocks: Jinja's line statements would take the blank lines after them."""
        return super().preprocess(STATEMENT.sub("\0%\\1 %\0", source), *given)

    def getattr(self, obj: Any, attribute: str) -> Any:
        found = super().getattr(obj, attribute)
        if isinstance(found, jinja2.Undefined) and not isinstance(obj, Mapping | None):
            public = [name for name in dir(obj) if not name.startswith("_")]
            raise ValueError(f"{type(obj).__name__} has no {attribute!r}{nearest(attribute, public)}")
        return self._told(found, obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self._told(super().getitem(obj, argument), obj, argument)

    def _told(self, found: Any, obj: Any, name: Any) -> Any:
        """The thing that was found, or one undefined that tells the nearest name."""
        if isinstance(found, jinja2.Undefined) and isinstance(obj, Mapping):
            return self.undefined(f"this run has no {name!r}{nearest(str(name), map(str, obj))}")
        return self.undefined(obj=obj, name=name) if found is None else found


def _environment(show: Callable[[Any], str] = finalize) -> _Environment:
    made = _Environment(
        loader=jinja2.FileSystemLoader(TEXT),  # of parts that several sources include
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="\0%",  # no branches in prose
        block_end_string="%\0",
        comment_start_string="\0#",
        comment_end_string="#\0",
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=show,
        keep_trailing_newline=True,
    )
    made.globals = HELPERS | STATISTICS
    made.filters |= HELPERS
    return made


_CONDITIONS = _environment()


class Text:
    """The sources of a text, in a folder, with the names and named findings that they share.

    Where it is to be `complete`, a finding that the run does not support is an error.
    """

    def __init__(self, names: Mapping[str, Any], marks: Marks, complete: bool = False, folder: Path = TEXT):
        findings = {"findings": lambda: Markdown(self.markdown(FINDINGS.read_text("utf-8"), FINDINGS.name))}
        self.names, self.marks, self.complete = Names(findings | dict(names)), marks, complete
        self.sources = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
        self.named = {
            guard["name"]: guard["condition"]
            for source in self.sources.values()
            for guard in GUARD.finditer(source)
            if guard["name"]
        }

    def holds(self, condition: str) -> bool:
        """A condition is met; one that needs what the run lacks is not. ValueError: it is none."""
        try:
            names = (
                find_undeclared_variables(_CONDITIONS.parse(f"<< {condition} >>"))
                - _CONDITIONS.globals.keys()
            )
            if unknown := names - self.named.keys() - self.names.keys():
                asked, known = min(unknown), {*self.named, *self.names}
                raise ValueError(f"a condition names {asked!r}, which no run has{nearest(asked, known)}")
            known = Lazy(names, lambda n: self.holds(self.named[n]) if n in self.named else self.names[n])
            return bool(_CONDITIONS.compile_expression(condition)({NAMES: known}))
        except (jinja2.UndefinedError, KeyError):
            return False
        except (jinja2.TemplateError, TypeError) as error:
            raise ValueError(f"the condition “{condition}” cannot be decided: {error}") from error

    @staticmethod
    def check(source: str, name: str) -> None:
        """Refuse a source whose placeholders are no expressions; ValueError: with source and line."""
        try:
            _CONDITIONS.parse(source)
        except jinja2.TemplateSyntaxError as error:
            raise ValueError(f"{name}, line {error.lineno}: {error}") from None

    def markdown(self, source: str, name: str = "text") -> str:
        """`source` with guards decided and placeholders filled in; ValueError: with source and line."""
        kept = self._said(source, name)
        try:
            with taken() as seen:

                def show(value: Any) -> Markdown:
                    """The text of a placeholder, marked with what was read since the one before.

                    A string that no format made is a name, whose digits are no number.
                    """
                    text = finalize(value)
                    if not isinstance(value, str) or isinstance(value, Markdown):
                        text = self.marks.mark(text, seen, printed)
                    seen.clear()
                    printed.clear()
                    return text

                template = _environment(show).from_string("\n".join(line for _, line in kept) + "\n")
                return template.render({NAMES: self.names})
        except (jinja2.TemplateError, TypeError, KeyError, IndexError, AttributeError, ValueError) as error:
            steps = [one.lineno for one in extract_tb(error.__traceback__) if one.filename == "<template>"]
            place = getattr(error, "lineno", None) or next(reversed(steps), None)
            raise ValueError(f"{name}, line {kept[place - 1][0] if place else '?'}: {error}") from error

    def without_gaps(self, source: str, name: str) -> str:
        """An author's source in which what the run lacks is a dash; a line says which, and why."""
        scratch = copy.copy(self)
        scratch.marks = Marks()  # what is tried marks nothing

        def tried(found: re.Match) -> str:
            try:
                scratch.markdown(found[0])
            except ValueError as error:
                line = source[: found.start()].count("\n") + 1
                why = str(error).partition(": ")[2]
                print(f"note: {name}, line {line}, {found[0]} is a dash: {why}", flush=True)
                return DASH
            return found[0]

        try:
            scratch.markdown(source)
        except ValueError:
            return PLACEHOLDER.sub(tried, source)
        return source

    def _said(self, source: str, name: str) -> list[tuple[int, str]]:
        """The lines that are said, with their numbers in the source."""
        lines, kept = enumerate(source.splitlines(), 1), []
        open_guards = []  # of each fence around a line: is hidden, or None where it is no guard
        for number, line in lines:
            hidden = True in open_guards
            if line.strip() == ":::":
                guard = open_guards.pop()
                if guard is None and not hidden:
                    kept.append((number, line))
            elif BEGIN.match(line.strip()):
                while not line.endswith('"}'):  # a condition of several lines
                    line += " " + next(lines)[1].strip()
                open_guards.append(not hidden and not self._met(line.strip(), f"{name}, line {number}"))
            else:
                if line.lstrip().startswith(":::"):
                    open_guards.append(None)
                if not hidden:
                    kept.append((number, line))
        if open_guards:
            raise ValueError(f"{name}: a block that begins with ::: has no ::: at its end")
        return kept

    def _met(self, line: str, place: str) -> bool:
        try:
            guard = GUARD.fullmatch(line)
            met = self.holds(guard["condition"])
        except (ValueError, TypeError) as error:
            raise ValueError(f"{place}: {error}") from error
        if self.complete and guard["kind"] == "finding" and not met:
            raise ValueError(f"{place}: this run does not support “{' '.join(guard['condition'].split())}”")
        return met

    def joined(self, without: tuple[str, ...] = ()) -> str:
        """The sources in the order of their names, but for those whose names begin so."""
        kept = {name: source for name, source in self.sources.items() if not name.startswith(without)}
        return "\n".join(self.markdown(source, name) for name, source in kept.items())
