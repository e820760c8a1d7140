//! Opening records: cipher text in from a transport, plain text out, in place and without
//! allocation.
//!
//! ```text
//!   buffer:  | delivered | plain remainder | tag | next records ... | partial record | free |
//!                          ^plain.0..plain.1      ^start                             ^end
//! ```

use std::sync::Arc;

use super::schedule::Schedule;
use super::{HEADER, KEY_UPDATE, RecordKey, Shared, TAG, TlsError, content, update};
use crate::limits::{
    TLS_IDLE_RECORDS_MAX, TLS_KEY_UPDATES_MAX, TLS_PLAINTEXT_MAX, TLS_RECORD_MAX,
    TLS_RECORDS_OPENED_PER_KEY_MAX, TLS_RECORDS_PER_KEY_MAX, WIRE_RECEIVE_BYTES,
};
use crate::touched;
use crate::wire::{Receive, WireError};

/// HandshakeType new_session_ticket, RFC 8446 4.
const NEW_SESSION_TICKET: u8 = 4;
/// Alerts that are not errors, RFC 8446 6.1.
const CLOSE_NOTIFY: u8 = 0;
const USER_CANCELED: u8 = 90;
/// Longest NewSessionTicket: its fields' maxima, RFC 8446 4.6.1.
const TICKET_MAX: u32 = 4 + 4 + 256 + 2 * (2 + 65_535);

/// The receiving half of a TLS connection.
pub struct TlsRx {
    key: RecordKey,
    /// Where the next key comes from.
    schedule: Schedule,
    shared: Arc<Shared>,
    is_client: bool,
    buffer: Box<[u8]>,
    /// Where the next record starts, and where what was received ends.
    start: usize,
    end: usize,
    /// Plain text of the last opened record that is not delivered yet.
    plain: (usize, usize),
    message: Message,
    idle_records: u32,
    key_updates: u32,
    /// The peer was asked to change this key.
    asked: bool,
    ended: Option<WireError>,
    limits: KeyLimits,
}

/// Records of one key: when to ask for a new one, and when to give up.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyLimits {
    pub(super) ask: u64,
    pub(super) refuse: u64,
}

impl Default for KeyLimits {
    fn default() -> Self {
        Self { ask: TLS_RECORDS_PER_KEY_MAX, refuse: TLS_RECORDS_OPENED_PER_KEY_MAX }
    }
}

/// A handshake message on its way; it may be spread over records. Its body is not kept: a ticket
/// is ignored, and of a KeyUpdate one byte counts.
#[derive(Debug, Clone, Copy, Default)]
struct Message {
    header: [u8; 4],
    header_bytes: usize,
    body_left: u32,
}

