"""Build the report of one run: ``python -m report.build --out build/quick --profile quick``.

Reads OUT/metrics, OUT/figures and OUT/notebooks.
Writes OUT/report.html, OUT/report.pdf and OUT/notebooks/*.html, and the latter for further trainings too.
The same inputs give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from diffusion.files import write_bytes
from report import context, pages, render, results
from report import profile as profiles

SOURCE = render.HERE / "report.md"


def build(out: Path, profile: str, source: Path = SOURCE, released: bool = False) -> list[Path]:
    """Write the report and the rendered notebooks of the run in ``out``; returns the written paths.

    Raises:
        ValueError: the run is incomplete or mixed, or the source prints a value that the run does not define.
    """
    out = Path(out).resolve()
    if not out.is_dir():
        raise ValueError(f"{out} is not a folder: run the notebooks first (`make report PROFILE={profile}`)")
    name, parameters = profiles.read(profile)
    run = results.load(out)
    profiles.check_run(run, name, parameters)
    if not released:
        results.check_code(run)
    notebooks = pages.pages(out, results.notebooks(run))
    described = [{"name": p.name, "link": p.file} for p in notebooks]
    text = render.markdown(source.read_text(encoding="utf-8"), context.build(run, name, described))
    if missing := [f for f in render.figures(text) if not (out / f).is_file()]:
        raise ValueError(
            f"{out} lacks {', '.join(missing)}: run the notebooks that draw them, "
            f"or `make report PROFILE={profile}`"
        )
    page, document = render.html(text, out), render.pdf(render.typst_source(text, out), out)
    written = [write_bytes(out / p.file, p.html) for p in notebooks]
    return [*written, write_bytes(out / "report.html", page), write_bytes(out / "report.pdf", document)]


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 on success, 1 with one line on stderr otherwise."""
    parser = argparse.ArgumentParser(prog="python -m report.build", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the run's folder, e.g. build/quick")
    parser.add_argument(
        "--profile", required=True, help="name of a file in profiles/, or the path of a .yaml file"
    )
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
