"""What tests share: things of a user's own, trainings of twelve steps, damage, copies of the project."""

import ast
import importlib
import json
import linecache
import multiprocessing
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
import yaml
from IPython.core.interactiveshell import InteractiveShell
from nbformat import NotebookNode, v4

from diffusion import fit
from diffusion.processes import ColdDiffusion, ColdZoom
from diffusion.processes.samplers import sampler_of
from diffusion.training.folder import RunFolder
from report import places

ROOT = Path(__file__).resolve().parents[1]


# === trainings, processes and damage =====================================================================

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs what only Linux has")


class Fade(ColdDiffusion):
    """Pixels fade to grey."""

    def __init__(self, T=10, strength=1.0, mask=None):
        self.T, self.strength, self.mask = T, strength, mask

    def degrade(self, x, t):
        return x * (1 - self.strength * t / self.T)[:, None, None, None]

    def draw_prior(self, n, generator):
        return torch.zeros(n, 1, 28, 28)


class Grey:
    """A prior of one's own."""

    def __init__(self, level=0.0):
        self.level = level

    def fit(self, pixels):
        self.side = pixels.shape[-1]

    def draw(self, n, generator):
        return torch.full((n, 1, self.side, self.side), self.level)


def stay(process, x_t, prediction, t, s, generator):
    """A sampler of one's own, which goes nowhere."""
    return x_t


class Linear(torch.nn.Module):
    """A network of *one's own*.

    Args:
        scale: of the latent.
    """

    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(scale))

    def forward(self, x, t):
        return self.scale * x


class Exact:
    """The exact noise predictor when every image is x0; of an offset of the noise it sees a share."""

    def __init__(self, process, x0, share=1.0):
        self.process, self.x0, self.share = process, x0, share

    def __call__(self, x, t):
        a = self.process.schedule.alpha_bar[(t * self.process.T).round().long()].float().view(-1, 1, 1, 1)
        eps = (x - a.sqrt() * self.x0) / (1 - a).sqrt()
        return eps - (1 - self.share) * eps.mean((1, 2, 3), keepdim=True)


class Drops(torch.nn.Module):
    """A network that draws from the global streams."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x, t):
        x = torch.nn.functional.dropout(self.layer(x), 0.5, self.training)
        return x * (1 + 0.01 * np.random.rand() + 0.01 * random.random())  # noqa: NPY002


def flipped(content: bytes) -> bytes:
    """The content with a bit in its middle turned over."""
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


DAMAGES = {"half": lambda old: old[: len(old) // 2], "a bit within": flipped}  # old content -> new


def changed(path: Path, change: Callable[[dict], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


BATCH, STEPS = 8, 4  # images a step, steps an epoch


def stopped(images, folder, step, process=None, **changes) -> RunFolder:
    """The folder of a run that died after a step, before anything was written of that."""

    def stop(number, loss):
        if number == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(images, folder, process, callback=stop, **changes)
    return RunFolder(folder)


def train(images, folder, process=None, **changes):
    """Three epochs of the zoom, unless told otherwise."""
    options = {"epochs": 3, "batch_size": BATCH, "precision": "fp32", "checkpoint_steps": 1}
    options |= {"learning_rate": 2e-4, "lr_schedule": "constant"}
    options |= {} if "network" in changes else {"network_options": {"channels": [4]}}
    return fit(process or ColdZoom(), *images, folder=folder, **options | changes)


def losses(run) -> list[tuple]:
    return [(line["epoch"], line["train_loss"], line["test_loss"], line["sha256"]) for line in run.history]


def assert_same(run, whole) -> None:
    """The same weights after every epoch, to the bit, and the same history, apart from the times."""
    assert losses(run) == losses(whole)
    for epoch in range(1, whole.epochs + 1):
        assert run.store.weights(epoch).read_bytes() == whole.store.weights(epoch).read_bytes(), epoch


def content(folder: Path) -> dict[str, bytes]:
    """All files of a run, the lock apart."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def forked(work: Callable[[], Any]) -> tuple[int, Any]:
    """Exit status, minus a signal, and result of work in a process that has imported all that this has."""
    fork = multiprocessing.get_context("fork")
    receive, send = fork.Pipe(duplex=False)

    def target() -> None:
        sys.dont_write_bytecode = True  # within a second, Python takes that of a file for the edited file's
        send.send(work())

    child = fork.Process(target=target)
    child.start()
    send.close()
    found = None
    with suppress(EOFError):  # it ended before
        found = receive.recv()
    child.join()
    return child.exitcode, found


