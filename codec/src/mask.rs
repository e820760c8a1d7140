//! Messages for people to read, without their secrets.
//!
//! The values of Username(553), Password(554), Nonce(5025) and RawData(96) are replaced by `***`, the
//! delimiter becomes `|`, and every byte that is not printable ASCII is escaped, so that a peer's bytes
//! cannot forge lines of a log or drive a terminal. A `|` or `\` of the message itself is escaped too.
//!
//! ```text
//! 8=FIX.4.4|9=207|35=A|34=1|...|553=***|554=***|5025=***|8674=0|10=178|
//! ```
//!
//! Bytes that are logged are often no message: the framer did not take them. In doubt they are hidden:
//!
//! * What does not read `tag=value` becomes `***`: it may be the rest of a secret whose beginning was
//!   cut off. So a fragment of a stream may be masked alone; but where pieces follow one another, use
//!   one [`Masker`] for them all, because the rest of a secret may itself read like a field.
//! * `553=` and its like are secret in the middle of a value as well: a delimiter may be missing.
//! * RawData is passed over by its length, delimiters included. Without a length, or where the data does
//!   not end as the length says, nothing is shown up to the next `10=`.
//!
//! A tag that is itself damaged, `555=` for `554=`, cannot be known.

use core::fmt;

use crate::SOH;

/// The tags whose values are never shown.
pub const SECRET_TAGS: [u32; 4] = [96, 553, 554, 5025];

/// Whether the values of `tag` are never shown.
#[must_use]
pub const fn is_secret(tag: u32) -> bool {
    matches!(tag, 96 | 553 | 554 | 5025)
}

/// Writes `bytes`, masked.
///
/// # Errors
/// Those of `out`.
pub fn mask(bytes: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    let mut masker = Masker::new();
    masker.write(bytes, out)?;
    masker.finish(out)
}

/// Bytes that print masked: `format_args!("{}", Masked(bytes))`.
#[derive(Clone, Copy)]
pub struct Masked<'a>(pub &'a [u8]);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        mask(self.0, f)
    }
}

impl fmt::Debug for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        mask(self.0, f)
    }
}

/// Replaces each secret byte by `*`, in place: what [`mask`] hides is hidden, the length stays, and every
/// field that is shown stays where it is. A message that ended with a right CheckSum(10) gets the one
/// that is right now, so it still frames and indexes: this is the form in which messages are stored.
/// Returns whether anything was hidden.
pub fn blank(bytes: &mut [u8]) -> bool {
    const HIDDEN_BYTE: u8 = b'*';
    let trailer = checksum_at(bytes).filter(|&at| checksum(&bytes[..at]) == bytes[at + 3..at + 6]);
    let mut masker = Masker::new();
    let mut blanked = false;
    for at in 0..bytes.len() {
        let byte = bytes[at];
        let before = masker.state;
        // Nothing is written, so nothing fails.
        let _ = masker.step(byte, &mut Nowhere);
        // Where the bytes begin that this byte turns out to end: digits that are no tag are hidden, as
        // are those that looked like the trailer's.
        let hide_from = match (before, masker.state) {
            (State::Tag { digits, .. }, State::Hidden) if byte != b'=' => at - usize::from(digits),
            (State::Tag { digits, .. }, State::Tag { digits: 0, .. }) => at - usize::from(digits),
            (State::HiddenToTrailer { .. }, State::HiddenToTrailer { matched: 2 | 3 }) => continue,
            (State::HiddenToTrailer { matched }, State::HiddenToTrailer { .. }) => {
                at - usize::from(matched.saturating_sub(1))
            }
            (State::Hidden, State::Hidden) | (State::HiddenData { .. }, _) => at,
            _ => continue,
        };
        let delimits = byte == SOH && !matches!(masker.state, State::HiddenData { .. });
        let hide_to = at + usize::from(!delimits);
        blanked |= hide_to > hide_from;
        bytes[hide_from..hide_to].fill(HIDDEN_BYTE);
    }
    let held = match masker.state {
        State::Tag { digits, .. } => usize::from(digits),
        State::HiddenToTrailer { matched } => usize::from(matched.saturating_sub(1)),
        _ => 0,
    };
    let end = bytes.len();
    bytes[end - held..].fill(HIDDEN_BYTE);
    blanked |= held > 0;
    if let (true, Some(at)) = (blanked, trailer) {
        let digits = checksum(&bytes[..at]);
        bytes[at + 3..at + 6].copy_from_slice(&digits);
    }
    blanked
}

