# `make help` lists all targets. Every target except help and clean first builds the environment if it is missing
# or its pins have changed, and installs the extras of pyproject.toml that the target needs.

PROFILE ?= quick
PYTHON  ?= python3
CORES   ?= all
# A cluster for the jobs, with settings in profiles/: slurm. Empty: this machine.
EXECUTOR ?=
# DRY=1 with report or retrain: check all arguments, list the jobs that would run, and run nothing.
DRY     ?=
# Number of processes that share the tests.
WORKERS ?= 2
VENV    ?= .venv
# Options for pip to install another build of PyTorch: --extra-index-url and the address of a PyTorch index.
TORCH   ?=
# Options for JupyterLab, for example --no-browser.
LAB     ?=
# Options for the benchmarks, for example --quick.
BENCH   ?=

RUN := $(VENV)/bin/python
# If a container sets PYTHONDONTWRITEBYTECODE, each job would compile all its imports again.
ifdef PYTHONDONTWRITEBYTECODE
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX ?= $(abspath $(VENV))/bytecode
endif
# Quote any value as one word of the shell.
quoted = '$(subst ','\'',$(1))'
STUDY = $(if $(DRY),--dry) $(if $(EXECUTOR),--on=$(call quoted,$(EXECUTOR))) -- $(call quoted,$(PROFILE)) $(call quoted,$(CORES))
# Named after the project's folder and the Python version: if either changes, the environment is rebuilt.
STAMP := $(VENV)/made-$(shell { pwd; $(PYTHON) -c 'import sys; print(sys.version_info[:2])'; } 2>&1 | cksum | cut -d' ' -f1)

