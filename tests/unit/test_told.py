"""Numbers that the paper tells of its rows: samples behind a measure, ways to sample, scores, networks."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from helpers import PAPER, ROOT
from paper import names
from paper.claims import judge
from paper.names import _samples_of, _usage, _ways_at
from paper.variety import relative_variance, variances
from report.pages.names import ReportRun
from report.pages.sources import Marks, strip_marks
from report.pages.text import Text
from report.results.views import Results, load

METRICS = ROOT / "released"


@pytest.fixture(scope="module")
def released() -> Results:
    beside = {name: load(METRICS / name) for name in ("beyond", "starts", "original")}
    return replace(load(PAPER), beside=beside)


@pytest.fixture(scope="module")
def text(released) -> Text:
    report = SimpleNamespace(authors="", date="")
    where = ROOT / "paper" / "profiles" / "paper.yaml"
    profile = SimpleNamespace(name="paper", where=where, file=SimpleNamespace(report=report))
    run = ReportRun(released, profile)
    known = names.collect_names(run, judge.judge_all(released))
    return Text(known, Marks(), ROOT / "paper" / "text")


def rows_of(release: str, job: str) -> list[list]:
    """The rows of a job's file: way, epoch, measure, x, value, low, high, n, sd."""
    return json.loads((METRICS / release / "metrics" / f"{job}.json").read_text())["rows"]


def counted(release: str, job: str, measure: str) -> int:
    (n,) = {row[7] for row in rows_of(release, job) if row[0] == "" and row[2] == measure and row[7]}
    return n


# --- samples behind a measure ---


@pytest.mark.parametrize("model", ["zoom", "linear"])
@pytest.mark.parametrize("measure", ["digit", "frechet"])
def test_the_numbers_of_samples_are_those_of_the_rows_of_each_training(released, model, measure):
    told = _samples_of(released, model, measure)
    ours = {seed: counted("paper", f"measure_{model}-{seed}", measure) for seed in released.seeds(model)}
    if len(set(ours.values())) == 1:
        assert told.replace(",", "") == str(*set(ours.values()))
        return
    for n in set(ours.values()):
        seeds = [seed for seed, of in ours.items() if of == n]
        words = re.search(rf"\b{n:,}|{n}\b", told)
        assert words
        group = re.search(rf"(?:{n:,}|{n}) \(seeds? ([^)]*)\)", told)[1]
        assert [int(x) for x in re.findall(r"\d+", group)] == seeds


def test_the_caption_of_all_trainings_names_the_samples_of_each(text, released):
    caption = strip_marks(text.markdown(text.sources["48_method.md"]))
    caption = next(line for line in caption.splitlines() if line.endswith("{#tbl:trainings}"))
    for model in ("zoom", "linear"):
        for seed in released.seeds(model):
            n = counted("paper", f"measure_{model}-{seed}", "digit")
            assert f"{n:,}" in caption or str(n) in caption


# --- ways to sample ---


@pytest.mark.parametrize("calls", [24, 100])
def test_the_ways_with_a_number_of_calls_are_counted_in_the_rows(released, calls):
    measured = {row[0] for row in rows_of("beyond", "measure_cosine_unet-0") if row[2] == "frechet"}
    facts = json.loads((METRICS / "beyond" / "metrics" / "measure_cosine_unet-0.json").read_text())
    variants = facts["settings"]["variants"]
    alike = [w for w in measured & variants.keys() if "n" not in variants[w]]
    steps = [variants[way].get("sampler_options", {}).get("steps") for way in alike]
    train = json.loads((METRICS / "beyond" / "metrics" / "train_cosine_unet-0.json").read_text())
    own = train["sampler"].get("steps") or train["T"]
    assert _ways_at(released.beside["beyond"], "cosine_unet", calls) == [*steps, own].count(calls)


# --- what the original study calls comparable ---


def test_scores_are_geometric_means_of_the_last_fifth_of_the_published_ones(released):
    rows = [row for row in rows_of("original", "files") if row[2] == "frechet_inception"]
    means = {}
    for model in ("zoom", "linear", "cosine"):
        scores = [row[4] for row in sorted((r for r in rows if r[9] == model), key=lambda r: r[3])]
        assert len(scores) in (11, 21)  # from the start, after every tenth or every fifth epoch
        last = scores[-3:] if len(scores) == 11 else scores[-5:]  # epochs 80 to 100
        means[model] = math.prod(last) ** (1 / len(last))
    usage = _usage(names.experiments.by_model(released.beside["original"].jobs["files"]))
    assert dict(usage["score"]) == pytest.approx(means)
    assert usage["comparable"] == pytest.approx(means["zoom"] / means["linear"])
    assert usage["better_than_linear"] == pytest.approx(means["cosine"] / means["linear"])
    assert 1.0 < usage["comparable"] < 1.02 < 1.07 < 1 / usage["better_than_linear"] < 1.1


# --- answers by measure, network and level ---


def test_the_answer_names_ratio_degrees_of_freedom_trainings_and_checkpoints(text):
    source = (
        "<< shown(answer.digits.apart, fixed) >> << fixed(answer.digits.freedom, 1) >> "
        "<< answer.digits.n.zoom >> "
        "<< answer.digits.checkpoints.zoom >> << answer.digits.checkpoints.linear >> "
        "<< answer.autoencoder.late.n.zoom >>"
    )
    told = strip_marks(text.markdown(source)).replace("\N{NO-BREAK SPACE}", " ")
    assert told == "1.18 [0.90, 1.55] 3.7 4 21 5 2"


