"""A run is released, reported and verified by the real commands, in a copy of the project."""

import os
import resource
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import yaml

import helpers
from conftest import Project
from diffusion.files import sha256, write_bytes
from helpers import ROOT
from report import profile as profiles
from report.files import write_json
from report.jobs import plan as jobs
from report.jobs import release
from report.results.views import load

pytestmark = pytest.mark.slow


class Checkout:
    """A copy of the project with the profile of the finished run."""

    def __init__(self, folder: Path, smoke: Project):
        self.folder, self.smoke = helpers.copied(folder, *helpers.CODE), smoke
        self.released, self.built = folder / "released" / "smoke", folder / "build" / "released" / "smoke"
        self.released.parent.mkdir()
        for one in (ROOT / "released").iterdir():
            (self.released.parent / one.name).symlink_to(one)
        self.profile = Path(shutil.copy(smoke.path, folder / "profiles" / "smoke.yaml"))

    def run(self, module: str, profile: str = "smoke", **options) -> subprocess.CompletedProcess:
        """A command of the workflow, to its end."""
        paths = os.pathsep.join([str(self.folder), str(self.smoke.folder)])
        options |= {"cwd": self.folder, "env": options.get("env", os.environ) | {"PYTHONPATH": paths}}
        command = [sys.executable, "-m", f"report.jobs.{module}", profile]
        return subprocess.run(command, capture_output=True, text=True, timeout=900, **options)


@pytest.fixture(scope="module")
def checkout(smoke, tmp_path_factory) -> Checkout:
    """The run is released in it, where an earlier release has a record by hand; to be left as it is."""
    found = Checkout(tmp_path_factory.mktemp("checkout"), smoke)
    (found.released / "metrics").mkdir(parents=True)
    shutil.copy(ROOT / "released" / "paper" / "metrics" / "variety.json", found.released / "metrics")
    done = found.run("release")
    assert done.returncode == 0, done.stderr
    return found


@pytest.fixture
def folder(checkout, tmp_path, monkeypatch) -> Path:
    """A copy of the release, whose modules can be imported."""
    monkeypatch.syspath_prepend(checkout.smoke.folder)
    yield Path(shutil.copytree(checkout.released, tmp_path / "smoke"))
    sys.modules.pop("mine", None)


def test_a_release_has_the_last_weights_and_all_of_which_the_report_is_made(checkout, tmp_path):
    names = release.verify(checkout.released)
    there = {p.relative_to(checkout.released).as_posix() for p in checkout.released.rglob("*") if p.is_file()}
    assert there == {*names, release.MANIFEST}
    assert {"metrics/variety.json", "figures.json", "numbers.json"} <= {*names}
    assert "report.pdf" not in names
    last = {one.train.weights.file for one in load(checkout.released).trainings.values()}
    of_run = ("run.json", "process.pt", "network.pt", "history.jsonl")
    known = last | {f"runs/{one}-0/{name}" for one in ("zoom", "frame") for name in of_run}
    assert {name for name in names if name.startswith("runs/")} == known
    assert not [name for name in names if name.endswith(".html") or name.startswith("samples")]
    release.unpack(checkout.released, tmp_path)
    assert not {path.name for path in tmp_path.iterdir()} & {"numbers.json", "report.pdf", "figures"}


def test_an_interrupted_release_is_none_and_verify_fails_where_something_is_missing(checkout):
    """A second profile takes the results of the first; files end at 9,000 bytes, as on a full disk."""
    half, profile = checkout.released.with_name("other"), checkout.profile.with_name("other.yaml")
    profile.write_text(checkout.profile.read_text().replace("profile: smoke", "profile: other"))
    full = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (9_000, 9_000))
    # Bytecode that is cut off so would be read by the next process.
    whole = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = checkout.run("release", "other", preexec_fn=full, env=whole)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert not (half / release.MANIFEST).exists()
    row = "metrics/train_zoom-0.json"
    write_bytes(half / row, (checkout.released / row).read_bytes())
    write_json(half / release.MANIFEST, {"files": {"gone": sha256(b"")}})
    with pytest.raises(ValueError, match="gone is missing"):
        release.verify(half)


def test_results_of_other_settings_or_trainings_are_not_released_or_reported(checkout, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(checkout.smoke.folder)
    content = yaml.safe_load(checkout.profile.read_text())
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
def test_the_report_of_a_release_is_made_without_training_and_leaves_the_release_as_it_is(checkout):
    """Of its zoom alone, whose profile then asks for no other model."""
    content = yaml.safe_load(checkout.profile.read_text())
    content |= {"models": {"zoom": content["models"]["zoom"]}, "notebooks": {}}
    checkout.profile.write_text(yaml.safe_dump(content))
    before = helpers.content(checkout.released)
    write_json(gone := checkout.built / "metrics" / "train_gone-0.json", {})  # of an earlier release
    done = checkout.run("run")
    shutil.copy(checkout.smoke.path, checkout.profile)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    assert not gone.exists()
    assert (checkout.built / "report.pdf").read_bytes().startswith(b"%PDF")
    assert not list(checkout.built.glob("runs/*/state*.pt"))
    for path in (checkout.released / "metrics").iterdir():  # notebooks write no record
        assert (checkout.built / "metrics" / path.name).read_bytes() == path.read_bytes()
    assert helpers.content(checkout.released) == before


# --- a release that was changed -----------------------------------------------------------------------------


def test_changed_files_are_found(folder):
    weights = next(folder.glob("runs/zoom-0/weights/*"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(ValueError, match=weights.name):
        release.verify(folder)
