//! Sixteen values in two ordinary registers.

use super::{DAY_ROOM, Moment, Values};
use crate::value::swar::{E8, HIGHS, ONES, ZEROS, eight_digit_number, no_digits};

/// The first eight, the last eight.
#[derive(Clone, Copy)]
pub(crate) struct Sixteen([u64; 2]);

/// The value of `.`. It alone of what a decimal is made of has the bit [`POINT_BIT`].
const POINT: u8 = b'.' ^ b'0';
const POINT_BIT: u64 = ONES << 4;

/// How the digits around a point come together.
#[derive(Clone, Copy)]
struct Join {
    /// The digits before it: these move by one, over it.
    front: [u64; 2],
    /// The digits behind it.
    back: [u64; 2],
    /// The point.
    point: [u64; 2],
}

/// For a point at each place, first that of byte 0, then that of byte 8, of 1, of 9 and so on; at the end
/// for no point.
static JOIN: [Join; 17] = {
    let mut out = [Join { front: [0; 2], back: [u64::MAX; 2], point: [0; 2] }; 17];
    let mut i = 0;
    while i < 16 {
        let at = 8 * (i / 2 + i % 2 * 8);
        let front = (1u128 << at) - 1;
        out[i] = Join {
            front: split(front),
            back: split(!(front | 0xff << at)),
            point: split((POINT as u128) << at),
        };
        i += 1;
    }
    out
};

/// How many digits stand behind the point, for the same places.
static SCALE: [u8; 17] = [15, 7, 14, 6, 13, 5, 12, 4, 11, 3, 10, 2, 9, 1, 8, 0, 0];

const fn split(word: u128) -> [u64; 2] {
    [word as u64, (word >> 64) as u64]
}

impl Values for Sixteen {
    #[inline(always)]
    fn new(halves: [u64; 2]) -> Self {
        Self(halves)
    }

    #[inline(always)]
    fn of_last(sixteen: &[u8; 16], keep: &[u8; 16]) -> Self {
        let ((sixteen, _), (keep, _)) = (sixteen.as_chunks(), keep.as_chunks());
        let half =
            |at: usize| (u64::from_le_bytes(sixteen[at]) ^ ZEROS) & u64::from_le_bytes(keep[at]);
        Self([half(0), half(1)])
    }

    #[inline(always)]
    fn are_digits(self) -> bool {
        no_digits(self.0[0]) | no_digits(self.0[1]) == 0
    }

    #[inline(always)]
    fn are_zero(self) -> bool {
        self.0[0] | self.0[1] == 0
    }

    #[inline(always)]
    fn number(self) -> u64 {
        eight_digit_number(self.0[0]) * E8 + eight_digit_number(self.0[1])
    }

    #[inline(always)]
    fn without_point(self, len: usize) -> Option<(Self, u8)> {
        let values = self.0;
        // One bit per point, those of the first eight bytes below those of the last.
        let points = (values[0] & POINT_BIT) >> 4 | values[1] & POINT_BIT;
        if points & points.wrapping_sub(1) != 0 || (len == 1 && points != 0) {
            return None;
        }
        let at = points.trailing_zeros() as usize / 4;
        let join = &JOIN[at];
        // Another character with the bit of a point leaves more than 9 in its place.
        let is_point = |at: usize| (values[at] & !join.front[at] & !join.back[at]) ^ join.point[at];
        if is_point(0) | is_point(1) != 0 {
            return None;
        }
        let front = [values[0] & join.front[0], values[1] & join.front[1]];
        let digits = [
            front[0] << 8 | values[0] & join.back[0],
            front[1] << 8 | front[0] >> 56 | values[1] & join.back[1],
        ];
        Some((Self(digits), SCALE[at]))
    }

    #[inline(always)]
    fn moment(text: &[u8; 21]) -> Option<Moment> {
        let [date @ .., _, _, _, _, _, _, _, _, _, _, _, _, _] = *text;
        let [_, _, _, _, _, _, _, _, dash, clock @ .., _, _, _, _] = *text;
        let [.., a, b, c, d] = *text;
        let date = u64::from_le_bytes(date) ^ ZEROS;
        let clock = u64::from_le_bytes(clock) ^ u64::from_le_bytes(*b"00:00:00");
        let millis = u64::from(u32::from_le_bytes([a, b, c, d]) ^ u32::from_le_bytes(*b".000"));
        let separators = clock & 0x0000_ff00_00ff_0000 | millis & 0xff | u64::from(dash ^ b'-');
        if no_digits(date) | no_digits(clock) | no_digits(millis) | separators != 0 {
            return None;
        }
        // Pairs of digits, in every second byte of the one and every third of the other.
        let (date, clock) = (date * 10 + (date >> 8), clock * 10 + (clock >> 8));
        let clock = clock & 0x00ff_0000_ff00_00ff;
        let (month, day) = (date >> 32 & 0xff, date >> 48 & 0xff);
        // The top bit of a byte says that the hour, the minute or the second is too large.
        if (clock + (67 << 48 | 68 << 24 | 104)) & HIGHS != 0 || day >= DAY_ROOM {
            return None;
        }
        let minute = clock.wrapping_mul(60 << 24 | 1) >> 24 & 0xffff;
        let second = minute * 60 + (clock >> 48);
        let millis = (millis >> 8 & 0xff) * 100 + (millis >> 16 & 0xff) * 10 + (millis >> 24);
        Some(Moment {
            year: (date & 0xff) * 100 + (date >> 16 & 0xff),
            month_day: month * DAY_ROOM + day,
            millis: second * 1000 + millis,
        })
    }
}
