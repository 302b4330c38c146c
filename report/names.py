"""A run as its report reads it, and names that every report has: its settings, and what lies beside it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from report.departures import departure
from report.judge import ledger
from report.ledger import Verdict
from report.text_format import DASH, Markdown, code, duration, escape, listing, table
from study.counterparts import opened
from study.profile import Profile
from study.results import Results, Training, load, plain
from study.table import Facts, Job

LICENCE, PROJECT = "MIT", "cold-zoom-diffusion"
AUTHORS = "The Cold Zoom Diffusion project"
ROOT = Path(__file__).resolve().parents[1]
CITATION = ROOT / "CITATION.cff"
MACHINE = ("python", "torch", "torchvision", "torchmetrics")
MACHINE += ("platform", "device", "device_name", "cores", "threads")
OTHERS = ("beyond", "original", "starts")  # runs that a profile names


@dataclass(frozen=True)
class Run:
    """A run: its results, its profile, and what was made of them before the text."""

    results: Results  # with those of the other runs that the profile names
    profile: Profile
    notebooks: Sequence[str] = ()  # names of those that are executed
    drawn: Collection[str] = ()  # files of its figures

    @cached_property
    def departure(self) -> str:
        """In what it departs from the study; a run that does has no verdicts."""
        return departure(self.results)

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """Claim's id -> verdict; to be asked for before a text is written, which notes what is read."""
        return ledger(self.results)


def read(out: Path, profile: Profile) -> Results:
    """The results of a profile in `out`, with those of the other runs that it names."""
    results = load(out, trainings=profile.trainings).labelled(profile.labels)
    return replace(results, **{name: opened(getattr(profile.file.report, name)) for name in OTHERS})


def common(run: Run) -> dict[str, Any]:
    """Name -> value, or a function that makes it when it is needed."""
    results = run.results
    return {
        "profile": run.profile.name,
        "profile_file": _profile_file(run.profile),
        "date": str(run.profile.file.report.date or ""),
        "facts": lambda: _facts(results),
        "lies_beside": _lies_beside(run),
        "dataset": dataset(results),
        "notebooks": [Markdown(f"[{escape(name)}](notebooks/{name}.html)") for name in run.notebooks],
        "trained": trained(results),
        "table_parameters": lambda: _settings(results, lambda training: training.job),
        "table_measuring": lambda: _settings(results, lambda training: training.measured),
        "table_environment": lambda: _environment(results),
    }


def dataset(results: Results) -> Facts:
    """The run's data set: title, noun and classes."""
    return next(iter(results.trainings.values())).train.data


def _profile_file(profile: Profile) -> str:
    """The value of PROFILE that repeats the run."""
    path = profile.where.resolve()
    if path.parent.name == "profiles":
        return profile.name
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else f"path/to/{path.name}"


def trained(results: Results) -> list[tuple[str, Training]]:
    """Every training with its name in tables."""
    return [(results.titled(training), training) for training in results.trainings.values()]


def project() -> dict[str, Any]:
    """The content of CITATION.cff."""
    return yaml.safe_load(CITATION.read_text(encoding="utf-8"))


def repository() -> str:
    """The address of the project's repository; empty until there is one."""
    return project().get("repository-code", "")


def _facts(results: Results) -> Markdown:
    """By which code, versions and precision the trainings were made, and what they took."""
    trainings = list(results.trainings.values())

    def each(key: str) -> str:
        return ", ".join(dict.fromkeys(str(one.train.environment.get(key, "unknown")) for one in trainings))

    plural = "s" if ", " in each("commit") else ""
    of = f"Code of commit{plural} {each('commit')}, Python {each('python')}, torch {each('torch')}"
    seconds = sum(training.seconds for training in trainings)
    return Markdown(f"Trained in {duration(seconds)}, {each('precision')}. {of}.")


def _lies_beside(run: Run) -> Markdown:
    """Links to what lies beside the page."""
    files = {"PDF": "report.pdf"}
    files |= {"Notebooks": f"notebooks/{run.notebooks[0]}.html"} if run.notebooks else {}
    files |= {"Numbers and their sources": "numbers.json", "Table": "results.csv"}
    files |= {} if run.departure else {"Claims": "ledger.json"}
    return Markdown(" · ".join(f"[{name}]({file})" for name, file in files.items()))


# --- tables whose columns or rows depend on the run ---


def _settings(results: Results, of: Callable[[Training], Job]) -> Markdown:
    """The settings of one job of each model, a row each; a seed row lists all seeds."""
    columns = {model: plain(of(results.first(model)).facts.settings) for model in results.models}
    for model, values in columns.items():
        values["seed"] = results.seeds(model)
    names = dict.fromkeys(name for values in columns.values() for name in values)
    rows = []
    for name in names:
        values = [column.get(name, "") for column in columns.values()]
        rows.append([code(name), *(DASH if value == "" else code(word(value, name)) for value in values)])
    return table(["Setting", *columns], rows)


def _environment(results: Results) -> Markdown:
    """Versions and machine, one row each; first what most jobs have, then others and whose they are."""
    jobs = {"schedules": results.schedules}
    for name, training in trained(results):
        jobs |= {name: training.job, f"measuring of {name}": training.measured}
    machines = {name: plain(job.facts.environment) for name, job in jobs.items() if job}
    keys = dict.fromkeys(key for machine in machines.values() for key in machine)
    rows = []
    for key in sorted(keys, key=lambda k: MACHINE.index(k) if k in MACHINE else len(MACHINE)):
        whose: dict[str, list[str]] = {}
        for name, machine in machines.items():
            if key in machine:
                whose.setdefault(word(machine[key]), []).append(name)
        usual, *rest = sorted(whose.items(), key=lambda pair: -len(pair[1]))
        shown = [code(usual[0]), *(Markdown(f"{code(value)} ({listing(who)})") for value, who in rest)]
        rows.append([key.replace("_", " "), Markdown("; ".join(shown))])
    measured = [training.measured.facts.features for training in results.trainings.values()]
    hashes = {name: features[name].get("sha256") for features in measured for name in features}
    rows += [[Markdown(f"{name} features (SHA-256)"), code(x)] for name, x in hashes.items() if x]
    return table(["Item", "Value"], rows)


def word(value: Any, name: str = "") -> str:
    """A setting's value in words; the setting's name tells what none means."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{k} = {word(v)}" for k, v in value.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:  # in numbers of images it stands for all
        return "all" if name.startswith("n_") else "default"
    return f"{value:g}" if isinstance(value, float) else str(value)
