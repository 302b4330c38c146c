"""Results of the first edition are taken over with the same numbers, or refused."""

import json
import shutil
from pathlib import Path

import pytest

from diffusion import records
from diffusion.runtime import sha256
from tools.adopt import adopt


@pytest.fixture
def old(tmp_path: Path, root: Path) -> Path:
    """A first edition's folder with one training of the zoom model, seed 1; its weights are a stand-in."""
    folder = tmp_path / "old"
    shutil.copytree(root / "tests" / "first_edition", folder)
    path = folder / "metrics" / "train_zoom.json"
    train = json.loads(path.read_text())
    weights = folder / train["weights"]["file"]
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    train["weights"]["sha256"] = sha256(weights)
    path.write_text(json.dumps(train))
    return folder


def test_numbers_are_the_same_afterwards(old: Path, tmp_path: Path) -> None:
    assert adopt(old, tmp_path / "new") == [("zoom", 1)]
    compare = json.loads((old / "metrics" / "compare.json").read_text())
    one = records.load_results(tmp_path / "new").first("zoom")
    assert (one.seed, one.train.history[-1].epoch) == (1, 100)
    final = compare["final"]["zoom"]
    assert one.measure.final.digits.fid == final["digits"]["fid"]
    assert one.measure.final.classes.share == final["classes"]["share"]
    assert [row.epoch for row in one.measure.curve] == [row["epoch"] for row in compare["curves"]["zoom"]]
    patches = compare["seed_sources"]["patches"]
    assert one.measure.ablations.prior.patches.not_digit.share == patches["not_digit"]["share"]
    copied = tmp_path / "new" / one.train.weights.file
    assert sha256(copied) == one.train.weights.sha256


def test_a_further_training_beside_no_other_results(old: Path, tmp_path: Path) -> None:
    inside = tmp_path / "paper" / "again" / "zoom-1"
    shutil.copytree(old, inside)
    assert adopt(tmp_path / "paper", tmp_path / "new") == [("zoom", 1)]


def test_other_weights_than_the_record_names_are_refused(old: Path, tmp_path: Path) -> None:
    next(old.glob("runs/*/weights/*")).write_bytes(b"other")
    with pytest.raises(ValueError, match="not the file that its record names"):
        adopt(old, tmp_path / "new")
    with pytest.raises(ValueError, match="no results of the first edition"):
        adopt(tmp_path / "nothing", tmp_path / "new")
