# `make help` lists the targets for readers and authors, `make help-all` those for developers and CI.
# Targets first build the environment, or add to it what they need of the extras of pyproject.toml.

PROFILE  ?= quick
# 1: check all arguments, list the jobs that would run, and run nothing.
DRY      ?=
CORES    ?= all
# A cluster for the jobs, with its settings in profiles/: slurm. Empty: this machine.
EXECUTOR ?=
# Options for JupyterLab, for example --no-browser.
LAB      ?=
# Options for pip to install another build of PyTorch: --extra-index-url and the address of a PyTorch index.
TORCH    ?=
PYTHON   ?= python3
VENV     ?= .venv
# Tests of `make test`, with options of pytest, for example "tests/unit -m quick"; and processes that share them.
TESTS    ?= tests
WORKERS  ?= 2

# All variables of the command line: with examples, as `make help` shows them, and those for developers.
EXAMPLES := PROFILE=quick DRY=1 CORES=n EXECUTOR=slurm LAB=OPTIONS TORCH=OPTIONS PYTHON=python3
ALLOWED := $(foreach example,$(EXAMPLES),$(firstword $(subst =, ,$(example)))) VENV TESTS WORKERS PROCESSORS CHANGED
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
ifneq ($(filter-out $(ALLOWED),$(GIVEN)),)
$(error unknown: $(filter-out $(ALLOWED),$(GIVEN)); allowed: $(ALLOWED))
endif
TARGETS := help report retrain release verify archive page lab test lint clean
TARGETS += help-all env test-long test-processors test-cluster door golden kernel pages site
ifneq ($(filter-out $(TARGETS) env-%,$(MAKECMDGOALS)),)  # before another target runs
$(error no target $(filter-out $(TARGETS) env-%,$(MAKECMDGOALS)); targets: $(TARGETS))
endif
ifneq ($(DRY),)
ifneq ($(filter-out 1,$(DRY))$(filter-out report retrain,$(MAKECMDGOALS)),)
$(error DRY is '$(DRY)'; allowed: DRY=1, with the targets report and retrain)
endif
endif

RUN  := $(VENV)/bin/python
JOBS  = $(if $(DRY),--dry) $(if $(EXECUTOR),--on='$(EXECUTOR)') -- '$(PROFILE)' '$(CORES)'
TEST := OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(WORKERS)
# Environments for jobs on a cluster and for tests.
CLUSTER = $(if $(EXECUTOR),profiles/$(EXECUTOR)/config.yaml $(if $(DRY),,env-slurm))
TESTED := env-browser,lab,slurm,test
# If a container sets this, each job would compile all its imports again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: $(TARGETS)
.DEFAULT_GOAL := help

help: ## list these targets and the profiles
	@echo "make TARGET $(EXAMPLES:%=[%])"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s%s\n", $$1, $$2 }' Makefile
	@echo "profiles:"
	@for file in $(wildcard profiles/*.yaml paper/profiles/*.yaml); do \
	awk -v name="$$(basename $$file .yaml)" 'NR == 1 { printf "  %-17s%s\n", name, substr($$0, 3) }' $$file; done

report: $(CLUSTER) env ## build the report of PROFILE (HTML, PDF) from its released results, or train and measure first
	@$(RUN) -m report.jobs.run $(JOBS)

retrain: $(CLUSTER) env ## train and measure PROFILE even if it is released, and build build/PROFILE/report.html and .pdf
	@$(RUN) -m report.jobs.run --retrain $(JOBS)

release: env ## copy the results of PROFILE, with weights and the PDF, to released/
	@$(RUN) -m report.jobs.release '$(PROFILE)'

verify: released/$(PROFILE)/manifest.json env-test ## check the release of PROFILE as a reviewer would: files, numbers, samples
	@$(RUN) -m pytest -v tests/golden/test_released.py -k '$(PROFILE)'

# The report is built in a clean checkout of the commit, because build/ may contain an edited report.
# If build/ has none, the new one stays there, for example for the site.
BUILT = build/released/$(PROFILE)
ZIP = build/archive/cold-zoom-diffusion-$(PROFILE).zip
archive: released/$(PROFILE)/manifest.json env ## zip the commit and the report built from it, for archives such as Zenodo
	@git --git-dir=.git diff --quiet HEAD || { echo "commit all changes first: the archive contains a commit and its report"; exit 1; }
	@rm -rf build/archive && mkdir -p build/archive/clean
	@git --git-dir=.git archive HEAD | tar xC build/archive/clean
	@cd build/archive/clean && MNIST_DIR="$${MNIST_DIR:-$(CURDIR)/data}" $(abspath $(RUN)) -m report.jobs.run '$(PROFILE)'
	@cd build/archive/clean && ls $(addprefix $(BUILT)/,*.* figures/* metrics/* notebooks/*) | grep -v plan.json | \
	sed 's,\(.*/\).*,--prefix=\1 --add-file=&,' > ../files
	@cd build/archive/clean && git --git-dir='$(CURDIR)/.git' archive --format=zip -o '$(CURDIR)/$(ZIP)' $$(cat ../files) --prefix= HEAD
	@[ -e $(BUILT) ] || { mkdir -p build/released && mv build/archive/clean/$(BUILT) $(BUILT); }
	@rm -rf build/archive/clean build/archive/files
	@echo "Archive ready: $(ZIP) (the commit and its report)"

page: env ## build the play page with released models, and the page of these models, in build/page
	@$(RUN) -m play.page && $(RUN) -m report.pages.cards build/page/models.html

