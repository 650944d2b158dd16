# KubeOps. `make help` lists the targets. `make demo` and `make test` need only Go and, on Debian, apt.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := $(CURDIR)/bin
# Released binaries run in an image without a C library.
export CGO_ENABLED ?= 0
# Go does not download another toolchain: a build uses the Go that is installed.
export GOTOOLCHAIN ?= local
# The version of a release. Without it, Go records the version that follows from the repository's tags.
VERSION ?=
GO_BUILD := go build -trimpath -ldflags "-s -w -X kubeops.io/kubeops/internal/buildinfo.release=$(VERSION)"
CLUSTER := $(BIN)/cluster --root $(BIN)
NAME ?= kubeops

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Start here

.PHONY: demo
demo: build $(BIN)/cluster ## Start a real local cluster, break a small shop in it, and print the report (AI=1: with explanations by a small model; PIPELINE=1: a push that becomes Pods instead)
	@BIN=$(BIN) hack/demo.sh

.PHONY: test
test: test-unit test-dashboard test-e2e ## Run all tests: unit, controllers against a real API server, pages in a browser, end to end on a real node

.PHONY: test-full
test-full: test test-install test-gitops test-walls test-remedies test-day test-keycloak test-dashboard-load test-dashboard-api test-workers test-failover test-soak test-permissions test-edge test-edge-served test-clusters $(if $(FLUENTD),test-fluentd) ## Run all tests, and those that take longer (each has a target of its own)

##@ Development

.PHONY: build
build: $(BIN) ## Build the manager, the command line and the plugin for Argo CD into bin/
	$(GO_BUILD) -o $(BIN)/manager ./cmd/manager
	$(GO_BUILD) -o $(BIN)/kubeops ./cmd/kubeops
	$(GO_BUILD) -o $(BIN)/argocd-provider ./cmd/argocd-provider

.PHONY: validator
validator: $(BIN) ## Build kubeops-validator into bin/: with it, `kubeops inspect -f` knows what an API server refuses (compiles parts of Kubernetes)
	cd validator && $(GO_BUILD) -o $(BIN)/kubeops-validator .

.PHONY: test-unit
test-unit: kube servers ## Run the unit tests, with controllers against a real API server and etcd
	go test ./api/... ./cmd/... ./controllers/... ./hack/apidocs ./hack/signals/... ./internal/... ./providers/... ./test/docs
	cd hack/cluster && go test . ./cmd/release ./internal/...
	cd validator && go test -trimpath ./... # with the packages that the build of Kubernetes has compiled

.PHONY: test-day
test-day: servers ## Inspect a day of 200 workloads every hour, on a real Prometheus and a real Loki (takes minutes)
	DAY=1 go test ./internal/inspect -run TestADayOf200Workloads -count=1 -timeout 20m -v

.PHONY: test-keycloak
test-keycloak: kube web-tools ## Sign in at a real Keycloak with Chromium, with a password and with a second factor (takes minutes)
	@BIN=$(BIN) hack/servers.sh keycloak
	KEYCLOAK=1 go test ./internal/dashboard/openid -run TestSigningInAtKeycloak -count=1 -v

.PHONY: web-test
web-test: $(BIN) ## Run the unit tests of the pages of the dashboard (Vitest)
	@BIN=$(BIN) hack/web.sh test

.PHONY: test-dashboard
test-dashboard: kube web-tools web-test ## Open the pages of the dashboard in Chromium (SCREENSHOTS=FOLDER: keep pictures)
	BROWSER=1 go test ./internal/dashboard -run TestPagesInABrowser -count=1

.PHONY: test-dashboard-load
test-dashboard-load: kube ## Measure the dashboard with 100 viewers of 10,000 Pods: its memory, and the time to the first rows
	LOAD=1 go test ./internal/dashboard -run TestAHundredViewersOfTenThousandPods -count=1 -timeout 10m -v

.PHONY: test-dashboard-api
test-dashboard-api: kube $(BIN) ## Test the API of the dashboard against its OpenAPI document with Schemathesis (needs Python 3; installs it into bin/ once)
	@BIN=$(BIN) hack/servers.sh schemathesis
	SCHEMATHESIS=$(BIN)/servers/schemathesis go test ./internal/dashboard -run TestTheAPIIsWhatItsDescriptionSays -count=1 -v

