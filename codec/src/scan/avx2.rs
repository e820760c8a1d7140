//! The AVX2 kernel: 32 bytes in one register, two registers to a block; eight tags at once.
#![allow(unsafe_code)]

use core::arch::x86_64::{
    __m256i, _mm_add_epi64, _mm_cvtsi128_si64, _mm_unpackhi_epi64, _mm256_add_epi8,
    _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256, _mm256_blend_epi32,
    _mm256_castsi256_ps, _mm256_castsi256_si128, _mm256_cmpeq_epi8, _mm256_cmpeq_epi32,
    _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_movemask_epi8, _mm256_movemask_ps, _mm256_or_si256, _mm256_permutevar8x32_epi32,
    _mm256_sad_epu8, _mm256_set_epi32, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_setzero_si256, _mm256_sllv_epi32, _mm256_srli_epi32, _mm256_storeu_si256,
    _mm256_sub_epi32, _mm256_subs_epu8, _mm256_testz_si256, _mm256_xor_si256,
};

use core::mem::MaybeUninit;

use super::ends::{Fields, LIST, List, STRETCH};
use super::walk::{BLOCK, last_block};
use super::{Field, Kernel, ScanError, detect};
use crate::SOH;

/// Fields whose tags are looked at at once. Three registers hold them.
const LANES: usize = 8;
const _: () = assert!(LANES * size_of::<Field>() == 3 * size_of::<__m256i>());

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
pub(super) fn index_avx2(message: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
    let mut list: List = [MaybeUninit::uninit(); LIST];
    let mut fields = Fields::new(message, fields, &mut list);
    // Of one byte each: what overflows is a multiple of 256.
    let mut sums = _mm256_setzero_si256();
    let mut base = 0;
    for stretch in message.chunks(STRETCH) {
        let (blocks, rest) = stretch.as_chunks::<BLOCK>();
        for block in blocks {
            let soh = soh_bits(load(block), &mut sums);
            fields.add_bits(base, soh, soh.count_ones() as usize);
            base += BLOCK;
        }
        if !rest.is_empty() {
            let (block, before) = last_block(message, rest.len());
            let soh = soh_bits(load(&block), &mut sums) >> before;
            fields.add_bits(base, soh, soh.count_ones() as usize);
        }
        fields.take(LANES, |message, fields, list, done| decode(message, fields, list, done))?;
    }
    let sums = _mm256_sad_epu8(sums, _mm256_setzero_si256());
    let two = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
    let one = _mm_add_epi64(two, _mm_unpackhi_epi64(two, two));
    fields.finish(_mm_cvtsi128_si64(one) as u32)
}

/// A block in two registers.
type Block = [__m256i; 2];

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn load(block: &[u8; BLOCK]) -> Block {
    let halves = block.as_ptr().cast::<__m256i>();
    // SAFETY: the block is 64 readable bytes; the load has no alignment requirement.
    unsafe { [_mm256_loadu_si256(halves), _mm256_loadu_si256(halves.add(1))] }
}

/// One bit per SOH of the block; adds the block's bytes to `sums`.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn soh_bits([low, high]: Block, sums: &mut __m256i) -> u64 {
    *sums = _mm256_add_epi8(*sums, _mm256_add_epi8(low, high));
    let soh = _mm256_set1_epi8(SOH as i8);
    let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, soh)) as u32;
    let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, soh)) as u32;
    u64::from(low) | u64::from(high) << 32
}

/// The fields of the list from `done` on, eight at a time, as long as they have tags of 1 to 4 digits,
/// none is the length of a data field, and there is room. Returns how many are done then. The last eight
/// may have been done in part: how many are left over cannot be predicted.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn decode(message: &[u8], fields: &mut [Field], list: &[u32], mut done: usize) -> usize {
    let total = list.len() - 1;
    // Four bytes are loaded where a field starts, and no field starts behind the last.
    let last_start = list[total.saturating_sub(1)].wrapping_add(1) as usize;
    if total < LANES || last_start + 4 > message.len() {
        return done;
    }
    while done < total {
        let from = done.min(total - LANES);
        let (Some(bounds), Some(room)) =
            (list[from..].first_chunk::<{ LANES + 1 }>(), fields.get_mut(from..from + LANES))
        else {
            break;
        };
        let load = |lane: usize| {
            // By itself, not out of the vector register that holds all of them too.
            // SAFETY: a reference to an integer.
            let before = unsafe { (&raw const bounds[lane]).read_volatile() };
            let at = before.wrapping_add(1) as usize;
            // SAFETY: `at` is the start of one of the fields; none is greater than `last_start`, behind
            // which there are four bytes.
            unsafe { message.as_ptr().add(at).cast::<i32>().read_unaligned() }
        };
        let text = _mm256_set_epi32(
            load(7),
            load(6),
            load(5),
            load(4),
            load(3),
            load(2),
            load(1),
            load(0),
        );
        // SAFETY: nine integers, so eight from the first and eight from the second; no alignment needed.
        let (before, ends) = unsafe {
            let first = bounds.as_ptr();
            (_mm256_loadu_si256(first.cast()), _mm256_loadu_si256(first.add(1).cast()))
        };
        let at = _mm256_sub_epi32(before, _mm256_set1_epi32(-1));
        if !eight(message, room, text, at, ends) {
            break;
        }
        done = from + LANES;
    }
    done
}

