//! What must hold after every step of a simulation.

use taut::order::{Order, OrderState, OrderTable};
use taut::strategy::Strategy;
use taut::types::{Market, Qty, Side, Symbol, market_of};
use taut_codec::value::UtcTime;

use super::Simulation;
use super::parts::Seat;
use crate::matching::{Book, Order as TheirOrder};
use crate::venue::Outcome;

/// What the checks remember from one step to the next.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// What the venue must conserve, as it was at the start.
    conserved: Vec<i128>,
    /// What was booked for the client at the start.
    booked: Vec<i128>,
    /// What the desk did not hear of, amount by amount, and after how many breaks and recoveries.
    unheard: (u64, Vec<i128>),
    /// How often the two sides were compared.
    pub quiet: u64,
    /// How often a position that is not flat was compared.
    pub positions: u64,
    /// How often live orders were compared, counted by order.
    pub orders: u64,
    /// Those of them that waited for a trigger.
    pub waiting: u64,
    /// How often positions were compared of which the desk says that they are uncertain, by so much.
    pub unsure: u64,
    /// How often they were that are certain although the venue did not tell how some orders ended.
    pub sure_again: u64,
}

pub(super) fn require(holds: bool, text: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(text()) }
}

impl<S: Strategy> Simulation<S> {
    pub(super) fn start_checks(&mut self) {
        self.checks.conserved = self.conserved();
        self.checks.booked = self.booked();
        self.checks.unheard = (0, vec![0; self.checks.booked.len()]);
    }

    pub(super) fn check(&mut self) -> Result<(), String> {
        for arrival in self.venue.take_arrivals().collect::<Vec<_>>() {
            if arrival.outcome == Outcome::Arrived {
                let is_its = |seat: &Seat| seat.sender.as_bytes() == arrival.sender.as_bytes();
                let seat = self.seats.iter().position(is_its).unwrap_or(0);
                self.engine.watch_mut().arrived(seat, arrival);
            }
        }
        if let Some(violation) = &self.engine.watch().violation {
            return Err(violation.clone());
        }
        self.check_counters()?;
        self.check_venue()?;
        if self.is_quiet() {
            self.checks.quiet += 1;
            self.check_books()?;
            self.check_orders()?;
            self.check_positions()?;
        }
        Ok(())
    }

    fn check_counters(&self) -> Result<(), String> {
        let desk = self.desk();
        let stats = desk.stats();
        let mut never = vec![
            ("a command overtook another", stats.lane_violations),
            ("a checksum was wrong", stats.checksums_failed),
            ("a book became stale", stats.books_stale),
            ("a fee in a foreign currency", stats.foreign_fees),
            ("a fill was told twice", stats.fills_duplicate),
            ("a fill was not counted once", stats.fills.abs_diff(self.record().fills_told())),
        ];
        if self.record().faults == 0 {
            never.extend([
                ("desk and venue disagreed", stats.disagreements),
                ("a report of an unknown order", stats.unknown_reports),
                ("a refusal of an unknown order", stats.unknown_refusals),
                ("an order became uncertain", stats.uncertain),
                ("fills were lost", stats.fills_recovered),
                ("an order was adopted", stats.adopted),
            ]);
        }
        match never.into_iter().find(|(_, count)| *count > 0) {
            Some((what, _)) => Err(format!("{what}: {stats:?}")),
            None => require(desk.fault().is_none(), || "the venue lists too little".into()),
        }
    }

    fn check_venue(&self) -> Result<(), String> {
        let (now, before) = (self.conserved(), &self.checks.conserved);
        require(now == *before, || format!("money was {before:?} and is {now:?}"))?;
        self.check_means()?;
        let stats = self.venue.stats();
        let most = self.lanes.len();
        let sane = stats.sessions_up <= most && stats.slow_drops == 0 && stats.arrivals_lost == 0;
        require(sane, || format!("{stats:?}"))
    }