lab: env-lab ## open copies of the notebooks, in build/lab, in JupyterLab
	@mkdir -p build/lab && for file in notebooks/*.ipynb paper/notebooks/*.ipynb; do copy=build/lab/$${file##*/}; \
	if [ ! -e $$copy ]; then cp $$file $$copy; \
	elif [ $$file -nt $$copy ]; then echo "$$copy is older than $$file; delete it to get the new version"; fi; done
	PYTHONPATH="$(CURDIR)$${PYTHONPATH:+:$$PYTHONPATH}" $(RUN) -m jupyterlab $(LAB) build/lab/00_ten_lines.ipynb

test: $(TESTED) lint ## run lint, the unit and the end-to-end tests
	$(TEST) --dist loadfile --no-loadscope-reorder -m "not long" --durations=10 $(TESTS)

lint: env-test ## run ruff and pyright, check the English, and check that notebooks have no outputs
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(RUN) -m pyright --pythonpath $(RUN)
	$(RUN) tests/prose.py
	@$(RUN) -m nbstripout --keep-id --verify notebooks/*.ipynb paper/notebooks/*.ipynb || { echo "Remove these notebooks' outputs: $(VENV)/bin/nbstripout --keep-id notebooks/*.ipynb paper/notebooks/*.ipynb"; exit 1; }

clean: ## remove the results of all profiles; keeps build/lab and build/notebook (your notebooks), data/ and .venv
	@[ ! -d build ] || find build/ -mindepth 1 -maxdepth 1 ! -name lab ! -name notebook -exec rm -rf {} +

# --- for developers and CI ---

help-all: help # list all targets
	@echo "for developers and CI:"
	@awk -F ':.*[^#]# ' '/^[a-z-]+:.*[^#]# / { printf "  %-17s%s\n", $$1, $$2 }' Makefile

env: # build or update the environment
	@$(PYTHON) environment.py $(VENV) photographs,workflow $(TORCH)

# For example env-lab,slurm: the environment with these extras, too.
env-%:
	@$(PYTHON) environment.py $(VENV) photographs,workflow,$* $(TORCH)

test-long: $(TESTED) # run the longest tests and all notebooks: a quarter of an hour
	$(TEST) -m long --durations=10 tests
	$(TEST) --dist loadfile --nbval-lax notebooks paper/notebooks

# Restrict the libraries of torch to an instruction set without bf16.
avx2   := ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2
avx512 := ATEN_CPU_CAPABILITY=avx512 ONEDNN_MAX_CPU_ISA=AVX512_CORE MKL_ENABLE_INSTRUCTIONS=AVX512
PROCESSORS ?= avx2 avx512
# The tests whose results depend on how a processor computes.
NUMERICAL := golden/test_doctests golden/test_released golden/test_values robust/test_kills robust/test_without_bf16
NUMERICAL += $(addprefix unit/test_,arguments classifier comparison distances drift evaluator fit measure \
  network opening oracles probes processes recogniser same_run sampling statistics)

test-processors: $(TESTED) # run the numerical tests as on other processors: PROCESSORS="avx2 avx512"
	for settings in $(foreach name,$(PROCESSORS),'$($(name))'); do echo "== $$settings ==" && env $$settings COLD_ZOOM_BF16=0 \
	$(TEST) -q --dist loadfile --no-loadscope-reorder -m "not long and not slow" $(NUMERICAL:%=tests/%.py) || exit 1; done

test-cluster: $(TESTED) # run the workflow on a real Slurm with one node; needs root, slurm-wlm and munge
	$(RUN) tests/e2e/check_slurm.py

door: env # run each command of the README as the first one in a fresh clone
	$(RUN) tests/door.py

golden: $(TESTED) # write the golden values of tests/golden; only cases in CHANGED may change
	OMP_NUM_THREADS=1 MPLBACKEND=agg PYTHONPATH=tests:. $(RUN) -m golden.test_values $(CHANGED)

kernel: env-kernel # compile the networks of the play page, play/net.c, to play/net.wasm
	@$(RUN) -m play.kernel

pages: env # write the table of released models, execute notebooks 00 to 06, and write their pages
	@$(RUN) -m report.pages.cards build/page/models.html
	@$(RUN) -m report.jobs.run paper && rm -rf build/pages && mkdir -p build/pages
	@$(RUN) -m papermill notebooks/00_ten_lines.ipynb build/pages/00_ten_lines.ipynb
	@for name in 02_train_ddpm-linear-0 03_train_zoom-zoom-0 05_your_degradation; do \
	$(RUN) -m papermill notebooks/$${name%%-*}.ipynb build/pages/$$name.ipynb -p out_dir build/pages || exit 1; done
	@$(RUN) -m report.pages.notebooks build/pages/*.ipynb $(addprefix build/released/paper/notebooks/,01_*.ipynb 04_*.ipynb 06_*.ipynb)

# Files keep their paths from the checkout, so links between pages work on the site as well.
REPORT := *.html *.pdf *.csv numbers.json ledger.json figures/* metrics/* kept/* notebooks/*.html
PUBLISHED := $(addprefix build/quick/,$(REPORT)) $(addprefix build/released/paper/,$(REPORT)) build/page/* \
  released/page/notebooks/* released/*/metrics/* released/paper/report.pdf docs/images/unfold.gif README.md

site: page env-site # build the site that the Pages workflow publishes: build/site
	@$(RUN) -m report.jobs.run paper && $(RUN) -m report.jobs.run quick
	@rm -rf build/site && mkdir -p build/site && cp docs/site.html build/site/index.html
	@ls -d $(PUBLISHED) 2> /dev/null | tar cT - | tar xC build/site
	@$(RUN) -m pdoc --docformat google --no-search --no-show-source -t report/pages/templates/api -o build/site/api diffusion
	@echo "Site ready: build/site (play page, paper, quick report, notebooks, API reference)"
