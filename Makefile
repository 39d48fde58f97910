# Every target says what it does: make help.

FUZZTIME ?= 1m
SOAK ?= 10m
TOOL := go tool -modfile=$(CURDIR)/tools/go.mod

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the hogflags binary into bin/
	go build -o bin/ ./cmd/hogflags

.PHONY: image
image: ## Build the container image, for amd64 and arm64, into bin/hogflags-image.tar: no daemon
	mkdir -p bin && cd image && go run . -out ../bin/hogflags-image.tar

.PHONY: demo
demo: ## Watch a fleet follow a flag change: no account, no network
	go run ./cmd/hogflags demo

.PHONY: test
test: ## Run all tests
	go test ./...

.PHONY: race
race: ## Run the tests under the race detector, the generated ones with fewer samples
	go test -race -short ./...

.PHONY: soak
soak: ## Trouble a relay in every way for SOAK (10m), and check every answer
	go test ./cmd/hogflags -run '^TestSoak$$' -soak $(SOAK) -timeout 0 -count 1 -v

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (1m) each
	bash .ci/fuzz $(FUZZTIME)

.PHONY: fmt
fmt: ## Format the code
	gofmt -w .

.PHONY: lint
lint: ## Run the linters on every module (building them takes minutes, once)
	$(TOOL) golangci-lint run ./...
	cd bench && $(TOOL) golangci-lint run ./...
	cd examples/lambda && $(TOOL) golangci-lint run ./...
	cd examples/check && $(TOOL) golangci-lint run ./...
	cd image && $(TOOL) golangci-lint run ./...
	$(TOOL) staticcheck -tags hogflags_small -checks inherit,-U1000 ./rules/...

.PHONY: check
check: lint ## Check formatting, vet, lint, and that go.mod files are tidy
	@files=$$(gofmt -l .); test -z "$$files" || { echo "not formatted (make fmt):" $$files; exit 1; }
	go vet ./...
	cd bench && go vet ./...
	cd examples/lambda && go vet ./...
	cd examples/check && go vet ./...
	cd image && go vet ./...
	@for module in . bench examples/lambda examples/check image tools; do (cd $$module && go mod tidy -diff) || exit 1; done

.PHONY: wasm
wasm: ## Build the evaluator for WebAssembly, with and without its backtracking machine
	GOOS=wasip1 GOARCH=wasm go build ./rules
	GOOS=wasip1 GOARCH=wasm go build -tags hogflags_small ./rules
	GOOS=wasip1 GOARCH=wasm go build -tags hogflags_edge ./rules

.PHONY: edge
edge: ## Build the evaluator for the edge, edge/dist/*.wasm, and test it in Node.js and a Workers runtime
	bash edge/build.sh
	cd edge/test && npm ci && npm test

.PHONY: interop
interop: ## Run PostHog's SDKs, a browser and OpenFeature's providers against hogflags (needs npm, Python, Redis, Chromium)
	bash interop/run.sh

.PHONY: bench
bench: ## Measure beside posthog-go; writes bench/results.json and docs/performance.md
	cd bench && go run . -out results.json -table ../docs/performance.md

.PHONY: ci
ci: ## Run everything that a change has to pass (about half an hour)
	bash .ci/run
