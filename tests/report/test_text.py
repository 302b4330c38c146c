"""The text and its guards: prose without branches, which says nothing that the run does not support."""

import re
from dataclasses import replace
from typing import Any

import pytest
import typst
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion.evaluation.statistics import Interval
from report import judge, ledger, render, values
from report import text_format as text
from report.run import Run, with_others
from report.sources import Marks
from report.sources import plain as unmarked
from report.text import GUARD, TEXT, Lazy, Text
from study.results import Results, load
from study.settings import read_profile
from study.table import Samples, note


class FakeProfile:
    name, options, where = "synthetic", {}, "profiles/synthetic.yaml"


@pytest.fixture(scope="module")
def run(root) -> Run:
    """The released paper with the other runs that it shows."""
    profile = read_profile("paper", root / "profiles")
    results = with_others(load(root / "released" / "paper", profile.trainings), profile)
    return Run(results, profile)


@pytest.fixture(scope="module")
def known(run) -> dict[str, Any]:
    return values.names(run)


@pytest.fixture(scope="module")
def paper(known) -> str:
    """The released paper as Markdown, of which all must be supported."""
    return said(known, complete=True)


def said(names: dict[str, Any], complete: bool = False) -> str:
    return unmarked(Text(names, Marks(), complete).joined())


# --- guards ---

VALUES = {"final": {"zoom": 3.0}, "verdict": {"lower_loss": "fails"}, "none": None, "made": FakeProfile()}


def fill(source, complete=False, folder=TEXT, **more):
    return Text(VALUES | more, Marks(), complete, folder).markdown(source)


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ("verdict.lower_loss == 'fails' and final.zoom > 2", True),
        ("verdict.lower_loss == 'holds'", False),
        ("final.linear", False),  # what the run lacks is undefined
        ("final.zoom < final.linear.low", False),
        ("min([]) < 1 or final.zoom", False),
        ("none", False),
        ("not none", True),
        ("none.there < 1", False),
        ("max(final.zoom, [1, 5]) == 5 and fmean([2, 4]) == final.zoom", True),
    ],
)
def test_a_condition_decides_and_its_fence_is_gone(condition, met):
    for kind in ("finding", "part"):
        source = f'a\n::: {{.{kind} if="{condition}"}}\nb\n:::\nc\n'
        assert fill(source) == ("a\nb\nc\n" if met else "a\nc\n")


def test_other_divs_stay_guards_nest_and_conditions_have_lines():
    inner = '::: {.part if="none"}\n<< absent >>\n::: here\ny\n:::\n:::\n'
    source = '::: cards\n  ::: {.part if="final.zoom\n  and made"}\nb\n' + inner + ":::\n:::\n"
    assert fill(source) == "::: cards\nb\n:::\n"


def test_a_condition_can_rest_on_a_finding_told_elsewhere(tmp_path):
    told = '::: {.finding #large if="\n  final.zoom > limit"}\nIt is large.\n:::\n'
    (tmp_path / "b.md").write_text(told)
    source = '::: {.finding if="large and verdict.lower_loss"}\nAs said.\n:::\n'
    assert fill(source, folder=tmp_path, limit=2) == "As said.\n"
    assert fill(source, folder=tmp_path, limit=4) == "\n"


def test_a_complete_report_stops_at_a_finding_that_is_not_supported():
    for condition in ("verdict.lower_loss == 'holds'", "final.linear"):
        source = f'a\n\n::: {{.finding if="{condition}"}}\nThe loss is lower.\n:::\n'
        assert fill(source) == "a\n\n"
        with pytest.raises(ValueError, match=f"line 3: .*{condition}"):
            fill(source, complete=True)
        part = '::: {.part if="none"}\n' + source + ":::"
        assert fill(part, complete=True) == "\n"  # not asked where a part is missing


@pytest.mark.parametrize("condition", ["nobody", "made.nobody", "final.zoom >", "final.zoom > 'a'"])
def test_a_condition_that_can_never_be_met_is_an_error(condition):
    for kind in ("finding", "part"):
        with pytest.raises(ValueError, match="text, line 1: "):
            fill(f'::: {{.{kind} if="{condition}"}}\nb\n:::')


@pytest.mark.parametrize("placeholder", ["absent", "final.absent", "0.5", "none", "made.absent", "num(nan)"])
def test_a_value_without_content_or_format_is_an_error_with_its_line(placeholder):
    with pytest.raises(ValueError, match="text, line 5: "):
        fill(f'::: {{.part if="final"}}\na\n:::\n\n<< {placeholder} >>', nan=float("nan"))


