//! Pinning threads to cores, and reading back whether it held.

use core_affinity::CoreId;

/// What became of a wish to pin a thread.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Pinning {
    /// The thread.
    pub thread: &'static str,
    /// The core that was asked for; `None`: none.
    pub asked: Option<usize>,
    /// The cores that the kernel lets the thread run on, read back afterwards.
    pub allowed: Vec<usize>,
}

impl Pinning {
    /// Whether the thread runs where it was asked to.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.asked.is_none_or(|core| self.allowed == [core])
    }
}

/// Pins the calling thread to `core`, if one is given, and reads back where it may run.
#[must_use]
pub fn pin_current(thread: &'static str, core: Option<usize>) -> Pinning {
    if let Some(id) = core {
        core_affinity::set_for_current(CoreId { id });
    }
    let allowed = core_affinity::get_core_ids().unwrap_or_default();
    Pinning { thread, asked: core, allowed: allowed.into_iter().map(|core| core.id).collect() }
}

/// The cores that this process may run on.
#[must_use]
pub fn available_cores() -> Vec<usize> {
    core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skipped::skipped;

    #[test]
    fn a_pinned_thread_reads_back_its_core() {
        let cores = available_cores();
        let Some(&last) = cores.last() else { return skipped(format_args!("no core list here")) };
        let pinned = std::thread::spawn(move || pin_current("test", Some(last))).join();
        let pinned = pinned.expect("the thread does not panic");
        assert!(pinned.holds(), "{pinned:?}");
    }

    #[test]
    fn a_core_that_does_not_exist_is_reported_as_not_held() {
        let pinned = std::thread::spawn(|| pin_current("test", Some(1023))).join();
        assert!(!pinned.expect("the thread does not panic").holds());
    }
}
