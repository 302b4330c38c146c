# `make help` lists what there is. Every target but help and clean makes the environment first, if it is not
# there or its pins changed, and adds the extras of pyproject.toml that it needs.

PROFILE ?= quick
PYTHON  ?= python3
CORES   ?= all
# A cluster that runs the jobs, of those in profiles/: slurm. None: this machine.
EXECUTOR ?=
# DRY=1 with report or retrain: check all arguments and list the jobs that would run; run nothing.
DRY     ?=
# Processes that share the tests.
WORKERS ?= 2
VENV    ?= .venv
# Options of pip, for a build of PyTorch: --extra-index-url and the address of one of PyTorch's own indexes.
TORCH   ?=
# Options of JupyterLab, for example --no-browser.
LAB     ?=
# Options of the benchmarks, for example --quick.
BENCH   ?=
# With mutants: the file that is changed, the tests that should notice, and how many changes are tried, or all.
FILE    ?= diffusion/processes/schedules.py
TESTS   ?= tests/unit tests/golden
SAMPLE  ?= 60

RUN := $(VENV)/bin/python
# Where a container keeps Python from writing bytecode, each job would compile all that it imports.
ifdef PYTHONDONTWRITEBYTECODE
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX ?= $(abspath $(VENV))/bytecode
endif
# A value as one word of the shell, whatever is in it.
quoted = '$(subst ','\'',$(1))'
STUDY = $(if $(DRY),--dry) $(if $(EXECUTOR),--on=$(call quoted,$(EXECUTOR))) -- $(call quoted,$(PROFILE)) $(call quoted,$(CORES))
# Named after the project's folder and the Python: of a moved or another one, the environment is made anew.
STAMP := $(VENV)/made-$(shell { pwd; $(PYTHON) -c 'import sys; print(sys.version_info[:2])'; } 2>&1 | cksum | cut -d' ' -f1)

