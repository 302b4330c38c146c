"""From Markdown to HTML (pandoc) and to PDF (pandoc and Typst)."""

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
    """`text` converted by the wheel's pandoc; ValueError: its own message, or that of xref.lua."""
    command = [pypandoc.get_pandoc_path(), *options]
    done = subprocess.run(command, input=text.encode(), capture_output=True, cwd=folder, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").partition("stack traceback:")[0]
        raise ValueError(f"pandoc: {said.rpartition('xref: ')[2].strip()}")
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


def html(text: str, out: Path, play: Path | None = None) -> bytes:
    """One page, whole in itself, with figures of `out`; the page to play with and strip.png lie beside."""
    options = ["--shift-heading-level-by=1"]  # the title is the one h1
    if play:
        options += [f"--variable=play={play.name}", f"--variable=strip={play.with_name('strip.png')}"]
    return pandoc(text, *REPORT, *options, *PAGE, folder=out).encode()


def typst_source(text: str, out: Path) -> str:
    """The report as Typst, with figures relative to `out`."""
    style = ["--to=typst", "--wrap=none", "--toc-depth=2", f"--template={TEMPLATES / 'article.typ'}"]
    return pandoc(text, *REPORT, *style, folder=out)


def pdf(source: str, out: Path) -> bytes:
    """Typst compiled to PDF without a clock: equal sources give equal bytes; ValueError: its own message."""
    try:
        return typst.compile(source.encode(), root=str(out), ignore_system_fonts=True, timestamp=0)
    except typst.TypstError as error:
        raise ValueError(f"typst failed: {error}") from error


def figures(text: str) -> list[str]:
    """The pictures that the Markdown shows, relative to the run folder."""
    return re.findall(r"\]\((figures/[^)\s]+)\)", text)
