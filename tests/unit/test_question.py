"""The main question: its means, ratios and intervals, against numpy and scipy alone."""

import json
import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit

import drawn
from paper import figures, names, question
from paper.contents import TEXT
from report.pages.sources import Marks, strip_marks
from report.pages.text import Text
from report.places import ROOT
from report.results import table
from report.results.table import Record
from report.results.views import Results

PAPER = ROOT / "released" / "paper"
RELEASED = [PAPER] if (PAPER / "metrics" / "question.json").is_file() else []
NAMES = {"digits": "frechet", "autoencoder": "frechet_autoencoder", "share": "digit"}
FACTORS = {"frechet": 1.0, "frechet_autoencoder": 0.7, "digit": 0.01, "kid": 0.3, "kid_autoencoder": 0.2}
MADE_UP = {  # numbers of the runs of each process
    "long": {"linear": [12.0, 14.5], "cosine": [11.0, 11.4], "zoom": [15.0, 13.1, 18.2], "joint": [12.0]},
    "published": {"linear": [3.0], "cosine": [5.0], "zoom": [16.5], "joint": [14.0]},
    "short": {"linear": [60.0, 44.0], "cosine": [30.0, 35.0], "zoom": [16.0, 17.5], "joint": [15.0, 16.1]},
    "unet": {"linear": [4.0, 5.0, 4.4], "cosine": [3.9], "zoom": [27.0, 21.0, 25.0], "joint": [18.0, 20.5]},
}  # fmt: skip


@pytest.fixture(scope="session", params=["made up", *RELEASED], ids=str)
def folder(request, tmp_path_factory):
    """A folder with the record `question`."""
    if request.param in RELEASED:
        return request.param
    return made_up(tmp_path_factory.mktemp("question"))


def made_up(out, distance=1.0, share=1.0):
    """A folder with made-up rows; the zoom's distances and shares are multiplied by factors."""
    rows, times = [], {name: share if name == "digit" else distance for name in FACTORS}
    runs = [
        (c, p, *run) for c, of in MADE_UP.items() for p, numbers in of.items() for run in enumerate(numbers)
    ]
    for condition, process, seed, number in runs:
        for measure, factor in FACTORS.items():
            for ending, off in {"": 1.0, ", networks 1": 1.1, ", networks 2": 0.8 + 0.1 * seed}.items():
                value = number * factor * off * (times[measure] if process == "zoom" else 1)
                rows.append(table.row(measure, value, condition + ending, x=seed, model=process))
    rows += table.lines({"floor": 0.6, "floor_autoencoder": 0.7, "digit": 0.97}, way="floor")
    facts = {"settings": {"n": 500, "measuring_seeds": [1, 2]}, "runs": {"unet/x-0": {"epochs": 10}}}
    table.write(out, "question", facts, rows)
    return out


def numbers(folder, condition, process, measure) -> np.ndarray:
    """The numbers of the runs; the published zoom counts as one more of the original recipe."""
    rows = json.loads((folder / "metrics" / "question.json").read_text())["rows"]
    ways = [condition, "published"] if condition == "long" and process in ("zoom", "joint") else [condition]
    rows = [row for row in rows if row[0] in ways and row[2] == measure and row[9:] == [process]]
    return np.array([row[4] for row in rows])


@pytest.mark.parametrize("condition", question.CONDITIONS)
@pytest.mark.parametrize(("measure", "name"), NAMES.items())
@pytest.mark.parametrize(
    ("pair", "first", "second"),
    [("ratio", "zoom", "linear"), ("joint", "joint", "linear"), ("cosine", "zoom", "cosine")],
)
def test_a_ratio_of_table_one_is_welchs_with_pooled_ddpms(
    folder, condition, measure, name, pair, first, second
):
    to, back = (float, float) if name == "digit" else (np.log, math.exp)
    of = {p: np.vectorize(to)(numbers(folder, condition, p, name)) for p in question.PROCESSES}
    squares, n = {p: ((x - x.mean()) ** 2).sum() for p, x in of.items()}, {p: len(x) for p, x in of.items()}
    free, pooled = n[first] - 1, n["linear"] + n["cosine"] - 2
    a, b = squares[first] / free / n[first], (squares["linear"] + squares["cosine"]) / pooled / n[second]
    freedom = (a + b) ** 2 / (a**2 / free + b**2 / pooled)
    middle, half = of[first].mean() - of[second].mean(), stats.t.ppf(0.975, freedom) * math.sqrt(a + b)
    answer = question.Comparison(Record(folder, "question"), condition, measure)
    assert getattr(answer, pair).ends == pytest.approx([*map(back, (middle, middle - half, middle + half))])
    if pair == "ratio":
        assert answer.freedom == pytest.approx(freedom)
        larger = middle if abs(middle) > half else 0
        assert answer.favours == (
            "" if not larger else "zoom" if (larger > 0) == (name == "digit") else "linear"
        )


