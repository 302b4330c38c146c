"""The report of a run of models of one's own."""

import platform
import re
from statistics import fmean, stdev

import pytest
from bs4 import BeautifulSoup

from conftest import LABEL, TITLE
from diffusion.processes import DEGRADATIONS
from diffusion.processes.priors import PRIORS
from diffusion.processes.samplers import SAMPLERS
from diffusion.processes.schedules import SCHEDULES
from diffusion.training.network import NETWORKS
from helpers import HOSTILE, PAPER
from report import profile
from report.pages import own as of_run
from report.pages.models import COMPONENTS
from report.pages.names import ReportRun
from report.pages.sources import Marks, strip_marks
from report.pages.text import TEXT, Text
from report.pages.text_format import num, spread
from report.results.views import load


def said(tag):
    return " ".join(tag.get_text().split()).replace("’", "'").replace("‘", "'")


def rows_of(page, table: str) -> list[list[str]]:
    return [[said(cell) for cell in row.select("th, td")] for row in page.find(id=table).select("tr")]


@pytest.fixture(scope="module")
def own(alone):
    return BeautifulSoup((alone / "report.html").read_text(), "html.parser")


def test_its_authors_words_are_around_the_results_and_its_numbers_have_sources(alone, own):
    assert said(own.h1) == TITLE
    loss = load(alone).first("dim").history[-1]["test_loss"].value
    assert said(own.select_one("#discussion .n")) == num(loss)


def test_its_first_table_says_what_draws_the_samples_and_how_good_they_are(alone, own):
    _, *rows = rows_of(own, "tbl:models")
    dim = load(alone).first("dim")
    assert [row[0] for row in rows[:2]] == [LABEL, f"{LABEL}, two"]
    for row, samples in ((rows[0], dim.final), (rows[1], dim.measured["two"])):
        assert row[2] == str(dim.train.steps)
        assert row[3].startswith(f"{num(samples['frechet'].value)} [{num(samples['frechet'].low)},")
        assert row[4].startswith(f"{100 * samples['digit'].value:.0f}% [")
    assert rows[2][3:] == ["one image", "–"]
    assert rows[3][3] == num(dim.final["floor"].value, 2)
    _, *rows = rows_of(own, "tbl:sampling")
    made = ["Fade (strength 0.5), T = 3", "pixels", "naive (levels 2)", "Linear (scale 2)", "2"]
    assert rows[0][1:6] == made
    assert rows[1][1:6] == [*made[:2], "improved", made[3], "3"]  # options are of one sampler


def test_each_is_described_by_its_docstrings_as_text_and_its_numbers(alone, own):
    section, last = said(own.find(id="sec:model-dim")), load(alone).first("dim").history[-1]
    assert "A network of *one's own*." in section
    losses = [num(last[name].value) for name in ("train_loss", "test_loss")]
    assert "final loss is {} on the training images and {} on the test images".format(*losses) in section
    grey = own.find(id="sec:model-grey")
    assert " ".join(HOSTILE).replace("`", "") in said(grey)
    assert [code.get_text() for code in grey.select("code")] == ["code"]


def test_a_built_in_part_of_a_model_has_its_sentence_instead_of_its_docstring(alone, own):
    docs, section = load(alone).first("dim").train.docs, said(own.find(id="sec:model-dim"))
    assert COMPONENTS["pixels"] in section
    assert docs["prior"] not in section


def test_of_two_machines_the_usual_one_comes_first_and_of_the_other_it_says_whose_it_is(alone, own):
    shown = dict(row for row in rows_of(own, "tbl:environment") if len(row) == 2)["python"]
    assert shown == f"{platform.python_version()}; 9.9 ({load(alone).first('grey').label})"


def test_it_has_no_verdicts(alone, own):
    assert not (alone / "ledger.json").exists()
    assert not own.select(".verdict, .squares")


@pytest.mark.parametrize("registry", [DEGRADATIONS, PRIORS, SAMPLERS, SCHEDULES, NETWORKS])
def test_a_built_in_part_is_described_in_plain_words(registry):
    for name in registry:
        assert not re.search(r"`|_|\bSec\.|\bEqs?\.|Algorithm|the study", COMPONENTS[name])


def test_a_model_of_several_seeds_has_a_row_over_them_and_none_that_leaves_out_a_collapsed_one():
    results = load(PAPER.parent / "beyond", ["zoom_unet", "zoom_3", "linear"])
    for measure in ("frechet", "digit"):
        del results.trainings["linear", 1].final.data[measure]  # as of samples that are one image
    marks = Marks()
    text = Text(of_run.collect_names(ReportRun(results, profile.read("beyond"))), marks, TEXT / "run")
    lines = (
        strip_marks(text.markdown(text.sources["10_results.md"]))
        .partition("| Model | Runs |")[2]
        .splitlines()
    )
    _, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line)
    finals = [one.final for one in results.all_of("zoom_unet")]
    distances, digits = ([one[name].value for one in finals] for name in ("frechet", "digit"))
    shares = [100 * share for share in digits]
    over = [spread(fmean(values), stdev(values)) for values in (distances, shares)]
    label = results.first("zoom_unet").label.replace(",", "\\,").replace("_", "\\_")
    assert rows == [
        [label, "2", "0", *over],
        [results.first("linear").label.replace(",", "\\,"), "2", "1", "–", "–"],
    ]
    assert marks.missing == []


def test_the_row_of_real_images_has_their_own_floor_and_share():
    results = load(PAPER.parent / "beyond", ["zoom_unet"])
    text = Text(of_run.collect_names(ReportRun(results, profile.read("beyond"))), Marks(), TEXT / "run")
    table = strip_marks(text.markdown(text.sources["10_results.md"])).partition(": Samples of each")[0]
    (real,) = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("| Real images ")]
    one = results.first("zoom_unet")
    of_real, of_model = (100 * samples["digit"].value for samples in (one.real, one.final))
    assert real[3].strip() == num(one.final["floor"].value, 2)
    assert f"{of_real:.0f}% [" in real[4]
    assert round(of_real) != round(of_model)
