//! Between a session and its journal: which bytes go in, when, what is noted beside them, and what comes
//! out again when the peer asks.

use taut_codec::value::{UtcTime, parse_u64};

use super::{AppendError, Direction, Identity, Journal, JournalError, Record, State};
use crate::session::{Kept, Outbox, SentStore, Session, behind_begin_string};

/// Keeps the journal of one session, as its [`SentStore`].
///
/// The order is what makes a restart safe at any instruction: a nonce and a ClOrdID are noted before the
/// message that has them is stored, and a message is stored before a byte of it goes to the wire. So
/// the next life never uses again what a peer may have seen.
///
/// The other way round, a message of the peer is stored when the application has it, or
/// ([`Keeper::ahead`], [`Keeper::handed_over`]) its number stays unused until then; and nothing that the
/// application answers is stored before. So a life that ends in between leaves the number where it was:
/// the next one misses the message, asks for it, and hands it over again. The application gets every
/// message **at least once**; the one that it was busy with when it died comes again, with
/// PossDupFlag(43)=Y and the ExecID(17) that it had.
///
/// What the peer asks for again is read from the mapped segments. A message that has left them, or was
/// deleted with its segment, is gap filled: the disk is not read for it.
pub struct Keeper {
    journal: Journal,
    /// Bytes of the outbox that are stored, counted as [`Outbox::pushed_total`] counts.
    stored: u64,
    /// The outbox's count of clearings when that count began; `None`: a new outbox comes.
    cleared: Option<u64>,
    nonce: u64,
    cl_ord_id: u64,
    /// While the application is behind: the epoch, and the number of the first message that it has not
    /// handled. The journal goes no further.
    behind: Option<(u32, u64)>,
}

/// The numbers of a session.
#[derive(Clone, Copy)]
struct Numbers {
    epoch: u32,
    next_in: u64,
    next_out: u64,
}

impl Numbers {
    fn of(session: &Session) -> Self {
        let (epoch, next_in, next_out) = (session.epoch(), session.next_in(), session.next_out());
        Self { epoch, next_in, next_out }
    }
}

