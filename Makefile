.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The rooms below a climb: what is run after every change. `make test` runs all.
CORE := tests/test_project.py $(addprefix tests/,task scorers evidence economics knowledge solver \
	tuning measure diagnose decide)
EDGES := tests/serve tests/traffic tests/ui tests/exporting tests/shipping
DEMO := examples/aarlund/handbook-desk
# Compiled once: four processes collect the tests.
export PYTHONDONTWRITEBYTECODE :=

help: ## What the verbs do
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/installed: pyproject.toml constraints.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q torch==2.13.0
	$(BIN)/pip install -q -c constraints.txt -e '.[local,docs,code,parquet,xlsx,serve,pgvector,qdrant,otel,mlflow,ui,vertex,mcp]'
	@touch $@

$(VENV)/developing: $(VENV)/installed
	$(BIN)/pip install -q -c constraints.txt $$($(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"])')
	@touch $@

install: $(VENV)/installed ## Install into .venv, embedded models included
	$(BIN)/rung models fetch

demo: install ## Install, then climb the ladder on a shipped example
	$(BIN)/rung climb $(DEMO)

test: $(VENV)/developing install ## Tests, the real embedded models included
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest -m 'not slow' -n 2 --durations 20
	$(BIN)/pytest -m slow -n 2 --dist loadfile --no-loadscope-reorder --durations 20 $(addprefix --ignore=,$(EDGES))

test-edges: $(VENV)/developing install ## The slow tests of server, pages and exports: clients, browsers, kill -9
	$(BIN)/pytest -m slow -n 2 --dist loadfile --no-loadscope-reorder $(EDGES)

test-fast: $(VENV)/developing ## The quick tests of the rooms below a climb: no model, no server
	HYPOTHESIS_PROFILE=fast $(BIN)/pytest -m 'not slow and not lengthy' -n 2 $(CORE)

check: types style ## Format, lint, types, layers, generated docs

style: $(VENV)/developing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

types: $(VENV)/developing
	$(BIN)/mypy

fix: $(VENV)/developing ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/developing ## Write the generated docs anew
	$(BIN)/python docs/generate.py

bench: $(VENV)/developing install ## Engine against plain transformers, decisions against their design, server against LiteLLM
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/decision.py
	test -x .venv-litellm/bin/litellm || ($(PYTHON) -m venv .venv-litellm && .venv-litellm/bin/pip install -q 'litellm[proxy]==1.106.2')
	$(BIN)/python benchmarks/serving.py overhead --litellm .venv-litellm/bin/litellm

.PHONY: help install demo test test-edges test-fast check style types fix docs bench
