"""Training that is killed again and again, by `tests/kills.py` at a size for every day."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 25
MODELS, PRECISIONS = ("linear", "cosine", "zoom"), ("fp32", "bf16")
HARNESS = Path(__file__).with_name("kills.py")


@pytest.fixture(scope="module")
def survived(mnist_dir) -> dict[tuple[str, str], dict]:
    """What became of each run; the precisions side by side, since each harness keeps one core busy."""
    command = [sys.executable, str(HARNESS), "--kills", str(KILLS), "--precision"]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    harnesses = [subprocess.Popen([*command, precision], **pipes) for precision in PRECISIONS]
    runs = {}
    for harness in harnesses:
        said, complaint = harness.communicate(timeout=900)
        assert harness.returncode == 0, complaint
        runs |= {(run["model"], run["precision"]): run for run in map(json.loads, said.splitlines())}
    return runs


@pytest.mark.slow
@pytest.mark.parametrize(("model", "precision"), list(itertools.product(MODELS, PRECISIONS)))
def test_a_run_that_is_killed_25_times_ends_as_if_nothing_had_happened(survived, model, precision):
    run = survived[model, precision]
    assert run["kills"] == KILLS
    moments = {moment.split()[0] for moment in run["landed"]}
    assert moments >= {"step", "state"}, run
    assert moments & {"weights", "history"}, run  # between epochs
    assert len(run["landed"]) >= 6, run
    assert run["epochs_with_a_kill"] >= 3, run
