//! Pinning threads to cores and giving them a nice value, and reading back whether it held.

use std::io;

use core_affinity::CoreId;
use rustix::process::{getpriority_process, setpriority_process};

/// What became of the wishes where and how a thread is to run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Pinning {
    /// The thread.
    pub thread: &'static str,
    /// The core that was asked for; `None`: none.
    pub asked: Option<usize>,
    /// The cores that the kernel lets the thread run on, read back afterwards.
    pub allowed: Vec<usize>,
    /// The nice value, if one was asked for.
    pub nice: Option<Nice>,
}

/// A nice value: below 0, the thread comes before others on its core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Nice {
    /// What was asked for.
    pub asked: i32,
    /// What the thread has, read back afterwards; `None`: the system does not tell.
    pub got: Option<i32>,
}

impl Pinning {
    /// Of a thread without a nice value of its own.
    #[must_use]
    pub const fn new(thread: &'static str, asked: Option<usize>, allowed: Vec<usize>) -> Self {
        Self { thread, asked, allowed, nice: None }
    }

    /// Whether the thread runs where and as it was asked to.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.asked.is_none_or(|core| self.allowed == [core])
            && self.nice.is_none_or(|nice| nice.got == Some(nice.asked))
    }

    /// Gives the calling thread a nice value, if there is one to give, and reads back what it has.
    #[must_use]
    pub(super) fn with_nice(self, asked: Option<i32>) -> Self {
        let nice = asked.map(|asked| {
            // Linux takes the calling thread for the process 0. A refusal shows in what is read back.
            let _ = setpriority_process(None, asked);
            Nice { asked, got: getpriority_process(None).ok() }
        });
        Self { nice, ..self }
    }
}

/// Pins the calling thread to `core`, if one is given, and reads back where it may run.
#[must_use]
pub fn pin_current(thread: &'static str, core: Option<usize>) -> Pinning {
    // A set of cores has no room for more.
    if let Some(id) = core.filter(|id| *id < libc::CPU_SETSIZE as usize) {
        core_affinity::set_for_current(CoreId { id });
    }
    let allowed = core_affinity::get_core_ids().unwrap_or_default();
    Pinning::new(thread, core, allowed.into_iter().map(|core| core.id).collect())
}

/// The first of `cores` that no thread of this process may be pinned to: there is no such core, or it is kept for
/// others. Asks the system by doing it, on a thread that ends.
///
/// # Errors
/// The system refuses the thread.
pub(super) fn first_refused(cores: Vec<usize>) -> io::Result<Option<usize>> {
    if cores.is_empty() {
        return Ok(None);
    }
    let refused = |core: &usize| !pin_current("taut-pin", Some(*core)).holds();
    let builder = std::thread::Builder::new().name("taut-pin".into());
    let thread = builder.spawn(move || cores.into_iter().find(refused))?;
    Ok(thread.join().expect("pinning does not panic"))
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
    fn a_nice_value_is_the_threads_own_and_is_read_back() {
        let nicer = |by| move || pin_current("test", None).with_nice(by);
        let before = getpriority_process(None).expect("the system tells");
        let asked = before + 1;
        let pinned = std::thread::spawn(nicer(Some(asked))).join().expect("no panic");
        assert_eq!(pinned.nice, Some(Nice { asked, got: Some(asked) }));
        assert!(pinned.holds());
        assert_eq!(getpriority_process(None), Ok(before), "another thread's stays");
        let pinned = std::thread::spawn(nicer(Some(1_000))).join().expect("no panic");
        assert!(!pinned.holds(), "the system has no such value: {pinned:?}");
    }

    #[test]
    fn a_core_that_does_not_exist_is_reported_as_not_held() {
        for core in [1023, 1024, usize::MAX] {
            let pinned = std::thread::spawn(move || pin_current("test", Some(core))).join();
            assert!(!pinned.expect("the thread does not panic").holds());
            let mut cores = available_cores();
            assert_eq!(first_refused(cores.clone()).expect("a thread"), None);
            cores.extend([core, 1022]);
            assert_eq!(first_refused(cores).expect("a thread"), Some(core));
        }
        assert_eq!(first_refused(Vec::new()).expect("nothing to ask"), None);
    }
}
