"""A stand-in project: the real Snakefile, Makefile, profiles, workflow and settings around jobs that take no
time.

Each job writes the files that the workflow expects of it, and the settings that it was given. Halfway it
waits for as long as there is a file `wait-<kind>`, so that a test can kill it there. There is no torch in
it: processes start in no time.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parents[2]
REAL = ("Makefile", "pyproject.toml", "constraints.txt", "profiles", "workflow")
OF_PACKAGE = (
    "files",
    "bounds",
    "plugins",
    "provenance",
    "syntax",
    "identity/__init__",
    "identity/describe",
    "identity/code",
    "identity/sources",
    "evaluation/results",
)
REAL += tuple(f"diffusion/{name}.py" for name in OF_PACKAGE)
REAL += tuple(f"study/{name}.py" for name in ("__init__", "records", "settings"))
PROFILE = {
    "profile": "smoke",
    "training": {"epochs": 2},
    "models": {"zoom": {"notebook": "03_train_zoom"}},
    "measure": {"n_samples": 16, "n_final": 32, "n_distance": 32},
    "analyse": {"n_samples": 16},
    "yardstick": {"n": 32},
}
JOBS = ("measure", "analyse", "yardstick")
JOB = """import sys, yaml
from diffusion.work import work
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
values = {"out_dir": options["--out"], "model": options.get("--model"), "seed": int(options.get("--seed", 0))}
work("KIND", yaml.safe_load(options["--settings"]) | values)
"""
STUBS = {
    "torch.py": """__version__ = "0"
class nn:
    class Module: ...
    class Parameter: ...
def __getattr__(name):
    return type(name, (), {})
""",
    "diffusion/__init__.py": "_NAMES = {'work': 'work'}\n",
    "diffusion/data.py": """from pathlib import Path
DATASETS = {"mnist": 0, "fashion": 1}
class DataSet: ...
def content(dataset, data_dir):
    path = Path("data", dataset)
    return path.read_text() if path.is_file() else "as it comes"
def main(arguments):
    print("data are there")
""",
    "diffusion/processes/__init__.py": """class DegradationProcess: ...
USUAL_T = 20
class DDPM(DegradationProcess):
    def __init__(self, schedule): self.schedule = schedule
class ColdZoom(DegradationProcess):
    def __init__(self, T=24): self.T = T
def own(degradation, T, options):
    return ColdZoom([degradation, T, options])
class schedules:
    def build(name, values, options): return [name, options]
""",
    "diffusion/processes/priors.py": "def prior_of(prior, options): ...\n",
    "diffusion/processes/samplers.py": "def sampler_of(sampler, process, options): ...\n",
    "diffusion/training/__init__.py": "",
    "diffusion/training/run.py": "LARGEST_SEED = 2**32 - 1\nclass Way:\n    def __init__(self, *_): ...\n",
    "diffusion/training/network.py": """class Network:
    def __init__(self, *_, **__): ...
def architecture(network, channels, options): return Network, {"channels": channels} | options
def build(cls, arguments): return cls(**arguments)
""",
    "diffusion/figures/__init__.py": "COLOUR = 'blue'\n",
    "diffusion/evaluation/__init__.py": "",
    **{f"study/{kind}.py": JOB.replace("KIND", kind) for kind in JOBS},
    "report/__init__.py": "",
    "report/build.py": """import sys
import diffusion.figures
from diffusion.work import work
work("report", {"out_dir": sys.argv[sys.argv.index("--out") + 1]})
""",
    "diffusion/work.py": """import json, time
