"""The workflow: its graph, what a change re-runs, and how it takes mistakes, failures and kills."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from diffusion import parameter_table as table
from diffusion import provenance
from diffusion.parameters import notebook_parameters
from standin import BUILD, DATA, OWN, WORK, Project
from tools import outputs

ROOT = Path(__file__).resolve().parents[1]
TRAIN = {"train_linear", "train_cosine", "train_zoom"}
AFTER_TRAINING = {"compare", "report"}
EVERYTHING = {"data", "schedules", *TRAIN, *AFTER_TRAINING}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Project:
    """A stand-in project whose workflow has run once, from another folder than its own."""
    project = Project(tmp_path_factory.mktemp("finished"))
    assert project.planned() == EVERYTHING
    run = project.snakemake("--quiet", "rules", "host", cwd=tmp_path_factory.mktemp("elsewhere"))
    assert run.returncode == 0, run.stdout + run.stderr
    return project


@pytest.fixture
def project(finished, tmp_path) -> Project:
    """A copy of the finished project, to be changed."""
    copy = Project.__new__(Project)
    copy.folder = Path(shutil.copytree(finished.folder, tmp_path / "project"))
    return copy


def put(*path, value):
    """A change of one entry of a profile."""

    def change(config):
        *above, last = path
        for key in above:
            config = config[key]
        config[last] = value

    return change


# --- results ------------------------------------------------------------------------------------------------


def test_all_files_are_there(finished):
    out = finished.folder / "build" / "smoke"
    for name in (
        "report.html",
        "report.pdf",
        "data.txt",
        "metrics/compare.json",
        "figures/fig14_zoom_samples.png",
    ):
        assert (out / name).is_file(), name
    names = {
        "01_schedules",
        "02_train_ddpm-linear",
        "02_train_ddpm-cosine",
        "03_train_zoom-zoom",
        "04_compare_fid",
    }
    assert {path.stem for path in (out / "notebooks").glob("*.ipynb")} == names
    assert {path.stem for path in (out / "logs").glob("0*.log")} == names


@pytest.mark.parametrize(
    ("record", "target"),
    [
        ("schedules", table.SCHEDULES),
        ("train_linear", "linear"),
        ("train_zoom", "zoom"),
        ("compare", table.COMPARE),
    ],
)
def test_a_notebook_gets_exactly_the_parameters_of_the_profile(finished, record, target):
    config = yaml.safe_load((finished.folder / "profiles" / "smoke.yaml").read_text())
    got = json.loads((finished.folder / "build" / "smoke" / "metrics" / f"{record}.json").read_text())
    assert got == notebook_parameters(config, target) | {"out_dir": "build/smoke"}


# --- what re-runs -------------------------------------------------------------------------------------------


def test_a_second_run_does_nothing(finished):
    run = finished.snakemake("--quiet", "rules", "host")
    assert run.returncode == 0
    assert "Nothing to be done" in run.stdout + run.stderr
    assert finished.planned() == set()


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        (put("models", "linear", "learning_rate", value=0.001), {"train_linear", *AFTER_TRAINING}),
        (put("training", "sampling_steps", value=11), {"train_linear", "train_cosine", *AFTER_TRAINING}),
        (put("training", "n_reconstruct", value=65), {"train_zoom", *AFTER_TRAINING}),
        (put("training", "epochs", value=3), {*TRAIN, *AFTER_TRAINING}),
        (put("schedules", "n_columns", value=5), {"schedules", "report"}),
        (put("compare", "n_samples", value=17), AFTER_TRAINING),
        (put("models", "zoom", "n_final", value=33), AFTER_TRAINING),
        (put("models", "blurred", value={"notebook": table.ZOOM}), {"train_blurred", *AFTER_TRAINING}),
        (put("models", "own", value=OWN), {"train_own", *AFTER_TRAINING}),
        (put("seed", value=1), EVERYTHING - {"data"}),
        (put("dataset", value="fashion"), EVERYTHING),
    ],
)
def test_a_changed_parameter_reruns_what_depends_on_it_and_no_more(finished, change, rules):
    assert finished.planned(finished.profile(change)) == rules


def seeds(*values):
    """A change of a profile: several seeds in place of one."""

    def change(config):
        del config["seed"]
        config["seeds"] = list(values)

    return change


def test_a_further_seed_repeats_the_study_and_reruns_nothing_but_the_comparison(finished):
    repeated = {f"{rule}_seed5" for rule in ("schedules", *TRAIN, "compare")}
    assert finished.planned(finished.profile(seeds(0, 5))) == repeated | AFTER_TRAINING
    assert finished.planned(finished.profile(seeds(0))) == set()


def test_a_further_training_makes_the_report_anew(project):
    record = project.folder / "build" / "smoke" / "again" / "zoom-1" / "metrics" / "compare.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    assert project.planned() == {"report"}


def test_each_seed_has_its_folder_and_its_parameters(project):
    run = project.snakemake(profile=project.profile(seeds(0, 5, 2)))
    assert run.returncode == 0, run.stdout + run.stderr
    out = project.folder / "build" / "smoke"
    got = {
        folder: json.loads((out / folder / "metrics" / "compare.json").read_text())
        for folder in (".", "seeds/5", "seeds/2")
    }
    assert {folder: (p["seed"], p["seeds"]) for folder, p in got.items()} == {
        ".": (0, [5, 2]),
        "seeds/5": (5, None),
        "seeds/2": (2, None),
    }
    trained = json.loads((out / "seeds/5/metrics/train_zoom.json").read_text())
    assert (trained["seed"], trained["out_dir"]) == (5, "build/smoke/seeds/5")
    assert (out / "figures" / "seeds.svg").is_file()
    assert not (out / "seeds" / "5" / "figures" / "seeds.svg").exists()


def test_a_changed_helper_reruns_what_imports_it(project):
    helpers = project.folder / "diffusion"
    (helpers / "deep.py").write_text("depth = 1\n")  # 02 imports noise, which imports deep
    assert project.planned() == {"train_linear", "train_cosine", *AFTER_TRAINING}
    (helpers / "deep.py").write_text("# a comment\n")
    (helpers / "unused.py").write_text("nothing = 0\n")
    assert project.planned() == set()


def test_a_module_named_in_a_parameter_counts_as_imported(project):
    notebook, helpers = project.folder / "notebooks" / f"{table.OWN}.ipynb", project.folder / "diffusion"

    def hashes():
        named = ("diffusion.noise", "mine", "")
        return [provenance.of_notebook(notebook, name, project.folder) for name in named]

    before = hashes()
    (helpers / "deep.py").write_text("depth = 1\n")  # which noise imports
    (project.folder / "mine.py").write_text("from diffusion import crop\n")
    middle = hashes()
    (helpers / "crop.py").write_text("size = 4\n")
    after = hashes()
    assert [a != b for a, b in zip(before, middle, strict=True)] == [True, True, False]
    assert [a != b for a, b in zip(middle, after, strict=True)] == [False, True, False]


def test_opening_running_and_saving_a_notebook_reruns_nothing_but_changing_its_code_does(project):
    file = project.folder / "notebooks" / f"{table.ZOOM}.ipynb"
    content = json.loads(file.read_text())
    content["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["seen"]}]
    content["cells"].append({"cell_type": "markdown", "id": "m", "metadata": {}, "source": ["A remark."]})
    file.write_text(json.dumps(content))
    assert project.planned() == set()
    project.write_notebook(table.ZOOM, WORK + "\nprint('more')")
    assert project.planned() == {"train_zoom", *AFTER_TRAINING}


def test_changed_prose_rebuilds_the_report_alone(project):
    (project.folder / "report" / "report.md").write_text("Other words.")
    assert project.planned() == {"report"}


def test_a_lost_result_is_made_again(project):
    (project.folder / "build" / "smoke" / "figures" / "loss_cosine.svg").unlink()
    assert project.planned() == {"train_cosine", *AFTER_TRAINING}


def test_a_lost_figure_of_a_further_model_is_made_again(tmp_path):
    project = Project(tmp_path / "project")
    file = project.folder / "profiles" / "smoke.yaml"
    config = yaml.safe_load(file.read_text())
    config["models"] |= {"own": OWN | {"channels": [8, 8]}, "bilinear": {"notebook": table.ZOOM}}
    config["out"] = "elsewhere/run/"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    run = subprocess.run(project.report("smoke"), capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    last = "elsewhere/run/report.html and elsewhere/run/report.pdf are up to date"
    assert run.stdout.splitlines()[-1] == last
    out = project.folder / "elsewhere" / "run"
    assert (out / "report.html").is_file()
    assert (out / ".lock").is_file()
    assert not (project.folder / "build").exists()
    for figure, rule in (
        ("fig08_centre_pixels_bilinear.svg", "train_bilinear"),
        ("trajectory_own.png", "train_own"),
        ("quality_own.png", "compare"),
    ):
        assert project.planned() == set()
        lost = (out / "figures" / figure).rename(tmp_path / figure)
        assert rule in project.planned()
        lost.rename(out / "figures" / figure)
    again = subprocess.run(project.report("smoke", "all", "--dry-run"), capture_output=True, text=True)
    assert again.returncode == 0
    assert "report.pdf are up to date" not in again.stdout


@pytest.mark.parametrize("notebook", table.TRAINING)
def test_the_files_of_a_training_are_those_that_its_notebook_saves(notebook):
    cells = json.loads((ROOT / "notebooks" / f"{notebook}.ipynb").read_text())["cells"]
    source = "".join(line for cell in cells for line in cell["source"])
    for model in ("linear", "zoom", "mine"):
        saved = set(re.findall(r'out / f?"(figures/[^"]+)"', source))
        names = {"model": model, "figure_of": "" if model == "zoom" else f"_{model}"}
        wanted = {file for file in outputs.of_training(notebook, model) if file.startswith("figures/")}
        assert {file.format(**names) for file in saved} == wanted


# --- mistakes and failures ----------------------------------------------------------------------------------


def test_a_misspelt_parameter_fails_at_once_with_one_line(tmp_path):
    project = Project(tmp_path / "project")
    profile = project.profile(put("training", "epoch", value=3))
    start = time.monotonic()
    run = project.snakemake(profile=profile)
    assert time.monotonic() - start < 30
    assert run.returncode != 0
    lines = [line for line in run.stderr.splitlines() if line and not line.startswith("Assuming")]
    said = "there is no parameter 'epoch'; did you mean 'epochs'? Rename or remove it."
    assert lines == [f"error: profile 'smoke', training: {said}"]
    assert not (project.folder / "build").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("profile: smoke\nseed: [", "is no YAML: "),
        ("- smoke", "no profile is given; "),
        ("profile: smoke\nout: ''", "profile 'smoke': out = '' is not allowed"),
    ],
)
def test_a_bad_profile_is_one_line_and_leaves_nothing_behind(tmp_path, text, said):
    project = Project(tmp_path / "project")
    (project.folder / "profiles" / "smoke.yaml").write_text(text)
    run = subprocess.run(project.report("smoke"), capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith("error: ")
    assert said in run.stderr
    assert run.stderr.count("\n") == 1
    assert not (project.folder / "build").exists()


def test_a_profile_under_another_name_is_refused(tmp_path):
    project = Project(tmp_path / "project")
    profiles = project.folder / "profiles"
    shutil.copy(profiles / "smoke.yaml", profiles / "mine.yaml")
    run = subprocess.run(project.report("mine"), capture_output=True, text=True)
    assert run.returncode != 0
    assert "mine.yaml: profile = 'smoke'; write 'mine'." in run.stderr


def test_an_unknown_profile_is_refused(tmp_path):
    project = Project(tmp_path / "project")
    run = subprocess.run(project.report("qiuck"), capture_output=True, text=True)
    assert run.returncode != 0
    assert (
        run.stderr.strip() == "PROFILE = 'qiuck' is not a profile; profiles/ has medium, paper, quick, smoke."
    )


def test_a_failing_notebook_stops_what_depends_on_it_and_says_where(project):
    project.write_notebook(table.COMPARE, "raise ValueError('no such run')  # {files} {helper}")
    run = subprocess.run(project.report("smoke"), capture_output=True, text=True)
    assert run.returncode != 0
    assert "04_compare_fid | ValueError: no such run" in run.stdout
    assert "FAILED, see build/smoke/logs/04_compare_fid.log" in run.stdout
    assert not (project.folder / "build" / "smoke" / "metrics" / "compare.json").exists()
    project.write_notebook(table.COMPARE)
    again = subprocess.run(project.report("smoke"), capture_output=True, text=True)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "02_train_ddpm" not in again.stdout


def test_two_runs_of_one_profile_do_not_mix(project):
    with (project.folder / "build" / "smoke" / ".lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = subprocess.run(project.report("smoke"), capture_output=True, text=True)
    assert run.returncode != 0
    assert "is being written by another run (process 4711); wait for it, or stop it first." in run.stderr


def test_after_a_kill_nothing_goes_on_and_the_next_run_finishes_the_work(project):
    waiting, out = project.folder / "wait", project.folder / "build" / "smoke"
    waiting.touch()  # the notebook works until this file is gone
    project.write_notebook(table.ZOOM, WORK + "\nprint('more')")
    log = out / "logs" / "03_train_zoom-zoom.log"
    log.unlink()
    run = subprocess.Popen(project.report("smoke"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: log.exists() and "working" in log.read_text())
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    until(lambda: not processes_in(project.folder))
    waiting.unlink()
    again = subprocess.run(project.report("smoke"), capture_output=True, text=True)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "more" in log.read_text()
    assert "02_train_ddpm" not in again.stdout
    assert project.planned() == set()


GATE = """
import time
from pathlib import Path
Path("at-{stage}").touch()
while Path("wait-{stage}").exists():
    time.sleep(0.1)
