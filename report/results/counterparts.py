"""Released trainings beside those of a run, and the models of a run that are one's own."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from diffusion.data import DATASETS
from diffusion.provenance import releases
from report.results.kept import verify
from report.results.settings import is_library
from report.results.views import STUDY, Results, Training, load, trainings_in

RELEASES = ("paper", "beyond")  # where counterparts are looked for, in this order
KINDS = ("degradation", "schedule", "prior", "sampler", "network")  # of components, in this order
Pair = tuple[Results, Training] | None


@cache
def open_release(name: str | None) -> Results | None:
    """The released results of a profile, verified; None where none are measured, or without a name."""
    out = releases() / str(name)
    pairs = trainings_in(out) if name and out.is_dir() else []
    if not pairs:
        return None
    verify(out)
    found = load(out, trainings=pairs, prefix=f"released/{name}/")
    return found if any(one.measured for one in found.trainings.values()) else None


def open_releases(names: Iterable[str | None]) -> dict[str, Results]:
    """The released results of some profiles, by name; profiles without measured results are left out."""
    return {name: results for name in names if name and (results := open_release(name))}


def find_counterpart(one: Training) -> Pair:
    """The released training of the same process and network, and the results that it belongs to."""
    for results in filter(None, map(open_release, RELEASES)):
        for other in map(results.first, results.models):
            if _model(other) == _model(one):
                return results, other
    return None


def _model(one: Training) -> tuple[Any, ...]:
    """Return process, schedule and network of a model, without length of training and sampling."""
    return one.settings.unread["process"], one.parts["network"]


def list_firsts(results: Results, without: Sequence[str] = ()) -> list[tuple[Training, Pair]]:
    """The first training of each model that is measured, but for some, and its counterpart."""
    ones = [one for one in map(results.first, results.models) if one.measured and one.model not in without]
    return [(one, None if other_data(results) else find_counterpart(one)) for one in ones]


def list_beside(results: Results) -> list[tuple[Training, Pair]]:
    """`firsts` of the models that are not one's own, but for those that are their own counterpart."""

    def weights(training: Training) -> str:
        return training.train.weights.sha256

    found = list_firsts(results, list_own(results))
    return [(one, pair) for one, pair in found if not pair or weights(one) != weights(pair[1])]


def other_data(results: Results) -> str:
    """The title of the run's data set, if it is not the study's; else empty."""
    found, usual = next(iter(results.trainings.values())).train.data, DATASETS["mnist"]
    same = (found["title"], (*found["classes"],), found["noun"]) == (usual.title, usual.classes, usual.noun)
    return "" if same else found["title"]


def list_studied(results: Results) -> list[str]:
    """The study's models that a run has, by name and process, all their trainings measured."""
    process = {model: "zoom" if model == "zoom" else "ddpm" for model in STUDY}
    found = {model: results.all_of(model) for model in STUDY if model in results.models}
    return [m for m, of in found.items() if all(one.measured and one.process == process[m] for one in of)]


def list_own(results: Results) -> list[str]:
    """The measured models that are neither the study's nor have their like among the released ones."""
    theirs = list_studied(results)
    others = [m for m in results.models if m not in theirs and results.first(m).measured]
    return [m for m in others if not theirs or _is_own(results, results.first(m))]


def _is_own(results: Results, one: Training) -> bool:
    typed = any(part and not is_library(part["class"]) for part in one.parts.values())
    return typed or one.process == "own" or bool(other_data(results)) or not find_counterpart(one)
