"""What a run says of its progress: finished jobs among all, and the time left."""

import pytest

from report.files import write_json
from report.jobs import progress
from report.jobs.job import Job


@pytest.mark.parametrize(
    ("kind", "of", "options", "title"),
    [
        ("train", "zoom-0", {}, "training zoom, seed 0"),
        ("measure", "linear_unet-12", {}, "measuring linear_unet, seed 12"),
        ("train", "zoom-0", {"released": "paper"}, "notebook 03_train_zoom for zoom, seed 0"),
        ("report", "", {}, "report"),
    ],
)
def test_a_job_is_named_in_words(tmp_path, kind, of, options, title):
    notebook = "03_train_zoom" if kind == "train" else ""
    assert Job(kind, of, tmp_path, options, notebook=notebook).title == title


@pytest.mark.parametrize(
    ("elapsed", "done", "left", "seconds"),
    [
        (10, {}, {"train_a-0": 5.0}, None),  # nothing shows how fast this machine is now
        (10, {"train_a-0": 10.0}, {"train_b-0": None}, 10.0),  # as long as a job of its kind
        (10, {"train_a-0": 10.0}, {"report": None}, None),  # of another kind
        (10, {"train_a-0": 10.0}, {"report": 30.0}, 30.0),  # as long as in an earlier run
        (10, {"schedules": 2.0, "train_a-0": 4.0, "train_b-0": 6.0}, {"report": None}, 4.0),  # the average
        (
            10,
            {"train_a-0": 10.0, "train_b-0": 10.0},
            {f"train_{i}-0": None for i in range(4)},
            20.0,
        ),  # in pairs
        (10, {"train_a-0": 10.0, "train_b-0": 10.0}, {"train_c-0": 30.0}, 30.0),  # of one job no part waits
    ],
)
def test_the_time_left_follows_from_finished_jobs_and_an_earlier_run(elapsed, done, left, seconds):
    assert progress.estimate_wait(elapsed, done, left) == seconds


def test_a_finished_job_says_how_many_are_done_and_its_time_serves_the_next_run(tmp_path, monkeypatch):
    clock = iter((0.0, 5.0, 26.0))
    monkeypatch.setattr(progress.time, "time", lambda: next(clock))
    jobs = [Job(kind, of, tmp_path, {}) for kind, of in (("train", "a-0"), ("train", "b-0"), ("report", ""))]
    assert progress.finish(tmp_path, "report", 20.0) == ("", "")  # no list: Snakemake was started by hand
    progress.begin(tmp_path, [job.name for job in jobs])
    write_json(jobs[0].path, {})
    count, left = progress.finish(tmp_path, "train_a-0", 5.0)
    assert (count, left) == ("[1/3] ", "; about 25 s left")
    for job in jobs[1:]:
        write_json(job.path, {})
    assert progress.finish(tmp_path, "report", 21.0) == ("[3/3] ", "")
    assert progress.read_seconds(tmp_path, "report") == 21.0


def test_a_time_is_in_a_unit_that_a_person_would_choose():
    words = [progress.in_words(seconds) for seconds in (0.2, 42, 99, 130, 5900, 9000)]
    assert words == ["1 s", "42 s", "99 s", "2 min", "98 min", "2.5 h"]
