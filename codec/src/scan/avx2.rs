//! The AVX2 kernel: 32 bytes in one register, two registers to a block.
#![allow(unsafe_code)]

use core::arch::x86_64::{
    __m256i, _mm_add_epi64, _mm_cvtsi128_si64, _mm_extract_epi64, _mm_unpackhi_epi64,
    _mm256_add_epi64, _mm256_and_si256, _mm256_andnot_si256, _mm256_castsi256_si128,
    _mm256_cmpeq_epi8, _mm256_cmpeq_epi32, _mm256_cmpeq_epi64, _mm256_extracti128_si256,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_movemask_epi8,
    _mm256_or_si256, _mm256_sad_epu8, _mm256_set_epi64x, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_slli_epi64,
    _mm256_sllv_epi64, _mm256_srli_epi64, _mm256_sub_epi64, _mm256_subs_epu8, _mm256_testz_si256,
    _mm256_xor_si256,
};

use super::ends::{BLOCKS, Ends};
use super::walk::{self, BLOCK, padded};
use super::{Field, Kernel, ScanError, detect};
use crate::SOH;

/// Tags that are decoded at once.
const LANES: usize = 4;

/// The kernel, if this CPU and its operating system can run it.
pub(super) fn kernel() -> Option<Kernel> {
    detect::avx2().then_some(index as Kernel)
}

/// Private, and handed out by [`kernel`] only: this is what makes the call below sound.
fn index(message: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
    // SAFETY: this function is reachable through `kernel` only, which has verified that the CPU has
    // AVX2, BMI1, BMI2, LZCNT and POPCNT and that the operating system saves the registers.
    unsafe { index_avx2(message, fields) }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn index_avx2(message: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
    let mut ends = Ends::new(message, fields);
    // Four 64-bit sums. Each grows by at most 16 * 255 per block: no message is long enough to overflow.
    let mut sums = _mm256_setzero_si256();
    let mut base = 0;
    for stretch in message.chunks(BLOCKS * BLOCK) {
        let (blocks, rest) = stretch.as_chunks::<BLOCK>();
        for block in blocks {
            ends.block(base, block_avx2(block, &mut sums));
            base += BLOCK;
        }
        if !rest.is_empty() {
            ends.block(base, block_avx2(&padded(rest), &mut sums));
        }
        ends.tags(|message, fields, from, to| tags_avx2(message, fields, from, to))?;
    }
    let count = ends.count();
    let two = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
    let one = _mm_add_epi64(two, _mm_unpackhi_epi64(two, two));
    walk::finish(message, fields, count, _mm_cvtsi128_si64(one) as u32)
}

/// One bit per SOH of the block; adds the block's bytes to `sums`.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn block_avx2(block: &[u8; BLOCK], sums: &mut __m256i) -> u64 {
    let halves = block.as_ptr().cast::<__m256i>();
    // SAFETY: the block is 64 readable bytes; the load has no alignment requirement.
    let (low, high) = unsafe { (_mm256_loadu_si256(halves), _mm256_loadu_si256(halves.add(1))) };
    let zero = _mm256_setzero_si256();
    *sums = _mm256_add_epi64(*sums, _mm256_sad_epu8(low, zero));
    *sums = _mm256_add_epi64(*sums, _mm256_sad_epu8(high, zero));
    let soh = _mm256_set1_epi8(SOH as i8);
    let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, soh)) as u32;
    let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, soh)) as u32;
    u64::from(low) | u64::from(high) << 32
}

