"""Released results and snapshots: complete, checked, and what they refuse."""

import collections
import copy
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from bs4 import BeautifulSoup

import fake_run
from diffusion import data, training
from diffusion.files import write_json
from diffusion.runs import RunError, RunFolder
from diffusion.zoom import ColdZoom
from report import build, claims, results
from report.text import num, percent_span, span
from tools import computed_in, readme_results, release, snapshot

ROOT = Path(__file__).resolve().parents[1]


def finished(out: Path) -> Path:
    """A fake run with its report, and every file that a release takes; returns its profile."""
    content, found = fake_run.records(), {}
    for seed in (None, 4):
        for name in fake_run.MODELS:
            record = content[f"train_{name}.json"] if seed is None else found[4][f"train_{name}.json"]
            folder = out if seed is None else out / "seeds" / "4"
            weights = folder / record["weights"]["file"]
            weights.parent.mkdir(parents=True)
            weights.write_bytes(f"weights of {name}".encode())
            record["weights"]["sha256"] = release.sha256(weights)
            (folder / record["run"] / "history.jsonl").write_text("{}\n")
        if seed is None:
            found = fake_run.seeds(content, 4)
    profile = fake_run.write_seeds(out, content, found)
    for folder, others in ((out, [4]), (out / "seeds" / "4", [])):
        for file in release.outputs.SCHEDULES + release.outputs.of_comparison(list(fake_run.MODELS), others):
            touch(folder / file)
        for name, notebook in fake_run.NOTEBOOK.items():
            for file in release.outputs.of_training(notebook, name):
                touch(folder / file)
    for name in ("02_train_ddpm-cosine", "03_train_zoom-zoom"):
        shutil.copy(out / "notebooks" / "01_schedules.ipynb", out / "notebooks" / f"{name}.ipynb")
    build.build(out, str(profile))
    return profile


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(b"a picture")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[Path, Path, Path]:
    """The results of a fake run, its profile, and its release."""
    folder = tmp_path_factory.mktemp("release")
    profile = finished(folder / "out")
    return folder / "out", profile, release.release(folder / "out", str(profile), folder / "released")


def test_the_report_of_a_release_is_that_of_the_run(run, tmp_path):
    out, profile, kept = run
    release.report(kept, str(profile), tmp_path / "again")
    for name in ("report.html", "report.pdf", "notebooks/04_compare_fid.html"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes(), name
    assert (kept / "report.pdf").read_bytes() == (out / "report.pdf").read_bytes()


def test_a_release_has_what_the_run_says_and_nothing_else(run):
    out, _, kept = run
    files = release.verify(kept)
    on_disk = {p.relative_to(kept).as_posix() for p in kept.rglob("*") if p.is_file()}
    assert on_disk == {*files, release.MANIFEST}
    for seed in ("", "seeds/4/"):
        for model in fake_run.MODELS:
            record = json.loads((kept / f"{seed}metrics/train_{model}.json").read_text())
            assert f"{seed}{record['weights']['file']}" in files


def test_a_release_may_be_of_earlier_code_and_a_report_of_ones_own_run_may_not(run, tmp_path):
    out, profile, kept = run
    old, copy = shutil.copytree(kept, tmp_path / "released"), shutil.copytree(out, tmp_path / "out")
    for folder in (old, copy):
        record = json.loads((folder / "metrics" / "train_zoom.json").read_text()) | {"code": "earlier"}
        (folder / "metrics" / "train_zoom.json").write_text(json.dumps(record))
    said = r"the record of 03_train_zoom zoom \(seed 0\) was made by other code \(earlier\) than there is now"
    with pytest.raises(ValueError, match=said):
        build.build(copy, str(profile))
    with pytest.raises(ValueError, match=said):
        release.release(copy, str(profile), tmp_path / "new")
    manifest = json.loads((old / release.MANIFEST).read_text())
    manifest["files"]["metrics/train_zoom.json"] = release.sha256(old / "metrics" / "train_zoom.json")
    (old / release.MANIFEST).write_text(json.dumps(manifest))
    assert release.report(old, str(profile), tmp_path / "again")


@pytest.mark.parametrize("name", ["metrics/compare.json", "report.pdf", "figures/seeds.svg"])
@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_bytes(p.read_bytes() + b" ")])
def test_a_damaged_release_is_refused(run, tmp_path, name, damage):
    _, profile, kept = run
    copy = shutil.copytree(kept, tmp_path / "released")
    damage(copy / name)
    with pytest.raises(ValueError, match=f"{name} is not the file that was released"):
        release.report(copy, str(profile), tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_manifest_cannot_reach_outside_the_release(run, tmp_path):
    _, profile, kept = run
    copy = shutil.copytree(kept, tmp_path / "released")
    manifest = json.loads((copy / release.MANIFEST).read_text())
    (tmp_path / "secret").write_text("x")
    manifest["files"]["../secret"] = release.sha256(tmp_path / "secret")
    (copy / release.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="lies outside"):
        release.verify(copy)


def test_a_release_of_other_parameters_is_refused(run, tmp_path):
    _, profile, kept = run
    other = tmp_path / "fake.yaml"
    config = yaml.safe_load(profile.read_text())
    config["training"]["epochs"] = 7
    other.write_text(yaml.safe_dump(config, sort_keys=False))
    with pytest.raises(ValueError, match="was run with epochs = 100, but profile 'fake' says 7"):
        release.report(kept, str(other), tmp_path / "again")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda out: (out / "figures" / "loss_zoom.svg").unlink(),
            "lacks .*loss_zoom.svg; run `make retrain PRO",
        ),
        (lambda out: (out / "runs/zoom-f1zoom/weights/100.safetensors").write_bytes(b"others"), "sha256 dif"),
        (
            lambda out: shutil.rmtree(out / "metrics"),
            "no results to release; run `make retrain PRO",
        ),
    ],
)
def test_incomplete_results_are_not_released_and_an_earlier_release_stays(run, tmp_path, damage, message):
    out, profile, kept = run
    copy, before = shutil.copytree(out, tmp_path / "out"), shutil.copytree(kept, tmp_path / "released")
    damage(copy)
    with pytest.raises(ValueError, match=message):
        release.release(copy, str(profile), before)
    assert release.verify(before) == release.verify(kept)


