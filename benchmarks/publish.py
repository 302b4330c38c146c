"""A full run's result into the documents: docs/bench/, and the marked blocks of README.md and docs/speed.md.

A block stands between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`; its content is only ever written from
here. Until a run has been published, it says how to measure.
"""

import re
from pathlib import Path
from typing import Any

from benchmarks import plot, table
from diffusion import figures
from diffusion.files import ROOT, read_json, write_bytes, write_json

DOCUMENTS = ("README.md", "docs/speed.md")
UNMEASURED = "`make bench` measures this; no full run has been published yet.\n"
BLOCK = re.compile(r"(<!-- bench:(\w+) -->\n).*?(<!-- /bench:\2 -->)", re.DOTALL)


def write(bench: dict[str, Any], folder: Path) -> list[Path]:
    """Write bench.json, table.md and the pictures of what there is; returns the paths."""
    paths = [write_json(folder / "bench.json", bench)]
    paths.append(write_bytes(folder / "table.md", table.whole(bench).encode()))
    if any(group["figures"] for group in bench["groups"].values()):
        paths += [figures.save(plot.bench(bench), folder / f"bench.{kind}") for kind in ("svg", "png")]
    if "growth" in bench["groups"]:
        paths += [figures.save(plot.growth(bench), folder / f"growth.{kind}") for kind in ("svg", "png")]
    return paths


def filled(text: str, bench: dict[str, Any] | None) -> str:
    """A document with its blocks written from a result; None: as long as there is none.

    Raises:
        ValueError: a block has a name that is not known.
    """
    parts = table.blocks(bench) if bench else {}

    def content(match: re.Match) -> str:
        begin, name, end = match.groups()
        if bench and name not in parts:
            raise ValueError(f"the block bench:{name} is not known; there are {', '.join(parts)}")
        return begin + parts.get(name, UNMEASURED) + end

    return BLOCK.sub(content, text)


def publish(source: Path, root: Path = ROOT) -> list[Path]:
    """From build/bench/bench.json into the documents.

    Raises:
        ValueError: there is no result, or it is not that of a full and complete run.
    """
    bench = read_json(source / "bench.json")
    if bench["scale"] != "full" or bench["missing"]:
        what = (
            f"of scale {bench['scale']!r}"
            if bench["scale"] != "full"
            else f"without {', '.join(bench['missing'])}"
        )
        raise ValueError(
            f"{source.name}/bench.json is {what}; only a full run is published: `make bench` first"
        )
    paths = write(bench, root / "docs" / "bench")
    for name in DOCUMENTS:
        path = root / name
        paths.append(write_bytes(path, filled(path.read_text(encoding="utf-8"), bench).encode()))
    return paths
