# CityTwin: the commands that people type. `make help` lists them.

SHELL := /bin/bash
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/citytwin
# One place for build products, outside the checkout: desk, test and CI share it. Bevy's two builds have folders of
# their own in it, so that nothing waits for their locks.
export CARGO_TARGET_DIR ?= $(CACHE)/target
T := $(CARGO_TARGET_DIR)
PAGE := $(T)/web-viewer
CITY ?= $(CACHE)/cities/demo-village
LISTEN ?= 127.0.0.1:8080
PREFIX ?= $(HOME)/.local
SERVER_CRATES := -p citytwin -p citytwin-analysis -p citytwin-assets -p citytwin-catalogue -p citytwin-datasets -p citytwin-demo \
    -p citytwin-faults -p citytwin-faults-disk -p citytwin-gdal -p citytwin-index -p citytwin-live -p citytwin-model -p citytwin-store \
    -p citytwin-tests -p citytwin-tiles -p citytwin-viewer-state -p citytwin-viewer-stream -p citytwin-wire

.PHONY: help demo load-demo build install console web viewer test test-server test-viewer test-install bench soak lint

help: ## This list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16
	@printf '\nSettings, with their defaults: make demo LISTEN=%s CITY=%s · make install PREFIX=%s\n' $(LISTEN) $(CITY) $(PREFIX)

demo: build load-demo ## Make and load the demo city once, serve it with simulated sensors; the web viewer builds behind it
	@.build/packages.sh web
	@.build/serve-demo.sh $(T)/debug/citytwin $(CITY) $(LISTEN) $(PAGE) $(T)/web-build.out

build: console ## Server, loader's helper and console
	@.build/packages.sh server
	cargo build --locked -p citytwin -p citytwin-gdal

install: build ## Program and helper into ~/.local/bin (or PREFIX/bin)
	install -D -t $(PREFIX)/bin $(T)/debug/citytwin $(T)/debug/citytwin-gdal
	@case ":$$PATH:" in *":$(PREFIX)/bin:"*) ;; *) echo "$(PREFIX)/bin is not on your PATH yet: export PATH=$(PREFIX)/bin:\$$PATH";; esac

load-demo:
	@.build/demo.sh $(T)/debug/citytwin $(CITY)

console: ## The web console, embedded in the server
	@.build/npm.sh server/console build

web: ## The web viewer, into the folder that `make demo` serves
	@.build/packages.sh web
	node .build/web.mjs $(PAGE)

viewer: ## The native viewer, on a running `make demo`
	@.build/packages.sh viewer
	CARGO_TARGET_DIR=$(T)/viewer cargo run --locked -p citytwin-viewer -- --server http://$(LISTEN)

test: ## All that CI runs: the server's half first, then both viewers
	@.build/timed.sh --begin
	@.build/timed.sh "server's half" $(MAKE) --no-print-directory test-server
	@.build/timed.sh "viewers" $(MAKE) --no-print-directory test-viewer
	@.build/timed.sh --report

test-server: ## Everything without Bevy: crates, console, real clients on a running server
	@.build/packages.sh server test
	@.build/timed.sh "console: types and units" .build/npm.sh server/console check test build
	@.build/timed.sh "programs" cargo build --locked -p citytwin -p citytwin-gdal
	@.build/timed.sh "crates" cargo test --locked $(SERVER_CRATES)
	@.build/timed.sh "demo city by EPANET" tests/hydraulics.sh $(T)/debug
	@.build/timed.sh "benchmarks compile" cargo check --locked -p citytwin-peers
	@.build/timed.sh "real clients" tests/clients.sh $(T)/debug

test-viewer: ## The viewer, native (golden image) and in a browser
	@.build/packages.sh viewer web test
	@.build/timed.sh "native viewer" env CARGO_TARGET_DIR=$(T)/viewer cargo test --locked -p citytwin-viewer
	@.build/timed.sh "web viewer: build" node .build/web.mjs $(PAGE)
	@.build/timed.sh "web viewer: browser" tests/web-viewer.sh $(T)/debug $(PAGE)

test-install: ## Both commands from a bare Debian 12, in a chroot (root only; COLD=1 for an empty cache)
	@.build/packages.sh chroot
	tests/install/chroot.sh

bench: build ## Index, items page and load against PostGIS on the same machine, interleaved
	@.build/packages.sh bench
	tests/peers/bench.sh

soak: ## What takes longer: a thousand kills, ten million damaged streams, every supply zone of a city
	CITYTWIN_SOAK=400 cargo test --locked -p citytwin-faults -- --nocapture
	CITYTWIN_SOAK=400 cargo test --locked -p citytwin --test load_killed -- --nocapture --test-threads=1
	PROPTEST_CASES=10000000 cargo test --locked -p citytwin-datasets --lib pipe::fuzz
	cargo build --locked -p citytwin
	CITYTWIN_SOAK=1 tests/hydraulics.sh $(T)/debug

lint: ## Formatting and clippy, without the Bevy crate
	cargo fmt --all --check
	cargo clippy --locked $(SERVER_CRATES) --all-targets
