#!/bin/sh
# All fuzz targets, and what each covers of the code that it is about.
#
#   fuzz/all.sh run 600      each target for 600 s, two at a time, then one line for each
#   fuzz/all.sh coverage     only the lines, from the corpus that is kept in fuzz/target/corpus
#
# Wants `cargo install cargo-fuzz` and `rustup component add llvm-tools`. A line says how often the
# target ran, how often it crashed, and which share of the lines of each file or folder in its
# `// Covers:` is run by its corpus.
set -eu
cd "$(dirname "$0")"
export RUSTC_BOOTSTRAP=1
host=$(rustc -vV | sed -n 's/^host: //p')
llvm_cov=$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-cov
names=$(ls fuzz_targets | sed 's/\.rs$//')

# One target, for so many seconds; the shell that xargs starts comes here.
if [ "$1" = one ]; then
	mkdir -p "target/corpus/$3" "artifacts/$3"
	"target/$host/release/$3" "target/corpus/$3" "corpus/$3" -max_total_time="$2" -max_len=4096 \
		-rss_limit_mb=1024 -timeout=10 -print_final_stats=1 -artifact_prefix="artifacts/$3/" \
		>"target/log/$3" 2>&1 || echo "$3: see fuzz/target/log/$3"
	exit 0
fi

if [ "$1" = run ]; then
	cargo fuzz build --features cli
	mkdir -p target/log
	echo "$names" | xargs -P 2 -n 1 "./$(basename "$0")" one "$2"
fi

# The share of covered lines in the files under a path, of the run's profile.
lines() {
	"$llvm_cov" report "target/$host/coverage/$host/release/$1" \
		-instr-profile="coverage/$1/coverage.profdata" "$(realpath "../$2")" 2>/dev/null |
		awk -v of="${2#src/}" '$1 == "TOTAL" && $8 { printf "  %s %.0f %%", of, 100 * ($8 - $9) / $8 }'
}

for name in $names; do
	mkdir -p "target/corpus/$name"
	cargo fuzz coverage --features cli "$name" "target/corpus/$name" "corpus/$name" \
		>"target/coverage.log" 2>&1 || { tail -n 5 target/coverage.log >&2; exit 1; }
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "target/log/$name" 2>/dev/null || true)
	crashes=$(find "artifacts/$name" -type f 2>/dev/null | wc -l)
	printf '%-16s %9s runs  %s crashes  lines:' "$name" "${runs:-?}" "$crashes"
	for path in $(sed -n 's|^// Covers: ||p' "fuzz_targets/$name.rs"); do
		lines "$name" "$path"
	done
	echo
done
