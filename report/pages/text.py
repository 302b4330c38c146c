"""Build Markdown from the sources of a text: fill in the placeholders `<< >>`, and note their sources.

Five steps take a number from the table to its box on the page:

1. While Jinja evaluates a placeholder, `results.table.reading` notes each row that is read.
2. The formatter, such as `num`, appends the unrounded value to `text_format.printed`.
3. `Text._shown` passes both to `sources.Marks`, which puts the printed text and the number of its entry
   between private characters.
4. In the finished Markdown, `sources.write_sources` replaces each of these marks with a span and appends the
   list of sources. Code and formulas cannot contain a span, so their marks are removed.
5. `page.js` opens the box of a span: the value, its rows and their files.

A condition (`%% if`) clears the list of rows that it has read, so the sources of a number are only the rows
that its own placeholder has read.

The sources are Jinja2 templates. A statement is a line that begins with `%%` and continues on lines with an
indent of four. A value that the run does not have is undefined, and so is each result computed from it:

    %% if final.zoom and notebooks
    This sentence appears only if the run has a zoom and notebooks.
    %% endif
    %% if finding(min(low_confidence_all()) > 0.5
        and real.low_confidence.value < 0.1)
    This sentence appears only if the run supports it. In a complete text, a false finding is an error.
    %% endif

findings.yaml, in the folder of the sources, names conditions that several sentences share, such as
`findings.law_holds`. Jinja looks up all names before it renders a text, and this must not read any row.
Therefore a name is a plain value, a function to call, or a mapping that reads rows on access (`Lazy`).
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

from diffusion.arguments import nearest
from report.pages.sources import Marks, chosen
from report.pages.text_format import HELPERS, Markdown, finalize, printed
from report.results.table import reading

TEXT = Path(__file__).resolve().parent / "text"
STATEMENT = re.compile(r"^%%(.*(?:\n {4}.*)*)$", re.MULTILINE)
CONDITION = re.compile(r"^ *(if|elif)\b(.*)", re.DOTALL)
ERRORS = (jinja2.TemplateError, TypeError, KeyError, IndexError, AttributeError, ValueError, ArithmeticError)


class Lazy(Mapping):
    """A mapping whose values a function computes on each access."""

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
    """A mapping of names to values, where a function without arguments is called on each access."""

    def __init__(self, values: Mapping[str, Callable[[], Any] | Any]):
        super().__init__(values, lambda name: value() if callable(value := values[name]) else value)


class Lacking(jinja2.ChainableUndefined):
    """A value that a run does not have, or a result computed from one; it counts as false."""

    def _lacking(self, *_: Any) -> "Lacking":
        return self

    __call__ = __abs__ = __neg__ = __add__ = __radd__ = __sub__ = __rsub__ = _lacking
    __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = _lacking
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _lacking
    __hash__ = jinja2.ChainableUndefined.__hash__

    def __repr__(self) -> str:
        return self._undefined_message


def _on_numbers(choose: Callable[[Sequence[float]], float]) -> Callable[..., float | Lacking]:
    """Turn a function of a list into a function of numbers and lists; undefined for no numbers."""

    def function(*given: Any) -> float | Lacking:
        lists = [value if isinstance(value, Iterable) else [value] for value in given]
        numbers = [getattr(x, "value", x) for values in lists for x in values]
        return choose(numbers) if numbers else Lacking(f"{choose.__name__}() got no numbers")

    return function


FUNCTIONS = {"chosen": chosen} | {choose.__name__: _on_numbers(choose) for choose in (max, min, fmean)}


class _Language(jinja2.Environment):
    """Jinja2 in which None is undefined, and an attribute that a class does not have is an error."""

    def __init__(self, shown: Callable, functions: dict[str, Callable], folder: Path):
        super().__init__(
            loader=jinja2.FileSystemLoader(folder),
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
        """Turn statement lines into blocks; Jinja's line statements would drop the blank lines after them."""

        def block(match: re.Match) -> str:
            return "\0%" + CONDITION.sub(r" \1 met(\2)", match[1]) + " %\0"

        return super().preprocess(STATEMENT.sub(block, source), *given)

    def getattr(self, obj: Any, attribute: str) -> Any:
        value = super().getattr(obj, attribute)
        if isinstance(value, jinja2.Undefined) and not isinstance(obj, Mapping | jinja2.Undefined | None):
            public = [name for name in dir(obj) if not name.startswith("_")]
            raise ValueError(f"nothing is named {attribute!r} here{nearest(attribute, public)}")
        return self._defined(value, obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self._defined(super().getitem(obj, argument), obj, argument)

    def _defined(self, value: Any, obj: Any, name: Any) -> Any:
        """Return the value, or `Lacking` with the nearest name."""
        if isinstance(value, jinja2.Undefined) and isinstance(obj, Mapping):
            return Lacking(f"this run has no {name!r}{nearest(str(name), map(str, obj))}")
        return Lacking(f"{name!r} is undefined in this run") if value is None else value


class Text:
    """The sources of a text, with the names and findings that they share.

    Args:
        names: value by name, for placeholders and conditions.
        marks: collects the numbers of the text.
        folder: contains the sources, *.md, and findings.yaml.
        complete: if True, a finding that the run does not support is an error. Default False.
    """

    def __init__(self, names: Mapping[str, Any], marks: Marks, folder: Path, complete: bool = False):
        self.marks, self.complete = marks, complete
        self.sources = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
        file = folder / "findings.yaml"
        findings = yaml.safe_load(file.read_text("utf-8")) if file.is_file() else {}
        self.names = {**names, "findings": Lazy(findings, lambda name: self._holds(findings[name]))}
        functions = FUNCTIONS | HELPERS | {"met": self._met, "finding": self._finding}
        self.language, self.seen = _Language(self._shown, functions, folder), {}

    # --- called from templates ---

    def _holds(self, condition: str) -> bool:
        return bool(self.language.compile_expression(condition)(self.names))

    def _met(self, condition: Any) -> bool:
        """Evaluate a condition; the rows that it reads do not count as sources of the next number."""
        self.seen.clear()
        printed.clear()
        return bool(condition)

    def _finding(self, supported: Any) -> Any:
        if not supported and self.complete:
            raise ValueError("this run does not support the finding; check the sentence and its condition")
        return supported

    def _shown(self, value: Any) -> Markdown:
        """The text of a placeholder, marked with the rows that were read since the previous one.

        A plain string is a name, so its digits are not marked as a number.
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
        """Fill in the placeholders of a source; ValueError: the message names the source and the line."""
        try:
            self._refuse_unknown(source)
            printed.clear()
            with reading() as self.seen:
                return self.language.from_string(source).render(self.names)
        except ERRORS as error:
            steps = [step.lineno for step in extract_tb(error.__traceback__) if step.filename == "<template>"]
            line = getattr(error, "lineno", None) or next(reversed(steps), 1)
            placeholders = re.findall("<<.*?>>", source.split("\n")[line - 1])
            start = f"{placeholders[0]}: " if len(placeholders) == 1 else ""
            expected = isinstance(error, ValueError | jinja2.TemplateError)
            message = str(error).partition("\n")[0] if expected else repr(error)  # Jinja repeats the line
            raise ValueError(f"{name}, line {line}: {start}{message}") from error

    def _refuse_unknown(self, source: str) -> None:
        known = self.names.keys() | self.language.globals.keys()
        for name in sorted(find_undeclared_variables(self.language.parse(source)) - known):
            message = f"nothing is named {name!r}{nearest(name, self.names)}"
            raise jinja2.TemplateSyntaxError(message, _line(source, name))

    def joined(self) -> str:
        """All sources, filled in, in the order of their file names."""
        return "\n".join(self.markdown(source, name) for name, source in self.sources.items())


def _line(source: str, word: str) -> int:
    """The number of the first line that contains a word."""
    return next((n for n, line in enumerate(source.splitlines(), 1) if re.search(rf"\b{word}\b", line)), 1)
