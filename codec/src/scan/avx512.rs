//! The AVX-512 kernel: 64 bytes in one register, and the tags of 32 fields at once, by **columns**.
//!
//! ```text
//! bytes     8=FIX.4.4|9=140|35=D|34=2|49=...
//! SOHs      -1, 9, 15, 20, 25, ...     the positions under a block's mask, by one compression
//! 1st       8 9 3 3 4                  the byte behind each SOH, by one permutation of the block,
//! 2nd       = = 5 4 9                  the next, and so on: five columns,
//! 3rd       F 1 = = =                  for a tag of four digits and its `=`
//! ```
//! The columns of a few blocks are put one behind the other, up to 32 fields. Where a column has its `=`s,
//! tags end. Digits are moved to columns of ones, tens, hundreds and thousands, by two columns and by one; a
//! table and one multiplication make tags of them. All of it is bytes, positions too, a place in a block and the
//! number of the block, until at the end multiplications make words of them and permutations spread those to
//! [`Field`]s. What is true of a lane stands in vectors, not in mask registers,
//! which take longer to come by.
//!
//! Everything stays in registers: what is stored by a block and loaded across blocks would be waited for.
//! Blocks overlap, so that a field's columns are in the block in which it starts, and the last block is the
//! last 64 bytes of the message, so that none has to be filled up.
//!
//! This is for messages as they should be, of 64 bytes or more. One with anything odd in it, a long tag, the
//! length of a data field or an error, goes to the AVX2 kernel as a whole.
#![allow(unsafe_code)]

use core::arch::x86_64::{
    __m256i, __m512i, _bzhi_u32, _mm_cvtsi128_si32, _mm256_add_epi8, _mm256_adds_epi8,
    _mm256_andnot_si256, _mm256_castsi256_si128, _mm256_cmpeq_epi8, _mm256_loadu_si256,
    _mm256_max_epu8, _mm256_or_si256, _mm256_set1_epi8, _mm256_shuffle_epi8, _mm256_subs_epu8,
    _mm256_ternarylogic_epi32, _mm256_test_epi8_mask, _mm512_add_epi8, _mm512_add_epi16,
    _mm512_and_si512, _mm512_broadcast_i64x4, _mm512_castsi256_si512, _mm512_castsi512_si256,
    _mm512_extracti64x4_epi64, _mm512_loadu_si512, _mm512_maddubs_epi16, _mm512_mask_add_epi8,
    _mm512_mask_add_epi32, _mm512_mask_cmpeq_epi8_mask, _mm512_mask_permutexvar_epi8,
    _mm512_maskz_compress_epi8, _mm512_maskz_permutexvar_epi8, _mm512_movepi8_mask,
    _mm512_permutex2var_epi8, _mm512_permutex2var_epi16, _mm512_permutexvar_epi8,
    _mm512_reduce_add_epi64, _mm512_sad_epu8, _mm512_set1_epi8, _mm512_set1_epi16,
    _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512, _mm512_unpackhi_epi16,
    _mm512_unpacklo_epi16, _mm512_xor_si512,
};

use self::tables::{POSITIONS, REGISTERS, SHIFT, SPREAD, TABLES, TENS, WITHOUT_FIRST};
use super::walk::{BLOCK, has_trailer};
use super::{Field, Kernel, ScanError, avx2, detect};
use crate::SOH;

mod tables;
#[cfg(test)]
mod tests;

/// Columns of characters: of a tag of four digits and its `=`.
const TEXT: usize = 5;

/// Bytes from one block to the next. Behind a SOH among them the block has all columns.
const STEP: usize = BLOCK - TEXT;

/// Most blocks whose columns come together.
const BLOCKS: usize = 16;
/// A field's place in its block, from 0 to 64, and the number of the block together are a byte, and a place in
/// all of them is a positive integer of sixteen bits.
const _: () = assert!(BLOCK + BLOCKS <= 128 && (BLOCK + BLOCKS) * STEP < 1 << 15);

/// Most fields whose columns come together: half a register of bytes.
const LANES: usize = 32;

/// The kernel, if this CPU and its operating system can run it.
pub(super) fn kernel() -> Option<Kernel> {
    (detect::avx512() && detect::avx2()).then_some(index as Kernel)
}

