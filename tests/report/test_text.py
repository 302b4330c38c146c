"""The text and its guards: prose without branches, which says nothing that the run does not support."""

import copy
import re
from typing import Any

import pytest
import typst
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

import synthetic
from diffusion.evaluation.interval import Interval
from report import beside, beyond, front, guards, own, render, values
from report import text_format as text
from report.sources import plain as unmarked
from report.verdicts import judge as verdicts
from study.records import DataNames, Results
from study.settings import read_profile


class FakeProfile:
    name, options, where = "synthetic", {}, "profiles/synthetic.yaml"


def written(results: Results) -> str:
    """The short report as Markdown."""
    drawn = {f"{kind}_{m}.png" for kind in ("samples", "degradation") for m in results.models}
    mine = own.models(results)
    told = values.common(results, FakeProfile) | own.values(results, FakeProfile, mine, drawn)
    studied = len(mine) < len(results.models)
    told |= (
        beside.values(results, verdicts.ledger(results), mine) if studied else {"first": None, "judged": 0}
    )
    return guards.Text(told, folder=guards.TEXT / "short").joined()


@pytest.fixture(scope="module")
def of_paper(root):
    return read_profile("paper", root / "profiles")


@pytest.fixture(scope="module")
def together(released, of_paper) -> Results:
    """The released paper with the other runs that it shows."""
    return beyond.with_others(released, of_paper)


@pytest.fixture(scope="module")
def known(together, of_paper) -> dict[str, Any]:
    """The values of the released paper."""
    return values.build(together, of_paper, verdicts.ledger(together))


@pytest.fixture(scope="module")
def paper(known) -> str:
    """The released paper as Markdown, of which all must be supported."""
    return unmarked(guards.Text(known, complete=True).report())


# --- guards ---

VALUES = {"final": {"zoom": 3.0}, "verdict": {"lower_loss": "fails"}, "none": None, "made": FakeProfile()}


def fill(source, complete=False, folder=guards.TEXT, **more):
    return guards.Text(VALUES | more, complete, folder).markdown(source)


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


# --- the text itself ---


def test_the_released_paper_supports_all_that_the_text_says(together, paper):
    found = verdicts.ledger(together)
    assert f"The verdicts on {len(verdicts.claims())} claims: {unmarked(verdicts.tally(found))}." in paper
    assert "The zoom model restores well and generates unreliably." in paper
    assert "The network limits the DDPMs." in paper  # beyond the study
    assert "Not at the scale" not in paper


def test_no_condition_asks_for_what_no_run_has(known):
    """In the released paper all conditions are met but those of the parts that it lacks."""
    found = guards.Text(known)
    conditions = [
        guard["condition"] for one in found.sources.values() for guard in guards.GUARD.finditer(one)
    ]
    lacking = {" ".join(c.split()) for c in conditions if not found.holds(c)}
    assert len(conditions) > 100
    absent = {"deviations", "failed", "further_models", "respaced", "notebooks"}
    assert lacking == absent | {"not whole", "yardstick.candidates == 1"}


def test_the_page_opens_with_the_results_that_the_readme_names(root, paper):
    named = (root / "README.md").read_text().partition("<!-- released: findings -->\n")[2]
    named = named.partition("<!-- /released -->")[0].splitlines()
    opening = paper.partition("## In short")[2].partition("## The claims at a glance")[0]
    words = [re.sub(r"\W", "", line) for line in opening.splitlines()]
    assert len(named) == 6
    assert all(re.sub(r"\W", "", line) in words for line in named)


# A model beyond the study, a change to each of its trainings, and what is then told no longer.
UNTOLD = [
    ("linear_rms", lambda one: setattr(one.measure.final.border, "sd", 9.0), "subtracts nothing"),
    ("linear_unet", lambda one: end_at(one, 12.0), "The network limits the DDPMs"),
    (
        "cosine_unet",
        lambda one: setattr(one.measure.ways["ddim_24"].frechet, "value", 3.0),
        "equal size and in",
    ),
    ("zoom_unet_noise", lambda one: end_at(one, 12.0), "trades digits for variety"),
]


def end_at(one, distance):
    one.measure.final.frechet.value = distance


