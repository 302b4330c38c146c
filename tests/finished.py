"""Runs of the workflow: made-up ones, whose jobs are done until something changes, and real ones."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import helpers
from conftest import until
from diffusion.data import DATASETS
from report import places
from report import profile as profiles
from report.files import write_json
from report.jobs import plan as jobs
from report.jobs.job import Job

N = 12  # images of a split
OWN = {  # modules of one's own: the data set, a degradation with what it imports, a sampler
    "own_data": """
from pathlib import Path
import numpy as np
import diffusion as d

def read(split, folder):
    return (np.load(Path(__file__).with_name(f"{split}-{part}.npy")) for part in ("images", "labels"))

blank = same = d.DataSet("Blank", lambda *given: tuple(read(*given)))
""",
    "own_fade": """
import torch
import own_shade
from diffusion import ColdDiffusion

class Fade(ColdDiffusion):
    def __init__(self, T=10, strength=1.0):
        self.T, self.strength = T, strength

    def degrade(self, x, t):
        return x * (1 - own_shade.DEPTH * self.strength * t / self.T)[:, None, None, None]

    def draw_prior(self, n, generator):
        return torch.zeros(n, 1, 28, 28)

class Deeper(Fade):
    pass
""",
    "own_shade": "DEPTH = 1\n",
    "own_way": """
import torch

def stay(process, x_t, prediction, t, s, generator):
    return x_t

class Linear(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, x, t):
        return self.scale * x
""",
}
MODELS: dict[str, dict[str, Any]] = {
    "linear": {"notebook": "02_train_ddpm"},
    "zoom": {
        "notebook": "03_train_zoom",
        "prior": "mixture",
        "variants": {"stays": {"sampler": "own_way:stay"}},
    },
    "own": {"notebook": "05_your_degradation", "degradation": "own_fade:Fade"},
}
PROFILE: dict[str, Any] = {
    "profile": "small",
    "dataset": "own_data:blank",
    "schedules": {"n_test": N},
    "training": {
        "epochs": 2,
        "network": "cnn",
        "network_options": {"channels": [4]},
        "n_train": None,
        "n_test": None,
    },
    "models": MODELS,
    "measure": {"n_final": 32},
    "notebooks": {"04_compare_fid": {}, "06_beyond": {}},
    "report": {"title": "Zooms", "text": "words.md"},
}
COMPARE, BEYOND, FIGURES = "notebook_04_compare_fid", "notebook_06_beyond", "notebook_report_figures"
AFTER = [COMPARE, BEYOND, FIGURES, "report"]
OF_LINEAR, OF_ZOOM, OF_OWN = ([f"{kind}_{model}-0" for kind in ("train", "measure")] for model in MODELS)
ALL = ["schedules", *OF_LINEAR, *OF_ZOOM, *OF_OWN, *AFTER]
COPIED = ("CITATION.cff", "diffusion/*.py", "notebooks", "paper", "play/*.py", "profiles", "report")
RELEASED = ("beyond/manifest.json", "paper/manifest.json", "page/cold-zoom.html", "page/strip.png")


class Finished:
    """A run in a folder, whose jobs are done after `finish`; its folder `code` has a copy of the project."""

    def __init__(self, folder: Path, content: dict[str, Any] = PROFILE):
        self.folder, self.code, self.out, self.content = folder, folder / "code", folder / "out", content
        helpers.copied(self.code, *COPIED)
        shutil.rmtree(self.code / "paper" / "profiles")  # large ones, which no job of this run reads
        for name in RELEASED:
            (self.code / "released" / name).parent.mkdir(parents=True, exist_ok=True)
            (self.code / "released" / name).write_text("{}")
        for name, text in OWN.items():
            (folder / f"{name}.py").write_text(text)
        for split in ("train", "test"):
            np.save(folder / f"{split}-images.npy", np.zeros((N, 28, 28), np.uint8))
            np.save(folder / f"{split}-labels.npy", np.arange(N) % 10)
        (folder / "words.md").write_text("# Mine")

    def forget(self) -> None:
        """Have the next plan be made as in a new process: it imports and hashes what is there by then."""
        for cached in (jobs.hash_code, jobs.hash_cells):
            cached.cache_clear()
        for name in OWN:
            sys.modules.pop(name, None)

    def jobs(self, **changes: Any) -> dict[str, Job]:
        """The jobs of the profile, some sections of which are others."""
        self.forget()
        content = self.content | {"out": str(self.out)} | changes
        ours = content["report"].get("kind")  # a profile of the paper lies in its folder
        path = (self.code / "paper" / "profiles" if ours else self.folder) / "small.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        self.profile = profiles.read(path)
        return jobs.make_plan(self.profile)

    def finish(self, planned: Mapping[str, Job] | None = None) -> None:
        """Write what all jobs leave, or those of a plan."""
        for job in (planned or self.jobs()).values():
            for name in job.makes:
                write_json(job.out / name, {"sha256": {}})  # of no weights
            job.finish()

    def stale(self, **changes: Any) -> dict[str, str]:
        """The jobs that must run with some changes of the profile, with the reasons."""
        return jobs.find_stale(self.jobs(**changes))

    def planned(self, released: Path) -> dict[str, Job]:
        """The jobs of the report of a release, whose files are unpacked in a folder."""
        self.jobs()
        return jobs.make_plan(self.profile, released)

    @contextlib.contextmanager
    def edited(self, name: str, change: Callable[[bytes], bytes]) -> Iterator[None]:
        """A file of the folder is another within the block."""
        path = self.folder / name
        before, at = path.read_bytes(), path.stat()
        path.write_bytes(change(before))
        yield
        path.write_bytes(before)
        os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))


CACHED = jobs.hash_data


def hash_data(dataset: str) -> str:
    """Hash of a data set, which is computed anew each time of one's own: its files may be others by now."""
    return (CACHED if dataset in DATASETS else CACHED.__wrapped__)(dataset)


