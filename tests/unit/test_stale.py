"""Which jobs run again: what a job rests on is changed or lost, on a copy of the project."""

import ast
import datetime
import functools
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

import helpers
from diffusion import data, places
from finished import (
    AFTER,
    ALL,
    BEYOND,
    COMPARE,
    FIGURES,
    MODELS,
    OF_LINEAR,
    OF_OWN,
    OF_ZOOM,
    PROFILE,
    finished,
)
from helpers import ROOT
from report.files import write_json
from report.jobs import plan as jobs
from report.jobs.job import read_plan


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with finished(tmp_path_factory.mktemp("finished")) as found:
        yield found


def after(plan, name: str) -> list[str]:
    """A job and all that rest on it, by the jobs that each needs."""
    found = [name]
    for one, job in plan.items():
        found += [one] if {*job.needs} & {*found} else []
    return found


def test_a_finished_run_has_nothing_to_do_and_its_plan_is_read_as_it_was_written(run):
    plan = run.jobs()
    assert (run.stale(), [*plan], after(plan, "train_zoom-0")) == ({}, ALL, [*OF_ZOOM, *AFTER])
    jobs.write_plan(plan, run.out)
    assert jobs.find_stale(read_plan(run.out)) == {}


# --- settings ---

FREE = {"dataset", "out_dir"}  # data are hashed instead of named


@pytest.mark.parametrize("name", ALL)
def test_each_setting_of_a_job_is_one_that_it_and_those_after_it_rest_on(run, name):
    """Whatever they are. With the name of a module of one's own or of a release, a hash changes as well."""
    plan = run.jobs()
    job = plan[name]
    assert job.settings
    for key in job.settings.keys() - FREE:
        other = replace(job, settings=job.settings | {key: "another"})
        changed = plan | {name: replace(other, stamp=jobs.make_stamp(other))}
        found = jobs.find_stale(changed)
        assert [*found] == after(plan, name), key
        assert found[name].startswith((f"settings.{key}", "own.", "beside.")), found[name]
        follows = [one for one in found if jobs.follows(changed[one], found[one], changed)]
        assert follows == after(plan, name)[1:]


def other(path: str, value) -> dict:
    """The sections of the profile in which the value at a dotted path is another."""
    content = json.loads(json.dumps(PROFILE))
    *above, last = path.split(".")
    functools.reduce(lambda inner, name: inner.setdefault(name, {}), above, content)[last] = value
    return {path.partition(".")[0]: content[path.partition(".")[0]]}


OF_MODELS = [COMPARE, FIGURES, "report"]  # which take the names of the models; `BEYOND` shows a release
SECTIONS = {  # path in the profile -> another value, and the jobs whose setting it is with those after them
    "training.epochs": (3, ALL[1:]),
    "models.zoom.T": (20, [*OF_ZOOM, *AFTER]),
    "models.zoom.fit_options": ({"ema": 0.9}, [*OF_ZOOM, *AFTER]),
    "models.linear.schedule": ("cosine", [*OF_LINEAR, *AFTER]),
    "models.own.degradation": ("own_fade:Deeper", [*OF_OWN, *AFTER]),
    "models.zoom.variants.two": ({"average": 2}, [OF_ZOOM[1], *AFTER]),
    "models.zoom.variants.stays.n": (20, [OF_ZOOM[1], *AFTER]),
    "models.zoom.measure.n_probe": (20, [OF_ZOOM[1], *AFTER]),
    "measure.n_final": (33, [OF_LINEAR[1], OF_ZOOM[1], OF_OWN[1], *AFTER]),
    "schedules.T": (500, ["schedules", *AFTER]),
    "notebooks.04_compare_fid.n": (20, [COMPARE, "report"]),
    "notebooks.06_beyond.released": ("paper", [BEYOND, "report"]),
    "notebooks.11_models": ({}, ["notebook_11_models", "report"]),
    "notebooks": ({}, ["report"]),
    "models.zoom.label": ("Zoom", OF_MODELS),
    "models.more": ({"notebook": "03_train_zoom"}, ["train_more-0", "measure_more-0", *AFTER]),
    "models.zoom.seeds": ([0, 7], ["train_zoom-7", "measure_zoom-7", *AFTER]),
    "models": (dict(reversed(MODELS.items())), OF_MODELS),  # they are shown in this order
    "report.title": ("X", ["report"]),
    "report.date": (datetime.date(2026, 12, 1), ["report"]),
    "report.beside": (["paper"], ["report"]),
    "report.text": (None, ["report"]),
    "profile": ("other", ["report"]),
    "dataset": ("own_data:same", ALL),
    "data_dir": (".", []),
}


