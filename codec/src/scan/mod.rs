//! The tag scanner: one message in, an index of its fields out.
//!
//! # The algorithm
//!
//! A message is `tag=value<SOH>` over and over, so the positions of the SOHs are the whole structure:
//! each ends one field and starts the next. How many fields a block of bytes has cannot be predicted, and
//! a wrong guess costs as much as a few fields. So a kernel ([`Level`]) has two loops over a stretch of
//! blocks that fits the nearest cache, and neither asks:
//!
//! ```text
//! bytes  8=FIX.4.4|9=140|35=D|34=2|49=...
//! 1.     ---------#-----#----#----#---     one bit per SOH of 64 bytes, and the sum for CheckSum(10)
//!        list: before the first, 9, 15, 20, 25, ...        where fields end, and the next ones start
//! 2.     8=FI      9=14  35=D 34=2         the bytes where eight fields start, side by side
//!        0008      0009  0035 0034         what is below the first `=`, moved to the top
//!        (8, 2..9) (9, 12..15) (35, 19..20) ...            eight fields, stored whole
//! ```
//!
//! **Ends** (`ends`). A block's ends are written to the list as if there were always as many, and the list
//! grows by as many as there are: eight by counting zeros, and eight more if there are any. The last, short
//! block is filled up with zeros, which are no SOHs and add nothing; no kernel reads a byte outside the slice.
//!
//! **Tags** (`avx2`). The four bytes at eight starts are compared with `=`; subtracting one
//! makes a mask of the bytes below the first. What is no digit, a zero in front, no digit at all and the
//! lengths of data fields are found in all eight at once. Two multiply-adds make numbers of the digits.
//! Tags, starts and ends are turned so that they fit between each other, as [`Field`]s in memory. The last
//! eight fields of a list may overlap with those before, so that there is no rest. With SSE2 it is four, and
//! the portable kernel does the same for one field at a time, with an integer (`walk::short_tag_at`).
//!
//! **AVX-512** (`avx512`) lists and decodes in the same two steps, but has room for both in its registers: a
//! block's ends are listed by one compression, the bytes behind them are gathered by permutations, and the
//! tags are made of 32 fields at once.
//!
//! **What is odd** goes from the AVX-512 kernel to the AVX2 kernel, and there to one plain loop (`walk`): tags
//! of more than four digits, the lengths of data fields, more ends in a block than are listed, and whatever
//! is malformed. This loop alone knows data fields and decides on errors, so that all kernels agree on kind
//! and offset: the first field that breaks a rule, then the trailer.
//!
//! Only the value of a **data field** may hold a SOH: RawData(96), EncodedText(355), Signature(89) and
//! what else a dialect names ([`Scanner::index_with`]). Its length stands in the field directly before
//! it (95, 354, 93). A length field that is not followed by its data
//! field is an ordinary field, for a validator to complain of: the length of one field never reaches
//! into another.
//!
//! **Values** are read elsewhere (`value`), but what of that takes SIMD is here: `sixteen`.
//!
//! What is *not* an error here: an empty value, a tag that stands twice, an unknown tag. They are
//! well-framed and answered by a Reject (FIX session cases 14.a, 14.d, 14.h), not ignored as garbled.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod data;
#[cfg(target_arch = "x86_64")]
mod detect;
mod ends;
mod portable;
pub(crate) mod sixteen;
#[cfg(target_feature = "sse2")]
mod sse2;
#[cfg(test)]
mod tests;
mod walk;

pub use data::{DataFields, fix44_data_tag};
pub(crate) use walk::{has_trailer, tag_at};

use crate::frame::{Frame, Framer, GarbageReason};

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
    /// A field does not start with a tag of 1 to 9 digits, the first not zero, and `=`.
    TagMalformed,
    /// The last field does not end with SOH.
    Unterminated,
    /// The sum of the bytes is not what CheckSum(10) says.
    CheckSumWrong,
    /// The message does not end with `10=nnn<SOH>`.
    CheckSumMissing,
    /// A data field's length does not lead to a SOH, or is no number (see [`DataFields`]).
    DataLengthWrong,
    /// There are more fields than the caller's index holds (or more bytes than 32-bit offsets reach).
    TooManyFields,
}

/// The instruction set that a [`Scanner`] uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Plain Rust.
    Portable,
    /// SSE2 (every x86-64).
    Sse2,
    /// AVX2 (x86-64).
    Avx2,
    /// AVX-512 with VBMI2 (x86-64: Ice Lake, Zen 4 and later).
    Avx512,
}

impl Level {
    /// Every level, slowest first.
    pub const ALL: [Self; 4] = [Self::Portable, Self::Sse2, Self::Avx2, Self::Avx512];
}

