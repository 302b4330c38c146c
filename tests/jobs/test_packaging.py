"""The project's files agree with each other, hold nothing of one machine, and can be installed."""

import ast
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import checkout

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IMPORTED_AS = {
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "yaml": "pyyaml",
    "torch_fidelity": "torch-fidelity",
    "IPython": "ipykernel",
    "pypandoc": "pypandoc-binary",
}


def declared(*extras: str) -> dict[str, Requirement]:
    """The direct dependencies of the project and of some of its extras, all if none is named."""
    chosen = extras or PROJECT["optional-dependencies"]
    lines = PROJECT["dependencies"] + [line for e in chosen for line in PROJECT["optional-dependencies"][e]]
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


def pins() -> dict[str, str]:
    """The versions in constraints.txt by canonical name."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)
    pinned = dict(line.split("==") for line in lines)
    return {canonicalize_name(name): version for name, version in pinned.items()}


# --- pins ---------------------------------------------------------------------------------------------------


def test_every_dependency_is_pinned_and_the_pins_fit_together():
    pinned, differ = pins(), {"torch", "torchvision"}  # whose builds differ from platform to platform
    assert declared().keys() - pinned.keys() == differ
    installed = {canonicalize_name(one.name): one.version for one in metadata.distributions()}
    assert {name: pinned[name] for name in pinned.keys() & installed if pinned[name] != installed[name]} == {}
    subprocess.run([sys.executable, "-m", "pip", "check"], check=True)


def imported(nodes: Iterable[ast.AST]) -> set[str]:
    """The distributions and modules of ours that are imported there; those of Python left out."""
    found = {name.partition(".")[0] for name in checkout.imports(nodes)}
    return {canonicalize_name(IMPORTED_AS.get(name, name)) for name in found - sys.stdlib_module_names}


def test_every_import_is_a_declared_dependency():
    """Package and workflow import nothing of `dev`; the package, of `workflow`, only within functions."""
    ours = {"diffusion", "report", "workflow", "tests", "benchmarks"}
    ours |= {p.name for p in (ROOT / "tests").iterdir() if p.is_dir()}
    ours |= {canonicalize_name(p.stem) for p in (ROOT / "tests").rglob("*.py")}
    of_users, of_all = declared("workflow").keys(), declared().keys()
    of_package = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    for path in map(Path, checkout.listed("*.py", "*.ipynb")):
        text = (ROOT / path).read_text(encoding="utf-8")
        cells = json.loads(text)["cells"] if path.suffix == ".ipynb" else []
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"] or [text]
        tree = ast.parse("\n".join(code))
        known = of_users if path.parts[0] in ("diffusion", "study", "report", "workflow") else of_all
        assert imported(ast.walk(tree)) - ours - known == set(), path
        if path.parts[0] == "diffusion":
            assert imported(tree.body) - ours - of_package == set(), path


# --- the package --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The package, built from a clean copy: an old build/ would be taken in."""
    folder = tmp_path_factory.mktemp("wheel")
    project = checkout.copied(folder / "project")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", folder, project], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_a_wheel_has_the_package_and_the_released_models_and_nothing_else(wheel):
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert {name.split("/")[0] for name in names} == {"diffusion"}
    ours = set(checkout.listed("diffusion"))
    assert {n for n in names if not n.startswith("diffusion/_released/")} == ours
    for folder in (p for p in (ROOT / "released").iterdir() if p.is_dir() and p.name != "starts"):
        kept = [p for p in (folder / "runs").rglob("*") if p.is_file()]
        packaged = {n.removeprefix("diffusion/_released/") for n in names}
        assert {p.relative_to(ROOT / "released").as_posix() for p in kept} <= packaged
    assert wheel.stat().st_size < 24 * 2**20


@pytest.mark.slow
def test_an_installed_package_works_in_another_folder(wheel, tmp_path, mnist_dir):
    """As after `pip install .`: no checkout near, and nothing is written into the package."""
    site, home = tmp_path / "site", tmp_path / "home"
    home.mkdir()
    zipfile.ZipFile(wheel).extractall(site)
    code = f"""import sys
sys.path.insert(0, {str(site)!r})
import diffusion as d
assert d.__file__.startswith({str(site)!r}), d.__file__
x, _ = d.load("mnist", n=256)
run = d.fit(d.ColdZoom(), x, steps=2, batch_size=16)
print(run.sample(2).shape, d.released("paper", "zoom").sample(1).shape)
"""
    before = sorted(p for p in site.rglob("*") if "__pycache__" not in p.parts)
    environment = {"MNIST_DIR": str(mnist_dir), "HOME": str(home), "PATH": "/usr/bin:/bin"}
    environment |= {"OMP_NUM_THREADS": "1"}
    options = {"cwd": home, "env": environment, "capture_output": True, "text": True}
    run = subprocess.run([sys.executable, "-c", code], **options)
    assert run.stdout.splitlines()[-1] == "torch.Size([2, 1, 28, 28]) torch.Size([1, 1, 28, 28])", run.stderr
    assert sorted(p for p in site.rglob("*") if "__pycache__" not in p.parts) == before
    assert [p.name for p in home.iterdir()] in ([], [".cache"])


# --- what a stranger could not use --------------------------------------------------------------------------


def test_no_file_names_a_folder_of_one_machine_or_a_package_registry():
    folder = r"(?<![\w.:/~])/(?:root|home|tmp|Users|mnt|srv|opt|work)/\w"
    registry = "(pypi|pythonhosted|download[.]pytorch|npmjs|debian|anaconda)[.](org|com)"
    grep = ["git", "grep", "--untracked", "-nIP", f"{folder}|{registry}"]
    found = subprocess.run(grep, cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 1, found.stdout + found.stderr