def test_a_profile_that_is_given_by_its_path_is_released_under_its_name(run, tmp_path, monkeypatch, capsys):
    out, profile, kept = run
    file = tmp_path / "fake.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(profile.read_text()) | {"out": str(out)}, sort_keys=False))
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setattr(release, "RELEASED", tmp_path / "released")
    monkeypatch.setattr(sys, "argv", ["release.py", str(file)])
    release.main()
    assert "released/fake holds the results of fake" in capsys.readouterr().out
    assert release.verify(tmp_path / "released" / "fake") == release.verify(kept)


RELEASES = sorted(p.parent for p in (ROOT / "released").glob(f"*/{release.MANIFEST}"))


@pytest.mark.parametrize("folder", RELEASES, ids=lambda folder: folder.name)
def test_what_is_released_in_this_project_is_what_its_report_says(folder, tmp_path):
    release.report(folder, folder.name, tmp_path)
    page = BeautifulSoup((tmp_path / "report.html").read_text(encoding="utf-8"), "html.parser").get_text()
    page = re.sub(r"\n+", " ", page)  # where a line of the source ends is no matter
    run = results.load(folder)
    for final in run.final.values():
        for extractor in run.extractors:
            distance = final[extractor]
            assert span(distance["fid"], distance["low"], distance["high"]) in page
        assert percent_span(*(final["not_digit"][key] for key in ("share", "low", "high"))) in page
    for model, record in run.train.items():
        assert num(record["history"][-1]["test_loss"]) in page, model
        assert record["weights"]["sha256"][:12] in page
    counts = collections.Counter(verdict.verdict for verdict in claims.ledger(run).values())
    for verdict, count in counts.items():
        words = {claims.HOLDS: "holds?", claims.FAILS: "(does|do) not", claims.OPEN: "(is|are) undecided"}
        assert re.search(rf"\b{count} {words.get(verdict, '(is|are) undecided at this scale')}", page)


def test_the_readme_shows_a_release_as_it_is():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.split(readme_results.BEGIN)[1].split(readme_results.END)[0]
    named = re.findall(r"\(released/([\w-]+)\)", shown)
    assert bool(named) == bool(RELEASES)
    for name in named:
        assert shown == f"\n{readme_results.block(results.load(ROOT / 'released' / name), name)}"


