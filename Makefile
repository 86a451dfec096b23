# Everything installs into .venv and nowhere else; a target installs only what is missing.
# On Linux `make PIP_FLAGS="--extra-index-url ADDRESS"` takes torch from another index (README: CPU-only torch).

PYTHON ?= python3
PIP_FLAGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: book pdf lab serve test quick test-full tables exercises clean
.DEFAULT_GOAL := book

$(VENV)/.installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed, this is " + sys.version.split()[0]'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet $(PIP_FLAGS) -r requirements.txt
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install --quiet $(PIP_FLAGS) -r requirements.txt -e ".[dev]"
	touch $@

book: $(VENV)/.installed          ## build the book and print the page to open
	$(BIN)/jupyter-book build . --warningiserror --keep-going --quiet
	@echo "The book is built. Open $(CURDIR)/_build/html/index.html"

pdf: $(VENV)/.installed-dev book ## print the whole book with headless Chromium
	$(BIN)/python book/print_book.py _build/html _build/every-claim-runs.pdf
	@echo "Open $(CURDIR)/_build/every-claim-runs.pdf"

lab: $(VENV)/.installed           ## work on the lessons in JupyterLab
	$(BIN)/jupyter lab

serve: book                       ## read the book at http://localhost:8000
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

test: $(VENV)/.installed-dev      ## every test, with a summary of times against their budgets
	$(BIN)/python -m tests

quick: $(VENV)/.installed-dev     ## package, structure and prose: what to run while writing
	$(BIN)/python -m tests --quick

test-full: $(VENV)/.installed-dev ## also the full product of cases behind each covering array
	$(BIN)/python -m tests --full

tables: $(VENV)/.installed        ## rewrite what follows from the catalog
	$(BIN)/lessons tables

exercises: $(VENV)/.installed-dev ## generate the exercises from their solutions
	$(BIN)/lessons exercises

clean:                            ## remove what is built; .venv and work/ stay
	rm -rf _build .test-report build *.egg-info
