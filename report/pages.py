"""Executed notebooks as pages that look like the report: nbconvert gives Markdown, pandoc the page."""

import ast
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter
from traitlets.config import Config

from report.render import HERE, PAGE, TEMPLATES, pandoc
from report.values import AUTHORS, LICENCE, repository
from study.records import Results

FORMAT = "--from=markdown+lists_without_preceding_blankline-raw_html-raw_tex-implicit_figures"
DRAWS = re.compile(r"\bfigures\.(\w+)\(|\bd\.(grid)\(|\b(slide)\(")
FILE = re.compile(r"[\[(]\"(\w+)\.\w+\"[\])]")  # a figure of the report, by its name
SHOWN = re.compile(r"\]\(figures/(\w+)\.\w+\)\{")  # a figure with a caption, in Markdown
NOTEBOOKS, CELL = HERE.parent / "notebooks", "fig-"  # a cell with such an id draws the figure of that name


def names(results: Results) -> list[str]:
    """The executed notebooks that belong to a run, in their order; those of earlier runs are left out."""
    known = {""} | {x for m, seed in results.trainings for x in (m, f"{m}-{seed}")}
    found = sorted(path.stem for path in (results.out / "notebooks").glob("*.ipynb"))
    return [name for name in found if name.partition("-")[2] in known]


@cache
def cells() -> dict[str, dict[str, str]]:
    """Name of a figure -> the committed notebooks with a cell for it, each with the function called there."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        every = nbformat.read(path, as_version=4).cells
        imports = "\n".join(cell.source for cell in every if " import " in cell.source)
        ours = "study" if re.search(r"from study import .*\bfigures\b", imports) else "diffusion"
        for cell in (one for one in every if one.id.startswith(CELL)):
            called = drawn_by(cell.source) if DRAWS.search(cell.source) else ""
            module = "diffusion" if called == "grid" else f"{ours}.figures"
            function = f"{module}.{called}" if called else ""
            found.setdefault(cell.id.removeprefix(CELL), {})[path.stem] = function
    return found


def cell_of(figure: str, results: Results) -> tuple[str, str, str] | None:
    """The notebook cell that draws a figure: its notebook's page, its id, and the function called there.

    Args:
        figure: its name, of which a model's name may be the last part: "quality_zoom".
    """
    name, model = figure, "zoom"
    while name not in cells() and "_" in name:
        name = name.rpartition("_")[0]
        model = figure.removeprefix(f"{name}_")
    one = results.first(model).train if model in results.models else None
    known = cells().get(name, {})
    notebook = one.job if one and one.job in known else min(known, default="")
    if not notebook:
        return None
    place = f"{notebook}-{model}-{one.seed}" if one and notebook == one.job else notebook
    return place, f"{CELL}{name}", known[notebook]


def with_cells(text: str, results: Results, notebooks: Sequence[str]) -> str:
    """Markdown whose figures say by which cell and function they are drawn, and on which page that is."""

    def said(found: re.Match) -> str:
        if not (of := cell_of(found[1], results)):
            return found[0]
        place, cell, function = of
        link = f"notebooks/{place}.html#{cell}" if place in notebooks else ""
        file = f"{repository()}/blob/main/notebooks/{place.partition('-')[0]}.ipynb" if repository() else ""
        said = f'notebook="{place}" cell="{cell}" function="{function}" link="{link}" file="{file}" '
        return found[0] + said

    return SHOWN.sub(said, text)


def page(path: Path, notebooks: Sequence[str] = ()) -> bytes:
    """One notebook as HTML, with links to those of these names beside it.

    Raises:
        ValueError: it is no notebook.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises many kinds; all mean the same to the user
        raise ValueError(f"{path} is not a notebook ({error}); run it again") from None
    for cell in notebook.cells:
        cell.metadata["drawn_by"] = drawn_by(cell.source)
    place = notebooks.index(path.stem) if path.stem in notebooks else len(notebooks)
    facts = {"title": path.stem, "lang": "en-GB", "kind": "notebook", "up": "../report.html"}
    facts |= {"author": AUTHORS, "licence": LICENCE, "executed": how(notebook)}
    facts |= {"previous": notebooks[place - 1]} if place > 0 else {}
    facts |= {"next": notebooks[place + 1]} if place + 1 < len(notebooks) else {}
    metadata = [f"--metadata={key}={value}" for key, value in facts.items()]
    metadata += [f"--metadata=notebooks={name}" for name in notebooks]
    reader = [FORMAT, "--standalone", "--toc", f"--lua-filter={TEMPLATES / 'notebook.lua'}"]
    return pandoc(markdown(notebook), *reader, *PAGE, *metadata).encode()


def how(notebook: nbformat.NotebookNode) -> str:
    """A line on what an executed notebook did: whether it trained, or opened what is released."""
    values = notebook.metadata.get("papermill", {}).get("parameters", {})
    of, model = values.get("released"), values.get("model")
    if not model:
        return "Executed without a training."
    one = f"{model}-{values.get('seed')}"
    return f"Opened the released training {of}/{one}; trained nothing." if of else f"Trained {one}."


def markdown(notebook: nbformat.NotebookNode) -> str:
    """The notebook by its template; cells with the tag `remove-cell` are left out."""
    config = Config()
    config.TagRemovePreprocessor.update(enabled=True, remove_cell_tags={"remove-cell"})
    config.ExtractOutputPreprocessor.enabled = False  # pictures stay in the page
    exporter = MarkdownExporter(template_file=str(TEMPLATES / "notebook.md.j2"), config=config)
    exporter.register_filter("fenced", fenced)
    return exporter.from_notebook_node(notebook)[0]


def fenced(text: str, about: str = "") -> str:
    """Text between fences of tildes that are longer than any in it, so that it cannot end them."""
    fence = "~" * max(9, 1 + max(map(len, re.findall("~+", text)), default=0))
    return f"{fence} {about}\n{text}\n{fence}"


def drawn_by(code: str) -> str:
    """The function that code calls to draw, in its last statement if it can be, or a figure's name there."""
    if found := FILE.search(code):
        return found[1]
    try:
        last = ast.get_source_segment(code, ast.parse(code).body[-1]) or ""
    except (SyntaxError, IndexError):  # magics, nothing
        last = code
    called = [*DRAWS.finditer(last)][:1] or [*DRAWS.finditer(code)][-1:]
    return "".join(filter(None, called[0].groups())) if called else ""
