"""Fixtures of the report's tests: the released paper and its report, and the short one of a made-up run."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

import made_report
import synthetic
from report import build
from study.results import Results


@pytest.fixture(scope="session")
def released() -> Results:
    """The released paper; to be copied before it is changed."""
    return synthetic.released()


@pytest.fixture(scope="session")
def short(tmp_path_factory) -> Path:
    """A made-up run of the study's kind and one of one's own, with its report and its profile in it."""
    out = tmp_path_factory.mktemp("short")
    synthetic.synthetic_results(out, epochs=3, models=["zoom", "linear", "blur"])
    figures = out / "notebooks" / "04_compare_fid.ipynb"
    figures.parent.mkdir()
    nbformat.write(made_report.shown(*made_report.BESIDE, *made_report.OWN), figures)
    build.build(out, made_report.profile(out / "own.yaml", ["zoom", "linear", "blur"], epochs=3))
    return out


@pytest.fixture(scope="session")
def page(made_out: Path) -> Callable[[str], BeautifulSoup]:
    return lambda name: BeautifulSoup((made_out / name).read_text(), "html.parser")


@pytest.fixture(scope="session")
def report(page: Callable[[str], BeautifulSoup]) -> BeautifulSoup:
    return page("report.html")
