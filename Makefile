# make run    build what is missing and serve the demo office on 127.0.0.1:8080
# make test   everything that must hold: Go (race detector, SQLite, PostgreSQL, Redis), TypeScript, browser
# make night  100,000 histories against npm yjs, and every fuzzer of collab for FUZZTIME (20m); make fuzz: the fuzzers alone
# make check  formatting, vet, static analysis
# make dist   rebuild frontend/dist (committed, so that building the binary needs no Node)

GO ?= go
export GOTOOLCHAIN = local
# -trimpath everywhere: build, vet and tests then share one compiled copy of each dependency
export GOFLAGS = -mod=readonly -trimpath
BIN = bin/spolupis

.PHONY: run build test test-go test-frontend test-browser check dist install bench clean

run: build
	$(BIN) demo

build:
	$(GO) build -o bin/ ./cmd/spolupis ./cmd/hammer

install:
	.ci/install

test: install check-format test-frontend test-go test-oracle test-browser

# Ten thousand random histories against npm yjs, half edited by us and half by yjs, the other tests of the engine in full,
# and the budgets of memory: under the race detector test-go plays a few histories and cannot count memory.
HISTORIES ?= 5000
.PHONY: test-oracle
test-oracle: install
	SPOLUPIS_REQUIRE_SERVERS=1 SPOLUPIS_HISTORIES=$(HISTORIES) $(GO) test -count=1 -timeout 20m ./collab/crdt ./collab/gate ./cmd/internal/crdtbench
	$(GO) test -count=1 -run 'KeystrokeCosts|Hostile|Largest' ./documents/body ./documents/office

# Every fuzzer of live editing, one after the other.
FUZZTIME ?= 20m
.PHONY: fuzz
fuzz:
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9]+' collab | sed -E 's|^(.*)/[^/]*:func (.*)|\1 \2|' | sort | while read -r dir name; do \
		echo "$$dir $$name"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5s ./$$dir </dev/null || exit 1; \
	done

# What is worth a night: a hundred thousand random histories beside npm yjs, then the fuzzers.
.PHONY: night
night: install
	SPOLUPIS_REQUIRE_SERVERS=1 SPOLUPIS_HISTORIES=50000 $(GO) test -count=1 -timeout 24h -run 'Yjs' ./collab/crdt
	$(MAKE) fuzz

# Vet and gofmt are cheap enough to run always.
.PHONY: check-format
check-format:
	@out=$$(gofmt -l cmd collab documents signing citizen security frontend/*.go); if [ -n "$$out" ]; then echo "not gofmt'ed: $$out"; exit 1; fi
	$(GO) vet ./...

# Three packages at a time on two cores: some of them mostly wait for the servers that they start and kill.
test-go:
	.ci/with-servers $(GO) test -race -p 3 -timeout 20m ./...

test-frontend:
	cd frontend && npm run --silent check && npm test --silent
	.ci/same-dist

test-browser: build
	.ci/with-servers sh -c 'cd frontend && npm run --silent e2e'

check: check-format
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

dist:
	cd frontend && npm run --silent build

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./collab/... ./documents/... ./security/journal

clean:
	rm -rf bin