# --- the README ---------------------------------------------------------------------------------------------


def test_the_readme_gets_numbers_and_verdicts_from_the_records(run):
    out, _, _ = run
    text = readme_results.block(results.load(out), "some")
    assert "last epoch, n = 500 | mean over the last 20% of training, n = 500 | not recognised |" in text
    assert "| DDPM, cosine | 0.0330 | 5.00 [4.70, 5.30] | 5.02 [4.7" in text
    assert "| 12.0% | 0.72 |" in text
    assert "| real images |  | 0.78 ± 0.13 | 0.78 ± 0.13 | 5.0% | 0.96 |" in text
    verdicts = claims.ledger(results.load(out))
    for v in verdicts.values():
        assert v.seeds.startswith(("with both seeds", "of 2 seeds"))
        verdict = ", ".join(filter(None, (v.verdict, v.note, v.seeds)))
        assert f"| {v.claim.text} | {v.claim.section} | {verdict} |" in text


def test_the_readme_leaves_out_a_mean_over_too_few_checkpoints(tmp_path):
    out = tmp_path / "few"
    fake_run.write(out, fake_run.records(every=50))
    text = readme_results.block(results.load(out), "few")
    assert "of training, n" not in text
    assert "| DDPM, cosine | 0.0330 | 5.00 [4.70, 5.30] | 12.0% | 0.72 |" in text


def test_a_variant_with_few_checkpoints_has_no_mean_in_the_readme(run):
    few = results.load(run[0])
    train, compare = dict(few.train), copy.deepcopy(few.compare)
    train["sparse"] = train["zoom"] | {"label": "Cold Zoom, sparse"}
    compare["final"]["sparse"], compare["curves"]["sparse"] = compare["final"]["zoom"], []
    text = readme_results.block(results.Results(few.schedules, train, compare), "some")
    assert re.search(r"^\| Cold Zoom, sparse \| [\d.]+ \| 9\.40 \[[^|]+\|  \| 26\.0% \|", text, re.M)


def test_the_readme_keeps_what_is_outside_the_marks():
    begin, end = readme_results.BEGIN, readme_results.END
    once = readme_results.replaced(f"before\n{begin}\nold\n{end}\nafter\n", "new\n")
    assert once == f"before\n{begin}\nnew\n{end}\nafter\n"
    assert readme_results.replaced(once, "new\n") == once
    for wrong in ("no marks", f"{end} {begin}", f"{begin} {begin} {end}"):
        with pytest.raises(ValueError, match="README.md needs one"):
            readme_results.replaced(wrong, "new")


# --- snapshots ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def images(mnist_dir):
    return data.load("train", mnist_dir, 32)[0], data.load("test", mnist_dir, 16)[0]


PROFILE = {
    "profile": "x",
    "schedules": {},
    "training": {"epochs": 5},
    "models": {"zoom": {"notebook": "03_train_zoom"}},
    "compare": {"distance_every": 3},
}


def train(images, out: Path, epochs: int) -> training.Trained:
    options = {"batch_size": 8, "precision": "fp32", "checkpoint_steps": 2}
    return training.fit(ColdZoom(), *images, out / "runs", "zoom", epochs=epochs, **options)


def test_a_run_goes_on_elsewhere_to_the_same_weights(images, tmp_path):
    whole = train(images, tmp_path / "whole", 3)
    part = train(images, tmp_path / "here", 2)
    (tmp_path / "here" / "samples").mkdir()
    (tmp_path / "here" / "samples" / f"{'0' * 16}.safetensors").write_bytes(b"samples")
    snapshot.save(tmp_path / "here", tmp_path / "run.tar", PROFILE)
    assert snapshot.restore(tmp_path / "run.tar", tmp_path / "there") == [f"runs/{part.folder.path.name}"]
    assert (tmp_path / "there" / "samples" / f"{'0' * 16}.safetensors").read_bytes() == b"samples"
    before = (tmp_path / "there/runs" / part.folder.path.name / "history.jsonl").read_text()
    moved = train(images, tmp_path / "there", 3)
    assert moved.folder.weights(3).read_bytes() == whole.folder.weights(3).read_bytes()
    assert (moved.folder.path / "history.jsonl").read_text().startswith(before)  # it did not start over


