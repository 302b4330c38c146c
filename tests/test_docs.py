"""README and docs: their commands, links, examples and numbers are true."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
import yaml

import diffusion as d
import examples
from study import settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    p.relative_to(ROOT).as_posix(): p.read_text("utf-8")
    for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
}
README = PAGES["README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    folder = (ROOT / page).parent
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", examples.FENCE.sub("", PAGES[page]))
    missing = [link for link in links if "://" not in link and not (folder / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", ["README.md", "docs/running.md", "docs/speed.md", "docs/reliability.md"])
def test_every_command_exists(page):
    text = PAGES[page]
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z][\w-]*)", text, re.MULTILINE)) <= targets
    for module in set(re.findall(r"python -m ([\w.]+)", text)):
        assert importlib.util.find_spec(module), module
    profiles = {path.stem for path in (ROOT / "profiles").glob("*.yaml")}
    assert set(re.findall(r"PROFILE=(\w+)(?!\S*yaml)\b", text)) - {"path"} <= profiles


# --- examples ---


def test_the_readmes_example_runs_in_another_folder(tmp_path, monkeypatch, mnist_dir):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    (code,) = examples.blocks("python", "README.md")
    assert "steps=1000" in code
    few = d.Evaluator.of("mnist", n_train=60, n_test=60, interval_repeats=5, n_digits=60)
    code = code.replace("steps=1000", "steps=3").replace("n=500", "evaluator=few, n=12")
    exec(code, {"few": few})
    assert {path.name for path in tmp_path.iterdir()} == {"mine.png", "cold.png", "both.png"}


def test_the_examples_of_extending_make_a_profile(tmp_path, monkeypatch):
    """tests/jobs runs it."""
    (tmp_path / "mine.py").write_text(examples.module())
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)  # of another test
    read = settings.Profile(examples.profile("mine", data_too=True), "mine.yaml")
    assert set(read.models) == {"linear", "cosine", "zoom", "frame", "sigmoid", "small"}
    assert read.measures["zoom"].ways.keys() == {"gaussian", "cautious"}
    assert read.dataset == "mine:squares"
    del sys.modules["mine"]


def test_an_example_of_extending_can_be_checked(tmp_path):
    """By the command that stands there."""
    words = examples.blocks("sh")[0].partition("#")[0].split()
    (tmp_path / "mine.py").write_text(examples.module())
    run = subprocess.run([sys.executable, *words[1:]], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("code", examples.blocks("yaml", "docs/running.md"))
def test_the_profiles_in_running_are_profiles(code):
    assert settings.Profile(yaml.safe_load(code), "running.md").seeds("zoom") == [0, 1]


# --- numbers ---


def test_the_readme_shows_the_release():
    from report import readme

    assert readme.filled(README, ROOT / "released" / "paper") == README
    assert README.count("<!-- released: ") == 2
