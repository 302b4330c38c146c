"""The text: placeholders and conditions, and that it says nothing which the run does not support."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import yaml
from jinja2 import nodes
from jinja2.environment import TemplateExpression
from jinja2.parser import Parser

from diffusion.evaluation.statistics import Interval
from helpers import PAPER
from paper import names as of_paper
from paper.claims.judge import judge_all
from paper.contents import TEXT
from report import profile as profiles
from report.pages.names import ReportRun, collect_common, read
from report.pages.sources import Marks, strip_marks
from report.pages.text import TEXT as OWN_TEXT
from report.pages.text import Text

# --- the language ---

VALUES = {"final": {"zoom": 3.0}, "verdict": {"lower_loss": "fails"}, "none": None, "nan": float("nan")}


def text_of(folder, complete=False, **more):
    """A text of these names, without sources or findings of its own."""
    (folder / "findings.yaml").write_text("large: final.zoom > limit\n" if "limit" in more else "{}")
    return Text(VALUES | more, Marks(), folder, complete)


@pytest.fixture
def fill(tmp_path):
    return lambda source, **options: text_of(tmp_path, **options).markdown(source)


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ("verdict.lower_loss == 'fails' and final.zoom > 2", True),
        ("verdict.lower_loss == 'holds'", False),
        ("final.linear", False),  # what the run lacks is undefined
        ("final.linear.late > 2 or 2 > final.linear.late", False),  # and so is all that is computed of it
        ("none.of.all", False),
        ("max(final.zoom, [1, 5]) == 5 and fmean([2, 4]) == final.zoom", True),
    ],
)
def test_a_condition_decides_and_its_lines_are_gone(fill, condition, met):
    assert fill(f"a\n%% if {condition}\n\nb\n%% endif\n\nc\n") == ("a\n\nb\n\nc\n" if met else "a\n\nc\n")
    finding = f"a\n%% if finding({condition})\nb\n%% else\nd\n%% endif\nc\n"
    assert fill(finding) == ("a\nb\nc\n" if met else "a\nd\nc\n")
    if not met:  # which a complete text must support, unless what it is part of is not said
        with pytest.raises(ValueError, match="line 2: .*does not support"):
            fill(finding, complete=True)
        assert fill(f"%% if none\n{finding}%% endif\n", complete=True) == ""


def test_a_condition_can_rest_on_a_named_finding(fill):
    source = "%% if finding(findings.large and verdict.lower_loss)\nAs said.\n%% endif\n"
    assert fill(source, limit=2) == "As said.\n"
    assert fill(source, limit=4) == ""


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("<< absent >>", "'absent'"),
        ("<< none >>", "undefined"),  # values without content
        ("<< num(nan) >>", "finite"),
        ("<< final.zoom >>", "the number 3.0 needs a format.*num"),
        ("<< interval >>", "a group of values needs a format.*num"),
        ("<< final.zom >>", "<< final.zom >>: this run has no 'zom'; did you mean 'zoom'"),
        ("<< num(interval) / 0 >>", "<< num"),
        ("<< num(1 / 0) >>", "zero"),
        ("<< interval.lwo >>", "'lwo' here; did you mean 'low'"),
        ("<< num(broken()) >>", "<< num.broken... >>: AttributeError.*'lwo'"),
        ("<< num(absent_key()) >>", "KeyError.*x"),
        ("<< num(final.zom) >>", "<< num.final.zom. >>: this run has no 'zom'; did you mean 'zoom'"),
        # conditions that can never be met, or are none
        ("%% if none\n%% if fnal\nb\n%% endif\n%% endif", "did you mean 'final'"),
        ("%% if final.zoom >\nb\n%% endif", ""),
    ],
)
def test_what_is_mistyped_or_can_never_be_said_is_an_error_with_its_line(fill, source, said):
    interval = Interval(1.0, 0.5, 2.0)
    functions = {"broken": lambda: interval.lwo, "absent_key": lambda: {}["x"]}
    with pytest.raises(ValueError, match=f"text, line [3-6]: .*{said}"):
        fill(f"a\n\n{source}\n", interval=interval, **functions)


# --- what is told of the released paper ---


@pytest.fixture(scope="module")
def run() -> ReportRun:
    """The released paper with the other runs that it shows."""
    profile = profiles.read("paper")
    return ReportRun(read(PAPER, profile), profile)


def said(run: ReportRun, *sources: str, complete: bool = False, **other: Any) -> str:
    """The text of a run, or that of some sources, with other results."""
    results = replace(run.results, **other)
    names = of_paper.collect_names(replace(run, results=results), judge_all(results))
    text = Text(names, Marks(), TEXT, complete=complete)
    return strip_marks("\n".join(text.markdown(text.sources[one], one) for one in sources or text.sources))


@pytest.fixture(scope="module")
def paper(run) -> str:
    """Its text, of which the release must support all."""
    return said(run, complete=True)


FLIPPED = {"lt": "gt", "gt": "lt"}


def compared(expression: nodes.Expr) -> Iterator[tuple[nodes.Node, nodes.Expr, str]]:
    """Each comparison of numbers: the operand that is measured, the other one, and how it must compare."""
    for compare in expression.find_all(nodes.Compare):
        places = [compare, *compare.ops]
        for left, right in pairwise(places):
            if right.op in ("eq", "in"):
                continue
            if isinstance(left.expr, nodes.Const):
                yield right, left.expr, FLIPPED[right.op]
            else:
                yield left, right.expr, right.op


def test_a_sentence_is_said_beyond_its_threshold_and_neither_at_it_nor_below(run):
    """Each comparison of each condition, with all others as released."""
    names = of_paper.collect_names(run, judge_all(run.results))
    text = Text(names, Marks(), TEXT)
    conditions = [*yaml.safe_load((TEXT / "findings.yaml").read_text("utf-8")).values()]
    for source in text.sources.values():
        conditions += re.findall(r"^%% (?:el)?if finding\((.*(?:\n {4}.*)*)\)$", source, re.MULTILINE)

    def parse(condition: str) -> nodes.Expr:  # afresh each time, as an evaluation changes what it evaluates
        return Parser(text.language, condition, state="variable").parse_expression()

    def value_of(expression: nodes.Expr) -> Any:
        body = [nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)]
        template = text.language.from_string(nodes.Template(body, lineno=1))
        return TemplateExpression(template, undefined_to_none=False)(text.names)

    def is_said(condition: str, number: int, measured: float) -> bool:
        expression = parse(condition)
        [*compared(expression)][number][0].expr = nodes.Const(measured)
        return bool(value_of(expression))

    checked = 0
    for condition in conditions:
        for number, (_, other, op) in enumerate(compared(parse(condition))):
            threshold = value_of(other)
            beyond = 1e-6 * max(1, abs(threshold)) * (1 if op == "gt" else -1)
            said = [is_said(condition, number, threshold + step) for step in (-beyond, 0, beyond)]
            assert said == [False, False, True], (condition, threshold)
            checked += 1
    assert checked > 80


def test_each_name_of_the_paper_occurs_in_its_text(run):
    sources = [*TEXT.rglob("*.md"), TEXT / "findings.yaml", *OWN_TEXT.rglob("*.md")]
    known = of_paper.collect_names(run, judge_all(run.results)).keys() - collect_common(run).keys()
    code = " ".join(
        part
        for path in sources
        for part in re.findall(r"<<.*?>>|^%%.*(?:\n {4}.*)*|^  .*", path.read_text("utf-8"), re.MULTILINE)
    )
    assert len(known) > 50
    assert known <= {*re.findall(r"\w+", code)}


def test_what_a_run_lacks_is_not_said(run, paper):
    parts = ("30_files.md", "31_results.md", "32_distances.md", "34_effects.md")
    alone = said(run, *parts, beside={})
    assert "# What the runs show" in alone
    gone = ["# What changes the zoom's samples", "# What the published files show"]
    assert [(one in paper, one in alone) for one in gone] == 2 * [(True, False)]
