//! Sealing records: plain text in, cipher text to an [`OutBuffer`], in place and without
//! allocation.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::schedule::Schedule;
use super::{HEADER, KEY_UPDATE, RecordKey, Shared, TAG, TlsError, content, update};
use crate::limits::{TLS_PLAINTEXT_MAX, TLS_RECORDS_PER_KEY_MAX};
use crate::wire::OutBuffer;

/// What a record adds to its plain text: header, content type and tag.
const OVERHEAD: usize = HEADER + 1 + TAG;
/// A KeyUpdate message, RFC 8446 4.6.3: type, length, request.
const KEY_UPDATE_BYTES: usize = 5;
/// An alert: level, description.
const ALERT_BYTES: usize = 2;
/// Room that is never given to data, so that a KeyUpdate and a last alert always fit.
const RESERVE: usize = OVERHEAD + KEY_UPDATE_BYTES + OVERHEAD + ALERT_BYTES;
const WARNING: u8 = 1;
const FATAL: u8 = 2;

/// The sending half of a TLS connection.
pub struct TlsTx {
    key: RecordKey,
    /// Where the next key comes from.
    schedule: Schedule,
    shared: Arc<Shared>,
    closed: bool,
    records_per_key: u64,
}

impl std::fmt::Debug for TlsTx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsTx")
            .field("records", &self.key.records())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl TlsTx {
    pub(super) fn new((key, schedule): (RecordKey, Schedule), shared: Arc<Shared>) -> Self {
        Self { key, schedule, shared, closed: false, records_per_key: TLS_RECORDS_PER_KEY_MAX }
    }

    /// Seals as much of `plain`, from its front, as `out` has room for; returns how much. One call
    /// makes one record of up to 16 KiB, or several for more. Changes keys when the peer asked for
    /// it or the key is used up.
    ///
    /// # Errors
    /// [`TlsError::UnexpectedMessage`] after [`TlsTx::close_notify`]; [`TlsError::Internal`] if the
    /// key schedule fails.
    #[inline]
    pub fn seal(&mut self, plain: &[u8], out: &mut OutBuffer) -> Result<usize, TlsError> {
        if self.closed {
            return Err(TlsError::UnexpectedMessage);
        }
        let mut taken = 0;
        while taken < plain.len() {
            if self.shared.update.load(Ordering::Relaxed) != 0
                || self.key.records() >= self.records_per_key
            {
                if out.room() < RESERVE {
                    break;
                }
                self.update_key(out)?;
            }
            let room = out.room().saturating_sub(RESERVE + OVERHEAD);
            let count = (plain.len() - taken).min(room).min(TLS_PLAINTEXT_MAX);
            if count == 0 {
                break;
            }
            self.record(content::APPLICATION_DATA, &plain[taken..taken + count], out)?;
            taken += count;
        }
        Ok(taken)
    }

    /// Ends our direction: close_notify, or the fatal alert for what the receiving half refused.
    /// Nothing can be sealed afterwards.
    ///
    /// # Errors
    /// [`TlsError::Internal`] if the record cannot be sealed.
    pub fn close_notify(&mut self, out: &mut OutBuffer) -> Result<(), TlsError> {
        if self.closed {
            return Ok(());
        }
        self.closed = true;
        let alert = self.shared.alert.load(Ordering::Acquire);
        let level = if alert == 0 { WARNING } else { FATAL };
        self.record(content::ALERT, &[level, alert], out)
    }

    /// Tells the peer of a new key under the old one, and changes to it.
    #[cold]
    fn update_key(&mut self, out: &mut OutBuffer) -> Result<(), TlsError> {
        let wanted = self.shared.update.swap(0, Ordering::Acquire);
        let request = u8::from(wanted & update::THEIRS != 0);
        self.record(content::HANDSHAKE, &[KEY_UPDATE, 0, 0, 1, request], out)?;
        self.key = self.schedule.next(&self.key)?;
        Ok(())
    }

    /// Appends one record. The caller has made sure of the room.
    #[inline]
    fn record(&mut self, kind: u8, text: &[u8], out: &mut OutBuffer) -> Result<(), TlsError> {
        let length = text.len() + OVERHEAD;
        let record = out.back(length).get_mut(..length).ok_or(TlsError::Internal)?;
        let [high, low] = ((length - HEADER) as u16).to_be_bytes();
        record[..HEADER].copy_from_slice(&[content::APPLICATION_DATA, 3, 3, high, low]);
        record[HEADER..HEADER + text.len()].copy_from_slice(text);
        record[HEADER + text.len()] = kind;
        self.key.seal(record)?;
        out.commit(length);
        Ok(())
    }

    /// Changes the key after so many records; no more than [`TLS_RECORDS_PER_KEY_MAX`], and one at least.
    pub fn set_records_per_key(&mut self, records: u64) {
        self.records_per_key = records.clamp(1, TLS_RECORDS_PER_KEY_MAX);
    }

    #[cfg(test)]
    pub(super) const fn key_records(&self) -> u64 {
        self.key.records()
    }

    /// Seals anything as a record, for tests of the other side.
    #[cfg(any(test, fuzzing))]
    #[allow(clippy::unwrap_used, reason = "for tests")]
    pub(super) fn forge(&mut self, kind: u8, text: &[u8], out: &mut OutBuffer) {
        self.record(kind, text, out).unwrap();
    }

    #[cfg(any(test, fuzzing))]
    #[allow(clippy::unwrap_used, reason = "for tests")]
    pub(super) fn forge_key_update(&mut self, request: bool, out: &mut OutBuffer) {
        let bits = if request { update::THEIRS } else { 0 };
        self.shared.ask_for_update(bits);
        self.update_key(out).unwrap();
    }
}
