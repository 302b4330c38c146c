"""The claims ledger as Markdown: on one page, and in full with rules."""

from collections.abc import Mapping

from report.text_format import DASH, FIXED, Markdown, sentence, table
from report.verdicts.effects import MOST_TRAININGS
from report.verdicts.judge import ABSENT, BY_MEASURE, OPEN, SAME, TOO_SMALL, WORDS, Verdict

KINDS = WORDS | {TOO_SMALL: "open"}  # for style sheets
WIDTHS = (6, 51, 66, 4, 58)  # of the columns of the page


def badge(v: Verdict, words: str) -> Markdown:
    """A verdict as a span that style sheets colour."""
    return Markdown(f"[{words}]{{.verdict .{KINDS.get(v.verdict, 'absent')}}}")


def remarks(v: Verdict) -> Markdown:
    """The reason of a verdict; of an undecided one its lean, too, and how many trainings would decide it."""
    if v.verdict not in (OPEN, TOO_SMALL):
        return v.why
    lean = "leans neither way" if v.lean in (OPEN, ABSENT) else f"leans to *{v.lean}*"
    parts = (lean, v.why, needed(v) if v.verdict == OPEN and v.effect else "")
    return Markdown("; ".join(filter(None, parts)))


def needed(v: Verdict) -> str:
    """About how many trainings of each model would decide it."""
    if v.reason == BY_MEASURE:
        return "more trainings would not decide it"
    if v.needed is None:
        return f"more than {MOST_TRAININGS} trainings would be needed"
    return f"about {v.needed} trainings would decide it"


def in_short(v: Verdict) -> str:
    """The same in a few words, for an undecided claim; the margin, for one without a difference."""
    if v.verdict == SAME:
        return f"beyond {v.claim.margin}"
    if v.verdict != OPEN:
        return ""
    lean = "" if v.lean in (OPEN, ABSENT) else f"→ {v.lean}; "
    trainings = f", {v.needed or f'> {MOST_TRAININGS}'}" if v.effect and v.reason != BY_MEASURE else ""
    return f"{lean}{v.reason}{trainings}"


def glance(verdicts: Mapping[str, Verdict]) -> Markdown:
    """The ledger on a page: a row for every claim with the number that decides it."""
    rows = []
    for number, v in enumerate(verdicts.values(), 1):
        decides = Markdown(f"{v.effect.name}: {v.effect.shown()}") if v.effect else DASH
        link = Markdown(f"[{number}](#claim-{v.claim.id})")
        short = Markdown(v.claim.short + (f"{FIXED}†" if v.claim.changed else ""))
        verdict = Markdown(f"{badge(v, v.verdict)} {in_short(v)}".strip())
        rows.append([link, short, decides, v.trainings or DASH, verdict])
    number = "The number that decides, with its 95% interval"
    return table(["No.", "Claim", number, Markdown("$n$"), "Verdict"], rows, WIDTHS)


def claims(verdicts: Mapping[str, Verdict]) -> Markdown:
    """Every claim with its rule and what was measured, a block each."""
    blocks = []
    for number, v in enumerate(verdicts.values(), 1):
        one, more = v.claim, remarks(v)
        fails = "" if one.fails == "Otherwise." else f" *Does not hold:* {one.fails}"
        same = f" *No difference:* the interval stays within {one.margin} of none." if one.margin else ""
        lines = [
            f"**{number}.** {one.text} ({one.section}) {badge(v, v.label)}",
            f"*Measured:* {v.measured} {sentence(more) if more else ''}".strip(),
            f"*Holds:* {one.rule}{fails}{same}",
        ]
        if one.changed:  # how, says the ledger's file
            lines.append("*Rule made or changed after the data were seen.*")
        blocks.append(f"::: {{.claim #claim-{one.id}}}\n" + "\n\n".join(lines) + "\n:::")
    return Markdown("\n\n".join(blocks))
