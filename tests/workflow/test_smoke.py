"""The real workflow at the smoke profile, made once without a network: what it leaves behind."""

import json
import sys

import pytest

import offline
from conftest import shared_folder
from diffusion import records
from diffusion.settings import read_profile
from tools import jobs

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


@pytest.fixture
def profile(smoke_out):
    return read_profile(smoke_out.parent / "smoke.yaml", smoke_out)


@pytest.mark.slow
def test_the_workflow_runs_without_a_network(smoke_out, tmp_path_factory):
    done = json.loads((shared_folder(tmp_path_factory) / "smoke-done.json").read_text())
    assert (done["status"], done["offline"]) == (0, offline.means())
    for name in ("report.html", "report.pdf"):
        assert (smoke_out / name).stat().st_size > 100_000


@pytest.mark.slow
def test_its_results_are_whole_and_known(smoke_out, profile):
    assert jobs.check(profile) == []
    results = records.load_results(smoke_out, list(profile.trainings))
    assert results.models == ["linear", "cosine", "zoom", "pixelate"]
    assert all(one.measure for one in results.trainings.values())


@pytest.mark.slow
def test_all_that_it_made_is_watched(smoke_out, profile):
    """What no job claims are logs, checkpoints and the cache of samples, which carry hashes of their own."""
    claimed = {
        name for job in jobs.of(profile).values() for name in json.loads(job.path.read_text())["files"]
    }
    there = {p.relative_to(smoke_out).as_posix() for p in smoke_out.rglob("*") if p.is_file()}
    free = {n for n in there - claimed if n.startswith(("logs/", "jobs/", "samples/")) or "/state-" in n}
    assert {n for n in there - claimed - free if not n.endswith(".lock")} == set()


@pytest.mark.parametrize("means", ["namespace", "sockets"])
def test_offline_means_no_network_but_the_loopback(means, monkeypatch):
    if means == "namespace" and offline.means() != means:
        pytest.skip("a network namespace is not permitted here")
    monkeypatch.setattr(offline, "means", lambda: means)
    run = offline.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("rror") == 2  # gaierror, OSError
    assert "this machine is reached" in run.stdout
