"""Executed notebooks as self-contained HTML pages, by nbconvert: no script, no network address loaded.

nbconvert's own templates load MathJax and RequireJS from elsewhere.
Here the *basic* template gives the cells, pandoc turns the mathematics of Markdown cells into MathML, and
outputs are reduced to pictures, tables and text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import nbformat
from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors import TagRemovePreprocessor
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

from report.render import TEMPLATES, pandoc

SHOWN = ["image/svg+xml", "image/png", "image/jpeg", "text/html", "text/markdown", "text/latex", "text/plain"]
REMOVED = "script, iframe, object, embed, link, meta, base, form, style"
LOADS = {"src", "srcset", "data", "poster", "background", "action", "formaction", "xlink:href"}
DIALECT = "markdown+lists_without_preceding_blankline-yaml_metadata_block-citations-raw_tex"


@dataclass(frozen=True)
class Page:
    """A rendered notebook: its name, the file of the page relative to the results, first heading, page."""

    name: str
    file: str
    title: str
    html: bytes


def pages(out: Path, files: Iterable[str]) -> list[Page]:
    """The executed notebooks of these files, relative to ``out``, as far as they are there.

    Others, such as those of an earlier run with other models, are left alone.

    Raises:
        ValueError: one of the files is not a notebook.
    """
    return [page(out, file) for file in files if (out / file).is_file()]


def page(out: Path, file: str) -> Page:
    """Render one notebook; one of a further training has the name of its folder before its own."""
    path, name = out / file, PurePosixPath(file)
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises many kinds; all mean the same to the user
        raise ValueError(f"{path} is not a notebook ({error}); run it again") from None
    source = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    heading = re.search(r"^#\s+(.+)$", source, re.MULTILINE)
    title = heading.group(1).strip() if heading else path.stem
    body, _ = _exporter().from_notebook_node(notebook)
    cells = _harmless(body)
    plain = html.escape(re.sub(r"[$`*\\]", "", title))
    css = (TEMPLATES / "notebook.css").read_text(encoding="utf-8") + HtmlFormatter().get_style_defs(
        ".highlight"
    )
    whole = (TEMPLATES / "notebook.html").read_text(encoding="utf-8")
    for mark, value in (("%TITLE%", plain), ("%CSS%", css), ("%CELLS%", cells)):
        whole = whole.replace(mark, value, 1)
    shown = "/".join([*name.parts[:-2], name.stem])
    return Page(shown, str(name.with_suffix(".html")), title, whole.encode())


def _exporter() -> HTMLExporter:
    """nbconvert's HTML exporter with hidden cells removed and pandoc as its Markdown reader."""
    config = Config()
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_cell_tags = {"hide-cell", "remove-cell"}
    config.TagRemovePreprocessor.remove_input_tags = {"hide-input", "remove-input"}
    config.TagRemovePreprocessor.remove_all_outputs_tags = {"hide-output", "remove-output"}
    config.HTMLExporter.preprocessors = [TagRemovePreprocessor]
    config.HTMLExporter.exclude_input_prompt = config.HTMLExporter.exclude_output_prompt = True
    config.NbConvertBase.display_data_priority = SHOWN
    exporter = HTMLExporter(
        config=config,
        template_name="basic",
        mathjax_url="",
        require_js_url="",
        jquery_url="",
        jupyter_widgets_base_url="",
    )
    exporter.register_filter("markdown2html", _mathml)
    return exporter


def _mathml(source: str) -> str:
    return pandoc(source, f"--from={DIALECT}", "--to=html5", "--mathml")


def _harmless(body: str) -> str:
    """Drop what runs or loads: scripts, event handlers, and every resource that is not in the page itself."""
    soup = BeautifulSoup(body, "html.parser")
    for element in soup.select(".output_latex"):
        element.replace_with(BeautifulSoup(_mathml(element.get_text()), "html.parser"))
    for element in soup.select(REMOVED):
        element.decompose()
    for element in soup.find_all(True):
        for name in list(element.attrs):
            value = str(element.attrs[name]).strip().lower()
            loads = name.lower() in LOADS and not value.startswith(("data:image/", "#"))
            handler = name.lower().startswith("on") or value.startswith("javascript:")
            if loads or handler or (name.lower() == "style" and ("url(" in value or "@import" in value)):
                del element.attrs[name]
        if element.name == "img":
            element["alt"] = (
                "" if element.get("alt", "").startswith("No description") else element.get("alt", "")
            )
            if "src" not in element.attrs:
                element.decompose()
    return str(soup)
