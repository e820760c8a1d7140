//! The conductors at work: what they ask for is done here, between the session core and whoever dials.
//! Runs on the thread of the session core; nothing here waits.

use taut_codec::value::UtcTime;

use super::core::{EventSink, SessionCore};
use crate::command::SessionId;
use crate::conductor::{Conductor, DialProblem, Step};
use crate::event::{DownReason, Event, EventKind};
use crate::limits::RECALL_WAIT_NS;
use crate::trace::Stamps;
use crate::wire::{Receiver, Transmitter};

/// A connection that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dial {
    /// For which session.
    pub session: SessionId,
    /// The number of the attempt.
    pub attempt: u32,
    /// Which host of the session's list; its name is resolved anew.
    pub host: u8,
}

/// What became of a [`Dial`].
#[derive(Debug)]
pub struct Dialled {
    /// For which session.
    pub session: SessionId,
    /// The number of the attempt.
    pub attempt: u32,
    /// The connection, ready to be used, or why there is none.
    pub outcome: Result<(Receiver, Transmitter), DialProblem>,
}

/// Half a connection that is over. Giving its memory and its descriptors back takes time, which a
/// thread of the path does not have.
// As it lay in its owner; a box would be an allocation on the path.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub(super) enum Spent {
    Receiver(#[expect(dead_code, reason = "only dropped")] Receiver),
    Transmitter(#[expect(dead_code, reason = "only dropped")] Transmitter),
}

/// Where connections come from, and where their receiving halves go.
pub(super) trait Ports {
    /// Asks for a connection; [`Ports::dialled`] brings the outcome.
    fn dial(&mut self, dial: Dial);
    /// The next outcome.
    fn dialled(&mut self) -> Option<Dialled>;
    /// The session reads from this connection from now on.
    fn attach(&mut self, session: SessionId, attempt: u32, receiver: Receiver);
    /// The session has no connection any more.
    fn detach(&mut self, session: SessionId);
    /// Puts away what is over.
    fn discard(&mut self, spent: Spent);
}

/// The conductors of all sessions.
pub(super) struct Links(Vec<Link>);

struct Link {
    session: SessionId,
    conductor: Conductor,
    /// When it was to be dialled first.
    begun: Option<UtcTime>,
    /// The application wants it to end.
    leaves: bool,
    /// The attempt that led to the connection in use.
    attached: Option<u32>,
    /// A report came before it could be read.
    early: bool,
}

impl Links {
    pub fn new(conductors: impl IntoIterator<Item = (SessionId, Conductor)>) -> Self {
        let link = |(session, conductor)| Link {
            session,
            conductor,
            begun: None,
            leaves: false,
            attached: None,
            early: false,
        };
        Self(conductors.into_iter().map(link).collect())
    }

    /// Does what is due. A few times for each tick is enough: nothing of it is on the path of an order.
    pub fn step(
        &mut self,
        now: UtcTime,
        core: &mut SessionCore,
        ports: &mut impl Ports,
        sink: &mut impl EventSink,
    ) {
        for link in &mut self.0 {
            link.follow(now, core, ports);
        }
        while let Some(dialled) = ports.dialled() {
            if let Some(link) = self.0.iter_mut().find(|link| link.session == dialled.session) {
                link.dialled(dialled, now, core, ports, sink);
            }
        }
        for link in &mut self.0 {
            link.begun.get_or_insert(now);
            if !link.waits(now, core) {
                link.conduct(now, core, ports, sink);
            }
            link.tell(sink);
        }
        core.recall(sink);
        core.take_answers(sink);
    }

    /// When [`Links::step`] has something to do.
    pub fn next_deadline(&self, now: UtcTime, core: &SessionCore) -> UtcTime {
        let deadline = |link: &Link| {
            if link.waits(now, core) {
                // The instruments come with another session.
                let begun = link.begun.unwrap_or(now).plus_nanos(RECALL_WAIT_NS + 1);
                return if link.early { UtcTime(u64::MAX) } else { begun };
            }
            let behind = core.has_news(link.session)
                || (link.conductor.is_logging_on() && core.is_up(link.session));
            if behind { now } else { link.conductor.next_deadline(now) }
        };
        if core.has_answers() || core.can_recall() {
            return now;
        }
        self.0.iter().map(deadline).min().unwrap_or(UtcTime(u64::MAX))
    }

    /// Whether what a reader has read of the connection of this attempt is of the one in use.
    pub fn is_current(&self, session: SessionId, attempt: u32) -> bool {
        self.0.iter().any(|link| link.session == session && link.attached == Some(attempt))
    }

    /// The application wants the session now.
    pub fn wish_up(&mut self, session: SessionId, now: UtcTime) {
        if let Some(link) = self.0.iter_mut().find(|link| link.session == session) {
            link.conductor.wish_up(now);
        }
    }
}

impl Link {
    /// Whether it must not be dialled yet: reports of the venue would be ahead of what an earlier run knew
    /// of their orders, which is waited for a while; or a report has come that could not be read, and comes
    /// again with every connection until it can.
    fn waits(&self, now: UtcTime, core: &SessionCore) -> bool {
        let is_over = self.begun.is_some_and(|begun| now.nanos_since(begun) > RECALL_WAIT_NS);
        let holds = self.early || core.recalls(self.session) && !is_over;
        !self.leaves && holds && !core.takes_reports(self.session)
    }

    /// What has happened to the session since the last step.
    fn follow(&mut self, now: UtcTime, core: &mut SessionCore, ports: &mut impl Ports) {
        let session = self.session;
        if core.take_logout_wish(session) {
            self.conductor.wish_down();
            self.leaves = true;
        }
        if core.is_connected(session) {
            let numbers = core.numbers(session);
            self.conductor.epoch_is(numbers.epoch, now);
            if core.is_up(session) {
                self.conductor.logged_on(numbers, now);
            }
        }
        let Some((reason, transmitter)) = core.take_ended(session) else { return };
        if let Some(transmitter) = transmitter {
            ports.discard(Spent::Transmitter(transmitter));
        }
        self.attached = None;
        self.early |= reason == DownReason::InstrumentsUnknown;
        ports.detach(session);
        self.conductor.down(&reason, core.numbers(session), now);
    }

    fn dialled(
        &mut self,
        dialled: Dialled,
        now: UtcTime,
        core: &mut SessionCore,
        ports: &mut impl Ports,
        sink: &mut impl EventSink,
    ) {
        let Dialled { session, attempt, outcome } = dialled;
        let (halves, outcome) = match outcome {
            Ok(halves) => (Some(halves), Ok(())),
            Err(problem) => (None, Err(problem)),
        };
        let wanted = self.conductor.dial_done(attempt, outcome, now);
        let Some((receiver, mut transmitter)) = halves else { return };
        match wanted {
            Some(reset) => {
                // Two connections of one session would each see half of it.
                assert!(!core.is_connected(session), "the conductor knows of one at most");
                self.attached = Some(attempt);
                ports.attach(session, attempt, receiver);
                core.ask_reset(session, reset);
                core.connect(session, transmitter, sink);
                self.conductor.epoch_is(core.numbers(session).epoch, now);
            }
            None => {
                transmitter.close();
                ports.discard(Spent::Transmitter(transmitter));
                ports.discard(Spent::Receiver(receiver));
            }
        }
    }

    fn conduct(
        &mut self,
        now: UtcTime,
        core: &mut SessionCore,
        ports: &mut impl Ports,
        sink: &mut impl EventSink,
    ) {
        let session = self.session;
        while let Some(step) = self.conductor.step(now) {
            match step {
                Step::Dial(attempt) => {
                    core.before_dial(session, sink);
                    ports.dial(Dial { session, attempt: attempt.number, host: attempt.host });
                }
                Step::LogOut => core.log_out(session, sink),
                Step::RollOver => core.roll_over(session),
                Step::SkipTo(number) => core.skip_to(session, number),
            }
        }
    }

    fn tell(&mut self, sink: &mut impl EventSink) {
        while let Some(event) = self.conductor.next_event() {
            let (session, stamps) = (self.session, Stamps::NONE);
            sink.push(&Event { session, stamps, kind: EventKind::Link(event) });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::conductor::{ConductorConfig, Reconnect, ResetPolicy};
    use crate::event::Alarm;
    use crate::kraken::logon::{Credentials, Logon, NONCE_WINDOW_MS};
    use crate::pipeline::TRADING;
    use crate::secret::Secret;
    use crate::session::SessionConfig;
    use crate::trace::Clock;

    const SESSION: SessionId = SessionId(0);

    #[derive(Debug, PartialEq)]
    enum Seen {
        Alarm(Alarm),
        Dialled,
    }

    /// Both ends of the links; notes what comes, in order.
    struct Noted<'a>(&'a RefCell<Vec<Seen>>);

    impl EventSink for Noted<'_> {
        fn push(&mut self, event: &Event) {
            if let EventKind::Alarm(alarm) = event.kind {
                self.0.borrow_mut().push(Seen::Alarm(alarm));
            }
        }
    }

    impl Ports for Noted<'_> {
        fn dial(&mut self, _: Dial) {
            self.0.borrow_mut().push(Seen::Dialled);
        }

        fn dialled(&mut self) -> Option<Dialled> {
            None
        }

        fn attach(&mut self, _: SessionId, _: u32, _: Receiver) {}
        fn detach(&mut self, _: SessionId) {}
        fn discard(&mut self, _: Spent) {}
    }

    fn conductor(now: UtcTime) -> Conductor {
        let config = ConductorConfig {
            reconnect: Reconnect::default(),
            rollover: None,
            reset: ResetPolicy::Never,
            hosts: 1,
            seed: 0,
        };
        Conductor::new(config, None, now)
    }

    #[test]
    fn a_nonce_that_an_earlier_clock_left_ahead_of_this_one_is_told_before_the_dial() {
        let now_ms = 1_775_572_321_000;
        for (last_nonce, told) in [
            (now_ms - 1, None),
            (now_ms + 999, None),
            (now_ms + 1_000, Some(1_001)),
            (now_ms + 9_999, Some(10_000)),
            (u64::MAX, Some(u64::MAX - now_ms)),
        ] {
            let time = Arc::new(AtomicU64::new(0));
            time.store(now_ms * 1_000_000, Ordering::Relaxed);
            let clock = Clock::virtual_at(time);
            let id = |text: &str| text.parse().expect("it is a CompID");
            let mut config = SessionConfig::initiator(id("C"), id("V"));
            config.clock_skew_warning = Some(Duration::from_secs(1));
            let credentials = Credentials::new(Secret::new("KEY"), Secret::new("c2VjcmV0"));
            let mut logon = Logon::trading(credentials.expect("good ones"), true);
            logon.continue_after(last_nonce);
            let (traces, _) = rtrb::RingBuffer::new(1);
            let mut core = SessionCore::new(vec![(config, logon)], &[], clock.clone(), traces);
            let mut links = Links::new([(SESSION, conductor(clock.now()))]);
            let seen = RefCell::default();
            links.step(clock.now(), &mut core, &mut Noted(&seen), &mut Noted(&seen));
            let window_ms = NONCE_WINDOW_MS;
            let alarm = told.map(|ms| Seen::Alarm(Alarm::NonceAhead { ms, window_ms }));
            let expected: Vec<_> = alarm.into_iter().chain([Seen::Dialled]).collect();
            assert_eq!(seen.into_inner(), expected);
        }
    }

    #[test]
    fn behind_a_report_that_came_too_early_the_trading_session_waits_for_the_instruments() {
        for early in [false, true] {
            let time = Arc::new(AtomicU64::new(1_775_572_321_000_000_000));
            let clock = Clock::virtual_at(Arc::clone(&time));
            let id = |text: &str| text.parse().expect("it is a CompID");
            let session = || (SessionConfig::initiator(id("C"), id("V")), Logon::MarketData);
            let (traces, _) = rtrb::RingBuffer::new(1);
            let symbols = ["BTC/USD".parse().expect("it is short")];
            let sessions = vec![session(), session()];
            let mut core = SessionCore::new(sessions, &symbols, clock.clone(), traces);
            let mut links = Links::new([(TRADING, conductor(clock.now()))]);
            links.0[0].early = early;
            let seen = RefCell::default();
            for _ in 0..2 {
                links.step(clock.now(), &mut core, &mut Noted(&seen), &mut Noted(&seen));
                let due = links.next_deadline(clock.now(), &core);
                assert!(
                    !early || due == UtcTime(u64::MAX),
                    "it is the instruments that it waits for"
                );
                time.fetch_add(2 * RECALL_WAIT_NS, Ordering::Relaxed);
            }
            let dialled = seen.into_inner().contains(&Seen::Dialled);
            assert_eq!(dialled, !early);
        }
    }
}