/// Private, and handed out by [`kernel`] only: this is what makes the calls below sound.
fn index(message: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
    // SAFETY: this function is reachable through `kernel` only, which has verified that the CPU has
    // every feature of both kernels and that the operating system saves the registers.
    unsafe { index_avx512(message, fields) }
}

#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn index_avx512(message: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
    match by_columns(message, fields) {
        Some((count, sum)) if has_trailer(message, sum) => Ok(count),
        _ => avx2::index_avx2(message, fields),
    }
}

/// The number of fields and the sum of all bytes, modulo 256. `None` if a field is odd, or there is no room
/// for up to 32 fields more; where the last field ends is for the caller to verify.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn by_columns(message: &[u8], fields: &mut [Field]) -> Option<(usize, u32)> {
    const OWN: u64 = (1 << STEP) - 1;
    let last_block = message.last_chunk()?;
    if !message.starts_with(b"8=") {
        return None;
    }
    // Of one byte each. What overflows is a multiple of 256.
    let mut sums = _mm512_setzero_si512();
    let (mut at, mut count) = (0, 0usize);
    // No SOH stands before the first field.
    let (mut columns, mut listed) = (Columns::of_first_field(), 1);
    while at < message.len() {
        let base = at;
        let mut numbers = _mm512_set1_epi8(1);
        for _ in 0..BLOCKS {
            let rest = &message[at..];
            let (block, block_at, own, next) = match rest.first_chunk() {
                Some(block) if rest.len() > BLOCK => (block, at, OWN, at + STEP),
                // The last SOH starts no field.
                _ => {
                    let own = u64::MAX << (BLOCK - rest.len()) & u64::MAX >> 1;
                    let block_at = message.len() - BLOCK;
                    (last_block, block_at, own, message.len())
                }
            };
            let block = load(block);
            let is_soh = _mm512_mask_cmpeq_epi8_mask(own, block, _mm512_set1_epi8(SOH as i8));
            let with_these = listed + is_soh.count_ones() as usize;
            if with_these > LANES {
                break;
            }
            let before = (block_at as u8).wrapping_sub(at as u8);
            columns.add(block, is_soh, listed, before, numbers);
            numbers = _mm512_add_epi8(numbers, load(&TABLES.second_half));
            listed = with_these;
            sums = _mm512_mask_add_epi8(sums, own, sums, block);
            at = next;
            if at == message.len() {
                break;
            }
        }
        if at == base {
            // More than 32 fields in a block.
            return None;
        }
        if listed > 0
            && let Some(before) = count.checked_sub(1)
        {
            fields[before].end = base as u32 + columns.first_at() - 1;
        }
        let room = fields.get_mut(count..)?.first_chunk_mut()?;
        if !columns.decode(listed, base as u32, room) {
            return None;
        }
        count += listed;
        (columns, listed) = (Columns::new(), 0);
    }
    fields[count.checked_sub(1)?].end = message.len() as u32 - 1;
    let sums = _mm512_sad_epu8(sums, _mm512_setzero_si512());
    // The last SOH was left out.
    Some((count, _mm512_reduce_add_epi64(sums) as u32 + u32::from(SOH)))
}

/// The columns of up to 32 fields, two in each register, one in each half.
struct Columns {
    first_and_second: __m512i,
    third_and_fourth: __m512i,
    /// In both halves.
    fifth: __m512i,
    /// Where the fields start: the first half has the place in the block, from 0 to 64, the second that and the
    /// number of the block, added up.
    at: __m512i,
}