.PHONY: servers
servers: $(BIN) ## Download or build the servers that the tests use, such as Prometheus and Loki (once; takes minutes)
	@BIN=$(BIN) hack/servers.sh

.PHONY: test-walls
test-walls: kube ## Run the manager in 256 MiB beside the hostile resources of a tenant, on a real API server
	go test ./test/walls -skip 'TestKilledWorkers|TestFailover|TestManagersSurvive|TestSoak|TestAnIdle|TestTheManagerUses|TestManyClusters' -count=1 -timeout 40m -v

# A folder with checkouts of Fluentd and of its plug-in in fluentd and kubernetes_metadata. No package registry has them.
export FLUENTD ?=

.PHONY: test-fluentd
test-fluentd: kube servers ## Run log collection in a real Fluentd (FLUENTD=FOLDER of checkouts; KUBEOPS_HOSTILE_FOR=10m for a longer attack)
	go test ./test/fluentd -count=1 -timeout 40m -v

.PHONY: test-workers
test-workers: kube servers ## Inspect four clusters of 10,000 Pods by 1, 2 and 4 workers, and kill workers (KUBEOPS_WORKER_PODS=..., KUBEOPS_WORKER_KILLS=...)
	go test ./test/walls -run TestKilledWorkers -count=1 -timeout 60m -v

.PHONY: test-failover
test-failover: kube ## Kill the leader of two managers 50 times amid work, and stop the API server for a minute (KUBEOPS_FAILOVER_KILLS=..., KUBEOPS_OUTAGE=...)
	go test ./test/walls -run 'TestFailover|TestManagersSurvive' -count=1 -timeout 60m -v

.PHONY: test-soak
test-soak: kube ## Inspect 20 times in a minute for 30 minutes: nothing grows (SOAK=30m), and measure an idle manager
	go test ./test/walls -run 'TestSoak|TestAnIdleManager' -count=1 -timeout 120m -v

.PHONY: test-permissions
test-permissions: kube $(BIN) ## Do work of all kinds with an audit log: nothing is forbidden, and no permission is without use or reason (bin/permissions.md)
	PERMISSIONS_REPORT=$(BIN)/permissions.md go test ./test/walls -run TestTheManagerUses -count=1 -timeout 20m -v

.PHONY: test-edge
test-edge: kube ## Create the edge components with the CRDs of the Gateway API, Istio, APISIX and Higress, and run Istio's own validation (downloads Istio once)
	go test ./test/edge -skip TestServedBy -count=1 -v
	cd test/edge/istio && go test -count=1 ./...

.PHONY: test-edge-served
test-edge-served: kube ## Serve the components edge-gateway-api and edge-envoy-gateway by a real Envoy Gateway (builds it once: minutes)
	@BIN=$(BIN) hack/servers.sh envoy-gateway
	go test ./test/edge -run TestServedBy -count=1 -timeout 10m -v

.PHONY: test-clusters
test-clusters: kube ## Connect 50 clusters, of which ten die, and rotate their credentials 1,000 times (KUBEOPS_CLUSTERS=..., KUBEOPS_ROTATIONS=...)
	go test ./test/walls -run TestManyClusters -count=1 -timeout 30m -v

.PHONY: test-remedies
test-remedies: build kube ## Break objects and applications on a real node, and run what the findings advise
	go test ./test/remedies -count=1 -timeout 40m -v

.PHONY: test-e2e
test-e2e: build kube servers ## Run the end-to-end tests on a real node
	go test ./test/e2e -count=1 -timeout 40m -v -ginkgo.v
	KUBEOPS_FAILOVER_KILLS=3 go test ./test/walls -run TestFailover -count=1 -timeout 10m -v

.PHONY: test-install
test-install: build kube $(BIN)/helm ## Install, upgrade and uninstall a release by Helm on a real node
	go test ./test/install -count=1 -timeout 30m -v

