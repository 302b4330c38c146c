"""The job of analysing, on a tiny run: a finished training sampled in other ways, and probed."""

import shutil

import pytest

from diffusion import data
from helpers import ANALYSED, N, changed
from study import analyse
from study.kept import keep
from study.results import load
from study.settings import Analyse
from study.table import path_of


def test_each_way_to_sample_is_drawn_once_and_the_models_own_first(tiny):
    linear, zoom = (load(tiny).first(model) for model in ("linear", "zoom"))
    few = [(sampler, calls, 0.0) for calls in (2, 3) for sampler in ("ancestral", "ddim")]
    levels = [("naive", calls, 0.0) for calls in (24, 1, 2)]
    for one, ways in (
        (linear, [("ancestral", 4, 0.0), *few]),
        (zoom, [*levels, ("naive", 24, 0.1), ("improved", 24, 0.0)]),
    ):
        assert [(how.sampler, how.calls, how.noise) for how, _ in one.drawn] == ways
        assert {row[name].n for _, row in one.drawn for name in ("digit", "frechet")} == {N}
        assert len({row["frechet"].value for _, row in one.drawn}) == len(ways)
        mixed = one.analysed[""]["mix_frechet"].value
        assert mixed == pytest.approx(one.drawn[0][1]["frechet"].value, rel=1e-9)


@pytest.mark.parametrize(
    ("edit", "n", "taken"),
    [
        (lambda facts: None, N, True),
        (lambda facts: None, N + 6, False),  # more than are kept
        (lambda facts: facts.update(weights_sha256="earlier"), N, False),  # of an earlier training
        (lambda facts: facts["settings"].update(sample_seed=5), N, False),  # of another seed than its own
    ],
)
def test_samples_that_measuring_kept_are_analysed_where_they_are_the_trainings_own_and_enough(
    tiny, tmp_path, mnist_dir, edit, n, taken
):
    out = shutil.copytree(tiny, tmp_path, dirs_exist_ok=True)
    copies = (data.load("mnist", "train", mnist_dir, N)[0] + 0.5).mul(255).round().byte()[:, 0]
    keep(out, "samples_linear-3", copies.numpy())
    changed(path_of(out, "measure_linear-3"), edit)
    P = Analyse(**ANALYSED | {"data_dir": str(mnist_dir), "n_way": n, "calls": []})
    job = analyse.analyse(out, "linear", 3, P)
    assert job["ancestral, 4 calls"]["frechet"].n == n
    assert job[""]["copies"].value == taken
    assert (job["ancestral, 4 calls"]["digit"].value > 0.8) == taken
    time = path_of(out, job.name).stat().st_mtime_ns
    assert analyse.analyse(out, "linear", 3, P).rows == job.rows
    assert path_of(out, job.name).stat().st_mtime_ns == time  # it stays
