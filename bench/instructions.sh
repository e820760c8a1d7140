#!/usr/bin/env bash
# Instructions per message of the codec and of the session, counted by valgrind's callgrind, which knows no AVX-512:
# the portable, the SSE2 and the AVX2 kernel. They depend on the compiler, not on the machine or its load.
#
#   bench/instructions.sh           prints the counts: what, corpus, level, instructions; of the session: what,
#                                   where it keeps its messages, `session`, instructions
#   bench/instructions.sh --check   compares them with bench/instructions.txt; more than 3 % apart is an error
#
# From the root of the workspace. After a change that is meant: bench/instructions.sh > bench/instructions.txt
set -euo pipefail
tolerance_percent=3
recorded=bench/instructions.txt
command -v valgrind >/dev/null || { echo "valgrind is not installed" >&2; exit 1; }
cargo build --release -q --locked -p taut-bench --bin codec-count --bin session-count
binaries="${CARGO_TARGET_DIR:-target}/release"

function_of() {
    case $1 in
    index) echo taut_bench::read::Reader::index ;;
    five) echo taut_bench::read::Reader::five_by_cursor ;;
    check) echo taut_bench::read::Reader::check ;;
    encoder) echo taut_bench::orders::Kind::encode ;;
    template) echo taut_bench::orders::Kind::fill ;;
    *) echo "taut_bench::session::Line::$1" ;;
    esac
}

# count WHAT CORPUS LEVEL, or count WHAT STORE session
count() {
    local said total calls binary=codec-count level=$3
    [ "$level" = session ] && binary=session-count level=avx2
    said=$(TAUT_SCAN_LEVEL=$level valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --collect-atstart=no --toggle-collect="$(function_of "$1")" "$binaries/$binary" "$1" "$2" 2>&1)
    total=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' <<<"$said")
    calls=$(sed -n 's/^taut_bench.* \([0-9]*\)$/\1/p' <<<"$said")
    [ "${total:-0}" -gt 0 ] || { echo "nothing was counted of $1 $2:" "$said" >&2; exit 1; }
    echo "$1 $2 $3 $((total / calls))"
}

all() {
    for corpus in order_179 report_194 report_353 incremental_680; do
        for level in portable sse2 avx2; do
            count index "$corpus" "$level"
        done
        count five "$corpus" avx2
    done
    count check order_179 avx2
    for kind in order cancel amend; do
        count encoder "$kind" portable
        count template "$kind" portable
    done
    for store in none memory journal; do
        for what in receive send send_rendered; do
            count "$what" "$store" session
        done
    done
    count look none session
    count tick none session
}

case ${1:-} in
"") all ;;
--check)
    all | awk -v most="$tolerance_percent" '
        NR == FNR { was[$1 " " $2 " " $3] = $4; next }
        {
            key = $1 " " $2 " " $3
            percent = was[key] ? ($4 - was[key]) * 100 / was[key] : 100
            far = percent > most || percent < -most
            printf "%-36s %6d, recorded %6d, %+.1f %%%s\n", key, $4, was[key], percent, far ? "  <<<" : ""
            bad += far
        }
        END { exit bad > 0 }' "$recorded" - || {
        echo "the counts have changed: if that is meant, record them anew (see the head of $0)"
        exit 1
    }
    ;;
*)
    echo "$0 [--check]" >&2
    exit 2
    ;;
esac
