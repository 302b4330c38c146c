"""The project's files agree with each other, and hold nothing that a stranger could not use."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from diffusion import parameter_table as table

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOTEBOOKS = [ROOT / "notebooks" / f"{name}.ipynb" for name in table.NOTEBOOKS]
UNPINNED = re.compile(r"torch|torchvision|triton|nvidia-.*|cuda-.*")  # differ from platform to platform
BUNDLED = {"setuptools", "pip"}  # of every virtual environment
IMPORTED_AS = {
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


def texts() -> list[tuple[Path, str]]:
    """The project's text files with their content."""
    found = []
    for path in tracked():
        try:
            found.append((path.relative_to(ROOT), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def declared() -> dict[str, Requirement]:
    """The direct dependencies of the project and of its extras, by canonical name."""
    lines = PROJECT["dependencies"] + sum(PROJECT["optional-dependencies"].values(), [])
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
    pinned = pins()
    for name, requirements in needed().items():
        if UNPINNED.fullmatch(name) or name in BUNDLED:
            continue
        assert name in pinned, f"{name} is not in constraints.txt"
        for requirement in requirements:
            assert requirement.specifier.contains(pinned[name], prereleases=True), (
                f"{requirement}: {pinned[name]}"
            )


def test_builds_that_differ_from_platform_to_platform_are_not_pinned():
    assert [name for name in pins() if UNPINNED.fullmatch(name)] == []
    ranges = {name: str(declared()[name].specifier) for name in ("torch", "torchvision")}
    assert all(">=" in text and "==" not in text for text in ranges.values())


def test_pyproject_pins_nothing_and_names_each_package_once():
    lines = PROJECT["dependencies"] + sum(PROJECT["optional-dependencies"].values(), [])
    assert len(lines) == len(declared())
    assert [line for line in lines if "==" in line] == []


def test_conda_users_get_the_same_project_with_the_same_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["name"] == PROJECT["name"]
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["--constraint constraints.txt", "--editable .[dev,cluster]"]}
    assert "pip" in conda
    (python,) = (line.removeprefix("python=") for line in conda if line.startswith("python="))
    assert SpecifierSet(PROJECT["requires-python"]).contains(python)
    install = (ROOT / "tools" / "environment.py").read_text()
    assert '"--constraint", "constraints.txt", "--editable", ".[dev,cluster]"' in install


def test_pre_commit_uses_the_pinned_versions():
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    used = dict(line.split("==") for hook in repo["hooks"] for line in hook["additional_dependencies"])
    assert used == {name: pins()[name] for name in ("ruff", "nbstripout")}


def test_every_import_is_a_declared_dependency():
    ours = {"diffusion", "report", "tools", "tests", "benchmarks"}
    ours |= {path.stem for path in (ROOT / "tests").rglob("*.py")}
    imported: dict[str, str] = {}
    for path, text in texts():
        if path.suffix == ".py":
            sources = [text]
        elif path.suffix == ".ipynb":
            cells = json.loads(text)["cells"]
            sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        else:
            continue
        for source in sources:
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.split(".")[0]: str(path) for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                    imported[node.module.split(".")[0]] = str(path)
    foreign = {name: path for name, path in imported.items() if name not in ours | sys.stdlib_module_names}
    assert foreign, "the search for imports found none"
    missing = {
        name: path
        for name, path in foreign.items()
        if canonicalize_name(IMPORTED_AS.get(name, name)) not in declared()
    }
    assert missing == {}


def test_the_version_is_that_of_the_changelog():
    """The newest one that it lists, or one still to come."""
    listed = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert listed[0] == "Unreleased"
    if listed[1:]:
        assert PROJECT["version"] == listed[1]
    else:
        assert PROJECT["version"].endswith(".dev0") or PROJECT["version"].startswith("0.")


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    about = {"version": PROJECT["version"], "license": PROJECT["license"], "cff-version": "1.2.0"}
    assert citation.items() >= about.items()
    assert [a["name"] for a in citation["authors"]] == [a["name"] for a in PROJECT["authors"]]


def test_every_module_and_data_file_is_packaged():
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    for package in tool["packages"]:
        folder = ROOT / package
        patterns = ["*.py", *tool["package-data"][package]]
        packaged = {path for pattern in patterns for path in folder.glob(pattern)}
        present = {path for path in tracked() if path.is_relative_to(folder)}
        assert present - packaged == set()
        assert [pattern for pattern in patterns if not any(folder.glob(pattern))] == []


def test_the_readme_lists_every_module_and_folder():
    shown = (ROOT / "README.md").read_text().split("## How it is built\n")[1].split("```")[1]
    modules = [name for names in re.findall(r"^  (\w+(?: \w+)*)  ", shown, re.M) for name in names.split()]
    files = {path.stem for path in tracked() if path.parent == ROOT / "diffusion" and path.suffix == ".py"}
    assert sorted(modules) == sorted(files - {"__init__"})
    folders = {path.relative_to(ROOT).parts[0] for path in tracked() if path.parent != ROOT}
    listed = set(re.findall(r"^(\w+)/  ", shown, re.M))
    assert listed == {folder for folder in folders if not folder.startswith(".")}


# --- what a stranger could not use --------------------------------------------------------------------------


def test_no_absolute_paths():
    home = re.compile(r"(?<![\w.:/~])/(?:root|home|tmp|Users|mnt|srv|opt|work)/\w")
    assert [str(path) for path, text in texts() if home.search(text)] == []


def test_no_package_registry_is_named():
    hosts = [("pypi", "org"), ("pythonhosted", "org"), ("download", "pytorch", "org"), ("npmjs", "org")]
    hosts += [("debian", "org"), ("anaconda", "com"), ("anaconda", "org")]
    names = [".".join(parts) for parts in hosts]
    assert [(str(path), name) for path, text in texts() for name in names if name in text] == []


# --- notebooks ----------------------------------------------------------------------------------------------


def test_these_are_the_notebooks():
    results = ROOT / "released"  # executed ones, kept as results
    sources = [path for path in tracked() if not path.is_relative_to(results)]
    assert sorted(path for path in sources if path.suffix == ".ipynb") == NOTEBOOKS


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stripped_portable_and_parameterised(notebook):
    content = json.loads(notebook.read_text(encoding="utf-8"))
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    tagged = [cell for cell in code if "parameters" in cell["metadata"].get("tags", [])]
    assert tagged == code[:1]
    assert f'parameters.check("{notebook.stem}", globals())' in "".join(code[1]["source"])


# --- make ---------------------------------------------------------------------------------------------------


def test_make_help_lists_the_targets():
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = "help report retrain again release snapshot restore test test-kills test-guards test-cluster"
    targets += " lint lab bench clean"
    assert " ".join(re.findall(r"^  ([\w-]+)  ", said, re.M)) == targets
    variables = re.findall(r"^([A-Z]+) +\?=", (ROOT / "Makefile").read_text(), re.M)
    assert sorted(re.findall(r"\[([A-Z]+)=", said)) == sorted(variables)


@pytest.mark.parametrize(("system", "value"), [("Darwin", "1"), ("Linux", "")])
def test_make_keeps_to_the_cpu_on_macos(tmp_path, system, value):
    uname, show = tmp_path / "uname", tmp_path / "show.mk"
    uname.write_text(f"#!/bin/sh\necho {system}\n")
    uname.chmod(0o755)
    show.write_text('show:\n\t@echo "[$$ACCELERATE_USE_CPU]"\n')
    environment = {name: value for name, value in os.environ.items() if name != "ACCELERATE_USE_CPU"}
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    # Quietly, for this test may itself be run by make.
    command = ["make", "--no-print-directory", "-f", "Makefile", "-f", str(show), "show"]
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == f"[{value}]\n"


@pytest.mark.parametrize(("value", "device"), [("1", "cpu"), ("0", "mps")])
def test_accelerate_keeps_to_the_cpu_where_it_is_told(value, device):
    code = "import accelerate.state as s; s.is_mps_available = lambda *_: True; "
    code += "from diffusion.devices import accelerator; print(accelerator().device)"
    environment = os.environ | {"ACCELERATE_USE_CPU": value}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout == f"{device}\n", done.stderr


@pytest.mark.parametrize(
    ("version", "said"), [("0", "Python 3.11 or newer is needed"), ("", "install Python 3.11 or newer")]
)
def test_make_says_when_python_is_too_old_or_missing(tmp_path, version, said):
    python = tmp_path / "python3"
    if version:
        python.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
        python.chmod(0o755)
    run = subprocess.run(["make", "env", f"PYTHON={python}"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode != 0
    assert said in run.stdout
    assert not version or "3.9.2" in run.stdout
