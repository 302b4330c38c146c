"""Names that every report has, short or long: its front, its settings, and what lies beside it."""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from diffusion.files import read_json
from report.departures import dataset
from report.run import Run
from report.sources import defined
from report.text_format import DASH, Markdown, bibtex, code, duration, escape, listing, table
from study.kept import VERIFIED
from study.results import Results, Training, plain
from study.table import Job, note

AUTHORS, LICENCE, PROJECT = "The Cold Zoom Diffusion project", "MIT", "cold-zoom-diffusion"
ROOT = Path(__file__).resolve().parents[1]
CITATION = ROOT / "CITATION.cff"
MACHINE = ("python", "torch", "torchvision", "torchmetrics")
MACHINE += ("platform", "device", "device_name", "cores", "threads")


def common(run: Run) -> dict[str, Any]:
    """Name -> value, or a function that makes it when it is needed."""
    profile, options, results = run.profile, run.profile.options, run.results
    number, address = version(PROJECT), repository()
    author, date = options.get("authors", AUTHORS), str(options.get("date", ""))
    cited = {"title": _project()["title"], "author": author, "year": date[:4]}
    return {
        "citation": bibtex("coldzoom", **cited, note=f"Version {number}", url=address),
        "profile": profile.name,
        "profile_file": _profile_file(run),
        "version": number,
        "edition": number,  # of the report
        "authors_yaml": Markdown(f"  - {escape(author)}"),
        "date": date,
        "licence": LICENCE,
        "repository": address,
        "repository_said": Markdown(f"<{address}>" if address else "not yet at an address"),
        "facts": lambda: _facts(results),
        "lies_beside": _lies_beside(run),
        "dataset": lambda: dataset(results),
        "nouns": lambda: dataset(results).noun + ("es" if dataset(results).noun.endswith("s") else "s"),
        "data_hashes": lambda: _data_hashes(results),
        "notebooks": lambda: [*map(_linked, run.notebooks)],
        "trained": trained(results),
        "table_parameters": lambda: _settings(results, lambda one: one.job),
        "table_measuring": lambda: _settings(results, lambda one: one.measured),
        "table_environment": lambda: _environment(results),
    }


def _profile_file(run: Run) -> str:
    """The value of PROFILE that repeats the run."""
    path = run.profile.where.resolve()
    if path.parent.name == "profiles":
        return run.profile.name
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else f"path/to/{path.name}"


def trained(results: Results) -> list[tuple[str, Training]]:
    """Every training with its name in tables."""
    return [(results.titled(one), one) for one in results.trainings.values()]


def repository() -> str:
    """The address of the project's repository, from CITATION.cff; empty until there is one."""
    return _project().get("repository-code", "")


def _project() -> dict[str, Any]:
    return yaml.safe_load(CITATION.read_text(encoding="utf-8"))


def _linked(notebook: str) -> Markdown:
    """A notebook's name, whose digits are no number."""
    return defined(Markdown(f"[{escape(notebook)}](notebooks/{notebook}.html)"), "report.names:common")


def _facts(results: Results) -> Markdown:
    """By which code, versions and precision the trainings were made, and what they took."""
    ones = list(results.trainings.values())

    def each(key: str) -> str:
        return ", ".join(dict.fromkeys(str(one.train.environment.get(key, "unknown")) for one in ones))

    plural = "s" if ", " in each("commit") else ""
    of = f"Code of commit{plural} {each('commit')}, Python {each('python')}, torch {each('torch')}"
    return Markdown(f"Trained in {duration(sum(one.seconds for one in ones))}, {each('precision')}. {of}.")


def _lies_beside(run: Run) -> Markdown:
    """Links to what lies beside the page."""
    known = {"PDF": "report.pdf"}
    known |= {"Notebooks": f"notebooks/{run.notebooks[0]}.html"} if run.notebooks else {}
    known |= {"Numbers and their sources": "numbers.json", "Table": "results.csv"}
    known |= {"Claims": "ledger.json"} if run.studied else {}
    known |= {"What was verified": VERIFIED} if (run.results.out / VERIFIED).is_file() else {}
    return Markdown(" · ".join(f"[{name}]({file})" for name, file in known.items()))


def _data_hashes(results: Results) -> Markdown:
    """The data's identity: the beginning of the SHA-256 of images and labels."""
    file = f"{next(iter(results.trainings.values())).train.run}/run.json"
    data = read_json(results.out / file)["settings"]["images"]
    note(f"{file}#/settings/images")
    named = listing(Markdown(f"{code(data[split][:16])}… ({split})") for split in ("train", "test"))
    return Markdown(f"SHA-256 of images and labels: {named}.")


# --- tables whose columns or rows depend on the run ---


def _settings(results: Results, of: Callable[[Training], Job]) -> Markdown:
    """The settings of one job of each model, a row each; a seed row lists all seeds."""
    columns = {m: plain(of(results.first(m)).facts.settings) for m in results.models}
    for model, values in columns.items():
        values["seed"] = results.seeds(model)
    names = dict.fromkeys(name for values in columns.values() for name in values)
    rows = [
        [code(n), *(code(word(v[n], n)) if v.get(n, "") != "" else DASH for v in columns.values())]
        for n in names
    ]
    return table(["Setting", *columns], rows)


def _environment(results: Results) -> Markdown:
    """Versions and machine, one row each; first what most jobs have, then others and whose they are."""
    jobs = {"schedules": results.schedules}
    for name, one in trained(results):
        jobs |= {name: one.job, f"measuring of {name}": one.measured}
    machines = {name: plain(job.facts.environment) for name, job in jobs.items() if job}
    keys = dict.fromkeys(key for machine in machines.values() for key in machine)
    rows = []
    for key in sorted(keys, key=lambda k: MACHINE.index(k) if k in MACHINE else len(MACHINE)):
        found: dict[str, list[str]] = {}
        for name, machine in machines.items():
            if key in machine:
                found.setdefault(word(machine[key]), []).append(name)
        usual, *rest = sorted(found.items(), key=lambda pair: -len(pair[1]))
        shown = [code(usual[0]), *(Markdown(f"{code(value)} ({listing(who)})") for value, who in rest)]
        rows.append([key.replace("_", " "), Markdown("; ".join(shown))])
    measured = (one.measured.facts.features for one in results.trainings.values() if one.measured)
    hashes = {name: of[name].sha256 for of in measured for name in of if of[name].sha256}
    rows += [[Markdown(f"{e} features (SHA-256)"), code(value)] for e, value in hashes.items()]
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
