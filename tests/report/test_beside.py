"""The short report of a run of one's own, beside the released trainings; text from a run stays text in it."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import made_report
import synthetic
from diffusion.data import DATASETS
from report import build, render
from report.run import Run
from report.short import PICTURES
from report.sources import Marks
from report.sources import plain as unmarked
from report.text_format import escape
from study.results import Results, load
from study.settings import read_profile


@pytest.fixture(scope="module")
def opened(short):
    return BeautifulSoup((short / "report.html").read_text(), "html.parser")


def rows_of(page, table: str) -> list[list[str]]:
    found = page.find(id=table).select("tbody tr")
    return [[cell.get_text().strip() for cell in row.select("th, td")] for row in found]


def test_own_models_come_first_and_nothing_is_left_unfilled(opened):
    assert opened.select_one("main > section")["id"] == "sec:own-models"
    assert not re.findall(r"<<|>>|%%|:::|\{#|\{\.|@fig|@tbl|\?\?", opened.get_text())


def test_figures_that_the_notebooks_show_are_told_of(opened):
    numbers = re.findall(r"Figure\s(\d+)\.", " ".join(x.get_text() for x in opened.select("figcaption")))
    assert numbers == [f"{n}" for n in range(1, len(made_report.BESIDE + made_report.OWN) + 1)]
    assert {"fig:first", "fig:samples", "fig:own-samples", "fig:own-losses"} <= {
        one["id"] for one in opened.select("figure[id]")
    }


def test_each_model_stands_beside_the_released_one_of_its_process_and_network(short, opened):
    of_models = [("Cold Zoom", "your run", "3"), ("", "the paper’s", "100")]
    of_models += [("DDPM, linear", "your run", "3"), ("", "the paper’s", "100")]
    assert [(*row[:3],) for row in rows_of(opened, "tbl:beside")] == of_models
    assert Run(load(short), None).short
    assert not Run(synthetic.released(), None).short


def test_a_number_of_the_table_leads_to_its_row(short, opened):
    losses = [row.select("td")[2] for row in opened.find(id="tbl:beside").select("tbody tr")]
    numbers = json.loads((short / "numbers.json").read_text())
    found = [numbers[int(cell.select_one(".n")["data-s"]) - 1]["sources"][0] for cell in losses]
    assert [one["file"] for one in found] == [
        f"{place}metrics/train_{model}-0.json"
        for model in ("zoom", "linear")
        for place in ("", "released/paper/")
    ]


def test_verdicts_that_the_run_gives_too_are_marked(short, opened):
    own, paper = (
        {row["id"]: row["verdict"] for row in json.loads((folder / "ledger.json").read_text())}
        for folder in (short, synthetic.RELEASED)
    )
    same = {name for name in own if own[name] == paper[name] != "undecided"}
    marks = [row[-1] for row in rows_of(opened, "tbl:verdicts")]
    assert 0 < marks.count("✓") == len(same) < len(marks) == len(paper)


# --- other runs ---


def told(results: Results, folder: Path) -> str:
    """The short report as Markdown."""
    profile = read_profile(made_report.profile(folder / "synthetic.yaml", results.models), folder)
    drawn = {name.format(model) for name in PICTURES for model in results.models}
    run = Run(results, profile, [], drawn | {*made_report.BESIDE, *made_report.OWN})
    return unmarked(build.told(run, Marks()))


@pytest.fixture
def changed(tmp_path):
    """A function that changes the facts of all jobs of a kind in a made-up run, or leaves measures out."""
    results = synthetic.synthetic_results(tmp_path, epochs=5)

    def change(kind: str, without: Sequence[str] = (), **facts) -> Results:
        for one in results.trainings.values():
            job = one.job if kind == "train" else one.measured
            rows = [row for row in job.rows if row.measure not in without]
            synthetic.written(tmp_path, job.name, job, facts, rows)
        return load(tmp_path)

    return change


@pytest.mark.parametrize("models", ["linear", "zoom blur"])
def test_a_run_of_some_models_has_a_report_whose_references_arrive(tmp_path, models):
    results = synthetic.synthetic_results(tmp_path, epochs=5, models=models.split(), inception=False)
    text = re.sub(r"\(figures/[^)]*\)", "(picture.png)", told(results, tmp_path))
    source = render.typst_source(text, tmp_path)
    assert ("sec:model-blur" in source) == ("blur" in models)


def test_samples_that_are_all_one_image_have_no_distance(changed, tmp_path):
    found = told(changed("measure", without=["frechet"]), tmp_path)
    assert "samples are one image" in found
    rows = [line.split(" | ") for line in found.splitlines() if line.startswith(("| Cold Zoom", "| DDPM"))]
    assert [row[4] for row in rows if len(row) == 7] == ["–"] * 3
    assert "The distance of 100 samples" not in found


def test_another_data_set_is_named_with_its_classes(changed, tmp_path):
    fashion = DATASETS["fashion"]
    data = {"title": fashion.title, "classes": fashion.classes, "noun": fashion.noun}
    found = told(changed("train", data=data), tmp_path)
    assert "ankle boot" in found.lower()
    assert "the paper’s" not in found  # of other data


HOSTILE = ["<script>alert(1)</script>", '#panic("x")', "$x", "a | b", "[link](https://evil.example)"]
HOSTILE += ["`code` *b* @fig:x", "<< 1 + 1 >>", "{#eq:beta}", "%% if x", "\\input{x}", "::: {.part}"]


def test_names_from_a_run_stay_text_in_its_report(changed, tmp_path):
    everything = " ".join(HOSTILE)
    docs = dict.fromkeys(("degradation", "network"), "\n\n".join([everything, *reversed(HOSTILE)]))
    found = told(changed("train", label=everything, docs=docs), tmp_path).rpartition("\n---\n")[2]
    text = re.sub(r"\(figures/[^)]*\)", "(picture.png)", found)
    page = render.pandoc(text, "--from=markdown-raw_html-raw_tex-raw_attribute", "--to=html5", "--wrap=none")
    soup = BeautifulSoup(page, "html.parser")
    assert not soup.select("script")
    assert "https://evil.example" not in [a.get("href") for a in soup.select("a")]
    assert " ".join(soup.get_text().split()).count(everything) == found.count(escape(everything)) > 15
