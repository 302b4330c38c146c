"""README and docs: their commands, links, examples and numbers are true."""

import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
from statistics import fmean

import matplotlib
import pytest
import torch
import yaml

import diffusion as d
import helpers
from helpers import ROOT
from paper import readme
from report import places, profile
from report.measures.registry import MEASURES
from report.results.table import Record

FOUND = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in FOUND}
README = PAGES["README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    """A part of a page is named as its heading, in small letters, with dashes for spaces."""
    missing = []
    for link, part in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", helpers.FENCE.sub("", PAGES[page])):
        path = (ROOT / page).parent / link if link else ROOT / page
        if "://" in link or (path.exists() and not part):
            continue
        heads = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE) if path.exists() else []
        if part not in [re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads]:
            missing.append(f"{link}#{part}")
    assert missing == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_every_command_exists(page):
    text = PAGES[page]
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z][\w-]*)", text, re.MULTILINE)) <= targets
    for module in set(re.findall(r"python -m ([\w.]+)", text)):
        assert importlib.util.find_spec(module), module
    profiles = {*places.profiles()}
    assert set(re.findall(r"PROFILE=(\w+)(?!\S*yaml)\b", text)) - {"path"} <= profiles


# --- examples ---


def test_the_readmes_example_runs_in_another_folder(tmp_path, monkeypatch, mnist_dir):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    (code,) = helpers.blocks("python", "README.md")
    few = d.Evaluator.for_dataset("mnist", n_train=60, n_test=60, interval_repeats=5, n_digits=60)
    smaller = {"steps=1100": "steps=3", "n=500": "n=12", "sample(500)": "sample(12)"}
    smaller |= {"d.Mixture()": "d.Mixture(2)"}
    smaller |= {'load("mnist")': 'load("mnist", n=500)', 'd.Evaluator.for_dataset("mnist")': "few"}
    for written, instead in smaller.items():
        assert written in code
        code = code.replace(written, instead)
    exec(code, {"few": few})
    assert {path.name for path in tmp_path.iterdir()} == {"mine.png", "cold.png", "both.png"}


@pytest.mark.long
def test_a_sweep_is_trained_by_an_array_job_and_compared_by_its_settings(tmp_path, monkeypatch, mnist_dir):
    monkeypatch.chdir(tmp_path)
    (job,) = (code for code in helpers.blocks("sh", "docs/running.md") if "SLURM_ARRAY" in code)
    (code,) = (code for code in helpers.blocks("python", "docs/running.md") if "compare(runs" in code)
    few = d.Evaluator.for_dataset("mnist", n_train=60, n_test=60, interval_repeats=5, n_digits=60)
    smaller = {"1300": "2", 'load("mnist")': 'load("mnist", n=40)', "(0, 1, 2)": "(0, 1)"}
    smaller |= {"runs, n=500": "runs, few, n=12", ".venv/bin/python": sys.executable}
    for written, instead in smaller.items():
        assert written in job + code
        job, code = job.replace(written, instead), code.replace(written, instead)
    assert len(job.splitlines()) == 10
    (tmp_path / "sweep.sh").write_text(job)
    environment = os.environ | {"SLURM_ARRAY_TASK_ID": "3", "PYTHONPATH": str(ROOT)}
    subprocess.run(["bash", "sweep.sh"], env=environment, check=True)
    trained = (tmp_path / "runs" / "0.003-0" / "state.pt").stat().st_mtime_ns
    variables = {"few": few}
    exec(code, variables)
    assert (tmp_path / "runs" / "0.003-0" / "state.pt").stat().st_mtime_ns == trained
    comparison = variables["comparison"]
    settings = {"learning_rate": [0.001, 0.001, 0.003, 0.003], "seed": [0, 1, 0, 1]}
    assert comparison.settings.to_dict("list") == settings
    assert {name: [*comparison.table[name]] for name in settings} == settings
    assert [*comparison.table.index] == [run.name for run in variables["runs"]]
    assert [*variables["over_seeds"].index] == [0.001, 0.003]


@pytest.mark.long
def test_what_the_readme_shows_and_each_public_name_completes_in_an_editor(tmp_path):
    """pyright finds nothing wrong in the example, and knows each type: what is unknown has no completion."""
    (code,) = helpers.blocks("python", "README.md")
    shown = ["x", "crop", "run", "run.sample(16)", "cold", "evaluator", "both", "both.grid()", "both.table"]
    shown += ["evaluator.measure(run)", "evaluator.measure(run)['frechet'].value"]
    shown += [f"d.{name}" for name in d.__all__]
    (tmp_path / "shown.py").write_text(code + "".join(f"\nreveal_type({name})" for name in shown))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    run = subprocess.run([*command, tmp_path / "shown.py"], cwd=ROOT, capture_output=True, text=True)
    types = [line["message"] for line in json.loads(run.stdout)["generalDiagnostics"]]
    assert len(types) == len(shown)
    assert [line for line in types if not re.match(r'Type of ".*" is "(?!Unknown|Any")', line)] == []


def test_a_training_is_watched_and_its_weights_are_loaded_as_running_shows(tmp_path, monkeypatch, mnist_dir):
    monkeypatch.chdir(tmp_path)
    watched, plain = (
        next(code for code in helpers.blocks("python", "docs/running.md") if part in code)
        for part in ("epoch_callback", "load_file")
    )
    for written, instead in {'load("mnist")': 'load("mnist", n=100)', "n=1000": "n=20"}.items():
        assert written in watched
        watched = watched.replace(written, instead)
    exec(watched, {})
    assert {path.name for path in tmp_path.iterdir()} == {"epoch-1.png", "epoch-2.png"}
    loaded: dict = {}
    exec(plain, loaded)
    x, t = torch.randn(3, 1, 28, 28), torch.tensor([0.1, 0.5, 1])
    with torch.inference_mode():
        assert torch.equal(loaded["network"](x, t), loaded["run"].network()(x, t))


def test_the_examples_of_extending_make_a_profile_pass_their_check_and_train(
    tmp_path, monkeypatch, mnist_dir, capsys
):
    (tmp_path / "mine.py").write_text(helpers.example_module())
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)  # of another test
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(helpers.example_profile("mine", data_too=True)))
    read = profile.read(path)
    assert "brightest" in MEASURES
    assert {*read.measures} == {"linear", "cosine", "zoom", "frame", "sigmoid", "small"}
    assert {"gaussian", "cautious"} <= read.measures["zoom"]["variants"].keys()
    assert read.file.dataset == "mine:squares"
    check, code, *_ = helpers.blocks("py")
    assert "steps=1000" in code
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    exec(check, {})
    assert capsys.readouterr().out == helpers.blocks("text")[0]
    exec(code.replace("steps=1000", "steps=2, batch_size=8").replace('"mnist"', '"mnist", n=100'), {})
    assert (tmp_path / "frame.png").exists()
    del sys.modules["mine"]


@pytest.mark.parametrize("code", helpers.blocks("yaml", "docs/running.md"))
def test_the_profiles_in_running_are_profiles(tmp_path, code):
    (tmp_path / "running.yaml").write_text(code)
    assert profile.read(tmp_path / "running.yaml").seeds("zoom") == [0, 1]


# --- the public names ---


@pytest.mark.parametrize("name", d.__all__)
def test_each_public_name_documents_the_type_of_each_argument(name):
    thing = getattr(d, name)
    text = inspect.cleandoc(thing.__doc__)
    documented = re.findall(r"^    (?:\*\*(\w+)|(\w+) \(.+\)): \S", text, re.MULTILINE)
    known = {argument or options for options, argument in documented}
    assert [argument for argument in inspect.signature(thing).parameters if argument not in known] == []


# --- numbers ---


def test_readme_and_site_show_the_release():
    pages = {path: (ROOT / path).read_text("utf-8") for path in readme.PAGES}
    assert [page.count("<!-- released: answer -->") for page in pages.values()] == [1, 1]
    assert readme.fill(pages, ROOT / "released" / "paper") == pages


# Numbers that README and the site may contain outside of their generated blocks, with the words next to them.
TYPED = """16 pixels; 16 start pixels; 24 steps; 4 x 4 pixels; 2024 Cambridge
Cambridge, 2024; 10 s; 3-5 min; 6-10 min; 3.11 or newer; 3.4 GB; 0.5 GB"""


def test_no_result_is_typed_into_readme_or_the_site():
    """Results are in generated blocks; any other number is one of those listed above."""
    allowed = sorted(re.split(r";\s*|\n", TYPED), key=len, reverse=True)
    pages = ""
    for path in readme.PAGES:
        text = readme.BLOCK.sub("", (ROOT / path).read_text("utf-8"))
        text = helpers.FENCE.sub(lambda block: block[2] if block[1] == "sh" else "", text)
        text = re.sub(r"`[^`\n]*`|<style>[^<]*</style>|<[^>]*>|\]\([^)]*\)", "", text)  # code, tags, links
        pages += " ".join(text.split()) + "\n"
    assert [phrase for phrase in allowed if phrase not in pages] == []
    for phrase in allowed:
        pages = re.sub(rf"(?<![\w.]){re.escape(phrase)}", "", pages)
    assert re.findall(r".{0,30}\d.{0,30}", pages) == []


def test_the_table_of_recognisers_is_the_released_yardsticks():
    """Accepted shares in percent: of each kind that is no digit and in mean, and in mean of distortions."""
    page, job = PAGES["docs/recogniser.md"], Record(ROOT / "released" / "paper", "yardstick")
    head, _, *rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("|")]
    measures = [*(f"digit by {name}" for name in head[1:-1]), "digit"]
    shares = {(row.way, row.measure): 100 * row.value for row in job.rows}
    for kind, *shown in rows:
        kinds = {"no digits": job.facts.no_digits, "digits, m": job.facts.mild}.get(kind[:9], [kind])
        expected = [fmean(shares[name, measure] for name in kinds) for measure in measures]
        assert [float(share) for share in shown] == pytest.approx(expected, abs=0.0501)