/// Writes eight fields that start at `at` with the four bytes `text`. Returns false if one is odd.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn eight(message: &[u8], fields: &mut [Field], text: __m256i, at: __m256i, ends: __m256i) -> bool {
    // Bytes below the first `=`, all four if there is none.
    let equals = _mm256_cmpeq_epi8(text, _mm256_set1_epi8(b'=' as i8));
    let ones = _mm256_set1_epi32(-1);
    let below = _mm256_andnot_si256(equals, _mm256_add_epi32(equals, ones));
    let digits = _mm256_and_si256(_mm256_xor_si256(text, _mm256_set1_epi8(b'0' as i8)), below);
    // Eight bits for each digit.
    let eights = _mm256_and_si256(below, _mm256_set1_epi8(8));
    let bits = _mm256_maddubs_epi16(eights, _mm256_set1_epi8(1));
    let bits = _mm256_madd_epi16(bits, _mm256_set1_epi16(1));
    // Digits to the top: 10, 1, 10, 1 and 100, 1.
    let aligned = _mm256_sllv_epi32(digits, _mm256_sub_epi32(_mm256_set1_epi32(32), bits));
    let pairs = _mm256_maddubs_epi16(aligned, _mm256_set1_epi16(0x010a));
    let tags = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0001_0064));
    // A byte that is no digit, no digit or a zero in front, the length of a data field.
    let above_nine = _mm256_subs_epu8(digits, _mm256_set1_epi8(9));
    let first = _mm256_and_si256(digits, _mm256_set1_epi32(0xff));
    let zero = _mm256_cmpeq_epi32(first, _mm256_setzero_si256());
    let is_length = _mm256_or_si256(
        _mm256_or_si256(
            _mm256_cmpeq_epi32(tags, _mm256_set1_epi32(93)),
            _mm256_cmpeq_epi32(tags, _mm256_set1_epi32(95)),
        ),
        _mm256_cmpeq_epi32(tags, _mm256_set1_epi32(354)),
    );
    let odd = _mm256_or_si256(_mm256_or_si256(above_nine, zero), is_length);
    if _mm256_testz_si256(odd, odd) == 0 {
        return false;
    }
    let four = _mm256_cmpeq_epi32(below, ones);
    let four = _mm256_movemask_ps(_mm256_castsi256_ps(four)) as u32;
    if four != 0 && !have_equals_behind_four(message, at, four) {
        return false;
    }
    let behind_tags = _mm256_add_epi32(_mm256_srli_epi32::<3>(bits), _mm256_set1_epi32(1));
    store(fields, tags, _mm256_add_epi32(at, behind_tags), ends);
    true
}

/// Whether a `=` stands four bytes behind the start of each of the fields that have a bit in `four`.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn have_equals_behind_four(message: &[u8], at: __m256i, four: u32) -> bool {
    let mut starts = [0u32; LANES];
    // SAFETY: eight integers are a register; the store has no alignment requirement.
    unsafe { _mm256_storeu_si256(starts.as_mut_ptr().cast(), at) };
    (0..LANES)
        .filter(|lane| four >> lane & 1 != 0)
        .all(|lane| message.get(starts[lane] as usize + 4) == Some(&b'='))
}

/// Writes eight fields.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn store(fields: &mut [Field], tags: __m256i, starts: __m256i, ends: __m256i) {
    // Numbers that are three fields apart stand together: the three kinds then fit between each other.
    let tags = _mm256_permutevar8x32_epi32(tags, numbers([0, 3, 6, 1, 4, 7, 2, 5]));
    let starts = _mm256_permutevar8x32_epi32(starts, numbers([5, 0, 3, 6, 1, 4, 7, 2]));
    let ends = _mm256_permutevar8x32_epi32(ends, numbers([2, 5, 0, 3, 6, 1, 4, 7]));
    let first = _mm256_blend_epi32::<0b1001_0010>(tags, starts);
    let first = _mm256_blend_epi32::<0b0010_0100>(first, ends);
    let second = _mm256_blend_epi32::<0b0010_0100>(tags, starts);
    let second = _mm256_blend_epi32::<0b0100_1001>(second, ends);
    let third = _mm256_blend_epi32::<0b0100_1001>(tags, starts);
    let third = _mm256_blend_epi32::<0b1001_0010>(third, ends);
    assert!(fields.len() >= LANES);
    let to = fields.as_mut_ptr().cast::<__m256i>();
    // SAFETY: eight fields of 12 bytes are three registers; every bit pattern is a `Field`. The stores
    // have no alignment requirement.
    unsafe {
        _mm256_storeu_si256(to, first);
        _mm256_storeu_si256(to.add(1), second);
        _mm256_storeu_si256(to.add(2), third);
    }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn numbers(numbers: [i32; LANES]) -> __m256i {
    // SAFETY: 32 readable bytes; the load has no alignment requirement.
    unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) }
}
