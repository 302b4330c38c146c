"""The report of a run of models of one's own."""

import platform
from statistics import fmean, stdev

import pytest
from bs4 import BeautifulSoup

from conftest import TITLE
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


def test_each_is_described_by_its_docstrings_as_text_and_its_numbers(alone, own):
    section, model = said(own.find(id="sec:model-dim")), load(alone).first("dim")
    assert "A network of *one's own*." in section
    assert COMPONENTS["pixels"] in section  # a built-in part has its sentence
    assert model.train.docs["prior"] not in section
    assert not own.select(".verdict, .squares")
    losses = [num(model.history[-1][name].value) for name in ("train_loss", "test_loss")]
    assert "final loss is {} on the training images and {} on the test images".format(*losses) in section
    grey = own.find(id="sec:model-grey")
    assert " ".join(HOSTILE).replace("`", "") in said(grey)
    assert [code.get_text() for code in grey.select("code")] == ["code"]


def test_of_two_machines_the_usual_one_comes_first_and_of_the_other_it_says_whose_it_is(alone, own):
    shown = dict(row for row in rows_of(own, "tbl:environment") if len(row) == 2)["python"]
    assert shown == f"{platform.python_version()}; 9.9 ({load(alone).first('grey').label})"


def test_a_model_of_several_seeds_has_a_row_over_them_and_none_that_leaves_out_a_collapsed_one():
    results = load(PAPER.parent / "beyond", ["zoom_unet", "zoom_3", "linear"])
    for measure in ("frechet", "digit"):
        del results.trainings["linear", 1].final.data[measure]  # as of samples that are one image
    marks = Marks()
    text = Text(of_run.collect_names(ReportRun(results, profile.read("beyond"))), marks, TEXT / "run")
    table = strip_marks(text.markdown(text.sources["10_results.md"])).partition("| Model | Runs |")[2]
    lines = [line.split("|")[1:-1] for line in table.splitlines() if "|" in line]
    _, _, *rows = ([cell.strip() for cell in line] for line in lines)
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


def test_a_report_names_the_features_that_it_ranks_in_and_why_if_the_classifier_is_blind():
    results = load(PAPER.parent / "beyond", ["zoom_unet", "linear"])

    def written():
        text = Text(of_run.collect_names(ReportRun(results, profile.read("beyond"))), Marks(), TEXT / "run")
        parts = [text.markdown(text.sources[name]) for name in ("10_results.md", "40_method.md")]
        return [strip_marks(part) for part in parts]

    sees = written()
    for training in results.trainings.values():
        features = training.measured.facts.unread["features"]
        features["digits"] = features.pop("digits") | {"test_accuracy": 0.57, "n_train": 271}  # the last
    blind = written()
    assert all("features of a classifier" in part for part in sees)
    assert all("features of an autoencoder" in part for part in blind)
    assert "trained on 271 images reads 57% of the test images" in blind[0]
    assert not any(word in sees[0] for word in ("271", "57%"))


@pytest.mark.parametrize(("different", "ranked"), [(49, False), (50, True)])
def test_different_images_have_a_column_and_a_model_that_draws_few_has_no_rank(different, ranked):
    results = load(PAPER.parent / "beyond", ["zoom_unet", "linear_unet"])
    sets = [samples for one in results.trainings.values() for samples in one.measured.ways.values()]
    for i, samples in enumerate(sets):
        row = next(iter(samples.data.values()))[0]
        count = row._replace(measure="different", x=None, value=81 + i, low=None, high=None, n=100)
        samples.data["different"] = [count]
    titles = {training.name: name for name, training, variant in results.sets(results.models) if not variant}
    finals = {training.name: training.final for training in results.trainings.values()}
    best = min(finals, key=lambda name: finals[name]["frechet"].value)
    finals[best].data["different"] = [finals[best].data["different"][0]._replace(value=different)]
    text = Text(of_run.collect_names(ReportRun(results, profile.read("beyond"))), Marks(), TEXT / "run")
    table, _, verdict = strip_marks(text.markdown(text.sources["10_results.md"])).partition(": Samples of")
    head, _, *lines = [line.split(" | ") for line in table.splitlines() if line.startswith("|")]
    assert str(different) in [line[head.index("Different")] for line in lines]
    name = titles[best].replace(",", "\\,").replace("_", "\\_")
    sentences = [line for line in verdict.splitlines() if name in line]
    assert any("smallest distance" in line or "closest" in line for line in sentences) == ranked
    assert any(f"contain about {different} images" in line for line in sentences) != ranked


@pytest.mark.parametrize(("low", "closest"), [(12.1, True), (11.9, False)])
def test_a_model_is_closest_only_if_the_intervals_of_all_others_lie_above_its_own(low, closest):
    """The last model of the ranking has the longest interval."""
    results = load(PAPER.parent / "beyond", ["zoom_unet", "linear_unet"])
    first, *_, last = (training.final for training in results.trainings.values())
    for training in results.trainings.values():
        for i, samples in enumerate(training.measured.ways.values()):
            interval = {"value": 14.0 + i, "low": 13.0, "high": 15.0 + i}
            samples.data["frechet"] = [row._replace(**interval) for row in samples.data.get("frechet", [])]
    for final, interval in ((first, (10.0, 9.0, 12.0)), (last, (90.0, low, 99.0))):
        (row,) = final.data["frechet"]
        final.data["frechet"] = [row._replace(**dict(zip(("value", "low", "high"), interval, strict=True)))]
    text = Text(of_run.collect_names(ReportRun(results, profile.read("beyond"))), Marks(), TEXT / "run")
    verdict = strip_marks(text.markdown(text.sources["10_results.md"]))
    assert ("is closest to the data" in verdict) == closest
    assert ("has the smallest distance, but" in verdict) != closest


def test_the_row_of_real_images_has_their_own_floor_and_share():
    results = load(PAPER.parent / "beyond", ["zoom_unet"])
    text = Text(of_run.collect_names(ReportRun(results, profile.read("beyond"))), Marks(), TEXT / "run")
    table = strip_marks(text.markdown(text.sources["10_results.md"])).partition(": Samples of each")[0]
    (real,) = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("| Real images ")]
    one = results.first("zoom_unet")
    of_real, of_model = (100 * samples["digit"].value for samples in (one.real, one.final))
    assert real[-2].strip() == num(one.final["floor"].value, 2)
    assert f"{of_real:.0f}% [" in real[-1]
    assert round(of_real) != round(of_model)