def test_each_network_has_the_ratio_of_its_own_trainings(text):
    source = "%% for row in networks()\n<< row.name >>: << num(row.ratio, 4) >>, << row.n >>\n%% endfor\n"
    told = dict(line.split(": ") for line in strip_marks(text.markdown(source)).splitlines())

    def mean(model: str) -> float:
        last = [rows_of("beyond", f"measure_{model}-{seed}") for seed in (0, 1)]
        values = [row[4] for rows in last for row in rows if row[0] == "" and row[2] == "frechet"]
        return float(np.mean(np.log(values)))

    ratio = math.exp(mean("zoom_unet") - mean("linear_unet"))
    assert told["U-Net"] == f"{ratio:.3f}, 2 + 2"
    assert {"Original network", "Original network, RMS norm"} < told.keys()


def test_the_main_ratio_is_wider_at_the_level_of_all_claims_and_for_a_new_training(text):
    source = "<< num(answer.digits.NAME.low, 6) >> << num(answer.digits.NAME.high, 6) >>"
    ends = {}
    for name in ("apart", "predicted", "corrected"):
        told = strip_marks(text.markdown(source.replace("NAME", name)))
        ends[name] = [*map(float, told.split())]
    assert ends["corrected"][0] < ends["predicted"][0] < ends["apart"][0]
    assert ends["apart"][1] < ends["predicted"][1] < ends["corrected"][1]


# --- claims about the original study's files and about starts ---


def test_a_rebuilt_loss_is_divided_by_the_recorded_one_that_it_is_nearest_to(released):
    """Whatever label the original study gave that one."""
    losses = [row for row in rows_of("original", "files") if row[2] == "test_loss" and row[9] != "zoom"]
    recorded = [row[4] for row in losses if row[0] == "as labelled"]
    rebuilt = {row[9]: row[4] for row in losses if row[0] == f"{row[9]} schedule"}
    parts = judge.judge_all(released)["network_as_described"].parts
    assert len(recorded) == len(rebuilt) == len(parts) == 2
    for part in parts:
        loss = rebuilt[part.name.rpartition(" ")[2]]
        assert part.found.value == pytest.approx(
            min((loss / one for one in recorded), key=lambda x: abs(x - 1))
        )


# --- classes ---


def shares(rows: list[list], ways: Sequence[tuple[str, int | None]]) -> np.ndarray:
    """Mean over these ways and epochs of the share of each class that is read with confidence."""
    found = [row for row in rows if row[2] == "recognised_share" and (row[0], row[1]) in ways]
    return np.array([[row[4] for row in found if row[3] == digit] for digit in range(10)]).mean(1)


def test_each_class_of_the_bias_has_its_column_and_each_zoom_its_row(text, released):
    told = strip_marks(text.markdown(text.sources["32_distances.md"]))
    lines = [line for line in told.partition("| Zoom |")[2].splitlines()[1:] if line.startswith("|")]
    head, table = told.partition("| Zoom |")[2].splitlines()[0], [line.split("|")[1:-1] for line in lines[1:]]
    digits = [int(name) for name in head.split("|") if name.strip().isdigit()]
    assert len(digits) > 3
    assert len(table) == 1 + len(released.seeds("zoom"))
    for seed, cells in zip([*released.seeds("zoom"), None], table, strict=True):
        rows = (
            rows_of("original", "measure_zoom-0")
            if seed is None
            else rows_of("paper", f"measure_zoom-{seed}")
        )
        epochs = {row[1] for row in rows if row[0] == "checkpoint" and row[1]}
        late = [("checkpoint", epoch) for epoch in epochs if epoch >= 0.8 * max(epochs)]
        ways = [("", max(epochs))] if seed is None else late
        ratios = shares(rows, ways) / shares(rows, [("real", None)])
        assert [float(cell) for cell in cells[3:]] == pytest.approx([ratios[i] for i in digits], abs=0.005001)


# --- variety within a class ---


def test_the_claim_of_variety_divides_the_variances_of_its_rows(released):
    each = {row[0]: row[4] for row in rows_of("paper", "variety")}
    parts = judge.judge_all(released)["less_varied"].parts
    for part, model in zip(parts, ("linear", "cosine"), strict=True):
        logs = {m: [math.log(each[f"{m}-{s}"]) for s in released.seeds(m)] for m in ("zoom", model)}
        expected = math.exp(np.mean(logs["zoom"]) - np.mean(logs[model]))
        assert part.found.value == pytest.approx(expected)
    assert each["real"] == pytest.approx(1, abs=0.05)  # other real digits vary as much as the reference


def test_variance_within_a_class_is_relative_to_real_digits_of_that_class():
    import torch

    features = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 5.0], [0.0, 5.0], [0.0, 8.0], [9.0, 9.0]])
    labels = torch.tensor([0, 0, 1, 1, 1, 2])
    found = variances(features, labels)
    assert found == {0: (pytest.approx(2.0), 2), 1: (pytest.approx(3.0), 3)}  # class 2 has one image
    real = {0: (4.0, 10), 1: (1.0, 10)}
    relative = relative_variance(features, labels, real)
    assert relative.value == pytest.approx((1 * 2.0 / 4.0 + 2 * 3.0 / 1.0) / 3)
    assert relative.n == 6
    with pytest.raises(ValueError, match="no class has two"):
        relative_variance(features[5:], labels[5:], real)