/// What stands at the front of a stream: see [`Scanner::scan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scanned {
    /// A message; BodyLength and CheckSum are right.
    Message {
        /// Its length, bytes.
        len: usize,
        /// How many fields it has.
        fields: usize,
    },
    /// More bytes are needed.
    Incomplete,
    /// A frame, to be dropped whole.
    Garbled {
        /// Its length, bytes.
        len: usize,
        /// What is wrong inside.
        error: ScanError,
    },
    /// No message.
    Garbage {
        /// Bytes to drop, at least 1.
        skip: usize,
        /// Why.
        reason: GarbageReason,
    },
}

type Kernel = fn(&[u8], &mut [Field]) -> Result<usize, ScanError>;

/// The scanner, bound to a kernel that this machine has. Make one at start and copy it about: finding
/// the best kernel executes `cpuid`, which is slow, and under a hypervisor very slow.
#[derive(Clone, Copy)]
pub struct Scanner {
    // Invariant: the CPU has what this kernel needs; kernels are only handed out after detection.
    kernel: Kernel,
    level: Level,
}

impl Scanner {
    /// The best kernel that this machine has.
    #[must_use]
    pub fn new() -> Self {
        Level::ALL.iter().rev().find_map(|&level| Self::with_level(level)).unwrap_or(PORTABLE)
    }

    /// A given kernel; `None` if this machine does not have it.
    #[must_use]
    pub fn with_level(level: Level) -> Option<Self> {
        match level {
            Level::Portable => Some(PORTABLE),
            #[cfg(target_feature = "sse2")]
            Level::Sse2 => Some(Self { kernel: sse2::index, level }),
            #[cfg(not(target_feature = "sse2"))]
            Level::Sse2 => None,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => avx2::kernel().map(|kernel| Self { kernel, level }),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => avx512::kernel().map(|kernel| Self { kernel, level }),
            #[cfg(not(target_arch = "x86_64"))]
            Level::Avx2 | Level::Avx512 => None,
        }
    }

    /// Which kernel this is.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Indexes one framed message (see [`crate::frame`]) and verifies its CheckSum. Returns how many
    /// fields were written to the front of `fields`; what is behind them is unspecified. With AVX-512 it is
    /// faster if there is room for 32 more. The last is 10; that the first three are 8, 9 and 35 is what the
    /// framer has checked, and is not checked again.
    ///
    /// # Errors
    /// [`ScanError`]; `fields` is then unspecified.
    pub fn index(&self, message: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
        if u32::try_from(message.len()).is_err() {
            return Err(ScanError { kind: ScanErrorKind::TooManyFields, offset: u32::MAX });
        }
        (self.kernel)(message, fields)
    }

    /// Everything about the front of a stream at once: [`Framer::next`], and [`Scanner::index`] of the
    /// message that it finds.
    #[inline]
    pub fn scan(&self, framer: &mut Framer, stream: &[u8], fields: &mut [Field]) -> Scanned {
        self.scan_by(framer, stream, |message| self.index(message, fields))
    }

    /// [`Scanner::scan`] for a dialect with data fields of its own: [`Scanner::index_with`].
    #[inline]
    pub fn scan_with(
        &self,
        framer: &mut Framer,
        stream: &[u8],
        fields: &mut [Field],
        data: DataFields<'_>,
    ) -> Scanned {
        self.scan_by(framer, stream, |message| self.index_with(message, fields, data))
    }

    #[inline(always)]
    fn scan_by(
        &self,
        framer: &mut Framer,
        stream: &[u8],
        index: impl FnOnce(&[u8]) -> Result<usize, ScanError>,
    ) -> Scanned {
        match framer.next(stream) {
            Frame::Message { len } => match index(&stream[..len]) {
                Ok(fields) => Scanned::Message { len, fields },
                Err(error) => Scanned::Garbled { len, error },
            },
            Frame::Incomplete => Scanned::Incomplete,
            Frame::Garbage { skip, reason } => Scanned::Garbage { skip, reason },
        }
    }
}

const PORTABLE: Scanner = Scanner { kernel: portable::index, level: Level::Portable };

impl core::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Scanner").field("level", &self.level).finish_non_exhaustive()
    }
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Display for ScanError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)
    }
}

impl core::error::Error for ScanError {}

impl core::fmt::Display for ScanErrorKind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::TagMalformed => "malformed tag",
            Self::Unterminated => "field without a delimiter",
            Self::CheckSumWrong => "wrong CheckSum",
            Self::CheckSumMissing => "no CheckSum at the end",
            Self::DataLengthWrong => "wrong length of a data field",
            Self::TooManyFields => "too many fields",
        })
    }
}
