"""Fixtures: the data, trainings that are killed, made-up runs, a run of the workflow, a browser.

What takes seconds to import is imported in them: the process that only hands out tests has none of it.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from hypothesis import settings

if TYPE_CHECKING:
    import torch
    from bs4 import BeautifulSoup
    from playwright.sync_api import Browser, Page

    from finished import Project

# === all =================================================================================================


# The same examples in every run: a failure in CI is a failure everywhere.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


# Small batches gain nothing from a second thread, which other workers need; and sums are rounded alike.
os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, and of processes that tests start


@pytest.fixture(scope="session")
def mnist_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the verified MNIST files; fetched once if they are not there."""
    from diffusion import data

    made_once(tmp_path_factory, "mnist", lambda out: data.load())
    return data.folder()


@pytest.fixture(scope="session")
def images(mnist_dir: Path) -> "tuple[torch.Tensor, torch.Tensor]":
    """The images of trainings of twelve steps, and those of their test loss; the last batches are smaller."""
    from diffusion import data

    return tuple(data.load("mnist", split, n)[0] for split, n in (("train", 30), ("test", 20)))


@pytest.fixture(autouse=True)
def _own_measures() -> Iterator[None]:
    """A measure that the module of docs/extending.md registers is gone when a test ends."""
    yield
    if registry := sys.modules.get("report.measures.registry"):
        for name, measure in [*registry.MEASURES.items()]:
            if getattr(measure.function, "__module__", "") == "mine":
                del registry.MEASURES[name]


# Fixtures of runs, reports and data, and `request`, which may ask for them; a test without these is quick.
MADE = {"tiny", "alone", "made_out", "smoke", "browser", "whole", "mnist_dir", "request"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the quick tests."""
    for item in items:
        slow = item.get_closest_marker("slow") or item.get_closest_marker("long")
        if not slow and MADE.isdisjoint(getattr(item, "fixturenames", MADE)):
            item.add_marker("quick")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that all workers of a test run share, made by the first that needs it."""
    base = factory.getbasetemp()
    out = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(out.with_suffix(".lock")):
        if not (done := out.with_suffix(".done")).exists():
            make(out)
            done.touch()
    return out


# === trainings ===========================================================================================


@pytest.fixture(scope="module")
def whole(images, tmp_path_factory):
    """A run that nothing befell."""
    from helpers import train

    return train(images, tmp_path_factory.mktemp("whole"))


# === reports =============================================================================================

NOTEBOOKS = ("01_schedules", "03_train_zoom-zoom-0", "04_compare_fid")  # executed, of the paper
STALE = "02_train_ddpm-stale-0"  # of a model that the run no longer has
PAPER_SHOWS = ("front_linear", "front_cosine", "front_zoom", "unpicked")  # figures that 04 has
TITLE, LABEL = 'Blurs & "greys": a report', "Blur_1 | *a* <i>"
WORDS = """# Why

Because of this.

# Discussion

The loss was << num(models.dim.history[-1].test_loss) >>.
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, mnist_dir: Path) -> Path:
    """The folder of a tiny run (`helpers.TINY`); to be left as it is."""
    import helpers

    return made_once(tmp_path_factory, "tiny", lambda out: helpers.tiny(out, mnist_dir))


@pytest.fixture(scope="session")
def made_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the released paper, its report and pages of made-up notebooks; to be left as it is."""
    import helpers
    from report.jobs import release
    from report.pages import build

    def make(out: Path) -> None:
        release.unpack(helpers.PAPER, out)
        for name in (*NOTEBOOKS, STALE):
            figures = PAPER_SHOWS if name == "04_compare_fid" else ()
            helpers.executed(out / "notebooks" / f"{name}.ipynb", *helpers.everything(*figures))
        build.build(out, "paper")

    return made_once(tmp_path_factory, "made-report", make)


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """The folder of a report of two models of one's own, of which one is constant; to be left as it is."""
    import yaml

    import helpers
    from report.pages import build

    def make(folder: Path) -> None:
        out = Path(shutil.copytree(tiny, folder / "out"))
        docs = {"degradation": " ".join(helpers.HOSTILE)}
        path = out / "metrics" / "train_grey-3.json"
        helpers.changed(path, lambda facts: facts.update(docs=docs))
        helpers.changed(path, lambda facts: facts["environment"].update(python="9.9"))
        models = {name: helpers.TINY["models"][name] for name in ("dim", "grey")}
        content = helpers.TINY | {"profile": "alone", "report": {"title": TITLE, "text": "own.md"}}
        content["models"] = models | {"dim": models["dim"] | {"label": LABEL}}
        (out / "own.md").write_text(WORDS)
        (out / "own.yaml").write_text(yaml.safe_dump(content))
        build.build(out, out / "own.yaml")

    return made_once(tmp_path_factory, "alone", make) / "out"


@pytest.fixture
def report(made_out: Path) -> "BeautifulSoup":
    from bs4 import BeautifulSoup

    return BeautifulSoup((made_out / "report.html").read_text(), "html.parser")


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory, mnist_dir: Path) -> "Project":
    """A finished run of the zoom with examples of docs/extending.md; to be left as it is.

    Its runner was killed within a measurement: `left` processes of it went on.
    """
    import helpers
    from finished import Project

    if sys.platform != "linux":
        pytest.skip("what is left of a killed run is looked for in /proc, which only Linux has")
    content = helpers.example_profile("smoke") | {"data_dir": str(mnist_dir), "notebooks": {}}
    content["training"] |= {"n_reconstruct": 12}
    zoom = content["models"]["zoom"]
    content["models"] = {"zoom": zoom | {"sampler_options": {"levels": 4}}}

    def make(folder: Path) -> None:
        project = Project(folder, content)
        (folder / "left").write_text(str(project.killed("runner", "zoom-0 checkpoint 1: ")))
        assert project.start().wait(project.TIMEOUT) == 0, project.said.read_text()[-1500:]

    project = Project(made_once(tmp_path_factory, "smoke", make), content)
    project.left = int((project.folder / "left").read_text())
    return project


