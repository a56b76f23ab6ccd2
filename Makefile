# `make` alone lists the targets. CI runs `make check` and nothing else.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help build run sdk setup format vet fast conformance test cluster race fuzz soak mutants bench bench-quick bench-growth bench-check check clean

# Where races would be: the writer, the workers, the multiplexer, and what they call.
RACE := ./internal/payment/... ./internal/flow/... ./internal/store/... ./internal/acquirer/... ./internal/webhook/... ./internal/gate/...
FUZZTIME := 3s
# Which stories the soak tells.
SEEDS := 10000
FIRST := 1

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' Makefile | while IFS='|' read -r name what; do printf '  make %-12s %s\n' "$$name" "$$what"; done

build: ## build bin/reprise
	go build -trimpath -o bin/reprise ./cmd/reprise

run: ## start the sandbox: gateway, bank and shop in one process
	go run ./cmd/reprise sandbox

sdk: ## build the scripts that browsers load, after a change in sdk/
	go run ./sdk

setup: ## install what the tests need (Debian, as root)
	@scripts/setup

format:
	@files=$$(find . -name '*.go' -not -path '*/node_modules/*' -exec gofmt -l {} +); \
	if [ -n "$$files" ]; then echo "not formatted, run gofmt -w on:"; echo "$$files"; exit 1; fi

vet:
	go vet ./...

fast: format vet ## before each commit: format, vet, build, tests that need neither PostgreSQL nor a browser
	go build ./...
	@env -u REPRISE_TEST_POSTGRES scripts/gotest -short -timeout 3m ./...

conformance: ## the official Go SDK of the API against a sandbox
	@go vet -C conformance/xendit-go ./...
	@go test -C conformance/xendit-go -count=1 ./...

test: setup vet conformance ## all tests, on a real PostgreSQL and in a real browser
	@scripts/with-postgres scripts/gotest -count=1 $$(go list ./... | grep -v /internal/cluster)
	@scripts/gotest -count=1 ./internal/cluster # alone: it measures how long things take

SECONDS := 600
cluster: setup ## three nodes, PostgreSQL with a standby, and everything around them failing for SECONDS
	REPRISE_CLUSTER_SECONDS=$(SECONDS) go test -count=1 -timeout 0 -v -run TestCluster ./internal/cluster

race: setup ## the tests of the rooms with much concurrency, under the race detector
	@scripts/with-postgres scripts/gotest -race -short $(RACE)

fuzz: ## every fuzz target for a few seconds, or for longer: make fuzz FUZZTIME=10m
	@scripts/fuzz $(FUZZTIME)

soak: ## whole houses in bad weather: SEEDS=10000 stories, from seed FIRST=1 on
	@last=$$(mktemp); go test ./internal/soak -count=1 -timeout 0 -run '^TestSoak$$' -seeds=$(SEEDS) -first=$(FIRST) -last=$$last; \
	came=$$?; cat $$last; rm -f $$last; exit $$came

mutants: ## break the gateway on purpose, one mistake at a time, and see that the tests notice
	@scripts/mutants

# What is measured on both databases, beside the limits of the machine.
BENCH = env -u REPRISE_TEST_POSTGRES scripts/with-postgres sh -c 'REPRISE_BENCH_DATABASE="$$REPRISE_TEST_POSTGRES sqlite" \
	exec bin/reprise bench --limits --own --profile "$$@"' bench

bench: setup build ## how fast it is, beside the limits of this machine (25 minutes): bin/bench.json, bin/bench.svg
	@$(BENCH) oneclick session frictionless challenge refund mixed webhooks --cold --rounds=5 --duration=8s --json=bin/bench.json --svg=bin/bench.svg

bench-quick: setup build ## the same in under four minutes, less certain
	@$(BENCH) oneclick session --rounds=3 --duration=3s --warm-up=1s --json=bin/bench.json

bench-growth: setup build ## does it slow down as it fills? A million stored payments: some ten minutes, and 20 GB for the while
	@$(BENCH) growth --duration=20s --json=bin/growth.json

bench-check: ## do hot paths allocate more than is committed? UPDATE=1 writes the figures anew
	@scripts/bench-check internal/bench/allocations.txt $(if $(UPDATE),update)

check: format test race fuzz soak bench-check ## exactly what CI runs
	@echo "make check: all is well"

clean: ## remove what was built
	rm -rf bin
