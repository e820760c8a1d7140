//! Whose journal it is: said at the head of each segment, so that no other session goes on from it.

use std::fmt;

use taut_codec::SOH;
use taut_codec::value::FixStr;

use super::format::{IDENTITY_BYTES_MAX, Kind, RecordHeader, record_bytes, write_record};
use super::{Journal, JournalError};
use crate::session::{BEGIN_STRING, Session};
use crate::types::CompId;

/// What a FIX session is known by: its version and who its two ends are. A journal is one session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Identity {
    /// BeginString(8).
    pub begin_string: FixStr<15>,
    /// Our CompID.
    pub sender: CompId,
    /// That of the peer.
    pub target: CompId,
}

impl Identity {
    /// That of a session.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        let config = session.config();
        let begin_string = FixStr::new(BEGIN_STRING).expect("it is short and printable");
        Self { begin_string, sender: config.sender, target: config.target }
    }

    /// The payload of its record, and how long that is: the three texts, an SOH behind the first two.
    pub(super) fn write(&self) -> ([u8; IDENTITY_BYTES_MAX], usize) {
        let (mut payload, mut end) = ([0; IDENTITY_BYTES_MAX], 0);
        let soh: &[u8] = &[SOH];
        let texts = [self.begin_string.as_bytes(), self.sender.as_bytes(), self.target.as_bytes()];
        for part in [texts[0], soh, texts[1], soh, texts[2]] {
            payload[end..end + part.len()].copy_from_slice(part);
            end += part.len();
        }
        (payload, end)
    }

    /// `None` if `payload` is none.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let mut texts = payload.split(|&byte| byte == SOH);
        let begin_string = FixStr::new(texts.next()?).ok()?;
        let sender = CompId::new(texts.next()?).ok()?;
        let target = CompId::new(texts.next()?).ok()?;
        texts.next().is_none().then_some(Self { begin_string, sender, target })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { begin_string, sender, target } = self;
        write!(f, "{begin_string} {sender} to {target}")
    }
}

impl Journal {
    /// Whose journal it is; `None` if that was never said: nobody has [claimed](Journal::claim) it, or an
    /// earlier version wrote it.
    #[must_use]
    pub const fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// Says whose journal it is, if that was not said before: from then on each segment does.
    ///
    /// # Errors
    /// [`JournalError::OtherSession`] if it is another's; else that it could not be written down.
    pub fn claim(&mut self, identity: Identity) -> Result<(), JournalError> {
        match self.identity {
            Some(known) if known == identity => return Ok(()),
            Some(known) => {
                let (dir, known) = (self.dir.clone(), Box::new(known));
                let identity = Box::new(identity);
                return Err(JournalError::OtherSession { dir, known, identity });
            }
            None => {}
        }
        let made = self.make_room(record_bytes(IDENTITY_BYTES_MAX));
        let written = made.and_then(|()| {
            self.identity = Some(identity);
            self.write_identity();
            self.commit()
        });
        let path = &self.dir;
        written.map_err(|error| JournalError::at(path, std::io::Error::other(error)))
    }

    /// Writes down whose it is, where there is room for it; nothing, if nobody has said so.
    pub(super) fn write_identity(&mut self) {
        let Some(identity) = self.identity else { return };
        let (payload, length) = identity.write();
        let header = RecordHeader {
            length: length as u32,
            kind: Kind::Identity,
            epoch: self.state.epoch,
            seq: 0,
            time: 0,
        };
        let segment = self.segments.back_mut().expect("there is always a current segment");
        write_record(&mut segment.map[self.at..], segment.number, &header, &payload[..length]);
        self.taken(record_bytes(length));
    }
}
