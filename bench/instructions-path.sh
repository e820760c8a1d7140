#!/usr/bin/env bash
# Instructions of engine and venue per order with 256 unanswered, by valgrind's callgrind. One order: one message to
# the venue, three back. They depend on the compiler, not on the machine or its load. Callgrind has no AVX-512: the
# scanner is AVX2's.
#
#   bench/instructions-path.sh            a tree of who calls whom, the costlier first, down to 2 % of its side
#   bench/instructions-path.sh --totals   the total of each side
#   bench/instructions-path.sh --check    compares these with bench/instructions-path.txt; more than 3 % apart is an error
#
# From the root of the workspace. After a change that is meant: bench/instructions-path.sh --totals > bench/instructions-path.txt
set -euo pipefail
tolerance_percent=3
recorded=bench/instructions-path.txt
if [ "${1:-}" = --check ] && [ ! -e "$recorded" ]; then
    echo "nothing is recorded in $recorded: see the head of $0" >&2
    exit 1
fi
case ${1:-} in
"" | --totals | --check) ;;
*) echo "$0 [--totals | --check]" >&2; exit 2 ;;
esac
command -v callgrind_annotate >/dev/null || { echo "valgrind is not installed" >&2; exit 1; }
cargo build --release -q --locked
taut="${CARGO_TARGET_DIR:-target}/release/taut"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
timeout 300 valgrind --tool=callgrind --callgrind-out-file="$scratch/out" --collect-atstart=no \
    --toggle-collect='taut::bench::alone::inline::Inline::counted' \
    "$taut" bench engine --orders 4000 >"$scratch/said" 2>"$scratch/log" || true
orders=$(sed -n 's/^\([0-9]*\) orders$/\1/p' "$scratch/said")
[ "${orders:-0}" -gt 0 ] || { cat "$scratch/said" "$scratch/log" >&2; exit 1; }
tree() {
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
    split("taut::bench::alone::inline::engine_turn taut::bench::alone::outside::venue_turn", sides, " ")
    for (which = 1; which <= 2; which++) { print ""; show(sides[which], total[sides[which]], 0, total[sides[which]]) }
}'
}
totals() {
    tree | awk '/ taut::bench::alone::inline::engine_turn$/ { print "engine", $1 }
        / taut::bench::alone::outside::venue_turn$/ { print "venue", $1 }'
}
case ${1:-} in
"") tree ;;
--totals) totals ;;
--check)
    totals | awk -v most="$tolerance_percent" '
        NR == FNR { was[$1] = $2; next }
        {
            percent = was[$1] ? ($2 - was[$1]) * 100 / was[$1] : 100
            far = percent > most || percent < -most
            printf "%-36s %6d, recorded %6d, %+.1f %%%s\n", $1 " per order", $2, was[$1], percent, far ? "  <<<" : ""
            bad += far
            seen++
        }
        END { exit bad > 0 || seen != 2 }' "$recorded" - || {
        echo "the counts have changed: if that is meant, record them anew (see the head of $0)"
        exit 1
    }
    ;;
esac
