# Two commands: `make run` shows it working, `make test` proves it. Needs Python 3.11 or newer and make.

.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin

.PHONY: help setup run up test quick lint types floors sql unit prove audit sbom simulate fuzz chaos mutants bench scale-out format lineage docs requirements pictures report-pictures clean

help: ## List the commands.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

setup: .venv/run.done ## Create .venv from pinned, hashed requirements; .venv/bin/fridge is the command line.

.venv/run.done: requirements/run.txt pyproject.toml scripts/create_environment.sh scripts/dagster_commands.pth
	@sh scripts/create_environment.sh run

# Its requirements hold those of run.txt.
.venv/test.done: requirements/test.txt pyproject.toml scripts/create_environment.sh scripts/dagster_commands.pth
	@sh scripts/create_environment.sh test && touch .venv/run.done

.venv/bench.done: requirements/bench.txt pyproject.toml scripts/create_environment.sh .venv/run.done
	@sh scripts/create_environment.sh bench

.venv/scale.done: requirements/scale.txt pyproject.toml scripts/create_environment.sh .venv/run.done
	@sh scripts/create_environment.sh scale

run: setup ## Land two days of real readings, bill them to a local Stripe sandbox, and show it in the Dagster UI.
	@$(BIN)/fridge demo

up: setup ## Run everything on this machine with your own landing files.
	@$(BIN)/fridge up

test: .venv/test.done ## Everything that must hold before a change lands.
	@$(MAKE) --no-print-directory -j 2 lint types floors sql audit AUDIT=--warn
	@$(MAKE) --no-print-directory unit

# What needs no database, no sandbox and no process of its own.
QUICK = tests/calendar tests/catalogue tests/usage tests/stripe tests/test_settings.py tests/billing/test_retries.py \
	tests/ingest/test_likely_cause.py tests/ingest/test_listing_plan.py tests/ingest/test_reading.py tests/cli/test_help.py

quick: lint ## Style and the tests of pure rules: seconds, after each edit.
	@$(BIN)/pytest -q -p no:randomly -n 0 $(QUICK)