.PHONY: test-gitops
test-gitops: kube ## Let a real Argo CD apply examples/gitops, and read the health that it shows
	@BIN=$(BIN) hack/servers.sh argocd
	go test ./test/gitops -count=1 -v

.PHONY: race
race: kube servers ## Run the unit tests with the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race ./controllers/... ./internal/...

.PHONY: bench
bench: build $(BIN)/cluster ## Benchmark inspections of 1,000, 10,000 and 50,000 Pods (SIZES=...)
	go build -o $(BIN)/bench ./hack/bench
	@BIN=$(BIN) hack/bench.sh

.PHONY: bench-continuous
bench-continuous: build $(BIN)/cluster ## Benchmark a continuous Inspection of 10,000 Pods: from a change to the status (PODS=..., CHANGES=...)
	go build -o $(BIN)/bench ./hack/bench
	@BIN=$(BIN) hack/bench-continuous.sh

.PHONY: bench-signals
bench-signals: ## Score templates and trends on public data with ground truth (LOGHUB=FOLDER, NAB=FOLDER; see docs/log-analysis.md and docs/trends.md)
	$(if $(LOGHUB)$(NAB),,$(error set LOGHUB or NAB to a folder))
	$(if $(LOGHUB),go run ./hack/signals/logs "$(LOGHUB)")
	$(if $(NAB),go run ./hack/signals/series -nab "$(NAB)")

.PHONY: bench-ai
bench-ai: ## Measure explanations on failures with known causes (ARGS='--url URL --model MODEL': what a live model makes of them; see docs/ai.md)
	go run ./hack/aibench $(ARGS)

.PHONY: bench-go
bench-go: ## Run the Go benchmarks of reducers, checks and the cause linker
	go test -run '^$$' -bench . -benchmem ./internal/...

.PHONY: fuzz
fuzz: $(BIN) ## Run each fuzz target for 10 minutes (FUZZTIME=..., JOBS=... at once, TARGETS=REGEXP on "FOLDER TARGET")
	@BIN=$(BIN) FUZZTIME=$(FUZZTIME) JOBS=$(JOBS) TARGETS='$(value TARGETS)' hack/fuzz.sh

.PHONY: generate
generate: $(BIN)/controller-gen ## Regenerate deep copies, CRDs, RBAC roles, dashboards, references in docs/ and the chart
	$(BIN)/controller-gen object paths=./api/...
	$(BIN)/controller-gen crd paths=./api/... output:crd:dir=config/crd/bases
	$(BIN)/controller-gen rbac:roleName=kubeops-manager paths=./controllers/... output:rbac:dir=config/rbac
	go run ./cmd/kubeops checks -o markdown > docs/checks.md
	go run ./hack/clidocs docs/cli.md
	go run ./hack/visual config/components
	go run ./hack/apidocs config/crd/bases api/v1alpha1 docs
	go run ./hack/configdocs api/config/v1alpha1 docs/configuration.md charts/kubeops/values.schema.json
	cd hack/chart && go run . generate ../..

.PHONY: web
web: $(BIN) ## Build the pages of the dashboard into internal/dashboard/dist (downloads Node and packages into bin/web once)
	@BIN=$(BIN) hack/web.sh

.PHONY: web-tools
web-tools: $(BIN) ## Install what the browser test of the dashboard needs (once)
	@BIN=$(BIN) hack/web.sh tools

.PHONY: proto
proto: $(BIN)/protoc-gen-go $(BIN)/protoc-gen-go-grpc ## Regenerate the Go code of api/plugin (needs protoc and the well-known types)
	protoc -I api/plugin/v1 --plugin=$(BIN)/protoc-gen-go --plugin=$(BIN)/protoc-gen-go-grpc --go_out=api/plugin/v1 \
		--go_opt=paths=source_relative --go-grpc_out=api/plugin/v1 --go-grpc_opt=paths=source_relative plugin.proto

.PHONY: verify
verify: ## Check generated files, formatting, style and lint, as CI does
	@hack/verify.sh
	go test ./hack/style
	cd hack/chart && go test ./... # what Helm installs is what Kustomize installs
	cd hack/site && go test ./... # the documentation has no broken link
	@$(MAKE) --no-print-directory lint

