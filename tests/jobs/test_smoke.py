"""The real workflow at the smoke profile, made once without a network: what it leaves behind."""

import json
import sys

import numpy as np
import pytest
import torch

import diffusion as d
import examples
import offline
from conftest import shared_folder
from diffusion.processes import schedules
from study import records
from study.records import SchedulesRecord, TrainRecord, schedules_path, train_path
from study.settings import read_profile
from workflow import jobs

MODELS = ("linear", "cosine", "zoom", "frame", "sigmoid", "small", "pixelate")

PROBE = """
import socket
for address in (("192.0.2.1", 80), ("example.org", 80)):
    try:
        socket.create_connection(address, 5)
    except OSError as error:
        print(type(error).__name__, error)
    else:
        raise SystemExit("there is a network")
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname(), 5).close()
print("this machine is reached")
"""


@pytest.fixture
def profile(smoke_out, monkeypatch):
    monkeypatch.syspath_prepend(smoke_out.parent)  # of the examples' module
    return read_profile(smoke_out.parent / "smoke.yaml", smoke_out)


@pytest.mark.slow
def test_the_workflow_runs_without_a_network(smoke_out, tmp_path_factory):
    done = json.loads((shared_folder(tmp_path_factory) / "smoke-done.json").read_text())
    assert (done["status"], done["offline"]) == (0, offline.means())
    for name in ("report.html", "report.pdf"):
        assert (smoke_out / name).stat().st_size > 100_000


@pytest.mark.slow
def test_its_results_are_whole_and_known(smoke_out, profile):
    assert jobs.check(profile) == []
    results = records.load_results(smoke_out, list(profile.trainings))
    assert tuple(results.models) == MODELS
    assert all(one.measure for one in results.trainings.values())


@pytest.mark.slow
def test_all_that_it_made_is_watched(smoke_out, profile):
    """What no job claims has a hash of its own, but for logs: checkpoints, fitted priors, kept samples."""
    claimed = {
        name for job in jobs.of(profile).values() for name in json.loads(job.path.read_text())["files"]
    }
    there = {p.relative_to(smoke_out).as_posix() for p in smoke_out.rglob("*") if p.is_file()}
    free = {n for n in there - claimed if n.startswith(("logs/", "jobs/", "samples/"))}
    free |= {n for n in there - claimed if "/state-" in n or "/priors/" in n}
    assert {n for n in there - claimed - free if not n.endswith(".lock")} == set()


# --- what the workflow's notebooks left ---


def test_schedules_record_is_that_of_the_module(smoke_out):
    found = SchedulesRecord.load(schedules_path(smoke_out))
    linear, cosine = schedules.linear(), schedules.cosine()
    assert found.linear.alpha_bar == linear.alpha_bar.tolist()
    assert found.cosine.beta == cosine.beta.tolist()
    assert (found.early.t, found.cosine.clipped_steps, found.linear.clipped_steps) == (300, 98, 0)
    assert found.early.linear.alpha_bar == linear.alpha_bar[300].item()
    assert found.informative_steps["linear"] < found.informative_steps["cosine"]
    assert records.read_kept(smoke_out, "zoom").shape == (25, 28, 28)


def test_a_training_has_its_probes_and_no_more(smoke_out):
    found = {m: TrainRecord.load(train_path(smoke_out, m, 0)) for m in MODELS}
    for one in found.values():
        assert (one.epochs, one.steps) == (len(one.history), 2 * 8)  # 128 images in batches of 16
        assert one.parameters_count == (107_329 if one.model == "small" else 146_961)
        assert "out_dir" not in one.settings
        assert (one.ddpm is None) == (one.process != "ddpm")
        assert (one.zoom is None) == (one.process != "zoom")
    a, b = found["linear"].settings, found["cosine"].settings
    assert {name for name in a if a[name] != b[name]} == {"schedule", "model", "sampler", "sampler_options"}


