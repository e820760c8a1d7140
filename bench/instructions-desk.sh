#!/usr/bin/env bash
# Instructions of a desk per order, amend and cancel, risk check included, and per look-up of an order, by
# valgrind's callgrind.
# Usage: bench/instructions-desk.sh, from the root of the workspace.
set -euo pipefail
command -v valgrind >/dev/null || { echo "valgrind is not installed" >&2; exit 1; }
cargo build --release -q --locked -p taut-bench --bin desk-figures
figures="${CARGO_TARGET_DIR:-target}/release/desk-figures"
rounds=20 batch=64
for what in order replace cancel; do
    said=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no \
        --toggle-collect="taut_bench::desk::$what" "$figures" "$rounds" 2>&1)
    total=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' <<<"$said")
    [ "${total:-0}" -gt 0 ] || { echo "nothing was counted of $what:" "$said" >&2; exit 1; }
    echo "$what $((total / (rounds * batch)))"
done
for what in by_cl_ord_id by_order_id; do
    said=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no \
        --toggle-collect="taut_bench::lookup::$what" "$figures" 1 2>&1)
    total=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' <<<"$said")
    orders=$(sed -n 's/.*rounds of \([0-9]*\) look-ups.*/\1/p' <<<"$said")
    [ "${total:-0}" -gt 0 ] || { echo "nothing was counted of $what:" "$said" >&2; exit 1; }
    echo "$what $((total / orders))"
done
