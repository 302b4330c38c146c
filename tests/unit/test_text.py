"""The text and its guards: prose without branches, which says nothing that the run does not support."""

from dataclasses import replace
from typing import Any

import pytest

from diffusion.evaluation.statistics import Interval
from helpers import PAPER, ROOT
from report import names, values
from report.build import parted
from report.run import Run, with_others
from report.sources import Marks, plain
from report.text import TEXT, Text
from study.results import load
from study.settings import read_profile
from study.table import Samples

# --- the language ---

VALUES = {"final": {"zoom": 3.0}, "verdict": {"lower_loss": "fails"}, "none": None, "nan": float("nan")}


def fill(source, complete=False, folder=TEXT, **more):
    return Text(VALUES | more, Marks(), complete, folder).markdown(source)


@pytest.mark.parametrize("kind", ["finding", "part"])
@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ("verdict.lower_loss == 'fails' and final.zoom > 2", True),
        ("verdict.lower_loss == 'holds'", False),
        ("final.linear", False),  # what the run lacks is undefined
        ("min([]) < 1 or final.zoom", False),
        ("max(final.zoom, [1, 5]) == 5 and fmean([2, 4]) == final.zoom", True),
    ],
)
def test_a_condition_decides_and_its_fence_is_gone(kind, condition, met):
    source = f'a\n::: {{.{kind} if="{condition}"}}\nb\n:::\nc\n'
    assert fill(source) == ("a\nb\nc\n" if met else "a\nc\n")
    if kind == "finding" and not met:  # which a complete report must support, unless a part is missing
        with pytest.raises(ValueError, match="line 2: .*does not support"):
            fill(source, complete=True)
        assert fill(f'::: {{.part if="none"}}\n{source}:::', complete=True) == "\n"


def test_a_condition_can_rest_on_a_finding_told_elsewhere(tmp_path):
    told = '::: {.finding #large if="\n  final.zoom > limit"}\nIt is large.\n:::\n'
    (tmp_path / "b.md").write_text(told)
    source = '::: {.finding if="large and verdict.lower_loss"}\nAs said.\n:::\n'
    assert fill(source, folder=tmp_path, limit=2) == "As said.\n"
    assert fill(source, folder=tmp_path, limit=4) == "\n"


@pytest.mark.parametrize(
    "source",
    [
        *("<< absent >>", "<< none >>", "<< num(nan) >>"),  # a value without content
        "<< final.zoom >>",  # a number that does not say how many digits it wants
        # conditions that can never be met
        *(f'::: {{.part if="{one}"}}\nb\n:::' for one in ("nobody", "final.zoom >", "final.zoom > 'a'")),
    ],
)
def test_what_can_never_be_said_is_an_error_with_its_line(source):
    with pytest.raises(ValueError, match="text, line 3: "):
        fill(f"a\n\n{source}")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("<< fnal.zoom >>", "no 'fnal'; did you mean 'final'"),
        ("<< num(final.zom) >>", "no 'zom'; did you mean 'zoom'"),
        ('::: {.part if="fnal"}\nb\n:::', "did you mean 'final'"),
        ("<< interval >>", "a bare Interval"),
        ('::: {.part if="final"}\nb\n', "has no ::: at its end"),
    ],
)
def test_what_an_author_mistypes_is_named_with_what_is_nearest(source, said):
    with pytest.raises(ValueError, match=said):
        fill(source, interval=Interval(1.0, 0.5, 2.0))


def test_an_authors_text_keeps_the_numbers_of_its_lines():
    before, after = parted("# Why\n\na\n\n# Then\n\n<< absent >>\n")
    assert before == "# Why\n\na\n\n"
    with pytest.raises(ValueError, match="text, line 7: "):
        fill(after)
    with pytest.raises(ValueError, match="mine.md, line 3: "):  # before anything is trained
        Text.check("a\n\n<< num(1 >>", "mine.md")


# --- what is told of the released paper ---


@pytest.fixture(scope="module")
def run() -> Run:
    """The released paper with the other runs that it shows."""
    profile = read_profile("paper", ROOT / "profiles")
    return Run(with_others(load(PAPER, profile.trainings), profile), profile)


def said(run: Run, *sources: str, complete: bool = False, **other: Any) -> str:
    """The text of a run, or that of some sources, with other results."""
    names = values.names(replace(run, results=replace(run.results, **other)))
    text = Text(names, Marks(), complete)
    return plain("\n".join(text.markdown(text.sources[one], one) for one in sources or text.sources))


@pytest.fixture(scope="module")
def paper(run) -> str:
    """Its text, of which the release must support all."""
    return said(run, complete=True)


def test_what_the_data_contradict_is_not_said(run, paper):
    seen = load(PAPER, run.results.trainings)
    for one in seen.of("linear"):
        rows = [row._replace(value=1.0) for row in one.analysed.rows if row.way == "shift 1"]
        one.analysed.ways["shift 1"] = Samples(rows)  # networks that see all of an offset
    assert "a DDPM misplaces the mean grey" in paper
    assert "a DDPM misplaces the mean grey" not in said(run, "33_offset.md", trainings=seen.trainings)


def test_what_a_run_lacks_is_not_said(run, paper):
    parts = ("30_files.md", "31_results.md", "32_distances.md", "34_effects.md")
    alone = said(run, *parts, **dict.fromkeys(("further", "original", "watched", "blind")))
    assert "# What the trainings show" in alone
    gone = ["# What would make the zoom draw better", "# What the study's files show", "## Blind readers"]
    assert [(one in paper, one in alone) for one in gone] == 3 * [(True, False)]


def test_a_run_is_repeated_by_the_name_of_its_profile_though_a_copy_fits_the_machine(run):
    for where, name in ((ROOT / "profiles" / "paper.yaml", "paper"), (PAPER / "profile.yaml", "paper")):
        profile = read_profile("paper", ROOT / "profiles")
        profile.where = str(where)
        assert names.common(replace(run, profile=profile))["profile_file"] == name
