#!/bin/sh
# Instructions per message, by valgrind's callgrind. It has no AVX-512: the portable and the AVX2 kernel.
# Usage: bench/instructions.sh, from the root of the workspace.
set -eu
command -v valgrind >/dev/null || { echo "valgrind is not installed" >&2; exit 1; }
cargo build --release -q -p taut-bench --bin codec-figures
figures="${CARGO_TARGET_DIR:-target}/release/codec-figures"
# One round and one to warm up, of 4096 messages each.
calls=8192

# count CORPUS FUNCTION OTHER: the level of all that is not counted is OTHER.
count() {
    collected=$(TAUT_SCAN_LEVEL="$3" valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --collect-atstart=no --toggle-collect="$2" "$figures" 1 "$1" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p')
    echo "$1 $2 $((collected / calls))"
}

for corpus in order_179 report_194 report_353 incremental_680; do
    count "$corpus" taut_codec::scan::portable::index avx2
    count "$corpus" taut_codec::scan::avx2::index_avx2 portable
done
count order_179 taut_bench::Order::fill portable
