//! Sixteen values in one register. This is compiled only where SSE2 is for certain: on x86-64.
#![allow(unsafe_code)]

use core::arch::x86_64::{
    __m128i, _mm_adds_epu8, _mm_and_si128, _mm_andnot_si128, _mm_cmpeq_epi8, _mm_cvtsi128_si64,
    _mm_loadu_si128, _mm_madd_epi16, _mm_movemask_epi8, _mm_mullo_epi16, _mm_or_si128,
    _mm_packs_epi32, _mm_set_epi64x, _mm_set1_epi8, _mm_set1_epi16, _mm_setr_epi16,
    _mm_setzero_si128, _mm_slli_si128, _mm_srli_epi16, _mm_subs_epu8, _mm_xor_si128,
};

use super::{DAY_ROOM, Moment, Values};
use crate::value::swar::E8;

#[derive(Clone, Copy)]
pub(crate) struct Sixteen(__m128i);

/// The value of `.`.
const POINT: u8 = b'.' ^ b'0';

/// Ones up to the byte of a point, by its place; none for place 16, where there is no point.
static UP_TO: [[u8; 16]; 32] = {
    let mut out = [[0; 16]; 32];
    let mut point = 0;
    while point < 16 {
        let mut at = 0;
        while at <= point {
            out[point][at] = 0xff;
            at += 1;
        }
        point += 1;
    }
    out
};

// SAFETY, of all the calls below: this module is compiled only where `target_feature = "sse2"` holds for
// the whole program, so every CPU that runs it has what the functions need.
impl Values for Sixteen {
    #[inline(always)]
    fn new([first, last]: [u64; 2]) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm_set_epi64x(last as i64, first as i64) })
    }

    #[inline(always)]
    fn of_last(sixteen: &[u8; 16], keep: &[u8; 16]) -> Self {
        // SAFETY: see above.
        Self(unsafe { of_last(sixteen, keep) })
    }

    #[inline(always)]
    fn are_digits(self) -> bool {
        // SAFETY: see above.
        unsafe { are_digits(self.0) }
    }

    #[inline(always)]
    fn are_zero(self) -> bool {
        // SAFETY: see above.
        unsafe { are_zero(self.0) }
    }

    #[inline(always)]
    fn number(self) -> u64 {
        // SAFETY: see above.
        unsafe { number(self.0) }
    }

    #[inline(always)]
    fn without_point(self, len: usize) -> Option<(Self, u8)> {
        // SAFETY: see above.
        let (digits, scale) = unsafe { without_point(self.0, len) }?;
        Some((Self(digits), scale))
    }

    #[inline(always)]
    fn moment(text: &[u8; 21]) -> Option<Moment> {
        // SAFETY: see above.
        unsafe { moment(text) }
    }
}

#[inline]
#[target_feature(enable = "sse2")]
fn of_last(sixteen: &[u8; 16], keep: &[u8; 16]) -> __m128i {
    _mm_and_si128(_mm_xor_si128(load(sixteen), _mm_set1_epi8(b'0' as i8)), load(keep))
}

#[inline]
#[target_feature(enable = "sse2")]
fn are_digits(values: __m128i) -> bool {
    // What is more than 9 gets the top bit.
    _mm_movemask_epi8(_mm_adds_epu8(values, _mm_set1_epi8(0x76))) == 0
}

#[inline]
#[target_feature(enable = "sse2")]
fn are_zero(values: __m128i) -> bool {
    _mm_movemask_epi8(_mm_cmpeq_epi8(values, _mm_setzero_si128())) == 0xffff
}

#[inline]
#[target_feature(enable = "sse2")]
fn number(digits: __m128i) -> u64 {
    // Pairs, fours, then the first eight and the last eight.
    let fours = _mm_madd_epi16(pairs(digits), _mm_setr_epi16(100, 1, 100, 1, 100, 1, 100, 1));
    let fours = _mm_packs_epi32(fours, fours);
    let weights = _mm_setr_epi16(10_000, 1, 10_000, 1, 10_000, 1, 10_000, 1);
    let [first, last] = first_two(_mm_madd_epi16(fours, weights));
    first * E8 + last
}

#[inline]
#[target_feature(enable = "sse2")]
fn without_point(values: __m128i, len: usize) -> Option<(__m128i, u8)> {
    let points = _mm_movemask_epi8(_mm_cmpeq_epi8(values, _mm_set1_epi8(POINT as i8))) as u32;
    if points & points.wrapping_sub(1) != 0 || (len == 1 && points != 0) {
        return None;
    }
    let at = (points | 1 << 16).trailing_zeros();
    // The digits before the point move by one, over it.
    let up_to = load(&UP_TO[at as usize]);
    let before = _mm_and_si128(_mm_slli_si128::<1>(values), up_to);
    let digits = _mm_or_si128(before, _mm_andnot_si128(up_to, values));
    Some((digits, 15u32.saturating_sub(at) as u8))
}

#[inline]
#[target_feature(enable = "sse2")]
fn moment(text: &[u8; 21]) -> Option<Moment> {
    const ROOM: i16 = DAY_ROOM as i16;
    let date = text.first_chunk().expect("16 of 21");
    let clock = text.last_chunk().expect("16 of 21");
    let date = _mm_xor_si128(load(date), load(b"00000000-00:00:0"));
    let clock = _mm_xor_si128(load(clock), load(b"000-00:00:00.000"));
    // The most that each may be. A day of 39 and a month of 19 pass, as does an hour of 29; a leap second
    // does not.
    let date_most = load(&[9, 9, 9, 9, 1, 9, 3, 9, 0, 2, 9, 0, 5, 9, 0, 5]);
    let clock_most = load(&[9, 9, 9, 0, 2, 9, 0, 5, 9, 0, 5, 9, 0, 9, 9, 9]);
    let above = _mm_or_si128(_mm_subs_epu8(date, date_most), _mm_subs_epu8(clock, clock_most));
    if !are_zero(above) {
        return None;
    }
    let [year, month_day] =
        first_two(_mm_madd_epi16(pairs(date), _mm_setr_epi16(100, 1, ROOM, 1, 0, 0, 0, 0)));
    // The pairs are mm, d-, HH, :M, M:, SS, .f and ff: of them come tens of seconds, seconds, milliseconds.
    let clock = _mm_madd_epi16(pairs(clock), _mm_setr_epi16(0, 0, 360, 60, 6, 1, 100, 1));
    let clock = _mm_packs_epi32(clock, clock);
    let clock = _mm_madd_epi16(clock, _mm_setr_epi16(0, 10_000, 1000, 1, 0, 0, 0, 0));
    let [tens, rest] = first_two(clock);
    let millis = tens + rest;
    (millis < 86_400_000).then_some(Moment { year, month_day, millis })
}

/// What two digits are, in sixteen bits each.
#[inline]
#[target_feature(enable = "sse2")]
fn pairs(values: __m128i) -> __m128i {
    // Ten times the first of two and the second, in the upper byte.
    _mm_srli_epi16::<8>(_mm_mullo_epi16(values, _mm_set1_epi16(10 << 8 | 1)))
}

/// The first two of four numbers.
#[inline]
#[target_feature(enable = "sse2")]
fn first_two(numbers: __m128i) -> [u64; 2] {
    let both = _mm_cvtsi128_si64(numbers) as u64;
    [both & 0xffff_ffff, both >> 32]
}

#[inline]
#[target_feature(enable = "sse2")]
fn load(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: sixteen readable bytes; the load has no alignment requirement.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}