@pytest.mark.parametrize(("model", "change", "untold"), UNTOLD)
def test_what_is_told_beyond_the_study_follows_its_table(known, paper, model, change, untold):
    changes = copy.deepcopy(beyond.load("beyond"))
    for seed in changes.seeds(model):
        change(changes.trainings[model, seed])
    assert untold in paper
    assert untold not in render_again(known, **beyond.values(changes))


@pytest.mark.parametrize(
    ("name", "change", "unsaid"),
    [
        ("rate", lambda rate: setattr(rate.printed, "last_loss", 0.2), "prevents learn"),
        ("losses", lambda all: all["cosine"].update(test=[0.0] * 100), "higher one in both splits"),
        ("verdict", lambda all: all.update(comparable="fails"), "a bound that we set"),
        ("reads", lambda reads: reads["linear"].update(last=[1.0]), "What is missed stays"),
        ("late", lambda late: late.pop("zoom"), "distances of its trainings lie anywhere"),
    ],
)
def test_what_the_data_contradict_or_lack_is_not_said(known, paper, name, change, unsaid):
    assert unsaid in paper
    change(changed := copy.deepcopy(known[name]))
    assert unsaid not in render_again(known, **{name: changed})
    with pytest.raises(ValueError, match="does not support"):
        guards.Text(known | {name: changed}, complete=True).report()


def render_again(known, **changed) -> str:
    return guards.Text(known | changed).report()


def test_what_is_beyond_the_study_has_a_long_report_of_its_own(root):
    profile = read_profile("beyond", root / "profiles")
    results = beyond.with_others(beyond.load("beyond"), profile)
    assert not beside.is_short(results)
    text = unmarked(guards.Text(values.build(results, profile, verdicts.ledger(results))).report())
    assert "Models of the study and 15 further ones" in text
    assert "for linear, 10 of 100 epochs" in text
    assert "*not in this run*" in text


# --- a run of one's own ---


@pytest.mark.parametrize("models", ["linear", "zoom blur"])
def test_a_run_of_some_models_has_a_report_whose_references_arrive(tmp_path, models):
    results = synthetic.synthetic_results(tmp_path, epochs=5, models=models.split(), inception=False)
    source = render.typst_source(re.sub(r"\(figures/[^)]*\)", "(picture.png)", written(results)), tmp_path)
    assert ("#sec:model-blur" in source or "sec:model-blur" in source) == ("blur" in models)


def test_samples_that_are_all_one_image_have_no_distance(made):
    results = copy.deepcopy(made)
    results.first("blur").measure.final.constant = True
    assert "samples are one image" in front.further(results, ["blur"], set())
    rows = [line for line in written(results).splitlines() if line.startswith("| Cold diffusion")]
    assert rows
    assert any(" – |" in row for row in rows)


def test_another_data_set_is_named_with_its_classes(made):
    results = copy.deepcopy(made)
    for one in results.trainings.values():
        one.train.settings["dataset"] = "fashion"
        one.train.data = DataNames.of("fashion")
    found = written(results)
    assert "@xiao2017" in found
    assert "ankle boot" in found.lower()


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


def test_names_from_a_run_stay_text_in_its_report(made):
    results = copy.deepcopy(made)
    everything = " ".join(HOSTILE)
    for one in results.trainings.values():
        one.train.label = everything
    results.first("blur").train.about = everything
    source = re.sub(r"\(figures/[^)]*\)", "(picture.png)", written(results))
    page = render.pandoc(
        source, "--from=markdown-raw_html-raw_tex-raw_attribute", "--to=html5", "--wrap=none"
    )
    soup = BeautifulSoup(page, "html.parser")
    assert not soup.select("script")
    assert "https://evil.example" not in [a.get("href") for a in soup.select("a")]
    assert " ".join(soup.get_text().split()).count(plain(everything)) == 15


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
        (text.percent_range([0.15, 0.12, 0.14]), "12% to 15%"),
        (text.listing([1, 8, 9]), "1, 8 and 9"),
        (text.listing([]), "none"),
        (text.sentence("a rule."), "A rule."),
        (text.table(["a", "b"], [["x|y", 1]]), "| a | b |\n| :-- | --: |\n| x\\|y | 1 |"),
    ],
)
def test_formats(shown, expected):
    assert shown == expected
