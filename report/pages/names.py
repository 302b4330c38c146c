"""The input of a report, and names that every report defines: settings, tables and links to other files."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from report.pages.text_format import DASH, Markdown, code, duration, escape, listing, table
from report.places import ROOT
from report.profile import Profile
from report.results.counterparts import open_releases
from report.results.settings import shorten
from report.results.table import Facts
from report.results.views import Results, Training, load

LICENCE, PROJECT = "MIT", "cold-zoom-diffusion"
AUTHORS = "The Cold Zoom Diffusion project"
CITATION = ROOT / "CITATION.cff"
MACHINE = ("python", "torch", "torchvision", "torchmetrics")
MACHINE += ("platform", "device", "device_name", "cores", "threads")
# Settings that the table leaves out: hashes, settings of components, and settings in other tables.
NOT_SHOWN = ("process", "network_options", "images", "steps", "own")


@dataclass(frozen=True)
class ReportRun:
    """The input of a report: results, profile, executed notebooks and figures."""

    results: Results  # includes the results of the releases that the profile shows next to the run
    profile: Profile
    notebooks: Sequence[str] = ()  # names of the executed notebooks
    drawn: Collection[str] = ()  # file names of the figures


@dataclass(frozen=True)
class Content:
    """The text of a report as Markdown, and the content of further files by name."""

    text: str
    files: Mapping[str, bytes] = field(default_factory=dict)


def read(out: Path, profile: Profile) -> Results:
    """Read the results of a profile in `out`, and of the releases that it shows next to them."""
    results = load(out, trainings=profile.trainings).labelled(profile.labels)
    return replace(results, beside=open_releases(profile.file.report.beside))


def collect_common(run: ReportRun, links: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """Names that every report defines: a value for each, or a function that computes it on demand.

    Args:
        links: further files of the report, by title.
    """
    results = run.results
    return {
        "profile": run.profile.name,
        "profile_file": _profile_file(run.profile),
        "date": str(run.profile.file.report.date or ""),
        "facts": lambda: _facts(results),
        "links": _list_links(run, links),
        "dataset": dataset(results),
        "notebooks": [Markdown(f"[{escape(name)}](notebooks/{name}.html)") for name in run.notebooks],
        "trained": list_trainings(results),
        "table_parameters": lambda: _settings(results, _flatten),
        "table_measuring": lambda: _settings(results, _of_measuring),
        "table_environment": lambda: _environment(results),
    }


def dataset(results: Results) -> Facts:
    """The data set of a run: title, noun and classes."""
    return next(iter(results.trainings.values())).train.data


def _profile_file(profile: Profile) -> str:
    """The value of PROFILE with which `make` repeats the run."""
    path = profile.where.resolve()
    if path.parent.name == "profiles":
        return profile.name
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else f"path/to/{path.name}"


def list_trainings(results: Results) -> list[tuple[str, Training]]:
    """All training runs, each with its title for tables."""
    return [(results.titled(training), training) for training in results.trainings.values()]


def project() -> dict[str, Any]:
    """The content of CITATION.cff."""
    return yaml.safe_load(CITATION.read_text(encoding="utf-8"))


def repository() -> str:
    """The address of the project's repository; empty if CITATION.cff contains none."""
    return project().get("repository-code", "")


def _facts(results: Results) -> Markdown:
    """Code, versions, precision and time of the training runs."""
    trainings = list(results.trainings.values())
    values = {}
    for key in ("commit", "python", "torch", "precision"):
        known = dict.fromkeys(str(training.train.environment.get(key, "unknown")) for training in trainings)
        values[key] = ", ".join(known)
    commits = f"commit{'s' if ', ' in values['commit'] else ''} {values['commit']}"
    versions = f"Python {values['python']}, torch {values['torch']}"
    seconds = duration(sum(training.seconds for training in trainings))
    return Markdown(f"Trained in {seconds}, {values['precision']}. Code of {commits}, {versions}.")


