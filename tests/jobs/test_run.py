"""The workflow around stand-in jobs: what runs, what stays, what failures and kills leave behind."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

import offline
from jobs.standin import PROFILE, Project, until, working_in
from limits import disk, grow
from workflow import run
from workflow.children import holding

END = {"compare", "report"}
ALL = {"schedules", "yardstick", "train_zoom-0", "measure_zoom-0", "analyse_zoom-0"} | END
DONE = "build/smoke/report.html and build/smoke/report.pdf are up to date"


@pytest.fixture(autouse=True)
def sigint():
    """SIGINT works on new processes, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# --- what runs ----------------------------------------------------------------------------------------------


def test_a_run_makes_everything_once(project):
    said = (project.folder / "done").read_text()
    assert project.ran(said) == ALL
    assert said.splitlines()[-1] == DONE
    for name in ("logs/train_zoom-0.log", "notebooks/03_train_zoom-zoom-0.ipynb", "report.pdf"):
        assert (project.out / name).is_file()
    begun = time.monotonic()
    assert project.run().splitlines() == [DONE]
    assert time.monotonic() - begun < 20


def test_a_job_gets_the_settings_of_its_profile(project):
    made = {job: project.provenance(job)["settings"] for job in ALL}
    assert made["train_zoom-0"]["learning_rate"] == 0.0002
    assert (made["train_zoom-0"]["epochs"], made["measure_zoom-0"]["n_final"]) == (2, 32)
    record = json.loads((project.out / "metrics" / "train_zoom-0.json").read_text())
    assert (record["learning_rate"], record["epochs"], record["model"]) == (0.0002, 2, "zoom")


def test_what_is_stale_is_said_and_made_again(project):
    """Without Snakemake's metadata: a damaged file, and a changed setting."""
    shutil.rmtree(project.folder / ".snakemake")
    path = project.out / "metrics" / "measure_zoom-0.json"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"32", b"33"))
    project.profile(PROFILE | {"yardstick": {"n": 40}})
    said = project.run()
    assert "measure_zoom-0 runs again: metrics/measure_zoom-0.json is damaged or was changed\n" in said
    assert "yardstick runs again: n was 32, is 40\n" in said
    assert project.ran(said) == {"measure_zoom-0", "analyse_zoom-0", "yardstick"} | END
    assert path.read_bytes() == whole
    assert said.splitlines()[-1] == DONE


def test_a_change_while_it_runs_is_said(project):
    with halted(project) as first, (project.folder / "diffusion" / "files.py").open("a") as code:
        code.write("x = 1\n")
    assert first.wait(60) == 1
    assert "error: what changed while it ran must run again (schedules: its code changed;" in project.said()


@contextlib.contextmanager
def halted(project: Project) -> Iterator[subprocess.Popen]:
    """The command under way, halfway through its last job; goes on afterwards."""
    (project.folder / "wait-report").touch()
    (project.out / "jobs" / "report.json").unlink()
    command = project.start()
    try:
        until((project.folder / "at-report").exists)
        yield command
    finally:
        (project.folder / "wait-report").unlink()


# --- failures -----------------------------------------------------------------------------------------------


def test_a_failing_notebook_leaves_the_earlier_results_and_says_what_failed(project):
    before = project.results()
    project.profile(PROFILE | {"training": {"epochs": 3}})
    (project.folder / "fail-train").touch()
    said = project.run(status=1)
    lines = [line for line in said.splitlines() if line.startswith("train_zoom-0 | ")]
    failed = lines.index(next(line for line in lines if "FAILED" in line))
    assert lines[failed].endswith(": ValueError: no such luck")
    assert str(project.out / "logs" / "train_zoom-0.log") in lines[failed + 1]
    assert "Traceback" not in said
    assert "Traceback" in (project.out / "logs" / "train_zoom-0.log").read_text()
    assert "no such luck" in (project.out / "logs" / "train_zoom-0.ipynb").read_text()
    assert project.results().keys() == before.keys()
    assert project.results()["metrics/train_zoom-0.json"] == before["metrics/train_zoom-0.json"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["qiuck"], "PROFILE = 'qiuck' is not a profile; there are beyond, .*; did you mean 'quick'?"),
        (["../../etc/passwd"], "PROFILE = '../../etc/passwd' is not a profile; there are beyond, .*"),
        (["smoke", "many"], "CORES = 'many' is not allowed; needed: all, or a number from 1"),
        (["smoke", "--on", "grid"], "EXECUTOR = 'grid' is not an executor; profiles/ has slurm"),
    ],
)
def test_a_wrong_argument_is_one_line(project, arguments, line):
    assert re.fullmatch(f"error: {line.replace('?', '[?]')}", refusal(run.main, arguments))


def refusal(act: Callable, *arguments) -> str:
    """The line with which the command ends."""
    with pytest.raises(SystemExit) as end:
        act(*arguments)
    return str(end.value)


def test_a_mistake_ends_the_command_before_anything_is_written(project):
    model = "models: {zoom: {notebook: 03_train_zoom}}"
    file = project.write("mine.yaml", f"profile: mine\nout: mine\n{model}\ntraining: {{epoch: 2}}\n")
    said = refusal(run.main, [str(file)])
    assert re.fullmatch(r"error: .*there is no parameter 'epoch'; did you mean 'epochs'\?", said)
    assert not (project.folder / "mine").exists()


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("network_options: {norm: rmss}", "norm is 'rmss'; allowed: layer, rms"),
        ("network: unet, channels: [8, 8]", "UNet does not take channels"),
    ],
)
def test_a_network_that_cannot_be_made_ends_the_command_too(tmp_path, network, expected):
    file = tmp_path / "mine.yaml"
    model = f"{{notebook: 03_train_zoom, {network}}}"
    file.write_text(f"profile: mine\nout: {tmp_path}/mine\nmodels: {{zoom: {model}}}\n")
    said = refusal(run.main, [str(file)])
    assert said.startswith(f"error: {file}, models.zoom: {expected}")
    assert not (tmp_path / "mine").exists()


