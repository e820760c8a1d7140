//! One end: a process with its journal, and its application.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use taut::journal::{Journal, Keeper};
use taut::kraken;
use taut::session::{Outbox, Posted, Received, Session, SessionConfig, SessionEvent};
use taut_codec::encode::HeaderOrder;
use taut_codec::frame::{Frame, Framer};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::value::UtcTime;
use tempfile::TempDir;

use crate::{JOURNAL, MESSAGE_BYTES, START, Setup, last_rollover, policy};

/// Epoch and MsgSeqNum.
pub type Place = (u32, u64);

/// One end: a process, what it has sent and got, and what it was told.
pub struct End {
    dir: TempDir,
    config: SessionConfig,
    pub session: Session,
    pub out: Outbox,
    /// Bytes that have arrived and are no whole message yet.
    pub inbox: Vec<u8>,
    /// What was sent: where, and which id it had. Each place once.
    pub sent: BTreeMap<Place, u64>,
    /// Of those, the last ones that the journal does not have yet.
    unstored: Vec<Place>,
    pub next_id: u64,
    /// Ids of the other end's messages, in the order of their coming, without those that came again.
    pub delivered: Vec<u64>,
    /// Where the last one stood: within an epoch of ours, numbers only rise.
    delivered_at: Place,
    /// The application does not handle what it gets at once.
    is_behind: bool,
    /// What it has not handled.
    pending: VecDeque<(Place, u64)>,
    /// What it was busy with when it died: that may come again.
    died_of: BTreeSet<u64>,
    pub dies_of_next: bool,
    /// The application has died; the process is to follow.
    pub is_dead: bool,
    /// Ids of ours of which we were told that they are void.
    pub withheld: BTreeSet<u64>,
    /// Messages that left.
    pub written: usize,
    /// What was not stored when the connection ended is not sent any more, and told: an engine withdraws its
    /// orders. A venue stores it, and it comes with the next logon.
    withdraws: bool,
    /// It starts anew by itself when its numbers are of a day that is over.
    knows_rollover: bool,
    /// The venue has started anew and it may not know: once the venue has got as far again as it was, no
    /// number says so.
    pub is_mistaken: bool,
}

/// What an end is told: the client of the pair, or the venue.
fn config(index: usize, setup: &Setup) -> SessionConfig {
    let (a, b) = ("A".parse().expect("short"), "B".parse().expect("short"));
    let mut config = match (index, setup.kraken) {
        (0, None) => SessionConfig::initiator(a, b),
        (0, Some(_)) => kraken::session::client(a, b),
        _ => SessionConfig::acceptor(b, a),
    };
    if let (1, Some(switches)) = (index, setup.kraken) {
        config.low_logon_replays = switches.low_logon_replays;
        config.refusal_skips_a_number = switches.refusal_skips_a_number;
        config.sequence_reset_may_lower = true;
    }
    config.heartbeat_seconds = 5;
    config.reset_on_logon = setup.reset_on_logon && index == 0;
    config.resend_policy = policy(setup.policies[index]);
    config.resend_chunk = setup.resend_chunk;
    config.hold_bytes = setup.hold_bytes;
    config.next_expected = setup.next_expected;
    config.send_message_bytes_max = MESSAGE_BYTES;
    config
}

impl End {
    pub fn new(index: usize, setup: &Setup) -> Self {
        let config = config(index, setup);
        let dir = tempfile::tempdir().expect("a directory for the test");
        let knows_rollover = index == 0 && setup.knows_rollover;
        let session = Self::start(&dir, config, knows_rollover, START);
        Self {
            dir,
            config,
            session,
            out: Outbox::with_capacity(64 * 1024),
            inbox: Vec::new(),
            sent: BTreeMap::new(),
            unstored: Vec::new(),
            next_id: 1,
            delivered: Vec::new(),
            delivered_at: (0, 0),
            is_behind: setup.behind[index],
            pending: VecDeque::new(),
            died_of: BTreeSet::new(),
            dies_of_next: false,
            is_dead: false,
            withheld: BTreeSet::new(),
            written: 0,
            withdraws: index == 0 && setup.kraken.is_some(),
            knows_rollover,
            is_mistaken: false,
        }
    }

    fn start(dir: &TempDir, config: SessionConfig, knows_rollover: bool, now: UtcTime) -> Session {
        let mut session = Session::new(config);
        let (journal, recovered) = Journal::open(dir.path(), JOURNAL).expect("it opens");
        assert!(recovered.torn.is_none() && recovered.lost.is_empty());
        Keeper::attach(&mut session, journal).expect("it was never connected");
        // As the conductor: numbers that were last used before the rollover are of a day that is over.
        if knows_rollover && recovered.last_at.is_some_and(|at| at < last_rollover(now)) {
            assert!(session.rollover());
        }
        session
    }

    /// There is a connection: a client says hello.
    pub fn connected(&mut self, now: UtcTime) {
        let connected = self.session.connected(now, &mut self.out, |_, _| {});
        connected.expect("an empty outbox has room for a Logon");
    }

    /// The connection is over.
    pub fn disconnected(&mut self, now: UtcTime) {
        if self.withdraws {
            let unstored = self.unstored.iter().map(|place| self.sent[place]);
            self.withheld.extend(unstored);
        } else {
            self.store(now);
        }
        self.session.disconnected(now);
        self.out.clear();
        self.inbox.clear();
    }

    /// Takes bytes of the outbox to the wire; everything in it is stored before.
    pub fn write(&mut self, bytes: usize, now: UtcTime) -> Vec<u8> {
        self.store(now);
        let chunk = self.out.pending()[..bytes.min(self.out.pending().len())].to_vec();
        self.out.consume(chunk.len());
        self.written += chunk.windows(3).filter(|three| three == b"10=").count();
        chunk
    }

