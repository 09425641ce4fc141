# The project's verbs. `make demo` shows everything; `make test` runs the tests.
#   DATASET=msrvtt FOOTAGE=<folder> ANNOTATIONS=<folder or file>  other footage than the sample
#   WORKSPACE=<folder>   where data/, checkpoints/ and outputs/ go      TRAINING=<recipe>
#   RESTART=1            throw away unfinished trainings that were begun with something else
#   PREVIEW=1            `make serve` also serves adapters that no person has promoted, labelled so
SHELL := /bin/sh
PYTHON ?= python3
VENV := $(CURDIR)/.venv
PY := $(VENV)/bin/python

export DAGSTER_HOME := $(CURDIR)
ifdef DATASET
export SLORA_DATASET := $(DATASET)
endif
ifdef FOOTAGE
export SLORA_FOOTAGE := $(abspath $(FOOTAGE))
endif
ifdef ANNOTATIONS
export SLORA_ANNOTATIONS := $(abspath $(ANNOTATIONS))
endif
ifdef WORKSPACE
export SLORA_WORKSPACE := $(abspath $(WORKSPACE))
endif
ifdef TRAINING
export SLORA_TRAINING := $(TRAINING)
endif
ifdef RESTART
export SLORA_RESTART := $(RESTART)
endif
ifdef PREVIEW
export SLORA_PREVIEW := $(PREVIEW)
endif

# Dagster's storage lies where the command runs, so that each workspace has its own history.
HERE := $(or $(SLORA_WORKSPACE),$(CURDIR))
RUN := mkdir -p $(HERE) && cd $(HERE) &&

.PHONY: setup demo test data preprocess train train-scenarios validate optimized summary ui serve check
.NOTPARALLEL:

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("slora needs Python 3.11 to 3.13, this is " + sys.version.split()[0] + "; set PYTHON=") if not (3, 11) <= sys.version_info[:2] <= (3, 13) else 0'
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	$(RUN) $(PY) -m slora_assets.defs.demo

data preprocess train train-scenarios validate summary: setup
	$(RUN) $(PY) -m slora_assets.defs.launch $@

optimized: setup
	$(RUN) $(PY) -m api.client --scenario market_floor --scale 0.85

ui: setup
	$(RUN) $(PY) -m slora_assets.defs.launch release && $(VENV)/bin/dagster dev --workspace $(CURDIR)/workspace.yaml --host 127.0.0.1

serve: setup
	$(RUN) $(PY) -m api

test: setup
	$(PY) -m pytest

check: setup
	.ci/run
