//! TLS 1.3 (venue file 1: "Plain TCP is answered with a TLS alert").
//!
//! rustls does the handshake and checks certificates ([`config`], [`handshake`]). Afterwards there
//! are two ways, [`TlsMode`]:
//!
//! - `record-layer` (the default): rustls hands its traffic secrets out, and [`record`] opens and
//!   [`seal`] seals records in place with `ring`, without allocation; a KeyUpdate takes its key from
//!   our own `schedule`. Nothing stays with rustls.
//! - `rustls`: everything stays with rustls; it allocates per record ([`rustls_plain`]).
//!
//! Either can talk to either. Session tickets are ignored: a connection lives for a day, so there
//! is nothing to resume, and storing one would allocate.

pub mod config;
#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(all(test, not(fuzzing)))]
mod fuzzing;
pub mod handshake;
mod keys;
pub mod pin;
pub mod record;
pub mod rustls_plain;
mod schedule;
pub mod seal;
#[cfg(test)]
mod testing;

use std::sync::atomic::{AtomicU8, Ordering};

use serde::{Deserialize, Serialize};

pub use config::{ClientTls, ServerTls, TlsConfigError, Trust};
pub use handshake::{Established, HandshakeError, ServerHandshake};
use keys::RecordKey;
pub use pin::{KeyPin, NotPinned};
pub use record::TlsRx;
pub use seal::TlsTx;

/// Who handles records after the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// Our own record layer: no allocation.
    #[default]
    RecordLayer,
    /// rustls, buffered: allocates per record.
    Rustls,
}

/// Why the record layer gave a connection up. In words, not in the peer's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A record did not open: a wrong key, or changed on the way.
    #[error("a record failed authentication")]
    Decrypt,
    /// The stream ended without a close_notify, perhaps cut by somebody else.
    #[error("the stream ended without close_notify")]
    Truncated,
    /// A record was longer than RFC 8446 5.1 and 5.2 allow.
    #[error("a record is too long")]
    RecordOverflow,
    /// A record or message that has no place after the handshake.
    #[error("an unexpected message")]
    UnexpectedMessage,
    /// A record or message that cannot be parsed.
    #[error("a malformed message")]
    Malformed,
    /// The peer sent a fatal alert, RFC 8446 6.
    #[error("the peer sent alert {0}")]
    Alert(u8),
    /// More records without data, or more KeyUpdates, than `limits` allow.
    #[error("too many records without data")]
    Storm,
    /// The peer used one key for more records than `limits` allow.
    #[error("a key was used for too long")]
    KeyExhausted,
    /// rustls refused to go on.
    #[error("internal failure")]
    Internal,
}

impl TlsError {
    /// The alert that tells the peer, RFC 8446 6.2; `None` if there is nobody or nothing to tell.
    #[must_use]
    pub const fn alert(self) -> Option<u8> {
        match self {
            Self::Decrypt => Some(20),
            Self::RecordOverflow => Some(22),
            Self::UnexpectedMessage | Self::Storm => Some(10),
            Self::Malformed => Some(50),
            Self::KeyExhausted | Self::Internal => Some(80),
            Self::Truncated | Self::Alert(_) => None,
        }
    }
}

impl From<&rustls::Error> for TlsError {
    fn from(error: &rustls::Error) -> Self {
        use rustls::{Error, InvalidMessage};
        match error {
            Error::DecryptError => Self::Decrypt,
            Error::AlertReceived(alert) => Self::Alert(u8::from(*alert)),
            Error::PeerSentOversizedRecord
            | Error::InvalidMessage(InvalidMessage::MessageTooLarge) => Self::RecordOverflow,
            Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
                Self::UnexpectedMessage
            }
            Error::PeerMisbehaved(rustls::PeerMisbehaved::TooManyKeyUpdateRequests) => Self::Storm,
            Error::PeerMisbehaved(_) => Self::UnexpectedMessage,
            Error::InvalidMessage(_) => Self::Malformed,
            _ => Self::Internal,
        }
    }
}

/// Record content types, RFC 8446 5.1.
mod content {
    pub const ALERT: u8 = 21;
    pub const HANDSHAKE: u8 = 22;
    pub const APPLICATION_DATA: u8 = 23;
}

/// The header of a record: type, version, length.
const HEADER: usize = 5;
/// The tag of every AEAD of TLS 1.3.
const TAG: usize = 16;
/// HandshakeType key_update, RFC 8446 4.
const KEY_UPDATE: u8 = 24;

/// What the two halves of one connection share.
#[derive(Default)]
struct Shared {
    /// Bits of [`update`]: what the sending half has to do before its next data.
    update: AtomicU8,
    /// The fatal alert that the receiving half wants sent; 0 is close_notify, so none.
    alert: AtomicU8,
}

/// Bits of [`Shared::update`].
mod update {
    /// Change our key.
    pub const OURS: u8 = 1;
    /// And ask the peer to change its own.
    pub const THEIRS: u8 = 2;
}

impl Shared {
    fn ask_for_update(&self, bits: u8) {
        self.update.fetch_or(bits, Ordering::Release);
    }
}
