"""Of each file that a job is made from: it is edited or lost, and exactly the jobs that rest on it run again.

So do other versions of packages, and another release. Settings of a profile: test_staleness.py.
"""

import ast
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
    finished,
)
from helpers import ROOT
from report.files import write_json
from report.jobs import plan as jobs


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with finished(tmp_path_factory.mktemp("finished")) as found:
        yield found


# --- edited ---


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
    ("own_shade.py", lambda content: b"DEPTH = 2"): ([], ""),  # which the degradation's file imports
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


# --- of other versions, and lost ---

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
    changes = {"models": MODELS | {"zoom": MODELS["zoom"] | {"epochs": 3}}}
    job = run.jobs(**changes)["train_zoom-0"]
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
