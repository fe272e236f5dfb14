# ω IM. `make` lists what there is; docs/hacking.md tells more.

GO      ?= go
BIN     := bin
STRICT  := $(if $(filter true,$(CI)),-strict)
# The race detector needs a C compiler; without one the tests run all the same.
# It does not watch what goroutines cannot share: SQLite, which is C translated to Go and has
# one goroutine at a time in a connection (watched it takes eight times as long), and the
# arithmetic of keys, on numbers that one goroutine has made (watched, the tests of pgp take
# two and a half times as long). What calls them is watched.
UNWATCHED := github.com/ncruces/go-sqlite3-wasm/... github.com/cloudflare/circl/... \
	github.com/oasisprotocol/curve25519-voi/... \
	golang.org/x/crypto/argon2 golang.org/x/crypto/blake2b \
	crypto/internal/fips140/edwards25519/... crypto/internal/fips140/mlkem crypto/internal/fips140/bigmod
# The race detector brings cgo along. The programs are built without it: pebblegozstd has
# Pebble use the zstd that they have, and spares a minute of compiling the one in C.
RACE    := $(shell command -v gcc >/dev/null 2>&1 && echo -race -tags=pebblegozstd $(UNWATCHED:%=-gcflags=%=-race=false))
# Three packages at a time on two cores: most tests of whole clouds and clients wait, and
# they come first, or the last of them would run alone. The time-out is for what hangs: on
# a busy machine sim/virtual has taken 571 s.
TESTING := $(RACE) -p 3 -timeout 30m -vet=off
FIRST   := ./sim/... ./proxy ./client ./cloud ./mailbox/... ./keyserver/...
TOOL    := $(GO) tool -modfile=tools/go.mod
# The rules of the house read the sources, alone: watched they take twelve times as long.
RULES   := ./internal/archtest
# The race detector changes what is allocated: tests that count it run without.
ALLOCS    := Allocates
ALLOCS_IN := ./cloud
# The client core also runs in browsers.
CORE    := ./pgp ./wire ./chat ./history ./clientrpc ./client

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: build
build: ## build bin/omega (client) and bin/omegad (server), no cgo
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o $(BIN)/ ./cmd/...

PREFIX ?= /usr/local
.PHONY: install
install: ## copy what was built to $(PREFIX)/bin (/usr/local)
	@test -x $(BIN)/omega || { echo "run make build first"; exit 1; }
	install -d '$(DESTDIR)$(PREFIX)/bin'
	install -m 755 $(BIN)/omega $(BIN)/omegad '$(DESTDIR)$(PREFIX)/bin/'

.PHONY: run
run: ## a cloud of four servers on this machine, and a first message; kept in run/
	@test -x $(BIN)/omega-try || case "$${LC_ALL:-$${LC_MESSAGES:-$$LANG}}" in \
		zh*) echo "正在編譯，第一次約需兩三分鐘……";; \
		*) echo "Building; the first time takes two or three minutes…";; esac
	@$(MAKE) --no-print-directory --silent build
	@./$(BIN)/omega-try

.PHONY: deps
deps: ## install the programs that tests need, or name them
	@tools/deps.sh

# make is called again because deps may have installed a C compiler.
.PHONY: test
test: deps ## vet and all tests under the race detector, with a summary
	@$(MAKE) --no-print-directory test-only

.PHONY: test-only
test-only:
	$(GO) vet $(RACE) ./...
	$(if $(RACE),,@echo "no C compiler: the race detector is off")
	@{ $(GO) test -json $(TESTING) $(FIRST) $$($(GO) list ./... | grep -v '/$(notdir $(RULES))$$'); \
	   CGO_ENABLED=0 $(GO) test -json -vet=off -timeout 5m $(RULES); \
	   $(if $(RACE),CGO_ENABLED=0 $(GO) test -json -vet=off -timeout 5m -run '$(ALLOCS)' $(ALLOCS_IN);) \
	} | $(GO) run tools/testsum/main.go $(STRICT)

.PHONY: check
check: ## gofmt, vet, staticcheck, generated files, browser build, vulnerabilities
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "gofmt would change these files"; exit 1; }
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	cd tools && $(GO) vet ./... && $(GO) test ./... && $(GO) run ./protogen -root .. -check
	GOOS=js GOARCH=wasm $(GO) build $(CORE)
	@tools/vuln.sh

.PHONY: generate
generate: ## write the Go packages of proto/*.proto, and what clientrpc says in other languages
	cd tools && $(GO) run ./protogen -root ..
	$(GO) generate ./clientrpc

.PHONY: web
web: ## build the pages of the web face (web/ui) into web/dist; needs Node
	cd web/ui && npm ci --no-audit --no-fund && npm run build

UI_CHATS    ?= 10000
UI_MESSAGES ?= 100000
UI_SLACK    ?= 1
CORE_MESSAGES ?= 20000
.PHONY: bench-ui
bench-ui: deps ## what the web face and the core cost in a browser, with 10,000 chats and 100,000 messages in one; needs Node
	$(GO) test -count=1 -timeout 60m -v ./sim/site -run TestBudgets -chats $(UI_CHATS) -messages $(UI_MESSAGES) -slack $(UI_SLACK)
	$(GO) test -count=1 -timeout 60m -v ./sim/site -run TestCoreInWorker -core-whole -core-messages $(CORE_MESSAGES)

.PHONY: screenshots
screenshots: deps ## take the pictures of docs/pictures anew, which README shows and tests compare; look at them
	$(GO) test -count=1 -v ./sim/site -run TestPictures -renew

.PHONY: terminals
terminals: build ## has kitty, mlterm and xterm draw a picture of a conversation; what they showed is left in bin/terminals
	tools/terminals.sh $(BIN)/terminals

WALK ?= bin/walk
.PHONY: walk
walk: deps ## every screen of the web face in every look, with pictures in WALK (bin/walk): look at them
	mkdir -p $(WALK)
	$(GO) test -count=1 -timeout 30m -v ./sim/site -run TestWalk -walk -shots $(abspath $(WALK))

FUZZTIME ?= 20s
.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (20s)
	@tools/fuzz.sh $(FUZZTIME)

.PHONY: bench
bench: ## micro-benchmarks with allocations
	$(GO) test -run '^$$' -bench . -benchmem -p 1 ./...

BENCH_FLAGS ?=
.PHONY: bench-peers
bench-peers: ## measure ejabberd, Prosody and mosquitto beside our server (root, Debian)
	tools/peers.sh install
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ ./sim/bench ./cmd/omegad
	./$(BIN)/bench $(BENCH_FLAGS)

KILLS  ?= 100
FAULTS ?= 60
SEED   ?= 0
.PHONY: chaos
chaos: ## kill servers and clients KILLS (100) times per test, and let FAULTS (60) happen by SEED (0: any)
	$(GO) test $(RACE) -count=1 -timeout 100m -v ./sim/fault -kills $(KILLS) -faults $(FAULTS) -seed $(SEED) -race-programs

CLOUD_FLAGS ?= -servers 50 -worlds 3
.PHONY: bench-cloud
bench-cloud: ## real servers on virtual time: what failures, liars and distances cost
	$(GO) test -count=1 -timeout 60m -v ./sim/virtual -figures $(CLOUD_FLAGS)

SIM_FLAGS ?= -n 10000 --seed 1
.PHONY: sim
sim: ## simulate a cloud of 10,000 servers: growth, churn, failures; report in bin/sim.json and bin/sim.html
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ ./cmd/omegad
	./$(BIN)/omegad sim $(SIM_FLAGS) --json --html $(BIN)/sim.html > $(BIN)/sim.json

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BIN)
