//! The tag scanner: one message in, an index of its fields out.
//!
//! The scanner walks the message once, finds every `tag=value<SOH>`, and adds up the bytes for the
//! CheckSum on the way.

mod portable;

use crate::SOH;

/// One field of a message: `bytes[start..end]` is its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Field {
    /// The tag.
    pub tag: u32,
    /// Where the value starts.
    pub start: u32,
    /// Where the value ends (the position of its SOH).
    pub end: u32,
}

/// Why a framed message could not be indexed. The message is garbled (FIX session cases 2.d, 3.b).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanError {
    /// What is wrong.
    pub kind: ScanErrorKind,
    /// Where, counted from the start of the message.
    pub offset: u32,
}

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanErrorKind {
    /// A field does not start with a tag of 1 to 9 digits and `=`.
    TagMalformed,
    /// The last field does not end with SOH.
    Unterminated,
    /// The sum of the bytes is not what CheckSum(10) says.
    CheckSumWrong,
    /// The message does not end with `10=nnn<SOH>`.
    CheckSumMissing,
    /// A data field's length does not lead to a SOH, or is no number (RawData 95/96, 354/355).
    DataLengthWrong,
    /// There are more fields than the caller's index holds.
    TooManyFields,
}

/// The instruction set that a [`Scanner`] uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Plain Rust.
    Portable,
    /// AVX2 (x86-64).
    Avx2,
}

type Kernel = fn(&[u8], &mut [Field]) -> Result<usize, ScanError>;

/// The scanner, bound to the best kernel of this machine.
#[derive(Clone, Copy)]
pub struct Scanner {
    kernel: Kernel,
    level: Level,
}

impl Scanner {
    /// The best kernel that this machine has.
    #[must_use]
    pub fn new() -> Self {
        Self { kernel: portable::index, level: Level::Portable }
    }

    /// A given kernel; `None` if this machine does not have it.
    #[must_use]
    pub fn with_level(level: Level) -> Option<Self> {
        match level {
            Level::Portable => Some(Self { kernel: portable::index, level }),
            Level::Avx2 => None,
        }
    }

    /// Which kernel this is.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Indexes one framed message (see [`crate::frame`]) and verifies its CheckSum. Returns how many
    /// fields were written to the front of `fields`; the first three are 8, 9, 35, the last is 10.
    ///
    /// # Errors
    /// [`ScanError`]; `fields` is then unspecified.
    pub fn index(&self, message: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
        (self.kernel)(message, fields)
    }
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether `tag` announces the length of the data field that follows it.
const fn announces_data(tag: u32) -> bool {
    // RawDataLength, EncodedTextLen; further pairs come from a dictionary.
    matches!(tag, 95 | 354)
}

/// Verifies the trailer and compares the sum of all bytes before it.
fn check_trailer(message: &[u8], sum_of_all: u32, last: Option<&Field>) -> Result<(), ScanError> {
    let offset = message.len().saturating_sub(7);
    let missing = ScanError { kind: ScanErrorKind::CheckSumMissing, offset: offset as u32 };
    let trailer = message.get(offset..).ok_or(missing)?;
    if trailer.len() != 7
        || !trailer.starts_with(b"10=")
        || !trailer[3..6].iter().all(u8::is_ascii_digit)
        || trailer[6] != SOH
        || last.is_none_or(|f| f.tag != 10 || f.start as usize != offset + 3)
    {
        return Err(missing);
    }
    let said = trailer[3..6].iter().fold(0u32, |n, b| n * 10 + u32::from(b - b'0'));
    let own: u32 = trailer.iter().map(|&b| u32::from(b)).sum();
    if sum_of_all.wrapping_sub(own) & 0xff != said {
        return Err(ScanError { kind: ScanErrorKind::CheckSumWrong, offset: offset as u32 });
    }
    Ok(())
}
