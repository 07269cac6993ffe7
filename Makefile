# Every target sets itself up: .venv is made when it is missing or older than the lock file.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UV_VERSION := 0.13.9
# A module's tests share what they set up, so they stay together; more than four processes want more memory than most have.
# In the files' order: by their number of tests, the pipeline's would come last and run on, alone.
PARALLEL := -n logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder

# Nothing phones home; DVC and the stages find the project's own commands first.
export PATH := $(abspath $(BIN)):$(PATH)
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
export NO_ALBUMENTATIONS_UPDATE := 1

.DEFAULT_GOAL := help
.PHONY: help demo server test test-all faults mutants lint docs reference lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "fauxface needs Python 3.11, 3.12 or 3.13; choose one with: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Installing into $(VENV) (about 2 minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --use-pep517 --require-hashes \
		-r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# A workspace of its own, which git ignores: what it makes differs from machine to machine.
demo: $(STAMP) ## Run the whole pipeline on the drawn sample, in demo/; prints the path of the report
	@test -f demo/params.yaml || fauxface init demo --sample
	cd demo && dvc repro
	@echo
	@echo "Report: $(CURDIR)/demo/reports/index.html"

server: $(STAMP) ## Run a Prefect server with its UI on http://127.0.0.1:4200, for `fauxface schedule`
	prefect server start --host 127.0.0.1 --port 4200

test: $(STAMP) ## Run the tests (10 to 20 minutes on 2 cores)
	python -m pytest $(PARALLEL) -m "not slow"

test-all: $(STAMP) ## Run all tests, the slow ones too
	python -m pytest $(PARALLEL)

faults: $(STAMP) ## Inject faults, two hundred kills among them, and print what was survived (a quarter of an hour on 2 cores)
	python -m pytest $(PARALLEL) tests/faults

mutants: $(STAMP) ## Plant small bugs, one at a time, and count those that the tests find (about an hour)
	python -m benchmarks.mutants

lint: $(STAMP) ## Check style and types
	ruff check .
	ruff format --check .
	mypy

docs: $(STAMP) ## Write the reference of commands and build the documentation into site/
	python docs/generate.py
	NO_MKDOCS_2_WARNING=1 python -m mkdocs build --quiet

# Two recipes, whose mean is what the package brings, each trained twice: on all sources, and without some of them, by which
# temperature and bounds are chosen.
reference: $(STAMP) ## Train the model in the package on the images in FAUXFACE_DATA (about two hours on 2 cores)
	mkdir -p reference/data
	ln -sfn "$(abspath $(or $(FAUXFACE_DATA),../shared/data))/faces" reference/data/raw
	cd reference && for name in $$(sed -n 's/^  \([a-z0-9_]*\):$$/\1/p' params.yaml); do fauxface crop $$name || exit 1; done
	cd reference && fauxface split
	cd reference && sed 's#recipe: tuned#recipe: default#; /epochs:/d' params.yaml >data/probe_params.yaml
	cd reference && fauxface train --params data/probe_params.yaml
	cd reference && rm -rf data/probe_model && mv data/model data/probe_model
	cd reference && fauxface train
	cd reference && python -m tasks.training.artefact.twin data/probe_params.yaml data/manifests data/faces data/twin \
		tuned default
	cd reference && python -m tasks.training.artefact.packaged data/model data/manifests data/faces ../fauxface/reference \
		--beside data/probe_model --intent ../fauxface/reference.yaml --sources data/twin/sources.json \
		--left-out-model data/twin/model --left-out data/twin/manifests/new.parquet

lock: $(STAMP) ## Resolve the newest allowed versions into requirements.lock
	$(PYTHON) -m venv $(VENV)/uv
	$(VENV)/uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(VENV)/uv/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet --output-file requirements.lock

clean: ## Remove the environment, caches and everything the pipeline made
	rm -rf $(VENV) build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf demo data/raw/* data/faces/* data/manifests data/model data/archives data/scores data/.state reports/* .dvc/cache .dvc/tmp
