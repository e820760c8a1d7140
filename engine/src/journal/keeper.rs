//! Between a session and its journal: which bytes go in, when, and what is noted beside them.

use taut_codec::value::{UtcTime, parse_u64};

use super::{AppendError, Direction, Journal, Record, State};
use crate::session::{Outbox, Session};

/// Keeps the journal of one session.
///
/// The order is what makes a restart safe at any instruction: a nonce and a ClOrdID are noted before the
/// message that has them is stored, and a message is stored before a byte of it goes to the wire. So
/// the next life never uses again what a peer may have seen.
pub struct Keeper {
    journal: Journal,
    /// Bytes of the outbox that are stored, counted as [`Outbox::pushed_total`] counts.
    stored: u64,
    nonce: u64,
    cl_ord_id: u64,
}

impl Keeper {
    /// Keeps `journal`.
    #[must_use]
    pub fn new(journal: Journal) -> Self {
        let State { nonce, cl_ord_id_watermark, .. } = journal.state();
        Self { journal, stored: 0, nonce, cl_ord_id: cl_ord_id_watermark }
    }

    /// The journal.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The journal, to flush it or to take its housekeeper.
    pub const fn journal_mut(&mut self) -> &mut Journal {
        &mut self.journal
    }

    /// The outbox was cleared for a new connection: it counts from 0.
    pub const fn outbox_cleared(&mut self) {
        self.stored = 0;
    }

    /// A Logon with this Nonce(5025) is in the outbox.
    pub fn used_nonce(&mut self, nonce: u64) {
        self.nonce = self.nonce.max(nonce);
    }

    /// A message with this ClOrdID(11) is in the outbox.
    pub fn used_cl_ord_id(&mut self, cl_ord_id: u64) {
        self.cl_ord_id = self.cl_ord_id.max(cl_ord_id);
    }

    /// Stores what is new in the outbox. To be called before its bytes go to the wire; if it fails, they
    /// must not go.
    ///
    /// # Errors
    /// [`AppendError`].
    ///
    /// # Panics
    /// If the outbox holds anything but whole messages.
    pub fn outbound(
        &mut self,
        session: &Session,
        outbox: &Outbox,
        now: UtcTime,
    ) -> Result<(), AppendError> {
        let known = self.journal.state();
        let state = State {
            nonce: self.nonce,
            cl_ord_id_watermark: self.cl_ord_id,
            epoch: session.epoch(),
            next_in: session.next_in(),
            next_out: session.next_out(),
        };
        if self.stored == outbox.pushed_total() && state == known {
            return Ok(());
        }
        let used = State { nonce: self.nonce, cl_ord_id_watermark: self.cl_ord_id, ..known };
        self.journal.stage_note(used)?;
        let already = usize::try_from(self.stored - outbox.consumed_total());
        let mut new = &outbox.pending()[already.expect("no more is stored than was pushed")..];
        while !new.is_empty() {
            let (bytes, seq) = first_message(new).expect("an outbox holds whole messages");
            let (direction, epoch) = (Direction::Out, session.epoch());
            self.journal.stage(Record { direction, epoch, seq, time: now, bytes })?;
            self.stored += bytes.len() as u64;
            new = &new[bytes.len()..];
        }
        // What the messages do not say: a reset, numbers of messages that were dropped with a connection.
        self.journal.stage_note(state)?;
        self.journal.commit()
    }

    /// Stores a message of the peer that the session has taken, behind the session's call. With no
    /// message (`None`: it was ignored, or garbled), only what it changed.
    ///
    /// # Errors
    /// [`AppendError`].
    pub fn inbound(
        &mut self,
        session: &Session,
        message: Option<(u64, &[u8])>,
        now: UtcTime,
    ) -> Result<(), AppendError> {
        let epoch = session.epoch();
        if let Some((seq, bytes)) = message {
            let direction = Direction::In;
            self.journal.stage(Record { direction, epoch, seq, time: now, bytes })?;
        }
        let known = self.journal.state();
        // Our own number follows what is stored of the outbox, not what is in it.
        let next_out = if known.epoch == epoch { known.next_out } else { 1 };
        self.journal.stage_note(State { epoch, next_in: session.next_in(), next_out, ..known })?;
        self.journal.commit()
    }
}

/// The message at the front of `bytes` and its MsgSeqNum. Our own, so its form is not in question; but
/// where a field stands is looked up, not assumed.
fn first_message(bytes: &[u8]) -> Option<(&[u8], u64)> {
    let mut at = 0;
    let mut next_field = || {
        let rest = bytes.get(at..)?;
        let length = rest.iter().position(|&byte| byte == taut_codec::SOH)?;
        at += length + 1;
        Some((&rest[..length], at))
    };
    next_field()?.0.strip_prefix(b"8=")?;
    let (field, behind) = next_field()?;
    let body = parse_u64(field.strip_prefix(b"9=")?).ok()?;
    const TRAILER: usize = 7;
    let end = behind.checked_add(usize::try_from(body).ok()?)?.checked_add(TRAILER)?;
    let seq = loop {
        if let Some(value) = next_field()?.0.strip_prefix(b"34=") {
            break parse_u64(value).ok()?;
        }
    };
    Some((bytes.get(..end)?, seq))
}
