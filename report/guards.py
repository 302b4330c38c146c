"""From the text's sources to Markdown: guards are decided, placeholders filled in.

A source has placeholders `<< >>` and no branches. Paragraphs may stand in a guard, whose condition is a
Jinja2 expression over the values of the run (`report.values`):

    ::: {.finding if="min(low_confidence_all) > 0.5 and real.low_confidence.value < 0.1"}
    Said only if the run supports it. The tests hold the released paper to all of them.
    :::

    ::: {.part if="final.zoom and notebooks"}
    Said only of a run that has what is needed.
    :::

What a run lacks is undefined, and a condition that needs it is not met. A finding can have a name, `{.finding
#doubtful if="..."}`; conditions of other paragraphs can then rest on it: `if="doubtful and final.zoom"`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from traceback import extract_tb
from typing import Any

import jinja2
from jinja2 import meta

from report.text_format import HELPERS, Markdown, finalize

TEXT = Path(__file__).resolve().parent / "text"
FINDINGS = TEXT.parent / "readme" / "findings.md"  # what came out, for the README and for the top of the page
GUARD = re.compile(r'::: \{\.(?P<kind>finding|part)(?: #(?P<name>\w+))? if="(?P<condition>[^"]+)"\}')
BEGIN = re.compile(r"::: \{\.(finding|part)\b")


# --- what conditions may call ---


def _of_numbers(choose: Callable[[Sequence[float]], float]) -> Callable[..., float]:
    """A function of numbers and lists of numbers; undefined where there are none."""

    def function(*values: Any) -> float:
        found = [x for value in values for x in (value if isinstance(value, Iterable) else [value])]
        if not found:
            raise jinja2.UndefinedError("there are no numbers")
        return choose(found)

    return function


STATISTICS = {f.__name__: _of_numbers(f) for f in (max, min, fmean)}


# --- the language ---


class _Environment(jinja2.Environment):
    """Jinja2 for which None is undefined, and an attribute that a class does not have an error."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        found = super().getattr(obj, attribute)
        if found is None:
            return self.undefined(obj=obj, name=attribute)
        if isinstance(found, jinja2.Undefined) and not isinstance(obj, Mapping | None):
            raise ValueError(f"{type(obj).__name__} has no {attribute!r}")
        return found


_ENVIRONMENT = _Environment(
    variable_start_string="<<",
    variable_end_string=">>",
    block_start_string="\0%",  # no branches in prose
    block_end_string="%\0",
    comment_start_string="\0#",
    comment_end_string="#\0",
    undefined=jinja2.StrictUndefined,
    finalize=finalize,
    keep_trailing_newline=True,
)
_ENVIRONMENT.globals = HELPERS | STATISTICS
_ENVIRONMENT.filters |= HELPERS


class Text:
    """The sources of a text, with the values and named findings that they share.

    Args:
        values: name -> what placeholders print and conditions look at.
        complete: a finding that the run does not support is an error.
        folder: the sources.
    """

    def __init__(self, values: Mapping[str, Any], complete: bool = False, folder: Path = TEXT):
        self.values, self.complete = values, complete
        self.sources = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
        self.named = {
            guard["name"]: guard["condition"]
            for source in self.sources.values()
            for guard in GUARD.finditer(source)
            if guard["name"]
        }

    def holds(self, condition: str) -> bool:
        """A condition is met; one that needs what the run lacks is not.

        Raises:
            ValueError: it begins with a name that no run has, or is no expression.
        """
        try:
            names = meta.find_undeclared_variables(_ENVIRONMENT.parse(f"<< {condition} >>"))
            names -= _ENVIRONMENT.globals.keys()
            if unknown := names - self.named.keys() - self.values.keys():
                raise ValueError(f"a condition names {min(unknown)!r}, which no run has")
            known = {n: self.holds(self.named[n]) if n in self.named else self.values[n] for n in names}
            return bool(_ENVIRONMENT.compile_expression(condition, undefined_to_none=False)(known))
        except jinja2.UndefinedError:
            return False
        except (jinja2.TemplateError, TypeError) as error:
            raise ValueError(f"the condition “{condition}” cannot be decided: {error}") from error

    def markdown(self, source: str, name: str = "text") -> str:
        """`source` with its guards decided and its placeholders filled in.

        Raises:
            ValueError: a placeholder is unknown, empty or without a format, or a finding is not supported
                where all must be; names the source and the line.
        """
        kept = self._said(source, name)
        try:
            template = _ENVIRONMENT.from_string("\n".join(line for _, line in kept) + "\n")
            return template.render(self.values)
        except (jinja2.TemplateError, TypeError, KeyError, IndexError, AttributeError, ValueError) as error:
            steps = [one.lineno for one in extract_tb(error.__traceback__) if one.filename == "<template>"]
            place = getattr(error, "lineno", None) or next(reversed(steps), None)
            raise ValueError(f"{name}, line {kept[place - 1][0] if place else '?'}: {error}") from error

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

    def report(self, without: tuple[str, ...] = ()) -> str:
        """The whole report, see `joined`."""
        findings = self.markdown(FINDINGS.read_text(encoding="utf-8"), FINDINGS.name)
        self.values = {**self.values, "findings": Markdown(findings)}
        return self.joined(without)
