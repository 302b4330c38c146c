"""The report of one run: `python -m report.build --out build/quick --profile quick`.

Reads the records, kept images and executed notebooks under OUT, draws OUT/figures, and writes
OUT/report.html, OUT/report.pdf, OUT/ledger.json and OUT/notebooks/*.html. The same records give the same
bytes.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from diffusion.files import differences, write_bytes
from diffusion.provenance import releases
from report import beside, beyond, front, guards, pages, render, sources, values
from report.verdicts.judge import ledger
from study import figures
from study.changes import table
from study.records import Results, load_results
from study.settings import Profile, read_profile

PROFILES = render.HERE.parent / "profiles"


def build(out: Path | str, profile: str | Path) -> list[Path]:
    """Write the report of the run in `out`; returns the written files.

    Args:
        profile: name of a file in profiles/, or the path of one.

    Raises:
        ValueError: the run is incomplete or not that of the profile.
    """
    out, unknown = Path(out).resolve(), len(sources.register.missing)
    asked = read_profile(profile, PROFILES)
    results = load_results(out, asked.trainings)
    check(results, asked)
    sources.trace_results(results)
    further = beyond.load(str(asked.options.get("beyond", "")))
    verdicts, notebooks, folder = ledger(results, further), pages.names(results), out / "figures"
    if further is None and "beyond" in asked.options:
        print(f"released/{asked.options['beyond']} is not there: the report has no section beyond the study")
    short = beside.is_short(results)
    original = beyond.load(str(asked.options.get("original", "")))
    watched = beyond.load(str(asked.options.get("starts", "")))
    results = replace(results, further=further, original=original, watched=watched)
    paths = figures.draw(results, folder) + front.draw(results, folder)
    paths += beside.draw(results, folder) if short else []
    drawn = {path.name for path in paths}
    if short:
        text = beside.report(
            values.common(results, asked, notebooks) | beside.values(results, verdicts, drawn)
        )
    else:
        text = guards.Text(values.build(results, asked, verdicts, notebooks, drawn)).report()
    if (missing := sources.register.missing[unknown:]) and (releases() / asked.name).is_dir():
        raise ValueError(f"{missing[0]} is printed, and no record is known that it comes from")
    text, numbers = sources.written(text)
    text += sources.listing(numbers, out)
    if missing := [name for name in render.figures(text) if Path(name).name not in drawn]:
        raise ValueError(f"{out} has no images for {', '.join(missing)}; `make report` makes them")
    written = {
        out / "ledger.json": as_json([verdict.row() for verdict in verdicts.values()]),
        out / "table.json": as_json([row.json() for row in table(results)]),
        out / "numbers.json": as_json(numbers, None),
        out / "report.html": render.html(text, out),
        out / "report.pdf": render.pdf(render.typst_source(text, out), out),
    }
    for path in (out / "notebooks" / f"{name}.ipynb" for name in notebooks):
        written[path.with_suffix(".html")] = pages.page(path, notebooks)
    if front.played():
        written[out / front.PLAY.name] = front.PLAY.read_bytes()
    return [write_bytes(path, content) for path, content in written.items()]


def check(results: Results, profile: Profile) -> None:
    """Refuse records of other settings than the profile's; say it of measures of a model's further trainings.

    Raises:
        ValueError: there are such, of which the message names the first, or nothing is measured.
    """
    if not any(one.measure for one in results.trainings.values()):
        raise ValueError(f"{results.out} has no training that is measured; `make report` measures them")
    for (model, seed), one in results.trainings.items():
        if profile.analyse(model, seed) and not one.analysis and (model, seed) in profile.trainings:
            raise ValueError(
                f"there is no analysis of {model}-{seed} in {results.out}, for which {profile.where} asks: "
                f"make retrain PROFILE={profile.name}"
            )
    for what, recorded, wanted, first in compared(results, profile):
        both = recorded.keys() & wanted.keys()  # a record of an earlier version may lack some
        if found := next(differences({k: recorded[k] for k in both}, {k: wanted[k] for k in both}), None):
            said = f"{what} in {results.out}: {found} in {profile.where}"
            if not first:
                print(f"note: {said}", flush=True)
                continue
            raise ValueError(
                f"{said}; give a changed profile another name, or make retrain PROFILE={profile.name}"
            )


def compared(
    results: Results, profile: Profile
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any], bool]]:
    """Each record's name, its settings, those of the profile, and whether the report rests on it by name."""
    for (model, seed), wanted in profile.trainings.items():
        one, first = results.trainings[model, seed], seed == profile.seeds(model)[0]
        yield f"{model}-{seed}", one.train.settings, wanted.values(), True
        if one.measure:
            asked = profile.measure(model, seed).values()
            yield f"the measures of {model}-{seed}", one.measure.settings, asked, first
        if one.analysis and (analyse := profile.analyse(model, seed)):
            yield f"the analysis of {model}-{seed}", one.analysis.settings, analyse.values(), first
    if results.yardstick and profile.yardstick:
        yield "the yardstick", results.yardstick.settings, profile.yardstick.values(), True
    yield "the schedules", results.schedules.settings, profile.schedules.values(), True


def as_json(rows: list[dict[str, Any]], indent: int | None = 1) -> bytes:
    """Rows of a table as JSON, for other programs."""
    return (json.dumps(rows, indent=indent, ensure_ascii=False) + "\n").encode()


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 on success, 1 with one line on stderr otherwise."""
    parser = argparse.ArgumentParser(prog="python -m report.build", description=__doc__.splitlines()[0])
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
