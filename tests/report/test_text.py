"""The text and its guards: prose without branches, which says nothing that the run does not support."""

import copy
import dataclasses
import re

import pytest
import typst
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

import synthetic
from report import beyond, context, findings, render, tables
from report import models as own
from report import text_format as text
from report.render import Guards
from report.verdicts import judge as verdicts
from report.verdicts.judge import ledger
from report.verdicts.table import remarks
from study.figures import catalogue
from study.records import Results
from study.settings import read_profile

TEXTS = sorted(render.TEXT.glob("*.md"))
GUARDS = Guards({"lower_loss": "fails", "swings": "yes"}, {"zoom": True, "blur": False})


class FakeProfile:
    name, options = "synthetic", {}


def run(results: Results, profile=FakeProfile) -> findings.Run:
    return findings.Run(results, profile, ledger(results), [])


def drawn(results: Results) -> set[str]:
    """Names of all figures that there could be."""
    return {f"{kind}_{m}.png" for kind in ("samples", "degradation", "quality") for m in results.models}


def written(results: Results, complete: bool = False, profile=FakeProfile) -> str:
    """The report as Markdown."""
    found = run(results, profile)
    return render.report(context.build(found, drawn(results)), findings.guards(found, complete))


@pytest.fixture(scope="module")
def paper(root, released) -> str:
    """The released paper as Markdown, of which all must be supported."""
    return written(released, complete=True, profile=read_profile("paper", root / "profiles"))


# --- guards ---


def fill(source, guards=GUARDS, **context):
    return render.markdown(source, context, guards)


def test_a_guard_decides_and_its_fence_is_gone():
    source = 'a\n::: {{.finding rests-on="{}"}}\nb\n:::\nc\n'
    assert fill(source.format("lower_loss=fails swings=yes")) == "a\nb\nc\n"
    assert fill(source.format("lower_loss=fails swings=no")) == "a\nc\n"
    assert fill('::: {.part needs="zoom"}\nb\n:::') == "b\n"
    assert fill('::: {.part needs="zoom blur"}\n<< absent >>\n:::\nc') == "c\n"


def test_other_divs_stay_and_guards_nest():
    inner = '::: {.part needs="blur"}\nx\n::: here\ny\n:::\n:::\n'
    source = '::: cards\n::: {.part needs="zoom"}\nb\n' + inner + ":::\n:::\n"
    assert fill(source) == "::: cards\nb\n:::\n"


def test_a_complete_report_stops_at_a_finding_that_is_not_supported():
    complete = Guards(GUARDS.findings, GUARDS.parts, complete=True)
    source = 'a\n\n::: {.finding rests-on="lower_loss=holds"}\nThe loss is lower.\n:::\n'
    with pytest.raises(
        ValueError, match="line 3: “The loss is lower.*lower_loss=holds, but this run gives fails"
    ):
        fill(source, complete)
    assert fill(source) == "a\n\n"
    assert (
        fill('::: {.part needs="blur"}\n' + source + ":::", complete) == "\n"
    )  # not asked where a part is missing


@pytest.mark.parametrize("guard", ['.finding rests-on="nobody=holds"', '.part needs="nobody"'])
def test_a_guard_that_names_nothing_known_is_an_error(guard):
    with pytest.raises(ValueError, match="nobody"):
        fill(f"::: {{{guard}}}\nb\n:::")


@pytest.mark.parametrize(
    "placeholder", ["<< absent >>", "<< x.absent >>", "<< 0.5 >>", "<< none >>", "<< num(nan) >>"]
)
def test_a_value_without_content_or_format_is_an_error_with_its_line(placeholder):
    with pytest.raises(ValueError, match="text, line 5: "):
        fill(f'::: {{.part needs="zoom"}}\na\n:::\n\n{placeholder}', x=GUARDS, nan=float("nan"))


# --- the text itself ---


def test_every_guard_of_the_text_is_known(made):
    known = run(made)
    guards = findings.guards(known, False)
    conditions = [c for path in TEXTS for c in re.findall(r'(?:rests-on|needs)="([^"]+)"', path.read_text())]
    assert len(conditions) > 40
    for condition in conditions:
        guards.failing(condition)
        for name, _, wanted in (one.partition("=") for one in condition.split()):
            if wanted:
                assert wanted in (verdicts.WORDS.values() if name in known.verdicts else ("yes", "no"))


