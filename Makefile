# `make help` lists what there is. Every target makes the environment first, if it is not there or its pins changed.

PROFILE ?= quick
PYTHON  ?= python3
CORES   ?= all
KILLS   ?= 100
VENV    ?= .venv
# Options of JupyterLab, for example --no-browser.
LAB     ?=

RUN := $(VENV)/bin/python
# The environment's own kernel, whatever kernels the user has; progress shown as it happens.
export JUPYTER_PREFER_ENV_PATH := 1
export PYTHONUNBUFFERED := 1

.PHONY: help report test test-kills lint lab clean env
.DEFAULT_GOAL := help

help: ## list the targets
	@echo "make TARGET [PROFILE=smoke|quick|paper] [CORES=n] [KILLS=n] [PYTHON=python3]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 14

report: env ## run the study at PROFILE and leave build/PROFILE/report.html and report.pdf
	@$(RUN) tools/run_workflow.py $(PROFILE) $(CORES)

test: env lint ## everything that CI runs: lint, unit and end-to-end tests, the notebooks
	$(RUN) -m pytest --nbval-lax tests notebooks

test-kills: env ## kill training KILLS times and resume it, each model in each precision (15 minutes)
	$(RUN) tests/kills.py --kills $(KILLS)

lint: env ## ruff, and notebooks without outputs
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m nbstripout --keep-id --verify notebooks/*.ipynb

lab: env ## open the notebooks in JupyterLab
	$(RUN) -m jupyterlab $(LAB) notebooks/01_schedules.ipynb

clean: ## remove build/, that is, the results of all profiles; data/ and the environment stay
	rm -rf build

env:
	@command -v $(PYTHON) > /dev/null || { echo "$(PYTHON) is not there; install Python 3.11 or newer, or: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, and $(PYTHON) is `$(PYTHON) --version 2>&1`; try: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) tools/environment.py $(VENV)