@pytest.mark.parametrize("path", SECTIONS)
def test_a_setting_of_a_section_is_one_of_its_jobs(run, path, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", str(data.folder()))  # a profile with another `data_dir` sets it
    value, stale = SECTIONS[path]
    assert {*run.stale(**other(path, value))} == {*stale}


def test_of_a_model_that_is_gone_what_shows_it_is_made_again(run):
    assert [*run.stale(models={name: MODELS[name] for name in ("linear", "zoom")})] == AFTER


# --- files ---


def appended(content: bytes) -> bytes:
    return content + b"\n# a remark"


def last_number(content: bytes) -> bytes:
    return content[:-8] + (2).to_bytes(8, "little")


def with_cell(kind: str) -> Callable[[bytes], bytes]:
    """A notebook that has one more cell."""

    def change(content: bytes) -> bytes:
        notebook = json.loads(content)
        notebook["cells"].append({"cell_type": kind, "id": "x", "metadata": {}, "source": ["1 + 1"]})
        return json.dumps(notebook).encode()

    return change


def renamed(content: bytes) -> bytes:
    """A notebook whose figure of losses has another name."""
    return content.replace(b'"fig-losses"', b'"fig-others"')


CODE = with_cell("code")
OF_NOTEBOOKS = {
    "01_schedules": ["schedules", *AFTER],
    "02_train_ddpm": [*OF_LINEAR, *AFTER],
    "03_train_zoom": [*OF_ZOOM, *AFTER],
    "05_your_degradation": [*OF_OWN, *AFTER],
    "04_compare_fid": [COMPARE, "report"],
    "06_beyond": [BEYOND, "report"],
    "report_figures": [FIGURES, "report"],
}
OF_ALL = ["diffusion/training/run", "play/widget", "report/record", "report/figures/lessons"]
OF_ALL += ["report/measures/pixels", "report/results/table"]
FILES = {  # file, how it is changed -> the jobs that run again, and why the first one
    **{(f"code/{name}.py", appended): (ALL, "code") for name in OF_ALL},
    **{
        (f"code/{name}", appended): (["report"], f"beside.{name}")
        for name in ("report/pages/build.py", "report/pages/references.bib", "CITATION.cff")
    },
    **{(f"code/notebooks/{name}.ipynb", CODE): (stale, "notebook") for name, stale in OF_NOTEBOOKS.items()},
    ("code/notebooks/report_figures.ipynb", renamed): ([FIGURES, "report"], "notebook"),
    ("code/notebooks/03_train_zoom.ipynb", with_cell("markdown")): ([], ""),
    ("code/report/jobs/plan.py", appended): ([], ""),
    ("code/paper/contents.py", appended): ([], ""),  # of another kind of report
    ("code/released/paper/manifest.json", appended): (AFTER, "beside.released/paper/manifest.json"),
    ("code/released/page/cold-zoom.html", appended): (["report"], "beside.released/page/cold-zoom.html"),
    ("words.md", appended): (["report"], "settings.text"),
    ("own_data.py", lambda content: content + b"UNUSED = 1"): (ALL, "own.own_data"),
    ("own_fade.py", lambda content: content + b"UNUSED = 1"): ([*OF_OWN, *AFTER], "own.own_fade"),
    ("own_shade.py", lambda content: b"DEPTH = 2"): ([*OF_OWN, *AFTER], "own.own_shade"),
    ("own_way.py", lambda content: content + b"UNUSED = 1"): ([OF_ZOOM[1], *AFTER], "own.own_way"),
    ("own_fade.py", appended): ([], ""),
    **{
        (f"{split}-{part}.npy", last_number): (ALL, "data")
        for split in ("train", "test")
        for part in ("images", "labels")
    },
}


@pytest.mark.parametrize(("name", "change"), FILES)
def test_of_an_edited_file_what_rests_on_it_runs_again(run, name, change):
    stale, reason = FILES[name, change]
    with run.edited(name, change):
        found = run.stale()
    assert [*found] == stale
    assert not stale or found[stale[0]].startswith(reason), found


def test_compiled_code_that_a_job_leaves_makes_nothing_stale(run):
    compiled = run.code / "report" / "pages" / "__pycache__" / "build.cpython-311.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(b"1")
    assert run.stale() == {}


@functools.cache
def imports_of(path: Path) -> set[str]:
    """What a module or notebook imports."""
    text = path.read_text("utf-8")
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
    return helpers.imports(ast.walk(ast.parse(text)))


def imported(names: list[str]) -> set[str]:
    """The files of this project that notebooks or modules import, directly or through others."""
    found, waiting = set(), {*names}
    while waiting:
        name = waiting.pop()
        parts = ROOT / name.replace(".", "/")
        paths = [helpers.NOTEBOOKS.get(name), parts.with_name(f"{parts.name}.py"), parts / "__init__.py"]
        if (path := next((one for one in paths if one and one.is_file()), None)) and path not in found:
            found.add(path)
            waiting |= imports_of(path)
    return {path.relative_to(ROOT).as_posix() for path in found}


IMPORTING = {  # job -> modules or notebooks that it executes
    "train_own-0": ["05_your_degradation"],
    "measure_own-0": ["report.measures.measure"],
    "notebook_11_models": ["11_models"],
    "report": ["report.pages.build", "paper.contents"],
}


def test_every_file_that_a_job_imports_is_read_when_its_stamp_is_made(run, monkeypatch):
    """Of a run of the paper's kind, which has notebooks of its own."""
    plan = run.jobs(notebooks={"11_models": {}}, report={"kind": "paper"})
    read, read_bytes = set(), Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.add(path) or read_bytes(path))
    for job, names in IMPORTING.items():
        read.clear()
        run.forget()
        jobs.make_stamp(plan[job])
        files = imported(names)
        assert len(files) > 25
        assert {run.code / name for name in files} <= read, job


