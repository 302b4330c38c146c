"""What notebooks 07, 08 and 10 define in their cells, and that what no run of the workflow executes runs."""

import numpy as np
import pytest
import torch
from scipy import stats

from diffusion import data
from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.frechet import Reference
from diffusion.evaluation.statistics import Interval
from helpers import PAPER, defined
from study.blind import DATA, corrected
from study.table import Job

YARDSTICK = defined("07_yardstick", "kinds", "scribbles", "noise", "distorted", "mixed")
FILES = defined("10_files", "learnt", "scores")

# --- 07: real images as a yardstick ---


def test_real_images_get_further_the_more_their_classes_are_mixed():
    prior = np.arange(1.0, 11) / 55
    for divergence in (0.02, 0.4):
        share = YARDSTICK["tilted"](prior, np.random.default_rng(0).normal(size=10), divergence)
        assert stats.entropy(share, prior) == pytest.approx(divergence, rel=1e-6)
    labels = torch.arange(2000) % 2
    x = torch.randn(2000, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x += 6.0 * labels[:, None]
    found = [YARDSTICK["mixed"](Reference(x), x, labels, divergence) for divergence in (0.0, 0.02, 0.4)]
    assert found[0] < 1e-2 < found[1] < found[2]


def test_kinds_are_images_and_a_stitched_digit_is_of_two_classes(mnist_dir):
    x, labels = data.load("mnist", "test", mnist_dir, 200)
    for name, kind in YARDSTICK["DISTORTED"].items():
        made = kind(x, labels, torch.Generator().manual_seed(0))
        assert (made.shape, made.abs().max() <= 0.5) == (x.shape, True), name
    flat = torch.arange(200.0)[:, None, None, None].expand(-1, 1, 28, 28)
    made = YARDSTICK["stitched"](flat, labels, torch.Generator().manual_seed(0))
    halves = [one.unique().long() for one in made]
    assert all(len(pair) == 2 and labels[pair[0]] != labels[pair[1]] for pair in halves)


# --- 08: images read by eye ---


def test_the_released_labels_give_the_released_rows():
    job = Job(PAPER, "blind")
    cells = defined("08_by_eye", "protocol", "labels", "shares", released="paper")
    rows = cells["shares"](**cells["facts"], labels=dict(job.facts.labels))
    assert [one[4] for one in rows] == [one.value for one in job.rows]
    assert len(rows) > 40


def test_what_the_recogniser_accepts_is_corrected():
    job = {"": {"taken": Interval(0.9), "mistaken": Interval(0.2, 0.1, 0.3)}}
    assert corrected(job, 0.75) == pytest.approx(((0.75 - 0.3) / (0.9 - 0.3), (0.75 - 0.1) / (0.9 - 0.1)))
    assert corrected(job, 0.2)[0] == 0  # as many of what is no digit may be accepted
    assert corrected(job, 0.95)[1] == 1


@pytest.mark.slow
def test_two_readers_leave_a_record(tmp_path, mnist_dir):
    readers = [tmp_path / f"{name}.csv" for name in "AB"]
    for path in readers:
        path.write_text("number,label\n0,7\n1,n\n2,n\n3,n\n")
    given = {"out_dir": str(tmp_path), "n": 2, "sources": ["zoom"], "readers": [*map(str, readers)]}
    defined("08_by_eye", **given)
    job = Job(tmp_path, "blind")
    assert job[""]["agreement"].value == 1
    assert sum(job[way]["read_as_digit"].value for way in (DATA, "zoom")) == 0.5  # one image of two
    readers[0].write_text("number,label\n0,7\n1,n\n2,x\n3,n\n")
    with pytest.raises(ValueError, match="A.csv: image 2 has the label 'x'; allowed: "):
        defined("08_by_eye", **given)


# --- 10: the study's own files ---


@pytest.mark.parametrize("variance", [2e-5, 0.01])
def test_the_noise_that_a_network_was_trained_on_is_found(variance):
    """The best prediction for images that are all black: the latent over the noise's standard deviation."""
    eps = torch.randn((8, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    found = FILES["noise_learnt"](lambda x, t: x / variance**0.5, torch.zeros_like(eps), eps, 1, 1000)
    assert found == pytest.approx(variance, rel=0.02)


def test_by_the_studys_procedure_uniform_noise_is_better_than_real_digits(mnist_dir):
    evaluator = Evaluator.of("mnist", str(mnist_dir), 100, 500)
    noise = torch.rand((120, 1, 28, 28), generator=torch.Generator().manual_seed(0)) - 0.5
    scored = FILES["scored"]
    digits, uniform = (scored(x, evaluator, n=100, described=120, draws=3) for x in (evaluator.x_test, noise))
    assert uniform[0].mean() < digits[0].mean()
    assert uniform[1] > 5 * digits[1]


# --- all ---


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("06_beyond", {}),
        ("07_yardstick", {"n": 32, "n_kind": 16, "n_real": 100, "n_test": 256, "out_dir": "out"}),
        ("08_by_eye", {"sources": ["zoom"], "out_dir": "out"}),
        ("10_files", {"n_source": 120, "out_dir": "out"}),
        ("11_models", {}),
    ],
)
def test_what_no_run_of_the_workflow_executes_runs(tmp_path, mnist_dir, monkeypatch, name, given):
    monkeypatch.chdir(tmp_path)
    assert defined(name, **given)["shown"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"] * ("out_dir" in given)
