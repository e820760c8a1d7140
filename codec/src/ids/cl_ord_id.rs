//! ClOrdID(11), venue file 6.9.

use crate::value::{UtcTime, ValueError};

/// How far a COMB UUID's time may be from the venue's clock, nanoseconds: 120 s.
pub const COMB_WINDOW_NS: u64 = 120_000_000_000;
/// The unit of a COMB UUID's time, nanoseconds.
pub const COMB_UNIT_NS: u64 = 10_000;

/// A ClOrdID(11): numeric up to 18 digits on spot, a COMB UUID on derivatives. Kept, as the venue
/// does, as one 128-bit number (venue file 6.9); a UUID of today is far above 10^18, so the two forms
/// cannot be confused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClOrdId(u128);

impl ClOrdId {
    /// Longest text of a ClOrdID, bytes.
    pub const TEXT_MAX: usize = 36;
    /// First number that is not numeric-form: 10^18.
    const NUMERIC_END: u128 = 1_000_000_000_000_000_000;

    /// The numeric form; `None` for 0 or above 18 digits.
    #[must_use]
    pub const fn numeric(number: u64) -> Option<Self> {
        if number == 0 || number as u128 >= Self::NUMERIC_END {
            None
        } else {
            Some(Self(number as u128))
        }
    }

    /// The UUID form; `None` if it is small enough to be mistaken for the numeric form.
    #[must_use]
    pub const fn uuid(bits: u128) -> Option<Self> {
        if bits < Self::NUMERIC_END { None } else { Some(Self(bits)) }
    }

    /// All bits.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// The number, if this is the numeric form.
    #[must_use]
    pub const fn as_numeric(self) -> Option<u64> {
        if self.0 < Self::NUMERIC_END { Some(self.0 as u64) } else { None }
    }

    /// Reads either form.
    ///
    /// # Errors
    /// [`ValueError::Empty`]; [`ValueError::TooLong`] above 18 digits; [`ValueError::BadByte`] for what
    /// is neither digits nor `8-4-4-4-12` hexadecimal digits; [`ValueError::Overflow`] for zero.
    pub fn parse(text: &[u8]) -> Result<Self, ValueError> {
        if text.len() == Self::TEXT_MAX {
            let mut bits = 0u128;
            for (i, &byte) in text.iter().enumerate() {
                if matches!(i, 8 | 13 | 18 | 23) {
                    if byte != b'-' {
                        return Err(ValueError::BadByte);
                    }
                    continue;
                }
                let digit = (byte as char).to_digit(16).ok_or(ValueError::BadByte)?;
                bits = bits << 4 | u128::from(digit);
            }
            return Self::uuid(bits).ok_or(ValueError::Overflow);
        }
        let number = crate::value::parse_u64(text)?;
        if text.len() > 18 {
            return Err(ValueError::TooLong);
        }
        Self::numeric(number).ok_or(ValueError::Overflow)
    }

    /// Writes the form that [`ClOrdId::parse`] reads.
    #[must_use]
    pub fn write(self, scratch: &mut [u8; Self::TEXT_MAX]) -> &[u8] {
        if let Some(number) = self.as_numeric() {
            let mut digits = [0; 20];
            let digits = crate::value::write_u64(number, &mut digits);
            scratch[..digits.len()].copy_from_slice(digits);
            return &scratch[..digits.len()];
        }
        let mut shift = 128;
        for (i, byte) in scratch.iter_mut().enumerate() {
            *byte = if matches!(i, 8 | 13 | 18 | 23) {
                b'-'
            } else {
                shift -= 4;
                b"0123456789abcdef"[(self.0 >> shift) as usize & 0xf]
            };
        }
        scratch
    }

    /// A COMB UUIDv4 of the time `at`: 48 bits of time in units of 10 microseconds, then version, variant
    /// and 74 bits of `random`. `None` from the year 2059 on, when the time does not fit.
    #[must_use]
    pub const fn comb(at: UtcTime, random: u128) -> Option<Self> {
        const VERSION_AND_VARIANT: u128 = 4 << 76 | 0b10 << 62;
        const RANDOM: u128 = 0xfff << 64 | 0x3fff_ffff_ffff_ffff;
        let time = at.0 / COMB_UNIT_NS;
        if time >> 48 != 0 {
            return None;
        }
        Self::uuid((time as u128) << 80 | VERSION_AND_VARIANT | random & RANDOM)
    }

    /// The time in a UUID, by the rule for COMBs; `None` for a number. Of a UUID that is none it says
    /// anything: the example of the old documents is of 1979.
    #[must_use]
    pub const fn comb_time(self) -> Option<UtcTime> {
        if self.as_numeric().is_some() {
            return None;
        }
        Some(UtcTime((self.0 >> 80) as u64 * COMB_UNIT_NS))
    }

    /// Whether this has the version and the variant of a UUIDv4 (RFC 4122).
    #[must_use]
    pub const fn is_uuid_v4(self) -> bool {
        self.as_numeric().is_none() && (self.0 >> 76) & 0xf == 4 && (self.0 >> 62) & 0b11 == 0b10
    }

