"""What a result depends on, as hashes: the workflow compares them with those of the last run, the report with
those in the records.

Hashes of content, not times of files: opening, running and saving a notebook changes nothing that counts,
nor does a comment or a new checkout, and a changed helper re-runs exactly what imports it, directly or not.
"""

import ast
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "diffusion"


def code_cells(notebook: Path) -> str:
    """The source of a notebook's code cells, without lines of IPython magic."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return "\n".join("" if line[:1] in ("%", "!") else line for cell in code for line in cell.splitlines())


def imported(source: str) -> set[str]:
    """The modules of the package that some Python source imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    parts = [name.split(".") for name in names]
    return {part[1] for part in parts if part[0] == PACKAGE and len(part) > 1}


def modules(source: str, root: Path = ROOT) -> set[str]:
    """The modules of the package that some source needs, directly or through other modules."""
    waiting, found = imported(source) | {"__init__"}, set()
    while waiting:
        module = waiting.pop()
        file = root / PACKAGE / f"{module}.py"
        if module not in found and file.is_file():  # `from diffusion.data import load` also yields "load"
            found.add(module)
            waiting |= imported(file.read_text(encoding="utf-8"))
    return found


def meaning(file: Path) -> bytes:
    """The content of a file; of Python source, what is left without comments and layout."""
    content = file.read_bytes()
    return ast.dump(ast.parse(content)).encode() if file.suffix == ".py" else content


def digest(contents: Iterable[bytes]) -> str:
    """Short hash of some contents, in the given order."""
    total = hashlib.sha256()
    for content in contents:
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest()[:12]


def of_source(source: str, root: Path = ROOT) -> str:
    """Hash of Python source, of the modules it needs with the files beside them, and of the pinned versions.

    Beside classifier.py lies classifier.safetensors: files of a module's name count as a part of it.
    """
    files = {file for module in modules(source, root) for file in (root / PACKAGE).glob(f"{module}.*")}
    names = [str(file.relative_to(root)).encode() for file in sorted(files)]
    contents = [meaning(file) for file in (*sorted(files), root / "constraints.txt")]
    return digest([ast.dump(ast.parse(source)).encode(), *names, *contents])


def of_notebook(notebook: Path, named: str = "", root: Path = ROOT) -> str:
    """Hash of what a notebook's result depends on, apart from its parameters and the data.

    `named` is a module of the project that the notebook imports by the name in a parameter.
    """
    source = code_cells(notebook)
    if named:
        file = root / f"{named.replace('.', '/')}.py"
        source += f"\nimport {named}\n" + (file.read_text(encoding="utf-8") if file.is_file() else "")
    return of_source(source, root)


def of_report(folder: Path, root: Path = ROOT) -> str:
    """Hash of what the report depends on, apart from the results: code, prose, templates and their needs."""
    files = sorted(f for f in folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts)
    code = "\n".join(file.read_text(encoding="utf-8") for file in files if file.suffix == ".py")
    names = [str(file.relative_to(folder)).encode() for file in files]
    return digest([of_source(code, root).encode(), *names, *map(meaning, files)])
