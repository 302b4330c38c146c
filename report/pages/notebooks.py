"""Pages of executed notebooks in the style of the report, and links from the report's figures to their cells.

python -m report.pages.notebooks NOTEBOOK.ipynb ...   write pages next to the play page (`make pages`)
"""

import ast
import html
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import nbformat
from nbconvert import MarkdownExporter
from papermill.translators import PythonTranslator
from traitlets.config import Config

from diffusion.files import write_bytes
from report.pages import figures
from report.pages.figures import Drawing
from report.pages.names import AUTHORS, LICENCE, repository
from report.pages.render import PAGE, TEMPLATES, pandoc
from report.places import PLAY
from report.results.views import Results

FORMAT = "--from=markdown+lists_without_preceding_blankline-raw_html-raw_tex-implicit_figures"
SHOWN_AS = ["text/html", *figures.SUFFIXES, "text/plain"]  # formats of an output, preferred ones first
SHOWN = re.compile(r"\]\(figures/(\w+)\.\w+\)\{")  # a figure with a caption, in Markdown
OTHER = re.compile(r"\[(\w+)\]\((\w+)\.ipynb\)")  # a link from one notebook to another
KEPT = PLAY.parent / "notebooks"


def list_notebooks(results: Results) -> list[str]:
    """The executed notebooks of a run, in order, without notebooks of models that were removed."""
    known = {""} | {x for m, seed in results.trainings for x in (m, f"{m}-{seed}")}
    executed = sorted(path.stem for path in (results.out / "notebooks").glob("*.ipynb"))
    return [name for name in executed if name.partition("-")[2] in known]


def link_figures(text: str, drawn: Mapping[str, Drawing]) -> str:
    """Add to each figure in a Markdown text the notebook and cell that draw it."""

    def add_link(match: re.Match) -> str:
        if match[1] not in drawn:
            return match[0]
        name, cell = drawn[match[1]].notebook, drawn[match[1]].cell
        link = f"notebooks/{name}.html#{cell}"
        file = f"{repository()}/blob/main/notebooks/{name.partition('-')[0]}.ipynb" if repository() else ""
        return match[0] + f'notebook="{name}" cell="{cell}" link="{link}" file="{file}" '

    return SHOWN.sub(add_link, text)


def read_titles(paths: Iterable[Path]) -> dict[str, str]:
    """The titles of executed notebooks by name: number, first heading, model and seed."""
    titles = {}
    for path in paths:
        heading = re.search(r"^# (.+)$", nbformat.read(path, as_version=4).cells[0].source, re.MULTILINE)
        title = heading[1] if heading else path.stem
        number = path.stem.partition("_")[0]
        if number.isdigit():
            title = f"{number} {title}"
        model, _, seed = path.stem.partition("-")[2].rpartition("-")
        titles[path.stem] = f"{title}: {model}, seed {seed}" if model else title
    return titles


def render_page(
    path: Path, titles: Mapping[str, str] = MappingProxyType({}), up: str = "../report.html"
) -> bytes:
    """Render an executed notebook as HTML.

    Args:
        path: the executed notebook.
        titles: titles of all notebooks with a page by name (`read_titles`), for links between them.
        up: address of the page that it belongs to.
    """
    notebook = nbformat.read(path, as_version=4)
    facts = {"title": path.stem, "lang": "en-GB", "kind": "notebook", "up": up}
    facts |= {"author": AUTHORS, "licence": LICENCE, "executed": describe_execution(notebook)}
    names = [*titles]
    links = [{"name": name, "title": html.escape(titles[name]), "here": name == path.stem} for name in names]
    variables: dict[str, Any] = {"notebooks": links}
    if path.stem in names[1:]:
        variables["previous"] = links[names.index(path.stem) - 1]
    if path.stem in names[:-1]:
        variables["next"] = links[names.index(path.stem) + 1]
    metadata = [f"--metadata={key}={value}" for key, value in facts.items()]
    metadata += [f"--variable-json={key}={json.dumps(value)}" for key, value in variables.items()]
    reader = [FORMAT, "--standalone", "--toc", f"--lua-filter={TEMPLATES / 'notebook.lua'}"]

    def link_page(link: re.Match) -> str:
        pages = [name for name in titles if name.partition("-")[0] == link[2]]
        return f"[{link[1]}]({pages[0]}.html)" if pages else link[1]

    return pandoc(OTHER.sub(link_page, markdown(notebook)), *reader, *PAGE, *metadata).encode()


def describe_execution(notebook: nbformat.NotebookNode) -> str:
    """A sentence on an executed notebook: it trained a model, or opened a released one."""
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    parameters = [parameter for cell in cells for parameter in PythonTranslator.inspect(cell)]
    values = {parameter.name: ast.literal_eval(parameter.default) for parameter in parameters}
    values |= notebook.metadata.get("papermill", {}).get("parameters", {})
    release, name = values.get("released"), f"{values.get('model')}-{values.get('seed')}"
    if not values.get("model"):
        return "Executed; no model is kept."
    if release:
        run = f"{release}/{name}"
        return f"The figures show the released run {run}; the text describes the default short run."
    return f"Trained {name}."


def markdown(notebook: nbformat.NotebookNode) -> str:
    """Convert a notebook to Markdown with its template; cells with the tag `remove-cell` are left out."""
    config = Config()
    config.TagRemovePreprocessor.update(enabled=True, remove_cell_tags={"remove-cell"})
    config.CoalesceStreamsPreprocessor.enabled = True  # keep only the last state of a progress line
    config.ExtractOutputPreprocessor.enabled = False  # embed pictures in the page
    config.NbConvertBase.display_data_priority = SHOWN_AS
    exporter = MarkdownExporter(template_file=str(TEMPLATES / "notebook.md.j2"), config=config)
    exporter.register_filter("fenced", fenced)
    return exporter.from_notebook_node(notebook)[0]


def fenced(text: str, about: str = "") -> str:
    """Put a text between fences of tildes, which are longer than any row of tildes in the text."""
    fence = "~" * max(9, 1 + max(map(len, re.findall("~+", text)), default=0))
    return f"{fence} {about}\n{text}\n{fence}"


if __name__ == "__main__":
    paths = sorted(map(Path, sys.argv[1:]), key=lambda path: path.name)
    titles = read_titles(paths)
    for path in paths:
        kept = render_page(path, titles, up="../../paper/report.pdf")
        write_bytes(KEPT / f"{path.stem}.html", kept)
