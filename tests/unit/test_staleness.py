"""Of each input of each kind of job: it is changed, and exactly the jobs that rest on it run again.

Nothing runs here; the run itself is tested in e2e/test_workflow.py.
"""

import ast
import datetime
import functools
import json
import shutil
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

import helpers
from diffusion import provenance
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
    N,
    finished,
)
from helpers import ROOT
from report import profile as profiles
from report.files import write_json
from report.jobs import plan as jobs
from report.parameters import MEASURE, parameters

OF_MODELS = [COMPARE, FIGURES, "report"]  # which take the names of the models; `BEYOND` shows a release


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with finished(tmp_path_factory.mktemp("finished")) as found:
        yield found


def test_a_run_with_nothing_changed_has_nothing_to_do(run):
    assert (run.stale(), [*run.jobs()]) == ({}, ALL)


# --- settings ---


def other(path: str, value) -> dict:
    """The sections of the profile in which the value at a dotted path is another."""
    content = json.loads(json.dumps(PROFILE))
    *above, last = path.split(".")
    functools.reduce(lambda inner, name: inner.setdefault(name, {}), above, content)[last] = value
    return {path.partition(".")[0]: content[path.partition(".")[0]]}


OF_03 = {  # parameters of a notebook, as 03_train_zoom -> another value
    "T": 20,
    "interpolation": "bilinear",
    "image_noise": 0.1,
    "prior": "patches",
    "prior_options": {"components": 2},
    "sampler": "improved",
    "sampler_options": {"levels": 4},
    "network": "own_way:Linear",
    "network_options": {"channels": [8]},
    "n_train": 9,
    "n_test": 9,
    "epochs": 3,
    "batch_size": 4,
    "learning_rate": 0.1,
    "fit_options": {"ema": 0.9},
    "n_keep": 8,
    "n_reconstruct": 8,
}
OF_02 = {"schedule": "cosine", "schedule_options": {"T": 500}}
OF_05 = {"degradation": "own_fade:Deeper", "degradation_options": {"strength": 0.5}}
SCHEDULES = {
    "T": 500,
    "beta_start": 1e-4,
    "beta_end": 0.03,
    "s": 0.01,
    "beta_max": 0.5,
    "zoom_T": 20,
    "interpolation": "bilinear",
    "image_index": 3,
    "n_columns": 5,
    "n_test": 9,
}
MEASURED = {
    "n_test": N,
    "n_checkpoint": 20,
    "n_final": 33,
    "n_distance": 20,
    "distance_every": 2,
    "floor_repeats": 3,
    "interval_repeats": 3,
    "n_per_distortion": 20,
    "n_real": 200,
    "n_probe": 20,
    "sample_seed": 1,
    "inception_weights": "auto",
    "precision": "fp32",
}
NOTEBOOK = {"n": 20, "n_test": 9, "distance_every": 2, "floor_repeats": 3}
SETTINGS = {  # path in the profile -> another value, the jobs that run again, how the setting is named
    **{f"models.zoom.{name}": (value, [*OF_ZOOM, *AFTER]) for name, value in OF_03.items()},
    "models.zoom.network": ("own_way:Linear", [*OF_ZOOM, *AFTER], "own_way"),
    **{f"models.linear.{name}": (value, [*OF_LINEAR, *AFTER]) for name, value in OF_02.items()},
    **{f"models.own.{name}": (value, [*OF_OWN, *AFTER]) for name, value in OF_05.items()},
    **{f"schedules.{name}": (value, ["schedules", *AFTER]) for name, value in SCHEDULES.items()},
    **{f"models.zoom.measure.{name}": (value, [OF_ZOOM[1], *AFTER]) for name, value in MEASURED.items()},
    **{f"notebooks.04_compare_fid.{name}": (value, [COMPARE, "report"]) for name, value in NOTEBOOK.items()},
    "models.zoom.variants.two": ({"average": 2}, [OF_ZOOM[1], *AFTER], "variants.two"),
    "models.zoom.variants.stays.n": (20, [OF_ZOOM[1], *AFTER], "variants.stays.n"),
    "training.epochs": (3, ALL[1:]),
    "measure.n_final": (33, [OF_LINEAR[1], OF_ZOOM[1], OF_OWN[1], *AFTER]),
    "notebooks.06_beyond.released": ("paper", [BEYOND, "report"]),
    "models.zoom.label": ("Zoom", OF_MODELS, "labels.zoom"),
    "report.title": ("X", ["report"]),
    "report.authors": ("X", ["report"]),
    "report.date": (datetime.date(2026, 12, 1), ["report"]),
    "report.beside": (["paper"], ["report"]),
    "report.text": (None, ["report"]),
    "profile": ("other", ["report"]),
    "opened": (["zoom"], []),  # what a release has of the run
}