/// The tags of the fields from `from` on, four at a time, as long as they have 1 to 4 digits and none is
/// the length of a data field. Their ends, up to `to`, are there. Returns where it stopped.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn tags_avx2(message: &[u8], fields: &mut [Field], mut from: usize, to: usize) -> usize {
    let ones = _mm256_set1_epi64x(-1);
    let mut at = walk::next_at(fields, from);
    while from + LANES <= to {
        let Some(group) = fields[from..to].first_chunk_mut::<LANES>() else { break };
        let starts =
            [at, group[0].end as usize + 1, group[1].end as usize + 1, group[2].end as usize + 1];
        // Ends ascend, so the last start is the greatest; all are checked, as it costs next to nothing.
        let limit = message.len().wrapping_sub(8);
        if message.len() < 8 || starts.iter().any(|&start| start > limit) {
            break;
        }
        let load = |start: usize| {
            // SAFETY: `start + 8 <= message.len()` was checked above.
            unsafe { message.as_ptr().add(start).cast::<i64>().read_unaligned() }
        };
        let text =
            _mm256_set_epi64x(load(starts[3]), load(starts[2]), load(starts[1]), load(starts[0]));
        // Bytes below the first `=`.
        let equals = _mm256_cmpeq_epi8(text, _mm256_set1_epi8(b'=' as i8));
        let below = _mm256_andnot_si256(equals, _mm256_add_epi64(equals, ones));
        let values = _mm256_xor_si256(text, _mm256_set1_epi8(b'0' as i8));
        let digits = _mm256_and_si256(values, below);
        // Eight bits for each digit.
        let bits =
            _mm256_sad_epu8(_mm256_and_si256(below, _mm256_set1_epi8(8)), _mm256_setzero_si256());
        // More than four digits, a byte that is none, no digit or a zero in front.
        let above_nine = _mm256_subs_epu8(digits, _mm256_set1_epi8(9));
        let fault = _mm256_or_si256(_mm256_srli_epi64::<32>(below), above_nine);
        let first = _mm256_and_si256(digits, _mm256_set1_epi64x(0xff));
        let zero = _mm256_cmpeq_epi64(first, _mm256_setzero_si256());
        // Digits to the top of 32 bits: 10, 1, 10, 1 and 100, 1. Of a fault, the low 32 bits are still no
        // more than a wrong tag.
        let shift = _mm256_sub_epi64(_mm256_set1_epi64x(32), bits);
        let aligned = _mm256_sllv_epi64(digits, shift);
        let pairs = _mm256_maddubs_epi16(aligned, _mm256_set1_epi16(0x010a));
        let tags = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0001_0064));
        let is_length = _mm256_or_si256(
            _mm256_or_si256(
                _mm256_cmpeq_epi32(tags, _mm256_set1_epi64x(93)),
                _mm256_cmpeq_epi32(tags, _mm256_set1_epi64x(95)),
            ),
            _mm256_cmpeq_epi32(tags, _mm256_set1_epi64x(354)),
        );
        let odd = _mm256_or_si256(
            _mm256_or_si256(fault, zero),
            _mm256_and_si256(is_length, _mm256_set1_epi64x(0xffff_ffff)),
        );
        if _mm256_testz_si256(odd, odd) == 0 {
            break;
        }
        // Tag and start of a field side by side, as they stand in memory.
        let at_all = _mm256_set_epi64x(
            starts[3] as i64 + 1,
            starts[2] as i64 + 1,
            starts[1] as i64 + 1,
            starts[0] as i64 + 1,
        );
        let behind = _mm256_add_epi64(at_all, _mm256_srli_epi64::<3>(bits));
        let both = _mm256_or_si256(tags, _mm256_slli_epi64::<32>(behind));
        let (low, high) = (_mm256_castsi256_si128(both), _mm256_extracti128_si256::<1>(both));
        let words = [
            _mm_cvtsi128_si64(low),
            _mm_extract_epi64::<1>(low),
            _mm_cvtsi128_si64(high),
            _mm_extract_epi64::<1>(high),
        ];
        at = group[3].end as usize + 1;
        for (field, word) in group.iter_mut().zip(words) {
            (field.tag, field.start) = (word as u32, (word >> 32) as u32);
        }
        from += LANES;
    }
    from
}
