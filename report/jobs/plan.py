"""The jobs of a profile, and which of them must run.

    schedules, train_<model>-<seed> -> measure_<model>-<seed>
    all of these -> notebook_<name> -> report

A finished job writes a stamp, OUT/jobs/<job>.json. It contains the settings of the job, and hashes of the
project's code, the user's own modules, the notebook, the data, and the stamps of the jobs before it. If one
of these differs, or an output file is missing, the job runs again, and those that need it. This is coarse but
cheap: a finished training is only opened again. Measuring depends on the settings of the training and on its
weights instead of its stamp; if these and the measuring code are the same by then, the measures stay.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from diffusion import data
from diffusion.files import differences, digest, sha256
from diffusion.names import own_file
from diffusion.own import own_code
from diffusion.places import versions
from report import places
from report.files import read_json, write_json
from report.jobs.job import PLAN, Job
from report.profile import Profile
from report.results.environment import MEASURING

MEASURING_CODE = ("diffusion/**/*.py", "report/*.py", "report/measures/*.py", "report/results/*.py")
CODE = (*MEASURING_CODE, "play/**/*.py", "report/figures/*.py")  # the code that notebooks run
RELEASES = "released/*/manifest.json"
OF_REPORT = ("report/pages/**/*", RELEASES, "released/page/*.*", "CITATION.cff")
NOT_MADE = "not made yet"


# --- dependencies of a job ---


def make_stamp(job: Job) -> dict[str, Any]:
    """Everything that a job depends on, except for other jobs; ValueError: code or data are missing."""
    settings = _without_folder(job.settings)
    dataset = settings.get("dataset")
    code = MEASURING_CODE if job.kind == "measure" else CODE
    if job.notebook and places.notebook(job.notebook).is_relative_to(places.PAPER):
        code = (*CODE, "report/pages/*.py", f"{places.OF_PAPER}.py")
    patterns = [RELEASES.replace("*", settings["released"])] if settings.get("released") else []
    if job.kind == "notebook":  # it shows released models next to the run's
        patterns = [RELEASES]
    if job.kind == "report":
        patterns = [*OF_REPORT, *([places.OF_PAPER] if settings.get("kind") else [])]
    files = [path for pattern in patterns for path in places.ROOT.glob(pattern) if path.is_file()]
    beside = [path for path in files if path.suffix != ".pyc"]  # Python writes these while jobs run
    return {
        "settings": settings,
        "code": hash_code(code),
        "notebook": job.notebook and hash_cells(job.notebook),
        "own": own_code(sorted({*own_names(settings)})),  # and modules that these import
        "data": dataset and hash_data(dataset),
        "versions": versions(MEASURING),
        "beside": {p.relative_to(places.ROOT).as_posix(): sha256(p) for p in beside},
    }


def _without_folder(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "out_dir"}


@cache
def hash_code(patterns: tuple[str, ...]) -> str:
    """Hash of the project's code that jobs run."""
    files = sorted({path for pattern in patterns for path in places.ROOT.glob(pattern)})
    return sha256(b"".join(path.read_bytes() for path in files))[:16]


@cache
def hash_cells(notebook: str) -> str:
    """Hash of the code in a notebook's cells, and of their ids, by which a report finds its figures."""
    cells = read_json(places.notebook(notebook))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    return digest([(cell.get("id"), "".join(cell["source"])) for cell in code], 16)


def own_names(settings: Any) -> Iterator[str]:
    """Yield each string `module:name` in nested settings whose module is a file of the user's own."""
    if isinstance(settings, Mapping):
        settings = [*settings.values()]
    if isinstance(settings, list | tuple):
        for value in settings:
            yield from own_names(value)
    elif isinstance(settings, str) and ":" in settings and own_file(settings.partition(":")[0]):
        yield settings


@cache
def hash_data(dataset: str) -> str:
    """Hash of a data set; ValueError: it cannot be loaded, or has no classes, which notebooks need."""
    if not (known := data.get(dataset)).classes:
        raise ValueError(f"{known.title} has no classes; notebooks need at least two")
    parts = [part for split in data.SPLITS for part in data.load(dataset, split)]
    return digest([data.fingerprint(part) for part in parts], 16)


# --- the jobs of a profile ---


