# `make demo` and `make test` set up everything they need: a virtual environment with exactly the locked
# packages, and for tests Debian's MariaDB where it is missing.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
BENCH_INSTALLED := .venv/.bench-installed
CLIENT := netsuite_pipeline_tests/sandbox/public_client
CLIENT_INSTALLED := .venv/.public-client-installed

.PHONY: demo dev test bench lint format lock clean

demo: $(INSTALLED)
	@$(BIN)/netsuite-pipeline demo

dev: $(INSTALLED)
	@$(BIN)/netsuite-pipeline dev

# One worker more than the two cores that are expected: end-to-end tests wait for daemons and sensors now and then.
test: lint $(CLIENT_INSTALLED)
	@$(BIN)/python -m compileall -q netsuite_pipeline netsuite_pipeline_tests
	$(BIN)/python -m pytest -n 3 --dist worksteal

# Three quarters of an hour on an idle machine. Figures are saved in docs/benchmarks, the page and its picture are made of them.
bench: $(BENCH_INSTALLED)
	$(BIN)/python -m benchmarks.load_table
	$(BIN)/python -m benchmarks.whole_chain
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.report

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Debian ships Python without ensurepip; its python3-venv package brings it.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed; $$($(PYTHON) --version) was found. Name another with PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { apt-get update -qq && apt-get install -y -qq python3-venv; }
	@echo "Installing into .venv (about a minute, once) ..."
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
# Where PYTHONDONTWRITEBYTECODE is set, each run and each command would compile the package anew, for 0.7 s.
	@$(BIN)/python -m compileall -q netsuite_pipeline
	@touch $@

# What the benchmarks compare with and draw with, beside the packages that are there.
$(BENCH_INSTALLED): benchmarks/requirements.lock $(INSTALLED)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/requirements.lock
	@touch $@

# A client of NetSuite that others wrote, which tests use: it wants httpx below 0.28 and oauthlib below 4, so it gets an
# environment of its own.
$(CLIENT_INSTALLED): $(CLIENT)/requirements.lock $(INSTALLED)
	@$(BIN)/python -m venv --clear .venv/public-client
	@.venv/public-client/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# Needs uv. The locks hold exact versions with hashes and name no package index; that of the benchmarks agrees with the
# first, that of the public client cannot.
lock:
	uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-strip-extras \
		--no-emit-index-url --no-header --quiet -o requirements.lock
	uv pip compile pyproject.toml --extra bench --constraint requirements.lock --universal --generate-hashes \
		--no-strip-extras --no-emit-index-url --no-header --quiet -o benchmarks/requirements.lock
	uv pip compile $(CLIENT)/requirements.in --universal --python-version 3.11 --generate-hashes --no-strip-extras \
		--no-emit-index-url --no-header --quiet -o $(CLIENT)/requirements.lock

clean:
	rm -rf .venv .demo .dev
