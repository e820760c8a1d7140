//! No kernel reads a byte outside the slice: the message ends, or starts, at a page that faults.
#![cfg(unix)]
#![allow(unsafe_code)]

use taut_codec::scan::{Field, Level, Scanner};

/// One readable page between two that are not.
struct Guarded {
    base: *mut u8,
    page: usize,
}

impl Guarded {
    fn new() -> Self {
        // SAFETY: sysconf has no preconditions.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let (private, nowhere) = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, core::ptr::null_mut());
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice.
        let base = unsafe { libc::mmap(nowhere, 3 * page, libc::PROT_NONE, private, -1, 0) };
        assert_ne!(base, libc::MAP_FAILED);
        // SAFETY: the middle page of the mapping just made.
        let done = unsafe {
            libc::mprotect(base.byte_add(page), page, libc::PROT_READ | libc::PROT_WRITE)
        };
        assert_eq!(done, 0);
        Self { base: base.cast(), page }
    }

    fn middle(&mut self) -> &mut [u8] {
        // SAFETY: the middle page is mapped, readable, writable, zeroed and borrowed through self.
        unsafe { core::slice::from_raw_parts_mut(self.base.add(self.page), self.page) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`; no borrow of it outlives self.
        unsafe { libc::munmap(self.base.cast(), 3 * self.page) };
    }
}

/// A message of about so many bytes, and how many fields it has: short ones only, or of all widths.
fn message(pad: usize, of_all_widths: bool) -> (Vec<u8>, usize) {
    let mut message = b"8=FIX.4.4\x019=1\x0135=D\x01".to_vec();
    let mut fields = 4;
    let end = message.len() + 3 * pad;
    while message.len() < end {
        let tag = ["1", "49", "150", "5041"][if of_all_widths { fields % 4 } else { 0 }];
        let value = "7".repeat(if of_all_widths { fields * 7 % 23 } else { 0 });
        message.extend(format!("{tag}={value}\x01").bytes());
        fields += 1;
    }
    let sum = message.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    message.extend(format!("10={sum:03}\x01").bytes());
    (message, fields)
}

#[test]
fn a_message_at_either_edge_of_a_mapped_page_is_indexed_without_a_fault() {
    let mut guarded = Guarded::new();
    let middle = guarded.middle();
    for (message, count) in (0..320).map(|case| message(case / 2, case % 2 == 1)) {
        let mut fields = [Field::default(); 256];
        let edge = middle.len();
        for scanner in Level::ALL.into_iter().filter_map(Scanner::with_level) {
            middle[edge - message.len()..].copy_from_slice(&message);
            for cut in 0..message.len() {
                let got = scanner.index(&middle[edge - message.len() + cut..], &mut fields);
                if cut == 0 {
                    assert_eq!(got, Ok(count), "{scanner:?}");
                }
            }
            middle[..message.len()].copy_from_slice(&message);
            assert_eq!(scanner.index(&middle[..message.len()], &mut fields), Ok(count));
        }
    }
}
