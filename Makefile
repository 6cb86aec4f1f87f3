# make demo   runs the product with simulated terminals, on SQLite in a temporary folder
# make test   installs what is missing and runs everything: lints, both databases, a browser
.PHONY: demo run check test soak fleet bench audit tools screenshots

demo:
	cargo run --release --quiet -- demo

run:
	cargo run --release --quiet -- serve

check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

test: tools check
	tests/with-postgres cargo test --workspace

# The convergence test with many more seeds, SEEDS=2000 for more still, and a server that is killed 100 times.
soak: tools
	ROLLCALL_SEEDS=$${SEEDS:-500} tests/with-postgres cargo test --release -p rollcall --test suite convergence
	ROLLCALL_KILLS=$${KILLS:-100} tests/with-postgres cargo test --release -p rollcall --test suite processes::kill

# 1,000 terminals and 20,000 students against one server on SQLite, for MINUTES=20, while people edit and things go wrong.
fleet:
	cargo build --release -p rollcall
	tests/fleet $${MINUTES:-20}

# Costs as ratios within one run, held by gates; docs/performance.md says what they mean. ROLLCALL_BENCH=small takes a minute
# or two. Figures are in target/bench afterwards.
bench: tools
	POSTGRES_KEEPS=yes tests/with-postgres cargo bench -p rollcall --bench fleet

# Every page in a browser, into target/screenshots, and those of the README.
screenshots: tools
	cargo test -p rollcall --test suite browser::every
	mkdir -p docs/pictures
	cp target/screenshots/overview-light-desk.png docs/pictures/overview.png
	cp target/screenshots/terminal-dark-desk.png docs/pictures/terminal.png
	cp target/screenshots/differences-light-desk.png docs/pictures/differences.png

# Licences, sources and doubled crates. Needs `cargo install cargo-deny`.
audit:
	cargo deny check bans licenses sources

tools:
	tests/install-tools
