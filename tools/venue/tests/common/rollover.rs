//! The rollover of a venue that follows the clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The venue of a test that takes so long follows the clock: waits out a rollover (22:00 UTC) that would come in the
/// middle.
pub fn wait_out_rollover(test: Duration) {
    const DAY: u64 = 24 * 3600;
    const OVER: u64 = 22 * 3600 + 35;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is not 1970").as_secs();
    let left = (OVER + DAY - now % DAY) % DAY;
    if left < 35 + test.as_secs() {
        std::thread::sleep(Duration::from_secs(left));
    }
}
