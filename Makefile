# `make test` is enough: it makes .venv first, and again only when something changed.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test lint types rules faults format lock media fresh clean

BIN := .venv/bin
ARGS ?=

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

setup: ## make .venv with everything, the tools and the tests' system packages too
	@deploy/setup.sh test

demo: ## a virtual line, every service and the panel here (ARGS="--product ring --rate 120")
	@deploy/setup.sh run
	@$(BIN)/edge demo $(ARGS)

test: lint types ## lint, types, then every test: rules and unit first, real processes last
	@$(BIN)/pytest $(ARGS)

lint: setup ## style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup ## static types
	@$(BIN)/mypy

rules: setup ## only the rules of the house: layers, locks, forbidden things
	@$(BIN)/pytest -q tests/rules

faults: setup ## kill and freeze every process 1,000 times; goes on where it was stopped (ARGS="--per-process 20")
	@$(BIN)/python -m edge.apps.demo.faults $(ARGS)

format: setup ## let ruff rewrite what it can
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

media: setup ## draw the recorded videos of the tests anew
	@$(BIN)/python -m edge.apps.demo.scene.record tests/media $(ARGS)

# Keeps every version that still fits; UPGRADE=--upgrade takes the newest. uv is not a part of the product:
# have it in a virtual environment of its own and name it, UV=/path/to/uv.
UV ?= uv
UPGRADE ?=
COMPILE = $(UV) pip compile pyproject.toml --quiet --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-header --no-annotate $(UPGRADE)

lock: ## requirements/*.txt from pyproject.toml (UPGRADE=--upgrade for newer versions)
	@command -v $(UV) >/dev/null || { echo "lock: uv is missing; install it in a virtual environment and say UV=/path/to/uv" >&2; exit 3; }
	@$(COMPILE) --group dev -o requirements/dev.txt
	@$(COMPILE) --group build -c requirements/dev.txt -o requirements/run.txt

fresh: ## try all of it on a fresh Debian 12 in a folder (root; needs debootstrap; ARGS="make test")
	@deploy/fresh.sh $(ARGS)

clean: ## remove .venv, caches and what was built
	@rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