    /// Nothing is on its way: both sides know the same.
    fn is_quiet(&mut self) -> bool {
        self.record().are_sessions_up()
            && self.desk().is_started()
            && self.desk().commands_under_way() == 0
            && self.lanes.iter().all(super::network::Lane::is_quiet)
            && self.links.len() == self.lanes.len()
            && self.links.is_flushed(&self.venue)
            && !self.venue.are_requests_under_way()
            && self.rest.iter().all(super::rest::RestNet::is_quiet)
    }

    fn check_books(&self) -> Result<(), String> {
        for (_, market) in self.desk().markets().iter() {
            let symbol = market.symbol();
            let Some(ours) = market.live_book() else {
                return Err(format!("{symbol} has no live book: {:?}", market.status()));
            };
            let theirs = self.their_book(&symbol);
            let theirs = theirs.ok_or_else(|| format!("{symbol} is not listed"))?;
            for side in [Side::Buy, Side::Sell] {
                let depth = usize::from(self.depth);
                let a: Vec<_> = ours.levels(side).take(depth).map(|l| (l.px, l.qty)).collect();
                let b: Vec<_> = theirs.levels(side).take(depth).map(|l| (l.px, l.total)).collect();
                require(a == b, || format!("{symbol} {side:?}: ours {a:?}, theirs {b:?}"))?;
            }
        }
        Ok(())
    }

    fn their_book(&self, symbol: &Symbol) -> Option<&Book> {
        match market_of(symbol) {
            Market::Spot => {
                let engine = self.venue.engine();
                engine.book(engine.instrument_id(symbol.as_bytes())?)
            }
            Market::Derivatives => {
                let engine = self.venue.derivatives();
                engine.book(engine.instrument_id(symbol.as_bytes())?)
            }
        }
    }

    fn their_order(&self, market: Market, id: &[u8]) -> Option<&TheirOrder> {
        match market {
            Market::Spot => {
                let engine = self.venue.engine();
                engine.order(engine.order_ref(id)?)
            }
            Market::Derivatives => {
                let engine = self.venue.derivatives();
                engine.order(engine.order_ref(id)?)
            }
        }
    }

    fn check_orders(&mut self) -> Result<(), String> {
        let desk = self.desk();
        let mut compared = (0, 0);
        for (seat, orders) in self.seats.iter().zip([Some(desk.orders()), desk.second_orders()]) {
            let (of, waiting) =
                self.check_orders_of(seat, orders.expect("a table for each market"))?;
            compared = (compared.0 + of, compared.1 + waiting);
        }
        self.checks.orders += compared.0;
        self.checks.waiting += compared.1;
        Ok(())
    }

    /// Returns how many were compared, and how many of them wait for a trigger.
    fn check_orders_of(&self, seat: &Seat, orders: &OrderTable) -> Result<(u64, u64), String> {
        let desk = self.desk();
        let certain = |order: &&Order| order.state != OrderState::Uncertain;
        let (mut ours, mut waiting) = (0, 0);
        for order in orders.live().filter(certain) {
            ours += 1;
            waiting += u64::from(order.is_untriggered());
            let theirs = self
                .their_order(seat.market, order.order_id.as_bytes())
                .ok_or_else(|| format!("the venue does not have {order:?}"))?;
            let same = theirs.qty == order.qty
                && theirs.cum == order.cum
                && theirs.leaves() == order.leaves
                && theirs.ord_type == order.ord_type
                && theirs.ord_type.has_limit().then_some(theirs.price) == order.px
                && (!order.is_untriggered() || Some(theirs.stop) == order.stop_px)
                && theirs.side == order.side
                && order.filled() == order.cum
                && order.pending_replaces() == 0
                && order.held_replace().is_none()
                && !order.is_cancel_pending();
            require(same || !desk.is_reconciled() && theirs.side == order.side, || {
                format!("ours {order:?}, theirs {theirs:?}")
            })?;
        }
        let theirs = self.venue.open_orders(&seat.sender);
        let uncertain = orders.live_len() - ours;
        // Calls by REST that were lost may leave some in doubt until the next list.
        let is_known = desk.is_reconciled() && (uncertain == 0 || desk.stats().rest_failures == 0);
        let fits = if is_known { ours == theirs && uncertain == 0 } else { ours <= theirs };
        require(fits, || {
            format!("{ours} orders live here ({uncertain} more may), {theirs} there")
        })?;
        Ok((ours as u64, waiting))
    }