@pytest.mark.parametrize("part", ["seeds/4", "again/zoom-1"])
def test_other_seeds_and_further_trainings_go_with_a_snapshot(images, tmp_path, part):
    trained = train(images, tmp_path / "here" / part, 1)
    (tmp_path / "here" / part / "samples").mkdir()
    (tmp_path / "here" / part / "samples" / f"{'0' * 16}.safetensors").write_bytes(b"samples")
    snapshot.save(tmp_path / "here", tmp_path / "run.tar", PROFILE)
    name = f"{part}/runs/{trained.folder.path.name}"
    assert snapshot.restore(tmp_path / "run.tar", tmp_path / "there") == [name]
    for file in (f"{name}/weights/epoch-0001.safetensors", f"{part}/samples/{'0' * 16}.safetensors"):
        assert (tmp_path / "there" / file).read_bytes() == (tmp_path / "here" / file).read_bytes()


def test_weights_that_nothing_measures_are_left_out_and_not_missed(images, tmp_path):
    whole = train(images, tmp_path / "whole", 5)
    part = train(images, tmp_path / "here", 4)
    snapshot.save(tmp_path / "here", tmp_path / "run.tar", PROFILE)
    snapshot.restore(tmp_path / "run.tar", tmp_path / "there")
    there = RunFolder(tmp_path / "there" / "runs" / part.folder.path.name)
    assert [e for e in range(1, 6) if there.weights(e).is_file()] == [1, 3]
    assert there.left_out() == [2, 4]
    # A second snapshot, from there, leaves out the same ones.
    snapshot.save(tmp_path / "there", tmp_path / "again.tar", PROFILE)
    snapshot.restore(tmp_path / "again.tar", tmp_path / "third")
    moved = train(images, tmp_path / "third", 5)
    assert moved.folder.weights(5).read_bytes() == whole.folder.weights(5).read_bytes()
    assert [e for e in range(1, 6) if moved.folder.weights(e).is_file()] == [1, 3, 5]
    with pytest.raises(RunError, match=r"there are no weights at .*epoch-0002.*a snapshot left some out"):
        moved.network(2)


def test_a_history_that_a_kill_left_behind_the_state_loses_nothing(images, tmp_path, capsys):
    part = train(images, tmp_path / "here", 3)
    history = part.folder.path / "history.jsonl"
    history.write_text("".join(history.read_text().splitlines(True)[:-1]))
    snapshot.save(tmp_path / "here", tmp_path / "run.tar", PROFILE)
    snapshot.restore(tmp_path / "run.tar", tmp_path / "there")
    train(images, tmp_path / "there", 4)
    assert "lost" not in capsys.readouterr().out
    lines = (tmp_path / "there/runs" / part.folder.path.name / "history.jsonl").read_text().splitlines()
    assert len(lines) == 4


def test_needed_weights_that_are_lost_are_made_again(images, tmp_path, capsys):
    part = train(images, tmp_path / "here", 4)
    part.folder.weights(3).unlink()
    snapshot.save(tmp_path / "here", tmp_path / "run.tar", PROFILE)
    snapshot.restore(tmp_path / "run.tar", tmp_path / "there")
    moved = train(images, tmp_path / "there", 4)
    assert "weights of epoch 3 are lost" in capsys.readouterr().out
    assert moved.folder.weights(3).is_file()


def test_a_list_of_left_out_weights_that_is_none_is_refused(images, tmp_path):
    part = train(images, tmp_path / "here", 1)
    (part.folder.path / "weights" / "left-out.json").write_text('["2"]')
    with pytest.raises(RunError, match="left-out.json is not a list of epochs"):
        train(images, tmp_path / "here", 2)


def test_a_damaged_newest_state_is_left_out_of_a_snapshot(images, tmp_path):
    part = train(images, tmp_path / "here", 2)
    newest, older = part.folder.states()
    newest.write_bytes(newest.read_bytes()[:-1])
    snapshot.save(tmp_path / "here", tmp_path / "run.tar", PROFILE)
    with tarfile.open(tmp_path / "run.tar") as tar:
        assert [Path(n).name for n in tar.getnames() if "state-" in n] == [older.name]


