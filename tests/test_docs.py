"""README and docs: their commands, links, examples, numbers and promises are true."""

import ast
import copy
import importlib.util
import re
import sys
from pathlib import Path

import matplotlib
import pytest
import yaml

from diffusion import check, data, fit, records, settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    p.relative_to(ROOT).as_posix(): p.read_text("utf-8")
    for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
}
README = PAGES["README.md"]
RELIABILITY = PAGES.get("docs/reliability.md", "")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: str, language: str) -> list[str]:
    return [code for kind, code in FENCE.findall(PAGES[page]) if kind == language]


def prose(page: str) -> list[str]:
    """The lines of a page that are no code."""
    return FENCE.sub("", PAGES[page]).splitlines()


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Writes code as the module `mine`, afresh."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(code: str):
        (tmp_path / "mine.py").write_text(code)
        sys.modules.pop("mine", None)
        importlib.invalidate_caches()

    yield write
    sys.modules.pop("mine", None)


# --- form ---


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES)
def test_a_line_of_prose_is_one_sentence(page):
    doubled = [line for line in prose(page) if re.search(r"[a-z0-9)`][.!?] [A-Z]", line) and "|" not in line]
    assert doubled == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    folder = (ROOT / page).parent
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", "\n".join(prose(page)))
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
    (code,) = blocks("README.md", "python")
    assert "steps=1000" in code
    exec(code.replace("steps=1000", "steps=3"), {})
    assert {path.name for path in tmp_path.iterdir()} == {"mine.png", "best.png"}


@pytest.mark.parametrize("number", range(6))
def test_an_example_of_extending_works(number, mine):
    """Each example is one block of Python and, after it, the YAML that names what it defines."""
    page = FENCE.findall(PAGES["docs/extending.md"])
    places = [place for place, (kind, _) in enumerate(page) if kind == "python"]
    assert len(places) == 6
    mine(page[places[number]][1])
    profile = next(yaml.safe_load(code) for kind, code in page[places[number] :] if kind == "yaml")
    profile = {"profile": "mine", "models": {"zoom": {"notebook": "03_train_zoom"}}} | profile
    profile["training"] = {"sampling_steps": 10}  # of a DDPM
    read = settings.Profile(profile, "mine.yaml")
    for training in read.trainings.values():
        process = training.process()
        x, _ = data.load(training.dataset, n=64)
        assert [one.text for one in check.check(process, x) if one.kind == "problem"] == []
        options = {k: v for k, v in training.fitting().items() if k.startswith("network") or k == "channels"}
        run = fit(process, x, steps=2, batch_size=8, **options)
        samples = run.sample(4)
        assert samples.shape == (4, 1, 28, 28)
        assert samples.isfinite().all()


def test_the_profile_in_running_is_a_profile():
    for code in blocks("docs/running.md", "yaml"):
        read = settings.Profile(yaml.safe_load(code), "running.md")
        assert read.seeds("zoom") == [0, 1]


# --- numbers ---


def test_the_readme_shows_the_release():
    from tools import readme_results

    results = records.load_results(ROOT / "released" / "paper")
    assert readme_results.filled(README, results) == README
    assert README.count("<!-- released: ") == 2
    assert f"{results.first('zoom').measure.final.digits.fid:.1f}" in README


def test_a_sentence_that_the_records_do_not_support_is_not_written():
    from tools import readme_results

    results = copy.deepcopy(records.load_results(ROOT / "released" / "paper"))
    for row in results.trainings["cosine", 0].measure.curve:
        row.digits.fid *= 2
    with pytest.raises(ValueError, match=r"findings.md, line 1: .* rests on ahead_early=yes"):
        readme_results.block("findings", results)


# --- promises ---


def promises() -> dict[str, list[tuple[str, str]]]:
    """Promise -> (file, test) that hold it, of the table in docs/reliability.md."""
    table = RELIABILITY.split("| promise |")[1].split("\n\n")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines()[2:]]
    found: dict[str, list[tuple[str, str]]] = {}
    for promise, tests in rows:
        file = ""
        for name in re.findall(r"`((?:[\w/]+/)?test_\w+(?:\.py)?)`", tests):
            if name.endswith(".py"):
                file = name
            else:
                found.setdefault(promise.strip(), []).append((file, name))
    return found


def test_every_promise_names_tests_that_exist():
    tests = {
        (path.relative_to(ROOT / "tests").as_posix(), node.name)
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert len(promises()) >= 20
    for promise, named in promises().items():
        assert set(named) <= tests, f"{promise}: {set(named) - tests}"