def test_kept_images_of_a_zoom_are_those_of_its_figures(smoke_out):
    assert records.read_kept(smoke_out, "trajectory_zoom-0").shape == (9, 10, 28, 28)
    by_level = records.read_kept(smoke_out, "reconstructions_zoom-0")
    assert by_level.shape == (3, 8, 28, 28)
    assert (by_level[0] == by_level[0, 0]).all()
    original, degraded, _ = records.read_kept(smoke_out, "deepest_zoom-0")
    for image, deepest in zip(original, degraded, strict=True):
        assert np.array_equal(deepest, image[12:16, 12:16].repeat(7, 0).repeat(7, 1))


def test_no_notebook_left_an_error_or_a_path_of_this_machine(smoke_out, root):
    executed = list((smoke_out / "notebooks").glob("*.ipynb"))
    assert len(executed) == 2 + len(MODELS)
    for path in executed:
        outputs = [o for c in json.loads(path.read_text())["cells"] for o in c.get("outputs", [])]
        assert not [o for o in outputs if o["output_type"] == "error"]
        assert any("image/png" in o.get("data", {}) for o in outputs)
        assert not any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in outputs)
        shown = json.dumps([o.get("data", {}).get("text/plain", o.get("text", "")) for o in outputs])
        assert str(root) not in shown


def test_a_class_typed_in_the_notebook_is_trained_and_measured(smoke_out):
    one = records.load_results(smoke_out).trainings["pixelate", 0]
    assert "averages blocks of pixels" in one.train.about
    with pytest.raises(ValueError, match="trust=True"):
        d.open(smoke_out / one.train.run)
    process = d.open(smoke_out / one.train.run, trust=True).process
    x = torch.arange(784.0).view(1, 1, 28, 28)
    assert torch.allclose(process.degrade(x, torch.tensor([0])), x)
    assert "class Pixelate" in (smoke_out / one.train.run / "own.py").read_text()
    assert one.measure.weights_sha256 == one.train.weights.sha256


# --- the examples of docs/extending.md ---


@pytest.mark.slow
def test_ones_own_is_trained_measured_and_told(smoke_out):
    results = records.load_results(smoke_out)
    zoom = results.trainings["zoom", 0].measure
    assert {"gaussian", "cautious"} <= zoom.ways.keys()
    assert results.trainings["linear", 0].train.settings["sampler"] == "mine:Deterministic"
    for model in ("frame", "sigmoid", "small"):
        assert results.trainings[model, 0].measure.final.n == 32
    told = " ".join((smoke_out / "report.html").read_text().split())
    assert "in the words of its author: Level t blackens a frame of t pixels." in told


@pytest.mark.slow
def test_a_data_set_of_ones_own_is_trained_measured_and_told(tmp_path, monkeypatch):
    profile = examples.profile("squares", data_too=True)
    for model in ("frame", "sigmoid", "small", "cosine"):
        del profile["models"][model]
    del profile["models"]["zoom"]["analyse"], profile["yardstick"]
    out = tmp_path / "squares"
    done = examples.run(tmp_path, profile | {"out": str(out)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Squares" in (out / "report.html").read_text()
    monkeypatch.syspath_prepend(tmp_path)
    for code, expected in (
        (examples.module(), []),
        (
            examples.module().replace("corners[:, 0] > 9", "corners[:, 0] > 8"),
            ["schedules", "train_linear-0"],
        ),
    ):
        sys.modules.pop("mine", None)
        (tmp_path / "mine.py").write_text(code)
        stale = jobs.check(read_profile(tmp_path / "squares.yaml", tmp_path))
        assert [job.name for job, _ in stale[:2]] == expected
    sys.modules.pop("mine")


# --- offline ---


@pytest.mark.parametrize("means", ["namespace", "sockets"])
def test_offline_means_no_network_but_the_loopback(means, monkeypatch):
    if means == "namespace" and offline.means() != means:
        pytest.skip("a network namespace is not permitted here")
    monkeypatch.setattr(offline, "means", lambda: means)
    run = offline.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("rror") == 2  # gaierror, OSError
    assert "this machine is reached" in run.stdout