impl Keeper {
    /// Has `session`, before its first connection, go on where `journal` says, keep everything in it and
    /// answer resend requests from it. Returns where it goes on.
    ///
    /// # Errors
    /// [`JournalError::Config`] if the session has a connection, or the numbers are used up;
    /// [`JournalError::OtherSession`], and those of [`Journal::claim`].
    pub fn attach(session: &mut Session, mut journal: Journal) -> Result<State, JournalError> {
        journal.claim(Identity::of(session))?;
        let state = journal.state();
        if !session.restore(state.epoch, state.next_in, state.next_out) {
            let problem = "the session is in use, or its sequence numbers are used up";
            return Err(JournalError::Config { problem });
        }
        let State { nonce, cl_ord_id_watermark, .. } = state;
        let cl_ord_id = cl_ord_id_watermark;
        let behind = None;
        let keeper = Self { journal, stored: 0, cleared: None, nonce, cl_ord_id, behind };
        session.set_sent_store(Box::new(keeper));
        Ok(state)
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

    /// The next bytes come from another outbox than before. One that is merely cleared says so itself.
    pub const fn outbox_replaced(&mut self) {
        self.cleared = None;
    }

    /// A Logon with this Nonce(5025) is in the outbox.
    pub fn used_nonce(&mut self, nonce: u64) {
        self.nonce = self.nonce.max(nonce);
    }

    /// A message with the ClOrdID(11) of this number
    /// ([`number_of`](crate::order::ClOrdIdSource::number_of)) is in the outbox.
    pub fn used_cl_ord_id(&mut self, cl_ord_id: u64) {
        self.cl_ord_id = self.cl_ord_id.max(cl_ord_id);
    }

    /// Stores what is new in the outbox of `session`; nothing, if it has no journal. To be called before
    /// bytes go to the wire, and before the session is given a message that may ask for them again. If
    /// it fails, they must not go.
    ///
    /// # Errors
    /// [`AppendError`].
    ///
    /// # Panics
    /// If the outbox holds anything but whole messages.
    #[inline]
    pub fn outbound(
        session: &mut Session,
        outbox: &Outbox,
        now: UtcTime,
    ) -> Result<(), AppendError> {
        Self::of(session, |keeper, numbers| keeper.store_outbound(numbers, outbox, now))
    }

    /// Stores a message of the peer that `session` has taken, once the application has it, and with it
    /// every one before; nothing, if it has no journal. With no message (`None`: it was ignored, or
    /// garbled), only what it changed.
    ///
    /// An acceptor stores a Logon behind [`Session::accept_logon`], which may begin a new sequence space: the
    /// Logon is the first message of that. One that was refused is not stored.
    ///
    /// # Errors
    /// [`AppendError`].
    #[inline]
    pub fn inbound(
        session: &mut Session,
        message: Option<(u64, &[u8])>,
        now: UtcTime,
    ) -> Result<(), AppendError> {
        Self::of(session, |keeper, numbers| keeper.store_inbound(numbers, message, now))
    }

    /// Stores a message of the peer that `session` has taken and that the application does not have yet, or
    /// that comes behind such a one: the next life expects it again, until [`Keeper::handed_over`] says
    /// otherwise. `None` as in [`Keeper::inbound`]. Does not wait for the disk: what a power cut takes away
    /// of it the peer has.
    ///
    /// # Errors
    /// [`AppendError`].
    pub fn ahead(
        session: &mut Session,
        message: Option<(u64, &[u8])>,
        now: UtcTime,
    ) -> Result<(), AppendError> {
        Self::of(session, |keeper, numbers| keeper.store_ahead(numbers, message, now))
    }

    /// Stores a message of the peer that `session` did not take, if its number, which was `expected`, is used
    /// up all the same: it was rejected, and will not come again. Else nothing, and nothing if it has no
    /// journal. [`Keeper::inbound`] or [`Keeper::ahead`] without a message is to follow.
    ///
    /// # Errors
    /// [`AppendError`].
    pub fn not_taken(
        session: &mut Session,
        expected: u64,
        (seq, bytes): (u64, &[u8]),
        now: UtcTime,
    ) -> Result<(), AppendError> {
        Self::of(session, |keeper, Numbers { epoch, next_in, .. }| {
            if seq != expected || next_in <= seq {
                return Ok(());
            }
            let direction = Direction::In;
            let record = Record { direction, epoch, seq, time: now, bytes };
            keeper.journal.stage_rejected(record).map(drop)
        })
    }

    /// The application has handled every message of the peer below `next_in`; nothing, if it was not
    /// behind.
    ///
    /// # Errors
    /// [`AppendError`].
    pub fn handed_over(session: &mut Session, next_in: u64) -> Result<(), AppendError> {
        Self::of(session, |keeper, numbers| keeper.note_handed_over(numbers, next_in))
    }

    /// Has the keeper of `session` do something with its numbers; nothing, if there is none.
    #[inline]
    fn of(
        session: &mut Session,
        what: impl FnOnce(&mut Self, Numbers) -> Result<(), AppendError>,
    ) -> Result<(), AppendError> {
        let numbers = Numbers::of(session);
        session.store_mut().map_or(Ok(()), |keeper| what(keeper, numbers))
    }

    /// The next number of the peer as the next life is to expect it. A reset, and a peer that lowers its
    /// numbers, make void what the application has not handled: it can never be asked for again.
    fn next_in(&self, numbers: Numbers) -> u64 {
        match self.behind {
            Some((epoch, first)) if epoch == numbers.epoch => first.min(numbers.next_in),
            _ => numbers.next_in,
        }
    }

    fn store_outbound(
        &mut self,
        numbers: Numbers,
        outbox: &Outbox,
        now: UtcTime,
    ) -> Result<(), AppendError> {
        let Numbers { epoch, next_out, .. } = numbers;
        let next_in = self.next_in(numbers);
        self.stage_outbox(epoch, outbox, now)?;
        // What the messages do not say: a reset, numbers of messages that were dropped with a connection.
        let (nonce, cl_ord_id_watermark) = (self.nonce, self.cl_ord_id);
        self.journal.stage_note(State { nonce, cl_ord_id_watermark, epoch, next_in, next_out })?;
        self.journal.commit()
    }

    /// What is new in the outbox, behind the nonce and the ClOrdID that it has.
    #[inline]
    fn stage_outbox(
        &mut self,
        epoch: u32,
        outbox: &Outbox,
        now: UtcTime,
    ) -> Result<(), AppendError> {
        if self.cleared != Some(outbox.cleared_total()) {
            self.cleared = Some(outbox.cleared_total());
            self.stored = 0;
        }
        let (nonce, cl_ord_id_watermark) = (self.nonce, self.cl_ord_id);
        let known = self.journal.state();
        self.journal.stage_note(State { nonce, cl_ord_id_watermark, ..known })?;
        if self.stored == outbox.pushed_total() {
            return Ok(());
        }
        let already = usize::try_from(self.stored - outbox.consumed_total());
        let mut new = &outbox.pending()[already.expect("no more is stored than was pushed")..];
        while !new.is_empty() {
            let (bytes, seq) = first_message(new).expect("an outbox holds whole messages");
            let direction = Direction::Out;
            self.journal.stage(Record { direction, epoch, seq, time: now, bytes })?;
            self.stored += bytes.len() as u64;
            new = &new[bytes.len()..];
        }
        Ok(())
    }

    fn store_inbound(
        &mut self,
        numbers: Numbers,
        message: Option<(u64, &[u8])>,
        now: UtcTime,
    ) -> Result<(), AppendError> {
        let Numbers { epoch, next_in, .. } = numbers;
        self.behind = None;
        if let Some((seq, bytes)) = message {
            let direction = Direction::In;
            self.journal.stage(Record { direction, epoch, seq, time: now, bytes })?;
        }
        self.stage_next_in(epoch, next_in)?;
        self.journal.commit()
    }

    fn store_ahead(
        &mut self,
        numbers: Numbers,
        message: Option<(u64, &[u8])>,
        now: UtcTime,
    ) -> Result<(), AppendError> {
        let epoch = numbers.epoch;
        let known = self.journal.state();
        if self.behind.is_none_or(|(of, first)| of != epoch || first > numbers.next_in) {
            // Up to what is stored the application has everything; of a new epoch, nothing.
            let first = if known.epoch == epoch { known.next_in } else { 1 };
            let first = first.min(numbers.next_in);
            self.behind = Some((epoch, first));
        }
        self.stage_next_in(epoch, self.next_in(numbers))?;
        if let Some((seq, bytes)) = message {
            let direction = Direction::In;
            self.journal.stage_ahead(Record { direction, epoch, seq, time: now, bytes })?;
        }
        Ok(())
    }

    fn note_handed_over(&mut self, numbers: Numbers, next_in: u64) -> Result<(), AppendError> {
        let Some((epoch, first)) = self.behind else { return Ok(()) };
        let all = epoch != numbers.epoch || next_in >= numbers.next_in;
        self.behind = (!all).then_some((epoch, first.max(next_in)));
        self.stage_next_in(numbers.epoch, self.next_in(numbers))?;
        self.journal.commit()
    }

    /// Notes what is expected of the peer. Our own number follows what is stored of the outbox, not what is
    /// in it.
    fn stage_next_in(&mut self, epoch: u32, next_in: u64) -> Result<(), AppendError> {
        let known = self.journal.state();
        let next_out = if known.epoch == epoch { known.next_out } else { 1 };
        self.journal.stage_note(State { epoch, next_in, next_out, ..known }).map(drop)
    }
}

impl SentStore for Keeper {
    /// Nothing yet: it is stored from the outbox, with the session's own messages, in their order.
    fn keep(&mut self, _: u32, _: u64, _: &[u8]) {}

