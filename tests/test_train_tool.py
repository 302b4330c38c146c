"""tools/train.py: one model trained by a process or by several, started by the real launchers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tools import train

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
TOOL = str(ROOT / "tools" / "train.py")


@pytest.fixture(scope="module")
def profile(tmp_path_factory, mnist_dir):
    """Makes the file of a profile that trains for four steps, with a results folder of its own."""
    smoke = yaml.safe_load((ROOT / "profiles" / "smoke.yaml").read_text())
    smoke["training"] |= {
        "n_train": 32,
        "n_test": 16,
        "batch_size": 16,
        "precision": "fp32",
        "n_reconstruct": 2,
    }
    smoke["schedules"]["n_test"] = smoke["compare"]["n_test"] = 100

    def make(name: str) -> tuple[str, Path]:
        out = tmp_path_factory.mktemp(name)
        content = {"profile": "smoke", "seeds": [0, 1], "out": str(out), "data_dir": str(mnist_dir)}
        file = out / "profile.yaml"
        file.write_text(yaml.safe_dump({k: v for k, v in smoke.items() if k != "seed"} | content))
        return str(file), out

    return make


def call(*command: str) -> str:
    """Run a command with one thread a process; returns what it prints."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_folder(out: Path) -> Path:
    (folder,) = (out / "runs").iterdir()
    return folder


def history(out: Path) -> list[dict]:
    return [json.loads(line) for line in (run_folder(out) / "history.jsonl").read_text().splitlines()]


def contents(out: Path) -> dict[str, bytes]:
    folder = run_folder(out)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def one(profile) -> Path:
    """The results folder of one process."""
    file, out = profile("one")
    assert "linear: 2 epochs by 1 process in " in call(sys.executable, TOOL, file, "linear")
    return out


@pytest.mark.slow
@pytest.mark.parametrize("model", ["linear", "zoom", "blur"])
def test_the_run_is_the_one_of_the_notebook(smoke_out, tmp_path, monkeypatch, capsys, model):
    config = yaml.safe_load((smoke_out.parent / "smoke.yaml").read_text()) | {"out": str(smoke_out)}
    file = tmp_path / "profile.yaml"
    file.write_text(yaml.safe_dump(config))
    before = {path: path.stat().st_mtime_ns for path in (smoke_out / "runs").rglob("*.safetensors")}
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    monkeypatch.setattr(sys, "argv", [TOOL, str(file), model])
    train.main()
    assert f"{model}: 2 epochs by 1 process in {smoke_out}" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (smoke_out / "runs").rglob("*.safetensors")} == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "launcher",
    [
        [str(BIN / "torchrun"), "--standalone", "--nproc_per_node=2"],
        [str(BIN / "accelerate"), "launch", "--multi_gpu", "--num_processes=2", "--main_process_port=0"],
    ],
    ids=["torchrun", "accelerate"],
)
def test_two_processes_make_the_run_that_one_makes(profile, one, launcher):
    file, out = profile("two")
    said = call(*launcher, TOOL, file, "linear")
    assert said.count("linear: epoch 1/2: train loss") == 1
    assert "linear: 2 epochs by 2 processes in " in said
    assert run_folder(out).name == run_folder(one).name  # the fingerprint: the notebook finds it
    for a, b in zip(history(one), history(out), strict=True):
        assert b["train_loss"] == pytest.approx(a["train_loss"], rel=1e-4)
        assert b["test_loss"] == pytest.approx(a["test_loss"], rel=1e-4)
    before = contents(out)
    weights = [name for name in before if name.startswith("weights")]
    assert sorted(weights) == ["weights/epoch-0001.safetensors", "weights/epoch-0002.safetensors"]
    call(sys.executable, TOOL, file, "linear")  # one process finds it finished
    assert contents(out) == before


def test_another_seed_lies_where_its_notebook_looks(profile):
    file, out = profile("seeds")
    assert train.settings(file, "zoom", "1")[1:] == (
        train.settings(file, "zoom")[1] | {"seed": 1},
        out / "seeds/1",
    )
    assert train.settings(file, "zoom")[2] == out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["paper", "linaer"], "there is no model 'linaer' in .*paper.yaml; it has linear, cosine, zoom."),
        (["papre", "linear"], "the profile .*papre.yaml cannot be read"),
        (["paper", "linear", "7"], "there is no seed 7 in .*paper.yaml; it has 0."),
    ],
)
def test_mistakes_are_named(arguments, said):
    with pytest.raises(SystemExit, match=f"error: {said}"):
        train.settings(*arguments)


def test_processes_that_do_not_know_each_other_do_not_train(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    monkeypatch.setattr(train, "PartialState", lambda cpu: SimpleNamespace(num_processes=1))
    with pytest.raises(SystemExit, match="2 processes were launched, and this one knows of 1"):
        train.launched()


def test_the_processor_is_used_where_the_environment_says_so(monkeypatch):
    for value, expected in (("1", True), ("0", False)):
        monkeypatch.setenv("ACCELERATE_USE_CPU", value)
        monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
        monkeypatch.setattr(train, "PartialState", lambda cpu: SimpleNamespace(num_processes=1, cpu=cpu))
        assert train.launched().cpu is expected


def test_a_process_waits_until_it_sees_the_checkpoints_of_the_first(tmp_path, monkeypatch):
    late = tmp_path / "m-0123" / "state-00000004-ab.pt"
    late.parent.mkdir()
    monkeypatch.setattr(train, "broadcast_object_list", lambda _: [["m-0123/state-00000004-ab.pt"]])
    monkeypatch.setattr(train, "time", SimpleNamespace(monotonic=lambda: 0, sleep=lambda _: late.touch()))
    train.agree(tmp_path, SimpleNamespace(process_index=1))
    assert late.exists()
    late.unlink()
    clock = iter([0, train.SECONDS_TO_AGREE + 1])
    monkeypatch.setattr(train, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with pytest.raises(train.RunError, match="process 1 sees other checkpoints"):
        train.agree(tmp_path, SimpleNamespace(process_index=1))