def test_a_sentence_of_prose_is_a_line():
    for path in TEXTS:
        for line in path.read_text().splitlines():
            if not line.lstrip().startswith(("|", "!", ":", "$")) and "<<" not in line:
                assert len(re.findall(r"[a-z\])]\. [A-Z]", line)) <= 1, (path.name, line)


def test_the_released_paper_supports_all_that_the_text_says(released, paper):
    assert f"Of {len(verdicts.claims())} claims {verdicts.tally(ledger(released))}." in paper
    assert "The zoom model restores well and generates unreliably." in paper
    assert "The cosine schedule learns faster and ends level." in paper
    assert "The network limits the DDPMs." in paper  # beyond the study
    assert "Not at the scale" not in paper


def test_the_page_opens_with_the_results_that_the_readme_names(root, paper):
    named = (root / "README.md").read_text().partition("<!-- released: findings -->\n")[2]
    named = named.partition("<!-- /released -->")[0].splitlines()
    opening = paper.partition("## In short")[2].partition("## The claims at a glance")[0]
    words = [re.sub(r"\W", "", line) for line in opening.splitlines()]
    assert len(named) == 5
    assert all(re.sub(r"\W", "", line) in words for line in named)


def test_models_that_clip_and_take_fewer_steps_have_a_report_too(released):
    results = copy.deepcopy(released)
    for model in ("linear", "cosine"):
        for one in results.first(model).analysis.drawn:
            one.clip_x0, one.calls = True, min(one.calls, 100)
    text = written(results)
    assert "# Quality against cost" not in text
    assert f"{results.first('linear').analysis.drawn[0].digit.value:.0%} (DDPM" in text


def end_at(distance):
    return lambda one: setattr(one.measure.final.frechet, "value", distance)


def draw(share):
    return lambda one: setattr(one.analysis.drawn[0].digit, "share", share)


# A model beyond the study, a change to each of its trainings, and what is then told no longer.
UNTOLD = [
    ("linear", end_at(12.0), {"norm_mends_ground", "tenth_suffices_zoom"}),
    ("linear_30", end_at(12.0), {"thirty_far"}),
    ("zoom_bilinear", end_at(30.0), {"bilinear_alike"}),
    ("linear_rms", lambda one: setattr(one.measure.final.border, "sd", 9.0), {"norm_mends_ground"}),
    ("linear_rms", lambda one: one.analysis.response.response.insert(0, 0.005), {"norm_reports_offset"}),
    (
        "linear_dilated",
        lambda one: setattr(one.measure.final.border, "sd", 0.01),
        {"dilations_not_enough"},
    ),
    (
        "linear_unet",
        end_at(12.0),
        {"unet_ddpm_closer", "dilations_not_enough", "level_with_more_calls", "precision_alike"},
    ),
    ("linear_unet_float32", end_at(5.0), {"precision_alike"}),
    ("zoom_3", end_at(12.0), {"three_not_enough"}),
    (
        "linear_unet",
        lambda one: setattr(one.measure.ways["ddim_24"].frechet, "value", 3.0),
        {"zoom_wins_at_equal_cost"},
    ),
    ("linear_unet", draw(0.4), {"unet_draws_digits"}),
    (
        "zoom_dilated",
        lambda one: setattr(one.measure.ways["mixture"].frechet, "value", 9.0),
        {"wide_start_helps"},
    ),
    (
        "zoom_dilated_falling",
        lambda one: setattr(one.measure.final.classes, "divergence", 0.05),
        {"noise_not_for_wide"},
    ),
    ("zoom_unet_falling", draw(0.3), {"zoom_wins_at_equal_cost"}),
    (
        "zoom_unet_falling",
        lambda one: setattr(one.measure.final.classes, "divergence", 0.5),
        {"falling_helps", "mix_mended"},
    ),
]


@pytest.mark.parametrize(("model", "change", "untold"), UNTOLD)
def test_what_is_told_beyond_the_study_follows_its_table(released, model, change, untold):
    changes = copy.deepcopy(beyond.load("beyond"))
    assert all(beyond.findings(changes, released).values())
    for seed in changes.seeds(model):
        change(changes.trainings[model, seed])
    assert {name for name, holds in beyond.findings(changes, released).items() if not holds} == untold


