# The project's verbs. `make demo` shows everything; `make test` runs the tests, `make test-all` also
# those that take minutes each.
#   DATASET=msrvtt FOOTAGE=<folder> ANNOTATIONS=<folder or file>  other footage than the sample
#   WORKSPACE=<folder>   where data/, checkpoints/ and outputs/ go      TRAINING=<recipe>
#   SET="<key>=<value>"  keys of the recipe, set over the file: SET="epochs=3 lora.rank=16"
#   RESTART=1            throw away unfinished trainings that were begun with something else
#   COMPUTE=ray          works on the Ray cluster that RAY_ADDRESS names: docs/howto/ray.md
#   PREVIEW=1            `make serve` also serves adapters that no person has promoted, labelled so
#   RUN=<run>            `make compare` shows the pairs of this run alone, `make report` writes its
#                        page and the project's
SHELL := /bin/sh
PYTHON ?= python3
# By relative paths, from the folder of this file, where recipes run: its own path may hold spaces,
# which make takes for two targets.
VENV := .venv
EXTRAS ?= dev
PY := $(VENV)/bin/python

# Relative paths are meant from here; a path may hold spaces, which abspath would take for two.
from_here = $(if $(filter /%,$(firstword $(1)))$(findstring ://,$(1)),$(1),$(CURDIR)/$(1))

ifdef DATASET
export SLORA_DATASET := $(DATASET)
endif
ifdef FOOTAGE
export SLORA_FOOTAGE := $(call from_here,$(FOOTAGE))
endif
ifdef ANNOTATIONS
export SLORA_ANNOTATIONS := $(call from_here,$(ANNOTATIONS))
endif
ifdef WORKSPACE
export SLORA_WORKSPACE := $(call from_here,$(WORKSPACE))
endif
ifdef TRAINING
export SLORA_TRAINING := $(TRAINING)
endif
ifdef SET
export SLORA_SET := $(SET)
endif
ifdef RESTART
export SLORA_RESTART := $(RESTART)
endif
ifdef COMPUTE
export SLORA_COMPUTE := $(COMPUTE)
endif
ifdef LANES
export SLORA_LANES := $(LANES)
endif
ifdef PREVIEW
export SLORA_PREVIEW := $(PREVIEW)
endif
ifdef RUN
ONE_RUN := --run '$(RUN)'
REPORTED := '$(RUN)'
endif

.PHONY: setup demo test test-all data preprocess train train-scenarios validate sweep optimized summary ui serve compare report check
.NOTPARALLEL:

setup: $(VENV)/.ready

# Two minutes, where pip takes seven. pip does it where uv can't: an index that only pip's own
# configuration names, say.
INSTALL := $(VENV)/bin/uv pip install --quiet --python $(PY) --compile-bytecode --constraint constraints.txt --editable '.[$(EXTRAS)]'

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("slora needs Python 3.11 to 3.13, this is " + sys.version.split()[0] + "; set PYTHON=") if not (3, 11) <= sys.version_info[:2] <= (3, 13) else 0'
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(INSTALL) || { echo "uv couldn't; pip does it, which takes longer" >&2; $(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$(EXTRAS)]'; }
	$(PY) -m slora_assets.defs.home
	touch $@

demo: setup
	$(PY) -m slora_assets.defs.demo

data preprocess train train-scenarios validate sweep summary: setup
	$(PY) -m slora_assets.defs.launch $@

optimized: setup
	$(PY) -m api.client --scenario market_floor --scale 0.85

ui: setup
	$(PY) -m slora_assets.defs.launch ui

serve: setup
	$(PY) -m api

compare: setup
	$(PY) -m api.compare $(ONE_RUN)

report: setup
	$(VENV)/bin/slora report $(REPORTED)

# Byte code is kept, whatever the shell says: tests start hundreds of processes, and each would compile
# the project anew, which is a sixth of all that they take.
TESTS := PYTHONDONTWRITEBYTECODE= $(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder

test: setup
	$(TESTS) -m "not slow"

test-all: setup
	$(TESTS)

check: setup
	.ci/run
