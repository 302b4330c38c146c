"""The workflow: schedules and trainings -> measures -> analyses -> comparison -> report. `make report` runs it.

A job's only output is OUT/jobs/<job>.json, which it writes when all its files are there (tools/jobs.py). What
must run again is found before Snakemake starts, from those files alone, and they are removed: here a job runs
if its file is not there. Checkpoints and samples lie in OUT/runs and OUT/samples: a run that was killed goes on.
By hand: `snakemake --cores all --config profile=quick`; it runs what is not there and checks nothing.
"""

import sys
from pathlib import Path


workdir: workflow.basedir


sys.path.insert(0, workflow.basedir)
from study.settings import SettingError, read_profile
from tools import jobs

try:
    PROFILE = config.get("profile", "quick")
    JOBS = jobs.of(read_profile(PROFILE, jobs.ROOT / "profiles"))
except SettingError as error:
    sys.exit(f"error: {error}")

ORDER = {name: 1000 - place for place, name in enumerate(JOBS)}  # first seeds first
DONE = f"{JOBS['report'].out}/jobs".replace("{", "{{").replace("}", "}}")  # no wildcards in it
PYTHON = sys.executable
TRAININGS = [(job.model, job.seed) for job in JOBS.values() if job.kind == "train"]
MOST = 16  # the network gains from no more threads
CORES = int(config.get("cores", 0))  # of this machine; 0: the jobs are those of a cluster
RUN = "exec {PYTHON:q} -m tools.run_notebook {PROFILE:q} "


def needs(name):
    """The files of the jobs before a job; `name` may hold {model} and {seed}."""
    return lambda wildcards: [
        ancient(str(JOBS[need].path)) for need in JOBS[name.format(**dict(wildcards))].needs
    ]


def place(name):
    return lambda wildcards: ORDER.get(name.format(**dict(wildcards)), 0)


def threads(wildcards):
    """Trainings side by side scale better than the operations of one; those left over share all cores."""
    rank, all_of_them = TRAININGS.index((wildcards.model, int(wildcards.seed))), len(TRAININGS)
    if not CORES:
        return MOST
    return 1 if rank < all_of_them // CORES * CORES else min(MOST, CORES // (all_of_them % CORES))


wildcard_constraints:
    model="|".join({job.model for job in JOBS.values() if job.model}),
    seed=r"\d+",


localrules: all, report


rule all:
    input: ancient(f"{DONE}/report.json")


rule schedules:
    output: f"{DONE}/schedules.json"
    priority: ORDER["schedules"]
    resources: mem_mb=4000, runtime=30
    shell: RUN + "schedules --threads {threads}"


rule train:
    output: f"{DONE}/train_{{model}}-{{seed}}.json"
    priority: place("train_{model}-{seed}")
    threads: threads
    resources: mem_mb=8000, runtime=24 * 60
    shell: RUN + "train_{wildcards.model}-{wildcards.seed} --threads {threads}"


rule measure:
    input: needs("measure_{model}-{seed}")
    output: f"{DONE}/measure_{{model}}-{{seed}}.json"
    priority: place("measure_{model}-{seed}")
    threads: threads
    resources: mem_mb=8000, runtime=12 * 60
    shell: RUN + "measure_{wildcards.model}-{wildcards.seed} --threads {threads}"


rule analyse:
    input: needs("analyse_{model}-{seed}")
    output: f"{DONE}/analyse_{{model}}-{{seed}}.json"
    priority: place("analyse_{model}-{seed}")
    threads: threads
    resources: mem_mb=8000, runtime=12 * 60
    shell: RUN + "analyse_{wildcards.model}-{wildcards.seed} --threads {threads}"


rule yardstick:
    output: f"{DONE}/yardstick.json"
    priority: place("yardstick")
    resources: mem_mb=8000, runtime=60
    shell: RUN + "yardstick --threads {threads}"


rule compare:
    input: needs("compare")
    output: f"{DONE}/compare.json"
    resources: mem_mb=8000, runtime=60
    shell: RUN + "compare --threads {threads}"


rule report:
    input: needs("report")
    output: f"{DONE}/report.json"
    shell: RUN + "report --threads {threads}"
