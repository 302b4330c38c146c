"""From the text's sources to Markdown: placeholders `<< >>` are filled in, and what they read is noted.

The sources are Jinja2. A statement is a line that begins with `%%`, and goes on in lines that are indented by
four. What a run lacks is undefined, and a condition that needs it is not met:

    %% if final.zoom and notebooks
    Said only of a run that has what is needed.
    %% endif
    %% if finding(min(low_confidence_all) > 0.5
        and real.low_confidence.value < 0.1)
    Said only if the run supports it, and a complete text must.
    %% endif

Conditions that several sentences rest on have names, in findings.yaml beside the sources. A name of the run
is a function, which is called when a placeholder or a condition first needs it (`Names`).
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from traceback import extract_tb
from typing import Any

import jinja2
import yaml
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.visitor import NodeTransformer

from diffusion.bounds import nearest
from report.sources import Marks, taken
from report.text_format import DASH, HELPERS, Markdown, finalize, printed
from study.table import note, reading

HERE = Path(__file__).resolve().parent
TEXT = HERE / "text"
STATEMENT = re.compile(r"^%%(.*(?:\n {4}.*)*)$", re.MULTILINE)
NAMES = "_names"  # the variable of a template that has the names of a run
DEFERRED = PLACEHOLDER, PART, FINDING = (
    "_placeholder",
    "_part",
    "finding",
)  # functions of functions: see `_Code`
LACKS = (jinja2.UndefinedError, KeyError)
ERRORS = (jinja2.TemplateError, TypeError, KeyError, IndexError, AttributeError, ValueError)


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


# --- the language ---


def _of_numbers(choose: Callable[[Sequence[float]], float]) -> Callable[..., float]:
    """A function of numbers and lists of numbers; undefined where there are none."""

    def function(*values: Any) -> float:
        plain = [getattr(value, "value", value) for value in values]
        numbers = [x for value in plain for x in (value if isinstance(value, Iterable) else [value])]
        if not numbers:
            raise jinja2.UndefinedError("there are no numbers")
        return choose([getattr(x, "value", x) for x in numbers])

    return function


FUNCTIONS = HELPERS | {f.__name__: _of_numbers(f) for f in (max, min, fmean)}


class _Late(NodeTransformer):
    """Names are read, and placeholders and conditions decided, where they stand, not at the begin.

    Each name becomes an item of `NAMES`; one that is not among the `known` is refused.
    """

    def __init__(self, tree: nodes.Template, known: Collection[str] | None):
        stored = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
        self.known, self.others = known, {NAMES, *DEFERRED, *FUNCTIONS, *stored}

    def visit_Name(self, node: nodes.Name) -> nodes.Node:
        if node.ctx != "load" or node.name in self.others:
            return node
        if self.known is not None and node.name not in self.known:
            said = f"there is no name {node.name!r}{nearest(node.name, self.known)}"
            raise jinja2.TemplateSyntaxError(said, node.lineno)
        names, key = nodes.Name(NAMES, "load"), nodes.Const(node.name)
        return nodes.Getitem(names, key, "load").set_lineno(node.lineno)

    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        parts = self.generic_visit(node).nodes
        node.nodes = [x if isinstance(x, nodes.TemplateData) else _call(PLACEHOLDER, x) for x in parts]
        return node

    def visit_If(self, node: nodes.If) -> nodes.Node:
        test = self.generic_visit(node).test
        if not (isinstance(test, nodes.Call) and getattr(test.node, "name", "") == FINDING):
            node.test = _call(PART, test)
        return node


def _call(function: str, argument: nodes.Expr) -> nodes.Node:
    name = nodes.Name(function, "load")
    return nodes.Call(name, [argument], [], None, None).set_lineno(argument.lineno, override=True)


class _Code(CodeGenerator):
    """What a function of `DEFERRED` is given becomes a function without arguments, and its line."""

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:
        if getattr(node.node, "name", "") not in DEFERRED:
            return super().visit_Call(node, frame, forward_caller=forward_caller)
        self.visit(node.node, frame)
        self.write("(lambda: ")
        self.visit(node.args[0], frame)
        self.write(f", {node.lineno})")


class _Environment(jinja2.Environment):
    """Jinja2 for which None is undefined, and an attribute that a class does not have an error."""

    code_generator_class = _Code

    def __init__(self, known: Collection[str] | None):
        super().__init__(
            loader=jinja2.FileSystemLoader([TEXT, HERE]),  # of parts that several sources include
            variable_start_string="<<",
            variable_end_string=">>",
            block_start_string="\0%",
            block_end_string="%\0",
            comment_start_string="\0#",
            comment_end_string="#\0",
            trim_blocks=True,
            undefined=jinja2.StrictUndefined,
            keep_trailing_newline=True,
        )
        self.known, self.globals = known, dict(FUNCTIONS)
        self.filters |= HELPERS

    def _generate(self, tree: nodes.Template, *given: Any, **how: Any) -> str:
        return super()._generate(_Late(tree, self.known).visit(tree), *given, **how)

    def preprocess(self, source: str, *given: Any) -> str:
        """Lines with statements as blocks: Jinja's line statements would take the blank lines after them."""
        return super().preprocess(STATEMENT.sub("\0%\\1 %\0", source), *given)

    def getattr(self, obj: Any, attribute: str) -> Any:
        value = super().getattr(obj, attribute)
        if isinstance(value, jinja2.Undefined) and not isinstance(obj, Mapping | None):
            public = [name for name in dir(obj) if not name.startswith("_")]
            raise ValueError(f"{type(obj).__name__} has no {attribute!r}{nearest(attribute, public)}")
        return self._told(value, obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self._told(super().getitem(obj, argument), obj, argument)

    def _told(self, value: Any, obj: Any, name: Any) -> Any:
        """The value, or one undefined that tells the nearest name."""
        if isinstance(value, jinja2.Undefined) and isinstance(obj, Mapping):
            return self.undefined(f"this run has no {name!r}{nearest(str(name), map(str, obj))}")
        return self.undefined(obj=obj, name=name) if value is None else value


class Text:
    """The sources of a text, in a folder, with the names and the named findings that they share.

    Where it is to be `complete`, a finding that the run does not support is an error. Where it may have
    `gaps`, what the run lacks is a dash, and a line says where and why; a name that there is not, too.
    """

    def __init__(
        self,
        names: Mapping[str, Any],
        marks: Marks,
        folder: Path,
        complete: bool = False,
        gaps: bool = False,
    ):
        self.marks, self.complete, self.gaps = marks, complete, gaps
        self.sources = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
        file = folder / "findings.yaml"
        findings = yaml.safe_load(file.read_text("utf-8")) if file.is_file() else {}
        self.names = Names({name: partial(self._found, one) for name, one in findings.items()} | dict(names))
        self.language = _Environment(None if gaps else {*self.names})

    def _met(self, condition: Callable[[], Any]) -> bool:
        """A condition is met; one that needs what the run lacks is not."""
        with taken() as seen:  # what decides is no source of the next number
            try:
                return bool(condition())
            except LACKS:
                if self.gaps:
                    raise
                return False
            finally:
                seen.clear()

    def _found(self, condition: str) -> bool:
        return self._met(lambda: self.language.compile_expression(condition)({NAMES: self.names}))

    def markdown(self, source: str, name: str = "text") -> str:
        """`source` with its placeholders filled in; ValueError: with source and line."""
        with taken() as seen:

            def shown(value: Any) -> Markdown:
                """A placeholder's text, marked with what was read since the one before.

                A string that no format made is a name, whose digits are no number.
                """
                text = finalize(value)
                is_name = isinstance(value, str) and not isinstance(value, Markdown)
                return text if is_name else self.marks.mark(text, seen, printed)

            def tried(make: Callable[[], Any], line: int, instead: Any, what: str) -> Any:
                try:
                    return make()
                except ERRORS as error:
                    if not self.gaps:
                        raise
                    print(f"note: {name}, line {line}, {what}: {error}", flush=True)
                    return instead

            def placeholder(expression: Callable[[], Any], line: int) -> Markdown:
                text = tried(lambda: shown(expression()), line, DASH, "<< ... >> is a dash")
                seen.clear()
                printed.clear()
                return text

            def part(expression: Callable[[], Any], line: int) -> bool:
                return tried(lambda: self._met(expression), line, False, "a condition is not met")

            def finding(expression: Callable[[], Any], line: int) -> bool:
                if not (supported := part(expression, line)) and self.complete:
                    raise ValueError("this run does not support what is said there")
                return supported

            functions = dict(zip(DEFERRED, (placeholder, part, finding), strict=True))
            try:
                return self.language.from_string(source).render({NAMES: self.names} | functions)
            except ERRORS as error:
                steps = [
                    step.lineno for step in extract_tb(error.__traceback__) if step.filename == "<template>"
                ]
                line = getattr(error, "lineno", None) or next(reversed(steps), "?")
                raise ValueError(f"{name}, line {line}: {error}") from error

    def joined(self) -> str:
        """The sources in the order of their names."""
        return "\n".join(self.markdown(source, name) for name, source in self.sources.items())
