//! Both ends and what lies between them.

use std::collections::BTreeSet;

use taut::session::Phase;
use taut_codec::frame::{Frame, Framer};
use taut_codec::value::UtcTime;

use crate::end::End;
use crate::{MESSAGE_BYTES, START, Second, Setup, Step, last_rollover};

/// How often the client dials, once a second, before it must have got through: the venue may have to find
/// out first that an earlier connection is dead.
const DIALS_MAX: usize = 60;

/// A connection. What an end has written stays there for the other to read when that end is gone.
#[derive(Default)]
struct Wire {
    /// What each end wrote and the other has not read.
    written: [Vec<u8>; 2],
    /// Whether an end has closed it: behind what that wrote the other reads its end.
    closed: [bool; 2],
    /// Nothing gets through any more, and nobody is told.
    is_dead: bool,
}

pub struct Link {
    pub ends: [End; 2],
    pub now: UtcTime,
    /// All that were ever dialled.
    wires: Vec<Wire>,
    /// The connection of each end's session.
    pub on: [Option<usize>; 2],
    /// Connections of which the venue has not read the first message.
    guests: Vec<usize>,
    /// The last one that the venue let in.
    newest: usize,
    second: Second,
    /// A Logon that is older than one that was let in is not let in: its nonce is not above.
    checks_nonce: bool,
}

impl Link {
    pub fn new(setup: &Setup) -> Self {
        Self {
            ends: [0, 1].map(|end| End::new(end, setup)),
            now: START,
            wires: Vec::new(),
            on: [None; 2],
            guests: Vec::new(),
            newest: 0,
            second: setup.second,
            checks_nonce: setup.kraken.is_some(),
        }
    }

    pub fn run(&mut self, step: Step) {
        match step {
            Step::Send { end, order } => self.ends[end].send(order, self.now),
            Step::Post { end } => self.ends[end].post(self.now),
            Step::Carry { from, bytes } => self.carry(from, bytes),
            Step::Write { end, bytes } => self.write(end, bytes),
            Step::Greet { newest_first } => self.greet(newest_first),
            Step::Wait { millis } => self.wait(millis),
            Step::Cut { seen } => self.cut(seen),
            Step::Connect if self.on[0].is_none() => self.dial(),
            Step::Connect => {}
            Step::ConnectAgain { writes } => {
                self.dial();
                self.write(0, if writes { usize::MAX } else { 0 });
            }
            Step::Crash { end, host } => self.crash(end, host),
            Step::Handle { end, count, dies } => self.ends[end].handle(count, dies),
            Step::DieOfNext { end } => self.ends[end].dies_of_next = true,
            Step::RollOver { logout } => self.roll_over(logout),
            Step::Logout { end } => {
                let (now, end) = (self.now, &mut self.ends[end]);
                end.session.logout(None, now, &mut end.out);
            }
        }
        self.bury();
        for end in [0, 1] {
            if self.ends[end].session.should_close() {
                // Whoever closes has flushed before.
                self.write(end, usize::MAX);
                self.leave(end);
            }
        }
        self.ends.iter_mut().for_each(End::events);
        self.assert_one_connection();
    }

    /// Where the two are on different connections, neither is on one that the other still serves.
    fn assert_one_connection(&self) {
        let [Some(clients), Some(venues)] = self.on else { return };
        if clients != venues {
            let [theirs, ours] = [&self.wires[clients], &self.wires[venues]];
            assert!(ours.closed[0] || ours.is_dead, "the client has left {venues}");
            let waits = self.guests.contains(&clients);
            assert!(waits || theirs.closed[1] || theirs.is_dead, "the venue has left {clients}");
        }
    }

    /// The process of an end dies, with all that it has not stored, and comes back. The machine closes its
    /// connections, behind what was written, or goes down with it and says nothing.
    fn crash(&mut self, end: usize, host: bool) {
        let guests = if end == 1 { std::mem::take(&mut self.guests) } else { Vec::new() };
        for id in guests.into_iter().chain(self.on[end].take()) {
            self.wires[id].closed[end] = true;
            self.wires[id].is_dead |= host;
        }
        self.ends[end].crash(self.now);
    }

