//! The two loops: first where the fields of a stretch of blocks end, then what their tags are.
#![allow(unsafe_code)]

use core::mem::MaybeUninit;

use super::walk::{self, BLOCK, is_length, next_at, short_tag_at, walk};
use super::{Field, ScanError};

/// Bytes between one look at the tags and the next: their ends are in the nearest cache still.
pub(super) const STRETCH: usize = BLOCKS * BLOCK;
const BLOCKS: usize = 16;

/// Most ends of a block that are listed.
pub(super) const ENDS_MAX: usize = 16;

/// The ends of the fields of one stretch, in order.
///
/// ```text
/// end before  end of 0  end of 1  ...  end of the last
/// ^ each is where the next field starts, less one; before the first it is one less than 0
/// ```
pub(super) type List = [MaybeUninit<u32>; LIST];

/// Room for a stretch, and for what a block lists too much.
pub(super) const LIST: usize = 1 + BLOCKS * ENDS_MAX + ENDS_MAX;

/// The fields of a message, stretch by stretch.
pub(super) struct Fields<'m, 'f, 'l> {
    message: &'m [u8],
    fields: &'f mut [Field],
    // Not a part of this, so that the rest of it can stay in registers.
    // Invariant: the first `1 + listed` have been written.
    list: &'l mut List,
    /// Fields that have an end.
    listed: usize,
    /// Fields that are complete.
    count: usize,
    /// Where the last of them ends.
    last_end: u32,
    /// Whether there was the length of a data field, which may hold SOHs that end nothing, or a block
    /// with more ends than are listed: the plain walk does the rest.
    walk: bool,
}

impl<'m, 'f, 'l> Fields<'m, 'f, 'l> {
    #[inline(always)]
    pub(super) fn new(message: &'m [u8], fields: &'f mut [Field], list: &'l mut List) -> Self {
        let last_end = u32::MAX;
        list[0].write(last_end);
        Self { message, fields, list, listed: 0, count: 0, last_end, walk: false }
    }

    /// The places of the next ends.
    #[inline(always)]
    fn room(&mut self) -> &mut [MaybeUninit<u32>; ENDS_MAX] {
        self.list[1 + self.listed..].first_chunk_mut().expect("room for a stretch and a block")
    }

    /// Takes the ends of the block at `base`; bit `n` of `soh` stands for the byte at `base + n`, and `count`
    /// is how many there are.
    #[inline(always)]
    pub(super) fn add_bits(&mut self, base: usize, soh: u64, count: usize) {
        debug_assert_eq!(soh.count_ones() as usize, count);
        // Writes eight, or sixteen if there are more: the invariant holds.
        list_bits(self.room(), base, soh);
        self.walk |= count > ENDS_MAX;
        self.listed += count.min(ENDS_MAX);
    }

    /// Makes fields of the ends that are listed and begins a new list. Of `lanes` fields at a time,
    /// `quick` gets the message, room for the fields of the list, the list, and how many are done; it
    /// returns how many are done when it meets one that is odd.
    #[inline(always)]
    pub(super) fn take(
        &mut self,
        lanes: usize,
        mut quick: impl FnMut(&[u8], &mut [Field], &[u32], usize) -> usize,
    ) -> Result<(), ScanError> {
        let (before, total) = (self.count, self.listed);
        let list: *const u32 = self.list.as_ptr().cast();
        // SAFETY: the invariant.
        let list = unsafe { core::slice::from_raw_parts(list, 1 + total) };
        while !self.walk && self.count < before + total {
            let done = quick(self.message, &mut self.fields[before..], list, self.count - before);
            if done == total {
                self.count = before + total;
                break;
            }
            let until = total.min(done.saturating_add(lanes));
            (self.count, self.walk) =
                one_by_one(self.message, self.fields, before + done, &list[done..=until])?;
        }
        // Not from the last field: it has just been stored with others, and would be waited for.
        self.last_end = match self.walk {
            true => (next_at(self.fields, self.count) as u32).wrapping_sub(1),
            false => list[total],
        };
        self.list[0].write(self.last_end);
        self.listed = 0;
        Ok(())
    }

    /// The rest of the message, if any, and the trailer; see [`walk::finish`].
    #[inline(always)]
    pub(super) fn finish(self, sum_of_all: u32) -> Result<usize, ScanError> {
        // Where all SOHs are ends, what looks like a trailer is the last field.
        let is_whole = !self.walk && self.last_end as usize + 1 == self.message.len();
        if is_whole && walk::has_trailer(self.message, sum_of_all) {
            return Ok(self.count);
        }
        walk::finish(self.message, self.fields, self.count, sum_of_all)
    }
}

/// Lists eight ends whether or not there are so many, or sixteen if there are more: how many there are cannot
/// be predicted. Each is stored by itself: a compiler that gathers eight in a vector register takes longer, and
/// longer again to read them.
#[inline(always)]
fn list_bits(room: &mut [MaybeUninit<u32>; ENDS_MAX], base: usize, soh: u64) {
    let mut left = soh;
    for half in room.as_chunks_mut::<{ ENDS_MAX / 2 }>().0 {
        for end in half {
            // SAFETY: a place for an integer, to which there is no other reference.
            unsafe { end.as_mut_ptr().write_volatile(base as u32 + left.trailing_zeros()) };
            left &= left.wrapping_sub(1);
        }
        if left == 0 {
            break;
        }
    }
}

/// Fields behind the first `count`, each between two of `list`. Returns how many fields the message has
/// then, and whether the last is the length of a data field; the rest was left out then.
#[inline(always)]
pub(super) fn one_by_one(
    message: &[u8],
    fields: &mut [Field],
    mut count: usize,
    mut list: &[u32],
) -> Result<(usize, bool), ScanError> {
    loop {
        let room = fields.get_mut(count..).unwrap_or_default();
        let (mut done, mut at) = (0, list[0].wrapping_add(1));
        for (field, &end) in room.iter_mut().zip(&list[1..]) {
            match short_tag_at(message, at as usize) {
                Some((tag, start)) => *field = Field { tag, start: start as u32, end },
                None => break,
            }
            if is_length(field.tag) {
                break;
            }
            (done, at) = (done + 1, end + 1);
        }
        count += done;
        list = &list[done..];
        let [_, end, ..] = *list else { return Ok((count, false)) };
        count += 1;
        if odd_field(message, fields, count - 1, end)? {
            return Ok((count, true));
        }
        list = &list[1..];
    }
}

/// A field whose tag is long or malformed, that is the length of a data field, or for which there is no
/// room. Returns whether it is such a length.
#[cold]
#[inline(never)]
fn odd_field(
    message: &[u8],
    fields: &mut [Field],
    count: usize,
    end: u32,
) -> Result<bool, ScanError> {
    // One field: the next starts behind its end.
    let (count, _) = walk(message, fields, count, end as usize + 1)?;
    Ok(is_length(fields[count - 1].tag))
}
