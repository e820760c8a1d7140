//! Ctrl-C: the first asks for a clean end, the second ends at once.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::child::Process;

/// What a shell expects of a command that Ctrl-C ended: 128 and the number of SIGINT.
pub const EXIT_CODE: u8 = 130;

/// How often the flag is looked at.
const PERIOD: Duration = Duration::from_millis(20);

/// Watches SIGINT and SIGTERM on a thread of its own. The first sets the flag that is returned; the
/// second kills `process`, removes `scratch` and ends this process, whatever its other threads wait for.
///
/// # Errors
/// If the system refuses a handler or the thread.
pub fn watch(process: Process, scratch: PathBuf) -> io::Result<Arc<AtomicBool>> {
    let (signalled, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&signalled))?;
    }
    let first = Arc::clone(&stop);
    std::thread::Builder::new().name("taut-interrupt".into()).spawn(move || {
        loop {
            std::thread::sleep(PERIOD);
            if !signalled.swap(false, Ordering::Relaxed) {
                continue;
            }
            if first.swap(true, Ordering::Relaxed) {
                process.kill_and(|| {
                    // Nobody is left to be told of a directory that stays.
                    let _ = std::fs::remove_dir_all(&scratch);
                    std::process::exit(EXIT_CODE.into())
                });
            }
        }
    })?;
    Ok(stop)
}