.PHONY: lint
lint: $(BIN)/golangci-lint ## Run the linters, including the direction of imports
	$(BIN)/golangci-lint run ./...
	cd hack/cluster && $(BIN)/golangci-lint run --enable-only lll ./...
	cd hack/chart && $(BIN)/golangci-lint run ./...
	cd hack/site && $(BIN)/golangci-lint run ./...
	cd validator && GOFLAGS=-trimpath $(BIN)/golangci-lint run ./...

.PHONY: vuln
vuln: $(BIN)/govulncheck ## Check dependencies for known vulnerabilities (GOVULNDB=file:///FOLDER: with a copy of the database, offline)
	@BIN=$(BIN) hack/vuln.sh

##@ Release

DIST ?= $(CURDIR)/dist
RELEASE := cd hack/cluster && go run ./cmd/release --repository $(CURDIR) --output $(DIST) --version "$(VERSION)" $(if $(IMAGES),--images $(IMAGES))

.PHONY: image
image: ## Build the images for linux/amd64 and linux/arm64 into dist/images, without Docker (VERSION=v1.2.3, IMAGES=REGISTRY/FOLDER, DIST=...)
	$(RELEASE) --only-images

.PHONY: release
release: ## Build all of a release into dist/: images, chart, manifests, command line, Krew manifest, components (SPDX), checksums (DOWNLOADS=URL, VALIDATOR=1)
	$(RELEASE) $(if $(DOWNLOADS),--downloads $(DOWNLOADS)) $(if $(VALIDATOR),--validator)

.PHONY: site
site: ## Build the documentation as a site into dist/site
	cd hack/site && go run . $(CURDIR) $(DIST)/site

##@ Local cluster

.PHONY: kube
kube: $(BIN)/cluster ## Build Kubernetes for local clusters and tests (once; takes minutes)
	@$(CLUSTER) build >/dev/null

.PHONY: cluster-up
cluster-up: $(BIN)/cluster ## Start a local cluster (NAME=kubeops)
	@$(CLUSTER) up --name $(NAME)

.PHONY: cluster-down
cluster-down: $(BIN)/cluster ## Stop a local cluster and remove all of it (NAME=kubeops)
	@$(CLUSTER) down --name $(NAME)

.PHONY: cluster-status
cluster-status: $(BIN)/cluster ## Show the state of a local cluster (NAME=kubeops)
	@$(CLUSTER) status --name $(NAME)

.PHONY: demo-down
demo-down: $(BIN)/cluster ## Remove the demo's cluster, and stop its dashboard
	@BIN=$(BIN) hack/demo-dashboard.sh stop
	@BIN=$(BIN) hack/demo-pipeline.sh stop
	@$(CLUSTER) down --name demo

.PHONY: clean
clean: ## Remove everything that was built, including Kubernetes (stop clusters first)
	rm -rf $(BIN)

##@ Tools, built at the versions in hack/tools/go.mod

$(BIN):
	@mkdir -p $@

.PHONY: $(BIN)/cluster
$(BIN)/cluster: $(BIN)
	@cd hack/cluster && go build -o $@ .

$(BIN)/controller-gen: hack/tools/go.mod | $(BIN)
	cd hack/tools && go build -o $@ sigs.k8s.io/controller-tools/cmd/controller-gen

$(BIN)/protoc-gen-go: hack/tools/go.mod | $(BIN)
	cd hack/tools && go build -o $@ google.golang.org/protobuf/cmd/protoc-gen-go

$(BIN)/protoc-gen-go-grpc: hack/tools/go.mod | $(BIN)
	cd hack/tools && go build -o $@ google.golang.org/grpc/cmd/protoc-gen-go-grpc

$(BIN)/golangci-lint: hack/tools/go.mod | $(BIN)
	cd hack/tools && go build -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(BIN)/helm: hack/chart/go.mod | $(BIN)
	cd hack/chart && go build -trimpath -o $@ helm.sh/helm/v4/cmd/helm

$(BIN)/govulncheck: hack/tools/go.mod | $(BIN)
	cd hack/tools && go build -o $@ golang.org/x/vuln/cmd/govulncheck
