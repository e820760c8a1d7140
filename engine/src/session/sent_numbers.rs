//! Which of the last numbers that we used were messages of the application: all that a session without a
//! store knows of what it sent, so that it can say what a gap fill stood for.

use crate::limits::SENT_NUMBERS;
use crate::touched;

/// A bit for each of the last [`SENT_NUMBERS`] numbers. Allocated once.
pub(super) struct SentNumbers {
    /// Whether it was the application's, at the remainder of the number.
    bits: Box<[u64]>,
    /// From which number on it knows.
    first: u64,
    /// The number behind the last that it knows.
    next: u64,
}

impl SentNumbers {
    pub(super) fn new() -> Self {
        Self { bits: touched::slice(0, SENT_NUMBERS as usize / 64), first: 1, next: 1 }
    }

    /// A new sequence space begins.
    pub(super) const fn reset(&mut self) {
        (self.first, self.next) = (1, 1);
    }

    /// A number is used. One that does not follow the last leaves nothing known of those before it.
    pub(super) fn note(&mut self, number: u64, is_application: bool) {
        if number != self.next {
            self.first = number;
        }
        self.next = number + 1;
        self.first = self.first.max(self.next.saturating_sub(SENT_NUMBERS));
        let (word, bit) = place(number);
        self.bits[word] &= !bit;
        self.bits[word] |= u64::from(is_application) * bit;
    }

    /// From which number on [`SentNumbers::application`] knows all.
    pub(super) const fn reach(&self) -> u64 {
        self.first
    }

    /// The numbers of the application's messages in a range, as far as they are known.
    pub(super) fn application(&self, from: u64, to: u64) -> impl Iterator<Item = u64> + '_ {
        let known = from.max(self.first)..=to.min(self.next - 1);
        known.filter(|&number| {
            let (word, bit) = place(number);
            self.bits[word] & bit != 0
        })
    }
}

/// Where the bit of a number is.
const fn place(number: u64) -> (usize, u64) {
    let at = number % SENT_NUMBERS;
    ((at / 64) as usize, 1 << (at % 64))
}
