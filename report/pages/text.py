"""From the text's sources to Markdown: placeholders `<< >>` are filled in, and what they read is noted.

A number travels in five steps:

1. While Jinja evaluates a placeholder, `results.table.reading` notes each row that is read.
2. The formatter, such as `num`, appends the unrounded value to `text_format.printed`.
3. `Text._shown` gives both to `sources.Marks`, which puts the printed text and the number of its entry
   between private characters.
4. In the finished Markdown, `sources.written` replaces each such mark with a span and appends the list of
   sources. Code and formulas, which take no span, lose their marks.
5. `page.js` opens the box of a span: the value, its rows and their files.

A condition (`%% if`) clears what it has read, so the sources of a number are what its own placeholder read.

The sources are Jinja2. A statement is a line that begins with `%%`, and goes on in lines that are indented by
four. What a run lacks is undefined; so is what is computed of it or compared with it:

    %% if final.zoom and notebooks
    Said only of a run that has what is needed.
    %% endif
    %% if finding(min(low_confidence_all()) > 0.5
        and real.low_confidence.value < 0.1)
    Said only if the run supports it, and a complete text must.
    %% endif

Conditions that several sentences rest on have names, in findings.yaml beside the sources, such as
`findings.law_holds`. Jinja looks all names up before a text begins, so that they must read nothing: a name
whose value is read is a function to call, or a mapping that reads when it is asked (`Lazy`).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from traceback import extract_tb
from typing import Any

import jinja2
import yaml
from jinja2.meta import find_undeclared_variables

from diffusion.bounds import nearest
from report.pages.sources import Marks, chosen, collect_reads
from report.pages.text_format import HELPERS, Markdown, finalize, printed

TEXT = Path(__file__).resolve().parent / "text"
STATEMENT = re.compile(r"^%%(.*(?:\n {4}.*)*)$", re.MULTILINE)
CONDITION = re.compile(r"^ *(if|elif)\b(.*)", re.DOTALL)
ERRORS = (jinja2.TemplateError, TypeError, KeyError, IndexError, AttributeError, ValueError, ArithmeticError)


class Lazy(Mapping):
    """Key -> value, made by a function each time that it is read."""

    def __init__(self, keys: Iterable[str], function: Callable[[str], Any]):
        self._keys, self._function = dict.fromkeys(keys), function

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return self._function(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class Names(Lazy):
    """Name -> value; of a function without arguments what it returns."""

    def __init__(self, values: Mapping[str, Callable[[], Any] | Any]):
        super().__init__(values, lambda name: value() if callable(value := values[name]) else value)


class Lacking(jinja2.ChainableUndefined):
    """A value that a run lacks, or that is computed of one or compared with one; it is not true."""

    def _lacking(self, *_: Any) -> "Lacking":
        return self

    __call__ = __abs__ = __neg__ = __add__ = __radd__ = __sub__ = __rsub__ = _lacking
    __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = _lacking
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _lacking
    __hash__ = jinja2.ChainableUndefined.__hash__

    def __repr__(self) -> str:
        return self._undefined_message


def _of_numbers(choose: Callable[[Sequence[float]], float]) -> Callable[..., float | Lacking]:
    """A function of numbers and lists of numbers; undefined where there are none."""

    def function(*values: Any) -> float | Lacking:
        plain = [getattr(value, "value", value) for value in values]
        numbers = [x for value in plain for x in (value if isinstance(value, Iterable) else [value])]
        return choose([getattr(x, "value", x) for x in numbers]) if numbers else Lacking("there is no number")

    return function


FUNCTIONS = {"chosen": chosen} | {f.__name__: _of_numbers(f) for f in (max, min, fmean)}


class _Language(jinja2.Environment):
    """Jinja2 for which None is undefined; an attribute that a class does not have is an error."""

    def __init__(self, shown: Callable, functions: dict[str, Callable], folder: Path):
        super().__init__(
            loader=jinja2.FileSystemLoader([folder, TEXT]),  # of parts that several sources include
            variable_start_string="<<",
            variable_end_string=">>",
            block_start_string="\0%",
            block_end_string="%\0",
            comment_start_string="\0#",
            comment_end_string="#\0",
            trim_blocks=True,
            undefined=Lacking,
            keep_trailing_newline=True,
            finalize=shown,
        )
        self.globals = functions
        self.filters |= HELPERS

    def preprocess(self, source: str, *given: Any) -> str:
        """Lines with statements as blocks: Jinja's line statements would take the blank lines after them."""

        def block(match: re.Match) -> str:
            return "\0%" + CONDITION.sub(r" \1 met(\2)", match[1]) + " %\0"

        return super().preprocess(STATEMENT.sub(block, source), *given)

    def getattr(self, obj: Any, attribute: str) -> Any:
        value = super().getattr(obj, attribute)
        if isinstance(value, jinja2.Undefined) and not isinstance(obj, Mapping | jinja2.Undefined | None):
            public = [name for name in dir(obj) if not name.startswith("_")]
            raise ValueError(f"there is no {attribute!r} here{nearest(attribute, public)}")
        return self._told(value, obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self._told(super().getitem(obj, argument), obj, argument)

    def _told(self, value: Any, obj: Any, name: Any) -> Any:
        """The value, or one undefined that tells the nearest name."""
        if isinstance(value, jinja2.Undefined) and isinstance(obj, Mapping):
            return Lacking(f"this run has no {name!r}{nearest(str(name), map(str, obj))}")
        return Lacking(f"{name!r} is empty in this run") if value is None else value


class Text:
    """The sources of a text, in a folder, with the names and the named findings that they share.

    Where it is to be `complete`, a finding that the run does not support is an error.
    """

    def __init__(self, names: Mapping[str, Any], marks: Marks, folder: Path, complete: bool = False):
        self.marks, self.complete = marks, complete
        self.sources = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
        file = folder / "findings.yaml"
        findings = yaml.safe_load(file.read_text("utf-8")) if file.is_file() else {}
        self.names = {**names, "findings": Lazy(findings, lambda name: self._true(findings[name]))}
        functions = FUNCTIONS | HELPERS | {"met": self._met, "finding": self._finding}
        self.language, self.seen = _Language(self._shown, functions, folder), {}

    # --- what the language calls ---

    def _true(self, condition: str) -> bool:
        return bool(self.language.compile_expression(condition)(self.names))

    def _met(self, condition: Any) -> bool:
        """A condition is met; what decides is no source of the next number."""
        self.seen.clear()
        printed.clear()
        return bool(condition)

    def _finding(self, supported: Any) -> Any:
        if not supported and self.complete:
            raise ValueError("this run does not support what is said there")
        return supported

    def _shown(self, value: Any) -> Markdown:
        """A placeholder's text, marked with what was read since the one before.

        A string that no format made is a name, whose digits are no number.
        """
        if isinstance(value, Lacking):
            raise ValueError(repr(value))
        text = finalize(value)
        if not isinstance(value, str) or isinstance(value, Markdown):
            text = self.marks.mark(text, self.seen, printed)
        self.seen.clear()
        printed.clear()
        return text

    # --- sources ---

    def markdown(self, source: str, name: str = "text") -> str:
        """`source` with its placeholders filled in; ValueError: with source and line."""
        try:
            self._refuse_unknown(source)
            with collect_reads() as self.seen:
                return self.language.from_string(source).render(self.names)
        except ERRORS as error:
            steps = [step.lineno for step in extract_tb(error.__traceback__) if step.filename == "<template>"]
            line = getattr(error, "lineno", None) or next(reversed(steps), 1)
            placeholders = re.findall("<<.*?>>", source.split("\n")[line - 1])
            place = f"{placeholders[0]}: " if len(placeholders) == 1 else ""
            said = str(error).partition("\n")[0]  # Jinja adds the line once more
            raise ValueError(f"{name}, line {line}: {place}{said}") from error

    def _refuse_unknown(self, source: str) -> None:
        known = self.names.keys() | self.language.globals.keys()
        for name in sorted(find_undeclared_variables(self.language.parse(source)) - known):
            said = f"there is no name {name!r}{nearest(name, self.names)}"
            raise jinja2.TemplateSyntaxError(said, _line(source, name))

    def joined(self) -> str:
        """The sources in the order of their names."""
        return "\n".join(self.markdown(source, name) for name, source in self.sources.items())


def _line(source: str, word: str) -> int:
    """The number of the first line that has a word."""
    return next((n for n, line in enumerate(source.splitlines(), 1) if re.search(rf"\b{word}\b", line)), 1)
