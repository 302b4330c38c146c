"""Values of the section on the mean level of DDPM samples (`study.drift`)."""

from typing import Any

import numpy as np

from report.text_format import Markdown, integer, listing
from study.drift import WATCHED, Course, Level, N
from study.figures.starts import HALF

SMALL = 0.3  # a spread of backgrounds that one hardly sees; those of U-Nets are all smaller by far
BLIND = 0.1  # a response below which a network is called blind


def values(level: Level) -> dict[str, Any]:
    """Values of the section; without drifts there are none."""
    if not level.ways:
        return {"starts": {}, "drift": {}}
    border = np.array([one.border for one in level.ways])
    predicted = np.hypot([one.predicted for one in level.ways], level.real)
    own = [one for one in level.ways if not one.way]
    small = (border < SMALL) & np.array([one.kind != "U-Net" for one in level.ways])
    within = np.abs(np.log2(border / predicted)) < 1
    return {
        "starts": {m: _crossings(ones) for m, ones in level.courses.items()},
        "drift": {
            "n": len(level.ways),
            "trainings": len({one.training for one in level.ways}),
            "followed": N,
            "correlation": _correlation(predicted, border),
            "within": float(within.mean()),
            "small": SMALL,
            "small_of": int(small.sum()),
            "small_within": int(within[small].sum()),
            "of_small": _correlation(predicted[small], border[small]),
            "least": float(border.min()),
            "most": float(border.max()),
            "apart": float(border.max() / border.min()),
            "blind_below": BLIND,
            "finished": [one.border / one.predicted for one in level.finished],
            "blind": [one for one in own if one.response < BLIND],
            "seeing": [one for one in own if one.response > HALF],
        },
    }


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Of the logarithms; 0 of fewer than three."""
    return float(np.corrcoef(np.log(a), np.log(b))[0, 1]) if len(a) > 2 else 0.0


def crossed(course: Course) -> int | None:
    """The first epoch after which the response is above a half; None where it stays below."""
    return next((epoch for epoch, response in course if response > HALF), None)


def _crossings(courses: list[Course]) -> Markdown:
    """Their `crossed` in words."""
    found = sorted(crossed(one) or WATCHED + 1 for one in courses)
    return listing(f"more than {WATCHED}" if epoch > WATCHED else integer(epoch) for epoch in found)
