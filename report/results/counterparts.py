"""Released counterparts of trained models, and the user's own models among them."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from diffusion.data import DATASETS
from diffusion.places import releases
from report.results.kept import verify
from report.results.settings import is_library
from report.results.views import STUDY, Results, Training, load, trainings_in

RELEASES = ("paper", "beyond", "equal")  # releases that are searched for counterparts, in this order
KINDS = ("degradation", "schedule", "prior", "sampler", "network")  # kinds of components, in this order
Pair = tuple[Results, Training] | None


@cache
def open_release(name: str | None) -> Results | None:
    """The verified release of a profile, or None without a name or without measures."""
    out = releases() / str(name)
    pairs = trainings_in(out) if name and out.is_dir() else []
    if not pairs:
        return None
    verify(out)
    results = load(out, trainings=pairs, prefix=f"released/{name}/")
    return results if any(training.measured for training in results.trainings.values()) else None


def open_releases(names: Iterable[str | None]) -> dict[str, Results]:
    """The releases of several profiles by name; profiles without measured results are left out."""
    return {name: results for name in names if name and (results := open_release(name))}


def find_counterpart(training: Training) -> Pair:
    """The released training run with the same process and network, and its results; else None."""
    for results in filter(None, map(open_release, RELEASES)):
        for released in map(results.first, results.models):
            if _model(released) == _model(training):
                return results, released
    return None


def _model(training: Training) -> tuple[Any, ...]:
    """Process, schedule and network of a training run, without its length or sampling."""
    return training.settings.unread["process"], training.parts["network"]


def list_beside(results: Results, own: bool = False) -> list[tuple[Training, Pair]]:
    """The first training run of each measured model, and its counterpart; without runs that are released.

    Args:
        own: includes the user's own models, which have no counterpart. Default False.
    """
    mine, pairs = list_own(results), []
    for training in map(results.first, results.models):
        if training.measured and (own or training.model not in mine):
            pair = None if training.model in mine else find_counterpart(training)
            if not pair or training.train.weights.sha256 != pair[1].train.weights.sha256:
                pairs.append((training, pair))
    return pairs


def list_released(results: Results) -> list[tuple[Results, Training]]:
    """Released models with a process and a network of the same kinds as a run has, and their releases.

    All are from one release: with as many samples as the run, or else with the most models. Of each process
    there is the first model. The list is empty for a released run.
    """
    firsts = [training for training, _ in list_beside(results, own=True)]
    if not any(pair for _, pair in list_beside(results)):
        return []
    kinds = {(training.process, str(training.parts["network"])) for training in firsts}
    by_release = []
    for release in filter(None, map(open_release, RELEASES)):
        models: dict[str, tuple[Results, Training]] = {}
        for training in map(release.first, release.models):
            if training.measured and (training.process, str(training.parts["network"])) in kinds:
                models.setdefault(str(training.settings.unread["process"]), (release, training))
        by_release.append([*models.values()])
    n = firsts[0].final.n
    return max(by_release, key=lambda found: (bool(found) and found[0][1].final.n == n, len(found)))


def other_data(results: Results) -> str:
    """The title of the data set of a run if it is not MNIST; else empty."""
    data, usual = next(iter(results.trainings.values())).train.data, DATASETS["mnist"]
    same = (data["title"], (*data["classes"],), data["noun"]) == (usual.title, usual.classes, usual.noun)
    return "" if same else data["title"]


def list_studied(results: Results) -> list[str]:
    """The models of the original study in a run on MNIST: by name and process, if all are measured."""
    if other_data(results):
        return []
    process = {model: "zoom" if model == "zoom" else "ddpm" for model in STUDY}
    trainings = {model: results.all_of(model) for model in STUDY if model in results.models}
    return [m for m, group in trainings.items() if all(t.measured and t.process == process[m] for t in group)]


def list_own(results: Results) -> list[str]:
    """The user's own models: measured, not in the original study, and without a released counterpart."""
    studied = list_studied(results)
    others = [m for m in results.models if m not in studied and results.first(m).measured]
    return [m for m in others if not studied or _is_own(results.first(m))]


def _is_own(training: Training) -> bool:
    own_part = any(part and not is_library(part["class"]) for part in training.parts.values())
    return own_part or training.process == "own" or not find_counterpart(training)
