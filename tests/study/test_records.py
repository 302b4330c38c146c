"""Records: what is written is read again; what is damaged, foreign or of other weights is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import synthetic
from damage import WAYS, changed
from study import records


@pytest.fixture
def out(tmp_path):
    """The records of one model in a folder of one's own."""
    synthetic.synthetic_results(tmp_path, models=["zoom"])
    return tmp_path


def test_results_come_in_the_studys_order_with_every_seed(made):
    found = records.load_results(made.out)
    assert found.models == ["linear", "cosine", "zoom", "blur"]
    assert found.seeds("zoom") == [0, 1]
    assert found.first("zoom").seed == 0
    chosen = records.load_results(made.out, [("zoom", 1), ("zoom", 0)])
    assert chosen.first("zoom").seed == 1


def test_a_training_without_measures_is_a_result(out):
    records.MeasureRecord.path(out, "zoom", 0).unlink()
    assert records.load_results(out).trainings["zoom", 0].measure is None


def test_what_a_record_names_is_not_imported(out, tmp_path, monkeypatch):
    (tmp_path / "evil_.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    path = records.TrainRecord.path(out, "zoom", 0)
    changed(path, lambda content: content["settings"].update(dataset="evil_:x"))
    one = records.load_results(out).trainings["zoom", 0]
    assert one.train.settings["dataset"] == "evil_:x"
    assert records.DataNames.of("fashion").classes[0] == "T-shirt/top"


# --- refused ---


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("epochs"), "epochs: Field required"),
        (lambda c: c.update(colour="red"), "colour: Extra inputs"),
        (lambda c: c["history"][0].update(train_loss=float("nan")), "train_loss: .*finite"),
        (lambda c: c.update(model="zoom2"), "a record of zoom-0 in .* is of zoom2-0"),
        (
            lambda c: c["weights"].update(sha256="0" * 64),
            "measured other weights than zoom-0 has; run `make report`",
        ),
    ],
)
def test_a_record_that_is_not_right_is_refused_in_one_line(out, change, said):
    changed(records.TrainRecord.path(out, "zoom", 0), change)
    with pytest.raises(ValueError, match=said) as error:
        records.load_results(out)
    assert "\n" not in str(error.value)
    assert "make report" in str(error.value) or "is of" in str(error.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 50_000])
def test_what_is_no_record_is_refused_in_one_line(out, content):
    records.TrainRecord.path(out, "zoom", 0).write_bytes(content)
    with pytest.raises(ValueError, match="train_zoom-0.json") as error:
        records.load_results(out)
    assert "\n" not in str(error.value)


def test_a_training_that_must_be_there_is_named(out):
    with pytest.raises(ValueError, match="train_linear-0.json does not exist"):
        records.load_results(out, [("linear", 0)])


# --- kept images ---


@settings(max_examples=20)
@given(st.integers(0, 255), st.integers(1, 3), st.integers(1, 5))
def test_images_are_kept_as_they_are_and_equal_ones_give_equal_files(tmp_path_factory, value, rows, columns):
    out = tmp_path_factory.mktemp("kept")
    images = np.full((rows, columns, 28, 28), value, np.uint8)
    images[0, 0, 3] = np.arange(28)
    first = records.keep(out, "x", images).read_bytes()
    assert np.array_equal(records.read_kept(out, "x"), images)
    assert records.keep(out, "x", images.copy(order="F")).read_bytes() == first


@pytest.mark.parametrize("way", [way for way in WAYS if way != "longer"])  # an archive's end is marked
def test_damaged_images_are_refused(tmp_path, way):
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28), dtype=np.uint8)
    path = records.keep(tmp_path, "x", images)
    path.write_bytes(WAYS[way](path.read_bytes()))
    with pytest.raises(ValueError, match="x.npz holds no images.*makes it again"):
        records.read_kept(tmp_path, "x")


@pytest.mark.parametrize("array", [np.zeros((2, 28, 28)), np.zeros((28, 28), np.uint8), np.array([None])])
def test_other_arrays_are_refused(tmp_path, array):
    path = records.kept_path(tmp_path, "x")
    path.parent.mkdir()
    np.savez(path, images=array, allow_pickle=True)
    with pytest.raises(ValueError, match="x.npz"):
        records.read_kept(tmp_path, "x")
