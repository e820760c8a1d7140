#!/usr/bin/env bash
# Instructions of engine and venue per order with 256 unanswered, by valgrind's callgrind: a tree of who
# calls whom, the costlier first, down to 2 % of its side. One order: one message to the venue, three back.
# Usage: bench/instructions-path.sh [SECONDS], from the root of the workspace. Callgrind has no AVX-512: the
# scanner is AVX2's.
set -euo pipefail
command -v callgrind_annotate >/dev/null || { echo "valgrind is not installed" >&2; exit 1; }
cargo build --release -q --locked
taut="${CARGO_TARGET_DIR:-target}/release/taut"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# So slow, the run finds faults with its own samples of the other loads; what is counted here is whole.
valgrind --tool=callgrind --callgrind-out-file="$scratch/out" --collect-atstart=no \
    --toggle-collect='taut::bench::alone::Both::window' \
    "$taut" bench engine --seconds "${1:-10}" >"$scratch/said" 2>"$scratch/log" || true
orders=$(awk '/^venue, per order/ { print $(NF - 1) * $NF }' "$scratch/said")
[ "${orders%.*}" -gt 0 ] 2>/dev/null || { cat "$scratch/said" "$scratch/log" >&2; exit 1; }
callgrind_annotate --auto=no --tree=calling --inclusive=yes --threshold=100 "$scratch/out" | awk -v orders="$orders" '
function name(text) {
    sub(/ \[[^]]*\]$/, "", text)
    sub(/ \([0-9,]+x\)$/, "", text)
    # The file stands in front, up to the first colon that is not of a path in Rust.
    sub(/^[^ ]*\.(rs|S|c|h):/, "", text)
    sub(/^\?\?\?:/, "", text)
    return text
}
function cost(text) { gsub(",", "", text); return text + 0 }
function show(who, share, depth, side,    at, count, callee, best, costs, done) {
    printf "%8.0f  %*s%s\n", share / orders, 2 * depth, "", substr(who, 1, 100 - 2 * depth)
    if (depth > 12 || !(who in total)) return
    count = split(callees[who], list, "\034")
    for (at = 1; at <= count; at++) costs[list[at]] = edge[who, list[at]] * share / total[who]
    while (1) {
        best = ""
        for (callee in costs) if (!(callee in done) && (best == "" || costs[callee] > costs[best])) best = callee
        if (best == "" || costs[best] < side / 50) return
        done[best] = 1
        if (best != who) show(best, costs[best], depth + 1, side)
    }
}
/ \*  / { text = $0; sub(/.* \*  /, "", text); from = name(text); if (cost($1) > total[from]) total[from] = cost($1); next }
/ >   / {
    text = $0; sub(/.* >   /, "", text); to = name(text)
    if (!((from, to) in edge)) callees[from] = callees[from] (callees[from] == "" ? "" : "\034") to
    edge[from, to] += cost($1)
}
END {
    printf "%d orders; instructions per order\n", orders
    split("taut::bench::alone::engine_turn taut::bench::alone::venue_turn", sides, " ")
    for (which = 1; which <= 2; which++) { print ""; show(sides[which], total[sides[which]], 0, total[sides[which]]) }
}'