/// Where the last field starts, if it has the form of a CheckSum.
fn checksum_at(bytes: &[u8]) -> Option<usize> {
    let at = bytes.len().checked_sub(7)?;
    let form = bytes[at..].starts_with(b"10=") && bytes[at + 6] == SOH;
    (form && at > 0 && bytes[at - 1] == SOH).then_some(at)
}

fn checksum(bytes: &[u8]) -> [u8; 3] {
    let sum = bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    [b'0' + sum / 100, b'0' + sum / 10 % 10, b'0' + sum % 10]
}

/// Takes text and forgets it.
struct Nowhere;

impl fmt::Write for Nowhere {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        Ok(())
    }
}

/// Writes one value with every byte that is not printable ASCII escaped, without masking anything.
///
/// # Errors
/// Those of `out`.
pub fn escape(value: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    value.iter().try_for_each(|&byte| show(byte, out))
}

/// Masks a stream that arrives in pieces, split anywhere.
#[derive(Debug, Clone, Copy)]
pub struct Masker {
    state: State,
    /// What RawDataLength(95) says, in that field and the one behind it.
    raw_data_length: Option<u32>,
}

const HIDDEN: &str = "***";
const TAG_DIGITS_MAX: u8 = 9;
const RAW_DATA_LENGTH: u32 = 95;
const RAW_DATA: u32 = 96;
/// A length above this is not believed: it would hide the rest of the stream.
const RAW_DATA_LENGTH_MAX: u32 = 1 << 20;
/// Above every secret tag, so that a suffix of so many digits holds it.
const SUFFIX: u32 = 10_000;

#[derive(Debug, Clone, Copy)]
enum State {
    /// In a tag, of which nothing is written yet.
    Tag { number: u32, digits: u8 },
    /// In a value that is shown; `suffix` is the last digits directly before this byte.
    Value { tag: u32, suffix: u32 },
    /// Up to the next delimiter.
    Hidden,
    /// `left` bytes of RawData, then a delimiter.
    HiddenData { left: u32 },
    /// Up to a delimiter and `10=`, of which `matched` bytes are there.
    HiddenToTrailer { matched: u8 },
}

const TAG_START: State = State::Tag { number: 0, digits: 0 };

impl Default for Masker {
    fn default() -> Self {
        Self::new()
    }
}