def plan_jobs(profile: Profile, released: Path | None = None) -> dict[str, Job]:
    """The jobs of a profile by name, each after the jobs that it needs; first seeds come first.

    Args:
        released: folder of unpacked released results. If given, the jobs are only the notebooks, one for each
            model, and the report.
    """
    out, planned = released or profile.out, {}

    def add(kind: str, subject: str = "", makes: Iterable[str] = (), notebook: str = "", **parts: Any) -> str:
        name = f"{notebook}-{subject}" if subject not in ("", notebook) else notebook
        executed = [f"notebooks/{name}.ipynb"] if notebook else []
        settings = json.loads(json.dumps(parts.pop("settings"), default=str))  # as in plan.json
        if released and notebook:  # the notebook opens the released runs, and does not write a table
            makes, settings = (), {**settings, "released": settings.get("released") or profile.name}
            settings |= {"n_reconstruct": 100} if "n_reconstruct" in settings else {}
        job = Job(kind, subject, out, settings, makes=(*makes, *executed), notebook=notebook, **parts)
        planned[job.name] = job
        return job.name

    add("schedules", makes=["metrics/schedules.json"], notebook="01_schedules", settings=profile.schedules)
    by_seed = sorted(profile.trainings, key=lambda pair: profile.seeds(pair[0]).index(pair[1]))
    for model, seed in by_seed:  # the first seed of each model, then the second
        name, (notebook, settings) = f"{model}-{seed}", profile.trainings[model, seed]
        makes = [f"metrics/train_{name}.json", f"runs/{name}/history.jsonl"]
        if released and not (places.ROOT / "released" / profile.name / makes[0]).is_file():
            command = f"make retrain PROFILE={profile.name}"
            raise ValueError(f"released/{profile.name} does not contain {name}; to train it, run {command}")
        if released and seed != profile.seeds(model)[0]:
            continue
        train = add("train", name, makes, notebook, settings=settings)
        if released:
            continue
        makes = [f"kept/{kind}_{name}.npz" for kind in ("samples", "quality")]
        makes += [f"metrics/measure_{name}.json"]
        arguments = yaml.safe_dump(profile.measures[model], sort_keys=False)
        module = ("report.measures.measure", str(out), name, arguments)
        settings = profile.measures[model] | {"training": _without_folder(settings)}
        add("measure", name, makes, module=module, settings=settings, needs=[train])
    needs = [] if released else [*planned]
    for notebook, settings in profile.notebooks.items():  # the last draws the figures of every report
        makes = list_files(notebook)
        name = add("notebook", notebook, makes, notebook, settings=settings, needs=[*needs])
        needs += [name] if makes and not released else []
    module = ("report.pages.build", str(out), str(profile.where.resolve()))
    settings = profile.file.report.model_dump(mode="json") | {"text": profile.text, "profile": profile.name}
    add("report", makes=["report.html", "report.pdf"], module=module, settings=settings, needs=[*planned])
    return planned


def list_files(notebook: str) -> list[str]:
    """Files that a notebook writes to the results folder, from its metadata."""
    return read_json(places.notebook(notebook))["metadata"].get("makes", [])


def lock(out: Path) -> FileLock:
    """The lock on a results folder; the system releases it when the process that holds it ends."""
    out.mkdir(parents=True, exist_ok=True)
    return FileLock(out / ".lock", timeout=0)


def make_plan(profile: Profile, released: Path | None = None) -> dict[str, Job]:
    """The jobs of a profile with their stamps; ValueError: code or data are missing."""
    return {name: replace(job, stamp=make_stamp(job)) for name, job in plan_jobs(profile, released).items()}


def find_stale(planned: Mapping[str, Job]) -> dict[str, str]:
    """The jobs of a plan that must run, by name, each with the reason in one line."""
    stale: dict[str, str] = {}
    for name, job in planned.items():
        needed = [_depends_on(planned[before]) for before in job.needs if before in stale]
        if reason := needed[0] if needed else _stale(job):
            stale[name] = reason
    return stale


def follows(job: Job, reason: str, planned: Mapping[str, Job]) -> bool:
    """Return True if a job runs only because a job before it does."""
    return reason in (_depends_on(planned[before]) for before in job.needs)


def _depends_on(job: Job) -> str:
    return f"depends on {job.title}"


def _stale(job: Job) -> str:
    if not all(path.is_file() for path in (job.path, *map(job.stamp_of, job.needs))):
        return NOT_MADE
    for name, recorded, value in differences(read_json(job.path), job.made_from()):
        is_hash = not name.startswith(("settings", "versions"))
        return f"{name} changed" if is_hash else f"{name} was {recorded!r}, is {value!r}"
    return f"{lost} is missing" if (lost := job.lost()) else ""


def write_plan(planned: Mapping[str, Job], out: Path) -> None:
    """Write a plan to OUT/plan.json, for Snakemake and the jobs."""
    fields = {name: asdict(job) | {"out": str(out)} for name, job in planned.items()}
    write_json(out / PLAN, fields)
