"""The history of the rules that were made or changed after data had been seen (`text/deviations.yaml`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from diffusion.evaluation.statistics import Interval
from paper.claims.ledger import Verdict, with_limit
from report.pages.sources import note_definition
from report.pages.text import Names
from report.pages.text_format import DASH, Markdown, fixed, listing, sentence, shown

FILE = Path(__file__).resolve().parent / "text" / "deviations.yaml"


def list_deviations(verdicts: Mapping[str, Verdict]) -> list[Names]:
    """The rows of the table of deviations; a cell reads its numbers when the text prints it."""
    return [_row(entry, verdicts) for entry in yaml.safe_load(FILE.read_text("utf-8"))]


def _row(entry: Mapping[str, Any], verdicts: Mapping[str, Verdict]) -> Names:
    known, day = [verdicts[name] for name in entry["claims"] if name in verdicts], entry["date"]

    def seen() -> Markdown:
        if "ratio" not in entry:
            return Markdown(entry["seen"])
        number = note_definition(Interval(*entry["ratio"]), "deviations")
        return Markdown(f"{entry['seen'].removesuffix('.')}: {shown(number, fixed)}.")

    def after() -> Markdown:  # with today's verdict where the rule is today's
        return _cell(entry["after"], entry.get("then") or (with_limit(known[0]) if known else ""))

    return Names(
        {
            "date": Markdown(f"{day.day}\N{NO-BREAK SPACE}{day:%b}"),
            "claims": lambda: listing(verdict.number for verdict in known) if known else DASH,
            "seen": seen,
            "before": _cell(entry["before"], entry["verdict"]),
            "after": after,
        }
    )


def _cell(rule: str, verdict: str) -> Markdown:
    return Markdown(f"{rule} *{sentence(Markdown(verdict))}*" if verdict else rule)
