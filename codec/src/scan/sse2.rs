//! The SSE2 kernel, for every x86-64 CPU: 16 bytes in one register, four registers to a block; four tags at
//! once.
#![allow(unsafe_code)]

use core::arch::x86_64::{
    __m128i, _mm_add_epi8, _mm_add_epi32, _mm_adds_epu8, _mm_and_si128, _mm_andnot_si128,
    _mm_castsi128_pd, _mm_cmpeq_epi8, _mm_cmpeq_epi32, _mm_cvtsi128_si32, _mm_loadu_si128,
    _mm_madd_epi16, _mm_movemask_epi8, _mm_mullo_epi16, _mm_or_si128, _mm_sad_epu8, _mm_set1_epi8,
    _mm_set1_epi16, _mm_set1_epi32, _mm_setr_epi32, _mm_setzero_si128, _mm_slli_epi32,
    _mm_srai_epi32, _mm_srli_epi16, _mm_srli_si128, _mm_storeh_pd, _mm_storel_epi64, _mm_sub_epi8,
    _mm_sub_epi32, _mm_unpackhi_epi32, _mm_unpacklo_epi32, _mm_xor_si128,
};
use core::mem::MaybeUninit;

use super::ends::{Fields, LIST, List, STRETCH};
use super::walk::{BLOCK, last_block};
use super::{Field, ScanError};
use crate::SOH;

/// Fields whose tags are looked at at once.
const LANES: usize = 4;

/// A register of integers.
const _: () = assert!(LANES * size_of::<u32>() == size_of::<__m128i>());

pub(super) fn index(message: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
    // SAFETY: this module is compiled only where `target_feature = "sse2"` holds for the whole program, so
    // every CPU that runs it has what the kernel needs.
    unsafe { index_sse2(message, fields) }
}

#[target_feature(enable = "sse2")]
fn index_sse2(message: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
    let mut list: List = [MaybeUninit::uninit(); LIST];
    let mut fields = Fields::new(message, fields, &mut list);
    // Of one byte each: what overflows is a multiple of 256.
    let mut sums = _mm_setzero_si128();
    let mut base = 0;
    for stretch in message.chunks(STRETCH) {
        let (blocks, rest) = stretch.as_chunks::<BLOCK>();
        for block in blocks {
            let (soh, count) = soh_bits(block, &mut sums);
            fields.add_bits(base, soh, count);
            base += BLOCK;
        }
        if !rest.is_empty() {
            let (block, before) = last_block(message, rest.len());
            let (soh, count) = soh_bits(&block, &mut sums);
            fields.add_bits(base, soh >> before, count);
        }
        fields.take(LANES, |message, fields, list, done| decode(message, fields, list, done))?;
    }
    fields.finish(sum_of(sums))
}

/// One bit per SOH of the block, and how many; adds the block's bytes to `sums`. They are counted in the
/// register, for not every CPU counts the bits of an integer.
#[inline]
#[target_feature(enable = "sse2")]
fn soh_bits(block: &[u8; BLOCK], sums: &mut __m128i) -> (u64, usize) {
    let (rows, _) = block.as_chunks::<16>();
    let (mut bits, mut count) = (0, _mm_setzero_si128());
    for (n, row) in rows.iter().enumerate() {
        // SAFETY: sixteen readable bytes; the load has no alignment requirement.
        let row = unsafe { _mm_loadu_si128(row.as_ptr().cast()) };
        *sums = _mm_add_epi8(*sums, row);
        let soh = _mm_cmpeq_epi8(row, _mm_set1_epi8(SOH as i8));
        // Less -1 for each.
        count = _mm_sub_epi8(count, soh);
        bits |= u64::from(_mm_movemask_epi8(soh) as u32) << (16 * n);
    }
    (bits, sum_of(count) as usize)
}

/// The sum of sixteen bytes.
#[inline]
#[target_feature(enable = "sse2")]
fn sum_of(bytes: __m128i) -> u32 {
    let halves = _mm_sad_epu8(bytes, _mm_setzero_si128());
    _mm_cvtsi128_si32(_mm_add_epi32(halves, _mm_srli_si128::<8>(halves))) as u32
}

/// The fields of the list from `done` on, four at a time, as long as they have tags of 1 to 4 digits,
/// none is the length of a data field, and there is room. Returns how many are done then. The last four
/// may have been done in part: how many are left over cannot be predicted.
#[inline]
#[target_feature(enable = "sse2")]
fn decode(message: &[u8], fields: &mut [Field], list: &[u32], mut done: usize) -> usize {
    let total = list.len() - 1;
    // Four bytes are loaded where a field starts, and no field starts behind the last.
    let last_start = list[total.saturating_sub(1)].wrapping_add(1) as usize;
    if total < LANES || last_start + 4 > message.len() {
        return done;
    }
    while done < total {
        let from = done.min(total - LANES);
        let (Some(bounds), Some(room)) = (
            list[from..].first_chunk::<{ LANES + 1 }>(),
            fields.get_mut(from..).and_then(|room| room.first_chunk_mut()),
        ) else {
            break;
        };
        let load = |lane: usize| {
            let at = bounds[lane].wrapping_add(1) as usize;
            // SAFETY: `at` is the start of one of the fields; none is greater than `last_start`, behind
            // which there are four bytes.
            unsafe { message.as_ptr().add(at).cast::<i32>().read_unaligned() }
        };
        let text = _mm_setr_epi32(load(0), load(1), load(2), load(3));
        if !four(message, room, text, bounds) {
            break;
        }
        done = from + LANES;
    }
    done
}

