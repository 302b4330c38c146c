"""Names of the models of the original study: their runs, costs and class mixes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import rel_entr

from diffusion.evaluation.statistics import Interval
from paper.claims.samples import over_real
from paper.question import DDPMS
from report.pages.names import list_trainings
from report.pages.text import Lazy, Names
from report.pages.text_format import NUMBERS, Markdown, integer, listing
from report.results import changes, scatter
from report.results.table import Samples
from report.results.views import STUDY, Results, Training


def _published(results: Results) -> list[tuple[str, Training]]:
    """Title and training of each model with published weights."""
    if not (original := results.beside.get("original")):
        return []
    models = [model for model in original.models if model in results.models]
    labels = {model: f"{results.first(model).label}, published" for model in models}
    return list_trainings(original.labelled(labels))


def _samples_of(results: Results, model: str, measure: str = "digit") -> Markdown:
    """The numbers of samples behind a measure of the last epoch: "1000 (seeds 0 and 1) and 500 (seed 2)"."""
    seeds: dict[int, list[int]] = {}
    for training in results.all_of(model):
        if measure in training.final:
            seeds.setdefault(training.final[measure].n, []).append(training.seed)
    if len(seeds) == 1:
        return integer(*seeds)
    groups = ((n, "seeds" if len(of) > 1 else "seed", listing(map(integer, of))) for n, of in seeds.items())
    return listing(Markdown(f"{integer(n)} ({noun} {named})") for n, noun, named in groups)


def study(results: Results) -> dict[str, Any]:
    """Models of the original study: the first training of each, and all runs after the last epoch."""
    firsts = {model: results.first(model) for model in STUDY}
    float32 = [model for model, training in firsts.items() if "float32" in training.measured]
    yardstick = results.jobs.get("yardstick")
    return {
        "first": firsts,
        "published": _published(results),
        "ends": {row.name: row for row in changes.table(results) if row.name in firsts},
        "measuring": firsts["linear"].measured.facts,
        "real": firsts["linear"].real,
        "rate": firsts["linear"].job,
        "float32": Lazy(float32, lambda model: firsts[model].measured["float32"]["frechet_gap"]),
        "cost": _cost(firsts),
        "in_words": NUMBERS,
        "samples_of": lambda model, measure="digit": _samples_of(results, model, measure),
        "schedule": results.jobs["schedules"].facts,
        "schedules": results.jobs["schedules"].ways,
        "yardstick": yardstick,
    }


def _cost(firsts: Mapping[str, Training]) -> Names:
    """Quality with few and with many network calls, for the zoom and both DDPMs."""
    drawn = {model: training.drawn for model, training in firsts.items()}

    def digit(model: str) -> Interval:
        """The best share of recognised digits with about as many calls as the zoom, or fewer."""
        ways = ((how.unread, samples) for how, samples in drawn[model])
        calls = drawn["zoom"][0][0].calls + 1
        few = (samples["digit"] for how, samples in ways if not how["clip_x0"] and how["calls"] <= calls)
        return max(few, key=lambda share: share.value)

    return Names(
        {
            "calls": lambda: drawn["zoom"][0][0].calls,
            "ddpm_calls": lambda: max(drawn[model][0][0].calls for model in DDPMS),
            "better": lambda: max(DDPMS, key=lambda model: digit(model).value),
            "digit": Lazy(DDPMS, digit),
            "full": {model: of[0][1] for model, of in drawn.items()},
            "improved": lambda: next((way for how, way in drawn["zoom"] if how.sampler == "improved"), None),
        }
    )


def classes(results: Results) -> dict[str, Any]:
    """The class mix late in training: its divergence from the data, and the share of a class."""
    zooms = results.all_of("zoom")

    def averaged(model: str = "zoom") -> list[float]:
        """The divergence of the class mix of each run of a model, averaged over its late checkpoints."""
        runs = results.all_of(model)
        pairs = [(_mean(one.late, "class_share"), _mean([one.real], "class_share")) for one in runs]
        return [float(rel_entr(mix, real).sum()) for mix, real in pairs]

    def shares(digit: int) -> list[float]:
        """The share of a class divided by its real share, for each zoom; the published one comes last."""
        published = results.beside["original"].all_of("zoom") if "original" in results.beside else []
        ours = [over_real([digit])(training) for training in zooms]
        last = [_mean([training.final], "recognised_share")[digit] for training in published]
        real = [_mean([training.real], "recognised_share")[digit] for training in published]
        return ours + [share / real_share for share, real_share in zip(last, real, strict=True)]

    return {
        "late_divergence": lambda: [scatter.late("divergence")(one) for one in zooms],
        "least_divergence": lambda: [min(row["divergence"].value for row in one.late) for one in zooms],
        "averaged_divergence": averaged,
        "class_shares": shares,
    }


def _mean(rows: list[Samples], measure: str) -> np.ndarray:
    """Mean class shares over sets of samples."""
    return np.mean([[share.value for share in row[measure]] for row in rows], axis=0)