def test_a_run_without_analyses_tells_of_what_is_beyond_the_study_too(root, released):
    results = copy.deepcopy(released)
    for key, one in results.trainings.items():
        results.trainings[key] = dataclasses.replace(one, analysis=None)
    text = written(results, profile=read_profile("paper", root / "profiles"))
    assert "epochs bring it to 11.9 in 1000" in text


def test_one_of_two_trainings_is_said_of_two_alone(released, paper):
    results, said = copy.deepcopy(released), "that we call comparable, one is not."
    assert said in paper
    results.trainings["zoom", 2] = results.trainings["zoom", 0]
    assert said not in written(results)


def test_numbers_come_from_the_run(released, paper):
    results = copy.deepcopy(released)
    results.first("cosine").measure.final.frechet.value = 11.234
    assert written(results).count("11.2 [") > paper.count("11.2 [")


@pytest.mark.parametrize(
    ("change", "unsaid"),
    [
        (
            lambda r: setattr(r.first("linear").train.ddpm.learning_rate_check.printed, "last_loss", 0.2),
            "prevents learn",
        ),
        (lambda r: setattr(r.schedules.cosine, "signal_T", 0.001), "is a mismatch between training"),
        (
            lambda r: [setattr(line, "test_loss", 0.001) for line in r.first("cosine").train.history],
            "loss is the higher one in both splits",
        ),
        (
            lambda r: r.first("zoom").measure.final.frechet.__dict__.update(value=99, low=98, high=99),
            "comparable to the linear DDPM, as the study",
        ),
        (lambda r: [x.__setitem__(-1, 1.0) for x in responses(r)], "The sampler removes only what"),
    ],
    ids=["rate", "signal", "loss", "distance", "offset"],
)
def test_what_the_data_contradict_is_not_said(released, paper, change, unsaid):
    results = copy.deepcopy(released)
    assert unsaid in paper
    change(results)
    if unsaid.startswith("comparable"):  # the late checkpoints have to say so too
        for one in (r for (m, _), r in results.trainings.items() if m == "zoom"):
            for row in [one.measure.final, *one.measure.curve]:
                row.frechet.__dict__.update(value=99.0, low=98.0, high=100.0)
    assert unsaid not in written(results)
    with pytest.raises(ValueError, match="rests on"):
        written(results, complete=True)


def responses(results):
    return [results.first(m).analysis.response.response for m in ("linear", "cosine")]


# --- any run ---


@pytest.mark.parametrize("models", ["linear", "zoom", "blur", "linear cosine", "zoom blur"])
def test_a_run_of_some_models_has_a_report_whose_references_arrive(tmp_path, models):
    results = synthetic.synthetic_results(tmp_path, epochs=5, models=models.split(), inception=False)
    source = render.typst_source(re.sub(r"\(figures/[^)]*\)", "(picture.png)", written(results)), tmp_path)
    assert "not in this run" in source
    assert ("Cold diffusion, blur" in source) == ("blur" in models)


def test_a_run_without_a_measured_training_is_refused(made):
    bare = Results(made.out, made.schedules, {})
    with pytest.raises(ValueError, match="no training that is measured"):
        run(bare)


def test_the_first_page_counts_the_models_and_names_what_is_smaller(made):
    found = written(made)
    assert "two DDPMs (linear and cosine noise schedule), the zoom model and one further model" in found
    assert "zoom with 0 and 1" in found
    assert "20 of 100 epochs" in found
    assert "100 of 500 samples" in found


def test_samples_that_are_all_one_image_have_no_distance(made):
    results = copy.deepcopy(made)
    results.first("blur").measure.final.constant = True
    (line, *_) = [line for line in tables.distances(results).splitlines() if "blur" in line]
    assert "one image" in line
    assert f"{results.first('blur').measure.final.frechet.value:.1f}" not in line
    assert "samples are one image" in own.further(results, ["blur"], set())


