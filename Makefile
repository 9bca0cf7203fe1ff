# `make demo` and `make test` do all of their own set-up; a second call costs no second one.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
STATIC := src/surfeit/viewer/static
WEB := $(shell find web \( -name node_modules -o -name tests -o -name __pycache__ \) -prune -o -type f -print)

.PHONY: demo test lint clean
.NOTPARALLEL:

demo: .venv/.installed $(STATIC)/stamp  ## Train a network on digits and report where it is redundant.
	@$(BIN)/surfeit demo --out demo

test: export SURFEIT_REQUIRE_VIEWER = 1
test: .venv/.installed-dev $(STATIC)/stamp  ## Run the tests of the viewer and of all the rest.
	@$(BIN)/python web/building.py test
	@$(BIN)/python -m pytest

lint: .venv/.installed-dev  ## Format, rules, types and the order of the floors.
	@$(BIN)/ruff format --check src tests benchmarks web/building.py hatch_build.py
	@$(BIN)/ruff check src tests benchmarks web/building.py hatch_build.py
	@$(BIN)/pyright
	@$(BIN)/lint-imports
	@$(BIN)/python web/building.py run check

clean:  ## Delete the environment, the built viewer and what the demo wrote.
	@rm -rf .venv demo web/node_modules $(STATIC)

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

# The installation builds the viewer too; this is for what has changed in web/ since. Only the tests
# insist on it: without the viewer everything else works.
$(STATIC)/stamp: $(WEB) | .venv/.installed
	@echo "Building the viewer" >&2
	@$(BIN)/python web/building.py 2>/dev/null || $(PIP) --no-deps --editable .
	@test ! -f $(STATIC)/failure.txt || { echo "The viewer was not built:"; cat $(STATIC)/failure.txt; } >&2
