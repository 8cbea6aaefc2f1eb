.DEFAULT_GOAL := help
.PHONY: help up up-all test lint audit format bench soak fuzz screenshots openapi lock setup clean
PYTHON := .venv/bin/python
# Compiled once, beside the packages: every process then starts two to three times as fast.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/.venv/pycache
ARGS ?=

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST)

up: ## start everything and print the address (Ctrl-C stops it)
	@bin/setup base && exec $(PYTHON) -m flask --app app up

up-all: ## the same with fine-tuning and scanned pages: 1.5 GB more
	@bin/setup base && bin/setup ocr && bin/setup finetuning && exec $(PYTHON) -m flask --app app up

test: setup lint ## install what is missing, then run all checks and tests (ARGS="-k name")
	@bin/browser
	@$(PYTHON) -m tests.again -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup ## style, types, import directions
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports

audit: setup ## ask whether packages of the locks have known vulnerabilities
	@bin/audit $(ARGS)

format: setup ## put the code into shape
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

bench: setup ## measure against others; writes benchmarks/latest.json
	@bin/setup bench
	@$(PYTHON) -m benchmarks $(ARGS)

soak: setup ## ten minutes of every fault at random (ARGS="--minutes 2 --seed 7 --write")
	@$(PYTHON) -m tests.faults.soak $(ARGS)

fuzz: setup ## every call with good and bad input, as everybody (ARGS="--minutes 2 --seed 7 --as member --only createJob")
	@$(PYTHON) -m tests.fuzz $(ARGS)

screenshots: setup ## pictures of every page, into screenshots/ (ARGS="--only modal", "--readme")
	@bin/browser
	@$(PYTHON) -m tests.browser.screenshots $(ARGS)

openapi: setup ## write docs/openapi.json anew, after a change of the API
	@$(PYTHON) -m flask --app app openapi --indent 2 --output docs/openapi.json

lock: setup ## write requirements/*.txt anew from pyproject.toml
	@bin/lock

setup: ## make .venv with all packages for development
	@bin/setup dev

clean: ## remove .venv and caches; data in var/ stays
	@rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
