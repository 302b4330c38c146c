"""The archive of a released profile: its bytes, the hashes of its files, and what it refuses."""

import os
import shutil
import subprocess
import zipfile
from hashlib import sha256

import pytest

import helpers
from diffusion.files import write_json
from workflow import archive, jobs

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="an archive is made of a commit, by git")


def git(root, what: str) -> list[str]:
    """The lines that git prints."""
    command = ["git", "-c", "user.name=a", "-c", "user.email=a", *what.split()]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.fixture(params=["starts", pytest.param("paper", marks=pytest.mark.long)])
def project(request, tmp_path, monkeypatch):
    """A checkout of the profiles and of a release whose report stands, all committed; and its name."""
    name = request.param
    root = helpers.copied(tmp_path / "project", "profiles", f"released/{name}")
    monkeypatch.setattr(jobs, "ROOT", root)
    for what in ("init -q", "add .", "commit -qm all"):
        git(root, what)
    for part in ("report.html", "figures/a.csv", "kept/left_out"):
        write_json(root / "build/released" / name / part, part)
    return root, name


def archived(name, monkeypatch):
    """The path of the archive that `make archive` writes."""
    monkeypatch.setattr("sys.argv", ["archive", name])
    archive.main()
    return jobs.ROOT / "build" / "archive" / f"cold-zoom-diffusion-{name}.zip"


def test_equal_files_give_equal_bytes_and_each_file_has_its_hash(project, monkeypatch):
    (root, name), own = project, f"released/{project[1]}"
    path = archived(name, monkeypatch)
    whole = path.read_bytes()
    assert archived(name, monkeypatch).read_bytes() == whole
    with zipfile.ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    lines = content.pop("SHA256SUMS").decode().splitlines()
    assert lines == [f"{sha256(content[n]).hexdigest()}  {n}" for n in sorted(content)]
    built = {f"build/{own}/{n}" for n in ("figures/a.csv", "report.html")}
    assert content.keys() == {*git(root, "ls-files"), *built, "COMMIT", "installed.txt"}


def test_what_is_not_built_released_or_committed_is_refused(project, monkeypatch):
    root, name = project
    report = root / "build" / "released" / name / "report.html"
    path = root / "profiles" / f"{name}.yaml"
    steps = {
        "report.html is older than": lambda: os.utime(report, (0, 0)),
        "report.html is not built": report.unlink,
        "is not that of commit": lambda: path.write_text(path.read_text() + "# changed\n"),
        "has no .git": lambda: (root / ".git").rename(root / "git"),
    }
    with pytest.raises(ValueError, match="quick is not committed"):
        archived("quick", monkeypatch)
    for why, step in steps.items():
        step()
        with pytest.raises(ValueError, match=why):
            archived(name, monkeypatch)
