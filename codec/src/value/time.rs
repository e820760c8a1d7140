//! UTC timestamps as nanoseconds since the Unix epoch.

use super::print::{eight_digits, sum_of_timestamp};
use super::{ValueError, swar};
use crate::scan::sixteen::{self, DAY_ROOM, Moment};

/// Nanoseconds since 1970-01-01T00:00:00Z, without leap seconds. Reaches to the year 2554.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UtcTime(pub u64);

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;

impl UtcTime {
    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Whole milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Nanoseconds later, saturating.
    #[must_use]
    pub const fn plus_nanos(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Nanoseconds from `earlier` to `self`, 0 if `earlier` is later.
    #[must_use]
    pub const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Writes `YYYYMMDD-HH:MM:SS.mmm` (venue file 3.1).
    #[must_use]
    #[inline]
    pub fn to_fix_millis(self) -> [u8; 21] {
        let mut out = *b"00000000-00:00:00.000";
        let (year, month, day) = civil_from_days(self.0 / NANOS_PER_SECOND / SECONDS_PER_DAY);
        let date = eight_digits(year * 10_000 + month * 100 + day) | swar::ZEROS;
        out[..8].copy_from_slice(&date.to_le_bytes());
        out[9..21].copy_from_slice(&self.to_fix_time_only());
        out
    }

    /// Writes `YYYYMMDD-HH:MM:SS.nnnnnnnnn`. The first 24 bytes are the same to the microsecond.
    #[must_use]
    pub fn to_fix_nanos(self) -> [u8; 27] {
        let mut out = *b"00000000-00:00:00.000000000";
        out[..18].copy_from_slice(&self.to_fix_millis()[..18]);
        let mut rest = self.0 % NANOS_PER_SECOND;
        for byte in out[18..].iter_mut().rev() {
            *byte = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        out
    }

    /// Writes `HH:MM:SS.mmm`, the form of MDEntryTime(273) (venue file 4.10).
    #[must_use]
    pub fn to_fix_time_only(self) -> [u8; 12] {
        let mut out = [0; 12];
        out[..8].copy_from_slice(&clock(self.0 / NANOS_PER_SECOND % SECONDS_PER_DAY));
        out[8..].copy_from_slice(&fraction((self.millis() % 1000) as u32));
        out
    }

    /// Writes `YYYYMMDD-HH:MM:SS`, the form of ExpireTime(126) (venue file 3.1). The fraction is cut off.
    #[must_use]
    pub fn to_fix_seconds(self) -> [u8; 17] {
        let mut out = [0; 17];
        out.copy_from_slice(&self.to_fix_millis()[..17]);
        out
    }

    /// Parses `YYYYMMDD-HH:MM:SS` with an optional fraction of 1 to 12 digits, of which those behind
    /// the ninth, picoseconds, are cut off. A second of 60 (leap) is accepted and counts as the next minute's first.
    ///
    /// # Errors
    /// [`ValueError::Empty`], [`ValueError::BadByte`] for a wrong shape, [`ValueError::Overflow`] for
    /// a field out of its range or a year outside 1970 to 2553.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, ValueError> {
        match Self::parse_quickly(bytes) {
            Some(time) => Ok(time),
            None => Self::parse_plainly(bytes),
        }
    }

    /// `None` if the text is malformed, or might be.
    #[inline(always)]
    pub(crate) fn parse_quickly(bytes: &[u8]) -> Option<Self> {
        match bytes.first_chunk::<21>() {
            Some(text) if bytes.len() == 21 => Self::of_millis(text),
            _ => Self::parse_other(bytes),
        }
    }

    /// No milliseconds, micro- or nanoseconds: the same, but for the fraction.
    #[inline(never)]
    fn parse_other(bytes: &[u8]) -> Option<Self> {
        let (head, fraction) = bytes.split_first_chunk::<17>()?;
        let nanos = match fraction {
            [] => 0,
            [b'.', digits @ ..] if digits.len() == 6 => sixteen::uint(digits)? * 1000,
            [b'.', digits @ ..] if digits.len() == 9 => sixteen::uint(digits)?,
            _ => return None,
        };
        let mut text = *b"YYYYMMDD-HH:MM:SS.000";
        text[..17].copy_from_slice(head);
        Some(Self(Self::of_millis(&text)?.0 + nanos))
    }

    #[inline(always)]
    fn of_millis(text: &[u8; 21]) -> Option<Self> {
        let Moment { year, month_day, millis } = sixteen::moment(text)?;
        let year = YEARS.get(year.wrapping_sub(YEAR_MIN) as usize)?;
        let day = *DAYS[usize::from(year.is_leap)].get(month_day as usize)?;
        if day == NO_DAY {
            return None;
        }
        let days = u64::from(year.before) + u64::from(day);
        Some(Self((days * (SECONDS_PER_DAY * 1000) + millis) * 1_000_000))
    }

    /// [`UtcTime::parse`], part by part.
    #[cold]
    #[inline(never)]
    pub(crate) fn parse_plainly(bytes: &[u8]) -> Result<Self, ValueError> {
        Parts::read(bytes)?.time()
    }
}

/// What a timestamp says, not yet known to be a date or a time of day.
struct Parts {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    nanos: u64,
}

impl Parts {
    fn read(bytes: &[u8]) -> Result<Self, ValueError> {
        if bytes.is_empty() {
            return Err(ValueError::Empty);
        }
        if bytes.len() < 17
            || bytes[8] != b'-'
            || bytes[11] != b':'
            || bytes[14] != b':'
            || (bytes.len() > 17 && (bytes[17] != b'.' || !(19..=30).contains(&bytes.len())))
        {
            return Err(ValueError::BadByte);
        }
        let year = number(&bytes[0..4])?;
        let month = number(&bytes[4..6])?;
        let day = number(&bytes[6..8])?;
        let hour = number(&bytes[9..11])?;
        let minute = number(&bytes[12..14])?;
        let second = number(&bytes[15..17])?;
        let mut nanos = 0;
        if bytes.len() > 18 {
            let fraction = &bytes[18..];
            // Picoseconds are cut off, but have to be digits.
            let (kept, cut) = fraction.split_at(fraction.len().min(9));
            if !cut.is_empty() {
                number(cut)?;
            }
            nanos = number(kept)?;
            for _ in kept.len()..9 {
                nanos *= 10;
            }
        }
        Ok(Self { year, month, day, hour, minute, second, nanos })
    }