MINE = """
import torch
from helpers import Fade

def same(x):
    return x

class Base(Fade):
    level = torch.tensor([0.5])

    @property
    def amount(self):
        return self.level

class Mine(Base):
    \"""Fades by half.\"""

    rate = 1

    def degrade(self, x, t):
        return super().degrade(x, t) * (self.amount if t.any() else 1)

made = Mine(mask=same)
"""


def typed(text: str = MINE) -> Any:
    """What a text makes that is typed into a notebook; in a process of its own: it replaces `__main__`."""
    shell = InteractiveShell()
    shell.run_cell(text).raise_error()
    return shell.user_ns["made"]


def in_file(folder: Path) -> Any:
    """What a module mine_.py of one's own makes; for a process of its own, whose path it changes."""
    sys.path.insert(0, str(folder))
    return importlib.import_module("mine_").made


def walk(process, network, n, seed=0, sampler=None, start=None, chunk=128):
    """Latents by time step, from the process's own prior unless a start is given."""
    generator = torch.Generator().manual_seed(seed)
    start = process.draw_prior(n, generator) if start is None else start
    return dict(process.reverse(network, start, sampler_of(sampler, process), generator, chunk))


# === made-up runs and reports ============================================================================

PAPER = ROOT / "released" / "paper"


def of_release(out: Path, *trainings: str) -> Path:
    """The jobs' files and kept images of some of the paper's trainings, as "zoom-1"."""
    for part, one in ((part, one) for part in ("metrics", "kept") for one in trainings):
        for path in (PAPER / part).glob(f"*_{one}.*"):
            (out / part).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, out / part)
    return out


# What a name may be, and must stay.
HOSTILE = ["<script>alert(1)</script>", '#panic("x")', "$x", "a | b", "[link](https://evil.example)"]
HOSTILE += ["`code` *b* @fig:x", "<< 1 + 1 >>", "{#eq:beta}", "%% if x", "\\input{x}", "::: {.part}"]
HOSTILE += [']#read("/etc/passwd")', '--- ... "q" ^a^ ~b~']

N = 24  # samples of a checkpoint of the tiny run
TINY = yaml.safe_load((ROOT / "tests" / "tiny.yaml").read_text())