def test_restoring_never_goes_back(images, tmp_path):
    train(images, tmp_path / "here", 1)
    snapshot.save(tmp_path / "here", tmp_path / "run.tar", PROFILE)
    further = train(images, tmp_path / "here", 2)
    states = further.folder.states()
    assert snapshot.restore(tmp_path / "run.tar", tmp_path / "here") == []
    assert further.folder.states() == states


@pytest.mark.parametrize("damaged", [1, 2])
def test_damaged_states_do_not_keep_a_snapshot_out(images, tmp_path, damaged):
    train(images, tmp_path / "here", 1)
    snapshot.save(tmp_path / "here", tmp_path / "run.tar", PROFILE)
    further = train(images, tmp_path / "here", 2)
    whole = further.folder.weights(2).read_bytes()
    for state in further.folder.states()[:damaged]:
        state.write_bytes(state.read_bytes()[:-1])
    taken = snapshot.restore(tmp_path / "run.tar", tmp_path / "here")
    assert taken == ([] if damaged == 1 else [f"runs/{further.folder.path.name}"])
    # It goes on from one of them rather than starting over.
    assert RunFolder(further.folder.path).load_state()["history"] == further.history[:1]
    assert train(images, tmp_path / "here", 2).folder.weights(2).read_bytes() == whole


def test_nothing_to_put_aside_says_what_trains_in_any_case(tmp_path):
    with pytest.raises(ValueError, match="no training to put aside; start one with `make retrain PROFILE=x`"):
        snapshot.save(tmp_path, tmp_path / "run.tar", PROFILE)


def a_machine(monkeypatch, device: str, bf16: bool) -> None:
    """Let this machine be one with such a device, with or without bf16 in hardware."""
    there = SimpleNamespace(device=torch.device(device))
    monkeypatch.setattr(computed_in.devices, "accelerator", lambda: there)
    monkeypatch.setattr(computed_in.devices, "has_fast_bf16", lambda device: bf16)


@pytest.mark.parametrize(
    ("device", "bf16", "remedy"),
    [
        ("cpu", True, None),
        ("cpu", False, "set `precision: bf16` in the profile"),
        ("cuda", True, "set `precision: bf16` in the profile and ACCELERATE_USE_CPU=1 in the environment"),
    ],
)
def test_a_machine_that_computes_otherwise_is_told_what_to_set(
    images, tmp_path, monkeypatch, device, bf16, remedy
):
    run = f"runs/{train(images, tmp_path / 'here', 1).folder.path.name}"
    with monkeypatch.context() as patch:
        a_machine(patch, "cpu", True)
        snapshot.save(tmp_path / "here", tmp_path / "run.tar", PROFILE)
    a_machine(monkeypatch, device, bf16)
    assert snapshot.restore(tmp_path / "run.tar", tmp_path / "there") == [run]
    found = computed_in.warnings(tmp_path / "there", PROFILE)
    if remedy is None:
        assert found == []
        return
    now = f"{'bf16' if bf16 else 'fp32'} on {device}"
    assert found == [
        f"{run}: computed in bf16 on cpu, but this machine would take {now} and begin anew; "
        f"to go on from there, {remedy}"
    ]
    # A snapshot of the restored run still says where it was computed.
    snapshot.save(tmp_path / "there", tmp_path / "again.tar", PROFILE)
    snapshot.restore(tmp_path / "again.tar", tmp_path / "third")
    assert computed_in.warnings(tmp_path / "third", PROFILE) == found
    # With the remedy there is nothing to say.
    a_machine(monkeypatch, "cpu", bf16)
    told = PROFILE | {"training": PROFILE["training"] | {"precision": "bf16"}}
    assert computed_in.warnings(tmp_path / "there", told) == []


def test_a_training_of_a_device_that_is_not_here_asks_for_one_and_all_models_get_one_line(
    tmp_path, monkeypatch
):
    for run in ("runs/a-1", "seeds/4/runs/a-2"):
        write_json(tmp_path / run / computed_in.FILE, {"device": "cuda", "precision": "bf16"})
    a_machine(monkeypatch, "cpu", True)
    config = PROFILE | {"models": {"a": {"notebook": "03_train_zoom"}}}
    (line,) = computed_in.warnings(tmp_path, config)
    assert line.startswith(
        "runs/a-1, seeds/4/runs/a-2: computed in bf16 on cuda, but this machine would take"
    )
    assert line.endswith("to go on from there, use a machine with cuda")


