//! A conductor, the session that it conducts, and a venue of which the test is the script; all under
//! one clock that jumps from deadline to deadline.

use std::time::Duration;

use taut_codec::frame::{Frame, Framer};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::value::UtcTime;

use super::*;
use crate::event::DownReason;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::session::{Outbox, Phase, Received, Session, SessionConfig, SessionEvent};

pub const SECOND: u64 = 1_000_000_000;

/// How the venue ends its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drop {
    Logout,
    Cut,
    /// It does not: its sessions live on, and their numbers too.
    Never,
}

/// What the venue does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Serves,
    /// Takes no connection.
    Away,
    /// Takes the connection and closes it at the Logon.
    Silent,
    /// Would serve, but our own journal fails before the Logon leaves.
    OurJournalFails,
    /// Refuses the Logon with words.
    Refuses(&'static str),
    /// Never answers a Logon.
    Mute,
    /// Drops the connection as soon as the session is up.
    Drops,
}

pub struct World {
    pub now: UtcTime,
    pub conductor: Conductor,
    pub us: Session,
    pub out: Outbox,
    pub venue: Session,
    pub venue_out: Outbox,
    /// The venue's clock minus ours.
    pub venue_ahead: i64,
    pub rollover: Option<(Rollover, Drop)>,
    venue_day: u64,
    pub manner: Manner,
    /// Of the first hosts; the others have that above.
    pub manners: Vec<Manner>,
    /// The host that was dialled last.
    pub host: u8,
    pub connected: bool,
    /// Dials that have no outcome yet.
    pub dialling: Vec<Attempt>,
    /// Dials stay without an outcome.
    pub slow_dials: bool,
    pub events: Vec<(UtcTime, LinkEvent)>,
    pub session_events: Vec<SessionEvent>,
    /// Of what the venue sends only Logons arrive.
    pub only_logons: bool,
}

pub fn config() -> ConductorConfig {
    ConductorConfig {
        reconnect: Reconnect::default(),
        rollover: None,
        reset: ResetPolicy::Never,
        hosts: 1,
        seed: 7,
    }
}

pub fn time(text: &str) -> UtcTime {
    UtcTime::parse(text.as_bytes()).expect("it is a time")
}

impl World {
    pub fn new(config: ConductorConfig, start: &str) -> Self {
        let now = time(start);
        let (a, b) = ("US".parse().unwrap(), "VENUE".parse().unwrap());
        let mut ours = SessionConfig::initiator(a, b);
        (ours.synchronise, ours.low_answer_resets) = (true, true);
        Self {
            now,
            conductor: Conductor::new(config, None, now),
            us: Session::new(ours),
            out: Outbox::new(),
            venue: Session::new(SessionConfig::acceptor(b, a)),
            venue_out: Outbox::new(),
            venue_ahead: 0,
            rollover: config.rollover.map(|one| (one, Drop::Logout)),
            venue_day: config.rollover.map_or(0, |one| one.count(now)),
            manner: Manner::Serves,
            manners: Vec::new(),
            host: 0,
            connected: false,
            dialling: Vec::new(),
            slow_dials: false,
            events: Vec::new(),
            session_events: Vec::new(),
            only_logons: false,
        }
    }

    pub fn venue_now(&self) -> UtcTime {
        UtcTime(self.now.0.saturating_add_signed(self.venue_ahead))
    }

    pub fn numbers(&self) -> Numbers {
        let (epoch, next_in, next_out) = (self.us.epoch(), self.us.next_in(), self.us.next_out());
        Numbers { epoch, next_in, next_out }
    }

    /// Lets time pass until `end`, from deadline to deadline.
    pub fn run_until(&mut self, end: UtcTime) {
        loop {
            self.settle();
            let next = self.next().max(UtcTime(self.now.0 + 1_000_000));
            if next >= end {
                self.now = end;
                return self.settle();
            }
            self.now = next;
        }
    }