def test_a_name_is_made_when_it_is_needed_and_what_it_reads_is_noted_each_time():
    def half() -> float:
        note("a#1")
        return 0.5

    never = Lazy(("x",), lambda key: 1 / 0)
    marks = Marks()
    found = Text({"half": half, "never": never}, marks).markdown("<< percent(half) >>, << percent(half) >>.")
    assert unmarked(found) == "50%, 50%.\n"
    assert [sources for _, sources in marks.entries] == [("a#1",)]
    assert not marks.missing


def test_a_loop_is_a_table_whose_cells_are_marked_one_by_one():
    rows = Lazy(("a", "b"), lambda key: note(f"{key}#0") or 2)
    source = "| x | y |\n|--|--|\n%% for key in rows\n| << key >> | << rows[key] >> |\n%% endfor\n\n: Two."
    marks = Marks()
    found = Text({"rows": rows}, marks).markdown(source)
    assert unmarked(found) == "| x | y |\n|--|--|\n| a | 2 |\n| b | 2 |\n\n: Two.\n"
    assert [sources for _, sources in marks.entries] == [("a#0",), ("b#0",)]


# --- the text itself ---


def test_the_released_paper_supports_all_that_the_text_says(run, paper):
    assert f"The verdicts on {len(judge.claims())} claims: {unmarked(ledger.tally(run.verdicts))}." in paper
    assert "The zoom model restores well and generates unreliably." in paper
    assert "The network limits the DDPMs." in paper  # beyond the study
    assert "Not at the scale" not in paper


def test_no_condition_asks_for_what_no_run_has(known):
    """In the released paper all conditions are met but those of the parts that it lacks."""
    found = Text(known, Marks())
    conditions = [guard["condition"] for one in found.sources.values() for guard in GUARD.finditer(one)]
    lacking = {" ".join(c.split()) for c in conditions if not found.holds(c)}
    assert len(conditions) > 100
    absent = {"deviations", "failed", "told", "respaced", "notebooks"}
    assert lacking == absent | {"not whole", "recognisers | length == 1"}


def test_the_page_opens_with_the_results_that_the_readme_names(root, paper):
    named = (root / "README.md").read_text().partition("<!-- released: findings -->\n")[2]
    named = named.partition("<!-- /released -->")[0].splitlines()
    opening = paper.partition("## In short")[2].partition("## The claims at a glance")[0]
    words = [re.sub(r"\W", "", line) for line in opening.splitlines()]
    assert len(named) == 6
    assert all(re.sub(r"\W", "", line) in words for line in named)


# What is changed of the paper's or another run's rows, and what is then told no longer.
UNTOLD = [
    ("further", "linear_rms", {"measure": "border", "way": ""}, {"sd": 9.0}, "subtracts nothing"),
    ("further", "cosine_unet", {"measure": "frechet", "way": "ddim_24"}, {"value": 3.0}, "equal size and in"),
    ("further", "zoom_unet_noise", {"measure": "frechet", "way": ""}, {"value": 12.0}, "digits for variety"),
    ("", "linear", {"measure": "loss_of_steps", "way": "printed"}, {"value": 0.2}, "prevents learn"),
    ("", "linear", {"measure": "response", "way": "shift 1"}, {"value": 1.0}, "What is missed stays"),
]


def changed(results: Results, model: str, where: dict[str, Any], to: dict[str, Any]) -> Results:
    """The results with changed rows of all trainings of a model."""
    results = replace(results, trainings=load(results.out, results.trainings).trainings)
    for one in results.of(model):
        for job in filter(None, (one.job, one.measured, one.analysed)):
            met = [all(getattr(row, name) == x for name, x in where.items()) for row in job.rows]
            job.rows = [row._replace(**to) if it else row for row, it in zip(job.rows, met, strict=True)]
            job.ways = {way: Samples([row for row in job.rows if row.way == way]) for way in job.ways}
    return results


@pytest.mark.parametrize(("run_of", "model", "where", "to", "untold"), UNTOLD)
def test_what_the_data_contradict_is_not_said(run, paper, run_of, model, where, to, untold):
    of = getattr(run.results, run_of) if run_of else run.results
    other = changed(of, model, where, to)
    results = replace(run.results, **{run_of: other}) if run_of else other
    assert untold in paper
    names = values.names(replace(run, results=results))
    assert untold not in said(names)
    with pytest.raises(ValueError, match="does not support"):
        said(names, complete=True)


