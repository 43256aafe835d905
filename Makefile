# Two commands are all a newcomer needs: `make lab` and `make test`. `make help` lists the rest.

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
READY := .venv/.ready
START = $(firstword $(sort $(wildcard notebooks/[0-9]*.ipynb)))
# JupyterLab refuses to run as root unless told; it still listens on this machine only, with its token on
ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)

.DEFAULT_GOAL := help
.PHONY: help lab test notebooks book scorecard check static data lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

lab: $(READY) .venv/.data ## Open JupyterLab at the start notebook (ARGS="--no-browser" on a headless machine)
	$(BIN)/jupyter lab --ip=127.0.0.1 $(ROOT) --LabApp.default_url=/lab/tree/$(START) $(ARGS)

# A worker a core: more threads of linear algebra would only wait for one another.
test: $(READY) ## Run the test suite
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/pytest -n auto --maxprocesses 4 $(ARGS)

notebooks: $(READY) ## Execute all notebooks that changed since they last ran
	$(BIN)/cemlab run --out build/notebooks $(ARGS)

book: $(READY) ## Write the notebooks as pages to read, into build/book
	$(BIN)/cemlab run --out build/book $(ARGS)
	@echo "Open build/book/index.html"

scorecard: $(READY) ## Hold the methods against planted truths, over 100 simulated companies a world (half an hour)
	$(BIN)/cemlab scorecard --out build/book $(ARGS)
	@echo "Open build/book/scorecard.html"

check: static test ## Format, lint, types, notebook form and tests: what must pass before a commit

static: $(READY) ## The part of check that runs no code: format, lint, types, notebook form
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/nbstripout --verify notebooks/*.ipynb
	$(BIN)/python -m cemlab.notebook.lint

data: $(READY) ## Download the public data sets that are not in the cache yet
	$(BIN)/cemlab fetch

lock: $(READY) ## Write requirements.lock again from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--upgrade --extra dev pyproject.toml -o requirements.lock

clean: ## Remove the environment and everything that was built
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: made once from the lock, every file checked against its hash.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "cemlab needs Python 3.11 or newer; name one with make PYTHON=python3.12 …"; exit 1; }
	@echo "Setting up .venv; it takes a minute or two, once."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Tried once after each set-up; without a network the notebooks run on the small tables in data/.
.venv/.data: $(READY)
	$(BIN)/cemlab fetch
	@touch $@