"""
STAGES = ("data", "training", "comparison", "report")
SIGNALS = {  # and whether every process gets it, as by Ctrl-C, or only that of `make report`
    "SIGINT to all": (signal.SIGINT, os.killpg),
    "SIGTERM": (signal.SIGTERM, os.kill),
    "SIGKILL": (signal.SIGKILL, os.kill),
}


def gated(project: Project) -> Project:
    """The same project, but each stage waits in the middle of its work for as long as a file is there."""
    gates = {stage: GATE.format(stage=stage) for stage in STAGES}
    (project.folder / "diffusion" / "data.py").write_text(gates["data"] + DATA)
    # The notebooks' files come in two halves, with the gate between.
    first, last = WORK.split("for file in {files}:")
    halves = "\n".join((first, *(f"for file in {{files}}[{part}]:{last}\n{{gate}}" for part in (":2", "2:"))))
    for notebook, stage in ((table.ZOOM, "training"), (table.COMPARE, "comparison")):
        work = halves.replace("{gate}", gates[stage], 1).replace("{gate}", "")
        project.write_notebook(notebook, work)
    (project.folder / "report" / "build.py").write_text(gates["report"] + BUILD)
    (project.folder / "build" / "smoke" / "data.txt").unlink()  # so that everything is made again
    return project


@pytest.fixture
def sigint():
    """SIGINT works on new processes, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
