//! What goes wrong on the way: connections, and the end of either side.

use taut::command::SessionId;
use taut::strategy::Strategy;
use taut::wire::memory::Cut;

use super::parts::{With, credentials, engine, open_venue, sessions};
use super::{Fault, FaultKind, Record, SimConfig, Simulation, TO_VENUE};
use crate::links::Links;

impl<S: Strategy> Simulation<S> {
    pub(super) fn due_faults(&mut self, now_ns: u64) {
        let elapsed = now_ns - self.start.0;
        while let Some(fault) = self.config.faults.pop_if(|fault| fault.at_ns <= elapsed) {
            self.suffer(&fault, now_ns);
        }
        let Some(random) = &self.config.random_faults else { return };
        if self.next_random_fault.is_some_and(|at| at <= now_ns) {
            let fault = random.draw(elapsed, self.lanes.len() as u8, &mut self.rng);
            let next = now_ns + self.rng.u64(random.every_ns.clone());
            self.next_random_fault = (next <= self.start.0 + random.until_ns).then_some(next);
            self.suffer(&fault, now_ns);
        }
    }

    fn suffer(&mut self, fault: &Fault, now_ns: u64) {
        if self.lanes[usize::from(fault.session.0)].suffer(fault, now_ns) {
            let record = self.engine.watch_mut();
            record.faults += 1;
            record.breaks += 1;
        }
    }

    /// Lets a fault happen now.
    pub fn inject(&mut self, session: SessionId, kind: FaultKind) {
        let now_ns = self.now().0;
        self.suffer(&Fault { at_ns: now_ns - self.start.0, session, kind }, now_ns);
    }

    /// Kills the engine at any instruction, and starts another one, which has the journal of the first and
    /// nothing else of it.
    pub fn crash(&mut self)
    where
        S: Default,
    {
        self.cut_all();
        let now = self.now();
        let blank = || Record::new(now, self.config.rollover, self.lanes.len());
        let mut record = std::mem::replace(self.engine.watch_mut(), blank());
        record.crashed();
        let none = SimConfig { journal: None, ..self.config.clone() };
        let mut made = |config: &SimConfig, record| {
            let credentials = credentials();
            let with = With { credentials, clock: self.clock.clone(), rng: &mut self.rng };
            engine(config, &self.seats, with, S::default(), record)
        };
        // The lock of the journal ends with the first engine.
        let (placeholder, _) = made(&none, blank());
        let (second, rest) = {
            drop(std::mem::replace(&mut self.engine, placeholder));
            made(&self.config, record)
        };
        (self.engine, self.rest) = (second, rest);
        for lane in &mut self.lanes {
            lane.dialling = None;
        }
    }

    /// The venue is killed and back at once, with what its state says if it keeps one; every connection is
    /// reset.
    ///
    /// # Panics
    /// If the venue refuses its configuration or its state.
    pub fn kill_venue(&mut self) {
        self.cut_all();
        self.links = Links::default();
        let now = self.now();
        // The state is held until the venue is gone.
        self.venue = open_venue(&self.config, false, now);
        self.venue = open_venue(&self.config, true, now);
    }

    /// Every connection is reset.
    fn cut_all(&mut self) {
        for session in sessions(&self.seats) {
            self.inject(*session, FaultKind::Cut { direction: TO_VENUE, cut: Cut::Reset });
        }
    }
}
