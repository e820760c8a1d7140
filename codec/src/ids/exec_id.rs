//! ExecIDs as decoded from the captures (venue file 4.6.3):
//! `base32(LE(ClOrdID)) ":" base32(LE64(report time in ns))`, RFC 4648 alphabet, no padding.

use super::{ClOrdId, ExecId};
use crate::value::{UtcTime, ValueError};

/// Digits of 4 bytes, and of 8.
const NARROW: usize = 7;
const WIDE: usize = 13;
/// Digits that are made at once: more than 13.
const ROOM: usize = 16;

/// What an ExecID says that was derived from an order's ClOrdID. Reports that the engine drives may
/// carry ids of another make: to a client an ExecID is opaque, and this one a help to find errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DerivedExecId {
    /// A numeric ClOrdID, or of a UUID the last 12 digits.
    number: u64,
    /// Whether the number is written as 8 bytes, not 4: a UUID's, or a number that does not fit 4 (the
    /// width of those is inferred).
    wide: bool,
    /// When the report was made.
    at: UtcTime,
}

impl DerivedExecId {
    /// The ExecID of a report on `cl_ord_id` made at `at`.
    #[must_use]
    pub fn new(cl_ord_id: ClOrdId, at: UtcTime) -> Self {
        let (number, wide) = match cl_ord_id.as_numeric() {
            Some(number) => (number, u32::try_from(number).is_err()),
            None => ((cl_ord_id.bits() & 0xffff_ffff_ffff) as u64, true),
        };
        Self { number, wide, at }
    }

