# The commands of the README. `make help` lists them.
PYTHON ?= python3
PORT ?= 8501
SCALE ?= 1.0
BIN := .venv/bin
# Results of the bundled clips; set CROSSCHECK_STORE to keep them elsewhere.
export CROSSCHECK_STORE ?= $(CURDIR)/.demo-store

# For all systems at once, with hashes; torch apart, as its builds differ by device.
COMPILE := .venv-tools/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links

.PHONY: help setup demo precompute-sample test browser check format lock audit torture bench bench-gpu bench-player pictures

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

setup: .venv/.installed ## install what users need into .venv

demo: precompute-sample ## precompute the bundled clips, then open the dashboard
	$(BIN)/streamlit run dashboard/app.py --server.port $(PORT)

precompute-sample: setup ## precompute the bundled clips with the bundled networks
	$(BIN)/python -m precompute run phone walkthrough

test: .venv/.installed-dev .venv-web/.installed browser ## run all tests, the browser's included
	$(BIN)/python -m pytest -n 2 --dist loadfile

browser: .venv/.installed-dev
	@$(BIN)/python tools/browser.py

check: .venv/.installed-dev ## format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(MAKE) test

format: .venv/.installed-dev ## rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: .venv-tools/.installed ## write the locks anew, with the newest versions that the requirements allow
	grep -v '^torch==' requirements.txt | $(COMPILE) - -o requirements/all.lock
	grep '^torch==' requirements.txt | $(COMPILE) - -c requirements/all.lock -o requirements/torch.lock
	$(COMPILE) requirements/web.txt -c requirements/all.lock -o requirements/web.lock

audit: .venv-tools/.installed .venv/.installed ## look for known holes in what is locked and bundled
	$(BIN)/python -m tools.audit

bench: setup ## time the job against a plain loop and the machine's limits (a quarter of an hour, the machine idle; 12 GB of memory)
	$(BIN)/python -m benchmarks.job

bench-gpu: ## the tests and timings that need a GPU, with the python3 that has torch for it (ten minutes at most)
	PYTHON=$(PYTHON) sh benchmarks/gpu.sh

bench-player: precompute-sample .venv/.installed-dev browser ## hold the player against its targets, in the browser (a quarter of an hour, the machine idle)
	$(BIN)/python -m benchmarks.player

torture: .venv/.installed-dev .venv-web/.installed browser ## try every promise many times and write docs/reliability.md (an hour; less: SCALE=0.1)
	$(BIN)/python -m reliability --write --scale $(SCALE)

pictures: precompute-sample .venv/.installed-dev browser ## make the README's pictures from the real page
	$(BIN)/python -m tools.pictures

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; echo "error: no virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }

.venv/.installed: requirements.txt requirements/web.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

# The dashboard alone, as a web host installs it: a test runs the page from here.
.venv-web/.installed: requirements/web.txt | .venv/bin/python
	$(BIN)/python -m venv --clear .venv-web
	.venv-web/bin/python -m pip install --quiet -r requirements/web.txt
	@touch $@

.venv-tools/.installed: requirements/tools.txt | .venv/bin/python
	$(BIN)/python -m venv --clear .venv-tools
	.venv-tools/bin/python -m pip install --quiet -r requirements/tools.txt
	@touch $@

.venv/.installed-dev: requirements/dev.txt .venv/.installed
	$(BIN)/python -m pip install --quiet -r requirements/dev.txt
	@touch $@
