# `make demo` and `make test` do all of their own set-up; a second call costs no second one.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint clean

demo: .venv/.installed  ## Train a network on digits and report where it is redundant.
	@$(BIN)/surfeit demo --out demo

test: .venv/.installed-dev  ## Run the tests.
	@$(BIN)/python -m pytest

lint: .venv/.installed-dev  ## Format, rules, types and the order of the floors.
	@$(BIN)/ruff format --check src tests benchmarks
	@$(BIN)/ruff check src tests benchmarks
	@$(BIN)/pyright
	@$(BIN)/lint-imports

clean:  ## Delete the environment and what the demo wrote.
	@rm -rf .venv demo

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Surfeit needs Python 3.11 or later: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "no venv module: on Debian and Ubuntu install python3-venv"; exit 1; }

.venv/.installed: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing Surfeit and PyTorch into .venv (once; some minutes where PyTorch is fetched)" >&2
	@$(PIP) --editable .
	@touch $@

.venv/.installed-dev: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing Surfeit, PyTorch and the tests' tools into .venv (once)" >&2
	@$(PIP) --editable '.[dev]'
	@touch .venv/.installed $@
