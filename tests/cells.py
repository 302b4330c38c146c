"""What the cells of a notebook define, without running the notebook."""

import json
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


def defined(notebook: str, *cells: str) -> dict[str, Any]:
    """The names that some cells define, by the ends of their ids; imports, but no settings, come first."""
    number, variables = notebook.partition("_")[0], {}
    content = json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text("utf-8"))["cells"]
    found = {cell["id"]: cell["source"] for cell in content}
    for cell in ("imports", *cells):
        lines = [line for line in found[f"{number}-{cell}"] if not line.startswith("P = ")]
        exec(compile("".join(lines), f"{notebook}, {cell}", "exec"), variables)
    return variables
