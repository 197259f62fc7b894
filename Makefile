# make build       bin/aictl
# make demo        build it and show everything at work until Ctrl-C
# make test        everything that must hold before a change is merged
# make contract    the cases of a Gitea against real ones (GITEAS), built from their modules
# make bench       measure it beside Supervisor, pm2, runit and nginx
# make install     put program, unit and folders in place (PREFIX, DESTDIR)

GO      ?= go
PREFIX  ?= /usr/local
DESTDIR ?=
UNITDIR ?= /etc/systemd/system

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# The driver of SQLite is C.
export CGO_ENABLED = 1

STATICCHECK := $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2

.DEFAULT_GOAL := build
.PHONY: build demo test lint unit-tests examples-tests e2e contract bench install uninstall setup setup-test clean

build:
	$(GO) build -trimpath -tags nomsgpack -ldflags '$(LDFLAGS)' -o bin/aictl ./cmd/aictl

demo: setup build
	bin/aictl demo

# Quick checks first. The end-to-end run comes before the unit tests, whose closing lines end the output.
test: setup-test build lint examples-tests e2e unit-tests

setup:
	@scripts/setup.sh

setup-test:
	@scripts/setup.sh --test

lint:
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	  if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w on:" $$unformatted >&2; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags e2e ./internal/e2e
	$(STATICCHECK) ./...

unit-tests:
	$(GO) test -race -timeout 30m ./...

# -B: bytecode of the samples would end up in the program, which embeds their folders.
examples-tests:
	cd examples/text-classify && python3 -B -m unittest
	cd examples/blob-detect && python3 -B -m unittest
	cd examples/trend && node --test

# Deploys a service whose packages come from a package index.
e2e: build
	AICTL=$(CURDIR)/bin/aictl $(GO) test -tags e2e -count=1 -timeout 15m ./internal/e2e

GITEAS ?= 1.22.6 1.25.2

contract:
	@for version in $(GITEAS); do \
	  echo "Gitea $$version"; scripts/gitea.sh $$version $(GO) test -count=1 -run Contract ./gitea || exit 1; done

bench: build
	@scripts/setup.sh --bench
	$(GO) run ./bench -aictl bin/aictl $(BENCHFLAGS)

install:
	@test -x bin/aictl || { echo "run make build first" >&2; exit 1; }
	install -D -m 0755 bin/aictl $(DESTDIR)$(PREFIX)/bin/aictl
	install -d -m 0755 $(DESTDIR)/etc/aictl $(DESTDIR)$(UNITDIR)
	test -e $(DESTDIR)/etc/aictl/config.yaml || install -m 0644 configs/aictl.example.yaml $(DESTDIR)/etc/aictl/config.yaml
	install -d -m 0700 $(DESTDIR)/var/lib/aictl
	sed 's|/usr/local/bin/aictl|$(PREFIX)/bin/aictl|' configs/aictl.service > $(DESTDIR)$(UNITDIR)/aictl.service
	chmod 0644 $(DESTDIR)$(UNITDIR)/aictl.service
	install -m 0644 configs/aictl.socket $(DESTDIR)$(UNITDIR)/aictl.socket
	@test -n "$(DESTDIR)" || ! test -d /run/systemd/system || systemctl daemon-reload
	@echo "installed; start it with: systemctl enable --now aictl"

# Data and settings stay: they are the user's.
uninstall:
	@test -n "$(DESTDIR)" || ! test -d /run/systemd/system || systemctl disable --now aictl.socket aictl || true
	rm -f $(DESTDIR)$(PREFIX)/bin/aictl $(DESTDIR)$(UNITDIR)/aictl.service $(DESTDIR)$(UNITDIR)/aictl.socket
	@test -n "$(DESTDIR)" || ! test -d /run/systemd/system || systemctl daemon-reload
	@echo "removed; left in place: $(DESTDIR)/var/lib/aictl and $(DESTDIR)/etc/aictl"

clean:
	rm -rf bin dist bench/results
