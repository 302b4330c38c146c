"""The checkout's files: which there are, what they import, and copies of them."""

import ast
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def listed(*parts: str) -> list[str]:
    """The project's files, or those of some parts: what git tracks, and new ones that it does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *parts]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in names.split("\0") if name and (ROOT / name).is_file()]


def imports(nodes: Iterable[ast.AST]) -> set[str]:
    """Modules that are imported there, and what is taken of them, by absolute names."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def copied(target: Path, *parts: str) -> Path:
    """A copy of the project's files, or of those of some parts."""
    for name in listed(*parts):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    return target
