//! The TLS record layer against scripts: see `taut::wire::tls::fuzzing`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| taut::wire::tls::fuzzing::records(script));