impl Columns {
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
    )]
    fn new() -> Self {
        let none = _mm512_setzero_si512();
        Self { first_and_second: none, third_and_fourth: none, fifth: none, at: none }
    }

    /// Those of a field `8=` that starts with the first block.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
    )]
    fn of_first_field() -> Self {
        Self { first_and_second: load(&TABLES.first_field), ..Self::new() }
    }

    /// Adds the fields behind the SOHs of the block of a number, behind the first `listed`. What is new of the
    /// block starts where each block does, [`STEP`] bytes behind the one before, and the block `before` bytes
    /// behind that, or rather before it.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
    )]
    fn add(&mut self, block: __m512i, is_soh: u64, listed: usize, before: u8, numbers: __m512i) {
        let shift = SHIFT[LANES - listed..].first_chunk().expect("no more than are lanes");
        let shift = _mm512_broadcast_i64x4(load_half(shift));
        let free = _mm512_movepi8_mask(shift);
        let soh = _mm512_maskz_compress_epi8(is_soh, load(&TABLES.position));
        let soh = _mm512_permutexvar_epi8(shift, soh);
        let column = |before, behind: &[u8; BLOCK]| {
            let at = _mm512_add_epi8(soh, load(behind));
            _mm512_mask_permutexvar_epi8(before, free, at, block)
        };
        self.first_and_second = column(self.first_and_second, &TABLES.first_and_second);
        self.third_and_fourth = column(self.third_and_fourth, &TABLES.third_and_fourth);
        self.fifth = column(self.fifth, &TABLES.fifth);
        let behind = _mm512_add_epi8(numbers, _mm512_set1_epi8(before as i8));
        self.at = _mm512_mask_add_epi8(self.at, free, soh, behind);
    }

    /// Where the first field starts.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
    )]
    fn first_at(&self) -> u32 {
        let of_byte = |half: __m256i| _mm_cvtsi128_si32(_mm256_castsi256_si128(half)) as u32 & 0xff;
        let place = of_byte(_mm512_castsi512_si256(self.at));
        let number = of_byte(_mm512_extracti64x4_epi64::<1>(self.at)) - place;
        number * STEP as u32 + place
    }

    /// Makes the first `listed` fields, and behind them whatever comes of the other columns; the end of the
    /// last one is not known yet. The first block stands at `base`. Returns false if one is odd.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
    )]
    fn decode(&self, listed: usize, base: u32, room: &mut [Field; LANES]) -> bool {
        let byte = |byte: u8| _mm256_set1_epi8(byte as i8);
        let is = |column, this| _mm256_cmpeq_epi8(column, byte(this));
        let low_half = |columns: __m512i| _mm512_castsi512_si256(columns);
        let values = |columns| _mm512_xor_si512(columns, _mm512_set1_epi8(b'0' as i8));
        let halves = |columns| (low_half(columns), _mm512_extracti64x4_epi64::<1>(columns));
        let (first, b) = halves(values(self.first_and_second));
        let (c, d) = halves(values(self.third_and_fourth));
        let fifth = low_half(self.fifth);
        // Digits to the last columns: by two if there is no third, then by one if there is none in the last.
        let by_two = either(is(b, EQUALS), is(c, EQUALS));
        let (c, d) = (select(by_two, first, c), select(by_two, b, d));
        let (a, b) = (_mm256_andnot_si256(by_two, first), _mm256_andnot_si256(by_two, b));
        let by_one = is(d, EQUALS);
        let (ones, tens) = (select(by_one, c, d), select(by_one, b, c));
        let (hundreds, thousands) = (select(by_one, a, b), _mm256_andnot_si256(by_one, a));
        let ten_times = |column| _mm256_shuffle_epi8(load_half(&TENS), column);
        let low = _mm256_add_epi8(ten_times(tens), ones);
        let high = _mm256_add_epi8(ten_times(thousands), hundreds);
        // A byte that is no digit, a zero in front, no `=` behind the fourth; 93 and 95, which differ in one
        // bit, and 354.
        let most =
            _mm256_max_epu8(_mm256_max_epu8(ones, tens), _mm256_max_epu8(hundreds, thousands));
        let endless = none_of(by_two, by_one, is(fifth, b'='));
        let odd = any_of(_mm256_subs_epu8(most, byte(9)), is(first, 0), endless);
        let odd = or_both(odd, is(_mm256_or_si256(low, byte(2)), 95), is(high, 0));
        let odd = or_both(odd, is(low, 54), is(high, 3));
        if _bzhi_u32(_mm256_test_epi8_mask(odd, odd), listed as u32) != 0 {
            return false;
        }
        // In the first half of a register, then in the second, in turn.
        let in_pairs = |halves| _mm512_permutexvar_epi8(load(&TABLES.pairs), halves);
        let [low, high] = [low, high].map(|half| _mm512_castsi256_si512(half));
        let both = _mm512_permutex2var_epi8(low, load(&TABLES.pairs_of_two), high);
        let tags = _mm512_maddubs_epi16(both, _mm512_set1_epi16(100 << 8 | 1));
        // The second half, less the first, is the number of the block.
        let weights = _mm512_set1_epi16((STEP as i16) << 8 | (1 - STEP as i16) & 0xff);
        let at = _mm512_maddubs_epi16(in_pairs(self.at), weights);
        // A value starts behind the digits and the `=`, and ends one before the next field.
        let fewer = _mm256_adds_epi8(_mm256_adds_epi8(by_two, by_two), by_one);
        let behind = _mm512_castsi256_si512(_mm256_add_epi8(fewer, byte(5)));
        let behind = _mm512_maskz_permutexvar_epi8(LOW_BYTES, load(&TABLES.pairs), behind);
        let start = _mm512_add_epi16(at, behind);
        let ends = _mm512_add_epi16(at, _mm512_set1_epi16(-1));
        let ends = _mm512_and_si512(ends, load_words(&WITHOUT_FIRST));
        let (first, second) = room.split_at_mut(LANES / 2);
        store(first, &SPREAD[0], _mm512_unpacklo_epi16(tags, start), ends, base);
        store(second, &SPREAD[1], _mm512_unpackhi_epi16(tags, start), ends, base);
        true
    }
}