    /// What the desk counted, and what is not in it because its report was lost with a connection,
    /// is what the venue booked. The latter does not change between two breaks.
    fn check_positions(&mut self) -> Result<(), String> {
        let counted = self.counted()?;
        let unheard: Vec<i128> = self
            .booked()
            .iter()
            .zip(&self.checks.booked)
            .zip(&counted)
            .map(|((now, before), counted)| now - before - counted)
            .collect();
        let positions = self.desk().positions();
        let flat = self
            .desk()
            .markets()
            .iter()
            .all(|(id, _)| positions.get(id).is_none_or(|position| position.fills == 0));
        self.checks.positions += u64::from(!flat);
        self.check_unheard(&unheard)?;
        // What was lost may be made good, order by order.
        let breaks = self.record().breaks + self.desk().stats().fills_recovered;
        let may_differ = self.record().faults > 0 && self.checks.unheard.0 != breaks;
        if may_differ {
            self.checks.unheard = (breaks, unheard);
            return Ok(());
        }
        // Fees are told as an order's total (venue file 6.13): its next report brings what the lost
        // ones said, so less may be unheard than before, never more.
        let known = &self.checks.unheard.1;
        let less =
            |now: i128, before: i128| now.abs() < before.abs() && now.signum() == before.signum();
        let healed = self.record().faults > 0;
        let fits = unheard
            .iter()
            .zip(known)
            .all(|(&now, &before)| now == before || (healed && less(now, before)));
        require(fits, || {
            format!("the venue booked {unheard:?} that the desk does not have, before {known:?}")
        })?;
        self.checks.unheard.1 = unheard;
        Ok(())
    }

    /// When it is known what became of every order, no more may be unheard than what the desk says may have
    /// been filled unseen, and fees: those of that, and of fills that are known by the totals of their orders.
    fn check_unheard(&mut self, unheard: &[i128]) -> Result<(), String> {
        let desk = self.desk();
        if !desk.is_reconciled() {
            return Ok(());
        }
        let is_unsure =
            desk.markets().iter().any(|(id, _)| desk.position_unseen(id) != [Qty(0); 2]);
        let (unsure, sure) = (u64::from(is_unsure), u64::from(!is_unsure && desk.stats().gone > 0));
        let fees_max = self.fees_unknown()?;
        let (least, most) = (self.unseen(|[_, sold]| -sold)?, self.unseen(|[bought, _]| bought)?);
        let fits = unheard.iter().zip(&fees_max).zip(least.iter().zip(&most)).all(
            |((&now, fee), (&least, &most))| {
                (least.min(most) - fee.abs()..=most.max(least) + fee.abs()).contains(&now)
            },
        );
        require(fits, || {
            format!("{unheard:?} is not heard of, {least:?} to {most:?} said, fees {fees_max:?}")
        })?;
        self.checks.unsure += unsure;
        self.checks.sure_again += sure;
        Ok(())
    }

    pub(super) fn fail(&self, at: UtcTime, violation: &str) -> ! {
        let elapsed = at.nanos_since(self.start);
        let record = self.record();
        panic!(
            "seed {} at {}.{:09} s: {violation}\nfaults {}, downs {:?}, alarms {:?}",
            self.seed,
            elapsed / 1_000_000_000,
            elapsed % 1_000_000_000,
            record.faults,
            record.downs,
            record.alarms,
        );
    }
}
