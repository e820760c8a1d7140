//! One counterparty: its session, and the generic application that sends back what it gets ([`answers`]).
//!
//! A message that cannot be answered at once, because a resend is under way, the counterparty reads too
//! slowly, or our Logout has gone out before it came, waits for its turn; if too many do, nothing more is read
//! until the session ends (TCP slows the counterparty down). What still waits then is answered in the next
//! session, because its number is used up and it will not come again; unless that session begins with a reset,
//! behind which nothing of the numbers before is asked for or answered any more.
//! With a store, a message is used up when its answer is stored: a process that is killed in between gets it
//! again and answers it again, with another number. So every message is answered at least once, but for a reset.
//! News that it is asked for through the hook goes out once the session is synchronised: what is
//! asked for while there is no session waits, and leaves with numbers and times of its own (FIX
//! session case 16).

mod answers;
mod journal;
mod rules;

use std::collections::{HashSet, VecDeque};
use std::io;
use std::path::PathBuf;

use taut::event::DownReason;
use taut::journal::{AppendError, Keeper};
use taut::limits::{FIELDS_MAX, MESSAGE_BYTES_MAX, OUTBOX_ADMIN_BYTES, SEND_MESSAGE_BYTES_MAX};
use taut::session::{Fault, Outbox, Phase, Received, Session, SessionConfig, SessionEvent};
use taut_codec::garbled::Garbled;
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::tag;
use taut_codec::value::UtcTime;

use super::link::index;
#[cfg(test)]
pub(super) use journal::RETRY_NS;
pub use journal::StoreEvent;
pub use rules::Rules;

/// Headline(148), NoLinesOfText(33).
const HEADLINE: u32 = 148;
const NO_LINES_OF_TEXT: u32 = 33;
/// Bytes of one counterparty that wait for the wire.
const OUTBOX_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of messages that wait for their answer before nothing more is read.
const WAITING_BYTES: usize = 8 * 1024 * 1024;
/// News that wait for a session.
pub const QUEUE_MAX: usize = 1024;

/// A message that is not answered yet.
struct Waiting {
    epoch: u32,
    msg_seq_num: u64,
    bytes: Box<[u8]>,
}

/// One counterparty.
pub struct Peer {
    session: Session,
    /// What waits for the wire.
    pub outbox: Outbox,
    rules: Rules,
    seen: HashSet<Vec<u8>>,
    /// Messages that are not answered yet, oldest first, and their bytes.
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// Headlines of news to send, oldest first.
    queue: VecDeque<String>,
    available: bool,
    /// Where its journal is, if it has one.
    dir: Option<PathBuf>,
    /// What the journal did not take; nothing is taken or sent any more, until it goes on.
    journal_failed: Option<AppendError>,
    /// Not before is it tried again whether it goes on.
    retry_at: UtcTime,
    /// Why it did not, as told last.
    refusal: String,
    /// What has happened to the journal, until it is told.
    store_events: Vec<StoreEvent>,
    scanner: Scanner,
    fields: Box<[Field]>,
    held: Box<[u8]>,
    verbose: bool,
    /// Why the session ended, as told last; nothing while it is up.
    told: String,
}

impl Peer {
    /// A counterparty without a connection.
    pub fn new(config: SessionConfig, rules: Rules, verbose: bool) -> Self {
        Self {
            session: Session::new(config),
            outbox: Outbox::with_capacity(OUTBOX_BYTES),
            rules,
            seen: HashSet::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            queue: VecDeque::new(),
            available: true,
            dir: None,
            journal_failed: None,
            retry_at: UtcTime(0),
            refusal: String::new(),
            store_events: Vec::new(),
            scanner: Scanner::new(),
            fields: vec![Field::default(); FIELDS_MAX].into_boxed_slice(),
            held: vec![0; MESSAGE_BYTES_MAX].into_boxed_slice(),
            verbose,
            told: String::new(),
        }
    }

    /// The session, to set it up.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Whether messages from `sender` to `target` are this counterparty's.
    pub fn is_named(&self, sender: &[u8], target: &[u8]) -> bool {
        let config = self.session.config();
        config.target.as_bytes() == sender && config.sender.as_bytes() == target
    }

