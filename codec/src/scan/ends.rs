//! From masks to fields without vectors: first where they all end, then their tags.
//!
//! Two short loops instead of one, because how many fields a block has cannot be predicted: the first
//! writes eight ends per block whether or not there are so many, the second runs over many fields.

use super::walk::{data_tag, next_at, short_tag_at, walk};
use super::{Field, ScanError};

/// Blocks between one look at the tags and the next: what is written then is in the nearest cache still.
pub(super) const BLOCKS: usize = 16;

/// Ends that are written at once.
const STEP: usize = 8;

/// Fields that have an end, of which some have a tag.
pub(super) struct Ends<'m, 'f> {
    message: &'m [u8],
    fields: &'f mut [Field],
    /// Fields that are complete.
    count: usize,
    /// Fields that have an end.
    ended: usize,
    /// Whether there may be no room for a block's ends, or there was the length of a data field, which
    /// may hold SOHs that end nothing: the plain walk does the rest.
    walk: bool,
}

impl<'m, 'f> Ends<'m, 'f> {
    #[inline(always)]
    pub(super) fn new(message: &'m [u8], fields: &'f mut [Field]) -> Self {
        Self { message, fields, count: 0, ended: 0, walk: false }
    }

    /// Takes the SOHs of the block at `base`; bit `n` stands for the byte at `base + n`.
    #[inline(always)]
    pub(super) fn block(&mut self, base: usize, mut soh: u64) {
        let mut at = self.ended;
        let ended = at + soh.count_ones() as usize;
        self.walk |= ended.next_multiple_of(STEP) + STEP > self.fields.len();
        if self.walk {
            return;
        }
        self.ended = ended;
        loop {
            for field in &mut self.fields[at..at + STEP] {
                field.end = base as u32 + soh.trailing_zeros();
                soh &= soh.wrapping_sub(1);
            }
            at += STEP;
            if at >= self.ended {
                break;
            }
        }
    }

    /// Finds the tags of the fields that have an end. Before each that is left, `quick` may do as many
    /// as it can of the fields `from..to`; it returns up to where it got.
    #[inline(always)]
    pub(super) fn tags(
        &mut self,
        mut quick: impl FnMut(&[u8], &mut [Field], usize, usize) -> usize,
    ) -> Result<(), ScanError> {
        while self.count < self.ended {
            self.count = quick(self.message, self.fields, self.count, self.ended);
            if self.short_tags() < self.ended {
                self.odd_tag()?;
            }
        }
        Ok(())
    }

    /// One tag after the other, up to the first that is odd. Returns how many fields are complete.
    #[inline(always)]
    fn short_tags(&mut self) -> usize {
        let mut at = next_at(self.fields, self.count);
        for field in &mut self.fields[self.count..self.ended] {
            match short_tag_at(self.message, at) {
                Some((tag, start)) if data_tag(tag).is_none() => {
                    (field.tag, field.start) = (tag, start as u32);
                    at = field.end as usize + 1;
                    self.count += 1;
                }
                _ => break,
            }
        }
        self.count
    }

    /// A field whose tag is long or malformed, that is the length of a data field, or the last.
    #[cold]
    #[inline(never)]
    fn odd_tag(&mut self) -> Result<(), ScanError> {
        // One field: the next starts behind its end.
        let until = self.fields[self.count].end as usize + 1;
        (self.count, _) = walk(self.message, self.fields, self.count, until)?;
        if data_tag(self.fields[self.count - 1].tag).is_some() {
            (self.walk, self.ended) = (true, self.count);
        }
        Ok(())
    }

    /// How many fields are complete.
    #[inline(always)]
    pub(super) fn count(&self) -> usize {
        self.count
    }
}
