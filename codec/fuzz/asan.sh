#!/usr/bin/env bash
# asan.sh [TEST ARGUMENT...]: the unit and integration tests of the codec under AddressSanitizer, optimized, with
# debug assertions and the run-time dictionary. From anywhere; what is built stays apart from other builds.
# Ends with 1 if a test fails or the sanitizer finds something.
set -euo pipefail
cd "$(dirname "$0")/../.."

# A sanitizer needs a nightly compiler, or a stable one that is told that it is one.
if cargo +nightly --version >/dev/null 2>&1; then
  cargo=(cargo +nightly)
else
  cargo=(cargo)
  export RUSTC_BOOTSTRAP=1
fi
host=$("${cargo[@]}" -vV | sed -n "s/^host: //p")
export RUSTFLAGS="-Zsanitizer=address"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/asan
# Doctests are left out: they would need the sanitizer's flags a second time, and hold no other code.
exec "${cargo[@]}" test --locked -p taut-codec --all-features --target "$host" --lib --tests -- "$@"
