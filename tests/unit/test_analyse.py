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

pytestmark = pytest.mark.usefixtures("one_thread")


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


def test_an_analysis_that_is_there_stays_and_takes_up_samples_that_are_its_trainings(
    tiny, tmp_path, mnist_dir
):
    out = shutil.copytree(tiny, tmp_path, dirs_exist_ok=True)
    path, measured = (path_of(out, f"{kind}_linear-3") for kind in ("analyse", "measure"))

    def again(**other):
        return analyse.analyse(out, "linear", 3, Analyse(**ANALYSED | {"data_dir": str(mnist_dir)} | other))

    time, before = path.stat().st_mtime_ns, again()[""]["copies"]
    assert path.stat().st_mtime_ns == time
    copies = (data.load("mnist", "train", mnist_dir, N)[0] + 0.5).mul(255).round().byte()[:, 0]
    keep(out, "samples_linear-3", copies.numpy())
    job = again(calls=[])
    assert job[""]["copies"].value == 1
    assert job["ancestral, 4 calls"]["digit"].value > 0.8
    more = again(calls=[], n_way=N + 6)  # than are kept: they are drawn
    assert (more["ancestral, 4 calls"]["frechet"].n, more[""]["copies"].value) == (N + 6, 0)
    whole = measured.read_text()
    for edit in (
        lambda facts: facts.update(weights_sha256="earlier"),  # they are of an earlier training
        lambda facts: facts["settings"].update(sample_seed=5),  # or of another seed than its own
    ):
        measured.write_text(whole)
        changed(measured, edit)
        path.unlink()
        assert again(calls=[])[""]["copies"] == before
