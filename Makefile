# Every target installs what it needs; caches live outside the clone.
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/prpc
export CARGO_TARGET_DIR ?= $(CACHE)/target
VENV := $(CACHE)/venv

.PHONY: deps test lint test-rust test-python

deps: ; @sh tests/install.sh "$(VENV)"

test: deps lint test-rust test-python

lint: deps
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

test-rust: deps
	cargo test --workspace --locked

test-python: deps
	cd python && $(VENV)/bin/python -m pytest -q tests