@pytest.mark.parametrize("path", SETTINGS)
def test_a_changed_setting_is_named_and_what_rests_on_it_runs_again(run, path):
    value, stale, *named = SETTINGS[path]
    found, (name,) = run.stale(**other(path, value)), named or [path.rpartition(".")[2]]
    assert [*found] == stale
    assert all(found[job].startswith(("settings." + name, "own." + name)) for job in stale[:1]), found


def test_each_parameter_of_a_profile_has_a_row_above():
    for notebook in ("02_train_ddpm", "03_train_zoom", "05_your_degradation"):
        assert parameters(notebook)[0].keys() - profiles.GIVEN <= {*OF_02, *OF_03, *OF_05}
    assert parameters("01_schedules")[0].keys() - profiles.GIVEN == {*SCHEDULES}
    assert parameters("04_compare_fid")[0].keys() - profiles.GIVEN == {*NOTEBOOK}
    assert MEASURE.model_fields.keys() - {"dataset", "data_dir", "variants"} == {*MEASURED}
    sections = {path.partition(".")[0] for path in SETTINGS}
    assert profiles.Sections.model_fields.keys() - sections == {
        "seeds",
        "dataset",
        "data_dir",
        "out",
    }  # below
    of_report = {path.partition(".")[2] for path in SETTINGS if path.startswith("report.")}
    assert profiles.Report.model_fields.keys() - of_report == {"kind"}


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        (
            {"models": MODELS | {"more": {"notebook": "03_train_zoom"}}},
            ["train_more-0", "measure_more-0", *AFTER],
        ),
        ({"models": {name: MODELS[name] for name in ("linear", "zoom")}}, AFTER),
        ({"models": dict(reversed(MODELS.items()))}, OF_MODELS),  # they are shown in this order
        (
            {"models": MODELS | {"zoom": MODELS["zoom"] | {"seeds": [0, 7]}}},
            ["train_zoom-7", "measure_zoom-7", *AFTER],
        ),
        ({"notebooks": PROFILE["notebooks"] | {"11_models": {}}}, ["notebook_11_models", "report"]),
        ({"notebooks": {}}, ["report"]),
        ({"dataset": "own_data:same"}, ALL),
        ({"data_dir": "."}, []),
    ],
)
def test_what_is_new_or_gone_is_made_with_what_shows_it_and_nothing_else(run, changes, stale):
    assert {*run.stale(**changes)} == {*stale}


# --- files ---


def appended(content: bytes) -> bytes:
    return content + b"\n# a remark"


def a_pixel(content: bytes) -> bytes:
    return content[:-1] + b"\1"


def labels(content: bytes) -> bytes:
    """The file of labels in which the last image has another one."""
    return content[:-8] + (0).to_bytes(8, "little")


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


