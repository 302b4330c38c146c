"""Training that is killed again and again, by `tests/kills.py` at a size for every day."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 12
HARNESS = Path(__file__).parents[1] / "kills.py"


@pytest.mark.slow
@pytest.mark.parametrize(("model", "precision"), [("zoom", "fp32"), ("cosine", "bf16")])
def test_a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_happened(mnist_dir, model, precision):
    command = [
        sys.executable,
        str(HARNESS),
        "--kills",
        str(KILLS),
        "--model",
        model,
        "--precision",
        precision,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    assert run["kills"] == KILLS
    moments = {moment.split()[0] for moment in run["landed"]}
    assert moments >= {"state", "weights", "history"}, run
    assert run["epochs_with_a_kill"] >= 2, run
