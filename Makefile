# Simpool: one-word commands. `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# mypy checks one handler folder at a time: their names are routes, not Python packages.
HANDLERS = $(wildcard supabase/functions/*/index.py)
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-emit-package simpool --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help demo up test test-python test-sql test-system test-container lint type fmt bench docs lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

$(VENV)/.runtime: requirements/local.txt pyproject.toml
	@echo "setting up $(VENV) (first time: about a minute)"
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV) || \
	  { echo "$(PYTHON) cannot make a virtual environment: install python3-venv, or set PYTHON=" >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/local.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "installing the development tools"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(VENV)/.runtime ## run the whole pool on this machine once, and check its result
	@$(BIN)/python -m local demo

up: $(VENV)/.runtime ## start the local stand-in for Supabase and leave it running
	@$(BIN)/python -m local up

test: lint type test-python test-sql ## everything that must pass

test-python: $(VENV)/.dev ## the Python tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup

test-sql: $(VENV)/.dev ## pgTAP on Debian's Postgres with real pg_cron
	$(BIN)/python -m tests.pgtap

test-system: $(VENV)/.dev ## the database tests on Debian's Postgres with real pg_cron
	SIMPOOL_TEST_DATABASE=system $(BIN)/python -m pytest -n 2 --dist loadgroup tests/db

test-container: $(VENV)/.dev ## the database tests in a container
	SIMPOOL_TEST_DATABASE=container $(BIN)/python -m pytest tests/db

lint: $(VENV)/.dev ## ruff, import-linter and sqlfluff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar supabase/migrations sql_tests local

type: $(VENV)/.dev ## mypy, strict, on source and tests
	$(BIN)/mypy
	@for handler in $(HANDLERS); do $(BIN)/mypy $$handler || exit 1; done

fmt: $(VENV)/.dev ## format Python and SQL
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar supabase/migrations sql_tests local

bench: $(VENV)/.dev ## run every benchmark
	@status=0; for script in benchmarks/*.py; do \
	  echo "== $$script"; PYTHONPATH=. $(BIN)/python $$script || status=1; done; exit $$status

docs: $(VENV)/.dev ## write the JSON Schemas and the reference of the engine's documents anew
	$(BIN)/python -m node.engine.publish

lock: $(VENV)/.dev ## pin the dependencies again, with hashes
	$(LOCK) pyproject.toml -o requirements/node.txt
	$(LOCK) pyproject.toml --extra local -o requirements/local.txt
	$(LOCK) pyproject.toml --extra local --extra dev -o requirements/dev.txt
	$(LOCK) supabase/functions/requirements.in -c requirements/local.txt -o requirements/functions.txt

clean: ## remove what the commands above have made
	rm -rf $(VENV) .local .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist
