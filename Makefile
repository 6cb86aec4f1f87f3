# make demo   runs the product with simulated terminals, on SQLite in a temporary folder
# make test   installs what is missing and runs everything: lints, both databases, a browser
.PHONY: demo run dist check test soak fleet bench fuzz audit sbom tools screenshots

demo:
	cargo run --release --quiet -- demo

run:
	cargo run --release --quiet -- serve

# One file that needs nothing of the machine that it runs on: target/dist, with its checksum and what it is made of.
dist: sbom
	packaging/dist

check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

test: tools check
	tests/with-postgres cargo test --workspace

# The convergence test with many more seeds, SEEDS=2000 for more still, and a server that is killed 100 times.
soak: tools
	ROLLCALL_SEEDS=$${SEEDS:-500} tests/with-postgres cargo test --release -p rollcall --test suite convergence
	ROLLCALL_KILLS=$${KILLS:-100} tests/with-postgres cargo test --release -p rollcall --test suite processes::kill -- --nocapture

# 1,000 terminals and 20,000 students against one server on SQLite, for MINUTES=20, while people edit and things go wrong.
fleet:
	cargo build --release -p rollcall
	tests/fleet $${MINUTES:-20}

# Costs as ratios within one run, held by gates; docs/performance.md says what they mean. ROLLCALL_BENCH=small takes a few
# minutes. Figures are in target/bench afterwards.
bench: tools
	POSTGRES_KEEPS=yes tests/with-postgres cargo bench -p rollcall --bench fleet

# Every page in a browser, into target/screenshots, and those of the README.
screenshots: tools
	cargo test -p rollcall --test suite -- browser::every browser::office::every
	mkdir -p docs/pictures
	cp target/screenshots/overview-light-desk.png docs/pictures/overview.png
	cp target/screenshots/terminal-dark-desk.png docs/pictures/terminal.png
	cp target/screenshots/differences-light-desk.png docs/pictures/differences.png

# The parsers against inputs that a machine invents: FUZZ_SECONDS for each of FUZZ_TARGETS. An input that stops a parser is left
# in fuzz/artifacts: keep it in fuzz/corpus, which `make test` replays. The compiler's switches for it, and for the address
# sanitizer, are not promised to stay, so a stable compiler wants to be told that we know (RUSTC_BOOTSTRAP).
FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?= heads exchanges results csv
fuzz: target/tools/bin/cargo-fuzz
	tests/install-tools fuzz
	for target in $(FUZZ_TARGETS); do \
	    mkdir -p target/fuzz/corpus/$$target; \
	    PATH="$$PWD/target/tools/bin:$$PATH" RUSTC_BOOTSTRAP=1 cargo fuzz run --target-dir target/fuzz $$target \
	        target/fuzz/corpus/$$target fuzz/corpus/$$target -- \
	        -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -print_final_stats=1 || exit 1; \
	done

# Licences, sources and doubled crates of what the program is made of.
audit: target/tools/bin/cargo-deny
	PATH="$$PWD/target/tools/bin:$$PATH" cargo deny check bans licenses sources

# What the program is made of, as CycloneDX: target/rollcall.cdx.json.
sbom: target/tools/bin/cargo-cyclonedx
	PATH="$$PWD/target/tools/bin:$$PATH" cargo cyclonedx --quiet --manifest-path crates/rollcall/Cargo.toml --format json \
	    --spec-version 1.5 --override-filename rollcall.cdx
	mv crates/rollcall/rollcall.cdx.json target/rollcall.cdx.json
	rm -f crates/push-protocol/rollcall.cdx.json crates/terminal-simulator/rollcall.cdx.json

target/tools/bin/cargo-fuzz:
	cargo install --quiet --locked --root target/tools cargo-fuzz@0.13.2

target/tools/bin/cargo-deny:
	cargo install --quiet --locked --root target/tools cargo-deny@0.20.2

target/tools/bin/cargo-cyclonedx:
	cargo install --quiet --locked --root target/tools cargo-cyclonedx@0.5.9

tools:
	tests/install-tools
