"""Names for the placeholders and conditions of the paper.

Most names take a model and then a measure. `first.zoom.final.frechet` is the distance of the first training
of the zoom, `ends.zoom.frechet` are the distances of all its training runs, and
`beyond['zoom_unet.mixture'].frechet` belongs to a row of the table of changes (`report.results.changes`).
Names without a value in a run are undefined.
"""

from collections.abc import Mapping
from typing import Any

from paper import experiments
from paper.claims.ledger import Verdict
from paper.names import front, models, others, question
from report.pages.names import ReportRun, collect_common


def collect_names(run: ReportRun, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """All names of the paper: a value for each, or a function that computes it on demand."""
    results = run.results
    return {
        **collect_common(run, {"Claims": "ledger.json"}),
        **front.front(run),
        **front.claims(verdicts),
        **question.question(results),
        **experiments.photographs(results.jobs.get("photographs")),
        **models.study(results),
        **models.classes(results),
        **experiments.level(results),
        **others.others(results),
        **experiments.control(results.jobs.get("photographs")),
        **experiments.effects(results.jobs.get("effects")),
        **experiments.intervention(results.jobs.get("intervention")),
    }