impl std::fmt::Debug for TlsRx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsRx")
            .field("records", &self.key.records())
            .field("buffered", &(self.end - self.start))
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl TlsRx {
    /// `early` is what arrived behind the handshake, still sealed.
    pub(super) fn new(
        (key, schedule): (RecordKey, Schedule),
        shared: Arc<Shared>,
        is_client: bool,
        early: &[u8],
    ) -> Result<Self, TlsError> {
        let mut buffer = touched::slice(0, WIRE_RECEIVE_BYTES);
        buffer.get_mut(..early.len()).ok_or(TlsError::RecordOverflow)?.copy_from_slice(early);
        Ok(Self {
            key,
            schedule,
            shared,
            is_client,
            buffer,
            start: 0,
            end: early.len(),
            plain: (0, 0),
            message: Message::default(),
            idle_records: 0,
            key_updates: 0,
            asked: false,
            ended: None,
            limits: KeyLimits::default(),
        })
    }

    /// Delivers plain text to the front of `into`; returns its length, `Ok(0)` if there is none
    /// now. Reads `wire` at most once, and only if no plain text was buffered; `on_received` is
    /// called between that read and the opening of its records, with the bytes read: the place of a
    /// time stamp.
    ///
    /// # Errors
    /// After all plain text before it: [`WireError::Closed`] after a close_notify,
    /// [`TlsError::Truncated`] if the stream ended without one, and any other [`TlsError`].
    #[inline]
    pub fn receive(
        &mut self,
        wire: &mut impl Receive,
        into: &mut [u8],
        on_received: impl FnOnce(usize),
    ) -> Result<usize, WireError> {
        if into.is_empty() {
            return Ok(0);
        }
        let filled = self.deliver(into);
        if filled > 0 {
            return Ok(filled);
        }
        if let Some(error) = self.ended {
            return Err(error);
        }
        self.make_room();
        match wire.receive(&mut self.buffer[self.end..]) {
            Ok(0) => return Ok(0),
            Ok(count) => {
                on_received(count);
                self.end += count;
            }
            Err(WireError::Closed) => return Err(self.fail(TlsError::Truncated)),
            Err(error) => {
                self.ended = Some(error);
                return Err(error);
            }
        }
        let filled = self.deliver(into);
        match self.ended {
            Some(error) if filled == 0 => Err(error),
            _ => Ok(filled),
        }
    }

    /// Opens records into `into` until it is full, no whole record is left, or the stream ended.
    #[inline]
    fn deliver(&mut self, into: &mut [u8]) -> usize {
        let mut filled = 0;
        loop {
            let (from, to) = self.plain;
            let count = (to - from).min(into.len() - filled);
            into[filled..filled + count].copy_from_slice(&self.buffer[from..from + count]);
            filled += count;
            self.plain.0 += count;
            if filled == into.len() || self.ended.is_some() {
                return filled;
            }
            match self.open_next() {
                Ok(true) => {}
                Ok(false) => return filled,
                Err(error) => {
                    if self.ended.is_none() {
                        self.fail(error);
                    }
                    return filled;
                }
            }
        }
    }

    fn fail(&mut self, error: TlsError) -> WireError {
        if let Some(alert) = error.alert() {
            self.shared.alert.store(alert, std::sync::atomic::Ordering::Release);
        }
        *self.ended.insert(WireError::Tls(error))
    }

    /// Called when no whole record is buffered: keeps room for the rest of a partial one.
    fn make_room(&mut self) {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.buffer.len() - self.start < TLS_RECORD_MAX {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }

    /// The length of the whole record at `start`, header included; 0 if it is not complete.
    #[inline]
    fn whole_record(&self) -> Result<usize, TlsError> {
        let received = &self.buffer[self.start..self.end];
        let Some(&[kind, major, _, high, low]) = received.first_chunk::<HEADER>() else {
            return Ok(0);
        };
        // A change_cipher_spec has its place before the peer's Finished, which we have seen; alerts
        // and handshake messages are sealed from there on (RFC 8446 5).
        if kind != content::APPLICATION_DATA {
            let known = (20..=24).contains(&kind);
            return Err(if known { TlsError::UnexpectedMessage } else { TlsError::Malformed });
        }
        if major != 3 {
            return Err(TlsError::Malformed);
        }
        let length = HEADER + usize::from(u16::from_be_bytes([high, low]));
        if length > TLS_RECORD_MAX {
            return Err(TlsError::RecordOverflow);
        }
        if length < HEADER + 1 + TAG {
            return Err(TlsError::Malformed);
        }
        Ok(if length <= received.len() { length } else { 0 })
    }

    /// Opens the next record; `Ok(false)` if it is not complete.
    #[inline]
    fn open_next(&mut self) -> Result<bool, TlsError> {
        let length = self.whole_record()?;
        if length == 0 {
            return Ok(false);
        }
        if self.key.records() >= self.limits.ask {
            self.renew_key()?;
        }
        let at = self.start;
        let inner = self.key.open(&mut self.buffer[at..at + length])?;
        self.start += length;
        let text = at + HEADER;
        // Strip the padding: zeros behind the content type (RFC 8446 5.4).
        let last = self.buffer[text..text + inner].iter().rposition(|byte| *byte != 0);
        if inner > TLS_PLAINTEXT_MAX + 1 {
            return Err(TlsError::RecordOverflow);
        }
        let last = last.ok_or(TlsError::UnexpectedMessage)?;
        let range = (text, text + last);
        let kind = self.buffer[text + last];
        if kind == content::APPLICATION_DATA && last > 0 {
            if self.message.header_bytes > 0 {
                return Err(TlsError::UnexpectedMessage);
            }
            self.idle_records = 0;
            self.plain = range;
            return Ok(true);
        }
        self.idle_records += 1;
        if self.idle_records > TLS_IDLE_RECORDS_MAX {
            return Err(TlsError::Storm);
        }
        match kind {
            // A handshake message must not be interrupted by other records (RFC 8446 5.1).
            content::HANDSHAKE => self.handshake(range)?,
            _ if self.message.header_bytes > 0 => return Err(TlsError::UnexpectedMessage),
            content::APPLICATION_DATA => {}
            content::ALERT => self.alert(range)?,
            _ => return Err(TlsError::UnexpectedMessage),
        }
        Ok(true)
    }

    #[cold]
    fn renew_key(&mut self) -> Result<(), TlsError> {
        if self.key.records() >= self.limits.refuse {
            return Err(TlsError::KeyExhausted);
        }
        if !self.asked {
            self.asked = true;
            self.shared.ask_for_update(update::OURS | update::THEIRS);
        }
        Ok(())
    }

    #[cold]
    fn alert(&mut self, (from, to): (usize, usize)) -> Result<(), TlsError> {
        let [_level, description] = self.buffer[from..to] else {
            return Err(TlsError::Malformed);
        };
        match description {
            CLOSE_NOTIFY => {
                self.ended = Some(WireError::Closed);
                Ok(())
            }
            USER_CANCELED => Ok(()),
            // The level is ignored: every other alert is fatal (RFC 8446 6).
            other => Err(TlsError::Alert(other)),
        }
    }

    #[cold]
    fn handshake(&mut self, (mut from, to): (usize, usize)) -> Result<(), TlsError> {
        if from == to {
            return Err(TlsError::UnexpectedMessage);
        }
        while from < to {
            if self.message.header_bytes < 4 {
                self.message.header[self.message.header_bytes] = self.buffer[from];
                self.message.header_bytes += 1;
                from += 1;
                if self.message.header_bytes == 4 {
                    self.begin_message()?;
                }
                continue;
            }
            if self.message.header[0] == KEY_UPDATE {
                // No message may follow in the same record: it would span a key change.
                let request = self.buffer[from];
                if from + 1 != to {
                    return Err(TlsError::UnexpectedMessage);
                }
                self.message = Message::default();
                return self.key_update(request);
            }
            let skipped = (to - from).min(self.message.body_left as usize);
            from += skipped;
            self.message.body_left -= skipped as u32;
            if self.message.body_left == 0 {
                self.message = Message::default();
            }
        }
        Ok(())
    }

    fn begin_message(&mut self) -> Result<(), TlsError> {
        let [kind, a, b, c] = self.message.header;
        let length = u32::from_be_bytes([0, a, b, c]);
        self.message.body_left = length;
        match kind {
            KEY_UPDATE if length == 1 => Ok(()),
            NEW_SESSION_TICKET if self.is_client && (1..=TICKET_MAX).contains(&length) => Ok(()),
            KEY_UPDATE => Err(TlsError::Malformed),
            NEW_SESSION_TICKET if self.is_client => Err(TlsError::Malformed),
            _ => Err(TlsError::UnexpectedMessage),
        }
    }

    fn key_update(&mut self, request: u8) -> Result<(), TlsError> {
        self.key_updates += 1;
        if self.key_updates > TLS_KEY_UPDATES_MAX {
            return Err(TlsError::Storm);
        }
        match request {
            0 => {}
            // However many requests arrive before our next data, one answer is enough
            // (RFC 8446 4.6.3), so a storm of them does not make us send one.
            1 => self.shared.ask_for_update(update::OURS),
            _ => return Err(TlsError::Malformed),
        }
        self.key = self.schedule.next(&self.key)?;
        self.asked = false;
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn set_limits(&mut self, limits: KeyLimits) {
        self.limits = limits;
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
