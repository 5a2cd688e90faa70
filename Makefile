# The commands of the book. Each makes the Python environment that it needs, once, in .venv/.

.DEFAULT_GOAL := help
.PHONY: help book pdf test test-mnist lab edit outputs serve lint format lock fonts bench matrix attack browsers figures links audit \
	clean distclean uv-env site-env full-env tools-env

ACCEPTED := $(shell grep -o '3\.[0-9]*' requirements/pythons.json)
# The first Python that fits; PYTHON=... names another.
PYTHON ?= $(shell for python in python3 $(ACCEPTED:%=python%) python; do \
	"$$python" -E -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] not in "$(ACCEPTED)".split())' \
	2>/dev/null && echo "$$python" && break; done || echo python3)
# The user's own switches, and folders of modules, are for other programs than these.
unexport $(filter PYTHON%,$(.VARIABLES)) PYTEST_PLUGINS PYTEST_DISABLE_PLUGIN_AUTOLOAD

SITE = .venv/site/bin
# TORCH=cpu names another environment, with PyTorch's CPU build.
WITH_TORCH = full$(TORCH:%=-%)
FULL = .venv/$(WITH_TORCH)/bin
TOOLS = .venv/tools/bin
UV = .venv/uv/bin/uv
PORT = 8000

help: ## this list
	@echo "make TARGET, where TARGET is one of"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' Makefile

# What the website is made of: pages, and what stands around them and may change each.
PAGES = chapters appendix index.md explorer.md
AROUND = _ext _static _templates assets _config.yml _toc.yml references.bib requirements/site.lock.txt
# And the addresses that it is built for.
ADDRESSES = env | grep '^BOOK_' | sort
# When one page has changed, another may have a link that leads nowhere: all are built.
book: site-env ## build the website, if anything has changed (first time: 30 s, 0.3 GB)
	@if $(ADDRESSES) | cmp -s - _build/made && \
	test -z "$$(find $(PAGES) $(AROUND) -name __pycache__ -prune -o -newer _build/made -print)"; then \
	echo "Nothing has changed."; else rm -rf _build && \
	$(SITE)/jupyter-book build . -W -n --keep-going -q && $(ADDRESSES) > _build/made; fi
	@$(SITE)/python -c 'import pathlib as p; print("\nThe book:", p.Path("_build/html/index.html").resolve().as_uri())'

pdf: book full-env ## print the whole book as one PDF (needs Chromium or Chrome; 2 minutes)
	@$(FULL)/python tools/pdf.py

test: full-env ## re-run every cell, compare every output, run tests/ (first time: 6 GB; on Linux 2 with TORCH=cpu)
	@$(FULL)/python -m pytest

test-mnist: full-env ## chapter 9 on the 70,000 images of MNIST (fetches 15 MB), assertions only
	@BOOK_MNIST=full $(FULL)/python -m pytest --nbval-lax --nbval-cell-timeout=3600 chapters/09_mnist.ipynb

lab: book full-env ## open plain copies of the chapters in JupyterLab, to run and change (ARGS=...)
	@$(FULL)/python tools/lab.py copies $(ARGS)

edit: full-env ## open the chapters themselves in JupyterLab, for authors (ARGS=...)
	@$(FULL)/python tools/lab.py sources $(ARGS)

outputs: full-env ## run the chapters and store their outputs (CHAPTER=01_likelihood: one)
	@$(FULL)/python tools/run_chapters.py $(CHAPTER)

serve: site-env ## show the website at localhost, build what is saved, and reload it (PORT=8000)
	@test -z "$$(find $(AROUND) -newer _build/html/index.html 2>&1)" || rm -rf _build
	@$(SITE)/python tools/serve.py $(PORT) $(AROUND)

lint: full-env ## check the style of code and chapters, and the workflow files
	@$(FULL)/ruff check . && $(FULL)/ruff format --check .
	@$(FULL)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(FULL)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(FULL)/zizmor --offline --no-progress .github

format: full-env ## put code and chapters into that style
	@$(FULL)/ruff check --fix . && $(FULL)/ruff format .

# Versions in the locks stay as they are where the ranges allow it; UPGRADE=1 takes the newest.
# The site's lock follows the full one. No address of a package index goes into a lock.
COMPILE = $(UV) pip compile --quiet --universal --python-version $(firstword $(sort $(ACCEPTED))) \
	--fork-strategy fewest --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

lock: uv-env ## write the locks anew from the ranges (UPGRADE=1: newest versions)
	@$(COMPILE) requirements/uv.txt -o requirements/uv.lock.txt
	@$(COMPILE) requirements/tools.txt -o requirements/tools.lock.txt
	@$(COMPILE) requirements/test.txt -o requirements/full.lock.txt
	@$(COMPILE) requirements/site.txt -c requirements/full.lock.txt -o requirements/site.lock.txt

fonts: site-env tools-env ## cut the fonts of the website to what it shows
	@theme=$$($(SITE)/python -c 'import pydata_sphinx_theme as t; print(*t.__path__)') && \
	$(TOOLS)/python tools/fonts.py "$$theme"

bench: full-env ## measure commands, chapters and pages, write BENCHMARKS.md (15 minutes)
	@$(FULL)/python tools/bench.py

matrix: full-env ## try every Python found, with locked, oldest, newest packages (15 minutes each)
	@$(FULL)/python tools/matrix.py $(PYTHONS)

attack: full-env ## change chapters, list what nothing notices (CHAPTER=... MOST=20: so many, at random)
	@$(FULL)/python tools/attack.py $(if $(MOST),--most $(MOST)) $(if $(SEED),--seed $(SEED)) \
	$(CHAPTER:%=chapters/%.ipynb)

browsers: book tools-env ## open every page in Firefox and WebKit, too (5 minutes)
	@$(TOOLS)/python tools/engines.py _build/html

figures: book ## one page with all figures that come alive, to look at
	@$(SITE)/python tools/figures.py

links: site-env ## ask for every external link (needs the network)
	@$(SITE)/jupyter-book build . --path-output _build/links --builder linkcheck -q \
	&& echo "Every link works." || { echo "The lines with 'broken link' name those that do not."; exit 1; }

audit: tools-env ## ask whether an advisory names a locked version (needs the network)
	@$(TOOLS)/pip-audit --strict --disable-pip --require-hashes \
	$(patsubst %,-r %,$(wildcard requirements/*.lock.txt))

clean: ## remove what was built, keep the environments
	@rm -rf _build .pytest_cache .ruff_cache chapters/.ruff_cache
	@find . -path ./.venv -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -print0 | xargs -0 rm -rf

distclean: clean ## remove the environments too
	@rm -rf .venv

uv-env site-env full-env tools-env: %-env:
	@python="$(PYTHON)"; command -v "$$python" >/dev/null && exec "$$python" tools/environment.py $(*:full=$(WITH_TORCH)); \
	echo "There is no $$python here: install one of Python $(ACCEPTED), or name one with PYTHON=..."; exit 1
