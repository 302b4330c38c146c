# `make help` lists what there is. Every target but help and clean makes the environment first, if it is not
# there or its pins changed.

PROFILE ?= quick
PYTHON  ?= python3
CORES   ?= all
# What `make again` trains.
MODEL   ?= zoom
SEED    ?= 1
# A cluster that runs the notebooks as jobs, of those in profiles/executors/; none: this machine.
EXECUTOR ?=
# Kills of each run in `make test-kills`.
KILLS   ?= 100
# Processes that share the tests.
WORKERS ?= 2
VENV    ?= .venv
# A snapshot of a run.
FILE    ?= $(PROFILE)-snapshot.tar
# Options of JupyterLab, for example --no-browser.
LAB     ?=
# Options of the benchmarks, for example --quick or --only training,zoom.
BENCH   ?=

RUN := $(VENV)/bin/python
# The environment's own kernel, whatever kernels the user has; progress shown as it happens.
export JUPYTER_PREFER_ENV_PATH := 1
export PYTHONUNBUFFERED := 1
# Apple's GPUs have no float64, which training sums its losses in: there the CPU computes.
ifeq ($(shell uname -s),Darwin)
export ACCELERATE_USE_CPU := 1
endif

.PHONY: help report retrain again release snapshot restore test test-kills test-guards test-cluster lint lab bench clean env
.DEFAULT_GOAL := help

help: ## list the targets
	@echo "make TARGET [PROFILE=smoke|quick|medium|paper] [CORES=n] [EXECUTOR=slurm|kubernetes] [FILE=run.tar]"
	@echo "            [MODEL=zoom] [SEED=n] [WORKERS=n] [KILLS=n] [LAB=OPTIONS] [BENCH=OPTIONS] [PYTHON=python3] [VENV=.venv]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s%s\n", $$1, $$2 }' Makefile

report: env ## the report of PROFILE, as HTML and PDF: of its released results, or else by running the study
	@$(RUN) tools/run_workflow.py $(PROFILE) $(CORES) $(if $(EXECUTOR),--on $(EXECUTOR))

retrain: env ## run the study at PROFILE in any case, and leave build/PROFILE/report.html and report.pdf
	@$(RUN) tools/run_workflow.py --retrain $(PROFILE) $(CORES) $(if $(EXECUTOR),--on $(EXECUTOR))

again: env ## train MODEL of PROFILE once more, with SEED, on this machine; the next report sets both side by side
	@$(RUN) tools/again.py $(PROFILE) $(MODEL) $(SEED)

release: env ## keep the results of PROFILE, with weights and the PDF, under released/
	@$(RUN) tools/release.py $(PROFILE)

snapshot: env ## put a run of PROFILE that is under way aside, in FILE
	@$(RUN) tools/snapshot.py save $(PROFILE) $(FILE)

restore: env ## put the snapshot FILE in place, for the next `make retrain` of PROFILE to go on from
	@$(RUN) tools/snapshot.py restore $(PROFILE) $(FILE)

test: env lint ## everything that CI runs: lint, unit and end-to-end tests, the notebooks
	$(RUN) -m pytest -n $(WORKERS) tests
	$(RUN) -m pytest --nbval-lax notebooks

test-kills: env ## kill training KILLS times and resume it, each model in each precision (5 minutes)
	$(RUN) tests/kills.py --kills $(KILLS)

test-guards: env ## take out what keeps each of the README's promises, and see its tests fail (20 minutes)
	$(RUN) tests/guards.py

test-cluster: env ## the workflow on a real Slurm of one node; needs root, slurm-wlm and munge
	$(RUN) tests/cluster/check_slurm.py

lint: env ## ruff, and notebooks without outputs
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m nbstripout --keep-id --verify notebooks/*.ipynb

lab: env ## open the notebooks in JupyterLab
	$(RUN) -m jupyterlab $(LAB) notebooks/01_schedules.ipynb

bench: env ## measure the speed against a textbook loop -> build/bench/ (half an hour; BENCH=--quick: minutes)
	@$(RUN) -m benchmarks $(BENCH)

clean: ## remove build/, that is, the results of all profiles; data/ and the environment stay
	rm -rf build

env:
	@command -v $(PYTHON) > /dev/null || { echo "$(PYTHON) is not there; install Python 3.11 or newer, or: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, and $(PYTHON) is `$(PYTHON) --version 2>&1`; try: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) tools/environment.py $(VENV)
