# Every target installs what it needs; caches live outside the clone.
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/prpc
export CARGO_TARGET_DIR ?= $(CACHE)/target
VENV := $(CACHE)/venv
PYTHON := $(VENV)/bin/python
CALLS ?= 50000
FUZZ_SECONDS ?= 60
SECONDS ?= 60

.PHONY: deps build demo test lint test-rust test-python test-product test-wheel ledger fuzz wheel bench soak bench-smoke bench-peers

deps: ; @sh tests/install.sh "$(VENV)"

build: deps
	cargo build --release --locked -p prpc-cli
	mkdir -p bin && ln -sf "$(CARGO_TARGET_DIR)/release/prpc" bin/prpc

demo: build
	PATH="$(CURDIR)/bin:$(VENV)/bin:$$PATH" PYTHONPATH="$(CURDIR)/python" sh examples/demo.sh

test: deps lint test-rust test-python test-product test-wheel ledger fuzz

lint: deps
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	cd python && $(VENV)/bin/mypy
	cd tests/product && MYPYPATH=../../python:../../python/tests $(VENV)/bin/mypy --config-file ../../python/pyproject.toml *.py ../ledger/ledger.py

test-rust: deps
	cargo test --workspace --locked

test-python: deps
	cd python && $(PYTHON) -m pytest -q -rfEs tests

# Whatever crosses a crate: the programs as people run them, against a real Redis.
test-product: build
	$(PYTHON) -m pytest -q -rfEs tests/product

# Faults at random, and every accepted call accounted for.
ledger: build
	$(PYTHON) tests/ledger/ledger.py --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

wheel: deps
	rm -rf "$(CACHE)/wheels"
	cd python && $(VENV)/bin/maturin build --release --locked -o "$(CACHE)/wheels"
	$(VENV)/bin/pip wheel -q --no-deps -w "$(CACHE)/wheels" python/compat

test-wheel: wheel
	$(PYTHON) -m pytest -q -rfEs tests/wheel --wheels "$(CACHE)/wheels"

fuzz: deps
	command -v cargo-fuzz >/dev/null || cargo install -q cargo-fuzz --locked
	cd crates/contract && RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$(CACHE)/fuzz" cargo fuzz run decode -- -max_total_time=$(FUZZ_SECONDS) -max_len=65536

PEERS := $(CACHE)/peers
RUNS ?= 5

# All peers in one environment. arq asks for an older redis-py than the others; it runs with theirs.
bench-peers: build
	[ -x "$(PEERS)/bin/python" ] || python3 -m venv "$(PEERS)"
	$(PEERS)/bin/pip install -q -r bench/peers/requirements.txt
	$(PEERS)/bin/pip install -q --no-deps arq==0.28.0
	$(PEERS)/bin/python bench/peers --binary $(CURDIR)/bin/prpc --runs $(RUNS)

# Our figures beside what they must be; `bench-smoke` takes a minute.
bench: build
	$(PYTHON) bench/ours --binary $(CURDIR)/bin/prpc --runs $(RUNS) --json bench/out/ours.json

soak: build
	$(PYTHON) bench/soak.py --binary $(CURDIR)/bin/prpc --seconds $(SECONDS) --worker $(or $(WORKER),thread)

bench-smoke: build
	$(PYTHON) bench/ours --binary $(CURDIR)/bin/prpc --runs 1 --calls $(CALLS) --quick
