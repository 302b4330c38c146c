"""Names of the main question: conditions by measures (`paper.question`), and late distances."""

from functools import partial
from typing import Any

from diffusion.evaluation.statistics import Interval
from paper.question import CONDITIONS, MEASURES, PAIR, Comparison, compare_final
from report.pages.text import Lazy, Names
from report.results import scatter
from report.results.scatter import LOG, late
from report.results.table import Record
from report.results.views import Results


def question(results: Results) -> dict[str, Any]:
    """The main question, which is undefined if a condition is not measured, and names of late distances."""

    def unweighted() -> Interval:
        """The ratio of distances without weights, from the samples that are otherwise weighted by class."""
        groups = {model: results.all_of(model) for model in PAIR}
        return scatter.over(results, lambda one: one.final["mix_frechet"].value, groups, LOG).interval

    record = results.jobs.get("question")
    complete = record and all(condition in record for condition in CONDITIONS)
    return {
        "question": _conditions(record, results) if record and complete else None,
        "unweighted": unweighted,
        "late": late("frechet", LOG),
        "late_count": Lazy(PAIR, lambda m: len([row["frechet"] for row in results.first(m).late])),
    }


def _conditions(record: Record, results: Results) -> dict[str, Any]:
    runs, conditions = record.facts["runs"], {name: _condition(record, name) for name in CONDITIONS}

    def epochs(name: str) -> int:
        return max(runs[run].epochs for run in runs if run.startswith(f"{name}/"))

    def reverses(first: str, second: str) -> bool:
        """Whether a measure favours the zoom in one of two conditions and the linear DDPM in the other."""
        pairs = ([conditions[name][measure].favours for name in (first, second)] for measure in MEASURES)
        return any({*pair} == {*PAIR} for pair in pairs)

    return {
        **conditions,
        "epochs": Lazy(CONDITIONS, epochs),
        "reverses": reverses,
        "final": Lazy(MEASURES, partial(compare_final, results)),
        "real": record["floor"],
        "settings": record.facts["settings"],
    }


def _condition(record: Record, name: str) -> Names:
    """The comparisons of a condition by measure, and what they say together.

    `outcome` is the process that the measures favour, "mixed" if they favour both, or "open" if they favour
    none; `behind` and `ahead` are the numbers of distances that favour the linear DDPM and the zoom.
    """
    answers = {measure: Comparison(record, name, measure) for measure in MEASURES}

    def outcome() -> str:
        favoured = {answer.favours for answer in answers.values()} - {""}
        return "mixed" if len(favoured) > 1 else max(favoured, default="open")

    def count(process: str) -> int:
        return [answers[kind].favours for kind in ("digits", "autoencoder")].count(process)

    return Names(
        {**answers, "outcome": outcome, "behind": lambda: count("linear"), "ahead": lambda: count("zoom")}
    )