CODE, NOTEBOOKS = with_cell("code"), "code/notebooks"
FILES = {  # file, how it is changed -> the jobs that run again, and why the first one
    ("code/diffusion/training/run.py", appended): (ALL, "code"),
    ("code/play/widget.py", appended): (ALL, "code"),
    ("code/report/record.py", appended): (ALL, "code"),
    ("code/report/figures/lessons.py", appended): (ALL, "code"),
    ("code/report/measures/pixels.py", appended): (ALL, "code"),
    ("code/report/results/table.py", appended): (ALL, "code"),
    ("code/report/jobs/plan.py", appended): ([], ""),
    ("code/paper/contents.py", appended): ([], ""),  # of another kind of report
    ("code/report/pages/build.py", appended): (["report"], "beside.report/pages/build.py"),
    ("code/report/pages/references.bib", appended): (["report"], "beside.report/pages/references.bib"),
    ("code/CITATION.cff", appended): (["report"], "beside.CITATION.cff"),
    ("words.md", appended): (["report"], "settings.text"),
    (f"{NOTEBOOKS}/01_schedules.ipynb", CODE): (["schedules", *AFTER], "notebook"),
    (f"{NOTEBOOKS}/02_train_ddpm.ipynb", CODE): ([*OF_LINEAR, *AFTER], "notebook"),
    (f"{NOTEBOOKS}/03_train_zoom.ipynb", CODE): ([*OF_ZOOM, *AFTER], "notebook"),
    (f"{NOTEBOOKS}/05_your_degradation.ipynb", CODE): ([*OF_OWN, *AFTER], "notebook"),
    (f"{NOTEBOOKS}/04_compare_fid.ipynb", CODE): ([COMPARE, "report"], "notebook"),
    (f"{NOTEBOOKS}/06_beyond.ipynb", CODE): ([BEYOND, "report"], "notebook"),
    (f"{NOTEBOOKS}/report_figures.ipynb", CODE): ([FIGURES, "report"], "notebook"),
    (f"{NOTEBOOKS}/report_figures.ipynb", renamed): ([FIGURES, "report"], "notebook"),
    (f"{NOTEBOOKS}/03_train_zoom.ipynb", with_cell("markdown")): ([], ""),
    # another release, which notebooks and report show next to the run
    ("code/released/paper/manifest.json", appended): (AFTER, "beside.released/paper/manifest.json"),
    ("code/released/page/cold-zoom.html", appended): (["report"], "beside.released/page/cold-zoom.html"),
    ("code/released/page/strip.png", appended): (["report"], "beside.released/page/strip.png"),
    ("own_data.py", lambda content: content + b"UNUSED = 1"): (ALL, "own.own_data"),
    ("own_fade.py", lambda content: content + b"UNUSED = 1"): ([*OF_OWN, *AFTER], "own.own_fade"),
    ("own_shade.py", lambda content: b"DEPTH = 2"): ([*OF_OWN, *AFTER], "own.own_shade"),
    ("own_way.py", lambda content: content + b"UNUSED = 1"): ([OF_ZOOM[1], *AFTER], "own.own_way"),
    ("own_fade.py", appended): ([], ""),
    ("train-images.npy", a_pixel): (ALL, "data"),
    ("test-images.npy", a_pixel): (ALL, "data"),
    ("train-labels.npy", labels): (ALL, "data"),
    ("test-labels.npy", labels): (ALL, "data"),
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


IMPORTING = {  # job -> modules or notebooks that it executes
    "schedules": ["01_schedules"],
    "train_own-0": ["05_your_degradation"],
    "measure_own-0": ["report.measures.measure"],
    "notebook_11_models": ["11_models"],
    "report": ["report.pages.build", "paper.contents"],
}


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


def test_every_file_that_a_job_imports_is_read_when_its_stamp_is_made(run, monkeypatch):
    """Of a run of the paper's kind, which has notebooks of its own."""
    plan, read, read_bytes = (
        run.jobs(notebooks={"11_models": {}}, report={"kind": "paper"}),
        set(),
        Path.read_bytes,
    )
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
        ("text/00_front.md", ["report"]),
        ("text/findings.yaml", ["report"]),
        ("claims/judge.py", ["notebook_11_models", "report"]),
        ("notebooks/11_models.ipynb", ["notebook_11_models", "report"]),
    ],
)
def test_of_the_papers_files_its_own_jobs_alone_run_again(tmp_path, name, stale):
    content = PROFILE | {"notebooks": {"04_compare_fid": {}, "11_models": {}}, "report": {"kind": "paper"}}
    with (
        finished(tmp_path, content) as run,
        run.edited(f"code/paper/{name}", CODE if "ipynb" in name else appended),
    ):
        assert [*run.stale()] == stale