    /// The process of an application that has died goes with it.
    fn bury(&mut self) {
        for end in [0, 1] {
            if self.ends[end].is_dead {
                self.crash(end, false);
            }
        }
    }

    fn roll_over(&mut self, logout: bool) {
        if logout && self.on[1].is_some() {
            let (now, venue) = (self.now, &mut self.ends[1]);
            venue.session.logout(Some("rollover"), now, &mut venue.out);
            self.carry(1, usize::MAX);
            self.carry(0, usize::MAX);
        }
        self.cut([true; 2]);
        self.guests.clear();
        self.now = last_rollover(self.now).plus_nanos(24 * 3_600_000_000_000);
        for end in [0, 1] {
            self.ends[end].roll_over(end == 1, self.now);
        }
    }

    /// The client dials and writes its Logon; what connection it had it closes before.
    pub fn dial(&mut self) {
        self.leave(0);
        self.guests.push(self.wires.len());
        self.on[0] = Some(self.wires.len());
        self.wires.push(Wire::default());
        self.ends[0].connected(self.now);
    }

    /// The venue looks at the first messages of those who have dialled.
    fn greet(&mut self, newest_first: bool) {
        let mut guests = std::mem::take(&mut self.guests);
        guests.sort_by_key(|id| if newest_first { usize::MAX - id } else { *id });
        for id in guests {
            let wire = &self.wires[id];
            let said = Framer::new(MESSAGE_BYTES).next(&wire.written[0]);
            let has_logon = matches!(said, Frame::Message { .. }) && !wire.is_dead;
            let stale = self.checks_nonce && id < self.newest;
            let taken = self.on[1].is_some() && self.second == Second::Refused;
            if !has_logon && !wire.closed[0] && !wire.is_dead {
                self.guests.push(id);
            } else if !has_logon || stale || taken {
                // Without a word, and without a look at its numbers.
                self.wires[id].closed[1] = true;
            } else {
                self.leave(1);
                (self.on[1], self.newest) = (Some(id), id);
                self.ends[1].connected(self.now);
                self.read(1);
            }
        }
    }

    /// An end closes its connection, or sees that it is gone.
    fn leave(&mut self, end: usize) {
        if let Some(id) = self.on[end].take() {
            self.wires[id].closed[end] = true;
            self.ends[end].disconnected(self.now);
        }
    }

    /// The network loses the connection and what is on its way; `seen` by these ends.
    pub fn cut(&mut self, seen: [bool; 2]) {
        for end in [0, 1] {
            let Some(id) = self.on[end] else { continue };
            self.wires[id].is_dead = true;
            if seen[end] {
                self.leave(end);
            }
        }
    }

    fn write(&mut self, end: usize, bytes: usize) {
        let Some(id) = self.on[end] else { return };
        let chunk = self.ends[end].write(bytes, self.now);
        let wire = &mut self.wires[id];
        if !wire.is_dead && wire.closed[1 - end] {
            self.leave(end);
        } else {
            wire.written[end].extend(chunk);
        }
    }

    fn read(&mut self, end: usize) {
        let Some(id) = self.on[end].filter(|id| !self.wires[*id].is_dead) else { return };
        let wire = &mut self.wires[id];
        let (chunk, over) = (std::mem::take(&mut wire.written[1 - end]), wire.closed[1 - end]);
        self.ends[end].inbox.extend(chunk);
        self.ends[end].drain_inbox(self.now);
        self.bury();
        if over {
            self.leave(end);
        }
    }

    /// So many bytes go out, and the other end reads what there is.
    pub fn carry(&mut self, from: usize, bytes: usize) {
        self.write(from, bytes);
        self.read(1 - from);
        if from == 0 {
            self.greet(false);
        }
    }

