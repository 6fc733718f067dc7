# Everything creates what it needs. PYTHON may name another interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help setup chat test lint format bench clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Isthmus needs Python 3.11 or newer; set PYTHON=…")'
	$(PYTHON) -m venv $(VENV)

# First what hashes.txt has a hash of; then PyTorch, for which each index has a build of its own, and Isthmus itself.
$(VENV)/.ready: $(VENV)/bin/python pyproject.toml constraints.txt hashes.txt
	@echo "Installing packages (once, a few minutes) …"
	$(PIP) install --quiet --progress-bar on --require-hashes --no-deps --requirement hashes.txt
	$(PIP) install --quiet --progress-bar on --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

setup: $(VENV)/.ready ## create .venv and fetch the models
	$(BIN)/isthmus fetch

chat: setup ## open the chat in the browser (http://127.0.0.1:7860)
	$(BIN)/isthmus page

test: setup $(VENV)/.ready-dev ## run every test this machine can, in two processes
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: $(VENV)/.ready-dev ## check style, types, the direction of imports, the Dockerfile, and the packages and their licences
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/python docs/audit.py

format: $(VENV)/.ready-dev ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup $(VENV)/.ready-dev ## measure answers and latency (an hour or more)
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m benchmarks.answers

clean: ## remove the environment
	rm -rf $(VENV)
