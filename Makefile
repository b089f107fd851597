# Each target sets up what it needs: python3 and make are enough. A second run finds it all in place.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: demo test bench eval soak schemas lock clean

demo: $(VENV)/.runtime
	@$(BIN)/ratecard demo

test: $(VENV)/.development tests/node_modules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m reconciler.cli.export --check schemas
	$(BIN)/python -m pytest -n auto --cov --cov-report=term --cov-fail-under=85 -m "not soak"

bench: $(VENV)/.development $(VENV)/.peers
	$(BIN)/python -m tests.bench

# How the built-in interpreter does on the prompts of tests/prompts.
eval: $(VENV)/.development
	@$(BIN)/python -m tests.prompts.evaluate

soak: $(VENV)/.development
	$(BIN)/python -m pytest -m soak

schemas: $(VENV)/.runtime
	$(BIN)/python -m reconciler.cli.export schemas

lock: $(VENV)/.development
	$(PYTHON) -m uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 --custom-compile-command "make lock" -o requirements/runtime.txt pyproject.toml requirements/build.in
	$(PYTHON) -m uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 --custom-compile-command "make lock" --extra development -c requirements/runtime.txt -o requirements/development.txt pyproject.toml requirements/build.in
	$(PYTHON) -m uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 --custom-compile-command "make lock" -o requirements/bench.txt requirements/bench.in

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml
	@echo "Setting up (once) ..." >&2
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) -r requirements/runtime.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.development: $(VENV)/.runtime requirements/development.txt requirements/hostile.txt
	@$(INSTALL) -r requirements/development.txt
	@$(INSTALL) --no-deps -r requirements/hostile.txt
	@touch $@

# What the benchmarks are run beside, with dependencies of its own; without it they run alone.
$(VENV)/.peers: $(VENV)/.runtime requirements/bench.txt
	@$(PYTHON) -m venv $(VENV)/peers
	@$(VENV)/peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt \
		&& touch $@ || { rm -rf $(VENV)/peers; echo "octoDNS cannot be installed: the benchmarks run without it" >&2; }

# A model's server for the wire tests, and a compiler for generated modules; without npm they say that they are skipped.
tests/node_modules: tests/package.json tests/package-lock.json
	@if command -v npm >/dev/null; then \
		cd tests && npm ci --loglevel=error --ignore-scripts --no-audit --no-fund >&2 && touch node_modules; \
	else echo "npm is missing: the tests that need it are skipped" >&2; fi

clean:
	rm -rf $(VENV) tests/node_modules .ratecard .mypy_cache .pytest_cache .ruff_cache .hypothesis
