"""Write the results of a release into README.md and docs/site.html, and the animation into docs/images.

    python -m paper.readme [released/paper]

Each block between `<!-- released: NAME -->` and `<!-- /released -->` comes from paper/text/readme/NAME.md.
The animation is an output of notebook 11; run `make report PROFILE=paper` first, which executes it.
"""

import re
import sys
from pathlib import Path

from diffusion.files import write_bytes
from paper import names
from paper.claims.judge import judge_all
from paper.contents import TEXT
from report import profile as profiles
from report.pages import figures
from report.pages.names import ReportRun, read
from report.pages.render import pandoc
from report.pages.sources import Marks, strip_marks
from report.pages.text import Text
from report.places import ROOT

PAGES = ("README.md", "docs/site.html")
PICTURE = "unfold"
BLOCK = re.compile(r"(<!-- released: (\w+) -->\n).*?(<!-- /released -->)", re.DOTALL)
PUNCTUATION = re.compile(r"\\([^\w\s])")  # escaped for pandoc


def fill(pages: dict[str, str], out: Path) -> dict[str, str]:
    """Fill the blocks of pages from the results in `out`, and return the content by path.

    Args:
        pages: content by path.
        out: folder of the results.

    Raises:
        ValueError: the results do not support a sentence of a block, or lack one of its numbers.
    """
    profile = profiles.read(out.name)
    results = read(out, profile)
    known = names.collect_names(ReportRun(results, profile), judge_all(results))
    text = Text(known, Marks(), TEXT, complete=True)

    def block(name: str, kind: str) -> str:
        source = TEXT / "readme" / f"{name}.md"
        markdown = PUNCTUATION.sub(r"\1", strip_marks(text.markdown(source.read_text("utf-8"), source.name)))
        if kind == ".html":
            return pandoc(markdown, "--from=gfm", "--to=html5", "--wrap=none")
        return markdown.replace("\N{NO-BREAK SPACE}", " ")

    def filled(path: str, page: str) -> str:
        return BLOCK.sub(lambda match: match[1] + block(match[2], Path(path).suffix) + match[3], page)

    return {path: filled(path, page) for path, page in pages.items()}


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "released" / "paper")
    try:
        pages = fill({path: (ROOT / path).read_text(encoding="utf-8") for path in PAGES}, out)
    except (ValueError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    notebook = ROOT / "build" / "released" / out.name / "notebooks" / "11_models.ipynb"
    if not notebook.is_file():
        raise SystemExit(f"error: {notebook} is missing; run `make report PROFILE={out.name}` first")
    picture = figures.read_figures(notebook)[PICTURE]
    write_bytes(ROOT / "docs" / "images" / f"{PICTURE}{picture.suffix}", picture.data)
    for path, page in pages.items():
        write_bytes(ROOT / path, page.encode())
    print(f"{', '.join(pages)} and docs/images show the results of {out}")


if __name__ == "__main__":
    main()