    /// Whether this is a COMB UUIDv4 of about `now`, as the venue checks it.
    ///
    /// # Errors
    /// [`CombError`].
    pub const fn check_comb(self, now: UtcTime) -> Result<(), CombError> {
        let Some(at) = self.comb_time() else { return Err(CombError::Numeric) };
        if !self.is_uuid_v4() {
            Err(CombError::NotVersion4)
        } else if now.nanos_since(at) > COMB_WINDOW_NS || at.nanos_since(now) > COMB_WINDOW_NS {
            Err(CombError::OutOfDate)
        } else {
            Ok(())
        }
    }
}

/// Why a ClOrdID is no COMB UUIDv4 of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CombError {
    /// It is a number.
    Numeric,
    /// The version is not 4 or the variant not that of RFC 4122.
    NotVersion4,
    /// Its time is more than [`COMB_WINDOW_NS`] from now.
    OutOfDate,
}

impl core::fmt::Display for CombError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Numeric => "a COMB UUIDv4 is required",
            Self::NotVersion4 => "a UUID of version 4 is required",
            Self::OutOfDate => "timestamp is out of date",
        })
    }
}

impl core::error::Error for CombError {}

impl core::fmt::Display for ClOrdId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut scratch = [0; Self::TEXT_MAX];
        f.pad(core::str::from_utf8(self.write(&mut scratch)).unwrap_or(""))
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_of_a_cl_ord_id_read_back_as_they_were_written() {
        for text in
            ["1", "1688738168", "999999999999999999", "9e58120f-182b-4dce-9609-8ca7cdd174f0"]
        {
            assert_eq!(
                ClOrdId::parse(text.as_bytes()).map(|id| id.to_string()),
                Ok(text.to_string())
            );
        }
    }

    #[test]
    fn a_cl_ord_id_that_the_venue_would_refuse_does_not_parse() {
        for (text, error) in [
            ("", ValueError::Empty),
            ("0", ValueError::Overflow),
            ("1000000000000000000", ValueError::TooLong),
            ("12a", ValueError::BadByte),
            ("-1", ValueError::BadByte),
            ("9e58120f-182b-4dce-9609+8ca7cdd174f0", ValueError::BadByte),
            ("9e58120f-182b-4dce-9609-8ca7cdd174fg", ValueError::BadByte),
        ] {
            assert_eq!(ClOrdId::parse(text.as_bytes()), Err(error), "{text:?}");
        }
    }

    fn read(text: &str) -> ClOrdId {
        ClOrdId::parse(text.as_bytes()).expect("a ClOrdID")
    }

    fn time(text: &str) -> UtcTime {
        UtcTime::parse(text.as_bytes()).expect("a timestamp")
    }

    #[test]
    fn the_time_of_a_comb_is_that_of_the_capture() {
        let captured = read("9e58120f-182b-4dce-9609-8ca7cdd174f0");
        assert_eq!(captured.comb_time(), Some(time("20250303-14:09:32.897710")));
        assert_eq!(captured.check_comb(time("20250303-14:09:32.902")), Ok(()));
        assert_eq!(read("1688738168").comb_time(), None);
        let made = ClOrdId::comb(time("20260407-14:32:05.000"), u128::MAX).expect("before 2059");
        assert_eq!(made.to_string(), "a17cc3c5-3d20-4fff-bfff-ffffffffffff");
        assert_eq!(ClOrdId::comb(time("20590101-00:00:00"), 0).map(|_| ()), Some(()));
        assert_eq!(ClOrdId::comb(time("20600101-00:00:00"), 0), None);
        assert_eq!(ClOrdId::comb(UtcTime(0), 0).map(|_| ()), Some(()), "version bits suffice");
    }

    #[test]
    fn a_comb_is_good_for_120_seconds_either_way() {
        let now = time("20260407-14:32:05.000");
        let id = ClOrdId::comb(now, 1).expect("before 2059");
        let second = 1_000_000_000;
        for (shift, good) in [(-121, false), (-120, true), (0, true), (120, true), (121, false)] {
            let then = UtcTime(now.0.wrapping_add_signed(shift * second));
            let expected = if good { Ok(()) } else { Err(CombError::OutOfDate) };
            assert_eq!(id.check_comb(then), expected, "{shift} s");
        }
        let other = |text: &str| read(text).check_comb(now);
        assert_eq!(other("a17cc3c5-3d20-1fff-bfff-ffffffffffff"), Err(CombError::NotVersion4));
        assert_eq!(other("a17cc3c5-3d20-4fff-ffff-ffffffffffff"), Err(CombError::NotVersion4));
        assert_eq!(other("1"), Err(CombError::Numeric));
    }

    proptest! {
        #[test]
        fn a_comb_keeps_its_time_to_10_microseconds_and_passes(at in 0..2_800_000_000_000_000_000u64, random: u128) {
            let id = ClOrdId::comb(UtcTime(at), random).expect("before 2059");
            prop_assert_eq!(id.comb_time(), Some(UtcTime(at / 10_000 * 10_000)));
            prop_assert_eq!(id.check_comb(UtcTime(at)), Ok(()));
            prop_assert_eq!(ClOrdId::parse(id.to_string().as_bytes()), Ok(id));
        }
    }
}
