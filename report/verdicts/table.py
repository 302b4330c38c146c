"""The claims ledger as Markdown: on one page, and in full with rules."""

import inspect
from collections.abc import Mapping
from textwrap import dedent

from report.sources import Source, defined, known
from report.text_format import DASH, FIXED, Markdown, sentence, table
from report.verdicts.effects import BELOW, WITHIN, Effect
from report.verdicts.judge import OPEN, TOO_SMALL, WORDS, Verdict

KINDS = WORDS | {TOO_SMALL: "open"}  # for style sheets
WIDTHS = (5, 44, 58, 4, 44, 34)  # of the columns of the page


def badge(v: Verdict) -> Markdown:
    """A verdict as a span that style sheets colour."""
    return Markdown(f"[{v.verdict}]{{.verdict .{KINDS.get(v.verdict, 'absent')}}}")


def remarks(v: Verdict) -> Markdown:
    """On which single trainings it rests; of an open one why it is, its lean, and what would settle it."""
    single = [model for model, n in v.trainings.items() if n == 1 and v.parts]
    rests = f"rests on one training of {' and of '.join(single)}" if single else ""
    lean = f"leans to *{v.lean}*" if v.lean not in ("", OPEN) else ""
    settles = f"{v.settles} would settle it" if v.settles else ""
    return Markdown("; ".join(filter(None, (v.why, lean, rests, settles))))


def bound(one: Effect, claim: str) -> Markdown:
    """The bound of an effect of a claim, and the range of those that give the same verdict."""

    def ours(x: float) -> Markdown:
        return one.said(defined(x, f"report.claims:{claim}"))

    factor = "a factor of " if one.ratio else ""
    about = f"within {factor}{ours(one.margin)}" if one.margin is not None else ""
    side = "" if one.side == WITHIN else f"{'<' if one.side == BELOW else '>'}{FIXED}{ours(one.bound)}"
    of, low, high = one.same()
    if None in (low, high):
        same = f"all above {one.said(low)}" if high is None else f"all below {one.said(high)}"
    else:
        same = f"{one.said(low)} to {one.said(high)}"
    what = f"{of}s: " if about and side else ""
    return Markdown(f"{' or '.join(filter(None, (side, about)))} ({what}{same})")


def fewest(v: Verdict, place: int) -> int:
    """Trainings of the model with the fewest; the claim is at that place of the ledger."""
    return known(v.fewest, [Source("ledger.json", f"/{place}/trainings/{m}") for m in v.trainings], "min")


def glance(verdicts: Mapping[str, Verdict]) -> Markdown:
    """The ledger on a page: a row for every claim with the number that decides it."""
    rows = []
    for number, v in enumerate(verdicts.values(), 1):
        link = Markdown(f"[{number}](#claim-{v.claim.id})")
        decide = [one for one in v.decides if one.side]
        shown = "; ".join(f"{one.name}: {one.shown()}" for one in decide)
        beside = "; ".join(f"{one.name}: {one.shown()}" for one in v.decides if not one.side)
        shown = Markdown(shown + (f" (beside it: {beside})" if beside else "")) or DASH
        bounds = Markdown("; ".join(bound(one, v.claim.id) for one in decide)) or DASH
        more = v.settles if v.verdict == OPEN else "one training" if v.fewest == 1 and v.parts else ""
        verdict = Markdown(f"{badge(v)} {more}".strip())
        rows.append([link, Markdown(v.claim.short), shown, fewest(v, number - 1) or DASH, bounds, verdict])
    number, bounds = "The number that decides, with its 95% interval", "Bound (those with the same verdict)"
    return table(["No.", "Claim", number, Markdown("$n$"), bounds, "Verdict"], rows, WIDTHS)


def claims(verdicts: Mapping[str, Verdict]) -> Markdown:
    """Every claim with its rule, what was measured, and the function that measures it: a block each."""
    blocks = []
    for number, v in enumerate(verdicts.values(), 1):
        one, more = v.claim, remarks(v)
        before = " *Made before the data were seen.*" if one.made_before else ""
        bounds = "; ".join(f"{part.name} {bound(part, one.id)}" for part in v.parts if part.side)
        lines = [
            f"**{number}.** {one.text} ({one.section}) {badge(v)}",
            f"*Measured:* {v.measured} {sentence(more) if more else ''}".strip(),
            f"*Holds:* {one.rule}{before}",
            *([f"*Bounds (those with the same verdict):* {bounds}."] if bounds else []),
        ]
        source = dedent(inspect.getsource(one.measure)).partition("\ndef ")[2]
        lines.append(f"~~~ python\ndef {source.strip()}\n~~~")
        blocks.append(f"::: {{.claim #claim-{one.id}}}\n" + "\n\n".join(lines) + "\n:::")
    return Markdown("\n\n".join(blocks))
