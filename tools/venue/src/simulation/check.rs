//! What must hold after every step of a simulation.

use taut::order::{Order, OrderState};
use taut::strategy::Strategy;
use taut::types::Side;
use taut_codec::value::UtcTime;

use super::Simulation;
use crate::matching::{AccountId, Asset, AssetId, MONEY_SCALE, SpotEngine};
use crate::venue::Outcome;

/// What the checks remember from one step to the next.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// All money of the venue by asset, as it was at the start.
    money: Vec<i128>,
    /// The client's balances by asset, as they were at the start.
    balances: Vec<i128>,
    /// What the desk did not hear of, by asset, and after how many breaks and recoveries.
    unheard: (u64, Vec<i128>),
    /// How often the two sides were compared.
    pub quiet: u64,
    /// How often a position that is not flat was compared.
    pub positions: u64,
    /// How often live orders were compared, counted by order.
    pub orders: u64,
}

fn money(engine: &SpotEngine) -> Vec<i128> {
    let sum = |asset: AssetId| -> Option<i128> {
        engine.balance(AccountId(0), asset)?;
        (0..)
            .map_while(|account| engine.balance(AccountId(account), asset))
            .map(|b| b.total)
            .sum::<i128>()
            .into()
    };
    (0..).map_while(|asset| sum(AssetId(asset))).collect()
}

fn require(holds: bool, text: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(text()) }
}

impl<S: Strategy> Simulation<S> {
    pub(super) fn start_checks(&mut self) {
        self.checks.money = money(self.venue.engine());
        self.checks.balances = self.balances();
        self.checks.unheard = (0, vec![0; self.checks.balances.len()]);
    }

