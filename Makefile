.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2
PYTEST := $(BIN)/pytest --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	@echo "Installing into .venv: about 240 MB to download and 830 MB on disk, a minute or two on a fast line ..."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@du -sm .venv | awk '{print "Installed: .venv has " $$1 " MB."}'
	touch .venv/ready

.PHONY: help setup run test test-all test-long check docs bench bench-peers bench-growth bench-latency bench-ingest chaos outage communes lock

help: ## Show what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: .venv/ready ## Install everything that the wheels bring, into .venv

run: .venv/ready ## Run the whole backbone here, with carriers that report; Ctrl-C ends it
	$(BIN)/buuta demo

test: .venv/ready ## Test all that needs only the wheels
	$(PYTEST) -m "not java and not java21 and not browser and not slow and not long"

test-all: .venv/ready ## Test all that CI tests; what needs a missing tool is skipped with its reason
	$(PYTEST) -m "not long"

test-long: .venv/ready ## Test what takes minutes each, too
	$(BIN)/pytest -m long

check: .venv/ready ## Lint, types, arrows between packages, schema compatibility
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.licences
	$(BIN)/pytest -q tests/unit/test_schemas.py

docs: .venv/ready ## Write docs/carriers/ from the recipes
	for format in $$(ls -d services/ingest/carriers/*/recipe.toml | cut -d/ -f4); do \
	  $(BIN)/buuta carrier doc $$format > docs/carriers/$$format.md; done

bench: .venv/ready ## Measure against raw COPY and usual Faust, on Apache Kafka (needs Java and Maven)
	$(BIN)/python -m benchmarks

bench-peers: .venv/ready ## The same, and Quix Streams and Kafka Streams beside it
	$(BIN)/python -m benchmarks --peers

bench-growth: .venv/ready ## Measure what a scan costs on 10^5, 10^6 and 10^7 parcels (needs 40 GB of disk)
	$(BIN)/python -m benchmarks.growth

bench-latency: .venv/ready ## Measure the way from the batch door to the sink, and how long failures last
	$(BIN)/python -m benchmarks.latency

bench-ingest: .venv/ready ## Measure ingest on one core against a bare endpoint of the same framework
	$(BIN)/python -m benchmarks.ingest

ROUNDS ?= 10
chaos: .venv/ready ## Kill, freeze and cut off under load, ROUNDS=n times (docs/chaos.md); an outage; hostile bodies
	$(BIN)/python -m tests.chaos --rounds $(ROUNDS)
	$(BIN)/python -m tests.chaos.outage --seconds 60
	$(BIN)/python -m tests.chaos.hostile --count 10000

outage: .venv/ready ## Kafka is away for an hour at 500 reports a second, and ingest is killed twice
	$(BIN)/python -m tests.chaos.outage

communes: ## Write the tables of units anew from vietnamadminunits (needs uv)
	uv run --no-project --with vietnamadminunits==1.0.4 python -m tools.communes

lock: ## Renew requirements.lock (needs uv)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --output-file requirements.lock --quiet --upgrade
