"""Names of the main question: zoom and DDPMs by each measure, kind of features and network."""

import math
from typing import Any

from diffusion.evaluation.statistics import LEVEL, Interval
from paper import answer, spaces
from paper.claims.judge import corrected_level
from report.pages.text import Lazy, Names
from report.pages.text_format import Markdown, integer, listing
from report.results import scatter
from report.results.scatter import LOG
from report.results.table import Record
from report.results.views import STUDY, Results


def question(results: Results, claims: int) -> dict[str, Any]:
    """Comparison of zoom and DDPMs by three measures (`paper.answer`), and the scatter of training runs."""

    def asked(measure: answer.Asked) -> Names:
        def compared(level: float = LEVEL, predicted: bool = False) -> Interval:
            return answer.compare(results, measure).at(level, predicted)

        def checkpoints(model: str) -> Markdown:
            """The number of checkpoints behind the value of each training: 21, or 16 to 21."""
            late = (len([row["frechet"] for row in training.late]) for training in groups[model])
            counts = {*late} if measure.late else {1}
            ends = dict.fromkeys((min(counts), max(counts)))
            return listing(map(integer, ends), "to")

        groups = {model: answer.trainings(results, model, measure) for model in STUDY}
        return Names(
            {
                "apart": lambda: answer.apart(results, measure),
                "freedom": lambda: answer.compare(results, measure).freedom,
                "corrected": lambda: compared(corrected_level(claims)),
                "predicted": lambda: compared(predicted=True),
                "met": lambda: answer.met(compared()),
                "checkpoints": Lazy(groups, checkpoints),
                "late": None if measure.late else asked(measure._replace(late=True)),
                "means": Lazy(groups, lambda model: answer.means(results, measure, [model])[model]),
                "n": Lazy(groups, lambda model: len([one.train["seed"] for one in groups[model]])),
                "each": Lazy(groups, lambda model: [measure.number(one) for one in groups[model]]),
            }
        )

    def spread(process: str) -> float:
        """The factor by which late distances scatter about the mean of their model."""
        groups = [results.all_of(m) for m in results.models if results.first(m).process == process]
        logs = [[math.log(digits.number(training)) for training in group] for group in groups]
        return math.exp(scatter.pooled(logs).sd)

    def unweighted() -> Interval:
        """The ratio of distances without weights, from the samples that are otherwise weighted by class."""
        groups = {model: results.all_of(model) for model in answer.PAIR}
        return scatter.over(results, lambda one: one.final["mix_frechet"].value, groups, LOG).interval

    digits = answer.ASKED["digits"]
    return {
        "answer": {name: asked(measure) for name, measure in answer.ASKED.items()},
        "unweighted": unweighted,
        "scatter": Lazy(("zoom", "ddpm"), spread),
        "late": digits.number,
        "late_count": Lazy(answer.PAIR, lambda m: len([row["frechet"] for row in results.first(m).late])),
        "left_out_high": lambda: sorted(r.high for r in answer.leave_one_out(results, digits).values()),
        "windows_high": lambda: max(ratio.high for ratio in answer.windows(results).values()),
    }


def kinds_of_features(record: Record | None) -> dict[str, Any]:
    """The main question in three kinds of features, for each network (`paper.spaces`)."""
    if not record:
        names = ("spaces", "within", "photographs", "photographs_facts", "space_scores")
        return dict.fromkeys(names)

    def compare(network: str) -> Lazy:
        return Lazy(spaces.MEASURES, lambda kind: spaces.compare(record, network, kind))

    return {
        "spaces": {network: compare(network) for network in spaces.NETWORKS},
        "within": lambda ratio: answer.met(ratio),
        "photographs": record.ways,
        "photographs_facts": record.facts,
        "space_scores": lambda: spaces.list_scores(record),
    }