    pub(super) fn check(&mut self) -> Result<(), String> {
        for arrival in self.venue.take_arrivals().collect::<Vec<_>>() {
            if arrival.outcome == Outcome::Arrived {
                self.engine.watch_mut().arrived(arrival);
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
        let now = money(self.venue.engine());
        let before = &self.checks.money;
        require(now == *before, || format!("money was {before:?} and is {now:?}"))?;
        let account = self.account();
        for asset in (0..now.len() as u16).map(AssetId) {
            let balance = self.venue.engine().balance(account, asset).unwrap_or_default();
            let sane = balance.held >= 0 && balance.available() >= 0;
            require(sane, || format!("the client's balance is {balance:?}"))?;
        }
        let stats = self.venue.stats();
        let sane = stats.sessions_up <= 2 && stats.slow_drops == 0 && stats.arrivals_lost == 0;
        require(sane, || format!("{stats:?}"))
    }

    /// Nothing is on its way: both sides know the same.
    fn is_quiet(&mut self) -> bool {
        self.record().are_sessions_up()
            && self.desk().is_started()
            && self.desk().commands_under_way() == 0
            && self.lanes.iter().all(super::network::Lane::is_quiet)
            && self.links.len() == 2
            && self.links.is_flushed(&self.venue)
            && !self.venue.are_requests_under_way()
            && self.rest.as_ref().is_none_or(super::rest::RestNet::is_quiet)
    }

    fn check_books(&self) -> Result<(), String> {
        let engine = self.venue.engine();
        for (_, market) in self.desk().markets().iter() {
            let symbol = market.symbol();
            let Some(ours) = market.live_book() else {
                return Err(format!("{symbol} has no live book: {:?}", market.status()));
            };
            let id = engine.instrument_id(symbol.as_bytes());
            let theirs = id.and_then(|id| engine.book(id));
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

    fn check_orders(&mut self) -> Result<(), String> {
        let (engine, desk) = (self.venue.engine(), self.desk());
        let certain = |order: &&Order| order.state != OrderState::Uncertain;
        let mut ours = 0;
        for order in desk.orders().live().filter(certain) {
            ours += 1;
            let theirs = engine
                .order_ref(order.order_id.as_bytes())
                .and_then(|reference| engine.order(reference))
                .ok_or_else(|| format!("the venue does not have {order:?}"))?;
            let same = theirs.qty == order.qty
                && theirs.cum == order.cum
                && theirs.leaves() == order.leaves
                && Some(theirs.price) == order.px
                && theirs.side == order.side
                && order.filled() == order.cum
                && order.pending_replaces() == 0
                && !order.is_cancel_pending();
            require(same || !desk.is_reconciled() && theirs.side == order.side, || {
                format!("ours {order:?}, theirs {theirs:?}")
            })?;
        }
        let theirs = self.venue.open_orders(&self.sender);
        let uncertain = desk.orders().live_len() - ours;
        let fits =
            if desk.is_reconciled() { ours == theirs && uncertain == 0 } else { ours <= theirs };
        require(fits, || {
            format!("{ours} orders live here ({uncertain} more may), {theirs} there")
        })?;
        self.checks.orders += ours as u64;
        Ok(())
    }

    /// What the desk counted, and what is not in it because its report was lost with a connection,
    /// is what the venue booked. The latter does not change between two breaks.
    fn check_positions(&mut self) -> Result<(), String> {
        let mut unheard = self.balances();
        for (now, before) in unheard.iter_mut().zip(&self.checks.balances) {
            *now -= before;
        }
        let mut flat = true;
        for (id, market) in self.desk().markets().iter() {
            let (Some(position), Some(facts)) =
                (self.desk().positions().get(id), market.instrument())
            else {
                continue;
            };
            flat &= position.fills == 0;
            let unit = |scale: u8| 10i128.pow(u32::from(MONEY_SCALE - scale));
            let base = i128::from(position.qty) * unit(facts.qty_precision) - position.fees_base;
            let quote = position.cash * unit(facts.price_precision + facts.qty_precision)
                - position.fees_quote;
            for (name, amount) in facts.symbol.as_str().split('/').zip([base, quote]) {
                let asset: Option<Asset> = name.parse().ok();
                let asset = asset.and_then(|asset| self.venue.engine().asset_id(asset));
                let asset = asset.ok_or_else(|| format!("{name} is no asset"))?;
                unheard[usize::from(asset.0)] -= amount;
            }
        }
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

    /// When it is known what became of every order, only fees may be unheard: those of fills that are
    /// known by the totals of their orders. Unless there are orders of which the venue does not tell
    /// how they ended.
    fn check_unheard(&self, unheard: &[i128]) -> Result<(), String> {
        let stats = self.desk().stats();
        if !self.desk().is_reconciled() || stats.gone > 0 {
            return Ok(());
        }
        let mut fees_max = vec![0; unheard.len()];
        for (id, market) in self.desk().markets().iter() {
            let position = self.desk().positions().get(id).map_or(0, |one| one.recovered);
            let (Some(facts), Some(twice_mid)) = (market.instrument(), market.book().twice_mid())
            else {
                continue;
            };
            let unit = |scale: u8| 10i128.pow(u32::from(MONEY_SCALE - scale));
            let base = i128::from(position) * unit(facts.qty_precision);
            let quote = i128::from(position)
                * twice_mid
                * unit(facts.price_precision + facts.qty_precision);
            for (name, amount) in facts.symbol.as_str().split('/').zip([base, quote]) {
                let asset: Option<Asset> = name.parse().ok();
                let asset = asset.and_then(|asset| self.venue.engine().asset_id(asset));
                // The highest fee is below half a percent.
                fees_max[usize::from(asset.map_or(0, |asset| asset.0))] += amount / 200;
            }
        }
        let fits = unheard.iter().zip(&fees_max).all(|(now, max)| now.abs() <= *max);
        require(fits, || format!("{unheard:?} is not heard of, fees explain {fees_max:?}"))
    }

    fn account(&self) -> AccountId {
        self.venue.account(&self.sender).expect("the sender is the venue's first client")
    }

    fn balances(&self) -> Vec<i128> {
        let (engine, account) = (self.venue.engine(), self.account());
        let balance = |asset| engine.balance(account, AssetId(asset));
        (0..).map_while(balance).map(|balance| balance.total).collect()
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
