"""The archive of a released profile: its bytes, the hashes of its files, and what it refuses."""

import os
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256

import pytest

import helpers
from diffusion.files import write_json

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="an archive is made of a commit, by git")


def git(root, what: str) -> list[str]:
    """The lines that git prints."""
    command = ["git", "-c", "user.name=a", "-c", "user.email=a", *what.split()]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.fixture(params=["starts", pytest.param("paper", marks=pytest.mark.long)])
def project(request, tmp_path):
    """A copy of the project in which all is committed and the report of a release stands; and its profile."""
    name = request.param
    root = helpers.copied(tmp_path / "project", *helpers.CODE, f"released/{name}")
    for what in ("init -q", "add .", "commit -qm all"):
        git(root, what)
    for part in ("report.html", "figures/a.csv", "kept/left_out"):
        write_json(root / "build/released" / name / part, part)
    return root, name


def archive(root, name):
    """`make archive` there: the path of the archive, or what is said."""
    command = [sys.executable, "-m", "workflow.archive", name]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    path = root / "build" / "archive" / f"cold-zoom-diffusion-{name}.zip"
    return path if done.returncode == 0 else done.stderr


def test_equal_files_give_equal_bytes_and_each_file_has_its_hash(project):
    (root, name), own = project, f"released/{project[1]}"
    path = archive(root, name)
    whole = path.read_bytes()
    assert archive(root, name).read_bytes() == whole
    with zipfile.ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    lines = content.pop("SHA256SUMS").decode().splitlines()
    assert lines == [f"{sha256(content[n]).hexdigest()}  {n}" for n in sorted(content)]
    built = {f"build/{own}/{n}" for n in ("figures/a.csv", "report.html")}
    assert content.keys() == {*git(root, "ls-files"), *built, "COMMIT", "installed.txt"}


def test_what_is_not_built_released_or_committed_is_refused(project):
    root, name = project
    report = root / "build" / "released" / name / "report.html"
    path = root / "profiles" / f"{name}.yaml"
    steps = {
        "report.html is older than": lambda: os.utime(report, (0, 0)),
        "report.html is not built": report.unlink,
        "is not that of commit": lambda: path.write_text(path.read_text() + "# changed\n"),
        "has no .git": lambda: (root / ".git").rename(root / "git"),
    }
    assert "quick is not committed" in archive(root, "quick")
    for why, step in steps.items():
        step()
        assert why in archive(root, name)
