"""The project's files agree with each other, hold nothing of one machine, and can be installed."""

import ast
import functools
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
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
UNPINNED = re.compile(r"torch|torchvision|triton|nvidia-.*|cuda-.*")  # differ from platform to platform
BUNDLED = {"setuptools", "pip"}  # of every virtual environment
IMPORTED_AS = {
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "yaml": "pyyaml",
    "torch_fidelity": "torch-fidelity",
    "IPython": "ipykernel",
    "pypandoc": "pypandoc-binary",
}


def tracked() -> list[Path]:
    """The files of the project: those that git tracks, and new ones that it does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


@functools.cache
def texts() -> list[tuple[Path, str]]:
    """The project's text files with their content."""
    found = []
    for path in tracked():
        try:
            found.append((path.relative_to(ROOT), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


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


def needed() -> dict[str, list[Requirement]]:
    """All that the project needs here, directly or not, with the requirements that others state of it."""
    found: dict[str, list[Requirement]] = {}
    waiting = list(declared().values())
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if requirement in found.setdefault(name, []):
            continue
        found[name].append(requirement)
        for line in metadata.requires(name) or []:
            other = Requirement(line)
            extras = requirement.extras or {""}
            if other.marker is None or any(other.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(other)
    return found


# --- pins ---------------------------------------------------------------------------------------------------


def test_every_dependency_is_pinned_to_a_version_that_its_users_admit():
    pinned, wanted = pins(), needed()
    for name, requirements in wanted.items():
        if UNPINNED.fullmatch(name) or name in BUNDLED:
            continue
        assert name in pinned, f"{name} is not in constraints.txt"
        bad = [r for r in requirements if not r.specifier.contains(pinned[name], prereleases=True)]
        assert bad == [], f"{name}=={pinned[name]}"
    elsewhere = {"greenlet", "tzdata", "overrides"}  # needed on other platforms or Pythons
    assert sorted(pinned.keys() - wanted.keys() - elsewhere) == []


def test_builds_that_differ_from_platform_to_platform_are_not_pinned():
    assert [name for name in pins() if UNPINNED.fullmatch(name)] == []
    ranges = {name: str(declared()[name].specifier) for name in ("torch", "torchvision")}
    assert all(">=" in text and "==" not in text for text in ranges.values())


def test_conda_users_get_the_same_project_with_the_same_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["name"] == PROJECT["name"]
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["--constraint constraints.txt", "--editable .[dev,workflow]"]}
    assert "-c constraints.txt -e '.[dev,workflow]'" in (ROOT / "Makefile").read_text()
    (python,) = (line.removeprefix("python=") for line in conda if line.startswith("python="))
    assert SpecifierSet(PROJECT["requires-python"]).contains(python)


def test_pre_commit_uses_the_pinned_versions():
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    used = dict(line.split("==") for hook in repo["hooks"] for line in hook["additional_dependencies"])
    assert used == {name: pins()[name] for name in ("ruff", "nbstripout")}


def imported(nodes: Iterable[ast.AST]) -> set[str]:
    """The distributions and modules of ours that are imported there; those of Python left out."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return {canonicalize_name(IMPORTED_AS.get(name, name)) for name in found - sys.stdlib_module_names}


def test_every_import_is_a_declared_dependency():
    """Package and workflow import nothing of `dev`; the package, of `workflow`, only within functions."""
    ours = {"diffusion", "report", "tools", "tests", "benchmarks"}
    ours |= {p.name for p in (ROOT / "tests").iterdir() if p.is_dir()}
    ours |= {canonicalize_name(p.stem) for p in (ROOT / "tests").rglob("*.py")}
    of_users, of_all = declared("workflow").keys(), declared().keys()
    of_package = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    for path, text in texts():
        if path.suffix not in (".py", ".ipynb"):
            continue
        cells = json.loads(text)["cells"] if path.suffix == ".ipynb" else []
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"] or [text]
        tree = ast.parse("\n".join(code))
        known = of_users if path.parts[0] in ("diffusion", "report", "tools") else of_all
        assert imported(ast.walk(tree)) - ours - known == set(), path
        if path.parts[0] == "diffusion":
            assert imported(tree.body) - ours - of_package == set(), path


# --- the package --------------------------------------------------------------------------------------------


def test_the_version_is_that_of_the_changelog_and_the_citation():
    listed = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert listed[0] == "Unreleased"
    assert PROJECT["version"] == listed[1]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    assert [a["name"] for a in citation["authors"]] == [a["name"] for a in PROJECT["authors"]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The package, built from a clean copy: an old build/ would be taken in."""
    folder = tmp_path_factory.mktemp("wheel")
    for path in tracked():
        copy = folder / "project" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", folder, folder / "project"], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_a_wheel_has_the_package_and_the_released_models_and_nothing_else(wheel):
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert {name.split("/")[0] for name in names} == {"diffusion"}
    ours = {p.relative_to(ROOT).as_posix() for p in tracked() if p.is_relative_to(ROOT / "diffusion")}
    assert {n for n in names if not n.startswith("diffusion/_released/")} == ours
    for folder in (p for p in (ROOT / "released").iterdir() if p.is_dir()):
        kept = [p for part in ("metrics", "runs") for p in (folder / part).rglob("*") if p.is_file()]
        packaged = {n.removeprefix("diffusion/_released/") for n in names}
        assert {p.relative_to(ROOT / "released").as_posix() for p in kept} <= packaged
    assert wheel.stat().st_size < 20 * 2**20


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


def test_no_absolute_paths():
    home = re.compile(r"(?<![\w.:/~])/(?:root|home|tmp|Users|mnt|srv|opt|work)/\w")
    assert [str(path) for path, text in texts() if home.search(text)] == []


def test_no_package_registry_is_named():
    hosts = [("pypi", "org"), ("pythonhosted", "org"), ("download", "pytorch", "org"), ("npmjs", "org")]
    hosts += [("debian", "org"), ("anaconda", "com"), ("anaconda", "org")]
    names = [".".join(parts) for parts in hosts]
    assert [(str(path), name) for path, text in texts() for name in names if name in text] == []


# --- make ---------------------------------------------------------------------------------------------------


def test_make_help_lists_the_targets():
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)", text, re.M)[1].split()
    assert re.findall(r"^  ([\w-]+)  ", said, re.M) == [t for t in phony if t not in ("env", "FORCE")]
    assert sorted(re.findall(r"[\[ ]([A-Z]+)=", said)) == sorted(re.findall(r"^([A-Z]+) +\?=", text, re.M))


def test_make_passes_the_executor_on():
    command = ["make", "--dry-run", "report", "EXECUTOR=slurm", "PROFILE=paper", "CORES=8"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    assert "-m tools.run paper 8 --on slurm" in said
