"""Executed notebooks as self-contained HTML pages, by nbconvert: no script, no network address loaded.

nbconvert's own templates load MathJax and RequireJS from elsewhere. Here the *basic* template gives the
cells, and pandoc turns the mathematics of Markdown cells into MathML.
"""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors import TagRemovePreprocessor
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

from diffusion.records import Results
from report.render import TEMPLATES, pandoc

SHOWN = ["image/svg+xml", "image/png", "image/jpeg", "text/html", "text/markdown", "text/latex", "text/plain"]
DIALECT = "markdown+lists_without_preceding_blankline-yaml_metadata_block-citations-raw_tex"


@dataclass(frozen=True)
class Page:
    """A rendered notebook: its name, the path of the page, and its content."""

    name: str
    path: Path
    html: bytes


def names(results: Results) -> list[str]:
    """The executed notebooks that belong to a run, in their order; those of earlier runs are left out."""
    known = {""} | {x for m, seed in results.trainings for x in (m, f"{m}-{seed}")}
    found = sorted(path.stem for path in (results.out / "notebooks").glob("*.ipynb"))
    return [name for name in found if name.partition("-")[2] in known]


def pages(out: Path, notebooks: Iterable[str]) -> list[Page]:
    """The executed notebooks of these names as pages.

    Raises:
        ValueError: one of them is no notebook.
    """
    return [page(out / "notebooks" / f"{name}.ipynb") for name in notebooks]


def page(path: Path) -> Page:
    """One notebook as a page beside it."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises many kinds; all mean the same to the user
        raise ValueError(f"{path} is not a notebook ({error}); run it again") from None
    source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    heading = re.search(r"^#\s+(.+)$", source, re.MULTILINE)
    title = heading.group(1).strip() if heading else path.stem
    body, _ = _exporter().from_notebook_node(notebook)
    css = (TEMPLATES / "notebook.css").read_text(encoding="utf-8") + HtmlFormatter().get_style_defs(
        ".highlight"
    )
    whole = (TEMPLATES / "notebook.html").read_text(encoding="utf-8")
    plain = html.escape(re.sub(r"[$`*\\]", "", title))
    for mark, value in (("%TITLE%", plain), ("%CSS%", css), ("%CELLS%", _still(body, plain))):
        whole = whole.replace(mark, value, 1)
    return Page(path.stem, path.with_suffix(".html"), whole.encode())


def _exporter() -> HTMLExporter:
    """nbconvert's HTML exporter, with hidden cells and inputs left out and pandoc as its Markdown reader."""
    config = Config()
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_cell_tags = {"remove-cell"}
    config.TagRemovePreprocessor.remove_input_tags = {"hide-input"}
    config.HTMLExporter.preprocessors = [TagRemovePreprocessor]
    config.HTMLExporter.exclude_input_prompt = config.HTMLExporter.exclude_output_prompt = True
    config.NbConvertBase.display_data_priority = SHOWN
    nowhere = dict.fromkeys(("mathjax_url", "require_js_url", "jquery_url", "jupyter_widgets_base_url"), "")
    exporter = HTMLExporter(config=config, template_name="basic", **nowhere)
    exporter.register_filter(
        "markdown2html", lambda s: pandoc(s, f"--from={DIALECT}", "--to=html5", "--mathml")
    )
    return exporter


def _still(body: str, title: str) -> str:
    """Cells without scripts and what loads from elsewhere; pictures are called by the heading above."""
    soup, heading = BeautifulSoup(body, "html.parser"), title
    for element in soup.select("script, iframe, object, embed, link, [src]:not([src^='data:image/'])"):
        element.decompose()
    for element in soup.select("h1, h2, h3, img"):
        if element.name != "img":
            heading = element.get_text().strip()
        elif not element.get("alt") or element["alt"].startswith("No description"):
            element["alt"] = f"Figure: {heading}"
    return str(soup)
