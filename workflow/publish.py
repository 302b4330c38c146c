"""Make the project ready to be published.

    python -m workflow.publish https://HOST/NAME/PROJECT    write the repository's address where it belongs
    python -m workflow.publish --site                       put what is built together in build/site

The address is kept in CITATION.cff, from where report and page take it. README gets links, and a badge where
the repository is on GitHub; the notebooks that need no workflow get a cell that installs the package where a
hosted notebook lacks it.
"""

import re
import shutil
import sys

import nbformat

from diffusion.files import write_bytes
from workflow.jobs import ROOT

HOSTED = ("01_schedules", "03_train_zoom", "05_your_degradation")
BUILT = {"play": "build/page", "paper": "build/released/paper", "quick": "build/quick"}
SHOWN = ("*.html", "*.png", "*.pdf", "figures/*", "notebooks/*.html", "*.json", "metrics/*.json")
CELL = """# Installs the package where a hosted notebook lacks it.
import importlib.util

if importlib.util.find_spec("diffusion") is None:
    %pip install -q anywidget git+{address}"""
INDEX = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Cold Zoom Diffusion</title>
<body style="font: 1.1rem/1.6 sans-serif; max-width: 40rem; margin: 3rem auto">
<h1>Cold Zoom Diffusion</h1><ul>
<li><a href="play/cold-zoom.html">Play</a>: paint sixteen pixels and watch them become a digit.</li>
<li><a href="paper/report.html">The paper</a> (<a href="paper/report.pdf">PDF</a>).</li>
<li><a href="quick/report.html">A run of some minutes</a>, with its executed notebooks.</li></ul></html>
"""


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


def site() -> None:
    """Copy what is built, and links to it, to build/site.

    Raises:
        ValueError: a part is not built.
    """
    target = ROOT / "build" / "site"
    shutil.rmtree(target, ignore_errors=True)
    for name, folder in BUILT.items():
        files = [path for shown in SHOWN for path in (ROOT / folder).glob(shown)]
        if not any(path.suffix == ".html" for path in files):
            raise ValueError(f"{folder} has no page; make site builds all that is shown")
        for path in files:
            write_bytes(target / name / path.relative_to(ROOT / folder), path.read_bytes())
    write_bytes(target / "index.html", INDEX.encode())


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--site":
        site()
        print("build/site has the page, the paper and a run of the profile quick")
    else:
        publish(sys.argv[1])
        print("CITATION.cff, README.md and notebooks name it; report and page do when they are made again")


if __name__ == "__main__":
    main()
