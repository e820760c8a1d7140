#!/usr/bin/env bash
# run.sh SECONDS [TARGET...]: every fuzz target (or those named) in turn, for so many seconds each, with all
# kernels, AddressSanitizer, debug assertions and coverage. Prints executions and findings per target; ends
# with 1 if there was a finding. What is found stays in artifacts/, the inputs that were grown in target/grown/.
# FUZZ_DIR: another folder of targets, engine/fuzz.
set -euo pipefail
cd "${FUZZ_DIR:-$(dirname "$0")}"
seconds=${1:?how many seconds for each target}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(sed -n 's/^name = "\(.*\)"/\1/p' Cargo.toml | tail -n +2)

# A sanitizer needs a nightly compiler, or a stable one that is told that it is one.
if cargo +nightly --version >/dev/null 2>&1; then
  cargo=(cargo +nightly)
else
  cargo=(cargo)
  export RUSTC_BOOTSTRAP=1
fi
host=$(rustc -vV | sed -n "s/^host: //p")
export RUSTFLAGS="--cfg fuzzing -Zsanitizer=address -Cpasses=sancov-module \
  -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table"
"${cargo[@]}" build --quiet --release --target "$host" $(printf -- '--bin %s ' "${targets[@]}")
built=${CARGO_TARGET_DIR:-target}/$host/release

findings=0
printf '%-12s %14s %10s  %s\n' target executions 'per s' finding
for target in "${targets[@]}"; do
  grown=target/grown/$target seeds=()
  mkdir -p "$grown" artifacts
  [ -d "corpus/$target" ] && seeds=("corpus/$target")
  log=$grown.log
  status=0
  "$built/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="artifacts/$target-" "$grown" "${seeds[@]}" >"$log" 2>&1 || status=$?
  stat() { sed -n "s/^stat::$1: *//p" "$log"; }
  finding=none
  if [ "$status" -ne 0 ]; then
    finding=$(grep -m 1 -E 'panicked|ERROR|SUMMARY' "$log" || echo "exit $status, see $log")
    findings=$((findings + 1))
  fi
  printf '%-12s %14s %10s  %s\n' "$target" "$(stat number_of_executed_units)" \
    "$(stat average_exec_per_sec)" "$finding"
done
[ "$findings" -eq 0 ]
