"""A machine that is not fast in bf16: what is opened is sampled in float32, and what is begun goes on."""

import os
import shutil
import subprocess
import sys

import pytest
import torch

import diffusion as d
from damage import changed
from diffusion import runtime
from diffusion.runtime import resolve_precision
from short_runs import assert_same, train
from study.kept import keep, read_kept
from study.results import load
from workflow import release, verify

# A processor with AVX2 alone, as far as torch's kernels go; see docs/running.md.
SLOW = {
    "COLD_ZOOM_BF16": "0",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}


@pytest.fixture
def slow(monkeypatch):
    """This process takes its machine for one without bf16; torch's kernels are those of the machine."""
    monkeypatch.setenv("COLD_ZOOM_BF16", "0")


@pytest.fixture
def fast(monkeypatch):
    """This process takes its machine for one with bf16."""
    monkeypatch.delenv("COLD_ZOOM_BF16", raising=False)
    monkeypatch.setattr(runtime, "_fast_in_bf16", lambda: True)


def elsewhere(*command: str) -> str:
    """What a Python says on the imitated machine."""
    done = subprocess.run(
        [sys.executable, *command], env=os.environ | SLOW, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


OPENED = """
import time, torch
import diffusion as d

torch.set_num_threads(1)
run = d.released("paper", "zoom")
assert run.precision == "fp32", run
x = run.sample(4)
few = d.Naive(levels=2)
in_bf16 = run.sample(1, sampler=few, precision="bf16")
assert torch.equal(in_bf16, d.released("paper", "zoom", precision="bf16").sample(1, sampler=few))
assert not torch.equal(in_bf16, run.sample(1, sampler=few))
print((x - d.released("paper", "zoom", precision="fp32").sample(4)).abs().max().item())
"""


def test_what_is_opened_is_sampled_in_float32_and_bf16_is_had_for_the_asking(mnist_dir):
    *said, same = elsewhere("-c", OPENED).splitlines()
    notes = [line for line in said if line.startswith("note: ")]
    assert notes[0] == "note: zoom-0, trained in bf16, is sampled in fp32, in which this machine is faster"
    for note in notes[1:]:  # of the two that ask for bf16
        assert note.startswith("note: zoom-0 is sampled in bf16, which takes about ")
        assert float(note.split()[9]) > 0
    assert len(notes) == 3
    assert float(same) == 0


def test_a_training_from_another_machine_goes_on_in_its_precision(images, tmp_path, capsys, monkeypatch):
    whole = train(images, tmp_path / "whole", precision="bf16")
    run = train(images, tmp_path / "moved", precision="bf16", epochs=1)
    changed(run.folder / "run.json", lambda about: about.update(auto=True))  # as on a machine with bf16
    monkeypatch.setenv("COLD_ZOOM_BF16", "0")
    capsys.readouterr()
    moved = train(images, tmp_path / "moved", precision="auto")
    said = capsys.readouterr().out
    assert_same(moved, whole)
    assert (moved.identity["precision"], moved.precision) == ("bf16", "fp32")
    assert "note: m-0 is trained in bf16, which takes about " in said
    assert "note: m-0, trained in bf16, is sampled in fp32" in said
    other = train(images, tmp_path / "whole", precision="auto", epochs=1)  # was asked for in bf16
    assert other.identity["precision"] == "fp32"
    assert other.folder != whole.folder


def test_a_run_that_was_begun_as_the_machine_likes_says_so(images, tmp_path, slow):
    run = train(images, tmp_path, precision="auto", epochs=1)
    assert run.store.about()["auto"] is True
    assert "auto" not in train(images, tmp_path, precision="bf16", epochs=1).store.about()


def test_where_bf16_is_fast_a_run_is_sampled_as_it_was_trained(images, tmp_path, fast, capsys):
    for precision in ("bf16", "fp32"):
        run = train(images, tmp_path, precision=precision, epochs=1)
        assert d.open(run.folder).precision == precision
        assert torch.equal(d.open(run.folder).sample(2), run.sample(2))
    assert "note: " not in capsys.readouterr().out.replace("note: this project", "")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda run: d.open(run.folder, precision="half"), "precision = 'half' is not allowed"),
        (lambda run: run.sample(1, precision="fp16"), "precision = 'fp16' is not allowed"),
        (lambda run: run.trajectory(1, precision=16), "precision = 16 is not allowed"),
    ],
)
def test_another_precision_is_refused(images, tmp_path, call, said):
    run = train(images, tmp_path, epochs=1)
    with pytest.raises(ValueError, match=f"{said}.*'auto', 'fp32' or 'bf16'"):
        call(run)


def test_the_switch_has_two_positions(monkeypatch):
    monkeypatch.setenv("COLD_ZOOM_BF16", "off")
    with pytest.raises(ValueError, match="COLD_ZOOM_BF16 is 'off'; allowed: 0"):
        resolve_precision("auto", torch.device("cpu"))
    assert resolve_precision("bf16", torch.device("cpu")) == "bf16"


def test_where_flags_do_not_tell_a_measurement_decides(monkeypatch):
    monkeypatch.delenv("COLD_ZOOM_BF16", raising=False)
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    fast = runtime.cost_of_bf16(torch.device("cpu")) < runtime.FASTER
    assert resolve_precision("auto", torch.device("cpu")) == ("bf16" if fast else "fp32")


# --- what needs released results ---


VERIFIED = """
import sys
from pathlib import Path
import torch
from study.results import load
from workflow import verify

torch.set_num_threads(1)
folder = Path(sys.argv[1])
print(next(verify.samples(load(folder).first("zoom"), folder)).line())
"""


@pytest.mark.parametrize("spoilt", [False, True])
def test_verify_agrees_within_chance_and_finds_a_spoilt_sample(mnist_dir, tmp_path, spoilt):
    folder = shutil.copytree(release.RELEASED / "paper", tmp_path / "paper")
    if spoilt:
        images = read_kept(folder, "samples_zoom-0").copy()
        images[3] = images[100]  # one of the eight that are drawn again
        keep(folder, "samples_zoom-0", images)
    *_, found = elsewhere("-c", VERIFIED, str(folder)).splitlines()
    assert found.startswith(f"{'DIFFERS' if spoilt else 'ok  '} zoom-0, share of equal pixels")
    assert spoilt or found.endswith(verify.CHANCE)


def test_a_notebook_at_a_released_profile(mnist_dir, root, tmp_path):
    to = tmp_path / "03.ipynb"
    given = {"released": "paper", "n_reconstruct": 100, "n_test": 500, "n_keep": 64}
    options = [word for name, value in given.items() for word in ("-p", name, str(value))]
    elsewhere(
        "-m", "papermill", str(root / "notebooks/03_train_zoom.ipynb"), str(to), *options, "-k", "python3"
    )
    assert "zoom-0, trained in bf16, is sampled in fp32" in to.read_text(encoding="utf-8")


def test_the_expected_agreement_follows_the_machine(slow):
    folder = release.RELEASED / "paper"
    ones = load(folder).trainings
    assert verify.expected(ones["zoom", 0], "bf16", "fp32") == verify.CHANCE
    assert verify.expected(ones["linear", 1], "fp32", "fp32") == verify.ROUNDING  # from an Intel Xeon
