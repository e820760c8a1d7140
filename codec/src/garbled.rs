//! Why bytes of a stream were skipped, whoever found it out.

use crate::frame::GarbageReason;
use crate::scan::ScanError;

/// Why bytes are garbled, and skipped (FIX session cases 2.d, 2.m, 2.t, 3.b, 3.c).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Garbled {
    /// The framer found no message.
    Frame(GarbageReason),
    /// It found one, and the scanner found it broken inside.
    Fields(ScanError),
}

impl From<GarbageReason> for Garbled {
    fn from(reason: GarbageReason) -> Self {
        Self::Frame(reason)
    }
}

impl From<ScanError> for Garbled {
    fn from(error: ScanError) -> Self {
        Self::Fields(error)
    }
}

impl core::fmt::Display for Garbled {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Frame(reason) => reason.fmt(f),
            Self::Fields(error) => error.fmt(f),
        }
    }
}
