"""What every part stands on: files whole or absent, things found by name, numbers, progress."""

import copy
import itertools
import json
import multiprocessing
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffusion import bounds, files, plugins, progress, provenance, runtime

# --- files ---


def test_content_reaches_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    """fsync of the file, the rename, fsync of the folder: so it also holds when the power fails."""
    done, fsync, replace = [], os.fsync, os.replace

    def synced(handle):
        there = os.readlink(f"/proc/self/fd/{handle}") if os.path.exists("/proc/self/fd") else ""
        done.append("sync folder" if there == str(tmp_path) else "sync file")
        fsync(handle)

    def renamed(old, new):
        assert Path(old).parent == tmp_path  # a rename across file systems would be a copy
        assert Path(old).read_bytes() == b"new"
        done.append("rename")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    files.write_bytes(tmp_path / "file", b"new")
    assert done == ["sync file", "rename", "sync folder"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_earlier_file_alone(tmp_path, monkeypatch, failing, error):
    path = files.write_bytes(tmp_path / "file", b"old")

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, fail)
        with pytest.raises(type(error)):
            files.write_bytes(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_holds_no_number_that_json_does_not_know(tmp_path, number):
    path = files.write_json(tmp_path / "record.json", {"fid": 1.5})
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, {"fid": number})
    assert json.loads(path.read_text()) == {"fid": 1.5}


LARGE = 10_000_000  # bytes, whose writing takes a while


def write_for_ever(path):
    os.fsync = lambda handle: None  # without waiting for the disk, nearly all of the time is writing
    for n in itertools.cycle(range(256)):
        files.write_bytes(path, bytes([n]) * LARGE)


def test_a_file_is_whole_whenever_its_writer_is_killed(tmp_path):
    path = files.write_bytes(tmp_path / "file", bytes(LARGE))
    for looks in (1, 10, 20):
        writer = multiprocessing.get_context("fork").Process(target=write_for_ever, args=(path,))
        writer.start()
        for look in range(looks + 1):
            content = path.read_bytes()
            assert content == content[:1] * LARGE
            time.sleep(0.005)
            if look == looks - 1:
                writer.kill()
                writer.join()


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_who_may_read_a_file_is_as_for_any_other(tmp_path, mask):
    before = os.umask(mask)
    try:
        path = files.write_bytes(tmp_path / "file", b"new")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


# --- hashes and differences ---

json_like = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(*[st.dictionaries(st.sampled_from("abc"), json_like, max_size=3)] * 2)
def test_a_difference_is_named_if_and_only_if_there_is_one(a, b):
    assert (files.difference(a, b) is None) == (
        json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    )
    assert files.difference(a, copy.deepcopy(a)) is None
    assert files.difference({"a": None}, {}) is None  # a key that is missing counts as None


def test_seeding_leaves_the_global_stream_as_it_was():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with runtime.seeded(9):
        first = torch.rand(1)
    assert torch.equal(torch.rand(2), expected)
    with runtime.seeded(9):
        assert torch.equal(torch.rand(1), first)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    expected = random.random(), np.random.rand()  # noqa: NPY002
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    with runtime.seeded(9):
        inside = random.random(), np.random.rand()  # noqa: NPY002
    with runtime.seeded(9):
        assert inside == (random.random(), np.random.rand())  # noqa: NPY002
    assert expected == (random.random(), np.random.rand())  # noqa: NPY002


# --- names ---


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cosin", "schedule is 'cosin'; allowed: linear, cosine, or module:name.*did you mean 'cosine'"),
        ("no_such_module:x", "cannot be loaded.*needed: module:name"),
        ("math:nothing", "cannot be loaded"),
        (":x", "cannot be loaded"),
        ("file.py:x", "cannot be loaded"),
        ("exits_:x", "cannot be loaded .SystemExit: 3.; needed: module:name"),
        ("exits_silently_:x", "cannot be loaded .SystemExit: .; needed: module:name"),
    ],
)
def test_what_cannot_be_found_is_refused(name, said, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "exits_.py").write_text("import sys; sys.exit(3)")
    (tmp_path / "exits_silently_.py").write_text("import sys; sys.exit()")
    with pytest.raises(ValueError, match=said):
        plugins.named("schedule", name, {"linear": 1, "cosine": 2})