lint: .venv/test.done ## Style and formatting.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/test.done ## Strict types.
	@$(BIN)/mypy
	@for each in scripts scripts/chaos scripts/scale_out; do $(BIN)/mypy $$each/*.py || exit 1; done

floors: .venv/test.done ## Which part may know which.
	@$(BIN)/lint-imports --no-logo

# The warnings are Python's own, about what its worker processes leave behind.
sql: .venv/test.done ## Style of all SQL.
	@PYTHONWARNINGS=ignore $(BIN)/python scripts/sql_style.py lint --disable-progress-bar -q --processes 0 fridge_pipeline dbt_like_sql benchmarks
	@$(BIN)/sqlfluff lint --disable-progress-bar -q --dialect sqlite --templater raw stripe_sandbox

# Three more than there are processors: whoever tests a running installation waits most of the time.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 3)

# Databases are made and dropped by the hundred: where memory has room for them, that takes a third less.
ROOMY = $(shell df --output=avail /dev/shm 2>/dev/null | awk 'NR == 2 && $$1 > 8000000 { print "/dev/shm" }')

# Hundreds of processes import the same modules, so bytecode is kept.
PYTEST = PYTHONDONTWRITEBYTECODE= $(if $(ROOMY),PYTEST_DEBUG_TEMPROOT=$(ROOMY)) $(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# With ALL=1 the longest ones too, in the same go: they wait most of the time, while the others work.
ALL ?=

unit: .venv/test.done ## All tests but the longest, in parallel and in random order: make test ALL=1 for these too.
	@$(PYTEST) $(if $(ALL),,-m "not prove")

prove: .venv/test.done ## The longest tests: whole installations that are killed, cancelled, overlapped.
	@$(PYTEST) -m prove

# Only `make audit` fails by what the service says: no day may turn a sound change red in `make test`.
AUDIT ?=

audit: .venv/test.done ## Ask the advisory service about every pin.
	@$(BIN)/python scripts/audit.py $(AUDIT)

SBOM ?= sbom.json

# Of an environment that shows what runs and nothing else.
sbom: .venv/test.done ## What it runs on as sbom.json: CycloneDX, with licences and what needs what.
	@rm -rf build/sbom && $(BIN)/python -m venv --without-pip build/sbom
	@$(BIN)/python scripts/show_only_run.py build/sbom
	@$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o $(SBOM) build/sbom/bin/python
	@rm -rf build/sbom

N ?= 1000
SEED ?= 1
PROCESSES ?= $(shell getconf _NPROCESSORS_ONLN)

INVOICED ?= 12

simulate: .venv/test.done ## Random schedules of people, faults, deaths and late files; INVOICED=1: of invoices too: make simulate N=10000 SEED=1
	@SIMULATE_INVOICED=$(INVOICED) $(BIN)/python scripts/simulate.py --schedules $(N) --seed $(SEED) --processes $(PROCESSES)

fuzz: .venv/test.done ## Mutated landing files of all formats through the loader: make fuzz N=100000 SEED=1
	@$(BIN)/python scripts/fuzz.py --files $(N) --seed $(SEED) --processes $(PROCESSES)

chaos: .venv/test.done ## Kill real billing processes KILLS times, restart PostgreSQL, cut Stripe off; totals must be right.
	@$(BIN)/python scripts/chaos --kills $(KILLS) --seed $(SEED)

KILLS ?= 200

mutants: .venv/test.done ## Switch each guarantee off in turn; some test must fail, and it says which: make mutants ONLY=invoices:
	@$(BIN)/python scripts/mutants.py $(ONLY)

SCALE ?= default
ONLY ?=

bench: .venv/bench.done ## Every speed as a ratio to a named alternative: make bench SCALE=full ONLY=load,push SEED=1
	@$(BIN)/python -m benchmarks --scale $(SCALE) --seed $(SEED) $(if $(ONLY),--only $(ONLY))

scale-out: .venv/scale.done ## 48 heavy hours on Celery workers, one killed, against one machine's launcher (needs redis-server).
	@$(BIN)/python scripts/scale_out --seed $(SEED)

format: .venv/test.done ## Format Python and SQL.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfluff fix --disable-progress-bar -q fridge_pipeline dbt_like_sql benchmarks

lineage: .venv/test.done ## Write where each column of the SQL models comes from: dbt_like_sql/lineage.json.
	@PYTHONPATH=. $(BIN)/python scripts/column_lineage.py

docs: setup ## Write docs/reference/ from the code: commands, variables, SQL models, tables.
	@PYTHONPATH=. $(BIN)/python scripts/reference.py
	@env -u FRIDGE_DATABASE_URL FRIDGE_HOME="$$PWD/build/docs" $(BIN)/fridge db schema > docs/reference/schema.md
	@rm -rf build/docs

requirements: ## Pin requirements/*.in anew, with hashes and without index addresses (needs uv).
	@for set in run test bench kubernetes scale; do \
		uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-header --no-annotate -q requirements/$$set.in -o requirements/$$set.txt; \
	done

pictures: .venv/test.done ## Run the demo, use its UI as a data engineer, and take the pictures for docs/ (needs chromium).
	@PICTURES=docs/images $(BIN)/pytest -n 0 -q tests/live/test_up.py tests/console/test_readers_walk.py -k "data_engineer or controller"

report-pictures: .venv/test.done ## Bill a real month and take the pictures of its report for docs/ (needs ../shared and chromium).
	@$(BIN)/python -m scripts.report_pictures docs/images

clean: ## Remove what was made: the environment, the data under .fridge, caches.
	@if [ -x $(BIN)/fridge ]; then $(BIN)/fridge db stop >/dev/null 2>&1 || true; fi
	@rm -rf .venv .fridge .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
