//! What a test does that lacks what it needs.

/// Says past the capture of the test runner that a test lacks what it needs; with `TAUT_REQUIRE_ALL=1` it
/// fails instead.
pub fn skipped(why: std::fmt::Arguments) {
    use std::io::Write;

    let required = std::env::var_os("TAUT_REQUIRE_ALL").is_some_and(|value| value == "1");
    assert!(!required, "TAUT_REQUIRE_ALL=1, but: {why}");
    // Nobody may be listening.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
