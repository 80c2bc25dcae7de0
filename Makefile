# `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help demo test conformance check schema bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: ## a whole salon on this machine, until Ctrl-C; ONCE=1 plays a client's story on each messenger and exits
	@scripts/bootstrap
	cargo build --workspace --bins --locked
	@scripts/demo $(if $(ONCE),--once)

test: ## every test: Rust, deploy/, federation, vendors' clients, browser
	@scripts/test

conformance: ## the tables of messengers and of CRMs, and what each must do
	@scripts/bootstrap
	cargo test --quiet --locked --package salon-core --lib conformance::cases::table -- --nocapture --test-threads 1

check: ## format, lints, licences and versions of dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo deny --locked check bans licenses sources

schema: ## write the generated files in schema/
	@scripts/bootstrap --with-node
	cargo build --bin salon-core --locked
	@scripts/schema

bench: ## measure against pgbench on this machine; BENCH='queue --rounds 1' picks
	@scripts/bootstrap
	cargo build --release --locked --package salon-core --package salon-workers --package salon-bench
	@scripts/bench $(BENCH)

clean: ## remove what builds and runs leave behind
	cargo clean
	rm -rf .run tests/federation/node_modules sandbox/page/test/node_modules sandbox/judges/*/node_modules sandbox/judges/*/.venv sandbox/judges/*/__pycache__