    pub fn run_for(&mut self, nanos: u64) {
        self.run_until(self.now.plus_nanos(nanos));
    }

    /// Runs until an event comes that is wanted, for a day at most.
    pub fn run_to(&mut self, wanted: impl Fn(&LinkEvent) -> bool) -> LinkEvent {
        let end = self.now.plus_nanos(86_400 * SECOND);
        let mut seen = self.events.len();
        loop {
            self.settle();
            if let Some((_, event)) = self.events[seen..].iter().find(|(_, event)| wanted(event)) {
                return *event;
            }
            seen = self.events.len();
            assert!(self.now < end, "it does not come: {:?}", self.events);
            self.now = self.next().max(UtcTime(self.now.0 + 1_000_000)).min(end);
        }
    }

    fn next(&self) -> UtcTime {
        let next = self.conductor.next_deadline(self.now).min(self.us.next_deadline());
        let mut next = next.min(self.venue.next_deadline());
        if let Some((rollover, _)) = self.rollover {
            let at = rollover.next(self.venue_now()).0.saturating_add_signed(-self.venue_ahead);
            let open =
                rollover.window_end(self.venue_now()).0.saturating_add_signed(-self.venue_ahead);
            for at in [at, open] {
                next = if at > self.now.0 { next.min(UtcTime(at)) } else { next };
            }
        }
        next
    }

    /// Everything that is due now.
    pub fn settle(&mut self) {
        for _ in 0..1_000 {
            if !(self.venue_rolls() | self.conduct() | self.dial() | self.carry()) {
                return;
            }
        }
        panic!("the two sides keep each other busy: {:?}", self.events);
    }

    fn venue_rolls(&mut self) -> bool {
        let (now, Some((rollover, drop))) = (self.venue_now(), self.rollover) else { return false };
        if drop == Drop::Never || rollover.count(now) <= self.venue_day {
            return false;
        }
        self.venue_day = rollover.count(now);
        if drop == Drop::Logout && self.connected && self.venue.phase() == Phase::Active {
            self.venue.logout(Some("rollover"), now, &mut self.venue_out);
            self.carry();
        }
        self.cut();
        assert!(self.venue.rollover());
        true
    }

    fn is_venue_closed(&self) -> bool {
        let now = self.venue_now();
        self.rollover
            .is_some_and(|(rollover, drop)| drop != Drop::Never && now < rollover.window_end(now))
    }

    /// The connection breaks.
    pub fn cut(&mut self) {
        if !std::mem::take(&mut self.connected) {
            return;
        }
        self.out.clear();
        self.venue_out.clear();
        self.us.disconnected(self.now);
        self.venue.disconnected(self.venue_now());
        self.hear();
    }

    fn conduct(&mut self) -> bool {
        if self.connected {
            self.conductor.epoch_is(self.us.epoch(), self.now);
        }
        if self.connected && self.us.is_up() {
            self.conductor.logged_on(self.numbers(), self.now);
            if self.manner() == Manner::Drops {
                self.cut();
            }
        }
        let step = self.conductor.step(self.now);
        match step {
            Some(Step::Dial(attempt)) => self.dialling.push(attempt),
            Some(Step::LogOut) => self.us.logout(None, self.now, &mut self.out),
            Some(Step::RollOver) => assert!(self.us.rollover(), "there is a connection"),
            Some(Step::SkipTo(to)) => self.us.skip_to(to).expect("it is above, and not too far"),
            None => {}
        }
        while let Some(event) = self.conductor.next_event() {
            self.events.push((self.now, event));
        }
        step.is_some()
    }

    fn manner(&self) -> Manner {
        self.manners.get(usize::from(self.host)).copied().unwrap_or(self.manner)
    }

    fn dial(&mut self) -> bool {
        if self.slow_dials || self.dialling.is_empty() {
            return false;
        }
        let attempt = self.dialling.remove(0);
        self.dialled(attempt);
        true
    }