def tiny(out: Path, mnist_dir: Path, **training: Any) -> None:
    """A run of a few seconds, by the cells of the notebooks, which are run in this process; and measured."""
    from report import profile
    from report.measures.measure import measure

    out.mkdir(parents=True, exist_ok=True)
    content = TINY | {"data_dir": str(mnist_dir), "training": TINY["training"] | training}
    (out / "tiny.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    asked = profile.read(out / "tiny.yaml")
    defined("01_schedules", **asked.schedules | {"out_dir": str(out)})
    for (model, seed), (notebook, parameters) in asked.trainings.items():
        defined(notebook, **parameters | {"out_dir": str(out)})
        measure(out, f"{model}-{seed}", **asked.measures[model])


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
FRAME = """<style scoped>th { color: red }</style><script>run()</script><table border="1"><thead><tr>
<th></th><th>model</th><th>distance</th></tr></thead><tbody><tr><th>0</th><td>zoom</td><td>12.1</td></tr></tbody>
</table><img src="https://example.com/x.png"><iframe src="https://example.com"></iframe>"""


def executed(path: Path, *cells: NotebookNode) -> None:
    """Write a notebook of these cells."""
    path.parent.mkdir(exist_ok=True)
    about = {"language_info": {"name": "python"}}
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# Title"), *cells], metadata=about), path)


def code(source: str, kind: str = "", content: str = "", *tags: str, **more: Any) -> NotebookNode:
    """An executed cell, with the output that it shows."""
    shown = [v4.new_output("display_data", {kind: content})] if kind else []
    return v4.new_code_cell(source, outputs=shown, metadata={"tags": [*tags]}, execution_count=1, **more)


def everything(*figures: str) -> list[NotebookNode]:
    """Cells with one of everything that a page has to deal with, and figures by these names."""
    said = v4.new_output("stream", name="stdout", text="\x1b[31mepoch 1\x1b[0m: loss 0.5\n")
    begin = "First *words*:\n- a point, $x^2$\n\n$$ \\beta_t = 1 $$\n\n<script>run()</script>"
    return [
        v4.new_markdown_cell(begin),
        code("# Parameters\nrate: float = 2e-3  # of Adam", "", "", "parameters"),
        v4.new_markdown_cell("# Another heading of the first level\n\n" + " ".join(["$a + b$"] * 60)),
        v4.new_code_cell(f"for epoch in range(2):  # {'a long line ' * 12}\n    pass", outputs=[said]),
        code("figures.losses(run)", "image/svg+xml", SVG, id="fig-losses_original"),
        code("frame", "text/html", FRAME),
        code("plumbing = 1", "", "", "hide-input"),
        *(code(f"draw({name!r})", "image/png", PIXEL, id=f"fig-{name}") for name in figures),
    ]


# === the project: its files, notebooks and examples ======================================================


def listed(*parts: str) -> list[str]:
    """The project's files, or those of some parts: folders, files, patterns; not what .gitignore names."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *parts]
    names = subprocess.check_output(command, cwd=ROOT, text=True).split("\0")
    return sorted({name for name in names if (ROOT / name).is_file()})


def imports(nodes: Iterable[ast.AST]) -> set[str]:
    """Modules that are imported there, and what is taken of them, by absolute names."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


CODE = ("diffusion", "play", "report", "paper", "profiles", "notebooks")
CODE += ("CITATION.cff", "pyproject.toml", ".gitignore")


def copied(target: Path, *parts: str) -> Path:
    """A copy of the project's files, or of those of some parts."""
    for name in listed(*parts):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    return target


NOTEBOOKS = places.notebooks()  # name -> file
FIRST = ("parameters", "workflow", "imports", "packages")  # cells that come before all others


def defined(notebook: str, *cells: str, **given: Any) -> dict[str, Any]:
    """The names that a notebook's cells define, which are run in this process: all, or some by their ids.

    Parameters, replaced by those that are given, and imports come first. `shown` has what the cells show.
    """
    number, shown, variables = notebook.partition("_")[0], [], {"__name__": "__main__"}
    wanted = {*cells, *(f"{number}-{name}" for name in (*FIRST, *cells))}
    for cell in json.loads(NOTEBOOKS[notebook].read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code" and (not cells or cell["id"] in wanted):
            variables["display"] = lambda one, cell=cell["id"]: shown.append((cell, one))
            *lines, last = ast.parse(source := "".join(cell["source"])).body
            if isinstance(last, ast.Expr):
                called = ast.Call(ast.Name("display", ast.Load()), [last.value], [])
                last = ast.copy_location(ast.Expr(called), last)
            module, place = ast.fix_missing_locations(ast.Module([*lines, last], [])), f"<{cell['id']}>"
            linecache.cache[place] = 0, None, [line + "\n" for line in source.split("\n")], place
            exec(compile(module, place, "exec"), variables)
            variables |= given if cell["id"].endswith("-parameters") else {}
    return variables | {"shown": shown}


FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(kind: str, page: str = "docs/extending.md") -> list[str]:
    text = (ROOT / page).read_text("utf-8")
    return [code for language, code in FENCE.findall(text) if language == kind]


def example_module() -> str:
    return "\n\n".join(blocks("python"))


def example_profile(name: str, data_too: bool = False) -> dict[str, Any]:
    """The smoke profile with all models of the examples; their data set where it is asked for."""
    found = yaml.safe_load((ROOT / "profiles" / "smoke.yaml").read_text()) | {"profile": name}
    for one in map(yaml.safe_load, blocks("yaml")):
        found |= one if "dataset" in one and data_too else {}
        for model, entry in one.get("models", {}).items():
            known = found["models"].setdefault(model, {})
            if "sampler" in entry:
                known.pop("sampler_options", None)  # of the other sampler
            known |= entry | {"variants": known.get("variants", {}) | entry.get("variants", {})}
    return found
