"""The blind reading: what becomes of readers' labels, in notebook 08 and after it."""

import csv
import json
from types import SimpleNamespace

import pytest
from papermill import execute_notebook

from cells import NOTEBOOKS, defined
from diffusion.evaluation.statistics import Interval
from study.blind import DATA, corrected
from study.table import Job
from workflow.release import RELEASED

EYE = defined("08_by_eye", "protocol")


@pytest.fixture(scope="module")
def cells():
    """What the cells of labels and of shares define; the first of them also reads a release."""
    facts = Job(RELEASED / "paper", "blind").facts
    known = EYE | {"released": "paper", "readers": [], "P": SimpleNamespace(place=RELEASED / "paper")}
    for cell in ("labels", "shares"):
        exec(source("08_by_eye", cell), known)
    return known | {"told": facts}


def source(notebook, cell):
    found = json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text("utf-8"))["cells"]
    return "".join(next(one["source"] for one in found if one["id"] == f"08-{cell}"))


def test_shares_are_of_what_all_readers_see(cells):
    rows = cells["shares"](
        [DATA, DATA, "zoom", "zoom", "zoom", "zoom"],
        [3, 5, -1, -1, -1, -1],
        {"a": ["3", "6", "1", "1", "n", "n"], "b": ["3", "6", "1", "7", "n", "n"]},
        [True, True, True, True, True, False],
    )
    found = {(way, measure, x): (value, n) for way, _, measure, x, value, _, _, n, _ in rows}
    assert found[DATA, "read_as_digit", None][0] == 1
    assert found["", "right", None][0] == 0.5  # both take the 5 for a 6
    assert found["zoom", "read_as_digit", None][0] == 0.25  # of the second they say two things
    assert [found["zoom", "read_as_digit_by", i][0] for i in (0, 1)] == [0.5, 0.5]
    assert found["zoom", "digit", None][0] == 0.75
    assert found["", "agreement", None][0] == pytest.approx(5 / 6)
    assert found["", "taken", None] == (1, 1)
    assert found["", "mistaken", None] == (0.5, 2)


def test_the_released_labels_give_the_released_rows(cells):
    job = Job(RELEASED / "paper", "blind")
    rows = cells["shares"](**cells["facts"], labels=dict(cells["told"].labels))
    assert [one[4] for one in rows] == [one.value for one in job.rows]
    assert len(rows) > 40


def test_what_the_recogniser_accepts_is_corrected():
    samples = {"taken": Interval(0.9), "mistaken": Interval(0.2, 0.1, 0.3)}
    job = {"": samples}  # as a job has them
    low, high = corrected(job, 0.75)
    assert low == pytest.approx((0.75 - 0.3) / (0.9 - 0.3))
    assert high == pytest.approx((0.75 - 0.1) / (0.9 - 0.1))
    assert corrected(job, 0.2)[0] == 0  # as many of what is no digit may be accepted


def test_a_reader_labels_every_image(cells, tmp_path):
    file = tmp_path / "reader.csv"
    file.write_text("number,label\n1,n\n0, 7\n")
    assert cells["labels_of"](file, 2) == ["7", "n"]
    for wrong in ("0,7\n", "0,7\n1,x\n"):
        file.write_text(wrong)
        with pytest.raises(ValueError, match="image 1"):
            cells["labels_of"](file, 2)


@pytest.mark.slow
def test_two_readers_leave_a_record_and_none_leaves_none(root, tmp_path, mnist_dir):
    given = {"out_dir": str(tmp_path), "n": 2, "sources": ["zoom"]}
    paths = root / "notebooks/08_by_eye.ipynb", tmp_path / "out.ipynb"
    execute_notebook(*paths, given, cwd=root, progress_bar=False)
    assert not (tmp_path / "metrics").exists()
    assert len(list((tmp_path / "sheets").glob("*.png"))) == 1
    seen = (tmp_path / "kept" / "blind.npz").read_bytes()
    for name in ("A", "B"):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["number", "label"], *([i, "n" if i else "7"] for i in range(4))])
    readers = [str(tmp_path / f"{name}.csv") for name in ("A", "B")]
    execute_notebook(*paths, given | {"readers": readers}, cwd=root, progress_bar=False)
    assert (tmp_path / "kept" / "blind.npz").read_bytes() == seen
    job = Job(tmp_path, "blind")
    assert job[""]["agreement"].value == 1
    assert sum(job[way]["read_as_digit"].value for way in (DATA, "zoom")) == 0.5  # one image of two
    assert dict(job.facts.labels)["A"] == ["7", "n", "n", "n"]