@pytest.mark.parametrize(
    ("name", "stale"),
    [
        ("text/findings.yaml", ["report"]),
        ("claims/judge.py", ["notebook_11_models", "report"]),
        ("notebooks/11_models.ipynb", ["notebook_11_models", "report"]),
    ],
)
def test_of_the_papers_files_its_own_jobs_alone_run_again(tmp_path, name, stale):
    content = PROFILE | {"notebooks": {"04_compare_fid": {}, "11_models": {}}, "report": {"kind": "paper"}}
    change = CODE if "ipynb" in name else appended
    with finished(tmp_path, content) as run, run.edited(f"code/paper/{name}", change):
        assert [*run.stale()] == stale


# --- other versions, and lost files ---

# Packages that the code imports and that change no number.
WITHOUT_NUMBERS = {"filelock", "matplotlib", "pandas", "pillow", "platformdirs", "pydantic", "pyyaml"}
WITHOUT_NUMBERS |= {"safetensors", "lazy-loader", "tqdm", "typing-extensions", "seaborn", "threadpoolctl"}
WITHOUT_NUMBERS |= {"papermill", "cold-zoom-diffusion"}


def test_another_version_of_a_package_that_computes_runs_all_again(run, monkeypatch):
    """Each that the code of the library and of measures imports."""
    files = [path for part in ("diffusion", "report/measures") for path in (ROOT / part).rglob("*.py")]
    modules = {name.partition(".")[0] for path in files for name in imports_of(path)}
    known, version = metadata.packages_distributions(), metadata.version
    found = {one.lower().replace("_", "-") for name in modules for one in known.get(name, ())}
    for package in found - WITHOUT_NUMBERS:
        with monkeypatch.context() as patch:
            patch.setattr(metadata, "version", lambda name, p=package: "0" if name == p else version(name))
            if package == "torch":
                patch.setattr(places.torch, "__version__", "0")
            stale = run.stale()
        assert [*stale] == ALL
        assert stale["schedules"].startswith(f"versions.{package} was ")