def test_two_runs_of_one_profile_do_not_mix(project):
    with halted(project) as first:
        line = refusal(run.main, ["smoke"])
    assert line.startswith(f"error: {project.out} is being written by another run (process {first.pid} on ")
    assert first.wait(60) == 0


def test_a_second_job_of_the_same_notebook_waits(project):
    """A job of a cluster outlives its workflow; the same job, submitted again, must not run beside it."""
    with holding(project.out / "logs" / "report.lock"):
        (project.out / "jobs" / "report.json").unlink()
        command = project.start()
        until(lambda: "waits until process" in project.said())
        assert command.poll() is None
    assert command.wait(60) == 0
    assert "report | starts" in project.said()


def test_a_folder_with_other_things_is_left_alone(project):
    mine = project.write("mine/thesis.txt", "mine").parent
    project.profile(PROFILE | {"out": str(mine)})
    said = refusal(run.main, ["smoke"])
    assert "holds files that are not results of this project; choose another `out`" in said
    assert [p.name for p in mine.iterdir()] == ["thesis.txt"]


def test_results_that_were_copied_without_hidden_files_are_taken(project):
    (project.out / ".lock").unlink()
    (project.out / "jobs" / "report.json").unlink()
    assert project.ran(project.run()) == {"report"}


def test_a_full_disk_is_one_line_and_costs_nothing_once_there_is_room(project):
    undisturbed = project.results()
    whole = project.out.rename(project.folder / "whole")
    with disk(project.out, "4m"):
        shutil.copytree(whole, project.out, dirs_exist_ok=True)
        for name in ("jobs/report.json", "report.html", "report.pdf"):
            (project.out / name).unlink()
        grow(project.out, f"{shutil.disk_usage(project.out).used // 1024 + 12}k")  # for locks and the log
        said = project.run(status=1)
        (line,) = [line for line in said.splitlines() if "FAILED" in line]
        assert "No space left on device" in line
        grow(project.out, "4m")
        assert project.run().splitlines()[-1] == DONE
        assert project.results() == undisturbed


def test_a_machine_without_which_or_loopback_is_one_line(project, tmp_path, monkeypatch):
    if offline.means() == "namespace":
        (project.out / "jobs" / "report.json").unlink()
        command = ["unshare", "--map-root-user", "--net", sys.executable, "-m", "workflow.run", "smoke"]
        done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "notebooks need the loopback network" in done.stderr
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "Snakemake needs the program `which`" in refusal(run.check_machine)


# --- kills --------------------------------------------------------------------------------------------------

STAGES = {"train": "train_zoom-0", "measure": "measure_zoom-0", "compare": "compare", "report": "report"}
KILLS = [
    ("train", "all", signal.SIGINT),
    ("train", "make", signal.SIGKILL),
    ("measure", "run", signal.SIGTERM),
    ("measure", "make", signal.SIGTERM),
    ("compare", "run", signal.SIGKILL),
    ("report", "snakemake", signal.SIGKILL),
]


def make(project: Project) -> subprocess.Popen:
    """`make report PROFILE=smoke` in the stand-in project, under way, with these tests' Python."""
    python = project.write(".venv/bin/python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    show = ["make", "-s", "--eval", "show: ; @echo $(STAMP)", "show"]
    stamp = subprocess.run(
        show, cwd=project.folder, capture_output=True, text=True, check=True
    ).stdout.strip()
    (project.folder / stamp).touch()
    with (project.folder / "said").open("w") as said:
        options = {"cwd": project.folder, "stdout": said, "stderr": said, "start_new_session": True}
        return subprocess.Popen(["make", "report", "PROFILE=smoke"], **options)


def kill(project: Project, started: subprocess.Popen, whom: str, number: int) -> None:
    if whom == "all":
        os.killpg(started.pid, number)
    elif whom == "make":
        started.send_signal(number)
    else:
        words = {"run": "workflow.run smoke", "snakemake": "children import snakemake"}[whom]
        (pid,) = [pid for pid, command in working_in(project.folder).items() if words in command]
        os.kill(pid, number)


@pytest.mark.long
def test_killed_at_every_stage_it_finishes_with_the_same_results(project):
    undisturbed = project.results()
    shutil.rmtree(project.out)
    for stage, whom, number in KILLS:
        at, wait = project.folder / f"at-{stage}", project.folder / f"wait-{stage}"
        wait.touch()
        at.unlink(missing_ok=True)
        started = make(project)
        until(lambda at=at, started=started: at.exists() or started.poll() is not None, stage)
        assert started.poll() is None, project.said()
        begun = time.monotonic()
        kill(project, started, whom, number)
        until(lambda: not working_in(project.folder), f"the end of everything after {number} to {whom}", 30)
        assert started.wait(5) != 0
        assert time.monotonic() - begun < 15
        assert not (project.out / "jobs" / f"{STAGES[stage]}.json").exists()
        wait.unlink()
    said = project.run()
    assert project.ran(said) == {"report"}
    assert project.results() == undisturbed
    assert project.run().splitlines() == [DONE]
