"""Another data set through the notebooks: which classifier measures, what the records and figures say."""

import json
from pathlib import Path

import pytest

import fabricated
from diffusion import classifier, data, readers, records
from diffusion.datasets import FASHION
from diffusion.files import read_json, sha256

ROOT = Path(__file__).resolve().parents[1]
SMALL = {
    "n_train": 64,
    "n_test": 50,
    "n_samples": 6,
    "n_reconstruct": 8,
    "batch_size": 64,
    "T": 2,
    "epochs": 1,
}
COMPARED = {"n_samples": 12, "n_final": 12, "n_test": 50, "floor_repeats": 2, "interval_repeats": 2}


def run(notebook: str, **parameters) -> dict:
    """Run a notebook's code in this process, where the made-up data set is known; returns its variables."""
    namespace = {"display": lambda _: None}
    for cell in json.loads((ROOT / f"notebooks/{notebook}.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), namespace)
            if "parameters" in cell["metadata"].get("tags", []):
                namespace |= parameters
    return namespace


@pytest.fixture(scope="module")
def fashion(tmp_path_factory):
    """The folder of a made-up Fashion-MNIST, without a network."""
    with pytest.MonkeyPatch.context() as patch:
        files = fabricated.archives(1200, 200)
        fabricated.vouch(patch, FASHION, files)
        patch.setitem(data.SOURCES, "fashion", {})
        folder = tmp_path_factory.mktemp("fashion")
        fabricated.place(FASHION, folder, files)
        yield folder


@pytest.fixture(scope="module")
def out(fashion, tmp_path_factory):
    """The results of notebooks 03 and 04 on it."""
    out = tmp_path_factory.mktemp("out")
    where = {"dataset": "fashion", "data_dir": str(fashion), "out_dir": str(out)}
    run("03_train_zoom", **SMALL, **where)
    run("04_compare_fid", **COMPARED, **where)
    return out


def test_the_records_say_which_data_set_and_which_classifier(fashion, out):
    own = sha256(readers.weights("fashion", fashion))
    compare = read_json(out / "metrics/compare.json")
    for record in (compare, read_json(out / "metrics/train_zoom.json")):
        assert record["parameters"]["dataset"] == "fashion"
    assert compare["extractors"]["digits"]["sha256"] == own != classifier.SHA256
    images, labels = data.load("test", fashion, 50, "fashion")
    reader = readers.load("fashion", fashion)
    expected = classifier.accuracy(reader, images, labels)
    assert compare["extractors"]["digits"]["test_accuracy"] == pytest.approx(expected)
    # Bars are no digits: MNIST's classifier would not read them.
    assert expected > 0.9 > classifier.accuracy(classifier.load(), images, labels)
    confusion = read_json(out / "metrics/train_zoom.json")["confusion"]
    assert confusion["real_accuracy"] == pytest.approx(expected)


def test_figures_speak_of_classes_by_name(out):
    shown = {name: (out / f"figures/{name}.svg").read_text() for name in ("classes", "confusion")}
    for text in shown.values():
        assert "digit" not in text
        assert "Ankle boot" in text


def test_models_of_another_data_set_are_not_compared(out):
    with pytest.raises(ValueError, match="'zoom'.* was trained on the data set 'fashion', not on 'mnist'"):
        records.read_training(out)
    with pytest.raises(ValueError, match="an out_dir of its own"):
        run("04_compare_fid", **COMPARED, out_dir=str(out))