def test_where_a_file_of_a_job_is_lost_the_job_is_named_and_what_rests_on_it_runs_again(run):
    plan = run.jobs()
    for name, job in plan.items():
        assert job.makes
        for file, reason in {run.out / one: f"{one} is missing" for one in job.makes}.items() | {
            (job.path, jobs.NOT_MADE)
        }:
            content = file.read_bytes()
            file.unlink()
            found = jobs.find_stale(plan)
            file.write_bytes(content)
            assert ([*found], found[name]) == (after(plan, name), reason)
    assert run.stale() == {}


@pytest.mark.parametrize(("weights", "again"), [({"2": "0"}, True), ({}, False)])
def test_measures_are_taken_again_if_their_training_ended_with_other_weights(run, weights, again):
    """They may stay where it ran again, because code of its notebook was edited, and has the same ones."""
    job, measuring = (run.jobs()[name] for name in OF_ZOOM)
    path, kept = run.out / job.makes[0], measuring.path.read_bytes()
    with run.edited("code/notebooks/03_train_zoom.ipynb", CODE):
        plan = run.jobs()
        assert [*jobs.find_stale(plan)] == [*OF_ZOOM, *AFTER]
        for name in OF_ZOOM:
            plan[name].set_aside()
        assert not job.path.exists()
        assert jobs.find_stale(plan)[OF_ZOOM[0]] == jobs.NOT_MADE
        write_json(path, {"sha256": weights})
        assert plan[OF_ZOOM[1]].is_current() != again
    write_json(path, {"sha256": {}})
    job.finish()
    measuring.finish()
    assert measuring.path.read_bytes() == kept
    measuring.former.unlink()
    assert run.stale() == {}


def test_a_job_that_was_made_again_makes_those_stale_that_were_made_of_the_one_before(run):
    changes = {"models": MODELS | {"zoom": MODELS["zoom"] | {"epochs": 3}}}
    job = run.jobs(**changes)["train_zoom-0"]
    before = job.path.read_bytes()
    job.finish()
    found = run.stale(**changes)
    job.path.write_bytes(before)
    assert [*found] == [OF_ZOOM[1], *AFTER]
    assert found[OF_ZOOM[1]].startswith("settings.training.epochs was 2, is 3")


# --- the report of a release ---

OF_RELEASE = ["schedules", "train_linear-0", "train_zoom-0", "train_own-0", *AFTER]


@pytest.mark.parametrize(
    ("name", "stale"),
    [
        ("released/small/manifest.json", OF_RELEASE),
        ("released/paper/manifest.json", AFTER),
        ("notebooks/03_train_zoom.ipynb", ["train_zoom-0", "report"]),
        ("report/pages/references.bib", ["report"]),
    ],
)
def test_of_the_report_of_a_release_what_shows_it_is_made_again_when_the_release_is_another(run, name, stale):
    folder, out = run.code / "released" / "small", run.folder / "released"
    for path in (folder / "manifest.json", *(folder / "metrics" / f"train_{one}-0.json" for one in MODELS)):
        write_json(path, {})
    run.finish(run.planned(out))
    assert [*run.planned(out)] == OF_RELEASE
    assert jobs.find_stale(run.planned(out)) == {}
    with run.edited(f"code/{name}", CODE if "ipynb" in name else appended):
        assert [*jobs.find_stale(run.planned(out))] == stale
    shutil.rmtree(folder)
