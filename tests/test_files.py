"""Atomic writes: the old file or the new one, whatever goes wrong in between."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import limits
from diffusion import files

ROOT = Path(__file__).resolve().parents[1]


def test_content_reaches_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    """fsync of the file, then the rename, then fsync of the folder: so it also holds when the power fails."""
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


@pytest.mark.parametrize("failing", ["fsync", "chmod", "replace"])
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


def test_a_record_survives_a_full_disk(tmp_path):
    path = files.write_json(tmp_path / "metrics" / "compare.json", {"fid": 1.5})
    with limits.files_at_most(1000), pytest.raises(OSError, match="File too large"):
        files.write_json(path, {"fid": list(range(1000))})
    assert files.read_json(path) == {"fid": 1.5}
    assert [p.name for p in path.parent.iterdir()] == ["compare.json"]
    files.write_json(path, {"fid": list(range(1000))})
    assert len(files.read_json(path)["fid"]) == 1000


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_record_holds_no_number_that_json_does_not_know(tmp_path, number):
    path = files.write_json(tmp_path / "record.json", {"fid": 1.5})
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, {"fid": number})
    assert json.loads(path.read_text()) == {"fid": 1.5}


def test_a_file_that_is_written_over_and_over_is_whole_whenever_the_writer_is_killed(tmp_path):
    path = tmp_path / "file"
    code = f"""
from diffusion.files import write_bytes
n = 0
while True:
    n = (n + 1) % 256
    write_bytes({str(path)!r}, bytes([n]) * 3_000_000)"""
    for wait in (0.0, 0.003, 0.01, 0.02):
        writer = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
        path.unlink(missing_ok=True)
        while not path.exists():
            assert writer.poll() is None
            time.sleep(0.001)
        time.sleep(wait)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        content = path.read_bytes()
        assert len(content) == 3_000_000
        assert len(set(content)) == 1
