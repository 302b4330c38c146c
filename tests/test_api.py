"""What `import diffusion as d` offers, and how its parts rest on each other."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import diffusion as d


def test_every_public_name_is_there():
    for name in d.__all__:
        assert getattr(d, name) is not None, name
    assert set(d.__all__) <= set(dir(d))
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        _ = d.colour


def test_importing_it_imports_nothing_else(root):
    code = "import sys, diffusion; diffusion.__version__; print({'torch', 'numpy'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


FLOORS = [
    {"bounds", "files", "plugins", "progress", "provenance", "runtime", "_mnist_wheel"},
    {"syntax"},
    {"identity"},
    {"processes", "data"},
    {"training"},
    {"evaluation", "check"},
    {"figures"},
    {"notebook"},
    {"play"},
]


def imported(path: Path) -> set[str]:
    """The parts of the package that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "diffusion":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("diffusion."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("diffusion.")}
    return found


def test_imports_go_down_only(root):
    """So there is no circle, and each part can be read without those above it."""
    floor = {name: i for i, names in enumerate(FLOORS) for name in names}
    for path in sorted((root / "diffusion").rglob("*.py")):
        part = path.relative_to(root / "diffusion").parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        for name in imported(path) - {part, "__version__"}:
            assert floor[name] < floor[part], f"{path} imports {name}, which is not below {part}"


PACKAGES = ["diffusion", "study", "report", "workflow"]


def test_packages_rest_on_those_before_them(root):
    """The helper knows neither study nor report; nothing knows the workflow."""
    for place, package in enumerate(PACKAGES):
        for path in sorted((root / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
                above = {name.partition(".")[0] for name in names} & set(PACKAGES[place + 1 :])
                assert not above, f"{path} imports {above}"