    /// The process dies, with all that was in its memory; the journal has what it had at that instant.
    pub fn crash(&mut self, now: UtcTime) {
        for place in self.unstored.drain(..) {
            // Nobody has seen it: its number may be used again.
            self.sent.remove(&place);
        }
        (self.is_dead, self.dies_of_next) = (false, false);
        self.pending.clear();
        self.session = Session::new(self.config);
        self.session = Self::start(&self.dir, self.config, self.knows_rollover, now);
        self.out = Outbox::with_capacity(64 * 1024);
        self.inbox.clear();
    }

    /// It is 22:00 UTC, and there is no connection. The client that knows of it stores nothing: its next
    /// life would find out again.
    pub fn roll_over(&mut self, is_venue: bool, now: UtcTime) {
        self.is_mistaken |= !is_venue && !self.knows_rollover;
        if !self.is_mistaken {
            assert!(self.session.rollover(), "there is no connection");
        }
        if is_venue {
            self.store(now);
        }
    }

    fn used(&mut self, number: u64, stored: bool) {
        let place = (self.session.epoch(), number);
        let before = self.sent.insert(place, self.next_id);
        assert_eq!(before, None, "{place:?} was used twice");
        if !stored {
            self.unstored.push(place);
        }
        self.next_id += 1;
    }

    pub fn send(&mut self, order: bool, now: UtcTime) {
        let (msg_type, id): (&[u8], _) = (if order { b"D" } else { b"8" }, self.next_id);
        let sent = self.session.send(msg_type, now, &mut self.out, |body| {
            body.uint(11, id);
        });
        if let Ok(number) = sent {
            self.used(number, false);
        }
    }

    pub fn post(&mut self, now: UtcTime) {
        let (order, id) = (HeaderOrder::default(), self.next_id);
        let posted = self.session.post(b"8", order, now, &mut self.out, |body| {
            body.uint(11, id);
        });
        match posted {
            Ok(Posted::Sent(number)) => self.used(number, false),
            Ok(Posted::Kept(number)) => {
                // Behind what waited: the journal has it in the order of the numbers.
                self.unstored.clear();
                self.used(number, true);
            }
            Err(_) => {}
        }
    }

    /// What waits is stored: now it may go.
    pub fn store(&mut self, now: UtcTime) {
        Keeper::outbound(&mut self.session, &self.out, now).expect("the disk has room");
        self.unstored.clear();
    }

    pub fn events(&mut self) {
        let epoch = self.session.epoch();
        while let Some(event) = self.session.next_event() {
            if let SessionEvent::Withheld { from, to, .. } = event {
                let range = (epoch, from)..=(epoch, to);
                self.withheld.extend(self.sent.range(range).map(|(_, id)| *id));
            }
        }
    }

    fn take(&mut self, bytes: &[u8], now: UtcTime) {
        let mut fields = [Field::default(); 64];
        let count = Scanner::new().index(bytes, &mut fields).expect("our own messages index");
        let message = Message::new(bytes, &fields[..count]);
        let number = message.msg_seq_num().expect("it has one");
        self.store(now);
        let received = self.session.received(&message, now, &mut self.out);
        if received == Received::Application {
            let place = (self.session.epoch(), number);
            self.hand_over(place, message.uint(11).expect("it has one"));
            if self.is_dead {
                return;
            }
        }
        if received == Received::Logon {
            let _ = self.session.accept_logon(now, &mut self.out);
        }
        let taken = (received != Received::Ignored).then_some((number, bytes));
        let stored = match self.pending.is_empty() {
            true => Keeper::inbound(&mut self.session, taken, now),
            false => Keeper::ahead(&mut self.session, taken, now),
        };
        stored.expect("the disk has room");
        self.events();
    }

    fn hand_over(&mut self, place: Place, id: u64) {
        if self.is_behind {
            self.pending.push_back((place, id));
            return;
        }
        self.deliver(place, id);
        if std::mem::take(&mut self.dies_of_next) {
            self.died_of.insert(id);
            self.is_dead = true;
        }
    }

    fn deliver(&mut self, place: Place, id: u64) {
        if self.died_of.contains(&id) && self.delivered.contains(&id) {
            return;
        }
        let in_order = place > self.delivered_at || self.is_mistaken;
        assert!(in_order, "{place:?} behind {:?}", self.delivered_at);
        self.delivered_at = place;
        self.delivered.push(id);
    }

    /// The application handles what it has; it may die before that is noted.
    pub fn handle(&mut self, count: usize, dies: bool) {
        for _ in 0..count.min(self.pending.len()) {
            let (place, id) = self.pending.pop_front().expect("so many are there");
            self.deliver(place, id);
            if dies {
                self.died_of.insert(id);
                self.is_dead = true;
            }
        }
        if self.is_dead {
            return;
        }
        let next_in = match self.pending.front() {
            None => u64::MAX,
            Some(((epoch, number), _)) if *epoch == self.session.epoch() => *number,
            Some(_) => 1,
        };
        Keeper::handed_over(&mut self.session, next_in).expect("the disk has room");
    }

    /// Whole messages that have arrived, and those that were held for their turn.
    pub fn drain_inbox(&mut self, now: UtcTime) {
        let mut framer = Framer::new(MESSAGE_BYTES);
        while let Frame::Message { len } = framer.next(&self.inbox) {
            let bytes: Vec<u8> = self.inbox.drain(..len).collect();
            self.take(&bytes, now);
            let mut held = vec![0; MESSAGE_BYTES];
            while !self.is_dead
                && let Some(len) = self.session.take_held(now, &mut held)
            {
                let bytes = held[..len].to_vec();
                self.take(&bytes, now);
            }
            if self.is_dead {
                return;
            }
        }
    }
}
