"""The archive of a released profile: its files and bytes, and what it refuses."""

import os
import shutil
import subprocess
import zipfile

import pytest

import helpers
from diffusion.files import write_json
from study import profile
from workflow import archive, jobs

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="an archive is made of a commit, by git")


REPORT = "build/released/starts/report.html"


def git(root, what: str) -> list[str]:
    """The lines that git prints."""
    command = ["git", "-c", "user.name=a", "-c", "user.email=a", *what.split()]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A checkout in which all is committed and the report of a release stands."""
    found = helpers.copied(tmp_path / "project", "profiles", ".ci/run", ".gitignore", "released/starts")
    monkeypatch.setattr(jobs, "ROOT", found)
    for what in ("init -q", "add .", "commit -qm all"):
        git(found, what)
    for part in (REPORT, "build/released/starts/figures/a.csv", "build/released/starts/kept/left_out"):
        write_json(found / part, part)
    return found


def test_it_is_the_commit_with_the_built_report_and_equal_files_give_equal_bytes(root):
    path = archive.archive(profile.read("starts"))
    whole = path.read_bytes()
    assert archive.archive(profile.read("starts")).read_bytes() == whole
    with zipfile.ZipFile(path) as file:
        content = {one.filename: file.read(one) for one in file.infolist() if not one.is_dir()}
        assert file.getinfo(".ci/run").external_attr >> 16 & 0o100  # can be executed
        assert [file.comment.decode()] == git(root, "rev-parse HEAD")
    built = {f"build/released/starts/{n}" for n in ("figures/a.csv", "report.html")}
    assert content.keys() == {*git(root, "ls-files"), *built}
    assert all(content[name] == (root / name).read_bytes() for name in content)


def test_what_is_not_built_or_committed_is_refused(root):
    path = root / "profiles" / "starts.yaml"
    with pytest.raises(ValueError, match=r"released/quick/report\.html is not of the release"):
        archive.archive(profile.read("quick"))
    steps = {
        r"report\.html is not of the release": lambda: os.utime(root / REPORT, (0, 0)),
        "starts.yaml differs from the commit": lambda: path.write_text(path.read_text() + "# changed\n"),
        "starts.yaml differs from": lambda: git(root, "add profiles"),  # staged
        "cannot be archived": lambda: (root / ".git").rename(root / "git"),
    }
    for why, step in steps.items():
        step()
        with pytest.raises(ValueError, match=why):
            archive.archive(profile.read("starts"))
    assert not (root / "build" / "archive").exists()
