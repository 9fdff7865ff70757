# run, test, bench and lint do what a person expects. Whatever they need beside Go is built into ./bin.
SHELL := /bin/bash

LINT_VERSION := v2.5.0
VULN_VERSION := v1.1.4
LINT         := bin/golangci-lint-$(LINT_VERSION)
VULN         := bin/govulncheck-$(VULN_VERSION)

# Packages whose promises are about concurrency. The whole suite under the race detector takes hours and finds no more.
RACE := ./network/embedded ./network/vault ./gateway/replica ./gateway/access ./gateway/auth ./gateway/uses ./gateway/fhir/proxy ./cmd/volens/node/...

.DEFAULT_GOAL := help
.PHONY: help run build app web-test web-e2e test check-format vet lint go-test test-fabric go-race vulnerabilities bench clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build and start the demo on localhost:8080
	bin/volens demo

build: app ## build bin/volens, with the wallet app where Node is
	go build -o bin/ ./cmd/...

app: ## build the wallet app (wallet/web), where Node is
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory wallet/web/embedded/dist/build.json \
		|| echo "the wallet app could not be built: the program will say so in the app's place"; \
	else echo "no wallet app: install Node.js 20.19 or newer for it"; fi

web-test: ## the wallet app: types, lint, tests, two builds that are the same
	@command -v npm >/dev/null || { echo "install Node.js 20.19 or newer to test the wallet app"; exit 1; }
	$(MAKE) --no-print-directory wallet/web/node_modules/.package-lock.json
	cd wallet/web && npm run --silent check && npm run --silent lint && npm run --silent test
	cd wallet/web && npm run --silent build -- --logLevel error && OUT=$$PWD/node_modules/.again npm run --silent build -- --logLevel error \
		&& diff -r embedded/dist node_modules/.again && rm -r node_modules/.again

web-e2e: build ## each person's story in Chromium, against the binary with the app in it
	@.ci/web-e2e

test: ## everything: format, vet, lint, tests, the wallet app, its story in Chromium, tests on Fabric, tests under the race detector, known vulnerabilities
	@failed=; for stage in check-format vet lint go-test web-test web-e2e test-fabric go-race vulnerabilities; do \
		.ci/stage $$stage $(MAKE) --no-print-directory $$stage || failed="$$failed $$stage"; \
	done; if [ -n "$$failed" ]; then echo; echo "failed:$$failed"; exit 1; fi

check-format:
	@out=$$(git ls-files -z '*.go' | xargs -0 gofmt -l); if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi

vet:
	go vet ./...

lint: $(LINT) ## golangci-lint with .golangci.yml
	$(LINT) run --allow-parallel-runners ./...

go-test: ## the tests, Rego and command scripts among them
	@.ci/gotest ./...

test-fabric: build ## the tests on a real Hyperledger Fabric network, which is built the first time
	@.ci/fabric

go-race: ## the tests of what runs concurrently, under the race detector
	@.ci/gotest -race -short $(RACE) ./network/journal

vulnerabilities: ## known vulnerabilities, where their database can be reached
	@if curl --fail --silent --output /dev/null --max-time 10 https://vuln.go.dev/index/db.json; then \
		$(MAKE) --no-print-directory $(VULN) && $(VULN) ./...; \
	else echo "skipped: https://vuln.go.dev cannot be reached"; fi

bench: build ## measure, and print the README's table
	bin/volens bench all

clean: ## remove what was built
	rm -rf bin wallet/web/embedded/dist wallet/web/node_modules

wallet/web/node_modules/.package-lock.json: wallet/web/package-lock.json
	cd wallet/web && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

wallet/web/embedded/dist/build.json: wallet/web/node_modules/.package-lock.json $(wildcard wallet/web/*.json wallet/web/*.ts wallet/web/index.html) \
		$(shell find wallet/web/src wallet/web/build wallet/web/public -type f)
	cd wallet/web && npm run --silent build -- --logLevel warn

$(LINT):
	GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv bin/golangci-lint $@

$(VULN):
	GOBIN=$(CURDIR)/bin go install golang.org/x/vuln/cmd/govulncheck@$(VULN_VERSION)
	mv bin/govulncheck $@
