"""The slow start of DDPMs: the response to an offset along training, and what follows from it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffusion.figures.style import INK, MUTED, new_figure
from study import drift
from study.figures.curves import PLAIN, STYLES, logarithmic
from study.figures.styles import MODELS, figure, key
from study.results import Results

KINDS = {  # of networks
    kind: {"color": colour, "marker": marker, "linestyle": "none"}
    for kind, colour, marker in (
        ("study's network", INK, "^"),
        *((kind, *STYLES[i][::2]) for i, kind in enumerate(("dilated", "RMS norm", "U-Net"), 3)),
    )
}
HOLLOW = {"color": INK, "marker": "o", "markerfacecolor": "none", "linestyle": "none"}
HALF = 0.5  # the response at t = T above which an ancestral step makes an offset smaller


@figure
def starts(results: Results) -> Figure | None:
    """Response at t = T by epoch; distance against it; the spread of the border, predicted and measured."""
    if not (drifts := drift.ways(results)):
        return None
    courses, real = drift.courses(results), drift.real(results)
    drawn = new_figure(50)
    along, across, law = drawn.subplots(1, 3)
    lines = {model: {"color": MODELS[model].colour, "linestyle": MODELS[model].line} for model in courses}
    for schedule, trainings in courses.items():
        for i, course in enumerate(trainings):
            along.plot(*zip(*course, strict=True), **lines[schedule], alpha=1 - 0.25 * i)
    half = {"color": MUTED, "linewidth": 0.8, "linestyle": ":"}
    along.axhline(HALF, **half)
    along.set(xlabel="epoch", ylabel="response at $t = T$", ylim=(-0.03, 1.03))
    across.axvline(HALF, **half)
    own = [one for one in drifts if not one.way]
    _points(across, own, [one.response for one in own], [one.distance for one in own])
    across.set(xlabel="response at $t = T$", ylabel="Fréchet distance", xlim=(-0.05, 1.05))
    logarithmic(across, [one.distance for one in own])
    by_law = np.hypot([one.predicted for one in drifts], real)  # samples differ as real images do, too
    _points(law, drifts, by_law, [one.border for one in drifts])
    drawn.plots("predicted spread (x), measured spread", by_law, [one.border for one in drifts])
    law.axline((1, 1), slope=1, color=MUTED, linewidth=0.8)
    law.set(xlabel="predicted s.d. of the level", ylabel="measured s.d.", xscale="log", yscale="log")
    for axis in (law.xaxis, law.yaxis):
        axis.set_major_formatter(PLAIN)
    there = {one.kind for one in drifts}
    key(drawn, lines | {kind: look for kind, look in KINDS.items() if kind in there} | {"DDIM": HOLLOW})
    return drawn


def _points(axes: Axes, drifts: Sequence[drift.Drift], x: Sequence[float], y: Sequence[float]) -> None:
    for one, *at in zip(drifts, x, y, strict=True):
        axes.plot(*at, **KINDS[one.kind] | ({"markerfacecolor": "none"} if one.ddim else {}))
