"""The figure of samples with few network calls, from the release `beyond`."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from diffusion.figures.style import new_figure
from report.figures.styles import MODELS, figure, key, on_logs
from report.results.views import Results

FEW = {"zoom_unet_noise": "zoom, noise in training", "cosine_unet": "cosine DDPM"}  # model -> label
STYLES = {"zoom_unet_noise": MODELS["zoom"], "cosine_unet": MODELS["cosine"]}
OF_CALLS = {"digit": "share of digits", "frechet": "distance, features\nof digits"}
OF_CALLS |= {"frechet_autoencoder": "distance, features\nof an autoencoder"}


@figure
def few_calls(results: Results) -> Figure | None:
    """Share of digits and distances against network calls: a dot for each run, a line for their mean.

    For each number of calls, a model uses the sampling variant that was best on other samples. Both models
    had the same number of variants.
    """
    if not (job := (results.beside.get("beyond") or results).jobs.get("calls")):
        return None
    drawn, looks = new_figure(50), {}
    for axes, (measure, title) in zip(drawn.subplots(1, 3), OF_CALLS.items(), strict=True):
        for model, name in FEW.items():
            look = {"color": STYLES[model].colour, "marker": STYLES[model].marker, "markersize": 3}
            rows = [row for row in job.rows if row.measure == measure and row.model.startswith(f"{model}-")]
            values = pd.Series([row.interval.value for row in rows], [row.x for row in rows])
            axes.plot(values, **look, linestyle="none")
            axes.plot(values.groupby(level=0).mean(), color=look["color"], linewidth=1)
            looks[name] = look
        on_logs(axes.xaxis)
        axes.set(xlabel="network calls for a sample", title=title, xticks=values.index.unique())
        if measure == "digit":
            axes.set_ylim(0, 1)
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        else:
            on_logs(axes.yaxis)
    key(drawn, looks)
    return drawn
