"""The report of one run: `python -m report.build --out build/quick --profile quick`.

Reads the table, kept images and executed notebooks under OUT, takes figures from cells of notebooks, and
writes report.html and .pdf, rows.html, results.csv, numbers.json, ledger.json and notebooks/*.html. The same
files give the same bytes.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from diffusion.files import write_bytes
from diffusion.provenance import releases
from report import figures, names, pages, render, short, values
from report.run import Run, with_others
from report.sources import Marks, page_of, written
from report.text import TEXT, Text
from report.text_format import Markdown
from study import profile as profiles
from study import results, table

PLAY = render.HERE.parent / "released" / "page" / "cold-zoom.html"  # the page to play with
# In an author's text: the place of the results; a heading of the first level, which no line of code is.
RESULTS, HEADING = "<< results >>", re.compile(r"^(```|~~~).*?^\1|^# ", re.MULTILINE | re.DOTALL)


def build(out: Path | str, profile: str | Path) -> list[Path]:
    """Write the report of the run in `out`, of a profile; returns the written files.

    ValueError: no training is measured, or a placeholder of our own text is wrong.
    """
    out = Path(out).resolve()
    asked = profiles.read(profile)
    found = results.load(out, trainings=asked.trainings)
    if not any(one.measured for one in found.trainings.values()):
        raise ValueError(f"{out} has no training that is measured; `make report` measures them")
    found = with_others(found.labelled(asked.labels), asked)
    notebooks = pages.names(found)
    drawn = figures.written(out, notebooks)
    files = {path.name for path in (out / "figures").glob("*")}
    run = Run(found, asked, notebooks, files)
    marks = Marks()
    text = told(run, marks)
    if marks.missing and (releases() / asked.name).is_dir():
        raise ValueError(f"{marks.missing[0]} is printed, and nothing was read for it")
    text, numbers, rows = written(pages.with_cells(text, drawn), marks, out)
    for name in render.figures(text):
        if Path(name).name not in files:  # its notebook failed
            write_bytes(out / name, (render.TEMPLATES / f"missing{name[-4:]}").read_bytes())
    play = PLAY if run.studied and PLAY.is_file() else None
    made = {
        out / "results.csv": table.as_csv(out),
        out / "numbers.json": as_json(numbers, None),
        out / "rows.html": page_of(rows),
        out / "report.html": render.html(text, out, play),
        out / "report.pdf": render.pdf(render.typst_source(text, out), out),
    }
    if run.studied:
        made[out / "ledger.json"] = as_json(verdict.row() for verdict in run.verdicts.values())
    if play:
        made[out / play.name] = play.read_bytes()
    for path in (out / "notebooks" / f"{name}.ipynb" for name in notebooks):
        made[path.with_suffix(".html")] = pages.page(path, notebooks)
    return [write_bytes(path, content) for path, content in made.items()]


def told(run: Run, marks: Marks) -> str:
    """The report as Markdown: of a run unlike the study the short one; before it, models of one's own."""
    profile = run.profile
    if profile.text and not (run.short or run.mine):
        raise ValueError(f"{profile.where}, report: the study has its own text; leave `text` out")
    given, folder = names.common(run) | short.names(run), TEXT / "short"
    author, file = Text(given, marks, folder, gaps=True), profile.options.get("text", "")
    parts = dict(zip(("introduction", "discussion"), parted(profile.text or ""), strict=True))
    words = {name: lambda part=part: Markdown(author.markdown(part, file)) for name, part in parts.items()}
    own = Text(given | words, marks, folder)
    if run.short:
        return own.joined()
    study = Text(values.names(run), marks)
    return f"{own.joined(('40',))}\n{study.joined(('00', '01'))}" if run.mine else study.joined()


def parted(text: str) -> tuple[str, str]:
    """An author's text before and after the results, which stand where `RESULTS` is, or after one section.

    The second part begins with as many empty lines as the first has, so that its lines keep their numbers.
    """
    if RESULTS in text:
        before, _, after = text.partition(RESULTS)
    else:
        sections = [one.start() for one in HEADING.finditer(text) if one[0] == "# "]
        place = sections[1] if sections[1:] else len(text)
        before, after = text[:place], text[place:]
    return before, "\n" * before.count("\n") + after


def as_json(rows: Iterable[dict[str, Any]], indent: int | None = 1) -> bytes:
    """Rows as JSON, for other programs."""
    return (json.dumps([*rows], indent=indent, ensure_ascii=False) + "\n").encode()


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 on success, 1 with one line on stderr otherwise."""
    parser = argparse.ArgumentParser("python -m report.build", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="the run's folder, e.g. build/quick")
    help_profile = "name of a file in profiles/, or the path of a .yaml file"
    parser.add_argument("--profile", required=True, help=help_profile)
    options = parser.parse_args(arguments)
    try:
        for path in build(options.out, options.profile):
            print(path)
    except (ValueError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
