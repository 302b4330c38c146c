"""What every part stands on: files whole or absent, things found by name, random numbers, progress."""

import copy
import itertools
import json
import multiprocessing
import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import diffusion as d
import limits
from diffusion import files, plugins, progress, provenance, runtime

# --- files ---

LARGE = 10_000_000  # bytes, whose writing takes a while


def write_for_ever(path):
    os.fsync = lambda handle: None  # without waiting for the disk, nearly all of the time is writing
    for n in itertools.cycle(range(256)):
        files.write_bytes(path, bytes([n]) * LARGE)


def test_a_file_is_whole_whenever_its_writer_is_killed(tmp_path):
    path = files.write_bytes(tmp_path / "file", bytes(LARGE))
    for looks in (1, 20):
        writer = multiprocessing.get_context("fork").Process(target=write_for_ever, args=(path,))
        writer.start()
        for _ in range(looks):
            content = path.read_bytes()
            assert content == content[:1] * LARGE
            time.sleep(0.005)
        writer.kill()
        writer.join()
        content = path.read_bytes()
        assert content == content[:1] * LARGE


def test_a_write_that_fails_leaves_the_earlier_file_alone(tmp_path):
    path = files.write_bytes(tmp_path / "file", b"old")
    with limits.files_at_most(1000), pytest.raises(OSError, match="File too large"):
        files.write_bytes(path, bytes(2000))
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, {"fid": float("nan")})
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


json_like = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40)
@given(*[st.dictionaries(st.sampled_from("abc"), json_like, max_size=3)] * 2)
def test_a_difference_is_named_if_and_only_if_there_is_one(a, b):
    equal = json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    assert (not list(files.differences(a, b))) == equal
    assert not list(files.differences(a, copy.deepcopy(a)))
    assert not list(files.differences({"a": None}, {}))  # a key that is missing counts as None


def test_a_file_that_is_no_json_is_one_line(tmp_path):
    for path, said in ((tmp_path / "none", "does not exist"), (tmp_path, "cannot be read as JSON")):
        with pytest.raises(ValueError, match=said):
            files.read_json(path)


# --- names ---


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cosin", "schedule is 'cosin'; allowed: linear, cosine, or module:name.*did you mean 'cosine'"),
        ("no_such_module:x", "cannot be loaded.*needed: module:name"),
        ("math:nothing", "cannot be loaded"),
        ("exits_:x", "cannot be loaded .SystemExit: 3.; needed: module:name"),
    ],
)
def test_what_cannot_be_found_is_refused(name, said, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "exits_.py").write_text("import sys; sys.exit(3)")
    with pytest.raises(ValueError, match=said):
        plugins.named("schedule", name, {"linear": 1, "cosine": 2})


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: d.Naive(nois=0.1), TypeError, "Naive has no option 'nois'; .*did you mean 'noise'"),
        (lambda: d.cosine(t=10), TypeError, "cosine has no option 't'; it takes T, s, beta_max"),
        (lambda: d.cosine("10"), ValueError, "T = '10' is not allowed: it should be a valid integer"),
        (lambda: d.Mixture(True), ValueError, "components = True is not allowed"),
        (lambda: d.linear(beta_end=torch.tensor(2.0)), ValueError, "beta_end = 2.0 is not allowed: .* 1 "),
    ],
)
def test_arguments_are_checked_by_name(make, error, said):
    with pytest.raises(error, match=said):
        make()


def test_numbers_of_numpy_and_torch_are_numbers():
    assert d.cosine(np.int64(10)).T == d.cosine(torch.tensor(10)).T == 10
    assert type(d.Naive(noise=np.float32(0.5)).noise) is float


# --- random numbers, precision, commit ---


def test_precision_is_what_the_hardware_does():
    cpu = torch.device("cpu")
    assert runtime.resolve_precision("auto", cpu) in ("bf16", "fp32")
    x = torch.ones(2, 2)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with runtime.autocast(cpu, precision):
            assert (x @ x).dtype == dtype


def test_the_commit_of_a_repository_around_is_not_this_projects(tmp_path, monkeypatch):
    """A copy of the project, unpacked in another project's repository."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x"]
    subprocess.run([*git, "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], cwd=tmp_path, check=True)
    package = tmp_path / "unpacked" / "diffusion"
    package.mkdir(parents=True)
    monkeypatch.setattr(provenance, "PACKAGE", package)
    assert provenance.commit() == "unknown"


# --- progress ---


def test_where_there_is_no_terminal_plain_lines_appear(monkeypatch, capsys):
    assert not sys.stderr.isatty()
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.05)
    for _ in progress.progress(range(10, 30), "zoom: epoch 1/2", 30, done=10):
        time.sleep(0.01)
    found = capsys.readouterr().out.splitlines()
    assert 1 <= len(found) < 10  # of 20 steps
    for line in found:
        assert int(re.fullmatch(r"zoom: epoch 1/2: step (\d+)/30, 00:0\d left", line)[1]) > 10
