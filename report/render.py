"""From the report's source to Markdown (Jinja2), to HTML (pandoc) and to PDF (pandoc and Typst)."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pypandoc
import typst

from report.text import HELPERS, finalize

HERE = Path(__file__).resolve().parent
TEMPLATES = HERE / "templates"


def markdown(source: str, context: dict[str, Any]) -> str:
    """Fill in the placeholders of ``source``.

    The delimiters are ``<< >>``, ``<% %>``, ``<# #>``: pandoc's labels ``{#eq:x}`` look like comments.

    Raises:
        ValueError: a name is not in the context, a value is null or a number has no format; names the line.
    """
    environment = jinja2.Environment(
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(HELPERS)
    try:
        return environment.from_string(source).render(context)
    except (jinja2.TemplateError, TypeError, KeyError, IndexError, ValueError) as error:
        line = getattr(error, "lineno", None) or _line_of(error)
        raise ValueError(f"report.md, line {line}: {error}") from error


def _line_of(error: BaseException) -> int | str:
    """The line of the template in a traceback that Jinja2 rewrote to point there."""
    step, line = error.__traceback__, "unknown"
    while step:
        if step.tb_frame.f_code.co_filename == "<template>":
            line = step.tb_lineno
        step = step.tb_next
    return line


def pandoc(text: str, *options: str | Path, folder: Path | None = None) -> str:
    """Run the wheel's pandoc on ``text``.

    Raises:
        ValueError: pandoc failed; the message is its own.
    """
    command = [pypandoc.get_pandoc_path(), *map(str, options)]
    done = subprocess.run(command, input=text.encode(), capture_output=True, cwd=folder, check=False)
    if done.returncode:
        raise ValueError(f"pandoc failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode()


def _common(out: Path) -> list[str | Path]:
    return [
        "--from=markdown-raw_html-raw_tex-raw_attribute",
        "--standalone",
        "--toc",
        "--toc-depth=2",
        "--number-sections",
        "--lua-filter",
        TEMPLATES / "xref.lua",
        "--citeproc",
        "--bibliography",
        HERE / "references.bib",
        "--resource-path",
        out,
        "--fail-if-warnings",
    ]


def html(text: str, out: Path) -> bytes:
    """One self-contained page. Figures are read from the run folder ``out``."""
    style = ["--to=html5", "--mathml", "--embed-resources", "--css", TEMPLATES / "style.css"]
    return pandoc(text, *_common(out), *style, "--template", TEMPLATES / "page.html", folder=out).encode()


def typst_source(text: str, out: Path) -> str:
    """The report as Typst, with figures relative to ``out``."""
    return pandoc(text, *_common(out), "--to=typst", "--template", TEMPLATES / "article.typ", folder=out)


def pdf(source: str, out: Path) -> bytes:
    """Compile Typst to PDF with the wheel's own fonts and no clock, so that equal sources give equal bytes.

    Raises:
        ValueError: Typst does not accept the source; the message is its own.
    """
    try:
        return typst.compile(source.encode(), root=str(out), ignore_system_fonts=True, timestamp=0)
    except typst.TypstError as error:
        raise ValueError(f"typst failed: {error}") from error


def figures(text: str) -> list[str]:
    """The pictures that the Markdown shows, relative to the run folder."""
    return re.findall(r"\]\(((?:again/[\w-]+/)?figures/[^)\s]+)\)", text)