def test_killed_at_every_stage_by_every_signal_it_finishes_with_the_same_results(project, sigint):
    out = project.folder / "build" / "smoke"
    undisturbed = results(out)
    gated(project)
    for stage in STAGES:
        (project.folder / f"wait-{stage}").touch()
    for stage in STAGES:
        at, wait = project.folder / f"at-{stage}", project.folder / f"wait-{stage}"
        for number, send in SIGNALS.values():
            # Snakemake may take the empty file that the shell made for a finished one when it is interrupted.
            if stage == "data":
                (out / "data.txt").unlink(missing_ok=True)
            with (project.folder / "said").open("w+") as said:
                run = subprocess.Popen(
                    project.report("smoke"), stdout=said, stderr=subprocess.STDOUT, start_new_session=True
                )
                until(lambda at=at, run=run: at.exists() or run.poll() is not None, seconds=120)
                assert run.poll() is None, said.read()
                send(run.pid, number)
                assert run.wait(60) != 0
                if number == signal.SIGKILL and stage in ("data", "report"):  # short work, which may end
                    wait.unlink()
                until(lambda: not processes_in(project.folder))
                wait.touch()
                at.unlink()
                said.seek(0)
                assert "unlock" not in said.read()
        wait.unlink()
    last = subprocess.run(project.report("smoke"), capture_output=True, text=True)
    assert last.returncode == 0, last.stdout + last.stderr
    assert results(out) == undisturbed
    assert project.planned() == set()


def results(out: Path) -> dict[str, bytes]:
    """The records, figures and reports in a results folder."""
    files = (p for p in out.rglob("*") if p.suffix in (".json", ".svg", ".png", ".html", ".pdf", ".txt"))
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


def until(condition, seconds: float = 60) -> None:
    """Wait for a condition; fails when it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def processes_in(folder: Path) -> list[str]:
    """Command lines of the live processes whose working folder is `folder`."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == folder:
                found.append(" ".join(process.cmdline()))
        except (psutil.Error, OSError):
            continue
    return found