def test_where_no_sample_is_recognised_the_text_shows_no_map_of_classes(made):
    results = copy.deepcopy(made)
    for one in results.trainings.values():
        for row in one.measure.curve:
            row.recognised.n = 0
    assert "figures/class_map.svg" in render.figures(written(made))
    assert "figures/class_map.svg" not in render.figures(written(results))
    assert catalogue.class_map(results) is None


def test_another_data_set_is_named_with_its_classes(made):
    results = copy.deepcopy(made)
    for one in results.trainings.values():
        one.train.settings["dataset"] = "fashion"
    found = written(results)
    assert "About Fashion" in found
    assert "@xiao2017" in found
    assert "ankle boot" in found.lower()


def test_trainings_that_contradict_each_other_are_counted(released):
    results = copy.deepcopy(released)
    results.trainings["zoom", 1].train.zoom.centre_pixels.extreme = 0.1
    found = ledger(results)
    assert found["bimodal"].why == "the trainings disagree (holds in 1; does not hold in 1)"
    number = list(found).index("bimodal") + 1
    assert re.search(rf"On claims [\d, and]*\b{number}\b[\d, and]* of @tbl:claims", written(results))


def test_remarks_say_what_keeps_a_verdict_open(made):
    said = remarks(ledger(made)["lower_distance"])
    assert "trained for 20 of the 50 epochs" in said
    assert said.startswith("leans to *")
    assert verdicts.tally(ledger(made)).endswith("undecided at this scale")


# --- text from a run stays text ---

HOSTILE = ["<script>alert(1)</script>", '#panic("x")', "$x", "a | b", "[link](https://evil.example)"]
HOSTILE += ["`code` *b* @fig:x", "<< 1 + 1 >>", "{#eq:beta}", "line\n\n# heading", "\\input{x}"]
HOSTILE += [']#read("/etc/passwd")', '--- ... "q" ^a^ ~b~', "::: {.part}", "a\u202eb\0c"]
anything = st.one_of(
    st.text(max_size=30), st.sampled_from(HOSTILE), st.text("<>&\"'`*_#$@[]{}()\\|~^!-=+:;/.%\n ")
)


def plain(words: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())


@settings(max_examples=6)
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
        one.train.environment["device_name"] = everything
    results.first("blur").train.about = everything
    source = re.sub(r"\(figures/[^)]*\)", "(picture.png)", written(results))
    page = render.pandoc(
        source, "--from=markdown-raw_html-raw_tex-raw_attribute", "--to=html5", "--wrap=none"
    )
    soup = BeautifulSoup(page, "html.parser")
    assert not soup.select("script")
    assert "https://evil.example" not in [a.get("href") for a in soup.select("a")]
    assert " ".join(soup.get_text().split()).count(plain(everything)) > 10


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (text.num(0.0470), "0.0470"),
        (text.num(123456, 2), r"$1.2\times 10^{5}$"),
        (text.num(1e-5, 2), "$10^{-5}$"),
        (text.num(-0.5, 2), "−0.50"),
        (text.num(0), "0"),
        (text.num(9.999, 2), "10"),
        (text.num(99.96), "100"),
        (text.fixed(-0.001), "0.00"),
        (text.integer(146961), "146,961"),
        (text.integer(1000), "1000"),
        (text.percent(0.0004), "0.04%"),
        (text.percent(0.5), "50%"),
        (text.percent(0.0), "0%"),
        (text.span(9.0, 8.5, 9.5), "9.00 [8.50,\xa09.50]"),
        (text.span(9.0, None, None), "9.00"),
        (text.spread(0.78, 0.13), "0.78\xa0±\xa00.13"),
        (text.spread(12.3, 40.0), "12\xa0±\xa040"),
        (text.duration(0.091), "0.091 s"),
        (text.duration(720), "12 min"),
        (text.duration(18360), "5.1 h"),
        (text.percent_range([0.15, 0.12, 0.14]), "12% to 15%"),
        (text.percent_range([0.121, 0.122]), "12%"),
        (text.listing([1, 8, 9]), "1, 8 and 9"),
        (text.listing([]), "none"),
        (text.sentence("a rule."), "A rule."),
        (text.table(["a", "b"], [["x|y", 1]]), "| a | b |\n| :-- | --: |\n| x\\|y | 1 |"),
    ],
)
def test_formats(shown, expected):
    assert shown == expected
