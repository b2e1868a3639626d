# Millrace: everything is started from here. Needs make and Python 3.11, 3.12 or 3.13.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
# What Airflow sees: the repository, and plugins beside it.
export PYTHONPATH := $(CURDIR):$(CURDIR)/plugins
PYTEST := $(BIN)/python -m pytest
# Processes that run tests side by side, a file in one of them; each may take 2 GB.
JOBS ?= 2

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

setup: ## make .venv with the locked libraries (GPU=1: with CUDA builds)
	@$(PYTHON) infra/setup.py $(if $(GPU),--gpu)

setup-dev:
	@$(PYTHON) infra/setup.py --dev $(if $(GPU),--gpu)

# Names of pipelines, one after another.
PIPELINE ?= fraud_detection

run: setup ## simulate, backfill through Airflow, train, evaluate; PIPELINE=disease_progression ARGS="--port 8090 --exit"
	@$(BIN)/python -m pipelines serve $(PIPELINE) $(ARGS)

run-all: PIPELINE :=
run-all: run ## the same, of every pipeline that has a simulation

# Folder of nafld1.parquet, nafld2.parquet and nafld3.parquet.
NAFLD ?= ../shared/data/nafld

nafld: setup ## cross-validate models of the NAFLD cohort beside a Cox model; NAFLD=folder ARGS="--fold-seed 1 --outcome death"
	@$(BIN)/python docs/examples/nafld/compare.py $(NAFLD) .millrace/nafld $(ARGS)

stop: ## stop what `make run` started, from another terminal
	@$(BIN)/python -m pipelines stop

test: check ## checks and tests that need no GPU, no container and no patience; ARGS="-k store"
	$(PYTEST) -n $(JOBS) --dist loadfile -m "not slow and not gpu and not services" $(ARGS)

# What quick answers leave out is in tests/quick.args.
test-of: setup-dev ## the quick tests of one room, in under 20 s; ROOM=stages/featurize ARGS="-k window"
	@test -n "$(ROOM)" || { echo "Which room? For example: make test-of ROOM=stages/featurize"; exit 2; }
	$(PYTEST) -q -m "not slow and not gpu and not services" @tests/quick.args tests/pipelines/$(ROOM) $(ARGS)

check: setup-dev ## style, format, types, imports between rooms, spelling, retired words
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell
	$(BIN)/python infra/words.py

format: setup-dev ## rewrite the code in the agreed style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test-slow: setup-dev ## the tests that take minutes: end to end, kills, large tables
	$(PYTEST) -m "slow and not gpu and not services and not chaos" $(ARGS)

test-chaos: setup-dev ## kill training hundreds of times: half an hour and more
	$(PYTEST) -m chaos $(ARGS)

test-gpu: setup-dev ## the tests that need an NVIDIA GPU
	$(PYTEST) -m gpu $(ARGS)

test-services: setup-dev ## the stack on PostgreSQL, MLflow and Dask (needs PostgreSQL's server)
	$(PYTEST) -m services $(ARGS)

test-great-expectations: setup-dev ## Great Expectations' own tests, from its source distribution, on our engine
	$(BIN)/python infra/great_expectations_tests.py $(ARGS)

benchmarks: setup-dev ## measure against yardsticks on this machine; ARGS="validate"
	$(BIN)/python -m tests.benchmarks $(ARGS)

COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header pyproject.toml
LOCK_HEADER = printf '\043 Made by `make lock` from pyproject.toml. Do not edit.\n' | cat - $@.staged > $@ && rm $@.staged

lock: setup-dev ## compile pyproject.toml into the lock files; ARGS="--upgrade" takes newer versions
	$(MAKE) --always-make requirements.txt
	$(MAKE) --always-make requirements-dev.txt requirements-gpu.txt

requirements.txt:
	cp $@ $@.staged
	$(COMPILE) --python-version 3.11 -o $@.staged $(ARGS)
	@$(LOCK_HEADER)

requirements-dev.txt:
	cp $@ $@.staged
	$(COMPILE) --python-version 3.11 --group dev -c requirements.txt -o $@.staged $(ARGS)
	@$(LOCK_HEADER)

requirements-gpu.txt:
	cp $@ $@.staged
	$(COMPILE) --python-version 3.12 --extra gpu --group dev -o $@.staged $(ARGS)
	@$(LOCK_HEADER)

clean: ## remove caches and what the runs left; keeps .venv
	rm -rf .millrace .mypy_cache .pytest_cache .ruff_cache .hypothesis mlruns
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.PHONY: help setup setup-dev run run-all nafld stop test test-of check format test-slow test-gpu test-chaos test-services test-great-expectations benchmarks lock clean
