# make demo        install into .venv and run the demo
# make test        what CI runs: lint, types, docs and the tests, against the built wheel, in .venv-test
# make test-full   the same with the slow tests: some 20 minutes of computing more, of which every combination of options takes 12
# make bench       the numbers of bench/RESULTS.md and bench/ENGINE.md, DATA=folder of local data sets
# make gallery     docs/gallery.md and its pictures, from networks trained for it, DATA=folder of local data sets
# make docs        the documentation, into site/
# make lint        formatting, lint and types of the working tree
# make clean       remove what the targets above made

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
EXTRAS := test,docs,notebook,samples,fabric
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export NO_MKDOCS_2_WARNING := 1

.PHONY: demo test test-full bench gallery docs lint clean python

demo: .venv/installed
	.venv/bin/elman demo

test: python
	@.ci/stages $(PYTHON) $(EXTRAS)

test-full: python
	@.ci/stages $(PYTHON) $(EXTRAS) -m ""

bench: .venv/installed
	.venv/bin/python bench/overhead.py
	.venv/bin/python bench/engine.py
	.venv/bin/python bench/engine_options.py
	.venv/bin/python bench/streaming.py
	.venv/bin/python bench/scan.py
	.venv/bin/python bench/memory.py
	.venv/bin/python bench/attribution.py
	.venv/bin/python bench/loops.py
	.venv/bin/python bench/parity.py
	.venv/bin/python bench/demo.py
	$(if $(DATA),.venv/bin/python bench/scale.py --data $(DATA))
	.venv/bin/python bench/road.py $(if $(DATA),--data $(DATA))
	.venv/bin/python bench/results.py $(if $(DATA),--data $(DATA))

gallery: .venv/installed
	.venv/bin/python docs/gallery $(if $(DATA),--data $(DATA))

docs: .venv/installed-all
	.venv/bin/mkdocs build --strict

lint: .venv/installed-all
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

clean:
	rm -rf .venv-test dist build site .pytest_cache .ruff_cache .mypy_cache .hypothesis

python:
	@command -v $(PYTHON) >/dev/null || { echo "Elman needs Python 3.11 or newer; there is no '$(PYTHON)'. Name one: make PYTHON=/path/to/python3.11 demo"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Elman needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Name a newer one: make PYTHON=python3.12 demo"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "'$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv"; exit 2; }

.venv/installed: pyproject.toml | python
	@test -x .venv/bin/pip || $(PYTHON) -m venv .venv
	@echo "Installing into .venv: downloads PyTorch and compiles the kernels, some minutes in which nothing is printed ..."
	@.venv/bin/pip install --quiet --editable .
	@touch $@

.venv/installed-all: pyproject.toml | python
	@test -x .venv/bin/pip || $(PYTHON) -m venv .venv
	@echo "Installing into .venv what tests and documentation need, too: some minutes in which nothing is printed ..."
	@.venv/bin/pip install --quiet --editable ".[$(EXTRAS)]"
	@touch $@