def test_options_must_be_arguments():
    def schedule(T, s=1):
        return T, s

    assert plugins.call_with(schedule, {"T": 3, "seed": 1}, {"s": 2}) == (3, 2)
    with pytest.raises(ValueError, match="schedule has no option 'S'; it takes T, s"):
        plugins.call_with(schedule, {"T": 3}, {"S": 2})
    with pytest.raises(ValueError, match="schedule cannot be made .*'T'"):
        plugins.call_with(schedule, {})


def test_an_import_that_takes_long_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plugins, "SLOW", 0.05)
    (tmp_path / "slow_.py").write_text("import time; time.sleep(0.3); x = 1")
    assert plugins.named("thing", "slow_:x", {}) == 1
    assert "still importing slow_ for slow_:x (Ctrl-C ends it)" in capsys.readouterr().out


# --- numbers ---


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), torch.tensor(3)])
def test_whole_numbers_of_all_kinds_are_pythons(value):
    assert type(bounds.whole("n", value, 1)) is int
    assert bounds.real("n", value, 1) == 3.0


@pytest.mark.parametrize("value", [0, 10, 3.0, True, "3", None, [3], torch.ones(2), np.float64(3), 2.5])
def test_what_is_no_number_of_that_range_is_one_line(value):
    with pytest.raises(ValueError, match=r"^n is .*; allowed: a whole number, 1 to 9 \(images\)$"):
        bounds.whole("n", value, 1, 9, "images")


@pytest.mark.parametrize(
    "value", [0, -1, "1", True, None, float("nan"), float("inf"), 1j, torch.ones(2), 10**400]
)
def test_what_is_no_real_number_is_one_line(value):
    with pytest.raises(ValueError, match=r"rate is .*; allowed: a number, above 0, at most 1"):
        bounds.real("rate", value, 0, 1, above=True)


# --- device, precision, environment ---


@pytest.mark.parametrize(
    ("amx", "avx512_bf16", "vendor", "precision"),
    [
        (True, True, "GenuineIntel", "bf16"),
        (False, True, "GenuineIntel", "fp32"),
        (False, True, "AuthenticAMD", "bf16"),
        (False, False, "AuthenticAMD", "fp32"),
    ],
)
def test_auto_is_the_faster_precision(amx, avx512_bf16, vendor, precision, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
    monkeypatch.setattr(runtime.Path, "read_text", lambda path: f"vendor_id : {vendor}")
    assert runtime.resolve_precision("auto", torch.device("cpu")) == precision


def test_precision_is_what_the_hardware_does():
    cpu = torch.device("cpu")
    assert runtime.resolve_precision("bf16", cpu) == "bf16"
    with pytest.raises(ValueError, match="precision is 'half'; allowed: auto, fp32, bf16"):
        runtime.resolve_precision("half", cpu)
    x = torch.ones(2, 2)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with runtime.autocast(cpu, precision):
            assert (x @ x).dtype == dtype


def test_without_git_the_commit_is_unknown(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance.commit() == "unknown"


def test_the_commit_of_a_repository_around_is_not_this_projects(tmp_path, monkeypatch):
    """A copy of the project, unpacked in another project's repository."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x"]
    subprocess.run([*git, "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], cwd=tmp_path, check=True)
    package = tmp_path / "unpacked" / "diffusion"
    package.mkdir(parents=True)
    monkeypatch.setattr(provenance, "PACKAGE", package)
    assert provenance.commit() == "unknown"
    (package.parent / "workflow").mkdir()
    (package.parent / "workflow" / "Snakefile").touch()
    assert provenance.commit() == "unknown"
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow" / "Snakefile").touch()
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "diffusion")
    (tmp_path / "diffusion").mkdir()
    assert len(provenance.commit()) == 12


# --- progress ---


def lines(monkeypatch, capsys, seconds, steps=20, done=0):
    """What 20 steps of 10 ms print in a log, if there may be a line every so many seconds."""
    monkeypatch.setattr(progress, "LINE_SECONDS", seconds)
    for _ in progress.progress(range(done, steps), "zoom: epoch 1/2", steps, done):
        time.sleep(0.01)
    return capsys.readouterr().out.splitlines()


def test_where_there_is_no_terminal_plain_lines_appear(monkeypatch, capsys):
    assert not sys.stderr.isatty()
    assert lines(monkeypatch, capsys, 10) == []
    found = lines(monkeypatch, capsys, 0.05)
    assert 1 <= len(found) <= 4
    for line in found:
        assert re.fullmatch(r"zoom: epoch 1/2: step \d+/20, 00:00 left", line), line
    (first, *_) = lines(monkeypatch, capsys, 0.05, done=10)
    assert int(first.split("step ")[1].split("/")[0]) > 10