def test_a_record_says_what_its_run_was_computed_in(tmp_path, monkeypatch):
    a_machine(monkeypatch, "cpu", True)
    for name in ("zoom-1", "zoom-2", "other-3"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    environment = {"device": "cuda", "precision": "fp32", "torch": "2"}
    write_json(tmp_path / "metrics" / "train_zoom.json", {"run": "runs/zoom-1", "environment": environment})
    said = computed_in.of_run(tmp_path / "runs" / "zoom-1", "zoom", PROFILE)
    assert said == {"device": "cuda", "precision": "fp32"}
    here = {"device": "cpu", "precision": "bf16"}
    assert computed_in.of_run(tmp_path / "runs" / "zoom-2", "zoom", PROFILE) == here
    assert computed_in.of_run(tmp_path / "runs" / "other-3", "other", PROFILE) is None


def test_a_snapshot_that_does_not_say_how_it_was_computed_is_restored_without_a_warning(
    images, tmp_path, monkeypatch
):
    run = train(images, tmp_path / "here", 1).folder.path.name
    with monkeypatch.context() as patch:
        patch.setattr(computed_in, "of_run", lambda *_: None)
        snapshot.save(tmp_path / "here", tmp_path / "run.tar", PROFILE)
    a_machine(monkeypatch, "cuda", False)
    assert snapshot.restore(tmp_path / "run.tar", tmp_path / "there") == [f"runs/{run}"]
    assert computed_in.warnings(tmp_path / "there", PROFILE) == []


def test_a_run_under_way_is_not_touched(images, tmp_path):
    part = train(images, tmp_path / "here", 1)
    snapshot.save(tmp_path / "here", tmp_path / "run.tar", PROFILE)
    with RunFolder(part.folder.path).locked(), pytest.raises(RunError, match="another process is training"):
        snapshot.restore(tmp_path / "run.tar", tmp_path / "here")


def member(name: str, content: bytes = b"x", kind: bytes = tarfile.REGTYPE) -> tuple:
    return name, content, kind


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([member("../../etc/x")], "is no snapshot: it holds '../../etc/x'"),
        ([member("/x")], "is no snapshot"),
        ([member("runs/zoom-1/../../x/history.jsonl")], "is no snapshot"),
        ([member("runs/zoom-1/weights/epoch-0001.pt")], "is no snapshot"),
        ([member("runs/zoom-1", kind=tarfile.SYMTYPE)], "a link or a folder"),
        ([member(f"runs/zoom-1/state-00000001-{'0' * 16}.pt")], "is damaged: the content of runs/zoom-1"),
        ([member("runs/zoom-1/computed-in.json", b"[]")], "computed-in.json names no device and precision"),
        ([member("runs/zoom-1/computed-in.json", b'{"device": "cpu", "precision": 16}')], "names no device"),
    ],
)
def test_a_hostile_or_damaged_snapshot_is_refused_and_writes_nothing(tmp_path, members, message):
    import io

    with tarfile.open(tmp_path / "run.tar", "w") as tar:
        for name, content, kind in members:
            entry = tarfile.TarInfo(name)
            entry.size, entry.type, entry.linkname = len(content), kind, "/etc/passwd"
            tar.addfile(entry, io.BytesIO(content))
    with pytest.raises(ValueError, match=message):
        snapshot.restore(tmp_path / "run.tar", tmp_path / "there")
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("content", [b"", b"no tar at all", None])
def test_what_is_no_tar_file_is_one_clear_line(tmp_path, content):
    if content is not None:
        (tmp_path / "run.tar").write_bytes(content)
    with pytest.raises(ValueError, match=r"run\.tar cannot be read as a snapshot"):
        snapshot.restore(tmp_path / "run.tar", tmp_path / "there")


@pytest.mark.parametrize("tool", ["release.py", "snapshot.py"])
def test_the_commands_say_what_they_need(tool):
    done = subprocess.run([sys.executable, str(ROOT / "tools" / tool)], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"python tools/{tool}" in done.stderr