    fn time(self) -> Result<UtcTime, ValueError> {
        let Self { year, month, day, hour, minute, second, nanos } = self;
        if !(YEAR_MIN..YEAR_END).contains(&year)
            || !(1..=12).contains(&month)
            || day == 0
            || day > days_in_month(year, month)
            || hour > 23
            || minute > 59
            || second > 60
        {
            return Err(ValueError::Overflow);
        }
        let seconds = days_from_civil(year, month, day) * SECONDS_PER_DAY
            + hour * 3600
            + minute * 60
            + second;
        Ok(UtcTime(seconds * NANOS_PER_SECOND + nanos))
    }
}

/// `HH:MM:SS` of a second of the day.
#[inline(always)]
fn clock(second: u64) -> [u8; 8] {
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let numbers = hour | minute << 24 | second << 48;
    // 103 / 2^10 is 1/10, near enough below 100; the numbers are far enough apart.
    let tens = (numbers * 103) >> 10 & 0x000f_0000_0f00_000f;
    let digits = tens | (numbers - 10 * tens) << 8;
    (digits | u64::from_le_bytes(*b"00:00:00")).to_le_bytes()
}

/// `.mmm`
#[inline(always)]
const fn fraction(millis: u32) -> [u8; 4] {
    fraction_text(fraction_digits(millis))
}

#[inline(always)]
const fn fraction_text(digits: u32) -> [u8; 4] {
    (digits | u32::from_le_bytes(*b".000")).to_le_bytes()
}

/// The values of three digits, behind an empty byte.
#[inline(always)]
const fn fraction_digits(millis: u32) -> u32 {
    // 41 / 2^12 is 1/100 and 103 / 2^10 is 1/10, near enough below 1000 and below 100.
    let hundreds = (millis * 41) >> 12;
    let rest = millis - 100 * hundreds;
    let tens = (rest * 103) >> 10;
    let ones = rest - 10 * tens;
    hundreds << 8 | tens << 16 | ones << 24
}

/// The text of the last timestamp. The next one is mostly of the same second: only its milliseconds are
/// written then, and only its time of day if it is of the same day.
#[derive(Debug, Clone, Copy)]
pub struct TimestampCache {
    // Invariant: what the text says up to the point, in nanoseconds.
    second: u64,
    // Invariant: the sum of the text up to the point, and the point.
    sum: u8,
    text: TimeText,
}

/// `YYYYMMDD-HH:MM:SS.mmm`, and its share of CheckSum(10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeText {
    pub(super) text: [u8; 21],
    /// Of the bytes, modulo 256.
    pub(super) sum: u8,
}

