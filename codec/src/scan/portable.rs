//! The kernel in plain Rust: eight bytes at a time in an ordinary register.

use core::mem::MaybeUninit;

use super::ends::{Fields, LIST, List, STRETCH};
use super::walk::{BLOCK, last_block};
use super::{Field, ScanError};
use crate::SOH;
use crate::value::swar::{HIGHS, ONES};

pub(super) fn index(message: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
    let mut list: List = [MaybeUninit::uninit(); LIST];
    let mut fields = Fields::new(message, fields, &mut list);
    let mut sum = 0u32;
    let mut base = 0;
    for stretch in message.chunks(STRETCH) {
        let (blocks, rest) = stretch.as_chunks::<BLOCK>();
        for block in blocks {
            sum = sum.wrapping_add(sum_of(block));
            let (soh, count) = soh_bits(block);
            fields.add_bits(base, soh, count);
            base += BLOCK;
        }
        if !rest.is_empty() {
            let (block, before) = last_block(message, rest.len());
            sum = sum.wrapping_add(sum_of(&block));
            let (soh, count) = soh_bits(&block);
            fields.add_bits(base, soh >> before, count);
        }
        fields.take(usize::MAX, |_, _, _, done| done)?;
    }
    fields.finish(sum)
}

/// One bit per SOH of the block, and how many.
#[inline(always)]
fn soh_bits(block: &[u8; BLOCK]) -> (u64, usize) {
    const LOWS: u64 = !HIGHS;
    // Moves bit 8k to bit 56 + k.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (words, _) = block.as_chunks::<8>();
    let (bits, counts) = words.iter().enumerate().fold((0, 0), |(bits, counts), (i, word)| {
        let x = u64::from_le_bytes(*word) ^ (ONES * SOH as u64);
        // The lowest bit of each byte of `hit` says that the byte of `x` is zero. No carry crosses bytes.
        let hit = !(((x & LOWS) + LOWS) | x | LOWS) >> 7;
        (bits | (hit.wrapping_mul(GATHER) >> 56) << (i * 8), counts + hit)
    });
    // Eight counts of up to eight, one in each byte.
    (bits, (counts.wrapping_mul(ONES) >> 56) as usize)
}

#[inline(always)]
fn sum_of(block: &[u8; BLOCK]) -> u32 {
    const LOW: u64 = 0x00ff_00ff_00ff_00ff;
    let (words, _) = block.as_chunks::<8>();
    // Four sums of sixteen bytes each, in sixteen bits.
    let sums = words.iter().fold(0, |sums, word| {
        let word = u64::from_le_bytes(*word);
        sums + (word & LOW) + (word >> 8 & LOW)
    });
    (sums.wrapping_mul(0x0001_0001_0001_0001) >> 48) as u32
}
