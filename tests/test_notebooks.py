"""The notebooks, through what they leave behind: the smoke run's records, and runs of their own."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from papermill import inspect_notebook

from diffusion import comparison, data, processes, records, schedules
from diffusion import parameter_table as table
from diffusion.files import read_json, sha256
from diffusion.network import Reconstructor
from diffusion.runs import load_weights


def record(out, name):
    return read_json(out / "metrics" / f"{name}.json")


def papermill(root, notebook, cwd, **parameters):
    command = [sys.executable, "-m", "papermill", root / f"notebooks/{notebook}.ipynb", cwd / "out.ipynb"]
    for name, value in parameters.items():
        command += ["-p", name, value]
    command = [*map(str, command), "-k", "python3"]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)


def test_schedules_record_is_that_of_the_module(smoke_out):
    found, linear = record(smoke_out, "schedules"), schedules.linear()
    assert found["linear"]["alpha_bar"] == linear.alpha_bar.tolist()
    assert found["t300"]["t"] == 300
    assert found["t300"]["linear"]["alpha_bar"] == linear.alpha_bar[300].item()
    assert found["cosine"]["clipped_steps"] == 98


@pytest.mark.parametrize("model", ["linear", "cosine", "zoom", "blur"])
def test_a_training_record_agrees_with_its_run(smoke_out, model):
    found = record(smoke_out, f"train_{model}")
    run = smoke_out / found["run"]
    lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert found["history"] == lines
    assert found["epochs"] == len(lines) == 2
    assert found["steps"] == 2 * 4  # 512 images in batches of 128
    weights = smoke_out / found["weights"]["file"]
    assert sha256(weights) == found["weights"]["sha256"]
    load_weights(weights, Reconstructor(), found["weights"]["sha256"])
    assert found["parameters_count"] == 146_961
    assert "out_dir" not in found["parameters"]


def test_only_what_differs_between_the_two_ddpms_is_the_schedule(smoke_out):
    a, b = (record(smoke_out, f"train_{m}")["parameters"] for m in ("linear", "cosine"))
    assert {name for name in a if a[name] != b[name]} == {"schedule", "model"}


def test_the_comparison_measures_every_checkpoint_against_the_test_split(smoke_out):
    found = record(smoke_out, "compare")
    assert found["models"] == ["linear", "cosine", "zoom", "blur"]
    assert found["reference"] == {"split": "test", "n": 256}
    for model in found["models"]:
        assert [row["epoch"] for row in found["curves"][model]] == [1, 2]
        last = found["final"][model]
        assert last["n"] == last["n_classes"] == 32
        assert last["digits"]["low"] <= last["digits"]["fid"] <= last["digits"]["high"]
        assert last["digits"]["fid"] > last["floor"]["digits"]["fid_mean"]  # eight steps make no real digits
        assert sum(last["classes"]["share"]) == pytest.approx(1)
        assert last["inception"] is None
    assert not found["extractors"]["inception"]["available"]
    assert "off" in found["extractors"]["inception"]["reason"]


def test_no_notebook_left_an_error_or_a_path_of_this_machine(smoke_out, root):
    executed = list((smoke_out / "notebooks").glob("*.ipynb"))
    assert len(executed) == 6
    for path in executed:
        cells = json.loads(path.read_text())["cells"]
        outputs = [o for c in cells for o in c.get("outputs", [])]
        assert not [o for o in outputs if o["output_type"] == "error"]
        assert any("image/png" in o.get("data", {}) for o in outputs)
        shown = json.dumps([o.get("data", {}).get("text/plain", o.get("text", "")) for o in outputs])
        assert str(root) not in shown


def test_by_papermill_from_another_folder_with_other_parameters(root, tmp_path, mnist_dir):
    done = papermill(
        root, "01_schedules", tmp_path, T=50, zoom_T=3, n_columns=4, image_index=3, out_dir=tmp_path / "o"
    )
    assert done.returncode == 0, done.stderr
    found = record(tmp_path / "o", "schedules")
    assert found["T"] == 50
    assert len(found["linear"]["beta"]) == 51
    assert found["zoom"]["sizes"] == [28, 27, 26, 25]
    assert {p.name for p in (tmp_path / "o/figures").iterdir()} == {
        "fig01_schedules.svg",
        "fig02_latents.png",
        "fig07_zoom.png",
    }
    assert [p.name for p in tmp_path.iterdir() if p.name not in ("o", "out.ipynb")] == []


def test_a_training_is_extended_and_not_repeated(root, tmp_path, mnist_dir):
    small = {"n_train": 128, "n_test": 32, "n_samples": 4, "n_reconstruct": 8, "batch_size": 64, "T": 2}
    small |= {"lr_schedule": "constant", "out_dir": tmp_path / "o"}
    for epochs in (1, 2):
        done = papermill(root, "03_train_zoom", tmp_path, epochs=epochs, **small)
        assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "o/runs").iterdir())) == 1
    printed = re.findall(r"epoch (\d)/2: train loss", (tmp_path / "out.ipynb").read_text())
    assert printed == ["2"]  # the first epoch was there already


def test_the_comparison_without_trained_models_says_what_to_run(root, tmp_path):
    done = papermill(root, "04_compare_fid", tmp_path, out_dir=tmp_path / "nothing")
    assert done.returncode != 0
    assert "Run 02_train_ddpm, 03_train_zoom or 05_your_degradation with this out_dir first" in done.stderr


def test_relative_folders_start_at_the_project(root, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert records.out_folder("build/x") == root / "build/x"
    assert records.out_folder(None) == root / "build/notebook"
    assert records.out_folder(tmp_path) == tmp_path
    assert data.folder("some") == root / "some"


def test_a_record_names_the_code_that_its_run_began_with(monkeypatch, tmp_path):
    monkeypatch.setattr(records, "code_of", lambda *_: "before")
    assert records.begin("01_schedules", {}, tmp_path) == tmp_path
    monkeypatch.setattr(records, "code_of", lambda *_: "edited meanwhile")
    written = records.write(tmp_path, "schedules", "01_schedules", {})
    monkeypatch.setattr(records, "_begun", {})
    assert json.loads(written.read_text())["code"] == "before"


def test_a_record_builds_its_process(smoke_out):
    for model, T in (("linear", 1000), ("cosine", 1000), ("zoom", 24), ("blur", 20)):
        found = record(smoke_out, f"train_{model}")
        assert processes.build(found["process"], found["parameters"]).T == T
    with pytest.raises(ValueError, match="'smudge'; allowed: ddpm, zoom, own"):
        processes.build("smudge", {})


def test_checkpoints_include_the_first_and_the_last():
    model = comparison.Model(
        "m", {"epochs": 23}, processes.build("zoom", {"T": 2, "interpolation": "nearest"}), Path(), "fp32"
    )
    assert model.epochs(5) == [1, 5, 10, 15, 20, 23]
    assert model.epochs(100) == [1, 23]


def test_weights_that_are_not_the_records_are_refused(smoke_out, tmp_path):
    found = record(smoke_out, "train_zoom")
    x, _ = data.load("train", n=512)
    model = comparison.Model.load("zoom", found, x, tmp_path, "fp32")
    target = tmp_path / found["weights"]["file"]
    target.parent.mkdir(parents=True)
    target.write_bytes((smoke_out / found["weights"]["file"]).read_bytes() + b"x")
    with pytest.raises(Exception, match="not the file that its record names"):
        model.samples(2, 0)


@pytest.mark.parametrize(
    ("degradation", "named"),
    [
        ("diffusion.nothing:A", "No module named"),
        ("diffusion.blur:Nothing", "has no attribute"),
        ("diffusion.blur", "cannot be loaded"),
        ("diffusion.network:Reconstructor", "a subclass of ColdDiffusion"),
        ("diffusion.ddpm:DDPM", "a subclass of ColdDiffusion.*what a random degradation takes"),
        ("diffusion.cold:ColdDiffusion", "cannot be made with T = 3.*degrade and seeds"),
    ],
)
def test_a_degradation_that_cannot_be_loaded_is_named(degradation, named):
    with pytest.raises(ValueError, match=f"{degradation}.*{named}"):
        processes.build("own", {"degradation": degradation, "T": 3})


def test_a_model_of_ones_own_is_in_the_report(smoke_out):
    text = (smoke_out / "report.html").read_text()
    assert text.count("Cold diffusion, blur") > 3


def test_a_second_zoom_model_keeps_figures_of_its_own(root, tmp_path, mnist_dir):
    small = {"n_train": 64, "n_test": 32, "n_samples": 4, "n_reconstruct": 8, "batch_size": 64, "T": 2}
    for model in ("zoom", "bilinear"):
        how = {"model": model, "epochs": 1, "out_dir": tmp_path, "interpolation": "bilinear"} | small
        assert papermill(root, "03_train_zoom", tmp_path, **how).returncode == 0
    for name in ("fig10_reconstructions", "fig10_reconstructions_bilinear"):
        assert (tmp_path / "figures" / f"{name}.png").is_file()


@pytest.mark.parametrize("notebook", table.NOTEBOOKS)
def test_papermill_knows_every_parameter_and_its_meaning(root, notebook):
    found = {p["name"]: p for p in inspect_notebook(str(root / f"notebooks/{notebook}.ipynb")).values()}
    assert found.keys() == table.of(notebook).keys()
    assert all(p["help"].strip() and p["inferred_type_name"] not in ("None", "") for p in found.values())
