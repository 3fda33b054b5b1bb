# `make` alone lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
# Processes of the tests, each with servers of its own: about 2 GB of memory for one.
WORKERS ?= 2
KILLS ?= 200
SEED ?= 1

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

# Two stamps: what the product needs, and what its development needs on top.
$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "groupement needs Python 3.11 or later; name one with make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "no venv module: on Debian, apt-get install python3-venv"; exit 1; }
	@echo "installing into $(VENV) (up to 1.4 GB, once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/installed-dev: requirements-dev.lock $(VENV)/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

install: $(VENV)/installed ## make .venv with the command `groupement` in it

install-dev: $(VENV)/installed-dev ## the same with what tests, lint and types need

demo: install ## a generated purchasing network, its figures, and a running service
	@$(BIN)/groupement demo $(ARGS)

full: install ## broker, databases and every process on this machine; DEMO=1 fills it, PORT=9000 puts it elsewhere
	@$(BIN)/python infra/local/needs.py full
	@exec $(BIN)/groupement full --port $(PORT) $(if $(DEMO),--demo) $(ARGS)

test: install-dev ## everything, with what it needs installed first
	@$(BIN)/python infra/local/needs.py
	@$(BIN)/python -m pytest tests -n $(WORKERS) --dist loadfile

test-embedded: install-dev ## the tests that need nothing but Python
	@$(BIN)/python -m pytest tests -n $(WORKERS) --dist loadfile -m "not browser and not postgres and not full and not promtool"

lint: install-dev ## style, and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: install-dev ## mypy, strict
	@$(BIN)/mypy

contracts: install-dev ## generate contracts/ from the events and the API; refuses a breaking change
	@$(BIN)/python -m services.publish

# A container's process is not the owner of a file that is mounted into it; nobody else on this machine may enter the folder.
secrets: ## passwords for the containers in secrets/, those that are missing
	@mkdir -p -m 0700 secrets
	@for name in postgres_password postgres_finance_password clickhouse_projector_password clickhouse_finance_password grafana_admin_password; do \
		test -s secrets/$$name || $(PYTHON) -c 'import secrets; print(secrets.token_hex(24), end="")' > secrets/$$name; \
		chmod 0644 secrets/$$name; done

bench: install-dev ## measure speed as ratios and write docs/benchmarks.md
	@$(BIN)/python -m tests.bench $(ARGS)

chaos: install-dev ## kill, hang, cut, fill up and delete under load, compare every cent, and write docs/chaos.md (KILLS=200 SEED=1)
	@$(BIN)/python infra/local/needs.py
	@$(BIN)/python -m tests.faults --kills $(KILLS) --seed $(SEED)

lock: ## renew the hashed locks (needs uv)
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group build pyproject.toml -o requirements.lock
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group build --group dev pyproject.toml -o requirements-dev.lock

clean: ## remove .venv and what tools left behind
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

.PHONY: help install install-dev demo full test test-embedded lint types contracts secrets bench chaos lock clean
