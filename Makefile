# The one list of verbs; CI calls the same ones. Every verb does its own set-up.
PYTHON  ?= $(shell command -v python3.11 || command -v python3)
AIRFLOW ?= 3.3
VENV    := $(if $(filter 3.3,$(AIRFLOW)),.venv,.venv-$(AIRFLOW))
BIN     := $(VENV)/bin
LOCK    := requirements/airflow-$(AIRFLOW).lock
SOURCES := $(shell find airflow_provider_bedrock_rft example_dags -type f -not -name '*.pyc') pyproject.toml README.md
DEMO    := $(if $(DATASET),--dataset "$(DATASET)") $(if $(GRADER),--grader "$(GRADER)") $(ARGS)
export UV_NO_CONFIG = 1
export UV_LINK_MODE = copy
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help setup demo up down test test-minors check lint types contracts docs examples bench soak model-diff lock clean
help:  ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup  ## one recurring retraining on this machine, start to end [DATASET=file.jsonl GRADER=path.py:function]
	@$(BIN)/bedrock-rft demo $(DEMO)

up: setup  ## the emulator and Airflow, left running for you to look at
	@$(BIN)/bedrock-rft up $(ARGS)

down: setup  ## stops what `make up` started
	@$(BIN)/bedrock-rft down $(ARGS)

test: setup  ## the whole test suite, against the built wheel
	$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

test-minors:  ## the suite on every supported Airflow minor
	for minor in 3.1 3.2 3.3; do $(MAKE) --no-print-directory test AIRFLOW=$$minor || exit 1; done

check: lint types contracts docs  ## everything that reads the code and the documents without running them

lint: $(VENV)/.linters
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.linters
	$(BIN)/mypy

contracts: $(VENV)/.linters
	$(BIN)/lint-imports

docs: $(VENV)/.docs  ## the documentation as a site, in build/docs; a warning is an error (Python 3.11 or newer)
	@if [ -x $(BIN)/sphinx-build ]; then $(BIN)/sphinx-build -W --keep-going -q docs build/docs; \
	 else echo "docs: not built, the builder needs Python 3.11 or newer"; fi

examples: setup  ## every example DAG, under a real scheduler, against the emulator
	$(BIN)/pytest -m scheduler $(ARGS)

bench: setup  ## the benchmarks, each a ratio against a baseline in the same run
	for file in benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

soak: setup  ## a thousand random fault scripts against a small pipeline; takes hours [RFT_SOAK_SEEDS=0:1000]
	RFT_SOAK=1 $(BIN)/pytest tests/soak -k thousand $(ARGS)

model-diff: setup  ## what changed in the vendor's service models since somebody last looked; weekly
	$(BIN)/bedrock-rft emulator --model-diff

lock: $(VENV)/.dependencies  ## resolve the locked requirements anew
	UV=$(BIN)/uv requirements/lock.sh

$(VENV)/.docs: requirements/docs.lock $(VENV)/.installed
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/docs.lock
	@touch $@

clean:  ## remove what the other verbs made
	-$(BIN)/bedrock-rft down
	rm -rf .venv .venv-* dist build .rft artifacts docs/generated

setup: $(VENV)/.installed

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.dependencies: $(LOCK) requirements/uv.lock | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r $(LOCK)
	@touch $@

$(VENV)/.installed: $(VENV)/.dependencies $(SOURCES)
	rm -rf $(VENV)/wheel && $(BIN)/uv build --quiet --wheel --python $(BIN)/python --out-dir $(VENV)/wheel
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --reinstall $(VENV)/wheel/*.whl
	@touch $@

$(VENV)/.linters: requirements/lint.lock $(VENV)/.installed
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/lint.lock
	@touch $@
