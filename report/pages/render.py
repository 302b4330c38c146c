"""Convert Markdown to HTML (pandoc) and to PDF (pandoc and Typst)."""

import re
import subprocess
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pypandoc
import typst

HERE = Path(__file__).resolve().parent
TEMPLATES = HERE / "templates"


def pandoc(text: str, *options: str, folder: Path | None = None) -> str:
    """Convert a text with the wheel's pandoc; ValueError: the message of pandoc or of xref.lua."""
    command = [pypandoc.get_pandoc_path(), *options]
    done = subprocess.run(command, input=text.encode(), capture_output=True, cwd=folder, check=False)
    if done.returncode:
        message = done.stderr.decode(errors="replace").partition("stack traceback:")[0]
        raise ValueError(f"pandoc: {message.rpartition('xref: ')[2].strip()}")
    return done.stdout.decode()


REPORT = (  # options for the page and the PDF of a report
    *("--from=markdown-raw_html-raw_tex-raw_attribute", "--standalone", "--toc", "--number-sections"),
    *(f"--lua-filter={TEMPLATES / 'xref.lua'}", "--citeproc", f"--bibliography={HERE / 'references.bib'}"),
    "--fail-if-warnings",
)
_SCRIPT = f"\n{(TEMPLATES / 'page.js').read_text(encoding='utf-8').strip()}"  # in the form that pandoc writes
PAGE = (  # options for pages of the report and of notebooks; browsers then run only this script
    f"--variable=script-hash=sha256-{b64encode(sha256(_SCRIPT.encode()).digest()).decode()}",
    *("--to=html5", "--mathml", "--embed-resources", "--section-divs", "--toc-depth=3"),
    *(f"--template={TEMPLATES / 'page.html'}", f"--css={TEMPLATES / 'style.css'}"),
    *(f"--metadata-file={TEMPLATES / 'alt.yaml'}", f"--lua-filter={TEMPLATES / 'page.lua'}"),
)


# The list of sources is most of a report, and pandoc's own Markdown reader takes five times as long for it.
LIST = ("--from=commonmark_x-emoji-raw_attribute-raw_html-task_lists", "--fail-if-warnings")
LIST += ("--to=html5", "--mathml")
PLACE = "listed"  # id of the empty element that the list replaces


def split(text: str) -> tuple[str, str]:
    """Split a report into its text without the list of sources, and the items of this list.

    In the text, an empty element with the id PLACE marks their place. Print leaves the whole section out.
    """
    before, section, rest = text.rpartition("::: {.claim #numbers}\n")
    head, item, listed = rest.partition("\n1. ")
    if not (section and item):
        return text, ""
    items, end, after = listed.rpartition("\n:::\n:::")
    return f"{before}{section}{head}\n::: {{#{PLACE}}}\n:::\n{end}{after}", f"1. {items}"


def html(text: str, out: Path, play: Path | None = None) -> bytes:
    """Render the report as one self-contained page, with figures from `out`.

    Args:
        play: the play page, next to which strip.png must exist; None for no link to it.
    """
    options = ["--shift-heading-level-by=1"]  # the title is the only h1
    if play:
        options += [f"--variable=play={play.name}", f"--variable=strip={play.with_name('strip.png')}"]
    main, items = split(text)
    page = pandoc(main, *REPORT, *options, *PAGE, folder=out)
    if items:
        before, after = re.split(rf'<div id="{PLACE}">\s*</div>\s*', page)
        page = f"{before}{pandoc(items, *LIST)}{after}"
    return page.encode()


def typst_source(text: str, out: Path) -> str:
    """Convert the report to Typst, with paths of figures relative to `out`."""
    style = ["--to=typst", "--wrap=none", "--toc-depth=2", f"--template={TEMPLATES / 'article.typ'}"]
    return pandoc(split(text)[0], *REPORT, *style, folder=out)


def pdf(source: str, out: Path) -> bytes:
    """Compile Typst to PDF, without a time: equal sources give equal bytes; ValueError: Typst's message."""
    try:
        return typst.compile(source.encode(), root=str(out), ignore_system_fonts=True, timestamp=0)
    except typst.TypstError as error:
        raise ValueError(f"typst failed: {error}") from error


def figures(text: str) -> list[str]:
    """Paths of all figures in a Markdown text, relative to the run folder."""
    return re.findall(r"\]\((figures/[^)\s]+)\)", text)
