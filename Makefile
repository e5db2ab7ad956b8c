# make demo: the whole system, embedded, no Docker.  make test: all tests.  Both install by themselves.
# Needs: make and Python 3.11 or newer (PYTHON=python3.12 make test takes another one).

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo up test check format bench pins clean

help:  ## what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

install: $(STAMP)  ## everything into .venv

$(STAMP): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing into $(VENV), about half a minute the first time ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: $(STAMP)  ## East Kalimantan's November 2024, replayed on the whole system
	@exec $(BIN)/desk demo

up: $(STAMP)  ## the whole system in the foreground, to try with curl
	@exec $(BIN)/desk up

test: $(STAMP)  ## all tests, on a real broker and a real database
	@$(BIN)/python -m pytest $(TESTS)

check: $(STAMP)  ## format, lint, types, import contracts, Dockerfile and compose file
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/hadolint deploy/Dockerfile
	@$(BIN)/compose-lint check --quiet --skip-suppressed --fail-on low docker-compose.yml >/dev/null || \
		$(BIN)/compose-lint check --skip-suppressed --fail-on low docker-compose.yml
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>&1 | tail -25 | grep -v '^$$'; $(BIN)/lint-imports --no-logo >/dev/null

format: $(STAMP)  ## put the code into the house's form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.bench  ## speed beside limits and peers, e.g. make bench PATHS="intake batch" MODE=full MINUTES=30
	@$(BIN)/python -m benchmarks $(PATHS) --mode $(or $(MODE),quick) $(if $(MINUTES),--minutes $(MINUTES))

$(VENV)/.bench: $(STAMP) requirements/bench.txt requirements/peers.txt
	@echo "Installing what the benchmarks need, and the peers into $(VENV)/peers ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@test -x $(VENV)/peers/bin/python || $(PYTHON) -m venv $(VENV)/peers
	@$(VENV)/peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/peers.txt
	@touch $@

pins: ## pin the newest versions with hashes (needs uv)
	@for f in runtime dev bench peers; do uv pip compile --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --quiet --upgrade requirements/$$f.in -o requirements/$$f.txt; done

clean: ## remove what make and the demo have made
	@rm -rf $(VENV) .data .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
