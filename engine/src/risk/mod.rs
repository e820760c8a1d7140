//! Limits that cannot be by-passed.
//!
//! A [`RiskCheck`] is told of every change that matters to it, one instrument or order at a time, and
//! adds nothing up when it is asked. It changes its limits only when its owner says so
//! ([`RiskCheck::set_limits`]), between two events.

mod bucket;
mod check;
mod form;
mod limits;
mod mirror;
mod own_quotes;
mod refusal;
mod totals;
pub mod venue_rate;

pub use limits::{LimitSet, RiskLimits, TotalLimits};
pub use mirror::{Charge, Mirror, TokenCosts, VenueRate, VenueRateRule};
pub use refusal::{Numbers, Refusal};

use taut_codec::ids::is_inverse;
use taut_codec::value::{Decimal, UtcTime};

use crate::market::Book;
use crate::order::{Order, Positions};
use crate::types::{Instrument, InstrumentId, Market, Px, Side, TimeInForce};
use bucket::Bucket;
use limits::{Resolved, VALUE_SCALE, floor_to_scale};
use own_quotes::OwnQuotes;
use totals::{Share, Totals, VALUE_MAX};

/// Proof that an order passed the risk check. Only this module can make one, and only a `Checked`
/// order can be encoded.
///
/// ```compile_fail
/// use taut::command::NewOrder;
/// use taut::risk::Checked;
/// fn by_pass(order: NewOrder) -> Checked<NewOrder> {
///     Checked(order)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked<T>(T);

impl<T> Checked<T> {
    /// The order.
    pub const fn get(&self) -> &T {
        &self.0
    }
}

/// What the check looks at, all of the order's instrument.
#[derive(Debug, Clone, Copy)]
pub struct RiskView<'a> {
    /// The book, if it is live.
    pub book: Option<&'a Book>,
    /// The position, in quantity units, long positive.
    pub position: i64,
    /// Quantity that open buys could still add, and open sells take.
    pub open: [i64; 2],
    /// Open orders.
    pub open_orders: u32,
}

impl RiskView<'_> {
    /// The index of a side in [`RiskView::open`].
    #[must_use]
    pub const fn index(side: Side) -> usize {
        match side {
            Side::Buy => 0,
            Side::Sell => 1,
        }
    }

    /// The largest position, long or short, that open orders could lead to, if `adds` more were open on
    /// `side`.
    fn worst(&self, side: Side, adds: i64) -> i128 {
        let reach = |of: Side| {
            let more = if of == side { i128::from(adds) } else { 0 };
            let open = i128::from(self.open[Self::index(of)]) + more;
            open + i128::from(of.sign()) * i128::from(self.position)
        };
        reach(Side::Buy).max(reach(Side::Sell))
    }
}

/// Who pulled the kill switch, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KillCause {
    /// The strategy.
    Strategy,
    /// An operator: a signal, or a call from outside.
    Operator,
    /// The loss of the day passed its limit.
    DailyLoss {
        /// Of one instrument, or of all with its quote currency.
        instrument: InstrumentId,
        /// Whether it is the limit of all together.
        total: bool,
        /// The loss and its limit.
        numbers: Numbers,
    },
}

impl std::fmt::Display for KillCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Strategy => f.write_str("by the strategy"),
            Self::Operator => f.write_str("by an operator"),
            Self::DailyLoss { numbers, .. } => write!(f, "loss of the day: {numbers}"),
        }
    }
}

/// What could be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadRoom {
    /// Orders and replaces that our own rate limits would let pass at once.
    pub commands: u32,
    /// Points or tokens that a command may cost by the venue's rate limit, the reserve for cancels
    /// included; `None` if the venue has none.
    pub venue: Option<u32>,
}

/// The risk check of a desk: configured limits, the venue's rules, rates and the kill switch.
#[derive(Debug)]
pub struct RiskCheck {
    rows: Vec<Row>,
    total: TotalLimits,
    bucket: Bucket,
    totals: Totals,
    quotes: OwnQuotes,
    mirror: Mirror,
    killed: Option<KillCause>,
    /// Days since the epoch.
    day: u64,
    watches_loss: bool,
}

