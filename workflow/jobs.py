"""The jobs of a profile, and which of them must run.

    schedules, yardstick, train_<model>-<seed> -> measure_<model>-<seed>
    all of these -> compare, level, comparison -> report

A finished job leaves a stamp, OUT/jobs/<job>.json: its settings, hashes of the project's code and of the
user's own modules that it ran, of its notebook, of the data, and of the stamps before it. Where these differ,
or a file that it made is not there, it runs again: that is coarse, and cheap. A training that is finished is
then only opened; its measures are repeated if the code that measures has changed.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from diffusion import data
from diffusion.bounds import named, whole
from diffusion.files import differences, digest, read_json, sha256, write_json
from diffusion.identity import own_code
from diffusion.processes.base import GREY28
from diffusion.provenance import versions
from study.environment import MEASURING
from study.profile import NOTEBOOKS, ROOT, Profile, read
from study.results import STUDY
from workflow.job import PLAN, Job

CODE = ("diffusion/**/*.py", "study/**/*.py", "play/**/*.py")  # of all jobs, and of the report:
OF_REPORT = ("report/**/*", "released/*/manifest.json", "released/page/*.html", "CITATION.cff")
OWN = re.compile(r'"(?!diffusion[.:])([A-Za-z_][\w.]*:[A-Za-z_][\w.]*)"')  # module:name, in JSON
NOT_MADE = "not made yet"


# --- what jobs are made from ---


def stamp(job: Job) -> dict[str, Any]:
    """All that a job is made from, but for the jobs before it; ValueError: code or data are not there."""
    settings = {k: v for k, v in job.settings.items() if k not in ("data_dir", "out_dir")}
    dataset = settings.get("dataset")
    released = [f"released/{settings['released']}/manifest.json"] if settings.get("released") else []
    beside = [path for one in (OF_REPORT if job.kind == "report" else released) for path in ROOT.glob(one)]
    return {
        "settings": settings,
        "code": project_code(),
        "notebook": job.notebook and cells(job.notebook),
        "own": own_modules(json.dumps(settings)),
        "data": dataset and content(dataset, job.settings.get("data_dir")),
        "versions": versions(MEASURING),
        "beside": {p.relative_to(ROOT).as_posix(): sha256(p) for p in beside if p.is_file()},
    }


@cache
def project_code() -> str:
    """Hash of the project's code that jobs run."""
    files = sorted({path for one in CODE for path in ROOT.glob(one)})
    return sha256(b"".join(path.read_bytes() for path in files))[:16]


@cache
def cells(notebook: str) -> str:
    """Hash of the code in a notebook's cells."""
    found = read_json(NOTEBOOKS / f"{notebook}.ipynb")["cells"]
    return digest(["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"], 16)


def own_modules(settings: str) -> dict[str, str]:
    """Hashes of the modules of the user's own that settings, as JSON, name, and of all that these import."""
    names = sorted({*OWN.findall(settings)})
    for name in names:
        named("name", name, {})  # imports its module
    return own_code([{"name": name} for name in names])


@cache
def content(dataset: str, data_dir: str | None) -> str:
    """Hash of a data set; ValueError: it cannot be had, or notebooks do not take it."""
    known, (images, _) = data.get(dataset), data.load(dataset, "test", data_dir, 1)
    if tuple(images.shape[1:]) != GREY28 or not known.classes:
        is_ = f"{known.title} has images {tuple(images.shape[1:])} and {len(known.classes)} classes"
        raise ValueError(
            f"{is_}; notebooks take 28 x 28 grey pixels, of classes: resize them where they are read"
        )
    parts = [part for split in data.SPLITS for part in data.load(dataset, split, data_dir)]
    return digest([data.fingerprint(part) for part in parts], 16)


@cache
def sizes(dataset: str, data_dir: str | None) -> dict[str, int]:
    """Split -> number of images."""
    return {split: len(data.load(dataset, split, data_dir)[0]) for split in data.SPLITS}


# --- the jobs of a profile ---


