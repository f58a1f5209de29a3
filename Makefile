# make run    build what is missing and serve the demo office on 127.0.0.1:8080
# make test   everything that must hold: Go (race detector, SQLite, PostgreSQL, Redis), TypeScript, browser
# make check  formatting, vet, static analysis
# make dist   rebuild frontend/dist (committed, so that building the binary needs no Node)

GO ?= go
export GOTOOLCHAIN = local
export GOFLAGS = -mod=readonly
BIN = bin/spolupis

.PHONY: run build test test-go test-race test-frontend test-browser check dist install bench clean

run: build
	$(BIN) demo

build:
	$(GO) build -trimpath -o bin/ ./cmd/spolupis ./cmd/hammer

install:
	.ci/install

test: install check-format test-frontend test-go test-browser

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
	$(GO) tool staticcheck ./...

dist:
	cd frontend && npm run --silent build

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./collab/crdt ./collab/gate ./documents/...

clean:
	rm -rf bin
