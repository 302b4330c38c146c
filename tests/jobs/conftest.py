"""One run of the real workflow without a network, killed twice on its way: what it leaves is the oracle."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

import examples
from conftest import ROOT, shared_folder

TIMEOUT = 1500  # seconds for a whole run, on a busy machine
LEFT = 60  # seconds within which all of a run must be gone after a kill


class Project:
    """A profile in a folder of its own, with the module of docs/extending.md beside it."""

    def __init__(self, folder: Path, content: dict[str, Any]):
        self.folder, self.out, self.content = folder, folder / "out", content
        self.path, self.said = folder / f"{content['profile']}.yaml", ""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mine.py").write_text(examples.module())
        self.path.write_text(yaml.safe_dump(content | {"out": str(self.out)}, sort_keys=False))

    def start(self, said: str = "said") -> subprocess.Popen:
        """`make retrain CORES=2`, under way without a network: a shell in place of make, and the runner."""
        command = ["sh", "-c", '"$@"; exit $?', "make", sys.executable, "-m", "workflow.run", "--retrain"]
        paths = os.pathsep.join([str(self.folder), str(ROOT / "tests" / "nosockets")])
        environment = os.environ | {"PYTHONPATH": paths, "MAKELEVEL": "1", "PROJECT": str(self.folder)}
        with (self.folder / said).open("w") as file:
            options = {"stdout": file, "stderr": file, "cwd": ROOT, "env": environment}
            return subprocess.Popen([*command, str(self.path), "2"], **options)

    def run(self) -> int:
        """Run it to its end; returns the status, and `said` is what it said."""
        status = self.start().wait(TIMEOUT)
        self.said = (self.folder / "said").read_text()
        return status

    def job(self, name: str, **options: Any) -> subprocess.CompletedProcess:
        """One job run by itself, to its end."""
        environment = os.environ | {"PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "workflow.job", str(self.path), name]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, **options)

    def under_way(self) -> list[int]:
        """Processes of it: all of them have its environment."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if f"PROJECT={self.folder}\0".encode() in (place / "environ").read_bytes():
                    found.append(int(place.name))
            except OSError:
                continue
        return found

    def killed(self, whom: str, at: str) -> tuple[int, str]:
        """SIGKILL of make, or of the runner, when it has said `at`.

        Returns:
            How many processes are left, and what a second command said while the first ran.
        """
        started, said = self.start(), self.folder / "said"
        until(lambda: started.poll() is not None or at in said.read_text(), TIMEOUT)
        assert started.poll() is None, said.read_text()
        assert self.start("second").wait(TIMEOUT) == 1
        children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
        os.kill(started.pid if whom == "make" else int(children[0]), signal.SIGKILL)
        started.wait(LEFT)
        until(lambda: not self.under_way(), LEFT)
        return len(self.under_way()), (self.folder / "second").read_text()


def until(condition, seconds: float) -> None:
    """Wait for a condition, at most so long."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory, mnist_dir: Path) -> Project:
    """A finished run of the smoke profile with the examples of docs/extending.md; to be left as it is.

    `facts` says what happened on the way.
    """
    content = examples.profile("smoke") | {"data_dir": str(mnist_dir)}
    models = content["models"]
    models["linear"] |= {k: v for k, v in models.pop("sigmoid").items() if k != "sampler_options"}
    models["frame"] |= {k: v for k, v in models.pop("small").items() if k != "notebook"}
    del models["cosine"]
    project = Project(shared_folder(tmp_path_factory) / "smoke", content)
    done = project.folder / "done.json"
    with FileLock(project.folder / "done.lock"):  # pytest-xdist: one worker makes it
        if not done.exists():
            kills = {
                "make": "train_linear-0 | starts",
                "run": "measure_linear-0 | measure_linear-0 checkpoint 1",
            }
            facts = {"killed": [project.killed(whom, at) for whom, at in kills.items()]}
            done.write_text(json.dumps(facts | {"status": project.run(), "said": project.said}))
    project.facts = json.loads(done.read_text())
    assert project.facts["status"] == 0, f"the smoke run failed:\n...{project.facts['said'][-1500:]}"
    return project
