"""A run as its table has it, and its kept images; what is damaged, foreign or of other weights is refused."""

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from damage import WAYS, changed
from study import kept, results, table
from workflow import release

PAPER = release.RELEASED / "paper"


@pytest.fixture
def out(tmp_path):
    """The files of one training in a folder of one's own."""
    (tmp_path / "metrics").mkdir()
    for kind in ("train", "measure", "analyse"):
        shutil.copy(PAPER / f"metrics/{kind}_zoom-0.json", tmp_path / "metrics")
    return tmp_path


def test_results_come_in_the_studys_order_with_every_seed():
    found = results.load(PAPER)
    assert found.models == ["linear", "cosine", "zoom"]
    assert found.seeds("zoom") == [0, 1]
    assert found.first("zoom").seed == 0
    assert results.load(PAPER, [("zoom", 1), ("zoom", 0)]).first("zoom").seed == 1


def test_the_last_fifth_of_a_training_speaks_for_it():
    one = results.load(PAPER).first("zoom")
    assert [row.epoch for row in one.late] == [row.epoch for row in one.from_patches] == [*range(80, 101)]
    assert len(one.curve) == one.train.epochs == len(one.history) == 100
    assert one.passes == pytest.approx(100)
    assert one.passes_after(50) == 50
    assert [how.sampler for how, _ in one.drawn][0] == "naive"


def test_a_training_without_measures_is_a_result(out):
    table.path_of(out, "measure_zoom-0").unlink()
    one = results.load(out).first("zoom")
    assert one.measured is None
    assert one.late == one.curve == []


def test_what_a_file_names_is_not_imported(out, tmp_path, monkeypatch):
    (tmp_path / "evil_.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    path = table.path_of(out, "train_zoom-0")
    changed(path, lambda content: content["settings"].update(dataset="evil_:x"))
    assert results.load(out).first("zoom").settings["dataset"] == "evil_:x"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(model="zoom2"), "train_zoom-0.json is not of zoom-0"),
        (
            lambda c: c["weights"].update(sha256="0" * 64),
            "measured other weights than zoom-0 has; run `make report`",
        ),
    ],
)
def test_files_that_do_not_belong_together_are_refused(out, change, said):
    changed(table.path_of(out, "train_zoom-0"), change)
    with pytest.raises(ValueError, match=said):
        results.load(out)


def test_a_training_that_must_be_there_is_named(out):
    with pytest.raises(ValueError, match="train_linear-0.json does not exist"):
        results.load(out, [("linear", 0)])
    with pytest.raises(ValueError, match="no trained model 'cosine' in .*; there are: zoom"):
        results.trainings_in(out, ["zoom", "cosine"])


# --- kept images ---


@settings(max_examples=20)
@given(st.integers(0, 255), st.integers(1, 3), st.integers(1, 5))
def test_images_are_kept_as_they_are_and_equal_ones_give_equal_files(tmp_path_factory, value, rows, columns):
    out = tmp_path_factory.mktemp("kept")
    images = np.full((rows, columns, 28, 28), value, np.uint8)
    images[0, 0, 3] = np.arange(28)
    first = kept.keep(out, "x", images).read_bytes()
    assert np.array_equal(kept.read_kept(out, "x"), images)
    assert kept.keep(out, "x", images.copy(order="F")).read_bytes() == first


@pytest.mark.parametrize("way", [way for way in WAYS if way != "longer"])  # an archive's end is marked
def test_damaged_images_are_refused(tmp_path, way):
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28), dtype=np.uint8)
    path = kept.keep(tmp_path, "x", images)
    path.write_bytes(WAYS[way](path.read_bytes()))
    with pytest.raises(ValueError, match="x.npz holds no images.*makes it again"):
        kept.read_kept(tmp_path, "x")


@pytest.mark.parametrize("array", [np.zeros((2, 28, 28)), np.zeros((28, 28), np.uint8), np.array([None])])
def test_other_arrays_are_refused(tmp_path, array):
    path = kept.kept_path(tmp_path, "x")
    path.parent.mkdir()
    np.savez(path, images=array, allow_pickle=True)
    with pytest.raises(ValueError, match="x.npz"):
        kept.read_kept(tmp_path, "x")
