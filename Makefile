# make demo      set everything up, train on the built-in digits, write the report
# make test      set everything up, run the tests
# make check     all of CI: ruff, mypy, tests
# make bench     our training step and evaluation against a plain hand-written loop; sampling with and without the cache
# make docs      the pages as a site, build/docs/index.html: no network needed to build or to read it
# make setup     .venv with the package in it; done again only when pyproject.toml changes

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JOBS ?= 2

.PHONY: demo setup test check bench docs
demo: setup
	$(BIN)/stratiform demo

setup: $(READY)
$(READY): pyproject.toml scripts/setup.sh
	bash scripts/setup.sh $(VENV)
	@touch $@

test: setup
	$(BIN)/python -m pytest -n $(JOBS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n $(JOBS)

bench: setup
	$(BIN)/python benchmarks/against_plain_loop.py
	$(BIN)/python benchmarks/sampling.py

docs: setup
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs
	@echo build/docs/index.html