    /// Behind what still waits in the outbox: the records of a journal have the order of their numbers.
    fn keep_unsent(
        &mut self,
        epoch: u32,
        seq: u64,
        time: UtcTime,
        out: &Outbox,
        bytes: &[u8],
    ) -> bool {
        let direction = Direction::Out;
        self.stage_outbox(epoch, out, time).is_ok()
            && self.journal.append(Record { direction, epoch, seq, time, bytes }).is_ok()
    }

    fn next_kept(&self, epoch: u32, from: u64, to: u64) -> Option<Kept> {
        self.journal.next_sent(epoch, from, to)
    }

    fn load(&mut self, epoch: u32, msg_seq_num: u64, into: &mut [u8]) -> Option<usize> {
        let bytes = self.journal.sent(epoch, msg_seq_num)?;
        into.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(bytes.len())
    }

    fn reach(&self, epoch: u32) -> u64 {
        self.journal.reach(epoch)
    }

    /// Noted at once, so that what is sent from here on counts as sent for the first time.
    fn lowered(&mut self, epoch: u32, next_out: u64) {
        let known = self.journal.state();
        if epoch == known.epoch {
            // What cannot be noted cannot be sent either: the next message fails too, and is reported.
            let _ = self.journal.note(State { next_out: next_out.min(known.next_out), ..known });
        }
    }

    /// Nothing: the next note says that there is a new epoch, and no number of the old one is asked for.
    fn reset(&mut self, _: u32) {}
}

/// The message at the front of `bytes` and its MsgSeqNum. Our own, so its form is not in question; but
/// where a field stands is looked up, not assumed.
fn first_message(bytes: &[u8]) -> Option<(&[u8], u64)> {
    const TRAILER: usize = 7;
    let after = behind_begin_string(bytes)?.strip_prefix(b"9=")?;
    let (length, mut fields) = split_field(after)?;
    let front = bytes.len() - fields.len();
    let body = usize::try_from(parse_u64(length).ok()?).ok()?;
    let message = bytes.get(..front.checked_add(body)?.checked_add(TRAILER)?)?;
    loop {
        let (field, rest) = split_field(fields)?;
        if let Some(value) = field.strip_prefix(b"34=") {
            return Some((message, parse_u64(value).ok()?));
        }
        fields = rest;
    }
}

/// What stands before the next SOH, and behind it.
fn split_field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = bytes.iter().position(|&byte| byte == taut_codec::SOH)?;
    Some((&bytes[..length], &bytes[length + 1..]))
}
