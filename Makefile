# make run    build what is missing and serve the demo office on 127.0.0.1:8080
# make test   everything that must hold: Go (race detector, SQLite, PostgreSQL, Redis), TypeScript, browser
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

# Ten thousand random histories against npm yjs, half edited by us and half by yjs; without the race detector, under
# which test-go runs a few.
HISTORIES ?= 5000
.PHONY: test-oracle
test-oracle: install
	SPOLUPIS_REQUIRE_SERVERS=1 SPOLUPIS_HISTORIES=$(HISTORIES) $(GO) test -count=1 -timeout 20m -run 'Yjs' ./collab/crdt

# Vet and gofmt are cheap enough to run always.
.PHONY: check-format
check-format:
	@out=$$(gofmt -l cmd collab documents signing citizen security frontend/*.go); if [ -n "$$out" ]; then echo "not gofmt'ed: $$out"; exit 1; fi
	$(GO) vet ./...

test-go:
	.ci/with-servers $(GO) test -race -timeout 20m ./...

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