# --- versions, and what is lost ---

# Packages that the code imports and that change no number.
WITHOUT_NUMBERS = {
    "filelock",
    "matplotlib",
    "pandas",
    "pillow",
    "platformdirs",
    "pydantic",
    "pyyaml",
    "safetensors",
}
WITHOUT_NUMBERS |= {"lazy-loader", "tqdm", "typing-extensions", "seaborn", "threadpoolctl", "papermill"}


def packages() -> set[str]:
    """Those that the code of the library and of measures imports."""
    files = [path for part in ("diffusion", "report/measures") for path in (ROOT / part).rglob("*.py")]
    modules = {
        name for path in files for name in helpers.imports(ast.walk(ast.parse(path.read_text("utf-8"))))
    }
    known = metadata.packages_distributions()
    found = {one for name in modules for one in known.get(name.partition(".")[0], ())}
    return {one.lower().replace("_", "-") for one in found}


COMPUTING = packages() - WITHOUT_NUMBERS - {"cold-zoom-diffusion"}


@pytest.mark.parametrize("package", sorted(COMPUTING))
def test_another_version_of_a_package_that_computes_runs_all_again(run, monkeypatch, package):
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0" if name == package else version(name))
    if package == "torch":
        monkeypatch.setattr(provenance.torch, "__version__", "0")
    found = run.stale()
    assert [*found] == ALL
    assert found["schedules"].startswith(f"versions.{package} was ")


def after(plan, name: str) -> list[str]:
    """A job and all that rest on it, by the jobs that each needs."""
    found = [name]
    for one, job in plan.items():
        found += [one] if {*job.needs} & {*found} else []
    return found


def test_where_a_file_of_a_job_is_lost_the_job_is_named_and_what_rests_on_it_runs_again(run):
    plan = run.jobs()
    assert after(plan, "train_zoom-0") == [*OF_ZOOM, *AFTER]
    for name, job in plan.items():
        assert job.makes
        for file in job.makes:
            content = (run.out / file).read_bytes()
            (run.out / file).unlink()
            found = jobs.find_stale(plan)
            (run.out / file).write_bytes(content)
            assert ([*found], found[name]) == (after(plan, name), f"{file} is missing")
        stamp = job.path.read_bytes()
        job.path.unlink()
        found = jobs.find_stale(plan)
        job.path.write_bytes(stamp)
        assert ([*found], found[name]) == (after(plan, name), jobs.NOT_MADE)
    assert run.stale() == {}


def test_a_job_that_was_made_again_makes_those_stale_that_were_made_of_the_one_before(run):
    job = run.jobs(**(changes := other("models.zoom.epochs", 3)))["train_zoom-0"]
    before = job.path.read_bytes()
    job.finish()
    found = run.stale(**changes)
    job.path.write_bytes(before)
    assert [*found] == [OF_ZOOM[1], *AFTER]
    assert found[OF_ZOOM[1]] == "before.train_zoom-0 changed"


def test_each_job_makes_the_files_that_the_report_and_a_release_read(run):
    makes = {name: {*job.makes} for name, job in run.jobs().items()}
    assert makes["schedules"] == {"metrics/schedules.json", "notebooks/01_schedules.ipynb"}
    trained = {"metrics/train_zoom-0.json", "runs/zoom-0/history.jsonl"}
    assert makes["train_zoom-0"] == {*trained, "notebooks/03_train_zoom-zoom-0.ipynb"}
    kept = {f"kept/{kind}_zoom-0.npz" for kind in ("samples", "quality")}
    assert makes["measure_zoom-0"] == {*kept, "metrics/measure_zoom-0.json"}
    assert makes[COMPARE] == {"notebooks/04_compare_fid.ipynb"}
    assert makes["report"] == {"report.html", "report.pdf"}


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