from pathlib import Path
from diffusion.files import write_bytes
def work(kind, values):
    print("working", flush=True)
    one = f"{values.get('model')}-{values.get('seed')}"
    run = f"runs/{one}-0"
    files = {
        "schedules": ["metrics/schedules.json", "kept/zoom.npz"],
        "train": [f"{run}/run.json", f"{run}/history.jsonl", f"{run}/state-2.pt",
                  f"{run}/weights/epoch-0001.safetensors", f"{run}/weights/epoch-0002.safetensors",
                  f"kept/trajectory_{one}.npz", f"metrics/train_{one}.json"],
        "measure": [f"kept/samples_{one}.npz", f"metrics/measure_{one}.json"],
        "analyse": [f"metrics/analyse_{one}.json"],
        "yardstick": ["metrics/yardstick.json"],
        "compare": [],
        "report": ["figures/a.svg", "report.html", "report.pdf"],
    }[kind]
    kept = {k: v for k, v in values.items() if isinstance(v, (int, float, str, list, type(None)))}
    kept = {k: v for k, v in kept.items() if not k.startswith("_") and k not in ("out_dir", "In")}
    kept |= {"run": run, "weights": {"file": f"{run}/weights/epoch-0002.safetensors"}}
    for number, name in enumerate([*files, None]):
        if number == len(files) // 2:
            Path(f"at-{kind}").touch()
            while Path(f"wait-{kind}").exists():
                time.sleep(0.1)
            if Path(f"fail-{kind}").exists():
                raise ValueError("no such luck")
        if name:
            write_bytes(Path(values["out_dir"]) / name, (name + json.dumps(kept)).encode()
                        if not name.endswith(("json", "jsonl")) else json.dumps(kept).encode())
""",
}


def data(folder: Path, dataset: str) -> str:
    """What the stand-in's `diffusion.data.content` says."""
    path = folder / dataset
    return path.read_text() if path.is_file() else "as it comes"


KINDS = {"01_schedules": "schedules", "03_train_zoom": "train", "04_compare_fid": "compare"}


class Project:
    """A stand-in project in a folder of its own."""

    def __init__(self, folder: Path):
        self.folder, self.out = folder, folder / "build" / "smoke"
        for name in REAL:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
        for name, source in STUBS.items():
            self.write(name, source)
        self.profile(PROFILE)
        for notebook, kind in KINDS.items():
            self.notebook(notebook, f"from diffusion.work import work\nwork({kind!r}, globals())")

    def write(self, name: str, text: str) -> Path:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)
        return self.folder / name

    def profile(self, content: dict) -> Path:
        return self.write("profiles/smoke.yaml", yaml.safe_dump(content, sort_keys=False))

    def notebook(self, name: str, code: str) -> Path:
        cells = [
            nbformat.v4.new_code_cell(text, id=str(i)) for i, text in enumerate(("out_dir = None", code))
        ]
        cells[0].metadata["tags"] = ["parameters"]
        content = nbformat.v4.new_notebook(cells=cells)
        content.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        return self.write(f"notebooks/{name}.ipynb", nbformat.writes(content))

    def start(self, *arguments: str, **options) -> subprocess.Popen:
        """The command behind `make report`, under way; what it says is in the file `said`."""
        with (self.folder / "said").open("w") as said:
            command = [sys.executable, "-m", "workflow.run", *(arguments or ("smoke", "2"))]
            group = {"start_new_session": True} | options
            return subprocess.Popen(command, cwd=self.folder, stdout=said, stderr=said, **group)

    def said(self) -> str:
        return (self.folder / "said").read_text()

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run the command to its end; returns what it said."""
        assert self.start(*arguments).wait(300) == status, self.said()
        return self.said()

    def ran(self, said: str) -> set[str]:
        """The jobs that ran, of what a command said."""
        return {line.split(" ")[0] for line in said.splitlines() if line.endswith("| starts")}

    def results(self) -> dict[str, bytes]:
        """All that a run made but for its logs and executed notebooks, which have times."""
        files = (p for p in self.out.rglob("*") if p.is_file())
        parts = ("metrics", "kept", "runs", "figures", "report.html", "report.pdf")
        named = {p.relative_to(self.out).as_posix(): p for p in files}
        return {name: p.read_bytes() for name, p in named.items() if name.split("/")[0] in parts}

    def provenance(self, job: str) -> dict:
        return json.loads((self.out / "jobs" / f"{job}.json").read_text())


def working_in(folder: Path) -> dict[int, str]:
    """Command lines of the live processes that work in a folder, by process number."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(place / "cwd")) == folder:
                found[int(place.name)] = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return {pid: command for pid, command in found.items() if command}


def until(condition, what: str = "it", seconds: float = 120) -> None:
    """Wait for a condition; fails when it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.1)
