//! What can be seen of a simulation.

use taut::desk::Desk;
use taut::event::DownReason;
use taut::strategy::Strategy;
use taut_codec::value::UtcTime;

use super::{Issued, Record, Simulation};
use crate::venue::{Arrival, Venue};

impl<S: Strategy> Simulation<S> {
    /// Whether the engine has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.engine.is_over()
    }

    /// Whether all sessions are logged on and the desk has started.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.record().are_sessions_up() && self.desk().is_started()
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> UtcTime {
        self.clock.now()
    }

    /// The desk, with its strategy.
    #[must_use]
    pub const fn desk(&self) -> &Desk<S> {
        self.engine.desk()
    }

    /// The venue.
    #[must_use]
    pub const fn venue(&self) -> &Venue {
        &self.venue
    }

    pub(super) const fn record(&self) -> &Record {
        self.engine.watch()
    }

    /// Every order command of the (first) trading session in the order of issue, with its end and its arrival.
    #[must_use]
    pub fn sent_log(&self) -> &[Issued] {
        &self.record().tracks[0].issued
    }

    /// The same of the second trading session.
    #[must_use]
    pub fn second_sent_log(&self) -> &[Issued] {
        &self.record().tracks[1].issued
    }

    /// Every command that reached the venue's trading engine, in that order.
    #[must_use]
    pub fn arrival_log(&self) -> &[Arrival] {
        &self.record().arrivals
    }

    /// A hash of all bytes that came to the venue and left it and of all events of the engine, each
    /// with its time: one seed, one digest.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.record().digest.0
    }

    /// Faults that happened to a connection.
    #[must_use]
    pub const fn faults(&self) -> u64 {
        self.record().faults
    }

    /// Sessions that went down, so far.
    #[must_use]
    pub fn downs(&self) -> usize {
        self.record().downs.len()
    }

    /// Why sessions went down, so far.
    pub fn down_reasons(&self) -> impl Iterator<Item = DownReason> + '_ {
        self.record().downs.iter().map(|(_, _, reason)| *reason)
    }

    /// How often both sides were compared because nothing was on its way; of these, how often with
    /// fills to compare; and how many live orders were compared.
    #[must_use]
    pub const fn comparisons(&self) -> (u64, u64, u64) {
        (self.checks.quiet, self.checks.positions, self.checks.orders)
    }

    /// How many of the live orders that were compared waited for a trigger.
    #[must_use]
    pub const fn waiting_compared(&self) -> u64 {
        self.checks.waiting
    }

    /// How often positions were compared that are uncertain, as the desk says, by so much; and how often, of
    /// those, that are certain again.
    #[must_use]
    pub const fn unsure_compared(&self) -> (u64, u64) {
        (self.checks.unsure, self.checks.sure_again)
    }

    /// Steps so far.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }
}