# The extras that tests need, beside `workflow`. CI also compiles the page's kernel and compares.
comma := ,
TESTED := $(STAMP)-browser,$(if $(CI),kernel$(comma))lab,slurm,tensorboard,test
CLUSTER := $(if $(DRY),,$(if $(EXECUTOR),$(STAMP)-slurm))
RELEASED = $(filter $(basename $(notdir $(wildcard profiles/*.yaml paper/profiles/*.yaml))),$(patsubst released/%/manifest.json,%,$(wildcard released/*/manifest.json)))
ifneq ($(filter verify archive,$(MAKECMDGOALS)),)
$(if $(filter $(RELEASED),$(PROFILE)),,$(error there is no release of $(PROFILE); released are: $(RELEASED)))
endif
EXECUTORS := $(patsubst profiles/%/config.yaml,%,$(wildcard profiles/*/config.yaml))
ifneq ($(filter-out $(EXECUTORS),$(EXECUTOR)),)
$(error EXECUTOR=$(EXECUTOR) is not known; there are: $(EXECUTORS))
endif
$(foreach name,profile Profile cores Cores executor Executor dry Dry workers Workers,$(if $(findstring command,$(origin $(name))),$(error \
  $(name)=$($(name)) has no effect: variables are written in capitals, as in PROFILE=quick)))

.PHONY: help report retrain release verify archive page kernel pages site test test-long test-processors test-cluster golden mutants door lint lab bench clean env FORCE
.DEFAULT_GOAL := help

help: ## list the targets
	@echo "make TARGET [PROFILE=quick] [DRY=1] [CORES=n] [EXECUTOR=slurm] [WORKERS=n] [TORCH=OPTIONS]"
	@echo "            [LAB=OPTIONS] [BENCH=OPTIONS] [PYTHON=python3] [VENV=.venv]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s%s\n", $$1, $$2 }' Makefile
	@echo "profiles:"
	@for file in profiles/*.yaml paper/profiles/*.yaml; do [ ! -f "$$file" ] || \
	awk 'FNR == 1 { name = FILENAME; gsub(".*/|[.]yaml", "", name); printf "  %-17s%s\n", name, substr($$0, 3) }' $$file; done

report: env $(CLUSTER) ## the report of PROFILE, as HTML and PDF: of its released results, or else by running the study
	@$(RUN) -m report.jobs.run $(STUDY)

retrain: env $(CLUSTER) ## run the study at PROFILE in any case, and leave build/PROFILE/report.html and report.pdf
	@$(RUN) -m report.jobs.run --retrain $(STUDY)

release: env ## keep the results of PROFILE, with weights and the PDF, under released/
	@$(RUN) -m report.jobs.release $(call quoted,$(PROFILE))

verify: $(STAMP)-test ## check the released PROFILE as a reviewer would: files, numbers and samples
	@$(RUN) -m pytest -v tests/golden/test_released.py -k $(call quoted,$(PROFILE))

# The report is built here from a clean checkout of the commit, so that nothing in build/ gets into the archive.
archive: env ## one zip of the commit and the report of the released PROFILE, built from that commit, for Zenodo and the like
	@git --git-dir=.git diff --quiet HEAD || { echo "commit all changes first: the archive is made of a commit"; exit 1; }
	@commit=$$(git --git-dir=.git rev-parse HEAD) && rm -rf build/archive/clean && mkdir -p build/archive/clean && \
	git --git-dir=.git archive $$commit | tar xC build/archive/clean && cd build/archive/clean && \
	MNIST_DIR="$${MNIST_DIR:-$(CURDIR)/data}" $(abspath $(RUN)) -m report.jobs.run $(PROFILE) && cd build/released/$(PROFILE) && \
	git --git-dir="$(CURDIR)/.git" archive --format=zip -o "$(CURDIR)/build/archive/cold-zoom-diffusion-$(PROFILE).zip" \
	$$(for file in $$(ls *.* figures/* metrics/* notebooks/* | grep -v plan.json); do \
	echo "--prefix=build/released/$(PROFILE)/$$(dirname $$file | sed 's,^[.]$$,,;s,.$$,&/,') --add-file=$$file"; done) --prefix= $$commit
	@rm -rf build/archive/clean; echo "build/archive/cold-zoom-diffusion-$(PROFILE).zip contains the commit and its report"

page: env ## the page in which one paints a digit, of the released trainings: build/page/cold-zoom.html
	@$(RUN) -m play.page

kernel: $(STAMP)-kernel ## compile the networks of that page, play/net.c, to play/net.wasm
	@$(RUN) -m play.kernel

pages: env ## execute notebooks 01 to 06, and keep their pages in released/page/notebooks
	@$(RUN) -m report.jobs.run paper && mkdir -p build/pages
	@$(RUN) -m papermill notebooks/05_your_degradation.ipynb build/pages/05_your_degradation.ipynb -p out_dir build/pages
	@$(RUN) -m report.pages.notebooks build/pages/05_*.ipynb $(addprefix build/released/paper/notebooks/,01_*.ipynb 02_*linear-0.ipynb 03_*zoom-0.ipynb 04_*.ipynb 06_*.ipynb)

site: page ## what the Pages workflow publishes: build/site
	@$(RUN) -m report.jobs.run paper && $(RUN) -m report.jobs.run quick
	@$(RUN) -m report.pages.site && $(RUN) -m report.pages.api build/site/api.html

test: $(TESTED) lint ## lint, unit and end-to-end tests, the notebooks
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not long" --nbval-lax tests paper/notebooks/09_level.ipynb

test-long: $(TESTED) ## the longest tests and all notebooks: eight minutes
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(WORKERS) -m long tests
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(WORKERS) --dist loadfile --nbval-lax notebooks paper/notebooks

# Instruction sets that the libraries of torch are told to keep to, without bf16.
avx2   := ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2
avx512 := ATEN_CPU_CAPABILITY=avx512 ONEDNN_MAX_CPU_ISA=AVX512_CORE MKL_ENABLE_INSTRUCTIONS=AVX512
PROCESSORS ?= avx2 avx512

test-processors: $(TESTED) ## unit, golden and robust tests, as on processors of other kinds: PROCESSORS="avx2 avx512"
	for kind in $(foreach one,$(PROCESSORS),'$($(one))'); do echo "== $$kind ==" && env $$kind COLD_ZOOM_BF16=0 OMP_NUM_THREADS=1 \
	$(RUN) -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not long and not slow" tests/golden tests/robust tests/unit || exit 1; done

golden: $(TESTED) ## write the golden values of tests/golden; refuse changes, but of the cases in CHANGED
	cd tests && OMP_NUM_THREADS=1 MPLBACKEND=agg PYTHONPATH=.. $(abspath $(RUN)) -m golden.test_values $(CHANGED)

test-cluster: $(TESTED) ## the workflow on a real Slurm of one node; needs root, slurm-wlm and munge
	$(RUN) tests/e2e/check_slurm.py

mutants: $(TESTED),mutants ## make small mistakes in FILE, one by one, and name those that TESTS do not notice
	@$(RUN) tests/mutants.py $(call quoted,$(FILE)) $(call quoted,$(TESTS)) $(SAMPLE) $(WORKERS)

door: env ## README's commands, each the first one in a fresh clone
	$(RUN) tests/door.py

# Unless it is told not to, pyright asks whether there is a newer one.
lint: $(STAMP)-test ## ruff, pyright, the project's English, and notebooks without outputs
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(RUN) -m pyright --pythonpath $(RUN)
	$(RUN) tests/prose.py
	@$(RUN) -m nbstripout --keep-id --verify notebooks/*.ipynb paper/notebooks/*.ipynb || { echo "Remove these notebooks' outputs: $(VENV)/bin/nbstripout --keep-id notebooks/*.ipynb paper/notebooks/*.ipynb"; exit 1; }

lab: $(STAMP)-lab ## open copies of the notebooks, in build/lab, in JupyterLab
	@mkdir -p build/lab && for file in notebooks/*.ipynb paper/notebooks/*.ipynb; do copy=build/lab/$${file##*/}; \
	if [ ! -e $$copy ]; then cp $$file $$copy; \
	elif [ $$file -nt $$copy ]; then echo "$$copy is older than $$file; delete it to get the new one"; fi; done
	PYTHONPATH="$(CURDIR)$${PYTHONPATH:+:$$PYTHONPATH}" $(RUN) -m jupyterlab $(LAB) build/lab/01_schedules.ipynb

bench: env ## measure the speed against a textbook loop
	@$(RUN) -m benchmarks.bench $(BENCH)

clean: ## remove the results of all profiles; your notebooks and their results (build/lab, build/notebook), data/ and .venv stay
	@[ ! -d build ] || find build/ -mindepth 1 -maxdepth 1 ! -name lab ! -name notebook -exec rm -rf {} +

env: $(STAMP)

# One make at a time works on it: the lock on pyproject.toml goes with the shell that holds it, and what another make
# has just done is not done again.
ALONE = exec 9< pyproject.toml && $(PYTHON) -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'; \
	if [ -x $(RUN) ] && [ -e $@ ] && [ -z "$$(find $(filter-out FORCE,$^) -newer $@)" ]; then exit 0; fi
PIP = $(RUN) -m pip install $$([ -t 1 ] || echo -q) --disable-pip-version-check --no-compile $(TORCH) -c constraints.txt
# The time of what it was made from may lie in the future.
DONE = touch $@ && for one in $^; do if [ $$one -nt $@ ]; then touch -r $$one $@; fi; done

# An environment that was left half made, or whose Python is gone, is made anew; changed pins are installed on top.
$(STAMP): pyproject.toml constraints.txt $(if $(wildcard $(RUN)),,FORCE)
	@command -v $(PYTHON) > /dev/null || { echo "$(PYTHON) is not there; install Python 3.11 or newer, or: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, and $(PYTHON) is `$(PYTHON) --version 2>&1`; try: make PYTHON=python3.11"; exit 1; }
	@$(ALONE); \
	if [ -e $(VENV)/making ] || ls $(VENV)/made-* 2> /dev/null | grep -vq '^$@' || [ ! -x $(RUN) ]; then clear=--clear; fi; \
	echo "Making the environment in $(VENV): a few minutes ..."; \
	$(PYTHON) -m venv $$clear $(VENV) || { $(PYTHON) -c 'import ensurepip' 2> /dev/null || \
	echo "Install venv: on Debian and Ubuntu, the package python3-venv."; exit 1; }; \
	touch $(VENV)/making && rm -f $@ && $(PIP) -e '.[workflow]' && rm -f $(VENV)/making && $(DONE)

# Extras, separated by commas, on top. The package itself stays as it is: it may be running.
$(STAMP)-%: $(STAMP)
	@$(ALONE); echo "Adding to the environment in $(VENV): $* ..."; $(PIP) 'cold-zoom-diffusion[$*]' && $(DONE)
