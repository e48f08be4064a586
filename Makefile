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

NODE := $(BIN)/python -m tools.node

# What the first page shows; the readouts of other methods, and multitask, wait until it is open.
FIRST := mini/baseline/*,mini/merged/*,mini/consistency/rgb-normal,mini/consistency/rgb-depth,mini/consistency/rgb-reshading

.PHONY: help setup demo precompute-sample test test-field test-hf test-bucket test-ray test-busy browser check lint lint-python lint-web format coverage lock audit \
	torture bench bench-gpu bench-growth bench-host bench-images bench-overview bench-player bench-results bench-space bench-uploads pictures

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

setup: .venv/.installed ## install what users need into .venv

demo: setup ## precompute what the page opens with, then open the dashboard; a worker and the other methods run beside it
	$(BIN)/python -m precompute run phone walkthrough --configurations '$(FIRST)'
	CROSSCHECK_REQUESTS=$${CROSSCHECK_REQUESTS:-everyone} $(BIN)/python -m tools.demo --port $(PORT)

precompute-sample: setup ## precompute the bundled clips with the bundled networks
	$(BIN)/python -m precompute run phone walkthrough

test: .venv/.installed-dev .venv-web/.installed browser ## run all tests, including those in a browser
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-field: .venv/.installed-dev ## run the tests that need programs of the system (ffmpeg, mkvtoolnix, gstreamer, x264, mencoder, nginx, gcc, fuse); names those that are missing
	CROSSCHECK_FIELD=1 $(BIN)/python -m pytest -n 2 tests/field

test-hf: .venv-hf/.installed ## run the tests of networks of the Hugging Face hub, with requirements/hf.txt in an environment of their own
	.venv-hf/bin/python -m pytest tests/hub

test-bucket: .venv-bucket/.installed ## run the tests of stores in buckets, against an S3 server on the loopback, in an environment of their own
	.venv-bucket/bin/python -m pytest tests/bucket

test-ray: .venv-ray/.installed ## run the tests of runs on a Ray cluster of two local nodes, with requirements/ray.txt in an environment of their own
	.venv-ray/bin/python -m pytest tests/cluster

test-busy: .venv/.installed-dev .venv-web/.installed browser ## run all tests three times beside two busy loops
	$(BIN)/python -m tools.busy --times 3 --loops 2 -- $(BIN)/python -m pytest -n 2 --dist loadfile

browser: .venv/.installed-dev
	@$(BIN)/python tools/browser.py

check: lint test ## check format, lint, types and arrows, then run all tests

lint: lint-python lint-web ## check format, lint, types and import arrows

lint-python: .venv/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

lint-web: node_modules/.package-lock.json
	$(NODE) tsc -p .
	$(NODE) biome ci .

format: .venv/.installed-dev node_modules/.package-lock.json ## rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(NODE) biome check --write .

coverage: .venv/.installed-dev .venv-web/.installed node_modules/.package-lock.json browser ## run all tests and print which share of Python and JavaScript they execute
	$(BIN)/python -m tools.coverage

lock: .venv-tools/.installed ## update the lock files to the newest versions that the requirements allow
	grep -v '^torch==' requirements.txt | $(COMPILE) - -o requirements/all.lock
	grep '^torch==' requirements.txt | $(COMPILE) - -c requirements/all.lock -o requirements/torch.lock
	$(COMPILE) requirements/web.txt -c requirements/all.lock -o requirements/web.lock

audit: .venv-tools/.installed .venv/.installed ## search locked and bundled packages for known vulnerabilities
	$(BIN)/python -m tools.audit

bench: setup ## time the job against a plain loop and the machine's limits (15 minutes on an idle machine, 12 GB of memory)
	$(BIN)/python -m benchmarks.job

bench-gpu: ## run the tests and timings that need a GPU, with a python3 whose torch supports it (10 minutes at most)
	PYTHON=$(PYTHON) sh benchmarks/gpu.sh

bench-host: setup ## measure everything but the networks of the job, on one core and on two (2 minutes on an idle machine)
	$(BIN)/python -m benchmarks.host

bench-player: precompute-sample .venv/.installed-dev browser ## check the player against its targets, in the browser (15 minutes on an idle machine)
	$(BIN)/python -m benchmarks.player

bench-space: precompute-sample .venv/.installed-dev browser ## measure orbit, scrub, first view and memory of the Space page, in the browser (5 minutes on an idle machine)
	$(BIN)/python -m benchmarks.space

bench-overview: setup ## measure how fast the Overview of 200 clips and 20 configurations opens (10 minutes on an idle machine)
	$(BIN)/python -m benchmarks.overview

bench-growth: setup ## measure list, first page and Overview of 10,000 clips, and a clip of 100,000 frames (10 minutes on an idle machine)
	$(BIN)/python -m benchmarks.growth

bench-uploads: .venv/.installed-dev browser ## measure page and worker while twenty visitors upload at once (5 minutes on an idle machine)
	$(BIN)/python -m benchmarks.uploads

bench-images: setup ## time a warm worker's answer to a picture, with each bundled zoo (2 minutes on an idle machine)
	$(BIN)/python -m benchmarks.images --zoo mini
	$(BIN)/python -m benchmarks.images --zoo lab

bench-results: setup ## measure how fast predictions computed elsewhere are added, and in how much memory (3 minutes on an idle machine)
	$(BIN)/python -m benchmarks.results

torture: .venv/.installed-dev .venv-web/.installed browser ## test every promise many times and write docs/reliability.md (one hour; SCALE=0.1 for less)
	$(BIN)/python -m reliability --write --scale $(SCALE)

pictures: precompute-sample .venv/.installed-dev browser ## retake the README's picture from the real page
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

.venv-hf/.installed: requirements/hf.txt requirements/dev.txt requirements.txt requirements/web.txt | .venv/bin/python
	$(BIN)/python -m venv --clear .venv-hf
	.venv-hf/bin/python -m pip install --quiet -r requirements/dev.txt -r requirements/hf.txt
	@touch $@

.venv-bucket/.installed: requirements/bucket.txt requirements/bucket-tests.txt requirements/dev.txt requirements.txt requirements/web.txt | .venv/bin/python
	$(BIN)/python -m venv --clear .venv-bucket
	.venv-bucket/bin/python -m pip install --quiet -r requirements/dev.txt -r requirements/bucket-tests.txt
	@touch $@

.venv-ray/.installed: requirements/ray.txt requirements/dev.txt requirements.txt requirements/web.txt | .venv/bin/python
	$(BIN)/python -m venv --clear .venv-ray
	.venv-ray/bin/python -m pip install --quiet -r requirements/dev.txt -r requirements/ray.txt
	@touch $@

.venv-tools/.installed: requirements/tools.txt | .venv/bin/python
	$(BIN)/python -m venv --clear .venv-tools
	.venv-tools/bin/python -m pip install --quiet -r requirements/tools.txt
	@touch $@

.venv/.installed-dev: requirements/dev.txt .venv/.installed
	$(BIN)/python -m pip install --quiet -r requirements/dev.txt
	@touch $@

# Type checker, linter and formatter of the browser code. Nothing of it is served.
node_modules/.package-lock.json: package-lock.json | .venv/.installed-dev
	$(NODE) npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
