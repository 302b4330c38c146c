"""The mean level of DDPM samples: responses of networks along training, and the law of drifts.

It rests on all DDPMs that there are: of the run, of the changes beyond the study, and of released trainings
whose every early epoch is measured (profiles/starts.yaml).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from diffusion.figures.style import save
from diffusion.provenance import releases
from report.study import DDPMS
from report.text_format import Markdown, integer, listing
from study.drift import Drift, N, drifts
from study.figures.starts import HALF, starts
from study.records import Results, load_results, trainings_in
from study.settings import Profile

FIGURE = "starts.svg"
WATCHED = 30  # epochs of the courses
SMALL = 0.3  # a spread of backgrounds that one hardly sees
BLIND = 0.1  # a response below which a network is called blind
Course = list[tuple[int, float]]  # epoch, response at t = T


@dataclass(frozen=True)
class Starts:
    """The response at t = T along training, by schedule, and what becomes of the level of samples.

    Attributes:
        courses: schedule -> the course of each training of it that was measured in its first epochs.
        ways: every way in which samples of a DDPM were drawn.
        real: the spread of the border of real images.
    """

    courses: dict[str, list[Course]]
    ways: list[Drift]
    real: float

    @classmethod
    def of(cls, results: Results, beyond: Results | None, profile: Profile) -> Self:
        """Of a run, of the changes beyond the study, and of the release that its profile names for it."""
        name = str(profile.options.get("starts", ""))
        out = releases() / name
        watched = load_results(out, pairs) if name and (pairs := trainings_in(out)) else None
        runs = [one for one in (results, beyond, watched) if one]
        courses: dict[str, list[Course]] = {m: [] for m in DDPMS}
        for one in (one for run in runs for one in run.trainings.values()):
            rows = one.measure.curve if one.measure else []
            course = [
                (row.epoch, row.response.value) for row in rows if row.response and row.epoch <= WATCHED
            ]
            if one.model in courses and len(course) > 1:
                courses[one.model].append(course)
        ways = [way for run in runs for way in drifts(run)]
        real = next(one.measure.real.border.sd for one in results.trainings.values() if one.measure)
        return cls({m: ones for m, ones in courses.items() if ones}, ways, real)

    def values(self) -> dict[str, Any]:
        """Values of the section; without drifts there are none."""
        if not self.ways:
            return {"starts": {}, "drift": {}}
        border = np.array([one.border for one in self.ways])
        predicted = np.hypot([one.predicted for one in self.ways], self.real)
        own, small = [one for one in self.ways if not one.way], border < SMALL
        last = {m: [crossed(one) or WATCHED + 1 for one in ones] for m, ones in self.courses.items()}
        return {
            "starts": {m: _crossings(ones) for m, ones in self.courses.items()}
            | {"linear_first": len(last) == 2 and max(last["linear"]) < min(last["cosine"])},
            "drift": {
                "n": len(self.ways),
                "trainings": len(own),
                "followed": N,
                "correlation": _correlation(predicted, border),
                "of_small": _correlation(predicted[small], border[small]),
                "apart": float(border.max() / border.min()),
                "within": float(np.mean(np.abs(np.log2(border / predicted)) < 1)),
                "blind_below": BLIND,
                "blind": [one for one in own if one.response < BLIND],
                "seeing": [one for one in own if one.response > HALF],
            },
        }

    def draw(self, folder: Path) -> list[Path]:
        """Write the figure; returns the file, if there is anything to draw."""
        return [save(starts(self.courses, self.ways, self.real), folder / FIGURE)] if self.ways else []


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