# Extras that the tests need in addition to `workflow`. CI also compiles the play page's kernel, and compares.
comma := ,
TESTED := $(STAMP)-browser,$(if $(CI),kernel$(comma))lab,slurm,tensorboard,test
CLUSTER := $(if $(DRY),,$(if $(EXECUTOR),$(STAMP)-slurm))
RELEASED = $(filter $(basename $(notdir $(wildcard profiles/*.yaml paper/profiles/*.yaml))),$(patsubst released/%/manifest.json,%,$(wildcard released/*/manifest.json)))
ifneq ($(filter verify archive,$(MAKECMDGOALS)),)
$(if $(filter $(RELEASED),$(PROFILE)),,$(error PROFILE=$(PROFILE) has no released results; released profiles: $(RELEASED)))
endif
EXECUTORS := $(patsubst profiles/%/config.yaml,%,$(wildcard profiles/*/config.yaml))
ifneq ($(filter-out $(EXECUTORS),$(EXECUTOR)),)
$(error EXECUTOR=$(EXECUTOR) is unknown; allowed: $(EXECUTORS))
endif
$(foreach name,profile Profile cores Cores executor Executor dry Dry workers Workers,$(if $(findstring command,$(origin $(name))),$(error \
  $(name)=$($(name)) has no effect; write the variable in capitals, as in PROFILE=quick)))

.PHONY: help report retrain release verify archive page kernel pages site test test-long test-processors test-cluster golden door lint lab bench clean env FORCE
.DEFAULT_GOAL := help

help: ## list all targets
	@echo "make TARGET [PROFILE=quick] [DRY=1] [CORES=n] [EXECUTOR=slurm] [WORKERS=n] [TORCH=OPTIONS]"
	@echo "            [LAB=OPTIONS] [BENCH=OPTIONS] [PYTHON=python3] [VENV=.venv]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s%s\n", $$1, $$2 }' Makefile
	@echo "profiles:"
	@for file in profiles/*.yaml paper/profiles/*.yaml; do [ ! -f "$$file" ] || \
	awk 'FNR == 1 { name = FILENAME; gsub(".*/|[.]yaml", "", name); printf "  %-17s%s\n", name, substr($$0, 3) }' $$file; done

report: env $(CLUSTER) ## build the report of PROFILE (HTML, PDF) from its released results, or train and measure first
	@$(RUN) -m report.jobs.run $(STUDY)

retrain: env $(CLUSTER) ## train and measure PROFILE even if it is released, and build build/PROFILE/report.html and .pdf
	@$(RUN) -m report.jobs.run --retrain $(STUDY)

release: env ## copy the results of PROFILE, with weights and the PDF, to released/
	@$(RUN) -m report.jobs.release $(call quoted,$(PROFILE))

verify: $(STAMP)-test ## check the release of PROFILE as a reviewer would: files, numbers and samples
	@$(RUN) -m pytest -v tests/golden/test_released.py -k $(call quoted,$(PROFILE))

# The report is built in a clean checkout of the commit, because build/ may contain an edited report. If build/ has none,
# the new one stays there, and its stamps show whether other code has to build it again.
archive: env ## zip the commit and the report of the released PROFILE, built from that commit, for archives such as Zenodo
	@git --git-dir=.git diff --quiet HEAD || { echo "commit all changes first: the archive contains a commit and its report"; exit 1; }
	@commit=$$(git --git-dir=.git rev-parse HEAD) && rm -rf build/archive/clean && mkdir -p build/archive/clean && \
	git --git-dir=.git archive $$commit | tar xC build/archive/clean && cd build/archive/clean && \
	MNIST_DIR="$${MNIST_DIR:-$(CURDIR)/data}" $(abspath $(RUN)) -m report.jobs.run $(PROFILE) && cd build/released/$(PROFILE) && \
	git --git-dir="$(CURDIR)/.git" archive --format=zip -o "$(CURDIR)/build/archive/cold-zoom-diffusion-$(PROFILE).zip" \
	$$(for file in $$(ls *.* figures/* metrics/* notebooks/* | grep -v plan.json); do \
	echo "--prefix=build/released/$(PROFILE)/$$(dirname $$file | sed 's,^[.]$$,,;s,.$$,&/,') --add-file=$$file"; done) --prefix= $$commit
	@report=build/released/$(PROFILE); [ -e $$report ] || { mkdir -p build/released && mv build/archive/clean/$$report $$report; }
	@rm -rf build/archive/clean; echo "Archive ready: build/archive/cold-zoom-diffusion-$(PROFILE).zip (the commit and its report)"

page: env ## build the play page with released models: build/page/cold-zoom.html
	@$(RUN) -m play.page

kernel: $(STAMP)-kernel ## compile the networks of the play page, play/net.c, to play/net.wasm
	@$(RUN) -m play.kernel

pages: env ## execute notebooks 01 to 06, and write their pages to released/page/notebooks
	@$(RUN) -m report.jobs.run paper && rm -rf build/pages && mkdir -p build/pages
	@$(RUN) -m papermill notebooks/05_your_degradation.ipynb build/pages/05_your_degradation.ipynb -p out_dir build/pages
	@$(RUN) -m report.pages.notebooks build/pages/05_*.ipynb $(addprefix build/released/paper/notebooks/,01_*.ipynb 02_*linear-0.ipynb 03_*zoom-0.ipynb 04_*.ipynb 06_*.ipynb)

site: page ## build the site that the Pages workflow publishes: build/site
	@$(RUN) -m report.jobs.run paper && $(RUN) -m report.jobs.run quick
	@$(RUN) -m report.pages.site && $(RUN) -m report.pages.api build/site/api.html

test: $(TESTED) lint ## run lint, the unit and the end-to-end tests
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not long" --durations=10 tests

test-long: $(TESTED) ## run the longest tests and all notebooks: a quarter of an hour
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(WORKERS) -m long --durations=10 tests
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(WORKERS) --dist loadfile --nbval-lax notebooks paper/notebooks

# Restrict the libraries of torch to an instruction set without bf16.
avx2   := ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2
avx512 := ATEN_CPU_CAPABILITY=avx512 ONEDNN_MAX_CPU_ISA=AVX512_CORE MKL_ENABLE_INSTRUCTIONS=AVX512
PROCESSORS ?= avx2 avx512
# The tests whose results depend on how a processor computes.
NUMERICAL := $(patsubst %,tests/%.py,golden/test_doctests golden/test_released golden/test_values robust/test_kills \
  robust/test_without_bf16) $(patsubst %,tests/unit/test_%.py,classifier comparison defaults distances drift evaluator fit \
  measure measuring network notes opening oracles probes processes recogniser same_run sampling statistics)

test-processors: $(TESTED) ## run the numerical tests as on other processors: PROCESSORS="avx2 avx512"
	for kind in $(foreach name,$(PROCESSORS),'$($(name))'); do echo "== $$kind ==" && env $$kind COLD_ZOOM_BF16=0 OMP_NUM_THREADS=1 \
	$(RUN) -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not long and not slow" $(NUMERICAL) || exit 1; done

golden: $(TESTED) ## write the golden values of tests/golden; only cases in CHANGED may change
	cd tests && OMP_NUM_THREADS=1 MPLBACKEND=agg PYTHONPATH=.. $(abspath $(RUN)) -m golden.test_values $(CHANGED)

test-cluster: $(TESTED) ## run the workflow on a real Slurm with one node; needs root, slurm-wlm and munge
	$(RUN) tests/e2e/check_slurm.py

door: env ## run each command of the README as the first one in a fresh clone
	$(RUN) tests/door.py

# The variable keeps pyright from looking for a newer version.
lint: $(STAMP)-test ## run ruff and pyright, check the English, and check that notebooks have no outputs
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(RUN) -m pyright --pythonpath $(RUN)
	$(RUN) tests/prose.py
	@$(RUN) -m nbstripout --keep-id --verify notebooks/*.ipynb paper/notebooks/*.ipynb || { echo "Remove these notebooks' outputs: $(VENV)/bin/nbstripout --keep-id notebooks/*.ipynb paper/notebooks/*.ipynb"; exit 1; }

lab: $(STAMP)-lab ## open copies of the notebooks, in build/lab, in JupyterLab
	@mkdir -p build/lab && for file in notebooks/*.ipynb paper/notebooks/*.ipynb; do copy=build/lab/$${file##*/}; \
	if [ ! -e $$copy ]; then cp $$file $$copy; \
	elif [ $$file -nt $$copy ]; then echo "$$copy is older than $$file; delete it to get the new version"; fi; done
	PYTHONPATH="$(CURDIR)$${PYTHONPATH:+:$$PYTHONPATH}" $(RUN) -m jupyterlab $(LAB) build/lab/00_ten_lines.ipynb

bench: env ## compare the speed with a textbook training loop
	@$(RUN) -m benchmarks.bench $(BENCH)

clean: ## remove the results of all profiles; keeps build/lab and build/notebook (your notebooks), data/ and .venv
	@[ ! -d build ] || find build/ -mindepth 1 -maxdepth 1 ! -name lab ! -name notebook -exec rm -rf {} +

env: $(STAMP)

# Only one make at a time changes the environment: the lock on pyproject.toml ends with the shell that holds it.
# A make that has waited for the lock exits here if the other make has done the work.
ALONE = exec 9< pyproject.toml && $(PYTHON) -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'; \
	if [ -x $(RUN) ] && [ -e $@ ] && [ -z "$$(find $(filter-out FORCE,$^) -newer $@)" ]; then exit 0; fi
PIP = $(RUN) -m pip install $$([ -t 1 ] || echo -q) --disable-pip-version-check --no-compile $(TORCH) -c constraints.txt
# A prerequisite may have a time in the future; the target gets the same time.
DONE = touch $@ && for file in $^; do if [ $$file -nt $@ ]; then touch -r $$file $@; fi; done

# An incomplete environment, or one whose Python is gone, is rebuilt; changed pins are installed into the old one.
$(STAMP): pyproject.toml constraints.txt $(if $(wildcard $(RUN)),,FORCE)
	@command -v $(PYTHON) > /dev/null || { echo "$(PYTHON) not found; install Python 3.11 or newer, or run: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is `$(PYTHON) --version 2>&1`; Python 3.11 or newer is needed, try: make PYTHON=python3.11"; exit 1; }
	@mkdir -p $(VENV) 2> /dev/null && [ -w $(VENV) ] || { echo "cannot write to $(abspath $(VENV)); check the permissions of the folder, or copy the project to a folder of yours"; exit 1; }
	@$(ALONE); \
	if [ -e $(VENV)/making ] || ls $(VENV)/made-* 2> /dev/null | grep -vq '^$@' || [ ! -x $(RUN) ]; then clear=--clear; fi; \
	echo "Building the environment in $(VENV): a few minutes ..."; \
	$(PYTHON) -m venv $$clear $(VENV) || { $(PYTHON) -c 'import ensurepip' 2> /dev/null || \
	echo "Python's venv is missing; on Debian and Ubuntu, install the package python3-venv"; exit 1; }; \
	touch $(VENV)/making && rm -f $@ && $(PIP) -e '.[photographs,workflow]' && rm -f $(VENV)/making && $(DONE)

# Install extras, separated by commas. The package itself is not reinstalled, because it may be running.
$(STAMP)-%: $(STAMP)
	@$(ALONE); echo "Installing into the environment in $(VENV): $* ..."; $(PIP) 'cold-zoom-diffusion[$*]' && $(DONE)
