"""The table of deviations: rules that were made or changed after data had been seen.

`paper/text/deviations.yaml` contains the history. The verdict by a former rule on today's rows is computed
(`paper.claims.former`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from diffusion.evaluation.statistics import Interval
from paper.claims import former
from paper.claims.ledger import WORDS, Verdict, with_limit
from report.pages.sources import note_definition
from report.pages.text_format import DASH, Markdown, fixed, listing, sentence, shown
from report.results.views import Results

FILE = Path(__file__).resolve().parent / "text" / "deviations.yaml"
KEYS = {"date", "commit", "ledgers", "claims", "seen", "ratio", "before", "verdict", "after", "then", "today"}


@dataclass(frozen=True)
class Deviation:
    """A rule that was made or changed after data had been seen.

    Attributes:
        entry: the entry of the file.
        verdicts: verdicts of today's rules, by claim.
        by_former: the verdict of the former rule on today's rows; None if it cannot be computed.
    """

    entry: Mapping[str, Any]
    verdicts: Mapping[str, Verdict]
    by_former: Verdict | None = None

    @property
    def date(self) -> Markdown:
        day = self.entry["date"]
        return Markdown(f"{day.day}\N{NO-BREAK SPACE}{day:%b}")

    @property
    def claims(self) -> Markdown:
        """The numbers of the claims that the change concerns; a dash for a claim that is left out."""
        places = [self.verdicts[name].number for name in self.entry["claims"] if name in self.verdicts]
        return listing(places) if places else DASH

    @property
    def seen(self) -> Markdown:
        """What had been measured, with the deciding number of that time."""
        text = Markdown(self.entry["seen"])
        if "ratio" not in self.entry:
            return text
        number = note_definition(Interval(*self.entry["ratio"]), "deviations")
        return Markdown(f"{text.removesuffix('.')}: {shown(number, fixed)}.")

    @property
    def verdict(self) -> Markdown:
        """The verdict by the rule before, at that time."""
        return Markdown(self.entry["verdict"])

    @property
    def then(self) -> Markdown:
        """The first verdict by the rule after; today's if the rule is today's; empty for no verdict."""
        if "then" in self.entry:
            return Markdown(self.entry["then"])
        first = self.entry["claims"][0]
        return with_limit(self.verdicts[first]) if first in self.verdicts else Markdown("")

    @property
    def before(self) -> Markdown:
        """The rule before, with its verdict."""
        return _with_verdict(self.entry["before"], self.verdict)

    @property
    def after(self) -> Markdown:
        """The rule after, with its verdict."""
        return _with_verdict(self.entry["after"], self.then)

    @property
    def changed(self) -> bool:
        """Whether the change of the rule changed the verdict."""
        return self.then != self.verdict

    @property
    def today(self) -> Markdown:
        """The verdict by the rule before on today's rows, with the number that decides."""
        if not self.by_former:
            return DASH
        number = self.by_former.decides[0].shown()
        return Markdown(f"{with_limit(self.by_former)}, {number}")

    @property
    def today_word(self) -> str:
        """The same verdict in a word, for conditions; empty if it cannot be computed."""
        return WORDS[self.by_former.verdict] if self.by_former else ""


def _with_verdict(rule: str, verdict: Markdown) -> Markdown:
    return Markdown(f"{rule} *{sentence(verdict)}*" if verdict else rule)


def read_entries(file: Path = FILE) -> list[dict[str, Any]]:
    """The entries of the file; ValueError: an entry has an unknown key or rule."""
    entries = yaml.safe_load(file.read_text(encoding="utf-8"))
    for entry in entries:
        if unknown := entry.keys() - KEYS:
            raise ValueError(f"{file.name}: unknown key {min(unknown)!r} in the entry of {entry['date']}")
        if (name := entry.get("today")) and name not in former.RULES:
            raise ValueError(
                f"{file.name}: no former rule is named {name!r}; known: {', '.join(former.RULES)}"
            )
    return entries


def list_deviations(results: Results, verdicts: Mapping[str, Verdict]) -> list[Deviation]:
    """The table of deviations, in the order of its dates."""
    return [
        Deviation(
            entry, verdicts, former.judge_today(name, results) if (name := entry.get("today")) else None
        )
        for entry in read_entries()
    ]
