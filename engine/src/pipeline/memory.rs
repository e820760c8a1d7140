//! The memory of the process: locked, so that no page of it has to be fetched, and in huge pages, so that
//! fewer addresses have to be looked up. Both are for the whole process, the strategy's memory too.
#![allow(unsafe_code)]

use std::fs;
use std::io;

use rustix::mm::{MlockAllFlags, mlockall};

/// What the system says of the memory of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Memory {
    /// In RAM, KiB.
    pub resident_kib: u64,
    /// Of which without a file behind it and in huge pages, KiB.
    pub huge_kib: u64,
    /// Of which cannot be taken out of RAM, KiB.
    pub locked_kib: u64,
}

impl Memory {
    /// As it is now. Reads `/proc`, which takes a while: not for the path.
    ///
    /// # Errors
    /// Those of reading it.
    pub fn now() -> io::Result<Self> {
        let rollup = fs::read_to_string("/proc/self/smaps_rollup")?;
        let status = fs::read_to_string("/proc/self/status")?;
        Ok(Self {
            resident_kib: figure(&rollup, "Rss:"),
            huge_kib: figure(&rollup, "AnonHugePages:"),
            // `Locked` of the rollup counts shared pages by their share only.
            locked_kib: figure(&status, "VmLck:"),
        })
    }
}

/// Page faults of one thread of the path: each is a trip into the kernel, and a major one waits for a disk. What the
/// path needs is touched before it starts; the first run of a piece of code is what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Faults {
    /// The thread.
    pub thread: &'static str,
    /// The page was in RAM, or new.
    pub minor: u64,
    /// It had to be fetched.
    pub major: u64,
}

impl Faults {
    /// Of the calling thread, which has this name, since it began; `None` if the system does not tell. Reads
    /// `/proc`.
    pub(crate) fn of_this_thread(thread: &'static str) -> Option<Self> {
        let stat = fs::read_to_string("/proc/thread-self/stat").ok()?;
        // The name before it, in brackets, may hold anything. The first field behind it is the third (proc(5)).
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(10 - 3);
        let minor = fields.next()?.parse().ok()?;
        Some(Self { thread, minor, major: fields.nth(1)?.parse().ok()? })
    }

    /// Of the calling thread since `before`.
    pub(crate) fn since(before: Option<Self>) -> Option<Self> {
        let before = before?;
        let Self { thread, minor, major } = Self::of_this_thread(before.thread)?;
        let (minor, major) = (minor - before.minor, major - before.major);
        Some(Self { thread, minor, major })
    }
}

/// A line `name 123 kB`.
fn figure(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Brings all memory of the process into RAM and keeps it there, also what it takes later: the stacks of its
/// threads and the maps of its journals.
///
/// # Errors
/// Not permitted, or more than `RLIMIT_MEMLOCK` allows.
pub(super) fn lock() -> io::Result<()> {
    Ok(mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE)?)
}

/// Puts what this process has allocated so far into huge pages, as far as the kernel has them
/// ([`Memory::huge_kib`] tells): it asks for them and has what is in small pages collapsed (Linux 6.1).
///
/// # Errors
/// Those of reading `/proc`. What the kernel refuses stays as it is.
pub(super) fn use_huge_pages() -> io::Result<()> {
    let size = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .filter(|size: &usize| size.is_power_of_two());
    // A kernel without them.
    let Some(size) = size else { return Ok(()) };
    for line in fs::read_to_string("/proc/self/maps")?.lines() {
        let Some((start, end)) = anonymous(line) else { continue };
        let (start, end) = (start.next_multiple_of(size), end & !(size - 1));
        if start < end {
            for advice in [libc::MADV_HUGEPAGE, libc::MADV_COLLAPSE] {
                // SAFETY: neither advice changes what a page holds, who may use it or whether it is there,
                // whatever is mapped in the range by now; the kernel refuses what does not apply.
                unsafe { libc::madvise(start as *mut libc::c_void, end - start, advice) };
            }
        }
    }
    Ok(())
}

/// The range of a line of `/proc/self/maps`, if it is private, can be written and has no file behind it, and
/// is not the main thread's stack.
fn anonymous(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_whitespace();
    let (range, rights) = (fields.next()?, fields.next()?);
    let name = fields.nth(3).unwrap_or_default();
    if rights != "rw-p" || !(name.is_empty() || name == "[heap]") {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    Some((usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skipped::skipped;

    #[test]
    fn memory_in_huge_pages_holds_what_it_held() {
        const BYTES: usize = 16 << 20;
        let mut random = fastrand::Rng::with_seed(9);
        let held: Vec<u8> = (0..BYTES).map(|_| random.u8(..)).collect();
        let before = Memory::now().unwrap();
        use_huge_pages().unwrap();
        let after = Memory::now().unwrap();
        let mut random = fastrand::Rng::with_seed(9);
        assert!(held.iter().all(|&byte| byte == random.u8(..)));
        assert!(after.resident_kib >= (BYTES >> 10) as u64, "{after:?}");
        if after.huge_kib <= before.huge_kib {
            let enabled = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
            skipped(format_args!("no huge page was to be had: {enabled:?}"));
        }
    }

    #[test]
    fn only_private_memory_without_a_file_is_advised() {
        let anonymous = super::anonymous;
        assert_eq!(anonymous("7f00-7fff rw-p 00000000 00:00 0 "), Some((0x7f00, 0x7fff)));
        assert_eq!(anonymous("10-20 rw-p 00000000 00:00 0          [heap]"), Some((0x10, 0x20)));
        for line in [
            "10-20 rw-p 00000000 00:00 0          [stack]",
            "10-20 rw-s 00000000 00:00 0 ",
            "10-20 r--p 00000000 00:00 0 ",
            "10-20 rw-p 00000000 08:01 77         /usr/lib/libc.so.6",
            "",
            "no line of maps",
        ] {
            assert_eq!(anonymous(line), None, "{line}");
        }
    }

    #[test]
    fn a_figure_that_is_not_there_is_zero() {
        assert_eq!(figure("Rss:    17 kB\nVmLck:\t  4 kB\n", "VmLck:"), 4);
        assert_eq!(figure("Rss:    17 kB\n", "VmLck:"), 0);
    }
}
