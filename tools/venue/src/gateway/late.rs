//! Reports that are not sent in time, on purpose.
//!
//! Trades (venue file 4.6, tag 378): while they are withheld no client hears of its fills; afterwards each order
//! that traded is told as it is by then, with 150=D and 378=3.
//!
//! One report: it is held back as it was made, with its ExecID, and numbered when it leaves; those after it go on.

use taut_codec::value::UtcTime;

use super::reporter::{Draft, Report, Reporter};
use super::{Gateway, Market};
use crate::limits::{LATE_ORDERS_MAX, LATE_REPORTS_MAX};
use crate::matching::{Engine, OrderRef, Settlement};
use crate::oes::Oes;

/// The orders that traded unreported, in the order of their first trade, and the reports that are held back.
#[derive(Debug, Default)]
pub(super) struct Late {
    withheld: bool,
    orders: Vec<(Market, OrderRef)>,
    /// Clients whose next report is held back, and for how long, nanoseconds.
    next: Vec<(u16, u64)>,
    held: Vec<Held>,
}

/// A report that is held back.
#[derive(Debug)]
struct Held {
    until: UtcTime,
    market: Market,
    report: Report,
}

impl Late {
    /// Whether a trade of an order is withheld; it is noted then. With too many noted, trades are told at once.
    pub(super) fn withhold(&mut self, market: Market, order: OrderRef) -> bool {
        if !self.withheld {
            return false;
        }
        let is_noted = self.orders.contains(&(market, order));
        if !is_noted && self.orders.len() < LATE_ORDERS_MAX {
            self.orders.push((market, order));
            return true;
        }
        is_noted
    }

    /// How long the next report of a client is held back, nanoseconds, if it is.
    pub(super) fn take_next(&mut self, client: u16) -> Option<u64> {
        let at = self.next.iter().position(|one| one.0 == client)?;
        Some(self.next.swap_remove(at).1)
    }

    /// Holds a report back.
    pub(super) fn hold(&mut self, market: Market, until: UtcTime, report: Report) {
        self.held.push(Held { until, market, report });
    }
}

impl Reporter {
    /// Control: the next report of a client comes so many nanoseconds later. `false` if too many are held back.
    pub fn hold_next(&mut self, client: u16, nanos: u64) -> bool {
        let Late { next, held, .. } = &mut self.late;
        next.retain(|one| one.0 != client);
        let has_room = next.len() + held.len() < LATE_REPORTS_MAX;
        if has_room {
            next.push((client, nanos));
        }
        has_room
    }

    /// When [`Reporter::release`] has something to send.
    #[must_use]
    pub fn deadline(&self) -> UtcTime {
        self.late.held.iter().map(|one| one.until).min().unwrap_or(UtcTime(u64::MAX))
    }

    /// Sends the reports of a market that were held back long enough.
    pub fn release<S: Settlement>(
        &mut self,
        oes: &Oes,
        engine: &Engine<S>,
        gateway: &mut Gateway,
        now: UtcTime,
    ) {
        let is_due = |one: &mut Held| one.until <= now && one.market == oes.market();
        let due: Vec<Held> = self.late.held.extract_if(.., is_due).collect();
        for Held { report, .. } in due {
            self.send_late(&report, oes, engine, gateway, now);
        }
    }

    /// Control: trades are withheld from now on.
    pub fn withhold_trades(&mut self) {
        self.late.withheld = true;
    }

    /// Control: trades are told again, and of one market those that were withheld.
    pub fn restate<S: Settlement>(
        &mut self,
        oes: &Oes,
        engine: &Engine<S>,
        gateway: &mut Gateway,
        now: UtcTime,
    ) {
        self.late.withheld = false;
        let here = |&mut (market, _): &mut (Market, OrderRef)| market == oes.market();
        let orders: Vec<_> = self.late.orders.extract_if(.., here).collect();
        for (_, order) in orders {
            // One that ended so long ago that it is forgotten can be told to nobody.
            if let Some(record) = oes.registry().get(order) {
                self.send(&Draft::restated(record, now), oes, engine, gateway, now);
            }
        }
    }
}

crate::state::stored! {
    Late { withheld, orders, next, held }
    Held { until, market, report }
}