    /// The outcome of a dial.
    pub fn dialled(&mut self, attempt: Attempt) {
        self.host = attempt.host;
        let away = self.manner() == Manner::Away || self.is_venue_closed();
        let outcome = if away { Err(DialProblem::Connect) } else { Ok(()) };
        let wanted = self.conductor.dial_done(attempt.number, outcome, self.now);
        let Some(reset) = wanted else { return };
        assert!(!self.connected, "two connections at once");
        self.connected = true;
        self.us.set_reset_on_logon(reset);
        self.us.connected(self.now, &mut self.out, |_, _| {}).unwrap();
        self.venue.connected(self.venue_now(), &mut self.venue_out, |_, _| {}).unwrap();
        self.conductor.epoch_is(self.us.epoch(), self.now);
    }

    /// Moves all bytes, and lets both sessions see the time. Returns whether anything moved.
    pub fn carry(&mut self) -> bool {
        if !self.connected {
            return false;
        }
        let mut moved = false;
        self.us.tick(self.now, &mut self.out);
        let venue_now = self.venue_now();
        self.venue.tick(venue_now, &mut self.venue_out);
        for bytes in take(&mut self.out) {
            moved = true;
            let heard = with(&bytes, |m| self.venue.received(m, venue_now, &mut self.venue_out));
            if heard == Received::Logon {
                match self.manner() {
                    Manner::Silent => self.cut(),
                    Manner::OurJournalFails => {
                        self.us.give_up(DownReason::JournalFailed);
                        self.cut();
                    }
                    Manner::Mute => self.venue.disconnected(venue_now),
                    Manner::Refuses(text) => {
                        self.venue.refuse_logon(Some(text), venue_now, &mut self.venue_out);
                    }
                    _ => self.venue.accept_logon(venue_now, &mut self.venue_out).unwrap(),
                }
            }
        }
        for bytes in take(&mut self.venue_out) {
            moved = true;
            if self.only_logons && with(&bytes, |message| message.msg_type() != b"A") {
                continue;
            }
            with(&bytes, |message| self.us.received(message, self.now, &mut self.out));
        }
        while self.venue.next_event().is_some() {}
        let over = |session: &Session, out: &Outbox| session.should_close() && out.is_empty();
        if self.connected && (over(&self.us, &self.out) || over(&self.venue, &self.venue_out)) {
            self.cut();
            moved = true;
        }
        self.hear();
        moved
    }

    fn hear(&mut self) {
        while let Some(event) = self.us.next_event() {
            self.session_events.push(event);
            if let SessionEvent::Down { reason, .. } = event {
                self.conductor.down(&reason, self.numbers(), self.now);
            }
        }
    }

    pub fn is_up(&self) -> bool {
        self.connected && self.us.is_up()
    }

    pub fn count(&self, wanted: impl Fn(&LinkEvent) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| wanted(event)).count()
    }

    /// The waits, milliseconds, and what for.
    pub fn waits(&self) -> Vec<(u64, Cause)> {
        let wait = |&(_, event): &(UtcTime, LinkEvent)| match event {
            LinkEvent::Waiting { ms, cause, .. } => Some((ms, cause)),
            _ => None,
        };
        self.events.iter().filter_map(wait).collect()
    }
}

fn take(out: &mut Outbox) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while let Frame::Message { len } = Framer::new(MESSAGE_BYTES_MAX).next(out.pending()) {
        all.push(out.pending()[..len].to_vec());
        out.consume(len);
    }
    all
}

fn with<T>(bytes: &[u8], f: impl FnOnce(&Message<'_>) -> T) -> T {
    let mut fields = vec![Field::default(); 64];
    let count = Scanner::new().index(bytes, &mut fields).unwrap();
    f(&Message::new(bytes, &fields[..count]))
}

/// The daily rollover of Kraken.
pub fn rollover() -> Rollover {
    Rollover { hold: Duration::from_secs(10), ..Rollover::default() }
}
