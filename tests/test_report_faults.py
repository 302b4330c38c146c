"""The report under stress: any text in any place, a build in other surroundings, a build that is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import typst
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

import fake_run
from report import build, render, text

ROOT = Path(__file__).resolve().parents[1]
OUTPUTS = ("report.html", "report.pdf", "notebooks/01_schedules.html")
AWKWARD = list("<>&\"'`*_#$@[]{}()\\|~^!-=+:;/.%") + [
    "://",
    "<!--",
    "-->",
    "\n",
    "\n\n",
    "\t",
    "\0",
    "\u202e",
]

KINDS = ("link", "ref", "cite", "heading", "list", "enum", "math.equation", "figure", "image")


def plain(words: str) -> str:
    """What is left of a text that came from a run: no line breaks, no control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())


anything = st.one_of(st.text(max_size=30), st.lists(st.sampled_from([*AWKWARD, "a", " "])).map("".join))


@settings(max_examples=8)
@given(st.lists(anything.filter(plain), min_size=30, max_size=60))
def test_any_text_stays_that_text_and_nothing_else_in_html(texts):
    for write in (text.escape, text.code):
        source = "\n\n".join(f"X {write(words)} X" for words in texts)
        soup = BeautifulSoup(
            render.pandoc(source, "--from=markdown", "--to=html5", "--wrap=none"), "html.parser"
        )
        assert {tag.name for tag in soup.find_all(True)} <= {"p", "code"}
        assert not any(tag.attrs for tag in soup.find_all(True))
        assert [p.get_text() for p in soup.find_all("p")] == [f"X {plain(words)} X" for words in texts]


@settings(max_examples=8)
@given(st.lists(anything.filter(plain), min_size=30, max_size=60))
def test_any_text_stays_text_in_typst(texts):
    """A call, a label or an import would make Typst fail or put something else than text into the list."""
    for write in (text.escape, text.code):
        source = "\n\n".join(f"X {write(words)} X" for words in texts)
        body = render.pandoc(source, "--from=markdown", "--to=typst", "--wrap=none")
        assert typst.compile(body.encode(), ignore_system_fonts=True).startswith(b"%PDF-")
        for kind in KINDS:
            assert typst.query(body.encode(), kind) == "[]", kind


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[Path, Path]:
    """The folder of a run with its report, and its profile."""
    out = tmp_path_factory.mktemp("run")
    profile = fake_run.write(out)
    build.build(out, str(profile))
    return out, profile


def builder(out: Path, profile: Path, **surroundings) -> subprocess.Popen:
    command = [sys.executable, "-m", "report.build", "--out", str(out), "--profile", str(profile)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | surroundings
    return subprocess.Popen(
        command, cwd=out, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def content(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in OUTPUTS if (out / name).exists()}


def test_another_time_place_language_and_hash_seed_give_the_same_bytes(run, tmp_path):
    before = content(run[0])
    assert before.keys() == set(OUTPUTS)
    profile = fake_run.write(tmp_path / "elsewhere")
    time.sleep(1.1)  # so that a time in whole seconds shows
    surroundings = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "LANG": "tr_TR.UTF-8", "PYTHONHASHSEED": "7"}
    process = builder(tmp_path / "elsewhere", profile, **surroundings, COLUMNS="20")
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert content(tmp_path / "elsewhere") == before


def test_a_build_that_is_killed_leaves_whole_files_and_the_next_one_the_same(run, tmp_path):
    before = content(run[0])
    profile = fake_run.write(tmp_path)
    moments = {  # pandoc is at work; the first file is written
        signal.SIGTERM: lambda process: psutil.Process(process.pid).children(),
        signal.SIGKILL: lambda process: list(tmp_path.glob("notebooks/*.html")),
    }
    for number, reached in moments.items():
        process = builder(tmp_path, profile)
        end = time.monotonic() + 120
        while not reached(process):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.001)
        process.send_signal(number)
        assert process.wait(60) == -number
        assert content(tmp_path).items() <= before.items()
    assert builder(tmp_path, profile).wait(120) == 0
    assert content(tmp_path) == before
