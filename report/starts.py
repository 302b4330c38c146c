"""The mean level of DDPM samples, for the section of that name: responses along training, and the law of drifts.

It rests on all DDPMs that there are: of the run, of the changes beyond the study, and of the released trainings
that were watched from their first epoch (profiles/starts.yaml).
"""

from pathlib import Path
from typing import Any

import numpy as np

from diffusion.figures.style import save
from diffusion.provenance import releases
from report.study import DDPMS
from report.text_format import Markdown, integer, listing
from study.drift import Drift, drifts
from study.figures.starts import HALF, starts
from study.records import Results, load_results, trainings_in

FIGURE = "starts.svg"
WATCHED = 30  # epochs of the courses
BLIND = 0.1  # a response below which a network is called blind
Course = list[tuple[int, float]]  # epoch, response at t = T


def load(name: str) -> Results | None:
    """The released trainings that were watched, or None where there are none."""
    out = releases() / name
    return load_results(out, pairs) if name and (pairs := trainings_in(out)) else None


def courses(*runs: Results | None) -> dict[str, list[Course]]:
    """Schedule -> the course of each training of it that was measured in its first epochs."""
    found: dict[str, list[Course]] = {m: [] for m in DDPMS}
    for one in (one for run in runs if run for one in run.trainings.values()):
        rows = one.measure.curve if one.measure else []
        course = [(row.epoch, row.response.value) for row in rows if row.response and row.epoch <= WATCHED]
        if one.model in found and len(course) > 1:
            found[one.model].append(course)
    return {m: ones for m, ones in found.items() if ones}


def crossed(course: Course) -> int | None:
    """The first epoch after which the response is above a half; None where it stays below."""
    return next((epoch for epoch, response in course if response > HALF), None)


def _crossings(courses: list[Course]) -> Markdown:
    """Their `crossed` in words."""
    found = sorted(crossed(one) or WATCHED + 1 for one in courses)
    return listing(f"more than {WATCHED}" if epoch > WATCHED else integer(epoch) for epoch in found)


def values(watched: dict[str, list[Course]], ways: list[Drift], real: float) -> dict[str, Any]:
    """Values of the section; without drifts there are none.

    Args:
        real: the spread of the border of real images.
    """
    if not ways:
        return {}
    predicted, border = (np.array([getattr(one, name) for one in ways]) for name in ("predicted", "border"))
    factors = border / np.hypot(predicted, real)
    own = [one for one in ways if not one.way]
    return {
        "starts": {m: _crossings(ones) for m, ones in watched.items()},
        "drift": {
            "n": len(ways),
            "correlation": float(np.corrcoef(np.log(np.hypot(predicted, real)), np.log(border))[0, 1]),
            "apart": float(max(border) / min(border)),
            "largest": float(factors.max()),
            "within": float(np.mean((factors > 0.5) & (factors < 2))),
            "blind_below": BLIND,
            "blind": [one for one in own if one.response < BLIND],
            "seeing": [one for one in own if one.response > HALF],
        },
    }


def draw(watched: dict[str, list[Course]], ways: list[Drift], real: float, folder: Path) -> list[Path]:
    """Write the figure; returns the file, if there is anything to draw."""
    return [save(starts(watched, ways, real), folder / FIGURE)] if ways else []