def of(profile: Profile, released: Path | None = None) -> dict[str, Job]:
    """The jobs of a profile by name, each after those that it needs: first seeds first.

    Of released results, in the folder `released`: notebooks, of each model the first, and the report.
    """
    out, report, found = released or profile.out, profile.file.report, {}

    def add(kind: str, of: str = "", makes: Iterable[str] = (), notebook: str = "", **parts: Any) -> str:
        executed = [f"notebooks/{'-'.join(filter(None, (notebook, of)))}.ipynb"] if notebook else []
        settings = json.loads(json.dumps(parts.pop("settings"), default=str))  # as the plan has them
        if released and notebook:  # opens what is released, and writes no table
            makes, settings = (), settings | {"released": profile.name}
            settings |= {"n_reconstruct": 100} if "n_reconstruct" in settings else {}
        job = Job(kind, of, out, settings, makes=(*makes, *executed), notebook=notebook, **parts)
        found[job.name] = job
        return job.name

    add("schedules", makes=["metrics/schedules.json"], notebook="01_schedules", settings=profile.schedules)
    first = sorted(profile.trainings, key=lambda one: profile.seeds(one[0]).index(one[1]))
    for model, seed in first:  # the first seed of each model, then the second
        one, (notebook, settings) = f"{model}-{seed}", profile.trainings[model, seed]
        makes = [f"metrics/train_{one}.json", f"runs/{one}/history.jsonl"]
        if released and not (ROOT / "released" / profile.name / makes[0]).is_file():
            raise ValueError(f"released/{profile.name} has no {one}: make retrain PROFILE={profile.name}")
        if released and seed != profile.seeds(model)[0]:
            continue
        train = add("train", one, makes, notebook, settings=settings)
        if released:
            continue
        makes = [f"kept/{kind}_{one}.npz" for kind in ("samples", "quality")]
        makes += [f"metrics/measure_{one}.json"]
        settings = profile.measures[model]
        module = ("study.measure", str(out), one, yaml.safe_dump(settings))
        add("measure", one, makes, module=module, settings=settings, needs=[train])
    if profile.yardstick is not None:
        makes = ["metrics/yardstick.json", "kept/real.npz"]
        add("yardstick", makes=makes, notebook="07_yardstick", settings=profile.yardstick)
    needs = [*found]
    shared = {"models": [*profile.measures], "labels": profile.labels, "released": None}
    place = {"data_dir": profile.file.data_dir}
    beyond, starts, original = ({name: getattr(report, name)} for name in ("beyond", "starts", "original"))
    of_data = shared | place | {"dataset": profile.file.dataset}
    add("compare", notebook=profile.file.compare, settings=of_data, needs=needs)
    if profile.yardstick is not None and {*STUDY} <= profile.measures.keys():
        settings = shared | beyond | starts
        add("level", makes=["metrics/level.json"], notebook="09_level", settings=settings, needs=needs)
    add("comparison", notebook="11_models", settings=shared | place | beyond | original, needs=needs)
    told = report.model_dump(mode="json") | {"text": profile.text}
    if released and report.beyond:
        further = of(read(report.beyond))["compare"]
        settings = further.settings | {"released": report.beyond}
        found["compare_beyond"] = replace(further, of="beyond", out=out, settings=settings, needs=())
    module = ("report.build", str(out), str(profile.where.resolve()))
    add("report", makes=["report.html", "report.pdf"], module=module, settings=told, needs=[*found])
    return found


def lock(out: Path) -> FileLock:
    """The lock on a results folder; the system drops it with the process that holds it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"out is {out}, which cannot be created: {error.strerror}") from None
    return FileLock(out / ".lock", timeout=0)


def steps(P: Mapping[str, Any], n: int) -> int:
    """Steps of a training by the parameters of its notebook, on n images."""
    return (
        P["epochs"] * math.ceil(n / P["batch_size"]) if P["epochs"] else P["fit_options"].get("steps") or 1000
    )


def epochs(P: Mapping[str, Any], n: int) -> int:
    """Epochs of a training on n images; the last one may be cut short."""
    return math.ceil(steps(P, n) / math.ceil(n / P["batch_size"]))


def check_sizes(profile: Profile) -> None:
    """ValueError: a model asks for more images, or for an average over more epochs, than there are."""
    n = sizes(profile.file.dataset, profile.file.data_dir)
    file = profile.file  # what it gives; notebooks use fewer images where their defaults are too many
    sections = {f"models.{model}": file.training | entry.model_extra for model, entry in file.models.items()}
    sections |= {f"models.{model}, measure": how for model, how in profile.measures.items()}
    sections |= {"schedules": file.schedules, "yardstick": file.yardstick or {}}
    for name, section in sections.items():
        for split, most in n.items():
            if section.get(f"n_{split}") is not None:
                whole(f"{profile.where}, {name}: n_{split}", section[f"n_{split}"], 1, most)
    if (index := profile.schedules["image_index"]) is not None:
        whole(f"{profile.where}, schedules: image_index", index, 0, n["test"] - 1)
    for (model, _), (_, P) in profile.trainings.items():
        most = epochs(P, min(P["n_train"] or n["train"], n["train"]))
        for way, changes in profile.file.models[model].ways.items():
            name = f"{profile.where}, models.{model}, ways.{way}: average"
            whole(name, changes.get("average", 1), 1, most)


def plan(profile: Profile, released: Path | None = None) -> dict[str, Job]:
    """The jobs of a profile with their stamps; ValueError: code or data are not there, or too few."""
    check_sizes(profile)
    return {name: replace(job, stamp=stamp(job)) for name, job in of(profile, released).items()}


def check(planned: Mapping[str, Job]) -> dict[str, str]:
    """The jobs of a plan that must run, by name, each with the reason in a line."""
    stale: dict[str, str] = {}
    for name, job in planned.items():
        again = [f"{before} is made again" for before in job.needs if before in stale]
        if reason := _stale(job) or (again and again[0]):
            stale[name] = reason
    return stale


def _stale(job: Job) -> str:
    if not all(path.is_file() for path in (job.path, *map(job.stamp_of, job.needs))):
        return NOT_MADE
    if found := next(differences(read_json(job.path), job.made_from()), ""):
        name = found.partition(" was ")[0]
        return found if name.startswith(("settings", "versions")) else f"{name} changed"
    return f"{lost} is lost" if (lost := job.lost()) else ""


def keep(planned: Mapping[str, Job], out: Path) -> None:
    """Write a plan for Snakemake and the jobs."""
    fields = {name: asdict(job) | {"out": str(out)} for name, job in planned.items()}
    write_json(out / PLAN, fields)
