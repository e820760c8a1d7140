//! What was seen of a scope while its fields are walked over.

use super::lookup::{NOTES, Slot};

/// No value: a field has none that is this byte.
pub(super) const NOT_NOTED: u8 = 0;

/// Which members of a scope were seen.
#[derive(Clone, Copy)]
pub(super) struct Seen<const WORDS: usize> {
    /// A bit for the number of each.
    words: [u64; WORDS],
    /// The values that are noted, if they are of one byte.
    notes: [u8; NOTES as usize],
}

impl<const WORDS: usize> Seen<WORDS> {
    pub(super) const NONE: Self = Self { words: [0; WORDS], notes: [NOT_NOTED; NOTES as usize] };

    /// Enters a member; whether it was seen before.
    #[inline(always)]
    pub(super) fn insert(&mut self, number: u16) -> bool {
        let number = usize::from(number);
        let word = &mut self.words[number / 64 % WORDS];
        let before = *word;
        *word |= 1 << (number % 64);
        *word == before
    }

    /// Notes a value, if it is of interest.
    #[inline(always)]
    pub(super) fn note(&mut self, slot: &Slot, value: u8) {
        if let Some(note) = self.notes.get_mut(usize::from(slot.note)) {
            *note = value;
        }
    }

    pub(super) fn note_value(&mut self, slot: &Slot, value: &[u8]) {
        if let [byte] = value {
            self.note(slot, *byte);
        }
    }

    #[inline(always)]
    pub(super) fn noted(&self, note: u8) -> u8 {
        self.notes.get(usize::from(note)).copied().unwrap_or(NOT_NOTED)
    }

    /// Not of a number that no member has.
    #[inline(always)]
    pub(super) fn has(&self, number: u16) -> bool {
        let word = self.words.get(usize::from(number / 64));
        word.is_some_and(|word| word >> (number % 64) & 1 != 0)
    }

    /// Whether all numbers below `count` were seen.
    #[inline(always)]
    pub(super) fn has_first(&self, count: u16) -> bool {
        let mut first = 0;
        for word in &self.words {
            first += word.trailing_ones();
            if *word != u64::MAX {
                break;
            }
        }
        first >= u32::from(count)
    }
}
