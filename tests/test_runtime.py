"""What every part stands on: files whole or absent, code by its meaning, names, numbers, progress."""

import copy
import itertools
import json
import multiprocessing
import os
import re
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffusion import runtime
from diffusion.processes import ColdZoom
from own import Fade

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
    runtime.write_bytes(tmp_path / "file", b"new")
    assert done == ["sync file", "rename", "sync folder"]


@pytest.mark.parametrize("failing", ["fsync", "chmod", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_earlier_file_alone(tmp_path, monkeypatch, failing, error):
    path = runtime.write_bytes(tmp_path / "file", b"old")

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, fail)
        with pytest.raises(type(error)):
            runtime.write_bytes(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_holds_no_number_that_json_does_not_know(tmp_path, number):
    path = runtime.write_json(tmp_path / "record.json", {"fid": 1.5})
    with pytest.raises(ValueError, match="JSON"):
        runtime.write_json(path, {"fid": number})
    assert json.loads(path.read_text()) == {"fid": 1.5}


LARGE = 10_000_000  # bytes, whose writing takes a while


def write_for_ever(path):
    os.fsync = lambda handle: None  # without waiting for the disk, nearly all of the time is writing
    for n in itertools.cycle(range(256)):
        runtime.write_bytes(path, bytes([n]) * LARGE)


def test_a_file_is_whole_whenever_its_writer_is_killed(tmp_path):
    path = runtime.write_bytes(tmp_path / "file", bytes(LARGE))
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


# --- hashes and differences ---

json_like = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(*[st.dictionaries(st.sampled_from("abc"), json_like, max_size=3)] * 2)
def test_a_difference_is_named_if_and_only_if_there_is_one(a, b):
    assert (runtime.difference(a, b) is None) == (a == b)
    assert runtime.difference(a, copy.deepcopy(a)) is None
    assert runtime.difference({"a": None}, {}) is None  # a key that is missing counts as None


def test_seeding_leaves_the_global_stream_as_it_was():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with runtime.seeded(9):
        first = torch.rand(1)
    assert torch.equal(torch.rand(2), expected)
    with runtime.seeded(9):
        assert torch.equal(torch.rand(1), first)


# --- code ---

SOURCE = '''
"""A process."""
from diffusion.processes import ColdZoom

FACTOR = 2


class Mine(ColdZoom):
    def degrade(self, x, t):
        return x * FACTOR
'''


def of(source, tmp_path, monkeypatch, name="mine"):
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return runtime.own_source(runtime.named("class", f"{name}:Mine", {}))


def test_code_counts_and_comments_and_places_do_not(tmp_path, monkeypatch):
    before = of(SOURCE, tmp_path, monkeypatch)
    commented = SOURCE.replace("FACTOR = 2", "# two\n\nFACTOR = 2  # twice, not '# twice'\n")
    assert of(commented, tmp_path, monkeypatch) == before
    (tmp_path / "elsewhere").mkdir()
    assert of(SOURCE, tmp_path / "elsewhere", monkeypatch, "another") == before
    for old, new in [("FACTOR = 2", "FACTOR = 3"), ("x * FACTOR", "x + FACTOR")]:
        assert of(SOURCE.replace(old, new), tmp_path, monkeypatch) != before


def test_the_packages_own_code_is_told_by_numbers_instead():
    assert runtime.own_source(ColdZoom) is None
    assert runtime.own_source(Fade) == runtime.own_source(Fade) is not None


def test_a_class_typed_in_a_notebook_counts_by_its_methods():
    def make(body):
        space = {"__name__": "__main__", "ColdZoom": ColdZoom}
        name = f"<cell {body}>"
        code = f"class Mine(ColdZoom):\n    depth = 3\n    def degrade(self, x, t):\n        return {body}\n"
        runtime.inspect.linecache.cache[name] = (len(code), None, code.splitlines(True), name)
        exec(compile(code, name, "exec"), space)
        return runtime.own_source(space["Mine"])

    assert make("x * 2") == make("x * 2")
    assert make("x * 2") != make("x * 3")


# --- names ---


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cosin", "schedule is 'cosin'; allowed: linear, cosine, or module:name.*did you mean 'cosine'"),
        ("no_such_module:x", "cannot be loaded.*needed: module:name"),
        ("math:nothing", "cannot be loaded"),
        (":x", "cannot be loaded"),
        ("no_such_file.py:x", "cannot be loaded .*No such file"),
    ],
)
def test_what_cannot_be_found_is_refused(name, said):
    with pytest.raises(ValueError, match=said):
        runtime.named("schedule", name, {"linear": 1, "cosine": 2})


def test_options_must_be_arguments():
    def schedule(T, s=1):
        return T, s

    assert runtime.call_with(schedule, {"T": 3, "seed": 1}, {"s": 2}) == (3, 2)
    with pytest.raises(ValueError, match="schedule has no option 'S'; it takes T, s"):
        runtime.call_with(schedule, {"T": 3}, {"S": 2})
    with pytest.raises(ValueError, match="schedule cannot be made: .*'T'"):
        runtime.call_with(schedule, {})


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
    assert runtime.commit() == "unknown"


# --- progress ---


def lines(monkeypatch, capsys, seconds, steps=20, done=0):
    """What 20 steps of 10 ms print in a log, if there may be a line every so many seconds."""
    monkeypatch.setattr(runtime, "LINE_SECONDS", seconds)
    for _ in runtime.progress(range(done, steps), "zoom: epoch 1/2", steps, done):
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