/// Of each two bytes the first.
const LOW_BYTES: u64 = 0x5555_5555_5555_5555;

/// The value of `=`, where digits have theirs.
const EQUALS: u8 = b'=' ^ b'0';

/// `yes` where the mask has ones.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn select(mask: __m256i, yes: __m256i, no: __m256i) -> __m256i {
    _mm256_ternarylogic_epi32::<0b1100_1010>(mask, yes, no)
}

/// The bits that one of the three has.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn any_of(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    _mm256_ternarylogic_epi32::<0b1111_1110>(a, b, c)
}

/// The bits that one of the two has.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn either(a: __m256i, b: __m256i) -> __m256i {
    any_of(a, b, b)
}

/// The bits of the first, and those that both others have.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn or_both(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    _mm256_ternarylogic_epi32::<0b1111_1000>(a, b, c)
}

/// The bits that none of the three has.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn none_of(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    _mm256_ternarylogic_epi32::<0b0000_0001>(a, b, c)
}

/// Writes sixteen fields. There are the tag and the start of the value of each, and the ends of all the values,
/// of sixteen bits each, the starts and ends from `base` on.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn store(
    fields: &mut [Field],
    spread: &[[u16; BLOCK / 2]; REGISTERS],
    tags_and_starts: __m512i,
    ends: __m512i,
    base: u32,
) {
    const { assert!(LANES / 2 * size_of::<Field>() == REGISTERS * size_of::<__m512i>()) };
    assert!(fields.len() == LANES / 2);
    let to = fields.as_mut_ptr().cast::<__m512i>();
    for (n, (from, positions)) in spread.iter().zip(POSITIONS).enumerate() {
        let words = _mm512_permutex2var_epi16(tags_and_starts, load_words(from), ends);
        // Not in the first stretch, and most messages have no other.
        let words = match base {
            0 => words,
            _ => _mm512_mask_add_epi32(words, positions, words, _mm512_set1_epi32(base as i32)),
        };
        // SAFETY: sixteen fields are as many registers as there are; every bit pattern is a `Field`. The
        // store has no alignment requirement.
        unsafe { _mm512_storeu_si512(to.add(n), words) };
    }
}

#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn load(block: &[u8; BLOCK]) -> __m512i {
    // SAFETY: the array is 64 readable bytes; the load has no alignment requirement.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn load_words(words: &[u16; BLOCK / 2]) -> __m512i {
    // SAFETY: the array is 64 readable bytes; the load has no alignment requirement.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn load_half(half: &[u8; LANES]) -> __m256i {
    // SAFETY: the array is 32 readable bytes; the load has no alignment requirement.
    unsafe { _mm256_loadu_si256(half.as_ptr().cast()) }
}