/// Writes four fields that start with the four bytes `text`, each between two of `bounds`. Returns false if
/// one is odd.
#[inline]
#[target_feature(enable = "sse2")]
fn four(
    message: &[u8],
    fields: &mut [Field; LANES],
    text: __m128i,
    bounds: &[u32; LANES + 1],
) -> bool {
    // Bytes below the first `=`, all four if there is none.
    let equals = _mm_cmpeq_epi8(text, _mm_set1_epi8(b'=' as i8));
    let ones = _mm_set1_epi32(-1);
    let below = _mm_andnot_si128(equals, _mm_add_epi32(equals, ones));
    let digits = _mm_and_si128(_mm_xor_si128(text, _mm_set1_epi8(b'0' as i8)), below);
    // Digits to the top: by two bytes if there is no third, then by one if there is none at the top.
    let three = _mm_srai_epi32::<31>(_mm_slli_epi32::<8>(below));
    let aligned = select(three, digits, _mm_slli_epi32::<16>(digits));
    let top = _mm_srai_epi32::<31>(select(three, below, _mm_slli_epi32::<16>(below)));
    let aligned = select(top, aligned, _mm_slli_epi32::<8>(aligned));
    // 10, 1, 10, 1 and 100, 1.
    let pairs = _mm_srli_epi16::<8>(_mm_mullo_epi16(aligned, _mm_set1_epi16(10 << 8 | 1)));
    let tags = _mm_madd_epi16(pairs, _mm_set1_epi32(0x0001_0064));
    // A byte that is no digit, no digit or a zero in front, the length of a data field: all have a top bit.
    let above_nine = _mm_adds_epu8(digits, _mm_set1_epi8(0x76));
    let first = _mm_and_si128(digits, _mm_set1_epi32(0xff));
    let zero = _mm_cmpeq_epi32(first, _mm_setzero_si128());
    let is_length = _mm_or_si128(
        _mm_or_si128(
            _mm_cmpeq_epi32(tags, _mm_set1_epi32(93)),
            _mm_cmpeq_epi32(tags, _mm_set1_epi32(95)),
        ),
        _mm_cmpeq_epi32(tags, _mm_set1_epi32(354)),
    );
    let odd = _mm_or_si128(_mm_or_si128(above_nine, zero), is_length);
    if _mm_movemask_epi8(odd) != 0 {
        return false;
    }
    let has_four = _mm_movemask_epi8(_mm_cmpeq_epi32(below, ones));
    if has_four != 0 && !have_equals_behind_four(message, has_four, bounds) {
        return false;
    }
    // SAFETY: the first four of five integers; the load has no alignment requirement.
    let before = unsafe { _mm_loadu_si128(bounds.as_ptr().cast()) };
    // Behind the SOH, one digit and the `=`; two more digits, and one more, are -1 each.
    let starts = _mm_add_epi32(before, _mm_set1_epi32(3));
    let starts = _mm_sub_epi32(_mm_sub_epi32(starts, three), _mm_add_epi32(three, top));
    let first_two = _mm_unpacklo_epi32(tags, starts);
    let last_two = _mm_unpackhi_epi32(tags, starts);
    for (lane, field) in fields.iter_mut().enumerate() {
        let two = if lane < 2 { first_two } else { last_two };
        let to = (&raw mut *field).cast::<__m128i>();
        // SAFETY: eight bytes to the first two of a field's integers; no alignment requirement.
        unsafe {
            match lane % 2 {
                0 => _mm_storel_epi64(to, two),
                _ => _mm_storeh_pd(to.cast(), _mm_castsi128_pd(two)),
            }
        }
        field.end = bounds[lane + 1];
    }
    true
}

/// `yes` where the mask has ones.
#[inline]
#[target_feature(enable = "sse2")]
fn select(mask: __m128i, yes: __m128i, no: __m128i) -> __m128i {
    _mm_or_si128(_mm_and_si128(mask, yes), _mm_andnot_si128(mask, no))
}

/// Whether a `=` stands four bytes behind the start of each of the fields that have bits in `four`.
#[inline]
#[target_feature(enable = "sse2")]
fn have_equals_behind_four(message: &[u8], four: i32, bounds: &[u32; LANES + 1]) -> bool {
    (0..LANES).filter(|lane| four >> (4 * lane) & 1 != 0).all(|lane| {
        let at = bounds[lane].wrapping_add(1) as usize;
        message.get(at + 4) == Some(&b'=')
    })
}
