# Every target installs what it needs; caches live outside the clone.
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/prpc
export CARGO_TARGET_DIR ?= $(CACHE)/target
VENV := $(CACHE)/venv
PYTHON := $(VENV)/bin/python
CALLS ?= 50000
FUZZ_SECONDS ?= 60
BROKER ?= redis
SECONDS ?= 60

.PHONY: deps build demo test storm lint test-rust test-python test-product test-wheel ledger ledger-kafka fuzz wheel bench soak bench-smoke bench-peers bench-criterion
.PHONY: crds plots chart-deps test-chart cluster-up cluster-down images e2e bench-scaling test-cluster

deps: ; @sh tests/install.sh "$(VENV)"

build: deps
	cargo build --release --locked -p prpc-cli
	mkdir -p bin && ln -sf "$(CARGO_TARGET_DIR)/release/prpc" bin/prpc

demo: build
	PATH="$(CURDIR)/bin:$(VENV)/bin:$$PATH" PYTHONPATH="$(CURDIR)/python" sh examples/demo.sh

test: deps lint test-rust test-python test-product test-wheel ledger ledger-kafka fuzz test-chart test-cluster

lint: deps chart-deps
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	cd python && $(VENV)/bin/mypy
	cd tests/product && MYPYPATH=../../python:../../python/tests $(VENV)/bin/mypy --config-file ../../python/pyproject.toml *.py ../ledger/*.py
	cd tests/cluster && MYPYPATH=../../python:../product $(VENV)/bin/mypy --config-file ../../python/pyproject.toml *.py
	cd bench/scaling && MYPYPATH=..:../../python:../../tests/cluster $(VENV)/bin/mypy --config-file ../../python/pyproject.toml *.py
	cd tests/chart && $(VENV)/bin/mypy --config-file ../../python/pyproject.toml *.py
	cd bench/ours && MYPYPATH=..:../../python:../../tests/product:../../tests/ledger $(VENV)/bin/mypy --config-file ../../python/pyproject.toml __main__.py figures.py kafka_figures.py ../*.py
	$(VENV)/bin/shellcheck tests/*.sh tests/kafka/*.sh tests/kind/*.sh tests/kind/node/*.sh tests/chart/*.sh examples/*.sh
	$(VENV)/bin/hadolint operator/Dockerfile runtime/Dockerfile tests/kind/function/Dockerfile tests/kind/kafka/Dockerfile
	$(VENV)/bin/actionlint && $(VENV)/bin/zizmor --offline -q .github/workflows

test-rust: deps
	cargo test --workspace --locked

test-python: deps
	cd python && $(PYTHON) -m pytest -q -rfEs tests

# Whatever crosses a crate: the programs as people run them, against a real Redis and a real Kafka.
test-product: build
	$(PYTHON) -m pytest -q -rfEs tests/product

# Faults at random, and every accepted call accounted for.
ledger: build
	$(PYTHON) tests/ledger/ledger.py --broker $(BROKER) --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

# Workers that join and leave their group every two seconds for a minute.
storm: build
	$(PYTHON) -m pytest -q tests/product/kafka_storm.py

ledger-kafka: ; @$(MAKE) ledger BROKER=kafka

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
	$(PEERS)/bin/python bench/peers --binary $(CURDIR)/bin/prpc --runs $(RUNS) \
		--json bench/out/peers.json --plot docs/images/peers.svg

# Our figures beside what they must be; `bench-smoke` takes a minute.
bench: build
	$(PYTHON) bench/ours --binary $(CURDIR)/bin/prpc --broker $(BROKER) --runs $(RUNS) \
		--json bench/out/ours$(if $(filter kafka,$(BROKER)),-kafka).json

soak: build
	$(PYTHON) bench/soak.py --binary $(CURDIR)/bin/prpc --seconds $(SECONDS) --worker $(or $(WORKER),thread)

bench-smoke: build
	$(PYTHON) bench/ours --binary $(CURDIR)/bin/prpc --runs 1 --calls $(CALLS) --quick

# The codec and the frames by themselves, without a broker and Python; reports go to `criterion` in the target directory.
bench-criterion:
	cargo bench --locked -p prpc-contract -p prpc-runtime --bench codec --bench frames

TOOLS := $(CACHE)/tools

# From the types to every copy of the definition.
crds:
	cargo run -q --locked -p prpc-api --bin prpc-crd >crds/prpcqueues.yaml
	cp crds/prpcqueues.yaml charts/prpc/files/crds/
	cargo run -q --locked -p prpc-api --bin prpc-crd reference >docs/reference.md

# The drawings and tables of docs/scaling.md, which are simulated: the same for everybody, in some seconds.
plots:
	cargo run -q --locked -p prpc-simulation --bin prpc-plots docs

chart-deps: deps ; @sh tests/chart/install.sh "$(VENV)" "$(TOOLS)"

test-chart: chart-deps
	$(PYTHON) -m pytest -q -rfEs tests/chart

# A kind cluster; see tests/kind/README.md.
cluster-up: ; tests/kind/up.sh

cluster-down: ; tests/kind/down.sh

images: wheel
	cargo build --release --locked -p prpc-operator -p prpc-runtime
	tests/kind/images.sh

# With Helm, in the cluster of `make cluster-up`.
IN_CLUSTER = mkdir -p "$(TOOLS)/bin" && ln -sf ../helm3 "$(TOOLS)/bin/helm" && . "$(CACHE)/kind/env" && PATH="$(TOOLS)/bin:$$PATH"

# The operator in a real cluster, which stays as it is.
e2e: build chart-deps images
	$(IN_CLUSTER) $(PYTHON) -m pytest tests/cluster

# The same with a cluster for this run only, where one can be made.
test-cluster:
	@if [ "$$(id -u)" = 0 ] || docker version >/dev/null 2>&1; then \
		$(MAKE) cluster-up && $(MAKE) e2e && $(MAKE) cluster-down; \
	else \
		echo "SKIPPED tests/cluster: needs a Docker engine, or root on Debian to start one" >&2; \
	fi

# How the scaling follows load in that cluster, in more than an hour; `ONLY=wake,burst` for some of it, `RUNS=3` for medians.
bench-scaling: chart-deps images
	$(IN_CLUSTER) $(PYTHON) bench/scaling --json bench/out/scaling.json \
		--plot $(if $(ONLY),bench/out,docs/images/scaling)/cluster.svg $(if $(ONLY),--only $(ONLY)) \
		$(if $(filter command environment,$(origin RUNS)),--runs $(RUNS))
