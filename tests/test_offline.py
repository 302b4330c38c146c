"""After set-up nothing needs a network: the whole smoke run of these tests is made without one."""

import json
import sys
import time
from pathlib import Path

import pytest

import offline
from conftest import shared_folder
from tools import environment

ROOT = Path(__file__).resolve().parents[1]

PROBE = """
import socket
for address in (("192.0.2.1", 80), ("example.org", 80)):
    try:
        socket.create_connection(address, 5)
    except OSError as error:
        print(type(error).__name__, error)
    else:
        raise SystemExit("there is a network")
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname(), 5).close()
print("this machine is reached")
"""


@pytest.mark.parametrize("means", ["namespace", "sockets"])
def test_there_is_no_network_but_the_loopback(means, monkeypatch):
    if means == "namespace" and offline.means() != means:
        pytest.skip("a network namespace is not permitted here")
    monkeypatch.setattr(offline, "means", lambda: means)
    run = offline.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("rror") == 2  # gaierror, OSError
    assert "this machine is reached" in run.stdout


@pytest.mark.slow
def test_the_workflow_runs_without_a_network(smoke_out, tmp_path_factory):
    done = json.loads((shared_folder(tmp_path_factory) / "smoke-done.json").read_text())
    assert done["offline"] == offline.means()
    assert done["status"] == 0
    for name in ("report.html", "report.pdf"):
        assert (smoke_out / name).stat().st_size > 100_000


def test_the_data_are_read_without_a_network(mnist_dir):
    environment = {"MNIST_DIR": str(mnist_dir), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "diffusion.data"]
    run = offline.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("MD5 verified, already there") == 4


def test_without_data_and_network_one_line_says_what_to_do(tmp_path):
    environment = {"MNIST_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "PIP_RETRIES": "0"}
    command = [sys.executable, "-m", "diffusion.data"]
    run = offline.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 1
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    assert "pip could not download" in line
    assert "Put the four original IDX files there, or try again with a network" in line
    assert not list(tmp_path.rglob("*ubyte*"))


def test_inception_features_are_given_up_in_seconds_without_a_network(tmp_path):
    code = "from diffusion import extractors; print(extractors.inception('auto'))"
    environment = {"TORCH_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    begun = time.monotonic()
    run = offline.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    assert "available=False" in run.stdout
    assert "the weights are not in the cache and the download failed" in run.stdout
    assert time.monotonic() - begun < 60


def test_an_environment_that_is_made_needs_no_network():
    stamp = Path(sys.prefix) / "stamp"
    if not stamp.exists() or stamp.read_text() != f"{environment.place()}\n{environment.pins()}\n":
        pytest.skip("the tests do not run in an environment that `make` made and that is up to date")
    command = [sys.executable, "tools/environment.py", sys.prefix]
    run = offline.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "pip" not in run.stdout + run.stderr
