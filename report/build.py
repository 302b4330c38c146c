"""The report of one run: `python -m report.build --out build/quick --profile quick`.

Reads the records, kept images and executed notebooks under OUT, draws OUT/figures, and writes
OUT/report.html, OUT/report.pdf, OUT/ledger.json and OUT/notebooks/*.html. The same records give the same
bytes.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from diffusion.figures.numbers import keep
from diffusion.files import differences, write_bytes
from diffusion.provenance import releases
from report import beside, beyond, front, guards, own, pages, render, sources, values
from report.text_format import Markdown, code, escape
from report.verdicts.judge import ledger
from study import figures
from study import table as results_table
from study.changes import table
from study.records import Record, Results, Trained, load_results
from study.settings import Profile, read_profile

PROFILES = render.HERE.parent / "profiles"


def build(
    out: Path | str, profile: str | Path, failed: Mapping[str, str] = MappingProxyType({})
) -> list[Path]:
    """Write the report of the run in `out`; returns the written files.

    Args:
        profile: name of a file in profiles/, or the path of one.
        failed: trainings of the profile that are left out, each with the reason: "zoom-0" -> text.

    Raises:
        ValueError: the run is incomplete or not that of the profile.
    """
    out, unknown = Path(out).resolve(), len(sources.register.missing)
    asked = read_profile(profile, PROFILES)
    results = load_results(out, [(m, seed) for m, seed in asked.trainings if f"{m}-{seed}" not in failed])
    check(results, asked)
    results = replace(results, trainings={k: labelled(one, asked) for k, one in results.trainings.items()})
    sources.trace_results(results)
    results = beyond.with_others(results, asked)
    verdicts, notebooks, folder = ledger(results), pages.names(results), out / "figures"
    if failed:  # what compares all models is of an earlier run
        notebooks = [name for name in notebooks if "-" in name]
    if results.further is None and "beyond" in asked.options:
        print(f"released/{asked.options['beyond']} is not there: the report has no section beyond the study")
    short = beside.is_short(results)
    mine = own.models(results)
    studied = [m for m in results.models if m not in mine]
    more = own.figures(results, mine) if mine else {}
    more |= beside.figures(results, mine) if short and studied else {}
    paths = figures.draw(results, folder) + [keep(found, folder / name) for name, found in more.items()]
    paths += front.draw(results, folder) if studied else []
    drawn = {path.name for path in paths}
    said = {"failed": [Markdown(f"{code(name)} ({escape(why)})") for name, why in failed.items()]}
    told = values.common(results, asked, notebooks) | said | own.values(results, asked, mine, drawn)
    told |= beside.values(results, verdicts, mine) if short and studied else {"first": None, "judged": 0}
    text = guards.Text(told, folder=guards.TEXT / "short")
    if short:
        text = text.joined()
    else:
        study = guards.Text(values.build(results, asked, verdicts, notebooks, drawn) | said)
        text = f"{text.joined(('40',))}\n{study.report(('00', '01'))}" if mine else study.report()
    if (missing := sources.register.missing[unknown:]) and (releases() / asked.name).is_dir():
        raise ValueError(f"{missing[0]} is printed, and no record is known that it comes from")
    text, numbers = sources.written(pages.with_cells(text, results, notebooks))
    text += sources.listing(numbers, out)
    if missing := [name for name in render.figures(text) if Path(name).name not in drawn]:
        raise ValueError(f"{out} has no images for {', '.join(missing)}; `make report` makes them")
    written = {
        out / "results.csv": results_table.as_csv(out),
        out / "table.json": as_json([row.json() for row in table(results)]),
        out / "numbers.json": as_json(numbers, None),
        out / "report.html": render.html(text, out),
        out / "report.pdf": render.pdf(render.typst_source(text, out), out),
    }
    if studied:
        written[out / "ledger.json"] = as_json([verdict.row() for verdict in verdicts.values()])
    for path in (out / "notebooks" / f"{name}.ipynb" for name in notebooks):
        written[path.with_suffix(".html")] = pages.page(path, notebooks)
    if studied and front.played():
        written[out / front.PLAY.name] = front.PLAY.read_bytes()
    return [write_bytes(path, content) for path, content in written.items()]


def labelled(one: Trained, profile: Profile) -> Trained:
    """A training by the name that the profile gives its model, if it gives one."""
    label = profile.report.labels.get(one.model, one.train.label)
    return replace(one, train=one.train.model_copy(update={"label": label}))


def check(results: Results, profile: Profile) -> None:
    """Refuse records of other settings than the profile's; say it of measures of a model's further trainings.

    Raises:
        ValueError: there are such, of which the message names the first, or nothing is measured.
    """
    if not any(one.measure for one in results.trainings.values()):
        raise ValueError(f"{results.out} has no training that is measured; `make report` measures them")
    for (model, seed), one in results.trainings.items():
        if profile.analyse(model, seed) and not one.analysis:
            raise ValueError(
                f"there is no analysis of {model}-{seed} in {results.out}, for which {profile.where} asks: "
                f"make retrain PROFILE={profile.name}"
            )
    for what, record, asked, first in compared(results, profile):
        recorded, wanted = (record.settings, asked.values()) if record and asked else ({}, {})
        both = recorded.keys() & wanted.keys()  # a record of an earlier version may lack some
        if found := next(differences({k: recorded[k] for k in both}, {k: wanted[k] for k in both}), None):
            said = f"{what} in {results.out}: {found} in {profile.where}"
            if not first:
                print(f"note: {said}", flush=True)
                continue
            raise ValueError(
                f"{said}; give a changed profile another name, or make retrain PROFILE={profile.name}"
            )


def compared(results: Results, profile: Profile) -> Iterator[tuple[str, Record | None, Any, bool]]:
    """Each record with its name, its settings in the profile, and whether the report rests on it by name."""
    for (model, seed), one in results.trainings.items():
        first = seed == profile.seeds(model)[0]
        yield f"{model}-{seed}", one.train, profile.trainings[model, seed], True
        yield f"the measures of {model}-{seed}", one.measure, profile.measure(model, seed), first
        yield f"the analysis of {model}-{seed}", one.analysis, profile.analyse(model, seed), first
    yield "the yardstick", results.yardstick, profile.yardstick, True
    yield "the schedules", results.schedules, profile.schedules, True


def as_json(rows: list[dict[str, Any]], indent: int | None = 1) -> bytes:
    """Rows of a table as JSON, for other programs."""
    return (json.dumps(rows, indent=indent, ensure_ascii=False) + "\n").encode()


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 on success, 1 with one line on stderr otherwise."""
    parser = argparse.ArgumentParser(prog="python -m report.build", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the run's folder, e.g. build/quick")
    help_profile = "name of a file in profiles/, or the path of a .yaml file"
    parser.add_argument("--profile", required=True, help=help_profile)
    help_failed = "a training to leave out, and why it failed"
    parser.add_argument(
        "--failed", nargs=2, action="append", default=[], metavar=("MODEL-SEED", "WHY"), help=help_failed
    )
    options = parser.parse_args(arguments)
    try:
        for path in build(options.out, options.profile, dict(options.failed)):
            print(path)
    except (ValueError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