def until(condition: Callable[[], Any], seconds: float = 120) -> Any:
    """Wait for a condition, at most so long; returns what it was in the end."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.2)
    return found


# === a browser ===========================================================================================

SCREENS = ((390, "dark"), (1440, "light"))  # a phone, a desktop: CSS pixels and colour scheme
PATIENCE = 120_000  # milliseconds for what a test waits for, on a busy machine
OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage"]  # root in a container, with a small /dev/shm
DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"  # a frame later


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Chromium without a window; a test that needs it is skipped where there is none, and fails under CI."""
    from playwright.sync_api import expect, sync_playwright  # of an extra that no other tests need

    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    if path is None:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("no Chromium: apt install chromium, or set CHROMIUM to the path of one")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=OPTIONS, timeout=PATIENCE)


@pytest.fixture(scope="module")
def open_page(browser: "Browser") -> Iterator[Callable[..., "Page"]]:
    """open_page(path, width=1440, **context) -> Page, without a network, for the tests of a module.

    What it cannot load, and what scripts or the console complain of, fails the tests in the end.
    """
    pages, complaints = [], []

    def open_(path: Path, width: int = 1440, **context: Any) -> "Page":
        page = browser.new_page(viewport={"width": width, "height": 900}, offline=True, **context)
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.goto(path.resolve().as_uri())
        pages.append(page)
        return page

    yield open_
    for page in pages:
        page.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="session")
def accessible() -> Callable[["Page"], None]:
    """accessible(page): fail on what axe-core finds serious, or on a page that is wider than its window."""

    from axe_playwright_python.sync_playwright import Axe

    def check(page: "Page") -> None:
        for width, scheme in SCREENS:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            page.evaluate(DRAWN)  # and the page has answered to its new width
            rules = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
            serious = [rule for rule in rules if rule["impact"] in ("serious", "critical")]
            found = [f"{rule['id']}: {node['target']}" for rule in serious for node in rule["nodes"]]
            assert not found, "\n".join([f"{scheme}, {width} pixels:", *found])
            assert page.evaluate("document.documentElement.scrollWidth") <= width

    return check
