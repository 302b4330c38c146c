"""From the text's sources to Markdown (guards, then Jinja2), to HTML (pandoc) and to PDF (pandoc and Typst).

A source has placeholders `<< >>` and no branches. Paragraphs may stand in a guard:

    ::: {.finding rests-on="lower_loss=fails zoom_swings=yes"}
    Said only if the run supports it. The tests hold the released paper to all of them.
    :::

    ::: {.part needs="zoom inception"}
    Said only of a run that has what is needed.
    :::
"""

import re
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import jinja2
import pypandoc
import typst

from report.text_format import HELPERS, Markdown, finalize

HERE = Path(__file__).resolve().parent
TEMPLATES, TEXT = HERE / "templates", HERE / "text"
FINDINGS = HERE / "readme" / "findings.md"  # what came out, for the README and for the top of the page
GUARD = re.compile(r'\s*::: \{\.(?:finding rests-on|part needs)="([^"]+)"\}\s*')

_ENVIRONMENT = jinja2.Environment(
    variable_start_string="<<",
    variable_end_string=">>",
    block_start_string="\0%",  # no branches in prose
    block_end_string="%\0",
    comment_start_string="\0#",
    comment_end_string="#\0",
    undefined=jinja2.StrictUndefined,
    finalize=finalize,
    keep_trailing_newline=True,
)
_ENVIRONMENT.globals.update(HELPERS)


@dataclass(frozen=True)
class Guards:
    """Answers that guards look up.

    Attributes:
        findings: name of a verdict or of a further finding -> holds, fails, open, yes, no, or another word.
        parts: name -> the run has it.
        complete: a finding that the run does not support is an error.
    """

    findings: Mapping[str, str]
    parts: Mapping[str, bool]
    complete: bool = False

    def failing(self, condition: str) -> str | None:
        """The first of some conditions that is not met, with what is the case; None if all are.

        Raises:
            ValueError: a name is unknown.
        """
        for one in condition.split():
            name, _, wanted = one.partition("=")
            known = self.findings if wanted else self.parts
            if name not in known:
                kind = "finding" if wanted else "part"
                raise ValueError(f"a guard names {name!r}, which is no {kind} of a run")
            if known[name] != (wanted or True):
                return f"{one}, but this run gives {known[name]}" if wanted else one
        return None


def markdown(source: str, context: Mapping[str, Any], guards: Guards, name: str = "text") -> str:
    """`source` with its guards decided and its placeholders filled in.

    Raises:
        ValueError: a placeholder is unknown, empty or without a format, or a finding is not supported where
            all must be; names the source and the line.
    """
    kept = _guarded(source, guards, name)
    try:
        return _ENVIRONMENT.from_string("\n".join(line for _, line in kept) + "\n").render(context)
    except (jinja2.TemplateError, TypeError, KeyError, IndexError, AttributeError, ValueError) as error:
        place = getattr(error, "lineno", None) or _line_of(error)
        raise ValueError(f"{name}, line {kept[place - 1][0] if place else '?'}: {error}") from error


def _guarded(source: str, guards: Guards, name: str) -> list[tuple[int, str]]:
    """The lines that are said, with their numbers in the source."""
    lines, kept = source.splitlines(), []
    open_guards = []  # of each fence around a line: is hidden, or None where it is no guard
    for number, line in enumerate(lines, 1):
        hidden = True in open_guards
        if line.strip() == ":::":
            guard = open_guards.pop()
            if guard is None and not hidden:
                kept.append((number, line))
        elif found := GUARD.fullmatch(line):
            failing = None if hidden else guards.failing(found[1])
            if failing and "rests-on" in line and guards.complete:
                raise ValueError(f"{name}, line {number}: “{lines[number].strip()[:80]}…” rests on {failing}")
            open_guards.append(failing is not None)
        else:
            if line.lstrip().startswith(":::"):
                open_guards.append(None)
            if not hidden:
                kept.append((number, line))
    return kept


def _line_of(error: BaseException) -> int | None:
    """The line of the template in a traceback that Jinja2 rewrote to point there."""
    step, line = error.__traceback__, None
    while step:
        if step.tb_frame.f_code.co_filename == "<template>":
            line = step.tb_lineno
        step = step.tb_next
    return line


def report(context: Mapping[str, Any], guards: Guards, text: Path = TEXT) -> str:
    """The whole report as Markdown, from the sources in a folder in the order of their names."""

    def filled(source: Path, values: Mapping[str, Any]) -> str:
        return markdown(source.read_text(encoding="utf-8"), values, guards, source.name)

    context = {**context, "findings": Markdown(filled(FINDINGS, context))}
    return "\n".join(filled(source, context) for source in sorted(text.glob("*.md")))


def pandoc(text: str, *options: str, folder: Path | None = None) -> str:
    """`text` converted by the wheel's pandoc.

    Raises:
        ValueError: pandoc failed; the message is its own.
    """
    command = [pypandoc.get_pandoc_path(), *options]
    done = subprocess.run(command, input=text.encode(), capture_output=True, cwd=folder, check=False)
    if done.returncode:
        raise ValueError(f"pandoc failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode()


REPORT = (  # what its page and its PDF have in common
    *("--from=markdown-raw_html-raw_tex-raw_attribute", "--standalone", "--toc", "--number-sections"),
    *(f"--lua-filter={TEMPLATES / 'xref.lua'}", "--citeproc", f"--bibliography={HERE / 'references.bib'}"),
    "--fail-if-warnings",
)
_SCRIPT = f"\n{(TEMPLATES / 'page.js').read_text(encoding='utf-8').strip()}"  # as pandoc puts it there
PAGE = (  # the look of the report and of notebooks, which runs this script and no other
    f"--variable=script-hash=sha256-{b64encode(sha256(_SCRIPT.encode()).digest()).decode()}",
    *("--to=html5", "--mathml", "--embed-resources", "--section-divs", "--toc-depth=3"),
    *(f"--template={TEMPLATES / 'page.html'}", f"--css={TEMPLATES / 'style.css'}"),
    *(f"--metadata-file={TEMPLATES / 'alt.yaml'}", f"--lua-filter={TEMPLATES / 'page.lua'}"),
)


def html(text: str, out: Path) -> bytes:
    """One self-contained page. Figures are read from the run folder `out`."""
    shift = "--shift-heading-level-by=1"  # the title is the one h1
    return pandoc(text, *REPORT, shift, *PAGE, folder=out).encode()


def typst_source(text: str, out: Path) -> str:
    """The report as Typst, with figures relative to `out`."""
    style = ["--to=typst", "--toc-depth=2", f"--template={TEMPLATES / 'article.typ'}"]
    return pandoc(text, *REPORT, *style, folder=out)


def pdf(source: str, out: Path) -> bytes:
    """Typst compiled to PDF with the wheel's own fonts and no clock: equal sources give equal bytes.

    Raises:
        ValueError: Typst does not accept the source; the message is its own.
    """
    try:
        return typst.compile(source.encode(), root=str(out), ignore_system_fonts=True, timestamp=0)
    except typst.TypstError as error:
        raise ValueError(f"typst failed: {error}") from error


def figures(text: str) -> list[str]:
    """The pictures that the Markdown shows, relative to the run folder."""
    return re.findall(r"\]\((figures/[^)\s]+)\)", text)
