#!/usr/bin/env bash
# Order to report, one at a time and with 256 unanswered, beside QuickFIX (C++, by the crate `quickfix`): in turn
# within each round, and in each round the echo of `taut bench`. As Markdown.
#
#   bench/quickfix.sh [ROUNDS [DICTIONARY]]
#
# Needs cmake and a C++ compiler, which build QuickFIX (minutes), and Python 3, which adds up. DICTIONARY is QuickFIX's
# FIX44.xml: with it a third row, validating. Ours are engine and venue as they are: the venue matches, and sends three
# reports an order, of which the first counts here. QuickFIX's acceptor only answers, by one report. Neither has TLS
# here. Ours spin; QuickFIX sleeps between messages, which is its way, and most of the difference of one at a time.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet --locked -p taut-cli
(cd bench/quickfix && cargo build --release --quiet --locked)
ours=${CARGO_TARGET_DIR:-target}/release/taut
theirs=${CARGO_TARGET_DIR:-bench/quickfix/target}/release/taut-quickfix
exec python3 - "$ours" "$theirs" "${1:-5}" "${2:-}" <<'PYTHON'
import datetime, json, statistics, subprocess, sys

ours, theirs, rounds, dictionary = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
run = lambda *words: json.loads(subprocess.run(words, check=True, capture_output=True, timeout=300).stdout)

def taut(what):
    said = run(ours, "bench", what, "--rounds=1", "--seconds=2", "--wire=busy-poll", "--tls=plain", "--json")
    line = {key: value["median"] for key, value in said["lines"][0].items() if isinstance(value, dict)}
    return said["echo_us"]["median"], line, said["host"]

found, host, echoes = {}, None, []
for _ in range(rounds):
    for what, outstanding in (("round-trip", "1"), ("throughput", "256")):
        echo, line, host = taut(what)
        echoes.append(echo)
        methods = {"taut, busy-poll, with its venue": line, "QuickFIX, no dictionary": run(theirs, "2", outstanding)}
        if dictionary:
            methods["QuickFIX, validating"] = run(theirs, "2", outstanding, dictionary)
        for name, measured in methods.items():
            row = found.setdefault((outstanding, name), [])
            row.append(measured | {"echo": echo, "taut": line})

def spread(figures, form):
    low, middle, high = min(figures), statistics.median(figures), max(figures)
    return f"{middle:{form}} ({low:{form}}-{high:{form}})"

print(f"{datetime.date.today()}, {host['processor']}, cores {host['cores']}, Linux {host['kernel']}, load {host['load']}; "
      f"{rounds} rounds of 2 s, median (range); echo {spread(echoes, '.1f')} us\n")
print("| unanswered | method | p50 us | p99 us | orders a second | p50 to echo | p50 to taut | rate to taut |")
print("|---|---|---|---|---|---|---|---|")
for (outstanding, name), rows in sorted(found.items(), key=lambda one: int(one[0][0])):
    column = lambda of, form: spread([of(row) for row in rows], form)
    print(f"| {outstanding} | {name} | {column(lambda r: r['p50_us'], '.1f')} | {column(lambda r: r['p99_us'], '.0f')} "
          f"| {column(lambda r: r['per_second'], ',.0f')} | {column(lambda r: r['p50_us'] / r['echo'], '.2f')} "
          f"| {column(lambda r: r['p50_us'] / r['taut']['p50_us'], '.2f')} "
          f"| {column(lambda r: r['per_second'] / r['taut']['per_second'], '.2f')} |")
PYTHON