@pytest.mark.parametrize("condition", question.CONDITIONS)
def test_means_are_geometric_or_of_log_odds_and_published_ddpms_do_not_count(folder, condition):
    for measure, name in NAMES.items():
        answer = question.Comparison(Record(folder, "question"), condition, measure)
        for process, mean in answer.means.items():
            known = numbers(folder, condition, process, name)
            assert (answer.n[process], answer.each[process]) == (len(known), known.tolist())
            expected = expit(logit(known).mean()) if name == "digit" else stats.gmean(known)
            assert mean.value == pytest.approx(expected)


def test_robustness_shows_the_outermost_ends_and_kernel_distances(folder):
    record = Record(folder, "question")
    answer = question.Comparison(record, "unet", "autoencoder")
    runs = [row for process in ("zoom", "linear") for row in answer.rows[process]]
    left_out = [answer.over(without=row).interval for row in runs]
    seeds = record.facts.settings.measuring_seeds
    others = [question.Comparison(record, "unet", "autoencoder", networks=seed).ratio for seed in seeds]
    ends = [(answer.leave_one_out, left_out), *([(answer.other_networks, others)] if seeds else [])]
    for outer, inner in ends:
        assert outer.ends == (answer.ratio.value, min(x.low for x in inner), max(x.high for x in inner))
    alone = [numbers(folder, "unet", process, "kid_autoencoder") for process in ("zoom", "linear")]
    assert answer.by_kid.value == pytest.approx(stats.gmean(alone[0]) / stats.gmean(alone[1]))


def test_the_figure_has_each_run_in_its_row_and_intervals_whole_or_with_an_arrow(folder):
    drawn_figure = figures.answer(Results(folder, jobs={"question": Record(folder, "question")}))
    panels = [axes for axes in drawn_figure.axes if not axes.images]
    for axes, (measure, name) in zip(panels, [("share", "digit"), *NAMES.items()], strict=False):
        places = iter(range(1, 16))
        left, right = axes.get_xlim()
        for condition in question.CONDITIONS:
            next(places)  # a heading
            for process in question.PROCESSES:
                row, known = next(places), numbers(folder, condition, process, name)
                assert drawn.at_row(axes, row, "o") == pytest.approx(sorted(known))
                mean = question.Comparison(Record(folder, "question"), condition, measure).means[process]
                assert drawn.at_row(axes, row, "d") == [pytest.approx(mean.value)]
                (ends,) = ([a[0], b[0]] for a, b in drawn.bars(axes) if a[1] == b[1] == row)
                assert ends == pytest.approx([max(mean.low, left), min(mean.high, right)])
                arrows = [bool(drawn.at_row(axes, row, mark)) for mark in "<>"]
                assert arrows == [mean.low < left, mean.high > right]
        hollow = [mark for mark in axes.lines if mark.get_markerfacecolor() == "white"]
        assert [mark.get_ydata()[0] for mark in hollow] == [4, 5]  # published zooms
    assert figures.answer(Results(folder)) is None


def test_an_outcome_is_what_the_measures_favour_together(folder):
    known = names.question.question(Results(folder, jobs={"question": Record(folder, "question")}))[
        "question"
    ]
    for condition in question.CONDITIONS:
        sides = []
        for measure in NAMES:
            _, low, high = known[condition][measure].ratio.ends
            above, below = low > (measure != "share"), high < (measure != "share")
            sides.append(
                {True: "zoom", False: "linear"}[above == (measure == "share")] if above or below else ""
            )
        decided = {*sides} - {""}
        assert known[condition]["outcome"] == ("mixed" if len(decided) == 2 else [*decided, "open"][0])
        assert [known[condition][key] for key in ("ahead", "behind")] == [
            sides[:2].count(side) for side in ("zoom", "linear")
        ]
    assert known["epochs"]["unet"] == 10
    assert names.question.question(Results(folder))["question"] is None


@pytest.mark.parametrize(
    ("distance", "share", "words"),
    [
        (1, 1, ["the measures disagree", "More of its", "are larger"]),
        (1, 0.05, ["the zoom model is worse", "Fewer of its", "are larger"]),
        (0.05, 1, ["the zoom model is better", "More of its", "are smaller"]),
        (0.184, 0.184, ["no measure tells", "Not clearly more or fewer of its", "neither of its two"]),
    ],
)
def test_the_answer_has_words_for_each_outcome(tmp_path, distance, share, words):
    results = Results(made_up(tmp_path, distance, share), jobs={"question": Record(tmp_path, "question")})
    text = Text(names.question.question(results), Marks(), TEXT)
    told = strip_marks(text.markdown((TEXT / "readme" / "verdict.md").read_text("utf-8")))
    assert [word in told.partition("With a U-Net")[2] for word in words] == [True] * len(words), told