#[derive(Debug)]
struct Row {
    limits: RiskLimits,
    /// The instrument's rules and the limits in its units, once the venue has told them.
    known: Option<Known>,
    bucket: Bucket,
    /// When the book was last heard of.
    heard: UtcTime,
    /// The last mid price that there was, doubled; 0 if there was none.
    twice_mid: i128,
    share: Share,
    /// What the value in `share` was made of; `None` if that is not its value by now.
    valued: Option<Valued>,
    /// Profit and loss, now and when the day began.
    pnl: i128,
    pnl_before: i128,
    /// An earlier run left something behind: the day begins with what that is worth once there is a price.
    is_recalled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Valued {
    qty: i128,
    twice_mid: i128,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    instrument: Instrument,
    market: Market,
    is_inverse: bool,
    limits: Resolved,
    /// Which sum it belongs to.
    sum: usize,
}

impl RiskCheck {
    /// A check with the limits of each instrument, in the order of their ids; the only place that
    /// allocates.
    #[must_use]
    pub fn new(limits: impl Iterator<Item = RiskLimits>) -> Self {
        let row = |limits: RiskLimits| Row {
            limits,
            known: None,
            bucket: Bucket::new(limits.commands_per_second, limits.burst),
            heard: UtcTime(0),
            twice_mid: 0,
            share: Share::default(),
            valued: None,
            pnl: 0,
            pnl_before: 0,
            is_recalled: false,
        };
        let rows: Vec<Row> = limits.map(row).collect();
        let total = TotalLimits::UNLIMITED;
        Self {
            total,
            bucket: Bucket::new(total.commands_per_second, total.burst),
            totals: Totals::new(rows.len()),
            quotes: OwnQuotes::new(rows.len()),
            mirror: Mirror::new(rows.len(), VenueRate::UNLIMITED),
            killed: None,
            day: 0,
            watches_loss: rows.iter().any(|row| row.limits.max_daily_loss.is_some()),
            rows,
        }
    }

    /// The same with limits of all instruments together, and the venue's rate limit.
    #[must_use]
    pub fn with_totals(mut self, total: TotalLimits, venue_rate: VenueRate) -> Self {
        self.total = total;
        self.bucket = Bucket::new(total.commands_per_second, total.burst);
        self.mirror = Mirror::new(self.rows.len(), venue_rate);
        self.watches_loss |= total.max_daily_loss.is_some();
        self
    }

    /// Puts other limits in the place of the old ones. What the rate limits have left stays, as far as
    /// it fits. `limits` in the order of the instruments' ids; those that are missing stay as they are.
    pub fn set_limits(
        &mut self,
        limits: impl Iterator<Item = RiskLimits>,
        total: TotalLimits,
        now: UtcTime,
    ) {
        for (row, limits) in self.rows.iter_mut().zip(limits) {
            row.bucket = row.bucket.changed(limits.commands_per_second, limits.burst, now);
            row.limits = limits;
            if let Some(known) = &mut row.known {
                known.limits = Resolved::new(&limits, &known.instrument);
            }
        }
        self.bucket = self.bucket.changed(total.commands_per_second, total.burst, now);
        self.total = total;
        let watched = self.rows.iter().any(|row| row.limits.max_daily_loss.is_some());
        self.watches_loss = watched || total.max_daily_loss.is_some();
    }

    /// Notes the venue's rules of an instrument; until then its orders are refused.
    pub fn set_instrument(&mut self, id: InstrumentId, instrument: &Instrument) {
        let sum = self.totals.find(instrument.symbol.as_bytes());
        if let Some(row) = self.rows.get_mut(usize::from(id.0)) {
            let (market, limits) = (instrument.market(), Resolved::new(&row.limits, instrument));
            let is_inverse = is_inverse(instrument.symbol.as_bytes());
            row.known = Some(Known { instrument: *instrument, market, is_inverse, limits, sum });
            row.valued = None;
        }
    }

    /// Exchanges everything with `other` but what is of one trading session: the mirror of its rate limit,
    /// and where its orders rest.
    pub(crate) fn lend(&mut self, other: &mut Self) {
        std::mem::swap(self, other);
        std::mem::swap(&mut self.mirror, &mut other.mirror);
        std::mem::swap(&mut self.quotes, &mut other.quotes);
    }

    /// Pulls the kill switch: every new order and replace is refused from now on; cancels pass. The
    /// first cause stays. Whether it was not pulled before.
    pub fn kill(&mut self, cause: KillCause) -> bool {
        let was_armed = self.killed.is_none();
        self.killed = self.killed.or(Some(cause));
        was_armed
    }

    /// Releases the kill switch: an operator's business. A loss that is still beyond its limit pulls it
    /// again.
    pub fn rearm(&mut self) {
        self.killed = None;
    }

    /// Why the kill switch is pulled, if it is.
    #[must_use]
    pub const fn killed(&self) -> Option<KillCause> {
        self.killed
    }

    /// What could be sent on the instrument now.
    pub fn head_room(&mut self, id: InstrumentId, now: UtcTime) -> HeadRoom {
        let total = self.bucket.head_room(now);
        let row = self.rows.get_mut(usize::from(id.0));
        let commands = row.map_or(0, |row| row.bucket.head_room(now)).min(total);
        HeadRoom { commands, venue: self.mirror.room(id, now) }
    }

