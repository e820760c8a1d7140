#!/bin/sh
# Instructions of the session layer per message, by valgrind's callgrind: what two rounds more cost. It has no
# AVX-512; TAUT_SCAN_LEVEL (portable, sse2, avx2) counts for what is indexed only.
# Usage: bench/instructions-session.sh, from the root of the workspace.
set -eu
command -v valgrind >/dev/null || { echo "valgrind is not installed" >&2; exit 1; }
cargo build --release -q -p taut-bench --bin session-figures
figures="${CARGO_TARGET_DIR:-target}/release/session-figures"
messages=8192

# count ROUNDS METHOD LEVEL
count() {
    TAUT_SCAN_LEVEL="$3" valgrind --tool=callgrind --callgrind-out-file=/dev/null "$figures" "$1" "$2" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

for level in avx2 portable; do
    for method in "inbound: session" "inbound: index and session" "outbound: encoder alone" \
        "outbound: encoder through" "outbound: template alone" "outbound: template through" \
        "timer: is anything due" "timer: tick"; do
        few=$(count 1 "$method" "$level")
        many=$(count 3 "$method" "$level")
        echo "$level | $method | $(((many - few) / messages))"
    done
done
