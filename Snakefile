"""The workflow: data -> schedules and training notebooks -> comparison notebook -> report.

`make report PROFILE=quick` runs it; by hand: `snakemake --configfile profiles/quick.yaml --cores all`.
A rule re-runs when its parameters, its inputs, its notebook's code, or a module that this code imports has changed.
Checkpoints and samples lie in OUT/runs and OUT/samples: they are no outputs of a rule, so that a run which was
killed or extended goes on where it stopped.
"""

import os
import sys
from functools import cache
from pathlib import Path

import yaml


workdir: workflow.basedir


sys.path.insert(0, workflow.basedir)
from diffusion import parameters, provenance
from tools import outputs
from tools.chatter import is_news

logger.addFilter(is_news)
try:
    parameters.check_profile(config)
    for file in map(Path, workflow.configfiles):
        if file.resolve().parent == Path("profiles").resolve() and file.stem != config["profile"]:
            raise parameters.ParameterError(f"{file}: profile = {config['profile']!r}; write {file.stem!r}.")
except parameters.ParameterError as error:
    sys.exit(f"error: {error}")

OUT = outputs.folder(config)
PROFILE = str(workflow.configfiles[-1])
SEEDS = parameters.seeds(config)
COMPARED = parameters.notebook_parameters(config, "04_compare_fid")["models"]
PYTHON, PROCESS = sys.executable, os.getpid()
THREADS = 16  # fewer where the machine has fewer, and then one notebook at a time; the network gains from no more

# Parameters travel as YAML: JSON writes 1e-05, which YAML reads as text.
NOTEBOOK = (
    "OMP_NUM_THREADS={threads} {PYTHON:q} tools/run_notebook.py {log.text:q} {PROCESS}"
    " {input.notebook:q} {log.notebook:q} -y {params.values:q} -r out_dir {params.out:q}"
)


def notebook(name):
    return ancient(f"notebooks/{name}.ipynb")  # what counts of it is the hash of its code


def within(folder, files):
    return [f"{folder}/{file}" for file in files]


def trained(folder, model):
    return within(folder, outputs.of_training(config["models"][model]["notebook"], model))


def compared(seed):
    """What the comparison of a seed leaves; that of the first takes in those of the others."""
    return within(FOLDER[seed], outputs.of_comparison(COMPARED, SEEDS[1:] if seed == SEEDS[0] else []))


def logs(folder, name):
    """The executed notebook, and what it printed."""
    return {"notebook": f"{folder}/notebooks/{name}.ipynb", "text": f"{folder}/logs/{name}.log"}


def watched(name, target, seed):
    """What re-runs a notebook when it changes: its parameters, as YAML on one line, and its code."""
    values = parameters.notebook_parameters(config, target, seed)
    text = yaml.safe_dump(values, default_flow_style=True, width=10**6, sort_keys=True).strip()
    named = values.get("degradation", "").partition(":")[0]
    found = {"values": text, "source": source(name, named), "out": FOLDER[seed]}
    return found | {"key": provenance.digest(value.encode() for value in found.values())}


@cache  # the same for all seeds; a workflow of 1,000 runs would spend minutes on it in each of its jobs
def source(name, named):
    return provenance.of_notebook(Path(f"notebooks/{name}.ipynb"), named)


FOLDER = {seed: outputs.of_seed(OUT, seed, SEEDS) for seed in SEEDS}
TAIL = {seed: "" if seed == SEEDS[0] else f"_seed{seed}" for seed in SEEDS}  # of the names of rules
RESULTS = [file for seed in SEEDS for file in within(FOLDER[seed], outputs.SCHEDULES) + compared(seed)]
RESULTS += [file for seed in SEEDS for model in COMPARED for file in trained(FOLDER[seed], model)]


localrules: all, data, report


rule all:
    input: within(OUT, ["report.html", "report.pdf"]), RESULTS  # a lost figure is made again, too


rule data:
    # The data are no output either: Snakemake would delete them before it runs the rule again.
    output: f"{OUT}/data.txt"
    params:
        folder=config.get("data_dir") or os.environ.get("MNIST_DIR", ""),
        dataset=config.get("dataset", "mnist"),
    shell: "MNIST_DIR={params.folder:q} {PYTHON:q} -m diffusion.data --dataset {params.dataset}"
        " | tee {output:q}.part && mv {output:q}.part {output:q}"


for place, seed in enumerate(SEEDS):

    rule:
        name: f"schedules{TAIL[seed]}"
        input: notebook=notebook("01_schedules"), data=rules.data.output
        output: within(FOLDER[seed], outputs.SCHEDULES)
        log: **logs(FOLDER[seed], "01_schedules")
        params: **watched("01_schedules", "01_schedules", seed)
        threads: THREADS
        priority: 1000 - 100 * place  # as far as there is a choice, in the order of the report
        resources: mem_mb=4000, runtime=30
        shell: NOTEBOOK

    # One rule a model, so that a profile may name as many as it likes.
    for rank, (model, entry) in enumerate(config["models"].items()):

        rule:
            name: f"train_{model}{TAIL[seed]}"
            input: notebook=notebook(entry["notebook"]), data=rules.data.output
            output: trained(FOLDER[seed], model)
            log: **logs(FOLDER[seed], f"{entry['notebook']}-{model}")
            params: **watched(entry["notebook"], model, seed)
            threads: THREADS
            priority: 999 - 100 * place - rank
            resources: mem_mb=8000, runtime=24 * 60
            shell: NOTEBOOK

    rule:
        name: f"compare{TAIL[seed]}"
        input:
            notebook=notebook("04_compare_fid"),
            data=rules.data.output,
            records=within(FOLDER[seed], [f"metrics/train_{model}.json" for model in COMPARED]),
            others=[f"{FOLDER[s]}/metrics/compare.json" for s in SEEDS[1:] if seed == SEEDS[0]],
        output: compared(seed)
        log: **logs(FOLDER[seed], "04_compare_fid")
        params: **watched("04_compare_fid", "04_compare_fid", seed)
        threads: THREADS
        resources: mem_mb=8000, runtime=12 * 60
        shell: NOTEBOOK


rule report:
    input: RESULTS, sorted(map(str, Path(OUT).glob("again/*/metrics/*.json")))
    output: within(OUT, ["report.html", "report.pdf"])
    log: f"{OUT}/logs/report.log"
    params: source=provenance.of_report(Path("report"))
    shell: "{PYTHON:q} -m report.build --out {OUT:q} --profile {PROFILE:q} 2>&1 | tee {log:q}"