impl Masker {
    /// At the start of a field.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: TAG_START, raw_data_length: None }
    }

    /// Writes the next piece of the stream, masked. Digits that may become a tag are held back.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&mut self, bytes: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
        bytes.iter().try_for_each(|&byte| self.step(byte, out))
    }

    /// Ends the stream: what was held back is no tag. The masker is then at the start of a field.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(&mut self, out: &mut impl fmt::Write) -> fmt::Result {
        let held = matches!(self.state, State::Tag { digits: 1.., .. });
        *self = Self::new();
        if held { out.write_str(HIDDEN) } else { Ok(()) }
    }

    fn step(&mut self, byte: u8, out: &mut impl fmt::Write) -> fmt::Result {
        match self.state {
            State::Tag { number, digits } => self.tag(number, digits, byte, out),
            State::Value { tag, suffix } => self.value(tag, suffix, byte, out),
            State::Hidden if byte == SOH => self.end_field(out),
            State::Hidden => Ok(()),
            State::HiddenData { left: 0 } if byte == SOH => self.end_field(out),
            State::HiddenData { left: 0 } => {
                self.state = State::HiddenToTrailer { matched: 0 };
                Ok(())
            }
            State::HiddenData { left } => {
                self.state = State::HiddenData { left: left - 1 };
                Ok(())
            }
            State::HiddenToTrailer { matched } => {
                let matched = match (matched, byte) {
                    (_, SOH) => 1,
                    (1, b'1') => 2,
                    (2, b'0') => 3,
                    (3, b'=') => {
                        self.state = State::Value { tag: 10, suffix: 0 };
                        return out.write_str("|10=");
                    }
                    _ => 0,
                };
                self.state = State::HiddenToTrailer { matched };
                Ok(())
            }
        }
    }

    fn tag(&mut self, number: u32, digits: u8, byte: u8, out: &mut impl fmt::Write) -> fmt::Result {
        match byte {
            b'0'..=b'9' if digits < TAG_DIGITS_MAX => {
                let number = number * 10 + u32::from(byte - b'0');
                self.state = State::Tag { number, digits: digits + 1 };
                Ok(())
            }
            b'=' if digits > 0 => {
                write!(out, "{number}=")?;
                if is_secret(number) {
                    return self.hide(number, out);
                }
                self.raw_data_length = (number == RAW_DATA_LENGTH).then_some(0);
                self.state = State::Value { tag: number, suffix: 0 };
                Ok(())
            }
            SOH => {
                self.raw_data_length = None;
                out.write_str(if digits > 0 { HIDDEN } else { "" })?;
                self.end_field(out)
            }
            _ => {
                self.raw_data_length = None;
                self.state = State::Hidden;
                out.write_str(HIDDEN)
            }
        }
    }

    fn value(&mut self, tag: u32, suffix: u32, byte: u8, out: &mut impl fmt::Write) -> fmt::Result {
        if byte == SOH {
            return self.end_field(out);
        }
        show(byte, out)?;
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
        if tag == RAW_DATA_LENGTH {
            self.raw_data_length = match (self.raw_data_length, digit) {
                (Some(length @ 0..=RAW_DATA_LENGTH_MAX), Some(digit)) => Some(length * 10 + digit),
                _ => None,
            };
        }
        let secret = SECRET_TAGS.into_iter().find(|&tag| ends_with(suffix, tag));
        match (byte, secret) {
            (b'=', Some(secret)) => {
                self.raw_data_length = None;
                self.hide(secret, out)
            }
            _ => {
                let suffix = digit.map_or(0, |digit| (suffix * 10 + digit) % SUFFIX);
                self.state = State::Value { tag, suffix };
                Ok(())
            }
        }
    }

    fn hide(&mut self, tag: u32, out: &mut impl fmt::Write) -> fmt::Result {
        self.state = match (tag, self.raw_data_length.take()) {
            (RAW_DATA, Some(left @ 0..=RAW_DATA_LENGTH_MAX)) => State::HiddenData { left },
            (RAW_DATA, _) => State::HiddenToTrailer { matched: 0 },
            _ => State::Hidden,
        };
        out.write_str(HIDDEN)
    }

    fn end_field(&mut self, out: &mut impl fmt::Write) -> fmt::Result {
        self.state = TAG_START;
        out.write_char('|')
    }
}

/// Whether the decimal digits of `number` end with those of `tag`.
const fn ends_with(number: u32, tag: u32) -> bool {
    let mut power = 10;
    while power <= tag {
        power *= 10;
    }
    number % power == tag
}

fn show(byte: u8, out: &mut impl fmt::Write) -> fmt::Result {
    match byte {
        b'|' | b'\\' => write!(out, "\\x{byte:02x}"),
        0x20..=0x7e => out.write_char(char::from(byte)),
        _ => write!(out, "\\x{byte:02x}"),
    }
}

#[cfg(test)]
mod tests;
