# Two commands do all set-up on a fresh machine: `make demo` and `make test`.
# `make check` is the gate for style and types; `make bench` measures; `make fuzz` looks for what nobody thought of.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOURNAL_RUNS ?= 10000
KILLS ?= 1000
# One journal for so many: reading it back at the end takes as long as it is.
KILLS_A_RUN := 100
MIXED ?= 1000000
SOAK_MINUTES ?= 30
# Three clients that poll each of 150 units once a second, for an hour.
BUS_REQUESTS ?= 1620000
BUS_SECONDS ?= 600
PROPTEST_CASES ?= 20000
# Always these together: cargo gives libraries other features for other selections, and builds them anew.
CORE := --workspace --exclude python
PYTEST := BENCH_PROGRAMS=$(CURDIR)/target/debug $(BIN)/python -m pytest --quiet
RUST_SOURCES := Cargo.toml Cargo.lock $(shell find crates -path '*/fuzz' -prune -o \( -name '*.rs' -o -name 'Cargo.toml' \) -print)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
unexport CONDA_PREFIX

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: build ## See it work: the cleanroom in three acts, under 90 s once built
	$(BIN)/modwarden demo cleanroom

test: build ## Run every test that needs no root and no extra tool
	cargo test --locked $(CORE) --quiet
	cargo build --locked $(CORE) --quiet --bins --tests
	@# Those of a unit run beside each other; those of the whole want ports, cores and the disk for themselves. 5: none was chosen.
	$(PYTEST) --numprocesses auto --dist loadfile tests/unit $(PYTEST_ARGS) || [ $$? = 5 ]
	$(PYTEST) --ignore tests/unit $(PYTEST_ARGS) || [ $$? = 5 ]

# One run that failed names its seed; JOURNAL_SEED=… repeats it alone, and with JOURNAL_RUNS it begins a piece of so many there.
torture: ## Cut the power and alter a journal 10,000 times each (JOURNAL_RUNS=…)
	JOURNAL_RUNS=$(JOURNAL_RUNS) cargo test --locked $(CORE) --test power -- --nocapture --test-threads 1
	JOURNAL_RUNS=$(JOURNAL_RUNS) cargo test --locked $(CORE) --lib tamper_tests::mutations -- --nocapture

kills: build ## kill -9 a guard under load at 1,000 random moments (KILLS=…)
	for run in $$(seq $$(( ($(KILLS) + $(KILLS_A_RUN) - 1) / $(KILLS_A_RUN) ))); do \
	    KILLS=$(KILLS_A_RUN) $(BIN)/python -m pytest --quiet --capture=no tests/system/test_killed_under_load.py \
	        -k every_write_that_a_server_received; \
	done

attack: build ## Attack a guard beside honest clients into docs/reliability.md; hostile servers too (MIXED=…)
	cargo build --locked --release --quiet -p bench
	rm -rf target/attack
	BENCH_PROGRAMS=$(CURDIR)/target/release ATTACK_SECONDS=10 ATTACK_RESULTS=$(CURDIR)/target/attack \
	    $(BIN)/python -m pytest --quiet --capture=no -p no:randomly tests/system/test_attacks.py
	$(BIN)/python -m bench.attacks_page target/attack docs
	MIXED=$(MIXED) cargo test --locked -p guard --test hostile_servers -- --nocapture

bus: ## Twelve buses: an hour's requests at raised baud, and BUS_SECONDS (600) in real time at 19,200
	LINES_REQUESTS=$(BUS_REQUESTS) cargo test --locked $(CORE) --test lines many -- --nocapture
	LINES_BAUD=19200 LINES_SECONDS=$(BUS_SECONDS) cargo test --locked $(CORE) --test lines many -- --nocapture

