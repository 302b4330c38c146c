"""Names of other runs: the models of the release `beyond`, and the published files and weights."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from paper import experiments
from report.pages.text import Lazy, Names
from report.results import changes
from report.results.definitions import LATE
from report.results.table import Record, Samples
from report.results.views import STUDY, Results


def others(results: Results) -> dict[str, Any]:
    """The release `beyond`, and the published files and weights of the original study."""
    beyond, original = results.beside.get("beyond"), results.beside.get("original")
    return {
        "beyond": {row.name: row for row in changes.table(beyond)} if beyond else {},
        "original": {model: original.first(model) for model in original.models} if original else {},
        "ways_at": lambda model, calls: _ways_at(beyond, model, calls),
        **_files(original.jobs.get("files") if original else None),
    }


def _ways_at(beyond: Results, model: str, calls: int) -> int:
    """The number of ways to sample a model of the release `beyond` with a number of network calls."""
    rows = (row for row in changes.table(beyond) if row.trainings[0].model == model)
    return sum(row.calls == calls for row in rows)


def _files(files: Record | None) -> dict[str, Any]:
    """The published files of the original study."""
    if not files:
        return dict.fromkeys(("files", "protocol", "scores", "usage"))
    done, described = ", as the code does", ", as the text says"
    models = experiments.by_model(files)
    ways = models.pop("") | models
    sources = [way.removesuffix(done) for way in ways if way.endswith(done)]
    return {
        "usage": _usage(models),
        "files": ways,
        "protocol": files.facts,
        "scores": {
            source: {"done": ways[source + done], "described": ways[source + described]} for source in sources
        },
    }


def _usage(models: Mapping[str, Mapping[str, Samples]]) -> Names:
    """The differences that the original study calls comparable and better, as ratios of its scores.

    A model's score is the geometric mean over the last fifth of training. The file has scores from the start
    of training to its end, at equal intervals.
    """

    def score(model: str) -> float:
        scores = [found.value for found in models[model]["published"]["frechet_inception"]]
        used = 1 + math.floor(LATE * (len(scores) - 1))
        return math.exp(float(np.mean(np.log(scores[-used:]))))

    return Names(
        {
            "score": Lazy(STUDY, score),
            "comparable": lambda: score("zoom") / score("linear"),
            "better_than_linear": lambda: score("cosine") / score("linear"),
        }
    )
