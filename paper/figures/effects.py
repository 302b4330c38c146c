"""The figure of the effects of changes to cold models."""

from matplotlib.figure import Figure

from report.figures.curves import STYLES
from report.figures.print_style import INK, MUTED, new_figure
from report.figures.styles import dot, figure, on_logs
from report.results.views import Results

KINDS = ("in the zoom", "in the blur", "in the pixelate")
QUIET = "without sampling noise"  # as in the original study, and in all other sets of this figure
SHOWN = {  # effect and subset of the sets -> label of the row
    **{("training noise", kind): f"training noise, {kind}" for kind in KINDS},
    **{("joint start", kind): f"joint prior, {kind}" for kind in KINDS},
    **{(f"{kind} for zoom", QUIET): f"{kind} instead of the zoom" for kind in ("blur", "pixelation")},
}
COLOURS = {"training noise": STYLES[0].colour, "joint start": STYLES[1].colour}
PANELS = {  # measure -> title, factor of the values, value without effect, ticks
    "digit": ("recognised\ndigits", 100, 0, (-40, 0, 40)),
    "frechet": ("distance,\ndigit\nfeatures", 1, 1, (0.5, 1, 2)),
    "frechet_autoencoder": ("distance,\nautoencoder\nfeatures", 1, 1, (0.5, 1, 2)),
}


@figure
def effects(results: Results) -> Figure | None:
    """A row for each effect, a panel for each measure: the effect and its interval over seeds.

    All sets are sampled without noise.
    """
    if not (job := results.jobs.get("effects")):
        return None
    ways = [way for way in SHOWN if all(measure in job.ways.get(", ".join(way), ()) for measure in PANELS)]
    drawn = new_figure(59)
    across = drawn.subplots(1, len(PANELS), sharey=True)
    for axes, (measure, (title, times, none, ticks)) in zip(across, PANELS.items(), strict=True):
        axes.axvline(none, color=MUTED, linewidth=0.8)
        for place, way in enumerate(ways):
            dot(axes, job.ways[", ".join(way)][measure], place, COLOURS.get(way[0], INK), times)
        if none:
            on_logs(axes.xaxis)
        axes.set_xticks(ticks)
        axes.set(title=title, xlabel="ratio" if none else "percentage points", ylim=(len(ways) - 0.5, -0.5))
        axes.grid(False, axis="y")
    across[0].set_yticks(range(len(ways)), [SHOWN[way].replace("pixelate", "pixelation") for way in ways])
    return drawn