    /// Whether a connection has this session.
    pub fn is_connected(&self) -> bool {
        self.session.phase() != Phase::Disconnected
    }

    /// A connection stands.
    pub fn connected(&mut self, now: UtcTime) {
        self.seen.clear();
        if let Err(error) = self.session.connected(now, &mut self.outbox, |_, _| {}) {
            eprintln!("taut: cannot log on: {error}");
        }
        self.forget_void();
    }

    /// The connection is gone.
    pub fn disconnected(&mut self, now: UtcTime) {
        self.session.disconnected(now);
        self.outbox.clear();
        self.seen.clear();
    }

    /// A message came; `flaw` is what its bytes were found to be wrong with before.
    pub fn received(&mut self, message: &Message<'_>, flaw: Option<Fault>, now: UtcTime) {
        self.take(message, flaw, now);
        while let Some(len) = self.session.take_held(now, &mut self.held) {
            let held = std::mem::take(&mut self.held);
            self.again(&held[..len], |peer, message| peer.take(message, None, now));
            self.held = held;
        }
    }

    /// Does something with a message that came before.
    fn again(&mut self, bytes: &[u8], act: impl FnOnce(&mut Self, &Message<'_>)) {
        let mut fields = std::mem::take(&mut self.fields);
        if let Ok(count) = index(&self.scanner, bytes, &mut fields) {
            act(self, &Message::new(bytes, &fields[..count]));
        }
        self.fields = fields;
    }

    /// Whether it takes messages; else what comes has to wait in the connection. A Logon is always taken:
    /// without it nothing that waits gets its answer.
    pub fn takes_messages(&self) -> bool {
        let logged_on = matches!(self.session.phase(), Phase::Active | Phase::LogoutSent);
        let is_full = logged_on && self.waiting_bytes >= WAITING_BYTES;
        !is_full && !self.has_failed()
    }

    /// Messages that wait are not answered in another sequence space than the one in which they came: the
    /// counterparty has reset, and knows nothing of them.
    fn forget_void(&mut self) {
        let epoch = self.session.epoch();
        if self.waiting.front().is_none_or(|first| first.epoch == epoch) {
            return;
        }
        let (name, count) = (self.session.config().target.as_str(), self.waiting.len());
        eprintln!("taut: {name}: the numbers were reset: {count} messages of before get no answer");
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    /// Whether the session takes an answer, there is room for any, and it would not stand inside a resent
    /// range.
    fn can_answer(&self) -> bool {
        self.session.phase() == Phase::Active
            && !self.session.is_resending()
            && self.outbox.free() >= MESSAGE_BYTES_MAX + OUTBOX_ADMIN_BYTES
    }

    /// Answers what waits, as far as that can be sent now.
    fn answer_waiting(&mut self, now: UtcTime) {
        while self.can_answer() {
            let Some(Waiting { bytes, .. }) = self.waiting.pop_front() else { return };
            self.waiting_bytes -= bytes.len();
            self.again(&bytes, |peer, message| peer.answer(message, now));
        }
    }

    fn take(&mut self, message: &Message<'_>, flaw: Option<Fault>, now: UtcTime) {
        // What it may ask for again is stored first.
        let sent = self.store(now);
        let Self { session, outbox, rules, .. } = self;
        let check = |message: &Message<'_>| flaw.or_else(|| rules.fault(message));
        let expected = session.next_in();
        let received = session.received_checked(message, now, outbox, check);
        // A Logon is stored behind the verdict: it may be the first message of a new sequence space.
        if received == Received::Logon
            && let Err(error) = session.accept_logon(now, outbox)
        {
            eprintln!("taut: cannot answer the logon: {error}");
        }
        let came = (message.msg_seq_num().unwrap_or(0), message.bytes());
        let stored = if received == Received::Ignored {
            Keeper::not_taken(session, expected, came, now)
                .and_then(|()| Keeper::ahead(session, None, now))
        } else {
            Keeper::ahead(session, Some(came), now)
        };
        self.note_stored(sent.and(stored));
        self.forget_void();
        match received {
            Received::Application if self.waiting.is_empty() && self.can_answer() => {
                self.answer(message, now);
            }
            Received::Application => {
                let (epoch, bytes) = (self.session.epoch(), message.bytes().into());
                let msg_seq_num = message.msg_seq_num().unwrap_or(0);
                self.waiting.push_back(Waiting { epoch, msg_seq_num, bytes });
                self.waiting_bytes += message.bytes().len();
            }
            Received::Logon | Received::Admin | Received::Ignored => {}
        }
    }

    /// Bytes that are no message, and why.
    pub fn garbled(&mut self, bytes: usize, why: Garbled, now: UtcTime) {
        self.session.garbled(bytes, why, now);
    }

    /// Time passes; what happened is told, and what is to be sent is stored. Before bytes leave.
    pub fn settle(&mut self, now: UtcTime) -> io::Result<()> {
        if now >= self.session.next_deadline() {
            self.session.tick(now, &mut self.outbox);
        }
        self.answer_waiting(now);
        self.send_queued(now);
        while let Some(event) = self.session.next_event() {
            if let SessionEvent::Down { .. } = event {
                self.seen.clear();
            }
            self.tell(event);
        }
        if !self.has_failed() {
            let stored = self.store(now);
            self.note_stored(stored);
        }
        let Some(error) = self.journal_failed else { return Ok(()) };
        self.session.give_up(DownReason::JournalFailed);
        Err(io::Error::other(format!("journal: {error}")))
    }

    /// Everything, if that was asked for; else why the session is not up, once for every reason.
    fn tell(&mut self, event: SessionEvent) {
        let name = self.session.config().target.as_str();
        match event {
            _ if self.verbose => eprintln!("{name}: {event}"),
            SessionEvent::Up { .. } => self.told.clear(),
            SessionEvent::Down { reason, .. } if reason != DownReason::LoggedOut => {
                let reason = reason.called("the peer").to_string();
                if self.told != reason {
                    eprintln!("taut: {name}: {reason}");
                    self.told = reason;
                }
            }
            _ => {}
        }
    }

    /// Why the session ended, as told last.
    #[cfg(test)]
    pub fn told(&self) -> &str {
        &self.told
    }

    /// Whether the connection is to be closed once everything has left.
    pub fn should_close(&self) -> bool {
        self.session.should_close()
    }

    /// Whether the connection is to be closed whatever has not left.
    pub fn must_drop(&self) -> bool {
        self.session.must_drop()
    }

    /// Logs out.
    pub fn log_out(&mut self, now: UtcTime) {
        self.session.logout(None, now, &mut self.outbox);
    }

    /// Whether the application is there (FIX session case 14.l).
    pub fn set_available(&mut self, available: bool) {
        self.available = available;
    }

    /// Sends news as soon as there is a session; `false` if too many wait already, or if the text cannot
    /// be sent.
    pub fn send_news(&mut self, headline: &str) -> bool {
        let taken = self.queue.len() < QUEUE_MAX
            && !headline.is_empty()
            && headline.len() <= SEND_MESSAGE_BYTES_MAX
            && headline.bytes().all(|byte| byte >= b' ');
        if taken {
            self.queue.push_back(headline.to_owned());
        }
        taken
    }

    /// What waits goes out behind the synchronisation of both sides, with new numbers.
    fn send_queued(&mut self, now: UtcTime) {
        let Self { session, outbox, queue, .. } = self;
        while session.phase() == Phase::Active && !session.has_gap() && !session.is_resending() {
            let Some(headline) = queue.front() else { return };
            let sent = session.send(b"B", now, outbox, |body| {
                body.bytes(HEADLINE, headline.as_bytes());
                body.uint(NO_LINES_OF_TEXT, 1).bytes(tag::TEXT, b"-");
            });
            match sent {
                Ok(_) => drop(queue.pop_front()),
                // It stays in the queue until there is room.
                Err(_) => return,
            }
        }
    }
}
