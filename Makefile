# Everything a developer or an operator types. `make` alone lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
RUNTIME := .venv/.runtime
DEVELOPMENT := .venv/.development

# What the commands below read; given as `make test STORE=mongodb ARGS="-k token"`.
STORE ?=
ARGS ?=

.PHONY: help
help: ## List the targets (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# -- running ---------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(RUNTIME) ## Start a whole federation on this machine and look a person up [ARGS="--once --json"]
	@exec $(BIN)/klantenregister demo $(ARGS)

# -- testing ---------------------------------------------------------------------------------------------------------

.PHONY: test
test: $(DEVELOPMENT) ## Run every test, pytest's summary last [STORE=sqlite|mongodb|couchdb] [ARGS="-k token"]
	@exec $(BIN)/pytest --numprocesses=auto --dist=loadfile $(if $(STORE),--store=$(STORE)) $(ARGS)

.PHONY: soak
soak: $(DEVELOPMENT) ## Run every test with very many generated examples (hours) [STORE=...] [ARGS=...]
	@HYPOTHESIS_PROFILE=soak exec $(BIN)/pytest --numprocesses=auto --dist=loadfile --timeout=0 $(if $(STORE),--store=$(STORE)) $(ARGS)

.PHONY: services
services: ## Install and start Redis, a MongoDB-protocol and a CouchDB-protocol server for the tests
	@scripts/services start

.PHONY: services-stop
services-stop: ## Stop what `make services` started
	@scripts/services stop

.PHONY: bench
bench: $(DEVELOPMENT) ## Compare the data plane with HAProxy and nginx, interleaved [ARGS="--json|--quick|--only NAME|--rounds N"]
	@exec $(BIN)/python -m bench.dataplane $(ARGS)

.PHONY: bench-manager
bench-manager: $(DEVELOPMENT) ## Compare the Manager with the bare signature, and 10,000 Contracts with 100 [ARGS=--quick]
	@exec $(BIN)/python -m bench.manager $(ARGS)

# -- checking --------------------------------------------------------------------------------------------------------

.PHONY: check
check: check-lint check-types check-imports check-mirror check-docs ## Run every check that is not a test

.PHONY: check-lint
check-lint: $(DEVELOPMENT) ## Lint and layout (ruff)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo 'Layout differs: run `make format`.' >&2; exit 1; }

.PHONY: check-types
check-types: $(DEVELOPMENT) ## Types, strict, tests included (mypy)
	@$(BIN)/mypy
	@$(BIN)/mypy scripts

.PHONY: check-imports
check-imports: $(DEVELOPMENT) ## Who may import whom (import-linter)
	@$(BIN)/lint-imports --no-logo

.PHONY: check-mirror
check-mirror: $(DEVELOPMENT) ## Each module has its twin test file
	@$(BIN)/python -m scripts.check_mirror

.PHONY: check-docs
check-docs: $(DEVELOPMENT) ## Commands and links in the documentation exist, the conformance table is current
	@$(BIN)/python -m scripts.check_docs
	@$(BIN)/python -m scripts.spec_coverage

.PHONY: spec-coverage
spec-coverage: $(DEVELOPMENT) ## List the official FSC scenarios without a test: none [ARGS="--write --readme"]
	@$(BIN)/python -m scripts.spec_coverage $(ARGS)

.PHONY: format
format: $(DEVELOPMENT) ## Repair layout and what ruff can repair
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

# -- shipping --------------------------------------------------------------------------------------------------------

.PHONY: docker
docker: ## Build the container image (needs a container engine)
	docker build --tag klantenregister:local .

.PHONY: lock
lock: $(DEVELOPMENT) ## Write the lock files again [ARGS=--upgrade]
	@scripts/lock $(ARGS)

.PHONY: clean
clean: services-stop ## Remove everything that can be made again: .venv, .services, caches
	rm -rf .venv .services .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# -- the environment -------------------------------------------------------------------------------------------------
# Two stamps in one .venv: the demo need not wait for the tools of the tests.

$(RUNTIME): requirements.lock requirements-build.lock pyproject.toml scripts/venv
	@scripts/venv runtime
	@touch $@

$(DEVELOPMENT): $(RUNTIME) requirements-dev.lock
	@scripts/venv development
	@touch $@
