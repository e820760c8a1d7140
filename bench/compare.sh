#!/usr/bin/env bash
# One table: the codec beside others from the registry, in turn, as Markdown; what stands in bench/results was
# made by this. With the machine, the date and the compiler at its head.
#
#   bench/compare.sh [ROUNDS]
#   HFFIX_INCLUDE=DIR bench/compare.sh [ROUNDS]     with hffix, a C++ library: see rivals/README.md
#
# For figures that mean something: a quiet machine, or as root `nice -n -15 taskset -c 1 bench/compare.sh`.
set -euo pipefail
cd "$(dirname "$0")/rivals"
cargo build --release --quiet --locked
sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | sort | uniq -c | sed 's/^ *\([0-9]*\) \(.*\)/\1 x \2/'
echo "$(date -u +%F), $(rustc --version)"
echo
"${CARGO_TARGET_DIR:-target}/release/taut-rivals" "${1:-51}"
