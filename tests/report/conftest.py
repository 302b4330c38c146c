"""Fixtures of the report's tests: a made-up run, its report, and the released paper."""

from collections.abc import Callable
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import synthetic
from study.records import Results


@pytest.fixture(scope="session")
def released() -> Results:
    """The released paper; to be copied before it is changed."""
    return synthetic.released()


@pytest.fixture(scope="session")
def page(made_out: Path) -> Callable[[str], BeautifulSoup]:
    return lambda name: BeautifulSoup((made_out / name).read_text(), "html.parser")


@pytest.fixture(scope="session")
def report(page: Callable[[str], BeautifulSoup]) -> BeautifulSoup:
    return page("report.html")
