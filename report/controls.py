"""What the controls of `diffusion.controls` found, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from report.evidence import above
from report.text import Markdown, escape, listing, percent, span


def clipping(clipped: Mapping[str, Any]) -> Markdown:
    """What clipping does to a DDPM's samples, by the intervals of the paired differences: ends a sentence."""
    grey = {
        True: "brightens the backgrounds that are seen",
        False: "darkens the backgrounds that are seen",
        None: "does not change the backgrounds that are seen discernibly",
    }
    distance = {
        True: "takes the samples further from the data",
        False: "brings the samples closer to the data",
        None: "makes no discernible difference to the distance",
    }
    gap = clipped["gap"]
    return Markdown(f"{grey[above(gap['background'], 0)]} and {distance[above(gap['digits'], 0)]}")


def float32(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Which models' samples lie further from the data, or nearer, if drawn in float32 instead of bfloat16."""
    if not found:
        return None
    gaps = {m: row["gap"]["digits"] for m, row in found.items()}
    away = {m: above(gap, 0) for m, gap in gaps.items()}
    shown = {m: span(gap["mean"], gap["low"], gap["high"]) for m, gap in gaps.items()}
    unread = {m: percent(row["fp32"]["not_digit"]["share"], 1) for m, row in found.items()}
    return {
        "n": next(iter(found.values()))["fp32"]["n"],
        "gaps": listing(Markdown(f"{gap} ({escape(m)})") for m, gap in shown.items()),
        "unread": listing(Markdown(f"{share} ({escape(m)})") for m, share in unread.items()),
        "nearer": [m for m, further in away.items() if further is False],
        "further": [m for m, further in away.items() if further],
    }
