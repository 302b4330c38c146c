"""A release is checked wherever it is read; the released trainings that a run's stand beside."""

import shutil

import pytest

from helpers import ROOT, changed, of_release
from report.files import write_json
from report.jobs import release
from report.results import counterparts
from report.results.counterparts import open_release
from report.results.kept import MANIFEST, verify
from report.results.views import load


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"../note.txt": "0" * 64}, r"'\.\./note.txt', .*outside of the release"),
        ({"lost.txt": "0" * 64}, "lost.txt .*git checkout"),
    ],
)
def test_a_manifest_that_is_none_is_refused_and_nothing_is_written(tmp_path, files, said):
    write_json(tmp_path / "released" / MANIFEST, {"profile": "x", "files": files})
    for read in (verify, lambda folder: release.unpack(folder, tmp_path / "out")):
        with pytest.raises(ValueError, match=said):
            read(tmp_path / "released")
    assert not (tmp_path / "out").exists()


def test_a_damaged_release_is_not_read_into_a_report(tmp_path, monkeypatch):
    monkeypatch.setattr(counterparts, "releases", lambda: tmp_path)
    shutil.copytree(ROOT / "released/starts", tmp_path / "damaged")
    (tmp_path / "damaged/metrics/measure_linear-1.json").write_text("{}")
    with pytest.raises(ValueError, match="measure_linear-1.json is missing or differs from the release"):
        open_release("damaged")


def test_a_training_stands_beside_the_released_one_of_its_process_and_network(tmp_path):
    paper, starts = open_release("paper"), open_release("starts")
    assert open_release("nothing") is None
    for model in ("linear", "cosine"):  # trained for fewer epochs, and sampled otherwise
        found, other = counterparts.find_counterpart(starts.first(model))
        assert (found is paper, other.name) == (True, f"{model}-0")
    beyond = open_release("beyond")
    unet = beyond.first("zoom_unet")  # which the original study does not have
    found, other = counterparts.find_counterpart(unet)
    assert (found is beyond, other is unet) == (True, True)
    assert [*unet.parts] == [*counterparts.KINDS]
    assert counterparts.list_studied(paper) == ["linear", "cosine", "zoom"]
    assert counterparts.list_own(beyond) == []  # each of them is released
    assert counterparts.list_own(starts) == ["linear_beta1"]  # whose like is in no release
    assert [one.model for one, _ in counterparts.list_beside(starts)] == ["linear", "cosine"]
    assert counterparts.list_beside(paper) == []  # they are the released ones
    of_release(tmp_path, "zoom-1")
    changed(tmp_path / "metrics/train_zoom-1.json", lambda facts: facts["data"].update(title="Fashion"))
    assert [pair for _, pair in counterparts.list_beside(load(tmp_path))] == [None]  # of another data set