    pub fn wait(&mut self, millis: u64) {
        self.now = self.now.plus_nanos(millis * 1_000_000);
        for end in &mut self.ends {
            end.session.tick(self.now, &mut end.out);
        }
    }

    /// Carries until nothing moves any more.
    pub fn settle(&mut self) {
        for _ in 0..400 {
            for end in &mut self.ends {
                end.handle(usize::MAX, false);
            }
            self.bury();
            if self.is_quiet() {
                return;
            }
            self.carry(0, usize::MAX);
            self.carry(1, usize::MAX);
            self.run(Step::Wait { millis: 1 });
        }
        panic!("the two sessions talk for ever");
    }

    fn is_quiet(&self) -> bool {
        let has_read = |end: usize| {
            let mut wires = self.on[end].iter().map(|id| &self.wires[*id]);
            wires.all(|wire| {
                wire.is_dead || wire.written[1 - end].is_empty() && !wire.closed[1 - end]
            })
        };
        let said_all = |end: &End| end.out.is_empty() && !end.session.is_resending();
        self.guests.is_empty() && has_read(0) && has_read(1) && self.ends.iter().all(said_all)
    }

    fn written(&self) -> usize {
        self.ends.iter().map(|end| end.written).sum()
    }

    /// Whether an order gets through. One that reveals a gap does not, where the policy withholds it.
    fn sends_one(&mut self, end: usize) -> bool {
        let id = self.ends[end].next_id;
        self.ends[end].send(true, self.now);
        self.settle();
        self.ends[1 - end].delivered.last() == Some(&id)
    }

    /// Whatever happened before, a network that works and one message each bring both sides together.
    pub fn heal(&mut self) {
        let before = self.written();
        self.ends.iter_mut().for_each(|end| end.dies_of_next = false);
        let mut dials = 0;
        loop {
            self.run(Step::Connect);
            self.settle();
            let active = self.ends.iter().all(|end| end.session.phase() == Phase::Active);
            let works =
                self.on[0] == self.on[1] && self.on[0].is_some_and(|id| !self.wires[id].is_dead);
            if active && works {
                break;
            }
            dials += 1;
            assert!(dials < DIALS_MAX, "{:?}", self.ends.each_ref().map(|end| end.session.phase()));
            self.run(Step::Wait { millis: 1000 });
        }
        for end in 0..2 {
            let gets_through = self.sends_one(end) || self.sends_one(end);
            assert!(gets_through, "end {end}: {:?}", self.ends[end].withheld);
        }
        let [a, b] = &self.ends;
        assert_eq!(a.session.next_out(), b.session.next_in(), "A to B");
        assert_eq!(b.session.next_out(), a.session.next_in(), "B to A");
        let sent = a.sent.len() + b.sent.len();
        let used = self.written() - before;
        assert!(used <= 30 + 3 * (sent + dials), "{used} messages to agree on {sent}");
    }

    /// Everything that was stored came once, or its sender knows that it did not.
    pub fn account(&self) {
        for index in 0..2 {
            let (from, to) = (&self.ends[index], &self.ends[1 - index]);
            let delivered: BTreeSet<u64> = to.delivered.iter().copied().collect();
            assert_eq!(delivered.len(), to.delivered.len(), "delivered once: {:?}", to.delivered);
            let sent: BTreeSet<u64> = from.sent.values().copied().collect();
            assert!(delivered.is_subset(&sent), "nothing is invented");
            let last_epoch = from.session.epoch();
            for ((epoch, number), id) in &from.sent {
                let known = delivered.contains(id) || from.withheld.contains(id);
                // A reset is said by an event of its own: what was not delivered before it is void.
                let voided = *epoch != last_epoch || (index == 1 && to.is_mistaken);
                assert!(known || voided, "{id} ({epoch}, {number}) is lost without a word");
            }
        }
    }
}
