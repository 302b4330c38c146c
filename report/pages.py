"""Executed notebooks as pages that look like the report: pandoc reads them, notebook.lua arranges them."""

import ast
from collections.abc import Sequence
from pathlib import Path

import nbformat

from report.render import PAGE, TEMPLATES, pandoc
from report.values import AUTHORS, LICENCE
from study.records import Results

FORMAT = "--from=ipynb+lists_without_preceding_blankline-raw_html-raw_tex"
PLACES = ("data_dir", "out_dir")  # parameters that are no change of the study
DEFAULTS, GIVEN = "parameters", "injected-parameters"  # tags of papermill's cells


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
    facts = {"title": path.stem, "lang": "en-GB", "kind": "notebook", "up": "../report.html"}
    facts |= {"author": AUTHORS, "licence": LICENCE, "changed": ", ".join(changed)}
    place = notebooks.index(path.stem) if path.stem in notebooks else len(notebooks)
    facts |= {"previous": notebooks[place - 1]} if place > 0 else {}
    facts |= {"next": notebooks[place + 1]} if place + 1 < len(notebooks) else {}
    metadata = [f"--metadata={key}={value}" for key, value in facts.items() if value]
    metadata += [f"--metadata=notebooks={name}" for name in notebooks]
    reader = [FORMAT, "--standalone", "--toc", f"--lua-filter={TEMPLATES / 'notebook.lua'}"]
    return pandoc(nbformat.writes(notebook), *reader, *PAGE, *metadata).encode()


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