@contextlib.contextmanager
def finished(folder: Path, content: dict[str, Any] = PROFILE) -> Iterator[Finished]:
    """A finished run whose copy of the project is the one that is planned with, within the block."""
    with pytest.MonkeyPatch.context() as patch:
        run = Finished(folder, content)
        patch.setattr(places, "ROOT", run.code)
        patch.setattr(places, "PAPER", run.code / "paper")
        patch.setattr(places, "HOUSES", (run.code, run.code / "paper"))
        patch.setattr(sys, "dont_write_bytecode", True)  # which would hide an edit within a second
        patch.setattr(jobs, "hash_data", hash_data)
        patch.syspath_prepend(folder)
        run.finish()
        yield run
    run.forget()


# === by real commands ====================================================================================


class Project:
    """A run of a profile in a folder of its own, with the module of docs/extending.md beside it."""

    TIMEOUT = 1500  # seconds for a whole run, on a busy machine
    LEFT = 60  # seconds within which all of a run must be gone after a kill

    def __init__(self, folder: Path, content: dict[str, Any]):
        self.folder, self.out, self.content = folder, folder / "out", content
        self.path, self.said = folder / f"{content['profile']}.yaml", folder / "said"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mine.py").write_text(helpers.example_module())
        self.path.write_text(yaml.safe_dump(content | {"out": str(self.out)}, sort_keys=False))

    def start(self) -> subprocess.Popen:
        """`make retrain CORES=2`, under way without a network: a shell in place of make, and the runner."""
        command = ["sh", "-c", '"$@"; exit $?', "make", sys.executable, "-m", "report.jobs.run", "--retrain"]
        paths = os.pathsep.join([str(self.folder), str(helpers.ROOT / "tests" / "e2e" / "nosockets")])
        environment = os.environ | {"PYTHONPATH": paths, "MAKELEVEL": "1", "PROJECT": str(self.folder)}
        with self.said.open("w") as file:
            options = {"stdout": file, "stderr": file, "cwd": helpers.ROOT, "env": environment}
            return subprocess.Popen([*command, str(self.path), "2"], **options)

    def under_way(self) -> list[int]:
        """Processes of it: all of them have its environment."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"PROJECT={self.folder}\0".encode() in (place / "environ").read_bytes():
                    found.append(int(place.name))
        return found

    def killed(self, whom: str, at: str) -> int:
        """How many processes are left after SIGKILL of make, or of the runner, once it or a job says `at`."""
        started = self.start()

        def said() -> bool:
            logs = (self.said, *(self.out / "logs").glob("*.log"))
            return started.poll() is not None or any(at in log.read_text() for log in logs)

        until(said, self.TIMEOUT)
        assert started.poll() is None, self.said.read_text()
        children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
        os.kill(started.pid if whom == "make" else int(children[0]), signal.SIGKILL)
        started.wait(self.LEFT)
        until(lambda: not self.under_way(), self.LEFT)
        return len(self.under_way())
