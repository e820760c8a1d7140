#!/usr/bin/env bash
# The path through the venue, measured: writes bench/results/path.json and, made from it, the README's table.
#
#   bench/path.sh [ROUNDS]     five rounds or more: fewer have no range worth the name
#
# For figures that mean something: a quiet machine, or as root `nice -n -18 bench/path.sh`. Needs Python 3, which
# leaves out of the figures of each round all but their medians and ranges.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5}
[[ $rounds =~ ^[0-9]+$ && $rounds -ge 5 ]] || { echo "$0 [ROUNDS], at least 5" >&2; exit 2; }
cargo build --release --quiet --locked -p taut-cli
taut=${CARGO_TARGET_DIR:-target}/release/taut
measure() { "$taut" bench "$@" --rounds "$rounds" --seconds 1 --json; echo; }
{
    for what in round-trip throughput tick; do measure "$what"; done
    # With fewer cores than threads and venue these park.
    measure round-trip --layout split,full --tls record-layer
    measure round-trip --tls rustls
} | python3 -c '
import datetime, json, sys
text, at, decoder, found = sys.stdin.read(), 0, json.JSONDecoder(), []
while text[at:].strip():
    at += len(text[at:]) - len(text[at:].lstrip())
    one, at = decoder.raw_decode(text, at)
    assert not one["faults"], one["faults"]
    kept = {key: one[key] for key in ("what", "host", "echo_us", "lines")}
    found.append({"date": str(datetime.date.today()), "rounds": len(one["rounds"])} | kept)
json.dump(found, open("bench/results/path.json", "w"), indent=1)
'
echo >>bench/results/path.json
TAUT_WRITE=1 cargo test --quiet --locked -p taut-cli --test readme
