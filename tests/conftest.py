"""Fixtures: the data, trainings that are killed, made-up runs, a run of the workflow, a browser."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
import yaml
from bs4 import BeautifulSoup
from filelock import FileLock
from hypothesis import settings

import helpers
from diffusion import data
from helpers import ROOT, train
from report.jobs import release
from report.measures.registry import MEASURES

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# === all =================================================================================================


# The same examples in every run: a failure in CI is a failure everywhere.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


# Small batches gain nothing from a second thread, which other workers need; and sums are rounded alike.
os.environ["OMP_NUM_THREADS"] = "1"  # of processes that tests start
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def mnist_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the verified MNIST files; fetched once if they are not there."""
    made_once(tmp_path_factory, "mnist", lambda out: data.load())
    return data.folder()


@pytest.fixture(scope="session")
def images(mnist_dir: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """The images of trainings of twelve steps, and those of their test loss; the last batches are smaller."""
    return tuple(data.load("mnist", split, n)[0] for split, n in (("train", 30), ("test", 20)))


@pytest.fixture(autouse=True)
def _own_measures() -> Iterator[None]:
    """A measure that the module of docs/extending.md registers is gone when a test ends."""
    yield
    for name, measure in [*MEASURES.items()]:
        if getattr(measure.function, "__module__", "") == "mine":
            del MEASURES[name]


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
    return made_once(tmp_path_factory, "tiny", lambda out: helpers.tiny(out, mnist_dir))


@pytest.fixture(scope="session")
def made_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the released paper, its report and pages of made-up notebooks; to be left as it is."""
    from report.pages import build  # seconds, which a process that runs no test need not wait

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
def report(made_out: Path) -> BeautifulSoup:
    return BeautifulSoup((made_out / "report.html").read_text(), "html.parser")


# === the workflow ========================================================================================

TIMEOUT = 1500  # seconds for a whole run, on a busy machine
LEFT = 60  # seconds within which all of a run must be gone after a kill


class Project:
    """A run of a profile in a folder of its own, with the module of docs/extending.md beside it."""

    def __init__(self, folder: Path, content: dict[str, Any]):
        self.folder, self.out, self.content = folder, folder / "out", content
        self.path, self.said = folder / f"{content['profile']}.yaml", folder / "said"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mine.py").write_text(helpers.example_module())
        self.path.write_text(yaml.safe_dump(content | {"out": str(self.out)}, sort_keys=False))

    def start(self, said: str = "said") -> subprocess.Popen:
        """`make retrain CORES=2`, under way without a network: a shell in place of make, and the runner."""
        command = ["sh", "-c", '"$@"; exit $?', "make", sys.executable, "-m", "report.jobs.run", "--retrain"]
        paths = os.pathsep.join([str(self.folder), str(ROOT / "tests" / "e2e" / "nosockets")])
        environment = os.environ | {"PYTHONPATH": paths, "MAKELEVEL": "1", "PROJECT": str(self.folder)}
        with (self.folder / said).open("w") as file:
            options = {"stdout": file, "stderr": file, "cwd": ROOT, "env": environment}
            return subprocess.Popen([*command, str(self.path), "2"], **options)

    def under_way(self) -> list[int]:
        """Processes of it: all of them have its environment."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"PROJECT={self.folder}\0".encode() in (place / "environ").read_bytes():
                    found.append(int(place.name))
        return found

    def killed(self, whom: str, at: str) -> int:
        """How many processes are left after SIGKILL of make, or of the runner, once it or a job says `at`."""
        started = self.start()

        def said() -> bool:
            logs = (self.said, *(self.out / "logs").glob("*.log"))
            return started.poll() is not None or any(at in log.read_text() for log in logs)

        until(said, TIMEOUT)
        assert started.poll() is None, self.said.read_text()
        children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
        frozen = self.under_way()
        if whom == "runner":
            for process in frozen:  # so that the job does not end while the second command starts
                os.kill(process, signal.SIGSTOP)
            self.meanwhile = self.start("second").wait(TIMEOUT), (self.folder / "second").read_text()
        os.kill(started.pid if whom == "make" else int(children[0]), signal.SIGKILL)
        for process in frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)
        started.wait(LEFT)
        until(lambda: not self.under_way(), LEFT)
        return len(self.under_way())


def until(condition: Callable[[], Any], seconds: float = 120) -> Any:
    """Wait for a condition, at most so long; returns what it was in the end."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.2)
    return found


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory, mnist_dir: Path) -> Project:
    """A finished run of the zoom and of the examples of docs/extending.md; to be left as it is.

    Its runner was killed within a measurement, and `facts` says what happened on the way.
    """
    if sys.platform != "linux":
        pytest.skip("what is left of a killed run is looked for in /proc, which only Linux has")
    content = helpers.example_profile("smoke") | {"data_dir": str(mnist_dir)}
    content["training"] |= {"n_reconstruct": 12}
    models = content["models"]
    small = {"network": models["small"]["network"], "network_options": {"width": 8}}
    few = {"sampler_options": {"levels": 4}}
    content["models"] = {"zoom": models["zoom"] | few, "frame": models["frame"] | small}

    def make(folder: Path) -> None:
        project = Project(folder, content)
        left = project.killed("runner", "zoom-0 checkpoint 1: ")
        facts = {"left": left, "meanwhile": project.meanwhile, "status": project.start().wait(TIMEOUT)}
        (folder / "facts.json").write_text(json.dumps(facts))

    project = Project(made_once(tmp_path_factory, "smoke", make), content)
    project.facts = json.loads((project.folder / "facts.json").read_text())
    assert project.facts["status"] == 0, f"the smoke run failed:\n...{project.said.read_text()[-1500:]}"
    return project


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
