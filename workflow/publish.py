"""Write the address of the project's repository where it belongs: `make publish REPOSITORY=...`.

    python -m workflow.publish https://HOST/NAME/PROJECT

The address is kept in CITATION.cff, from where the report takes it. README gets links, and a badge where
the repository is on GitHub; the notebooks that need no workflow get a cell that installs the package where a
hosted notebook lacks it.
"""

import re
import sys

import nbformat

from diffusion.files import write_bytes
from workflow.jobs import ROOT

HOSTED = ("01_schedules", "03_train_zoom", "05_your_degradation")
CELL = """# Installs the package where a hosted notebook lacks it.
import importlib.util

if importlib.util.find_spec("diffusion") is None:
    %pip install -q anywidget git+{address}"""


def publish(address: str) -> None:
    """Write the repository's address into CITATION.cff, README.md and the notebooks.

    Raises:
        ValueError: it is no address of the web.
    """
    address = address.removesuffix("/").removesuffix(".git")
    if not re.fullmatch(r"https://[\w.-]+/[\w./~-]+", address):
        raise ValueError(f"{address!r} is no repository's address; needed: https://HOST/NAME/PROJECT")
    code = f'repository-code: "{address}"\nlicense:'
    change("CITATION.cff", r"(?m)^(?:repository-code: .*\n)?license:", code)
    links = f"\\1{said(address)}\\2"
    change("README.md", r"(?s)(<!-- repository -->\n).*?(<!-- /repository -->)", links)
    for name in HOSTED:
        path = ROOT / "notebooks" / f"{name}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        cells = [cell for cell in notebook.cells if cell.id != "hosted"]
        tags = {"tags": ["remove-cell"], "jupyter": {"source_hidden": True}}
        first = nbformat.v4.new_code_cell(CELL.format(address=address), metadata=tags, id="hosted")
        notebook.cells = [first, *cells]
        write_bytes(path, (nbformat.writes(notebook) + "\n").encode())


def said(address: str) -> str:
    """README's links: the code, and on GitHub what its Pages, its tests and hosted notebooks show."""
    lines = [f"Code: `git clone {address}`"]
    if found := re.fullmatch(r"https://github\.com/([\w.-]+)/([\w.-]+)", address):
        pages, runs = f"https://{found[1]}.github.io/{found[2]}", f"{address}/actions/workflows/ci.yml"
        hosted = f"https://colab.research.google.com/github/{found[1]}/{found[2]}/blob/main/notebooks"
        lines[:0] = [
            f"[![tests]({runs}/badge.svg)]({runs})",
            f"[Play]({pages}/play/cold-zoom.html) ·",
            f"[paper]({pages}/paper/report.html) ·",
            "notebooks in the browser:",
            ", ".join(f"[{name[:2]}]({hosted}/{name}.ipynb)" for name in HOSTED) + " ·",
        ]
    return "\n".join(lines) + "\n"


def change(name: str, pattern: str, by: str) -> None:
    """Replace the one place in a file of the project that a pattern matches.

    Raises:
        ValueError: there is no such place, or more than one.
    """
    text, count = re.subn(pattern, by, (ROOT / name).read_text(encoding="utf-8"))
    if count != 1:
        raise ValueError(
            f"{name} has {count} places for the repository's address, not one; restore it from git"
        )
    write_bytes(ROOT / name, text.encode())


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    publish(sys.argv[1])
    print("CITATION.cff, README.md and notebooks name it; the report does when it is made again")


if __name__ == "__main__":
    main()
