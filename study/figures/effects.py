"""Figures of the experiments: effects of changes, and few calls."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from diffusion.figures.style import INK, MUTED, new_figure
from study.figures.curves import STYLES, styles_of
from study.figures.styles import dot, figure, key, on_logs
from study.results import Results

KINDS = ("in the zoom", "in the blur", "in the pixelate")
QUIET = "without sampling noise"  # as the study samples; so do all the others that are shown
SHOWN = {  # effect, and the part of the sets in which it is told -> its row
    **{("training noise", kind): f"training noise, {kind}" for kind in KINDS},
    **{("joint start", kind): f"joint start, {kind}" for kind in KINDS},
    **{(f"{kind} for zoom", QUIET): f"{kind} for zoom" for kind in ("blur", "pixelation")},
}
COLOURS = {"training noise": STYLES[0].colour, "joint start": STYLES[1].colour}
PANELS = {  # measure -> its title, the factor of its values, the place of no effect, ticks
    "digit": ("digits", 100, 0, (-40, 0, 40)),
    "frechet": ("distance,\ndigit features", 1, 1, (0.5, 1, 2)),
    "frechet_autoencoder": ("distance,\nautoencoder", 1, 1, (0.5, 1, 2)),
}


@figure
def effects(results: Results) -> Figure | None:
    """A row for each effect, a panel for each measure: the effect and its interval over seeds.

    All are of sets without noise on the way.
    """
    if not (job := results.effects):
        return None
    ways = [way for way in SHOWN if all(one in job.ways.get(", ".join(way), ()) for one in PANELS)]
    drawn = new_figure(54)
    across = drawn.subplots(1, len(PANELS), sharey=True)
    for axes, (measure, (title, times, none, ticks)) in zip(across, PANELS.items(), strict=True):
        axes.axvline(none, color=MUTED, linewidth=0.8)
        for place, way in enumerate(ways):
            dot(axes, job.ways[", ".join(way)][measure], place, COLOURS.get(way[0], INK), times)
        if none:
            on_logs(axes.xaxis)
        axes.set_xticks(ticks)
        axes.set(title=title, xlabel="ratio" if none else "points", ylim=(len(ways) - 0.5, -0.5))
        axes.grid(False, axis="y")
    across[0].set_yticks(range(len(ways)), [SHOWN[way].replace("pixelate", "pixelation") for way in ways])
    return drawn


FEW = {"zoom_unet_noise": "zoom, noise in training", "cosine_unet": "cosine DDPM"}  # model -> its name
OF_CALLS = {"digit": "share of digits", "frechet": "distance, digit features"}
OF_CALLS |= {"frechet_autoencoder": "distance, autoencoder"}


@figure
def few_calls(results: Results) -> Figure | None:
    """Share of digits and distances against network calls: dots of trainings, a line through their means.

    Each is of the way that was the best at it on other samples, of as many ways of either kind of model.
    """
    if not (job := (results.beyond or results).calls):
        return None
    drawn, styles, looks = new_figure(46), styles_of(FEW), {}
    for axes, (measure, title) in zip(drawn.subplots(1, 3), OF_CALLS.items(), strict=True):
        for model, name in FEW.items():
            look = {"color": styles[model].colour, "marker": styles[model].marker, "markersize": 3}
            rows = [row for row in job.rows if row.measure == measure and row.model.startswith(f"{model}-")]
            values = pd.Series([row.interval.value for row in rows], [row.x for row in rows])
            axes.plot(values, **look, linestyle="none")
            axes.plot(values.groupby(level=0).mean(), color=look["color"], linewidth=1)
            looks[name] = look
        on_logs(axes.xaxis)
        axes.set(xlabel="network calls a sample", title=title, xticks=values.index.unique())
        if measure == "digit":
            axes.set_ylim(0, 1)
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        else:
            on_logs(axes.yaxis)
    key(drawn, looks)
    return drawn
