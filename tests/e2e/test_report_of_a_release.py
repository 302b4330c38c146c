"""`make report` of a release, by the command that it runs, in a copy of the checkout: nothing is trained."""

import json
import os
import subprocess
import sys

import pytest
from bs4 import BeautifulSoup

import checkout
from diffusion.files import sha256

PARTS = (
    "diffusion",
    "study",
    "report",
    "workflow",
    "profiles",
    "notebooks",
    "CITATION.cff",
    "pyproject.toml",
)
FIRST = ("linear-1", "cosine-1", "linear_beta1-0")  # trainings whose notebooks are executed, one a model


@pytest.mark.slow
def test_it_opens_what_is_released_and_the_release_stays_as_it_is(tmp_path, mnist_dir):
    copy = checkout.copied(tmp_path, *PARTS, "released")
    released, out = copy / "released" / "starts", copy / "build" / "released" / "starts"
    before = {path: sha256(path) for path in released.rglob("*") if path.is_file()}
    environment = os.environ | {"PYTHONPATH": str(copy), "MNIST_DIR": str(mnist_dir)}
    command = [sys.executable, "-m", "workflow.run", "starts", "2"]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")
    old, new = (json.loads((at / "numbers.json").read_text()) for at in (released, out))
    assert [one["text"] for one in new] == [one["text"] for one in old]
    shown = {path.stem for path in (out / "notebooks").glob("*.html")}
    assert shown == {"01_schedules", *(f"02_train_ddpm-{one}" for one in FIRST), "04_compare_fid"}
    page = BeautifulSoup((out / "notebooks" / "02_train_ddpm-linear-1.html").read_text(), "html.parser")
    assert "Opened the released training starts/linear-1; trained nothing." in " ".join(
        page.get_text().split()
    )
    assert not list(out.glob("runs/*/state-*"))
    for path in (released / "metrics").iterdir():  # notebooks write no record
        assert (out / "metrics" / path.name).read_bytes() == path.read_bytes()
    assert {path: sha256(path) for path in released.rglob("*") if path.is_file()} == before
