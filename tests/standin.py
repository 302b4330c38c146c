"""A stand-in project: the real Snakefile, profiles and tools around notebooks that take no time.

Each notebook writes the files that the workflow expects of it and records the parameters that it was given,
so that the workflow itself can be tested: its graph, what re-runs when, what a kill leaves behind.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml

from diffusion import parameter_table as table
from diffusion.parameters import notebook_parameters
from tools.run_workflow import RERUN

ROOT = Path(__file__).resolve().parents[1]
REAL = (
    "Snakefile",
    "constraints.txt",
    "profiles",
    "tools",
    "diffusion/__init__.py",
    "diffusion/parameters.py",
    "diffusion/provenance.py",
)
REAL += tuple(f"diffusion/parameter_{part}.py" for part in ("table", "rules", "study"))
DATA = "import os\nprint('data in', os.environ['MNIST_DIR'])\n"
BUILD = """import sys
from pathlib import Path
out = Path(sys.argv[sys.argv.index("--out") + 1])
for name in ("report.html", "report.pdf"):
    (out / name).write_text("a report")
"""
WORK = """import json
import time
from pathlib import Path
from diffusion import {helper}
from tools import outputs
print("working", flush=True)
while Path("wait").exists():
    time.sleep(0.1)
for file in {files}:
    path = Path(out_dir) / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(P))"""
OWN = {"notebook": table.OWN, "degradation": "diffusion.crop:Crop"}  # the entry of one more model
FILES = {
    table.SCHEDULES: "outputs.SCHEDULES",
    table.DDPM: "outputs.of_training('02_train_ddpm', model)",
    table.ZOOM: "outputs.of_training('03_train_zoom', model)",
    table.COMPARE: "outputs.of_comparison(models, seeds)",
    table.OWN: "outputs.of_training('05_your_degradation', model)",
}
HELPERS = {
    table.SCHEDULES: "plots",
    table.DDPM: "noise",
    table.ZOOM: "crop",
    table.COMPARE: "plots",
    table.OWN: "plots",
}
TARGETS = {
    table.SCHEDULES: table.SCHEDULES,
    table.DDPM: "linear",
    table.ZOOM: "zoom",
    table.COMPARE: table.COMPARE,
    table.OWN: "blur",
}


class Project:
    """A stand-in project in a folder of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in REAL:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
        modules = {
            "data": DATA,
            "noise": "from diffusion import deep\n",
            "crop": "class Crop: ...\n",
            "plots": "",
            "deep": "",
        }
        for name, source in modules.items():
            (folder / "diffusion" / f"{name}.py").write_text(source)
        for folder_name in ("report", "notebooks"):
            (folder / folder_name).mkdir()
        (folder / "report" / "build.py").write_text(BUILD)
        for notebook in table.NOTEBOOKS:
            self.write_notebook(notebook)

    def write_notebook(self, name: str, work: str = WORK) -> None:
        """A notebook with the real parameters and a check of them, and `work` to do."""
        smoke = yaml.safe_load((ROOT / "profiles" / "smoke.yaml").read_text())
        smoke["models"]["blur"] = OWN
        defaults = notebook_parameters(smoke, TARGETS[name]) | {"out_dir": None}
        cells = [
            "\n".join(f"{key} = {value!r}" for key, value in defaults.items()),
            f"from diffusion import parameters\n\nP = parameters.check({name!r}, globals())",
            work.format(files=FILES[name], helper=HELPERS[name]),
        ]
        content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        content.cells[0].metadata["tags"] = ["parameters"]
        content.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(content, self.folder / "notebooks" / f"{name}.ipynb")

    def profile(self, change=lambda config: None, name: str = "smoke") -> Path:
        """The file of the smoke profile after a change of its content, under a name of its own."""
        config = yaml.safe_load((self.folder / "profiles" / "smoke.yaml").read_text())
        change(config)
        file = self.folder / f"{name}.changed.yaml"
        file.write_text(yaml.safe_dump(config, sort_keys=False))
        return file

    def snakemake(self, *options: str, profile: Path | None = None, cwd: Path | None = None):
        """Run Snakemake with the options of `make report`; returns the finished process."""
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(self.folder / "Snakefile")]
        command += ["--configfile", str(profile or self.folder / "profiles" / "smoke.yaml"), "--cores", "2"]
        command += [*RERUN, *options]
        return subprocess.run(command, cwd=cwd or self.folder, capture_output=True, text=True, timeout=300)

    def planned(self, profile: Path | None = None) -> set[str]:
        """The rules that would run now, `all` apart."""
        run = self.snakemake("--dry-run", "--quiet", "rules", profile=profile)
        assert run.returncode == 0, run.stdout + run.stderr
        return set(re.findall(r"^(\w+) +\d+$", run.stdout + run.stderr, re.M)) - {"total", "all"}

    def report(self, *arguments: str) -> list[str]:
        """The command behind `make report`."""
        return [sys.executable, str(self.folder / "tools" / "run_workflow.py"), *arguments]