    /// Reads an ExecID.
    ///
    /// # Errors
    /// [`ValueError::BadByte`] if it was not derived like this: another form, alphabet or length, or
    /// digits beyond the last byte that are not zero.
    pub fn parse(text: &[u8]) -> Result<Self, ValueError> {
        let colon = text.iter().position(|&byte| byte == b':').ok_or(ValueError::BadByte)?;
        let (id, time) = (&text[..colon], &text[colon + 1..]);
        if !matches!(id.len(), NARROW | WIDE) || time.len() != WIDE {
            return Err(ValueError::BadByte);
        }
        let at = UtcTime(little_endian(time)?);
        Ok(Self { number: little_endian(id)?, wide: id.len() == WIDE, at })
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> ExecId {
        // Each half is written with room to spare; the next byte or half stands over what is too much.
        let mut text = [0; 2 * ROOM];
        let id_digits = if self.wide { WIDE } else { NARROW };
        text[..ROOM].copy_from_slice(&base32(self.number));
        text[id_digits] = b':';
        text[id_digits + 1..][..ROOM].copy_from_slice(&base32(self.at.0));
        ExecId::new(&text[..id_digits + 1 + WIDE]).expect("27 printable bytes fit an ExecID")
    }

    /// When the report was made.
    #[must_use]
    pub const fn at(&self) -> UtcTime {
        self.at
    }

    /// Whether the report may be on `cl_ord_id`. UUIDs that end alike cannot be told apart.
    #[must_use]
    pub fn is_of(&self, cl_ord_id: ClOrdId) -> bool {
        *self == Self::new(cl_ord_id, self.at)
    }
}

/// The 13 digits of eight bytes, least significant byte first; the first 7 are those of the first four. Every
/// report has an ExecID: eight digits are made at a time.
fn base32(number: u64) -> [u8; ROOM] {
    // The first byte's bits are the highest.
    let bits = number.swap_bytes();
    let mut digits = [0; ROOM];
    // Of the thirteenth digit only the upper four bits are there.
    digits[..8].copy_from_slice(&eight_digits(bits >> 24).to_le_bytes());
    digits[8..].copy_from_slice(&eight_digits(bits << 16 & 0xff_ffff_ffff).to_le_bytes());
    digits
}

/// The lower 40 bits as eight digits, the highest in the lowest byte.
const fn eight_digits(bits: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Groups of 20, 10 and then 5 bits are moved apart; the last ones to where a byte begins.
    let bits = bits >> 20 | (bits & 0xf_ffff) << 32;
    let bits = bits >> 10 & 0x0000_03ff_0000_03ff | (bits & 0x0000_03ff_0000_03ff) << 16;
    let values = bits >> 5 & 0x001f_001f_001f_001f | (bits & 0x001f_001f_001f_001f) << 8;
    // 0x80 in every byte whose value is 26 or more: those are digits, the others letters.
    let is_digit = (values + ONES * (128 - 26)) & (ONES * 128);
    let back = (is_digit >> 7) * (b'A' + 26 - b'2') as u64;
    values + ONES * b'A' as u64 - back
}

/// Reads 7 or 13 digits as 4 or 8 bytes, least significant byte first.
fn little_endian(digits: &[u8]) -> Result<u64, ValueError> {
    let mut bits = 0u128;
    for (at, &byte) in digits.iter().enumerate() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return Err(ValueError::BadByte),
        };
        bits |= u128::from(digit) << (123 - 5 * at);
    }
    let length = digits.len() * 5 / 8;
    let mut bytes = [0; 8];
    bytes[..length].copy_from_slice(&bits.to_be_bytes()[..length]);
    if bits << (8 * length) != 0 {
        return Err(ValueError::BadByte);
    }
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const CAPTURED: [(&str, u64, &str); 2] = [
        ("1688738168", 1_688_738_168_716_637_396, "PAM2QZA:2S2P7SDKTJXRO"),
        (
            "9e58120f-182b-4dce-9609-8ca7cdd174f0",
            1_741_010_973_002_356_565,
            "6B2NDTNHRQAAA:KXL5Y42BKAURQ",
        ),
    ];

    fn id(text: &str) -> ClOrdId {
        ClOrdId::parse(text.as_bytes()).expect("a ClOrdID")
    }

    #[test]
    fn captured_exec_ids_are_made_and_read() {
        for (cl_ord_id, at, text) in CAPTURED {
            let made = DerivedExecId::new(id(cl_ord_id), UtcTime(at));
            assert_eq!(made.text().as_str(), text);
            let read = DerivedExecId::parse(text.as_bytes()).expect("derived");
            assert_eq!((read, read.at()), (made, UtcTime(at)));
            assert!(read.is_of(id(cl_ord_id)) && !read.is_of(id("1")));
        }
        let wide = DerivedExecId::new(id("1744036325000000"), UtcTime(0));
        assert_eq!(wide.text().as_str(), "ICB2AGJRGIDAA:AAAAAAAAAAAAA");
    }

    #[test]
    fn an_exec_id_of_another_make_is_told() {
        for text in [
            "",
            ":",
            "EXEC003:TRD001",
            "PAM2QZA",
            "PAM2QZA:2S2P7SDKTJXR",
            "PAM2QZA:2S2P7SDKTJXRO:",
            "pam2qza:2S2P7SDKTJXRO",
            "PAM2QZ1:2S2P7SDKTJXRO",
            // Digits beyond the last byte.
            "PAM2QZB:2S2P7SDKTJXRO",
            "PAM2QZA:2S2P7SDKTJXRP",
        ] {
            let read = DerivedExecId::parse(text.as_bytes());
            assert_eq!(read, Err(ValueError::BadByte), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn digits_are_those_of_the_alphabet(bytes: [u8; 8], wide: bool) {
            const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
            let mut number = bytes;
            number[if wide { 8 } else { 4 }..].fill(0);
            let number = u64::from_le_bytes(number);
            let bytes = &bytes[..if wide { 8 } else { 4 }];
            let bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
            let bits: Vec<u8> = bits.chain([0; 4]).collect();
            let digit = |five: &[u8]| ALPHABET[five.iter().fold(0, |all, &bit| all << 1 | usize::from(bit))];
            let count = if wide { WIDE } else { NARROW };
            let plainly: Vec<u8> = bits.chunks(5).take(count).map(digit).collect();
            prop_assert_eq!(&base32(number)[..count], plainly);
        }

        #[test]
        fn what_is_read_is_written_again(number in 1..1_000_000_000_000_000_000u64, at: u64) {
            let made = DerivedExecId::new(ClOrdId::numeric(number).expect("18 digits"), UtcTime(at));
            prop_assert_eq!(DerivedExecId::parse(made.text().as_bytes()), Ok(made));
        }

        #[test]
        fn any_text_is_read_as_itself_or_refused(text in "[A-Z2-7]{7}([A-Z2-7]{6})?:[A-Z2-7]{13}") {
            if let Ok(read) = DerivedExecId::parse(text.as_bytes()) {
                let written = read.text();
                prop_assert_eq!(written.as_str(), text);
            }
        }
    }
}
