//! Both ends and what lies between them.

use std::collections::BTreeSet;

use taut::session::Phase;
use taut_codec::value::UtcTime;

use crate::end::End;
use crate::{START, Setup, Step, last_rollover};

pub struct Link {
    pub ends: [End; 2],
    pub now: UtcTime,
    connected: bool,
}

impl Link {
    pub fn new(setup: &Setup) -> Self {
        Self { ends: [0, 1].map(|end| End::new(end, setup)), now: START, connected: false }
    }

    pub fn run(&mut self, step: Step) {
        match step {
            Step::Send { end, order } => self.ends[end].send(order, self.now),
            Step::Post { end } => self.ends[end].post(self.now),
            Step::Carry { from, bytes } => self.carry(from, bytes),
            Step::Wait { millis } => self.wait(millis),
            Step::Cut => self.cut(),
            Step::Connect if !self.connected => self.connect(),
            Step::Connect => {}
            Step::ConnectAgain => self.connect(),
            Step::Crash { end } => self.crash(end),
            Step::Handle { end, count, dies } => self.ends[end].handle(count, dies),
            Step::DieOfNext { end } => self.ends[end].dies_of_next = true,
            Step::RollOver { logout } => self.roll_over(logout),
            Step::Logout { end } => {
                let (now, end) = (self.now, &mut self.ends[end]);
                end.session.logout(None, now, &mut end.out);
            }
        }
        self.bury();
        if self.connected && self.ends.iter().any(|end| end.session.should_close()) {
            // Whoever closes has flushed before.
            for end in [0, 1] {
                if self.ends[end].session.should_close() {
                    self.carry(end, usize::MAX);
                }
            }
            self.cut();
            self.bury();
        }
        self.ends.iter_mut().for_each(End::events);
    }

    fn crash(&mut self, end: usize) {
        self.cut();
        self.ends[end].crash(self.now);
    }

    /// The process of an application that has died goes with it, and comes back. What its session had in
    /// its memory is lost; what was sent is stored before.
    fn bury(&mut self) {
        for end in [0, 1] {
            if self.ends[end].is_dead {
                // What the process had not stored, it had not sent either.
                self.ends[end].crash(self.now);
                self.cut();
            }
        }
    }

    fn roll_over(&mut self, logout: bool) {
        if logout && self.connected {
            let (now, venue) = (self.now, &mut self.ends[1]);
            venue.session.logout(Some("rollover"), now, &mut venue.out);
            self.carry(1, usize::MAX);
            self.carry(0, usize::MAX);
            self.bury();
        }
        self.cut();
        self.now = last_rollover(self.now).plus_nanos(24 * 3_600_000_000_000);
        for end in [0, 1] {
            self.ends[end].roll_over(end == 1, self.now);
        }
    }

    pub fn connect(&mut self) {
        // A connection that is replaced ends as any other.
        self.cut();
        for end in &mut self.ends {
            let connected = end.session.connected(self.now, &mut end.out, |_, _| {});
            connected.expect("an empty outbox has room for a Logon");
        }
        self.connected = true;
    }

    pub fn cut(&mut self) {
        for end in &mut self.ends {
            // What did not leave is stored, as its number is used.
            end.store(self.now);
            end.session.disconnected(self.now);
            end.out.clear();
            end.inbox.clear();
        }
        self.connected = false;
    }

    pub fn carry(&mut self, from: usize, bytes: usize) {
        if !self.connected {
            return;
        }
        let now = self.now;
        self.ends[from].store(now);
        let bytes = bytes.min(self.ends[from].out.pending().len());
        let chunk = self.ends[from].out.pending()[..bytes].to_vec();
        self.ends[from].out.consume(bytes);
        self.ends[from].written += chunk.windows(3).filter(|three| three == b"10=").count();
        self.ends[1 - from].inbox.extend(chunk);
        self.ends[1 - from].drain_inbox(now);
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
            self.bury();
            for end in &mut self.ends {
                end.handle(usize::MAX, false);
            }
            let quiet = |end: &End| end.out.is_empty() && !end.session.is_resending();
            if self.ends.iter().all(quiet) {
                return;
            }
            self.carry(0, usize::MAX);
            self.carry(1, usize::MAX);
            self.wait(1);
        }
        panic!("the two sessions talk for ever");
    }

    fn written(&self) -> usize {
        self.ends.iter().map(|end| end.written).sum()
    }

    /// Whatever happened before, a fresh connection and one message each bring both sides together.
    pub fn heal(&mut self) {
        let before = self.written();
        self.ends.iter_mut().for_each(|end| end.dies_of_next = false);
        self.connect();
        self.settle();
        for end in 0..2 {
            assert_eq!(self.ends[end].session.phase(), Phase::Active, "end {end}");
            let id = self.ends[end].next_id;
            self.ends[end].send(true, self.now);
            self.settle();
            assert_eq!(self.ends[1 - end].delivered.last(), Some(&id), "it gets through");
        }
        let [a, b] = &self.ends;
        assert_eq!(a.session.next_out(), b.session.next_in(), "A to B");
        assert_eq!(b.session.next_out(), a.session.next_in(), "B to A");
        let sent = a.sent.len() + b.sent.len();
        let used = self.written() - before;
        assert!(used <= 30 + 3 * sent, "{used} messages to agree on {sent}");
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
