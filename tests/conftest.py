"""Fixtures that several tests share: the project's folder, the data, a run of the workflow, made-up runs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from hypothesis import settings

from study.results import Results

ROOT = Path(__file__).resolve().parents[1]

# The same examples in every run: a failure in CI is a failure everywhere.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


# With several workers (pytest-xdist) each has a core to itself, and so have the processes that it starts:
# more threads than cores would wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers take a file at a time. The longest come first: none is left alone with one at the end."""
    first = ("test_smoke.py", "e2e", "golden", "jobs")
    items.sort(key=lambda item: [name not in item.path.parts for name in first])


@pytest.fixture(scope="session", autouse=True)
def threads() -> None:
    """A fixed number of threads: sums are then rounded alike from run to run."""
    torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else min(2, os.cpu_count() or 1))


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For small batches: they gain nothing from a second thread, and on a busy machine they wait for it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def mnist_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the verified MNIST files; fetched once if they are not there."""
    from diffusion import data

    with FileLock(shared_folder(tmp_path_factory) / "mnist.lock"):
        data.load()
    return data.folder()


@pytest.fixture(scope="session")
def images(mnist_dir: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """The images of trainings of a few steps (tests/short_runs.py), and those of their test loss."""
    from diffusion import data
    from short_runs import BATCH, STEPS

    splits = (("train", BATCH * STEPS), ("test", 16))
    return tuple(data.load("mnist", split, mnist_dir, n)[0] for split, n in splits)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A made-up run without a report; to be copied before it is changed."""
    import synthetic

    return synthetic.synthetic_results(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def made_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a made-up run with its report; to be left as it is."""
    import made_report

    return made_report.made(shared_folder(tmp_path_factory))


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of a test run."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