def _list_links(run: ReportRun, links: Mapping[str, str]) -> Markdown:
    """Links to the other files of the report."""
    files = {"PDF": "report.pdf"}
    if run.notebooks:
        files["Notebooks"] = f"notebooks/{run.notebooks[0]}.html"
    files |= {"Numbers and their sources": "numbers.json", "Table": "results.csv", **links}
    return Markdown(" · ".join(f"[{name}]({file})" for name, file in files.items()))


# --- tables with columns or rows that depend on the run ---


def _flatten(training: Training) -> dict[str, Any]:
    """The settings of a run by name, without hashes; an argument of a component is `sampler.steps`."""
    train = training.train.unread
    settings = {"notebook": train["job"], "dataset": train["data"]["name"]}
    settings |= {name: train["data"][name] for name in ("n_train", "n_test")}
    settings |= {name: train[name] for name in ("T", "epochs")}
    for kind, part in training.parts.items():
        if part:
            settings[kind] = shorten(part["class"])
            settings |= {f"{kind}.{name}": value for name, value in part.items() if name != "class"}
    left_out = (*NOT_SHOWN, *settings)
    return settings | {name: value for name, value in train["settings"].items() if name not in left_out}


def _of_measuring(training: Training) -> dict[str, Any]:
    return dict(training.measured.facts.settings.unread)


def _settings(results: Results, read: Callable[[Training], dict[str, Any]]) -> Markdown:
    """A table with a row for each setting and a column for each model, from its first training run.

    Args:
        read: reads the settings of a training run.
    """
    columns = {model: read(results.first(model)) for model in results.models}
    for model, values in columns.items():
        values["seed"] = results.seeds(model)
    names = dict.fromkeys(name for values in columns.values() for name in values)
    rows = []
    for name in names:
        cells = [code(describe(x[name], name)) if x.get(name, "") != "" else DASH for x in columns.values()]
        rows.append([code(name), *cells])
    return table(["Setting", *columns], rows)


def _environment(results: Results) -> Markdown:
    """A table of versions and machines: first the value of most jobs, then other values with their jobs."""
    jobs = {"schedules": results.jobs.get("schedules")}
    for name, training in list_trainings(results):
        jobs |= {name: training.job, f"measuring of {name}": training.measured}
    machines = {name: job.facts.environment.unread for name, job in jobs.items() if job}
    keys = dict.fromkeys(key for machine in machines.values() for key in machine)
    rows = []
    for key in sorted(keys, key=lambda key: MACHINE.index(key) if key in MACHINE else len(MACHINE)):
        jobs_by_value: dict[str, list[str]] = {}
        for name, machine in machines.items():
            if key in machine:
                jobs_by_value.setdefault(describe(machine[key]), []).append(name)
        usual, *rest = sorted(jobs_by_value.items(), key=lambda pair: -len(pair[1]))
        cells = [code(usual[0]), *(Markdown(f"{code(value)} ({listing(names)})") for value, names in rest)]
        rows.append([key.replace("_", " "), Markdown("; ".join(cells))])
    measured = [training.measured.facts.features for training in results.trainings.values()]
    hashes = {name: features[name].get("sha256") for features in measured for name in features}
    rows += [[Markdown(f"{name} features (SHA-256)"), code(x)] for name, x in hashes.items() if x]
    return table(["Item", "Value"], rows)


def describe(value: Any, name: str = "") -> str:
    """Describe the value of a setting; its name decides what None means."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {describe(x)}" for key, x in value.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:  # for a number of images, None means all
        return "all" if name.startswith("n_") else "default"
    return f"{value:g}" if isinstance(value, float) else str(value)


def as_json(rows: Iterable[dict[str, Any]], indent: int | None = 1) -> bytes:
    """Format rows as JSON, for other programs."""
    return (json.dumps([*rows], indent=indent, ensure_ascii=False) + "\n").encode()
