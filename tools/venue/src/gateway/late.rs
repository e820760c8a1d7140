//! Trades that are not reported in time, on purpose: venue file 4.6, tag 378. While they are withheld no client
//! hears of its fills; afterwards each order that traded is told as it is by then, with 150=D and 378=3.

use taut_codec::value::UtcTime;

use super::reporter::{Draft, Reporter};
use super::{Gateway, Market};
use crate::limits::LATE_ORDERS_MAX;
use crate::matching::{Engine, OrderRef, Settlement};
use crate::oes::Oes;

/// The orders that traded unreported, in the order of their first trade.
#[derive(Debug, Default)]
pub(super) struct Late {
    withheld: bool,
    orders: Vec<(Market, OrderRef)>,
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
}

impl Reporter {
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

crate::state::stored! { Late { withheld, orders } }
