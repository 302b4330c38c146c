"""Build the report of one run.

    python -m report.pages.build build/quick quick      folder of the run, and its profile

Reads the table, kept images and executed notebooks in OUT, and takes figures from the cells of notebooks.
Writes report.html, report.pdf, rows.html, results.csv, numbers.json, ledger.json and notebooks/*.html.
Equal inputs give equal bytes.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from diffusion.files import write_bytes
from diffusion.places import releases
from report import profile as profiles
from report.pages import figures, names, own, render
from report.pages import notebooks as pages
from report.pages.names import ReportRun, as_json
from report.pages.sources import Marks, render_rows, write_sources
from report.places import PLAY, ROOT, paper
from report.results import table
from report.results.counterparts import list_studied


def build(out: Path | str, profile: str | Path) -> list[Path]:
    """Write the report of a run.

    Args:
        out: folder of the run.
        profile: name or path of its profile.

    Returns:
        The files that were written.

    Raises:
        ValueError: a run is not measured, or a placeholder of the text is wrong.
    """
    out, profile = Path(out).resolve(), profiles.read(profile)
    results = names.read(out, profile)
    if unmeasured := [training.name for training in results.trainings.values() if not training.measured]:
        message = f"{', '.join(unmeasured)} in {out} is not measured; run `make report`, which measures it"
        raise ValueError(message)
    notebooks = pages.list_notebooks(results)
    drawings = figures.write_figures(out, notebooks)
    pictures = {path.name for path in (out / "figures").glob("*")}
    run, marks = ReportRun(results, profile, notebooks, pictures), Marks()
    content = (paper() if profile.file.report.kind else own).content(run, marks)
    if marks.missing and (releases() / profile.name).is_dir():
        raise ValueError(f"the text prints {marks.missing[0]} without reading a row of the table for it")
    text, numbers, rows = write_sources(pages.link_figures(content.text, drawings), marks, out)
    for name in render.figures(text):
        if Path(name).name not in pictures:  # the notebook that draws it failed
            write_bytes(out / name, (render.TEMPLATES / f"missing{name[-4:]}").read_bytes())
    play = PLAY if list_studied(results) and PLAY.is_file() else None
    paths = [out / "notebooks" / f"{name}.ipynb" for name in notebooks]
    titles = pages.read_titles(paths)
    with ThreadPoolExecutor() as pool:  # pandoc takes half of the time, and uses one core
        rendered = pool.map(lambda path: pages.render_page(path, titles), paths)
        files = {
            "results.csv": table.as_csv(out),
            "numbers.json": as_json(numbers, None),
            "rows.html": render_rows(rows),
            "report.html": render.html(text, out, play),
            "report.pdf": render.pdf(render.typst_source(text, out), out),
            **content.files,
        }
        files |= {f"notebooks/{path.stem}.html": page for path, page in zip(paths, rendered, strict=True)}
    if play:
        root = os.path.relpath(ROOT, out).encode()  # the page links to it from two folders below
        files[play.name] = play.read_bytes().replace(b'href="../..', b'href="' + root)
    return [write_bytes(out / name, data) for name, data in files.items()]


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        written = build(*sys.argv[1:])
        print(f"Report ready: {sys.argv[1]}/report.html, report.pdf and {len(written) - 2} further files")
    except (ValueError, OSError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
