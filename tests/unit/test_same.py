"""One training counts once: runs that begin alike, sets of samples, and epochs of blank squares."""

from dataclasses import replace

import pytest

import made_up
from helpers import PAPER
from paper import drift, experiments, same
from paper.figures.starts import BLANK, SLOW, slow
from report.places import ROOT
from report.results.table import row
from report.results.views import Results, load


@pytest.fixture(scope="module")
def released() -> Results:
    beside = {name: load(ROOT / "released" / name) for name in ("beyond", "starts")}
    return replace(load(PAPER), beside=beside)


# --- which runs are the same training ---


def test_a_shorter_run_with_the_losses_of_a_longer_one_is_the_same_training(released):
    groups = same.list_trainings([released, released.beside["starts"]])
    twice = [[one.train.epochs for one in group] for group in groups if len(group) > 1]
    assert twice == [[100, 30], [100, 30]]
    assert [group[0].name for group in groups if len(group) > 1] == ["linear-1", "cosine-1"]


def test_no_other_released_runs_are_the_same_training(released):
    runs = [released, *released.beside.values()]
    groups = same.list_trainings(runs)
    assert sum(map(len, groups)) == sum(len(run.trainings) for run in runs)
    assert len(groups) == sum(map(len, groups)) - 2


@pytest.mark.parametrize(
    ("name", "epochs", "change", "expected"),
    [
        ("linear-1", 3, {}, True),
        ("linear-1", 3, {2: 0.5 + 1e-15}, False),  # one loss differs in its last digits
        ("linear-1", 12, {11: 9.0}, True),  # epochs that only one of them has do not count
        ("linear-2", 3, {}, False),
        ("linear-1", 0, {}, False),
    ],
)
def test_runs_are_the_same_if_all_shared_losses_are(tmp_path, name, epochs, change, expected):
    made_up.training(tmp_path / "long", "linear-1", epochs=10)
    rows = [
        row("train_loss", change.get(epoch, 1 / epoch), epoch=epoch) for epoch in range(1, epochs + 1)
    ] or [row("ink", 1.0)]
    made_up.training(tmp_path / "short", name, epochs=max(epochs, 1), rows=rows)
    (one,), (other,) = (load(tmp_path / place).trainings.values() for place in ("long", "short"))
    assert same.is_same(one, other) == same.is_same(other, one) == expected
    assert len(same.group([other, one])) == (1 if expected else 2)


# --- sets of samples ---


def test_the_law_counts_each_training_once(released):
    drifts = drift.ways(released)
    trainings = drift.distinct(drifts)
    assert sorted(id(drawn) for group in trainings for drawn in group) == sorted(map(id, drifts))
    seen = {(drawn.one.model, drawn.one.seed, same.losses(drawn.one)[0]) for drawn in drifts}
    assert len(trainings) == len(seen) < len({drawn.place for drawn in drifts})
    law = experiments.level(released)["drift"]
    assert (law["n"], law["trainings"]) == (len(drifts), len(trainings))


def test_a_course_comes_from_the_run_with_the_most_measured_epochs(released):
    starts = released.beside["starts"]
    for schedule, courses in drift.courses(released).items():
        assert [course.seed for course in courses] == starts.seeds(
            schedule
        )  # those of the paper are among them
        assert all([epoch for epoch, _ in points] == [*range(1, drift.WATCHED + 1)] for _, points in courses)


# --- blank squares ---


def test_each_training_has_one_line_with_the_epochs_of_all_its_runs(released):
    trainings = slow(released)
    starts, ours = released.beside["starts"].seeds(SLOW), released.seeds(SLOW)
    assert [one.seed for one in trainings] == sorted({*starts, *ours})
    for one in trainings:
        epochs = [epoch for epoch, _ in one.spreads]
        assert epochs == sorted(set(epochs))
        if one.seed in starts:
            assert epochs[:30] == [*range(1, 31)]


def test_the_last_blank_epoch_comes_from_trainings_with_each_epoch_measured(released):
    told = experiments.level(released)["blank_until"]()
    starts = released.beside["starts"]
    dense = [
        max(r.epoch for r in one.curve if r["border"].sd > BLANK)
        for one in starts.all_of(SLOW)
        if [r.epoch for r in one.curve] == [*range(1, 31)]
    ]
    assert sorted(told) == sorted(dense)
    sparse = replace(released, beside={})
    assert experiments.level(sparse)["blank_until"]() == []  # every fifth epoch does not tell the epoch


def test_a_response_is_unread_until_the_epoch_before_it_is_read(released):
    level = experiments.level(released)
    for schedule, courses in drift.courses(released).items():
        until = level["unread_until"][schedule]
        assert len(until) == len(courses)
        for _, points in courses:
            read = next(epoch for epoch, rho in points if rho > drift.UNREAD)
            assert read - 1 in until
            assert all(rho <= drift.UNREAD for epoch, rho in points if epoch < read)