impl TimeText {
    /// What [`UtcTime::to_fix_millis`] writes.
    #[must_use]
    pub fn new(time: UtcTime) -> Self {
        let text = time.to_fix_millis();
        Self { text, sum: sum_of_timestamp(&text) }
    }

    /// The text.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 21] {
        &self.text
    }
}

impl Default for TimestampCache {
    fn default() -> Self {
        Self::new()
    }
}

impl TimestampCache {
    /// A cache of the epoch.
    #[must_use]
    pub fn new() -> Self {
        let mut this = Self { second: 0, sum: 0, text: TimeText::new(UtcTime(0)) };
        this.sum = this.sum_of_second();
        this
    }

    /// What [`UtcTime::to_fix_millis`] writes.
    #[inline]
    pub fn to_fix_millis(&mut self, time: UtcTime) -> &TimeText {
        if let Some(since) = time.0.checked_sub(self.second)
            && since < NANOS_PER_SECOND
        {
            let digits = fraction_digits((since / 1_000_000) as u32);
            self.text.text[17..].copy_from_slice(&fraction_text(digits));
            // The digits' values, added up in the top byte.
            self.text.sum = self.sum.wrapping_add((digits.wrapping_mul(0x0101_0101) >> 24) as u8);
        } else {
            self.turn(time);
        }
        &self.text
    }

    #[inline(never)]
    fn turn(&mut self, time: UtcTime) {
        const NANOS_PER_DAY: u64 = SECONDS_PER_DAY * NANOS_PER_SECOND;
        if time.0 / NANOS_PER_DAY == self.second / NANOS_PER_DAY {
            self.text.text[9..].copy_from_slice(&time.to_fix_time_only());
            self.text.sum = sum_of_timestamp(&self.text.text);
        } else {
            self.text = TimeText::new(time);
        }
        self.second = time.0 - time.0 % NANOS_PER_SECOND;
        self.sum = self.sum_of_second();
    }

    /// The sum without the values of the milliseconds' digits.
    fn sum_of_second(&self) -> u8 {
        let values = self.text.text[18..].iter().fold(0, |sum, &digit| sum + (digit - b'0'));
        self.text.sum.wrapping_sub(values)
    }
}

fn number(bytes: &[u8]) -> Result<u64, ValueError> {
    super::int::parse_u64_plainly(bytes)
}

/// What the days of a year or a month are counted from.
const YEAR_MIN: u64 = 1970;
/// Of this year not all nanoseconds fit.
const YEAR_END: u64 = 2554;

#[derive(Clone, Copy)]
struct Year {
    /// Days since 1970-01-01.
    before: u32,
    is_leap: bool,
}

/// From [`YEAR_MIN`] on. Of these tables a day's messages touch two lines of the cache.
static YEARS: [Year; (YEAR_END - YEAR_MIN) as usize] = {
    let mut out = [Year { before: 0, is_leap: false }; (YEAR_END - YEAR_MIN) as usize];
    let mut i = 0;
    while i < out.len() {
        let year = YEAR_MIN + i as u64;
        out[i] = Year { before: days_from_civil(year, 1, 1) as u32, is_leap: is_leap(year) };
        i += 1;
    }
    out
};

/// The days of a common year and of a leap year, by month and day as [`Moment`] has them: counted from the
/// year's first, or [`NO_DAY`].
static DAYS: [[u16; 13 * DAY_ROOM as usize]; 2] = {
    let mut out = [[NO_DAY; 13 * DAY_ROOM as usize]; 2];
    let mut leap = 0;
    while leap < 2 {
        let (mut month, mut before) = (1, 0);
        while month <= 12 {
            let days = days_in_month(2000 + 1 - leap as u64, month);
            let mut day = 1;
            while day <= days {
                out[leap][(month * DAY_ROOM + day) as usize] = before;
                (day, before) = (day + 1, before + 1);
            }
            month += 1;
        }
        leap += 1;
    }
    out
};

const NO_DAY: u16 = u16::MAX;

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + is_leap(year) as u64,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date (Howard Hinnant's `days_from_civil`).
const fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y / 400;
    let year_of_era = y % 400;
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
const fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as u64;
    (year, month, day)
}
