"""Write the results of a release into README.md, and pictures of its report into docs/images.

    python -m paper.readme [released/paper]

Each block between `<!-- released: NAME -->` and `<!-- /released -->` comes from paper/text/readme/NAME.md.
The pictures are outputs of notebook 11; run `make report PROFILE=paper` first, which executes it.
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
from report.pages.sources import Marks, strip_marks
from report.pages.text import Text
from report.places import ROOT

PICTURES = ("answer", "unfold")
BLOCK = re.compile(r"(<!-- released: (\w+) -->\n).*?(<!-- /released -->)", re.DOTALL)
PUNCTUATION = re.compile(r"\\([^\w\s])")  # escaped for pandoc


def fill(readme: str, out: Path) -> str:
    """Rewrite the blocks of the README from the results in `out`; ValueError: a placeholder is wrong."""
    profile = profiles.read(out.name)
    results = read(out, profile)
    known = names.collect_names(ReportRun(results, profile), judge_all(results))
    text = Text(known, Marks(), TEXT, complete=True)

    def block(match: re.Match) -> str:
        source = TEXT / "readme" / f"{match[2]}.md"
        words = strip_marks(text.markdown(source.read_text(encoding="utf-8"), source.name))
        return match[1] + PUNCTUATION.sub(r"\1", words.replace("\N{NO-BREAK SPACE}", " ")) + match[3]

    return BLOCK.sub(block, readme)


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "released" / "paper")
    try:
        readme = fill((ROOT / "README.md").read_text(encoding="utf-8"), out)
    except (ValueError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    notebook = ROOT / "build" / "released" / out.name / "notebooks" / "11_models.ipynb"
    if not notebook.is_file():
        raise SystemExit(f"error: {notebook} does not exist; run `make report PROFILE={out.name}` first")
    shown = figures.read_figures(notebook)
    for name in PICTURES:
        write_bytes(ROOT / "docs" / "images" / f"{name}{shown[name].suffix}", shown[name].data)
    write_bytes(ROOT / "README.md", readme.encode())
    print(f"README.md and docs/images show the results of {out}")


if __name__ == "__main__":
    main()
