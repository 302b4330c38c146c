"""The archive of a released profile: its bytes, the hashes of its files, and what it refuses."""

import os
import shutil
import subprocess
import zipfile
from hashlib import sha256

import pytest

import helpers
from diffusion.files import write_json
from study import profile
from workflow import archive, jobs

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="an archive is made of a commit, by git")


def git(root, what: str) -> list[str]:
    """The lines that git prints."""
    command = ["git", "-c", "user.name=a", "-c", "user.email=a", *what.split()]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A checkout in which all is committed and the report of a release stands."""
    found = helpers.copied(tmp_path / "project", "profiles", ".ci/run", "released/starts")
    monkeypatch.setattr(jobs, "ROOT", found)
    for what in ("init -q", "add .", "commit -qm all"):
        git(found, what)
    for part in ("report.html", "figures/a.csv", "kept/left_out"):
        write_json(found / "build/released/starts" / part, part)
    return found


def test_equal_files_give_equal_bytes_and_each_file_has_its_hash(root):
    path = archive.archive(profile.read("starts"))
    whole = path.read_bytes()
    (root / "note.txt").write_text("of no commit")
    assert archive.archive(profile.read("starts")).read_bytes() == whole
    with zipfile.ZipFile(path) as file:
        files = [one for one in file.infolist() if not one.is_dir()]
        content = {one.filename: file.read(one) for one in files}
        executable = {one.filename for one in files if one.external_attr >> 16 & 0o100}
    lines = content.pop("SHA256SUMS").decode().splitlines()
    assert lines == [f"{sha256(content[n]).hexdigest()}  {n}" for n in sorted(content)]
    built = {f"build/released/starts/{n}" for n in ("figures/a.csv", "report.html")}
    assert content.keys() == {*git(root, "ls-files"), *built, "COMMIT", "installed.txt"}
    assert content["COMMIT"].decode().splitlines() == git(root, "rev-parse HEAD")
    assert executable == {".ci/run"}


def test_what_is_not_built_released_or_committed_is_refused(root):
    report, path = root / "build/released/starts/report.html", root / "profiles" / "starts.yaml"
    with pytest.raises(ValueError, match=r"released/quick/report\.html is not of a release"):
        archive.archive(profile.read("quick"))
    steps = {
        r"report\.html is not of a release": lambda: os.utime(report, (0, 0)),
        "starts.yaml differs from the commit": lambda: path.write_text(path.read_text() + "# changed\n"),
        "starts.yaml differs from": lambda: git(root, "add profiles"),  # staged
        "has no commit": lambda: (root / ".git").rename(root / "git"),
    }
    for why, step in steps.items():
        step()
        with pytest.raises(ValueError, match=why):
            archive.archive(profile.read("starts"))
    assert not (root / "build" / "archive").exists()