    /// The venue's rate limit as seen from here.
    #[must_use]
    pub const fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// What an earlier run traded of an instrument is being added to its position: none of that was lost
    /// today.
    pub fn on_recalled(&mut self, id: InstrumentId) {
        if let Some(row) = self.rows.get_mut(usize::from(id.0)) {
            row.is_recalled = true;
        }
    }

    /// A message about the book of an instrument was applied.
    pub fn on_book(
        &mut self,
        id: InstrumentId,
        view: &RiskView<'_>,
        positions: &Positions,
        now: UtcTime,
    ) {
        if let Some(row) = self.rows.get_mut(usize::from(id.0)) {
            row.heard = now;
        }
        self.on_change(id, view, positions, now);
    }

    /// The orders, the position or the mid price of an instrument changed. Pulls the kill switch if
    /// the loss of the day has passed its limit. A position counts from its first mid price on.
    pub fn on_change(
        &mut self,
        id: InstrumentId,
        view: &RiskView<'_>,
        positions: &Positions,
        now: UtcTime,
    ) {
        if self.watches_loss {
            self.begin_day(now);
        }
        let Some(row) = self.rows.get_mut(usize::from(id.0)) else { return };
        let Some(Known { instrument, limits, sum, .. }) = &row.known else { return };
        if let Some(twice_mid) = view.book.and_then(Book::twice_mid) {
            row.twice_mid = twice_mid.max(0);
        }
        let valued = Valued { qty: view.worst(Side::Buy, 0), twice_mid: row.twice_mid };
        let same = row.valued == Some(valued) && row.share.open_orders == view.open_orders;
        if same && !self.watches_loss && !row.is_recalled {
            return;
        }
        row.valued = Some(valued);
        let has_price = row.twice_mid > 0 || !positions.needs_mid(id);
        if (self.watches_loss || row.is_recalled)
            && has_price
            && let Some(pnl) = positions.pnl_at(id, instrument, row.twice_mid)
        {
            row.pnl = pnl.net().clamp(-VALUE_MAX, VALUE_MAX);
            if std::mem::take(&mut row.is_recalled) {
                row.pnl_before = row.pnl;
            }
        }
        let share = Share {
            gross: limits.value(valued.qty, valued.twice_mid),
            day: row.pnl - row.pnl_before,
            open_orders: view.open_orders,
        };
        self.totals.replace(*sum, &row.share, &share);
        row.share = share;
        if self.watches_loss {
            let together = self.totals.day(*sum);
            let bounds = [
                (false, share.day, row.limits.max_daily_loss),
                (true, together, self.total.max_daily_loss),
            ];
            for (total, day, bound) in bounds {
                if let Some(numbers) = loss(day, bound) {
                    self.kill(KillCause::DailyLoss { instrument: id, total, numbers });
                }
            }
        }
    }

    /// What the instruments of the same currency add up to, value and day, and all open orders.
    #[cfg(test)]
    pub(crate) fn sums(&self, id: InstrumentId) -> (i128, i128, u32) {
        let sum = self.rows[usize::from(id.0)].known.as_ref().expect("it is known").sum;
        (self.totals.gross(sum), self.totals.day(sum), self.totals.open_orders)
    }

    #[cfg(test)]
    pub(crate) fn own_best(&self, id: InstrumentId, side: Side) -> Option<Px> {
        self.quotes.best(id, side)
    }

    /// An order of ours was sent or has changed.
    pub fn on_order(&mut self, order: &Order) {
        let at_once = matches!(order.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
        let (waits, kind) = (order.is_untriggered(), order.ord_type);
        let px = match order.best_px() {
            _ if order.state.is_end() => None,
            // It may meet any order of the other side.
            _ if waits && (kind.trails() || !kind.has_limit()) => Some(any_price(order.side)),
            px => px.filter(|_| waits || !at_once),
        };
        self.quotes.set(order.handle.slot(), order.instrument, order.side, px);
    }

    /// The day ends at midnight, UTC.
    fn begin_day(&mut self, now: UtcTime) {
        const NANOS: u64 = 86_400_000_000_000;
        if now.0 / NANOS <= self.day {
            return;
        }
        self.day = now.0 / NANOS;
        for row in &mut self.rows {
            row.pnl_before = row.pnl;
            let share = Share { day: 0, ..row.share };
            if let Some(known) = &row.known {
                self.totals.replace(known.sum, &row.share, &share);
            }
            row.share = share;
        }
    }
}

/// Where an order would rest that trades at any price.
const fn any_price(side: Side) -> Px {
    match side {
        Side::Buy => Px(i64::MAX),
        Side::Sell => Px(0),
    }
}

/// A loss beyond its limit.
fn loss(day: i128, bound: Option<Decimal>) -> Option<Numbers> {
    let bound = floor_to_scale(bound?, VALUE_SCALE).max(0);
    (-day > bound).then(|| Numbers { asked: -day, bound, scale: VALUE_SCALE })
}

#[cfg(test)]
mod tests;