check: build ## Format, lint, types, import walls, licences
	cargo fmt --all --check
	rustfmt --check --edition 2024 crates/*/fuzz/fuzz_targets/*.rs
	cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; \
	else echo 'cargo-deny is not installed: bans, licences and sources not checked'; fi
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/stubtest modwarden._core

deep: build ## Every property test with 20,000 cases each (PROPTEST_CASES=…)
	PROPTEST_CASES=$(PROPTEST_CASES) cargo test --locked --release -p wire --test properties
	PROPTEST_CASES=$(PROPTEST_CASES) cargo test --locked --release -p policy --test model
	PROPTEST_CASES=$(PROPTEST_CASES) cargo test --locked --release -p role --test roles
	PROPTEST_CASES=$(PROPTEST_CASES) cargo test --locked --release -p session --test promises
	PROPTEST_CASES=$(PROPTEST_CASES) $(BIN)/python -m pytest --quiet tests/unit/model/test_point.py
	PROPTEST_CASES=$(PROPTEST_CASES) $(BIN)/python -m pytest --quiet --timeout 0 tests/unit/site/proof/test_against_packet_walk.py

fuzz: ## Fuzz every parser and the session, FUZZ_SECONDS each (needs cargo-fuzz)
	@.ci/fuzz

bench: build target/bench/modbus-proxy ## Measure beside others into docs/benchmarks.md; BENCH=quick: does it work?
	cargo build --locked --release --quiet -p bench -p guard-on-double -p long-record
	@command -v haproxy >/dev/null || { echo 'haproxy is needed: apt install haproxy'; exit 3; }
	$(BIN)/python -m bench --parts all $(if $(filter quick,$(BENCH)),--quick --results target/bench/quick --docs target/bench/quick,--docs docs)

soak: build ## A compressed day of the cleanroom, SOAK_MINUTES (30), into docs/reliability.md: what grows or is lost?
	cargo build --locked --release --quiet -p bench
	$(BIN)/python -m bench.soak --minutes $(SOAK_MINUTES) --docs docs $(SOAK_ARGS)

target/bench/modbus-proxy: bench/requirements.txt | toolchain
	$(PYTHON) -m venv $@
	$@/bin/pip install --quiet --require-hashes -r $<
	@touch $@

build: $(VENV)/.built ## Build everything into .venv

requirements: ## Pin Python's packages anew
	test -x $(BIN)/uv || $(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --group dev --group build --universal --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header --quiet --upgrade -o requirements/dev.txt

clean: ## Remove what was built
	rm -rf $(VENV) target

$(VENV)/.installed: requirements/dev.txt | toolchain
	@echo '[1/2] Python packages into $(VENV)'
	$(PYTHON) -m venv $(VENV)
	@# The compiled list is whole. Resolving it anew fails in older pips when a newer release of a package with extras appears.
	$(BIN)/pip install --quiet --require-hashes --no-deps -r requirements/dev.txt
	$(BIN)/pip check --quiet
	@touch $@

$(VENV)/.built: $(VENV)/.installed $(RUST_SOURCES) pyproject.toml
	@echo '[2/2] The data plane, in Rust (a first build takes some minutes)'
	$(BIN)/maturin develop --locked --release
	@touch $@

toolchain:
	@command -v $(PYTHON) >/dev/null || { echo 'Python 3.11 or later is needed: apt install python3 python3-venv'; exit 3; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or later is needed; set PYTHON=python3.x'; exit 3; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo 'Python lacks venv: apt install python3-venv'; exit 3; }
	@command -v cargo >/dev/null || { echo 'Rust 1.95 or later is needed (cargo was not found): install it with rustup, or apt install cargo where it is new enough'; exit 3; }
	@command -v cc >/dev/null || { echo 'A C compiler is needed (cc was not found): apt install build-essential'; exit 3; }
	@command -v pkg-config >/dev/null || { echo 'pkg-config is needed: apt install pkg-config'; exit 3; }
	@pkg-config --atleast-version=3 openssl || { echo 'OpenSSL 3 with its headers is needed: apt install libssl-dev'; exit 3; }

.PHONY: help demo test torture deep kills attack bus soak check fuzz bench build requirements clean toolchain
