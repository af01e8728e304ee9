# Two commands are all a newcomer needs: `make run` and `make test`. `make` lists the rest.

# The toolchain of go.mod, whatever Go is installed; Go fetches it by itself.
export GOTOOLCHAIN := go1.26.11

GOLANGCI_LINT := v2.15.0
TOOLS         := $(CURDIR)/.tools
LINTER        := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT)

VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS   := -s -w -X github.com/evenkeel/evenkeel/proxy/internal/command.version=$(VERSION)
IMAGE     ?= localhost/evenkeel:$(VERSION)
CONTAINER ?= $(notdir $(firstword $(shell command -v podman) $(shell command -v docker)))
# Where the system keeps the certificates of the authorities that it trusts.
CA_ROOTS  ?= /etc/ssl/certs/ca-certificates.crt
FUZZTIME  ?= 30s

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Run the load balancer and three demo targets here (needs nothing but Go)
	go run ./proxy demo

# The CDK app runs in Node, which is told not to complain of being old.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 1

.PHONY: test
test: ## Run all unit and integration tests, with the race detector but for the CDK app (needs Node)
	@command -v node >/dev/null || { echo 'make test: infra needs Node 20 or newer; on Debian: apt-get install nodejs npm' >&2; exit 1; }
	go test -race $$(go list ./... | grep -v /infra)
	go test ./infra/...
	go test -run Alloc ./proxy/... # which cannot be counted under the race detector

.PHONY: lint
lint: $(LINTER) ## Check format, style and known mistakes
	$(LINTER) run ./...
	go vet -tags e2e ./test/...
	go mod tidy -diff

.PHONY: fmt
fmt: $(LINTER) ## Format all Go files
	$(LINTER) fmt ./...

.PHONY: e2e
e2e: image ## Run the real parts together: processes, sockets, the container (SOAK=1 for the long run)
	EVENKEEL_IMAGE=$(IMAGE) EVENKEEL_CONTAINER=$(CONTAINER) \
		go test -count=1 -timeout 60m -tags e2e -v ./test/e2e/...

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (default 30s) each
	@set -e; for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
			echo "== $$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package"; \
		done; \
	done

.PHONY: bench
bench: build ## Compare CPU time per request with nginx and HAProxy
	go run ./test/bench -evenkeel dist/evenkeel

# Cases that stand for what a proxy does most.
PROFILED := a b c d f g h j k
.PHONY: pgo
pgo: ## Profile the benchmark: makes proxy/default.pgo, which the compiler takes (not committed, see proxy/DESIGN.md)
	mkdir -p dist/profiles
	go build -tags profile -pgo=off -trimpath -o dist/evenkeel-profiled ./proxy
	for c in $(PROFILED); do go run ./test/bench -evenkeel dist/evenkeel-profiled -profile dist/profiles -rounds 1 -case $$c || exit 1; done
	go tool pprof -proto $(PROFILED:%=dist/profiles/%.pprof) > proxy/default.pgo

.PHONY: build
build: dist/evenkeel ## Build the static binary into dist/

# Go knows best whether anything changed.
.PHONY: dist/evenkeel
dist/evenkeel:
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./proxy

.PHONY: image
image: build ## Build the container image with podman or docker
	@test -n '$(CONTAINER)' || { echo 'make image: needs podman or docker; on Debian: apt-get install podman runc' >&2; exit 1; }
	@test -f '$(CA_ROOTS)' || { echo 'make image: no $(CA_ROOTS); on Debian: apt-get install ca-certificates; elsewhere say CA_ROOTS=FILE' >&2; exit 1; }
	rm -rf dist/image && mkdir -p dist/image/environments
	cp dist/evenkeel dist/image/evenkeel
	cp '$(CA_ROOTS)' dist/image/ca-certificates.crt
	cp environments/*.yaml dist/image/environments/
	echo 'evenkeel:x:65532:65532:evenkeel:/:/evenkeel' >dist/image/passwd
	echo 'evenkeel:x:65532:' >dist/image/group
	$(CONTAINER) build $(if $(filter podman,$(CONTAINER)),--format docker) --build-arg VERSION=$(VERSION) -t $(IMAGE) -f proxy/Dockerfile dist/image

# What CDK makes of an environment file, one folder an environment.
ASSEMBLY = cdk.out/$(or $(ENV),$(error which environment? Say ENV=dev, ENV=staging or ENV=prod))
CDK      = npx --no-install cdk --app '$(ASSEMBLY)'

.PHONY: synth
synth: node_modules/.package-lock.json ## Write the CloudFormation templates of ENV to cdk.out/ENV
	npx --no-install cdk synth --strict --quiet -c env=$(ENV) --output '$(ASSEMBLY)'

.PHONY: diff
diff: synth ## Compare ENV with what is deployed (needs AWS credentials)
	$(CDK) diff --strict

.PHONY: deploy
deploy: synth ## Deploy ENV (needs AWS credentials and, once an account and region, cdk bootstrap)
	$(CDK) deploy --strict --all

.PHONY: destroy
destroy: synth ## Delete what ENV has on AWS but for what is kept: logs, files, snapshots
	$(CDK) destroy --all

.PHONY: cost
cost: synth ## Estimate what ENV costs a month, by resource
	go run ./infra/estimate -assembly '$(ASSEMBLY)'

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund
	touch $@

.PHONY: clean
clean: ## Remove what was built
	rm -rf dist cdk.out

$(LINTER):
	GOBIN='$(TOOLS)' go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	mv '$(TOOLS)/golangci-lint' '$@'
