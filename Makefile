# `make` alone prints the targets. PORT and DATA_DIR are honoured by `run`, FILTER by `test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

# Without this check SwiftPM lets a room import one that its manifest entry does not name.
swift_build := swift build --explicit-target-dependency-import-check error
models := onnxruntime spleeter-2stems
swift_sources := Package.swift Sources Tests

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: models ## start the server with a demo account: http://127.0.0.1:$PORT, data in $DATA_DIR
	@DATA_DIR="$${DATA_DIR:-$(CURDIR)/var}" exec .build/release/cadenza serve --demo

.PHONY: setup
setup:
	@scripts/setup.sh

.PHONY: release
release: setup ## build .build/release/cadenza
	@$(swift_build) --configuration release --static-swift-stdlib --product cadenza

.PHONY: models
models: release ## install the ONNX Runtime and the default separation model
	@.build/release/cadenza models install $(models)

.PHONY: build
build: setup ## build everything for debugging, tests too
	@$(swift_build) --build-tests

.PHONY: fixtures
fixtures: ## make the audio that tests measure against
	@scripts/setup.sh --test
	@scripts/fixtures.sh

.PHONY: test
test: fixtures build ## run the tests, beside a Postgres of their own; FILTER=HTTPTests runs those that match
	@.build/debug/cadenza models install $(models)
	@scripts/with_postgres.sh swift test --skip-build --disable-xctest $(if $(FILTER),--filter '$(FILTER)')
	@$(if $(FILTER),,CADENZA_TEST_ENGINE=postgres scripts/with_postgres.sh \
		swift test --skip-build --disable-xctest --filter ProductTests)

.PHONY: lint
lint: ## check formatting and shell scripts
	@swift format lint --strict --parallel --configuration config/swift-format.json --recursive $(swift_sources)
	@shellcheck scripts/*.sh .ci/run

.PHONY: format
format: ## format the Swift sources
	@swift format --in-place --parallel --configuration config/swift-format.json --recursive $(swift_sources)

.PHONY: bench
bench: models ## measure HTTP, jobs and separation beside their peers, which it fetches
	@scripts/setup.sh --bench
	@scripts/bench-http
	@scripts/bench-queue
	@scripts/bench-credits
	@scripts/bench-jobs
	@.build/release/cadenza bench separation --peer --python "$$(scripts/torch.sh)"

.PHONY: parity
parity: models ## recompute the networks' golden values with PyTorch and compare
	@scripts/parity.sh

.PHONY: prove
prove: models fixtures ## show the promises of docs/status.md; CASES="song crash" shows some
	@scripts/prove $(CASES)

.PHONY: chaos
chaos: models ## break real servers CYCLES (20) times; SEED=… repeats, ENGINE=sqlite, FAULTS=kill,stop
	@scripts/setup.sh --chaos
	@scripts/chaos --cycles $(or $(CYCLES),20) $(if $(SEED),--seed $(SEED)) $(if $(ENGINE),--engine $(ENGINE)) \
		$(if $(FAULTS),--faults $(FAULTS))

.PHONY: simulate
simulate: build ## break simulated servers under SEEDS (3000) seeds from FIRST (1); SEED=… repeats one and prints what happens
	@CADENZA_SIMULATION_FIRST=$(or $(SEED),$(FIRST),1) \
		CADENZA_SIMULATION_SEEDS=$(if $(SEED),1,$(or $(SEEDS),3000)) \
		swift test --skip-build --disable-xctest --filter SimulationTests

.PHONY: openapi
openapi: models ## hold the server to its OpenAPI document with schemathesis, which it installs
	@scripts/schemathesis.sh

.PHONY: check
check: test lint ## what a change must pass

.PHONY: fuzz
fuzz: ## fuzz the parsers under ASan, SECONDS (45) for each; TARGETS="json multipart" runs some
	@scripts/fuzz.sh $(or $(SECONDS),45) $(TARGETS)

.PHONY: asan
asan: ## run the network tests under the address sanitizer
	@scripts/sanitize.sh address

.PHONY: tsan
tsan: ## run the network tests under the thread sanitizer
	@scripts/sanitize.sh thread

.PHONY: mutate
mutate: ## break the HTTP layer in ways that the tests must notice; NAMES="…" tries some
	@scripts/mutate $(NAMES)

.PHONY: clean
clean: ## remove what was built; models and data stay
	@rm -rf .build
