"""Fixtures of the report's tests: a made-up run, its report, and the released paper."""

from collections.abc import Callable
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import made_report
import synthetic
from conftest import shared_folder
from diffusion.records import Results


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a made-up run with its report; to be left as it is."""
    return made_report.made(shared_folder(tmp_path_factory))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A made-up run without a report; to be copied before it is changed."""
    return synthetic.synthetic_results(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def released() -> Results:
    """The released paper; to be copied before it is changed."""
    return synthetic.released()


@pytest.fixture(scope="session")
def page(out: Path) -> Callable[[str], BeautifulSoup]:
    return lambda name: BeautifulSoup((out / name).read_text(), "html.parser")


@pytest.fixture(scope="session")
def report(page: Callable[[str], BeautifulSoup]) -> BeautifulSoup:
    return page("report.html")
