"""Figures of evidence: quality and cost, and the response to an offset."""

from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from report.figures.curves import PLAIN, STYLES
from report.figures.print_style import MUTED, new_figure
from report.figures.styles import colour_of, figure, key, model_styles, name_ends, on_logs
from report.results.table import Facts, Samples
from report.results.views import Results

SAMPLERS = {"ancestral": "ancestral", "ddim": "DDIM", "naive": "naive"}  # shown samplers -> label
# Networks of linear DDPMs in the release `beyond` with a curve of their response.
NETWORKS = {
    "linear_rms": STYLES[3]._replace(label="RMS norm, 10 epochs"),
    "linear_unet": STYLES[4]._replace(label="U-Net, 10 epochs"),
}
Drawn = tuple[Facts, Samples]  # description of a sampler, and measures of its samples


LABELS = {
    "divergence": "class divergence (nats)",
    "frechet": "Fréchet distance",
    "digit": "recognised digits",
}


def _line(axes: Axes, drawn: Iterable[Drawn], along: str, measure: str, look: Mapping[str, Any]) -> None:
    """Draw a measure with its intervals against a setting of the sampler, "calls" or "noise"."""
    known = {way[along]: samples[measure] for way, samples in drawn if measure in samples}
    if known:  # empty if all samples are one image
        x = sorted(known)
        values, low, high = zip(*(known[place].ends for place in x), strict=True)
        axes.set_ylabel(LABELS[measure])
        axes.plot(x, values, **look)
        axes.vlines(x, low, high, colors=look["color"], linewidth=0.8)


@figure
def quality_calls(results: Results) -> Figure | None:
    """Distance and share of recognised digits against network calls, a line for each run and sampler."""
    drawn, styles, looks = new_figure(44), model_styles(results), {}
    distance, digits = drawn.subplots(1, 2)
    for training in results.trainings.values():
        ways = [(way, of) for way, of in training.drawn if not way.noise and way.sampler in SAMPLERS]
        samplers = list(dict.fromkeys(way.sampler for way, _ in ways))
        style, colour = styles[training.model], colour_of(results, training)
        for sampler in samplers:
            look = {"color": colour, "marker": style.marker, "linestyle": "-"}
            if sampler != samplers[0]:  # the first one is the training's own
                look |= {"linestyle": (0, (2, 1.2)), "markerfacecolor": "white"}
            some = [(way, of) for way, of in ways if way.sampler == sampler]
            _line(distance, some, "calls", "frechet", look)
            _line(digits, some, "calls", "digit", look)
            if len(some) > 1:
                name = style.label + (f", {SAMPLERS[sampler]}" if len(samplers) > 1 else "")
                looks.setdefault(name, look)
    if not looks:
        return None
    for axes in (distance, digits):
        axes.set(xscale="log", xlabel="network calls for a sample")
        axes.xaxis.set_major_formatter(PLAIN)
    on_logs(distance.yaxis)
    digits.yaxis.set_major_formatter(PercentFormatter(1))
    digits.set_ylim(bottom=0)
    key(drawn, looks)
    return drawn


@figure
def offset_response(results: Results) -> Figure | None:
    """The response to a uniform shift by time step, for each network."""
    drawn, ends = new_figure(56), []
    axes = drawn.subplots()
    for of, styles in ((results, model_styles(results)), (results.beside.get("beyond"), NETWORKS)):
        for training in (of.first(model) for model in styles if of and model in of.models):
            if training.measured and "shift 1" in training.measured:
                style, samples = styles[training.model], training.response()
                t = samples.places("response")
                values, low, high = zip(*(share.ends for share in samples["response"]), strict=True)
                axes.plot(t, values, color=style.colour, marker=style.marker, markersize=3)
                axes.fill_between(t, low, high, color=style.colour, alpha=0.15, linewidth=0)
                ends.append((values[-1], style.label, style.colour))
    if not ends:
        return None
    axes.axhline(1, color=MUTED, linewidth=0.7)
    axes.set(xlabel="time step $t$", ylabel="response", ylim=(0, 1.08))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlim(left=0)
    name_ends(axes, ends)
    return drawn
