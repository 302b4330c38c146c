"""A finished run is released, reported and verified. What a release contains: unit/test_releasing.py."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import helpers
from finished import Project
from helpers import ROOT
from report import profile as profiles
from report.files import write_json
from report.jobs import plan as jobs
from report.jobs import release

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def smoke(smoke, tmp_path_factory) -> Project:
    """A copy of the finished run, because a release locks its folder."""
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(smoke.out, folder / "out")
    return Project(folder, smoke.content)


@pytest.fixture(scope="module")
def released(smoke, tmp_path_factory) -> Path:
    """The release of the run; to be left as it is."""
    folder = tmp_path_factory.mktemp("released") / "smoke"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(smoke.folder)
        patch.setattr(release, "RELEASED", folder.parent)
        patch.setattr(sys, "argv", ["release", str(smoke.path)])
        patch.setattr(sys, "excepthook", None)  # the command installs its own
        release.main()
        sys.modules.pop("mine")
    return folder


def test_results_of_other_settings_or_trainings_are_not_released_or_reported(smoke, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(smoke.folder)
    content = yaml.safe_load(smoke.path.read_text())
    content["measure"]["n_final"] += 1
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match="settings.n_final was 32, is 33; run make retrain"):
        release.release(profiles.read(tmp_path / "other.yaml"))
    sys.modules.pop("mine", None)
    profile = profiles.read("starts")
    profile.trainings["linear", 7] = profile.trainings["linear", 1]
    with pytest.raises(ValueError, match="released/starts .*linear-7; .*make retrain PROFILE=starts"):
        jobs.plan_jobs(profile, ROOT / "released" / "starts")


@pytest.mark.long
def test_the_report_of_a_release_is_made_without_training_and_leaves_the_release_as_it_is(
    released, smoke, tmp_path
):
    """By the command, in a copy of the project that has this release."""
    project = helpers.copied(tmp_path / "project", *helpers.CODE)
    shutil.copytree(released, project / "released" / "smoke")
    for one in ("paper", "beyond", "page"):
        (project / "released" / one).symlink_to(ROOT / "released" / one)
    shutil.copy(smoke.path, project / "profiles" / "smoke.yaml")
    built = project / "build" / "released" / "smoke"
    write_json(gone := built / "metrics" / "train_gone-0.json", {})  # of an earlier release
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (project, smoke.folder)))}
    command = [sys.executable, "-m", "report.jobs.run", "smoke"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    assert not gone.exists()
    assert (built / "report.pdf").read_bytes().startswith(b"%PDF")
    assert not list(built.glob("runs/*/state*.pt"))
    for path in (released / "metrics").iterdir():  # notebooks write no record
        assert (built / "metrics" / path.name).read_bytes() == path.read_bytes()
    assert helpers.content(project / "released" / "smoke") == helpers.content(released)
