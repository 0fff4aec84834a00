# The targets that people and CI call. `make help` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Tests run side by side in as many processes, each with clouds and brokers of its own (tests/conftest.py); in their own
# order, so that what starts environments begins at once and small files fill the end.
WORKERS ?= 2
# The product's own messages stay on the screen; pip's are only of interest when it fails.
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup demo test chaos fuzz lint format resilience bench docs clean

help:  ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) found: install Python 3.11 or newer, or run make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	@echo "==> Python environment in $(VENV) (about 900 MB, one to two minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --progress-bar off --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

setup: $(STAMP)  ## Install everything: venv, Pulumi CLI, JRE, Kafka jars, class-data archives (cached)
	@$(BIN)/ephk setup

demo: setup  ## The main job: up, verify, produce and consume, down, receipt, scorecard
	@$(BIN)/ephk run examples/orders.yaml -- $(BIN)/python examples/orders_smoke.py

test: setup  ## All tests, with the coverage floor
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder --cov --cov-report=term:skip-covered

RUNS ?= 100
SEED ?= 1
chaos: setup  ## Kill commands, engine, plugin and reaper at random moments; RUNS=100 SEED=1; leaks must be 0
	@$(BIN)/python -m tests.chaos --runs $(RUNS) --seed $(SEED)

lint: $(STAMP)  ## Ruff (with docstring rules), formatting, mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(STAMP)  ## Let ruff fix and format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

resilience: setup  ## The production layer: reboot, kill and move brokers under load (two minutes)
	@$(BIN)/ephk up --name resilience
	@$(BIN)/ephk verify resilience --layer production; status=$$?; $(BIN)/ephk down resilience && exit $$status

bench: setup  ## Compare ephk with bare brokers, in one run
	@$(BIN)/python -m tests.bench

docs: $(STAMP)  ## Write docs/contracts.md and the JSON Schemas anew from the code
	@$(BIN)/python -m orchestrator.reports.published .
fuzz: $(STAMP)  ## 10,000 malformed requests, policies and tokens against the gateway, in process
	@EPHK_FUZZ_EXAMPLES=1430 $(BIN)/python -m pytest -q -p no:cacheprovider tests/unit/gateway/test_gateway_fuzz_*.py

clean:  ## Remove the venv and build products (caches under $XDG_CACHE_HOME/ephk stay)
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