def test_what_a_run_lacks_is_not_said(run, known, paper):
    late = "distances of its trainings lie anywhere"
    assert late in paper
    assert late not in said(known | {"late": {}})
    alone = replace(run.results, **dict.fromkeys(("further", "original", "watched", "blind")))
    found = said(values.names(replace(run, results=alone)))
    assert "## Results and discussion" in found
    for part in ("# Beyond the study", "# What the study's files show", "A blind reading"):
        assert part in paper
        assert part not in found


def test_every_number_has_been_read(run, known):
    marks = Marks()
    Text(known, marks).joined()
    assert marks.missing == []
    assert len(marks.entries) > 500


def test_what_is_beyond_the_study_has_a_long_report_of_its_own(root):
    profile = read_profile("beyond", root / "profiles")
    results = with_others(load(root / "released" / "beyond", profile.trainings), profile)
    run = Run(results, profile)
    assert not run.short
    found = said(values.names(run))
    assert "Models of the study and 15 further ones" in found
    assert "for linear, 10 of 100 epochs" in found
    assert "*not in this run*" in found


# --- text from a run stays text ---

HOSTILE = ["<script>alert(1)</script>", '#panic("x")', "$x", "a | b", "[link](https://evil.example)"]
HOSTILE += ["`code` *b* @fig:x", "<< 1 + 1 >>", "{#eq:beta}", "line\n\n# heading", "\\input{x}"]
HOSTILE += [']#read("/etc/passwd")', '--- ... "q" ^a^ ~b~', "::: {.part}", "a\u202eb\0c"]
anything = st.one_of(
    st.text(max_size=30), st.sampled_from(HOSTILE), st.text("<>&\"'`*_#$@[]{}()\\|~^!-=+:;/.%\n ")
)


def plain(words: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())


@settings(max_examples=2)
@given(st.lists(anything.filter(plain), min_size=30, max_size=60))
def test_any_text_stays_that_text_in_html_and_typst(texts):
    for write in (text.escape, text.code):
        source = "\n\n".join(f"X {write(words)} X" for words in texts)
        soup = BeautifulSoup(
            render.pandoc(source, "--from=markdown", "--to=html5", "--wrap=none"), "html.parser"
        )
        assert {tag.name for tag in soup.find_all(True)} <= {"p", "code"}
        assert not any(tag.attrs for tag in soup.find_all(True))
        assert [p.get_text() for p in soup.find_all("p")] == [f"X {plain(words)} X" for words in texts]
        body = render.pandoc(source, "--from=markdown", "--to=typst", "--wrap=none").encode()
        assert typst.compile(body, ignore_system_fonts=True).startswith(b"%PDF-")
        for kind in ("link", "ref", "cite", "heading", "list", "math.equation", "figure", "image"):
            assert typst.query(body, kind) == "[]", kind


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (text.num(0.0470), "0.0470"),
        (text.num(123456, 2), r"$1.2\times 10^{5}$"),
        (text.num(1e-5, 2), "$10^{-5}$"),
        (text.num(-0.5, 2), "−0.50"),
        (text.num(0), "0"),
        (text.num(9.999, 2), "10"),
        (text.fixed(-0.001), "0.00"),
        (text.integer(146961), "146,961"),
        (text.percent(0.0004), "0.04%"),
        (text.percent(0.0), "0%"),
        (text.shown(Interval(9.0, 8.5, 9.5)), "9.00 [8.50,\xa09.50]"),
        (text.shown(Interval(9.0)), "9.00"),
        (text.spread(0.78, 0.13), "0.78\xa0±\xa00.13"),
        (text.duration(0.091), "0.091 s"),
        (text.duration(720), "12 min"),
        (text.duration(18360), "5.1 h"),
        (text.shown([Interval(9.0, 8.5, 9.5), Interval(2.5)]), "9.00 and 2.50"),
        (text.with_sd(Interval(0.25, sd=0.1)), "0.250; 0.10"),
        (text.percent_range([Interval(0.15), Interval(0.12), Interval(0.14)]), "12% to 15%"),
        (text.listing([1, 8, 9]), "1, 8 and 9"),
        (text.listing([]), "none"),
        (text.sentence("a rule."), "A rule."),
        (text.table(["a", "b"], [["x|y", 1]]), "| a | b |\n| :-- | :-- |\n| x\\|y | 1 |"),
    ],
)
def test_formats(shown, expected):
    assert shown == expected
