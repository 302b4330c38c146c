"""Runs of the second edition, as it left them, become runs of today: `python -m workflow.convert`."""

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

import diffusion as d
from diffusion import data
from diffusion.files import digest, read_json, write_json
from diffusion.training.checkpoints import RunError, RunFolder, _short_hash
from study import settings
from workflow import convert

pytestmark = pytest.mark.usefixtures("one_thread")
HOW = {"batch_size": 32, "learning_rate": 2e-4, "lr_schedule": "constant", "precision": "fp32"}
OLD_PROCESS = {
    "zoom": {"process": "zoom", "T": 24, "interpolation": "nearest", "code": None},
    "blur": {"process": "blur", "T": 20, "code": None},
    "cosine": {"process": "ddpm", "T": 20, "schedule": "cosine", "code": None},
}
NEW_PROCESS = {"zoom": d.ColdZoom, "blur": d.ColdBlur, "cosine": lambda: d.DDPM(d.cosine(20))}
NOTEBOOK = {"zoom": settings.TrainZoom, "blur": settings.TrainOwn, "cosine": settings.TrainDDPM}


@pytest.fixture
def x(mnist_dir):
    return data.load("mnist", "train", mnist_dir, 96)[0]


def of_second_edition(run: d.Run, model: str, out: Path, **said) -> Path:
    """Make a run, and its record, what the second edition would have left; `said` are settings of then."""
    folder, new = run.folder.path, run.identity
    process = dict(OLD_PROCESS[model])
    if model == "cosine":
        process["alpha_bar"] = digest([float(f"{a:.12g}") for a in run.process.schedule.alpha_bar])
    old = {k: v for k, v in new.items() if k not in ("code", "process", "network", "data")}
    network = {"name": "Reconstructor", "channels": [16, 32, 32, 16], "options": {}, "code": None}
    old |= {"recipe": 1, "process": process, "network": network}
    old |= {"data": {"train": new["data"]["train"], "test": new["data"]["test"]}}
    write_json(folder / "run.json", old)
    learnt = {}
    if model == "zoom":
        learnt = vars(run.fitted(d.Pixels()))
        learnt = {"counts": learnt["counts"], "side": torch.tensor(learnt["side"])}
    if model == "blur":
        learnt = {k: v for k, v in vars(run.process).items() if isinstance(v, torch.Tensor)}
    parts = [[k, str(v.dtype), list(v.shape), data.fingerprint(v)] for k, v in sorted(learnt.items())]
    (folder / "process.safetensors").unlink()
    if learnt:
        content = safetensors.torch.save(learnt, {"sha256": digest(parts, 64)})
        (folder / "process.safetensors").write_bytes(content)
    for path in sorted(folder.rglob("priors/*")):
        path.unlink()
    store = RunFolder(folder)
    for path in store.states():
        state = torch.load(path, weights_only=True) | {"run": digest(old)}
        path.unlink()
        torch.save(state, at := folder / "state")
        step = path.name.split("-")[1]
        at.rename(folder / f"state-{step}-{_short_hash(at.read_bytes())}.pt")
    cls = NOTEBOOK[model]
    values = cls.read({"model": model, "epochs": 2, "n_train": 96, "batch_size": 32}).values()
    values |= {"blur": {"degradation": "diffusion.processes:ColdBlur"}, "cosine": {"schedule": "cosine"}}.get(
        model, {}
    ) | ({"T": 20} if model == "cosine" else {})
    values = {k: v for k, v in values.items() if k not in ("sampler_options", "prior_options")} | said
    record = {"job": cls.model_fields["notebook"].default, "model": model, "seed": 0, "settings": values}
    record |= {"run": folder.relative_to(out).as_posix(), "environment": {"torch": "2.0"}}
    write_json(out / "metrics" / f"train_{model}-0.json", record)
    return folder


@pytest.mark.parametrize("model", OLD_PROCESS)
def test_a_converted_run_goes_on_and_samples_as_it_did(tmp_path, x, model):
    process = NEW_PROCESS[model]()
    whole = d.fit(process, x, epochs=3, folder=tmp_path / "whole", name=model, **HOW)
    run = d.fit(process, x, epochs=2, folder=tmp_path / "runs", name=model, **HOW)
    before, line = run.sample(4), run.history[-1]["sha256"]
    folder = of_second_edition(run, model, tmp_path)
    with pytest.raises(RunError, match=r"earlier form|workflow.convert"):
        d.open(folder)
    assert convert.convert(folder)
    assert not convert.convert(folder)
    again = d.open(folder)
    again.keeps = False
    assert torch.equal(again.sample(4), before)
    assert (again.history[-1]["sha256"], again.name) == (line, model)
    longer = d.fit(process, x, epochs=3, folder=tmp_path / "runs", name=model, **HOW)
    assert longer.folder.path == folder
    expected = whole.network().state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in longer.network().state_dict().items())
    assert (longer.folder.path / "weights" / "epoch-0001.safetensors").is_file()


def test_the_way_that_it_was_sampled_is_kept(tmp_path, x):
    run = d.fit(d.ColdZoom(), x, epochs=1, folder=tmp_path / "runs", name="zoom", **HOW)
    said = {"sampler": "improved", "noise": 0.2, "noise_power": 2.0, "sampling_levels": 12, "epochs": 1}
    folder = of_second_edition(run, "zoom", tmp_path, **said)
    convert.convert(folder)
    assert d.open(folder).way.sampler == d.Improved(noise=0.2, power=2.0, levels=12)


@pytest.mark.parametrize(
    ("owner", "name"), [(RunFolder, "write_about"), (d.Run, "keep_prior"), (d.Run, "by_default")]
)
def test_a_conversion_that_was_killed_is_taken_up(tmp_path, x, monkeypatch, owner, name):
    run = d.fit(d.ColdZoom(), x, epochs=1, folder=tmp_path / "runs", name="zoom", **HOW)
    before = run.sample(4, sampler=d.Naive(noise=0.2))
    folder = of_second_edition(run, "zoom", tmp_path, noise=0.2, epochs=1)
    with monkeypatch.context() as killed:
        killed.setattr(owner, name, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            convert.convert(folder)
    assert convert.convert(folder)
    assert not convert.convert(folder)
    again = d.open(folder)
    again.keeps = False
    assert torch.equal(again.sample(4), before)
    assert not list(folder.glob("converting"))


def test_a_folder_without_runs_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        convert.main([str(tmp_path)])
    assert ended.value.code == 1
    assert "there is no run.json in it, or below" in capsys.readouterr().out


def test_what_cannot_be_converted_stays_and_is_named(tmp_path, x, capsys):
    run = d.fit(d.ColdZoom(), x, epochs=1, folder=tmp_path / "runs", name="zoom", **HOW)
    folder = of_second_edition(run, "zoom", tmp_path)
    old = read_json(folder / "run.json")
    (tmp_path / "metrics" / "train_zoom-0.json").unlink()
    for changes, said in [
        ({}, "its training images are not known"),
        ({"process": {"process": "mine", "code": "abc"}}, "is one's own, and no record names a class"),
        ({"recipe": None, "form": 7}, "is not converted"),
    ]:
        changed = {k: v for k, v in (old | changes).items() if v is not None}
        (folder / "run.json").write_text(json.dumps(changed))
        with pytest.raises(SystemExit) as end:
            convert.main([str(tmp_path / "runs")])
        assert end.value.code
        assert said in capsys.readouterr().out
        assert read_json(folder / "run.json") == changed
