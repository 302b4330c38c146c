"""Measure everything and say how it compares: `make bench`, or by hand

    python -m benchmarks                            everything, about half an hour on two cores
    python -m benchmarks --only training,zoom       some groups
    python -m benchmarks --quick                    small sizes: does it run?
    python -m benchmarks --publish                  a full run's result into README.md and docs/

A group's result is written when it is there; the same command goes on after the last one. It leaves
bench.json, table.md and pictures in build/bench/, or build/bench-quick/.
"""

import argparse
import sys
from pathlib import Path

from benchmarks import publish, results, table
from benchmarks.groups import GROUPS, LONG
from benchmarks.settings import OUT, SCALES, of_scale
from diffusion.data import DataError
from diffusion.files import ROOT
from diffusion.runs import RunError


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def chosen(only: str | None, scale: str, parser: argparse.ArgumentParser) -> list[str]:
    """The groups to measure."""
    if only is None:
        return [name for name in GROUPS if scale == "full" or name not in LONG]
    names = only.split(",")
    for name in names:
        if name not in GROUPS:
            parser.error(f"--only {name!r}; allowed: {', '.join(GROUPS)}, separated by commas")
    return names


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="GROUP[,GROUP]", help=f"some of {', '.join(GROUPS)}")
    parser.add_argument("--quick", action="store_const", const="quick", default="full", dest="scale")
    parser.add_argument("--scale", choices=SCALES, help=argparse.SUPPRESS)
    parser.add_argument("--fresh", action="store_true", help="measure again what was measured before")
    parser.add_argument("--publish", action="store_true", help="into README.md and docs/; measures nothing")
    parser.add_argument("--out", type=Path, help="folder of the results")
    options = parser.parse_args(arguments)
    out = options.out or (OUT if options.scale == "full" else OUT.with_name(f"bench-{options.scale}"))
    settings = of_scale(options.scale, out.absolute())
    if options.publish:
        try:
            print("\n".join(f"written: {shown(path)}" for path in publish.publish(settings.out)))
        except ValueError as error:
            sys.exit(f"error: {error}")
        return 0
    failed = []
    for name in chosen(options.only, options.scale, parser):
        try:
            results.run(name, settings, options.fresh)
        except (
            DataError,
            RunError,
            RuntimeError,
            ValueError,
            OSError,
        ) as error:  # the others are worth having
            print(f"{name}: FAILED: {error}", file=sys.stderr, flush=True)
            failed.append(name)
    bench = results.gather(settings)
    paths = publish.write(bench, settings.out)
    print("\n" + table.whole(bench))
    print("\n".join(f"written: {shown(path)}" for path in paths))
    if failed:
        print(f"failed: {', '.join(failed)}; the same command tries them again", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
