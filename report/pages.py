"""Executed notebooks as pages that look like the report: nbconvert gives Markdown, pandoc the page."""

import ast
import re
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter
from traitlets.config import Config

from report.render import PAGE, TEMPLATES, pandoc
from report.values import AUTHORS, LICENCE
from study.records import Results

FORMAT = "--from=markdown+lists_without_preceding_blankline-raw_html-raw_tex-implicit_figures"
PLACES = ("data_dir", "out_dir")  # parameters that are no change of the study
DEFAULTS, GIVEN = "parameters", "injected-parameters"  # tags of papermill's cells
DRAWS = re.compile(r"\bfigures\.(\w+)\(|\bd\.(grid)\(|\b(slide)\(")
FILE = re.compile(r"\[f?\"(\w+)[^\"]*\.\w+\"\]")  # a figure of the report, by its name


def names(results: Results) -> list[str]:
    """The executed notebooks that belong to a run, in their order; those of earlier runs are left out."""
    known = {""} | {x for m, seed in results.trainings for x in (m, f"{m}-{seed}")}
    found = sorted(path.stem for path in (results.out / "notebooks").glob("*.ipynb"))
    return [name for name in found if name.partition("-")[2] in known]


def page(path: Path, notebooks: Sequence[str] = ()) -> bytes:
    """One notebook as HTML, with links to those of these names beside it.

    Raises:
        ValueError: it is no notebook.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises many kinds; all mean the same to the user
        raise ValueError(f"{path} is not a notebook ({error}); run it again") from None
    changed = one_parameter_cell(notebook)
    for cell in notebook.cells:
        cell.metadata["drawn_by"] = drawn_by(cell.source)
    place = notebooks.index(path.stem) if path.stem in notebooks else len(notebooks)
    facts = {"title": path.stem, "lang": "en-GB", "kind": "notebook", "up": "../report.html"}
    facts |= {"author": AUTHORS, "licence": LICENCE}
    facts |= {"previous": notebooks[place - 1]} if place > 0 else {}
    facts |= {"next": notebooks[place + 1]} if place + 1 < len(notebooks) else {}
    metadata = [f"--metadata={key}={value}" for key, value in facts.items()]
    metadata += [f"--metadata=notebooks={name}" for name in notebooks]
    reader = [FORMAT, "--standalone", "--toc", f"--lua-filter={TEMPLATES / 'notebook.lua'}"]
    return pandoc(markdown(notebook, ", ".join(changed)), *reader, *PAGE, *metadata).encode()


def markdown(notebook: nbformat.NotebookNode, changed: str) -> str:
    """The notebook by its template; cells with the tag `remove-cell` are left out."""
    config = Config()
    config.TagRemovePreprocessor.update(enabled=True, remove_cell_tags={"remove-cell"})
    config.ExtractOutputPreprocessor.enabled = False  # pictures stay in the page
    exporter = MarkdownExporter(template_file=str(TEMPLATES / "notebook.md.j2"), config=config)
    exporter.environment.globals["changed"] = changed
    return exporter.from_notebook_node(notebook)[0]


def drawn_by(code: str) -> str:
    """The function that draws, as code calls it last, or the name of a figure of the report."""
    called = ["".join(found) for found in DRAWS.findall(code)]
    return found[1] if (found := FILE.search(code)) else called[-1] if called else ""


def one_parameter_cell(notebook: nbformat.NotebookNode) -> list[str]:
    """Put the values that papermill injected into the cell of defaults; returns those that differ from it."""
    tagged = {tag: cell for cell in notebook.cells for tag in cell.metadata.get("tags", [])}
    if DEFAULTS not in tagged or GIVEN not in tagged:
        return []
    notebook.cells.remove(tagged[GIVEN])
    tagged[DEFAULTS].source, changed = merged(tagged[DEFAULTS].source, tagged[GIVEN].source)
    return changed


def merged(defaults: str, given: str) -> tuple[str, list[str]]:
    """Assignments `name: type = value  # meaning` with the values of other assignments to the same names.

    Returns the source, and each assignment whose value differs, as `name = value`.
    """
    values = {n.targets[0].id: ast.literal_eval(n.value) for n in ast.parse(given).body}
    lines, changed = defaults.splitlines(), []
    for node in ast.parse(defaults).body:
        name = node.target.id
        if name in values and ast.literal_eval(node.value) != values[name]:
            line, value = lines[node.lineno - 1].encode(), node.value
            put = repr(values[name]).encode()
            lines[node.lineno - 1] = (line[: value.col_offset] + put + line[value.end_col_offset :]).decode()
            changed += [f"{name} = {values[name]!r}"] if name not in PLACES else []
    return "\n".join(lines), changed
