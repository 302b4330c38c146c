"""The report of one run.

    python -m report.build build/quick quick      a run's folder, and its profile

Reads the table, kept images and executed notebooks under OUT, takes figures from cells of notebooks, and
writes report.html and .pdf, rows.html, results.csv, numbers.json, ledger.json and notebooks/*.html. The same
files give the same bytes.
"""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from diffusion.files import write_bytes
from diffusion.provenance import releases
from report import figures, names, pages, paper, render
from report import run as of_run
from report.names import Run
from report.sources import Marks, page_of, written
from report.text import TEXT, Text
from report.text_format import Markdown
from study import profile as profiles
from study import table
from study.counterparts import studied

PLAY = render.HERE.parent / "released" / "page" / "cold-zoom.html"  # the page to play with
# In an author's text: the place of the results; a heading of the first level, which no line of code is.
RESULTS, HEADING = "<< results >>", re.compile(r"^(```|~~~).*?^\1|^# ", re.MULTILINE | re.DOTALL)


def build(out: Path | str, profile: str | Path) -> list[Path]:
    """Write the report of the run in `out`, of a profile; returns the written files.

    ValueError: a training is not measured, or a placeholder of our own text is wrong.
    """
    out, asked = Path(out).resolve(), profiles.read(profile)
    results = names.read(out, asked)
    if bare := [one.name for one in results.trainings.values() if not one.measured]:
        raise ValueError(f"{', '.join(bare)} in {out} is not measured; `make report` measures it")
    notebooks = pages.names(results)
    drawn = figures.written(out, notebooks)
    files = {path.name for path in (out / "figures").glob("*")}
    run, marks = Run(results, asked, notebooks, files), Marks()
    text = told(run, marks)
    if marks.missing and (releases() / asked.name).is_dir():
        raise ValueError(f"{marks.missing[0]} is printed, and nothing was read for it")
    text, numbers, rows = written(pages.with_cells(text, drawn), marks, out)
    for name in render.figures(text):
        if Path(name).name not in files:  # its notebook failed
            write_bytes(out / name, (render.TEMPLATES / f"missing{name[-4:]}").read_bytes())
    play = PLAY if studied(results) and PLAY.is_file() else None
    made = {
        out / "results.csv": table.as_csv(out),
        out / "numbers.json": as_json(numbers, None),
        out / "rows.html": page_of(rows),
        out / "report.html": render.html(text, out, play),
        out / "report.pdf": render.pdf(render.typst_source(text, out), out),
    }
    if not run.departure:
        made[out / "ledger.json"] = as_json(verdict.row() for verdict in run.verdicts.values())
    if play:
        made[out / play.name] = play.read_bytes()
    for path in (out / "notebooks" / f"{name}.ipynb" for name in notebooks):
        made[path.with_suffix(".html")] = pages.page(path, notebooks)
    return [write_bytes(path, content) for path, content in made.items()]


def told(run: Run, marks: Marks) -> str:
    """The report as Markdown: the paper where the run is complete, else a run's, with its author's words."""
    profile = run.profile
    if not run.departure:
        if profile.text:
            raise ValueError(f"{profile.where}, report: the study has its own text; leave `text` out")
        return Text(paper.names(run), marks, TEXT / "paper").joined()
    known, folder, file = of_run.names(run), TEXT / "run", profile.file.report.text or ""
    author = Text(known, marks, folder)
    before, after = (Markdown(author.markdown(part, file)) for part in parted(profile.text or ""))
    return Text(known | {"introduction": before, "discussion": after}, marks, folder).joined()


def parted(text: str) -> tuple[str, str]:
    """An author's text before and after the results, which stand where `RESULTS` is, or after one section.

    The second part begins with as many empty lines as the first has, so that its lines keep their numbers.
    """
    if RESULTS in text:
        before, _, after = text.partition(RESULTS)
    else:
        sections = [match.start() for match in HEADING.finditer(text) if match[0] == "# "]
        place = sections[1] if sections[1:] else len(text)
        before, after = text[:place], text[place:]
    return before, "\n" * before.count("\n") + after


def as_json(rows: Iterable[dict[str, Any]], indent: int | None = 1) -> bytes:
    """Rows as JSON, for other programs."""
    return (json.dumps([*rows], indent=indent, ensure_ascii=False) + "\n").encode()


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        for path in build(*sys.argv[1:]):
            print(path)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
