//! The demo's market maker. It is written against the public [`Strategy`] trait only, as a user's is.

use std::mem::discriminant;

use serde::{Deserialize, Serialize};
use taut::event::EventText;
use taut::strategy::{
    Context, Instrument, InstrumentId, Level, OrderHandle, OrderSpec, OrderState, OrderUpdate, Px,
    Qty, Refusal, RequestKind, SessionUpdate, Side, Strategy, UpdateKind,
};
use taut_codec::value::{Decimal, UtcTime};

use super::told::Teller;

/// `[maker]`: how the market maker quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MakerConfig {
    /// Quantity of each quote as a multiple of the instrument's minimum.
    pub size_in_minimums: i64,
    /// Ticks to stand behind the best price of the others; 0 joins it.
    pub behind_ticks: i64,
    /// Largest position, in quotes: beyond it the side that would add to it is not quoted.
    pub position_in_quotes: i64,
}

impl Default for MakerConfig {
    fn default() -> Self {
        Self { size_in_minimums: 20, behind_ticks: 0, position_in_quotes: 20 }
    }
}

/// Quotes both sides of one instrument and follows the market with amends, which it sends back to
/// back without waiting for their acknowledgements: the venue keeps the order of arrival.
pub struct Maker {
    config: MakerConfig,
    buy: Option<Quote>,
    sell: Option<Quote>,
    stopping: bool,
    trouble: Option<Refusal>,
    not_sent: NotSent,
    venue_refusal: Option<EventText>,
    behind_fills: u64,
    errors: Errors,
    teller: Teller,
}

/// Refusals of the venue within a second: it logs out who has too many of them. An amend that is sent behind a
/// fill is one, so a market that fills hundreds of quotes a second would end the session.
#[derive(Debug, Clone, Copy, Default)]
struct Errors {
    since: UtcTime,
    count: u32,
}

/// So many within a second, and nothing is amended until it is over. The venue of the demo takes 100, in
/// seconds that begin elsewhere, and what is under way at that moment is refused as well.
const ERRORS_MAX: u32 = 25;
const SECOND: u64 = 1_000_000_000;

impl Errors {
    fn note(&mut self, now: UtcTime) {
        if now.nanos_since(self.since) >= SECOND {
            *self = Self { since: now, count: 0 };
        }
        self.count += 1;
    }

    const fn are_enough(&self, now: UtcTime) -> bool {
        self.count >= ERRORS_MAX && now.nanos_since(self.since) < SECOND
    }
}

/// How often the desk refused what the maker asked for, by reason. Of fixed size: it is counted on the
/// engine's path.
#[derive(Debug, Clone, Copy)]
pub struct NotSent([Option<(Refusal, u64)>; KINDS]);

/// More than there are reasons.
const KINDS: usize = 64;

impl NotSent {
    /// Of refusals that differ in their numbers only, the last stands for all.
    fn add(&mut self, refusal: Refusal) {
        let is_its_place = |place: &&mut Option<(Refusal, u64)>| {
            place.is_none_or(|(other, _)| discriminant(&other) == discriminant(&refusal))
        };
        if let Some(place) = self.0.iter_mut().find(is_its_place) {
            let before = place.map_or(0, |(_, count)| count);
            *place = Some((refusal, before + 1));
        }
    }

    /// Every reason that there was, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (Refusal, u64)> {
        self.0.iter().flatten().copied()
    }
}

/// Prices that a quote may still be seen at: amends are sent faster than the market data shows them.
const RECENT: usize = 8;

/// A quote as last asked for, acknowledged or not.
#[derive(Clone, Copy)]
struct Quote {
    order: OrderHandle,
    px: Px,
    recent: [Px; RECENT],
}

impl Quote {
    const fn new(order: OrderHandle, px: Px) -> Self {
        Self { order, px, recent: [px; RECENT] }
    }

    fn moved_to(mut self, px: Px) -> Self {
        self.recent.rotate_right(1);
        self.recent[0] = px;
        Self { px, ..self }
    }
}

impl Maker {
    /// Not quoting yet. What it is told of its sessions goes to `teller`.
    pub const fn new(config: MakerConfig, teller: Teller) -> Self {
        Self {
            config,
            buy: None,
            sell: None,
            stopping: false,
            trouble: None,
            not_sent: NotSent([None; KINDS]),
            venue_refusal: None,
            behind_fills: 0,
            errors: Errors { since: UtcTime(0), count: 0 },
            teller,
        }
    }

    /// What keeps it from quoting, if it is not momentary.
    pub const fn trouble(&self) -> Option<Refusal> {
        self.trouble
    }

    /// What the desk refused.
    pub const fn not_sent(&self) -> &NotSent {
        &self.not_sent
    }

    /// Amends that the venue refused because their order had been filled before they arrived.
    pub const fn behind_fills(&self) -> u64 {
        self.behind_fills
    }

    /// What the venue said when it last refused a request.
    pub const fn venue_refusal(&self) -> Option<EventText> {
        self.venue_refusal
    }

    /// What it was told of its sessions and could not pass on.
    pub const fn untold(&self) -> u64 {
        self.teller.lost()
    }

    const fn quote(&mut self, side: Side) -> &mut Option<Quote> {
        match side {
            Side::Buy => &mut self.buy,
            Side::Sell => &mut self.sell,
        }
    }

    /// Where to stand on `side`: at the best price of the others. A level that holds nothing but our
    /// own quote, where it is or where it just was, is passed over, or we would follow ourselves.
    fn target(&mut self, ctx: &Context<'_>, id: InstrumentId, side: Side) -> Option<Px> {
        let own = *self.quote(side);
        let leaves = own.and_then(|quote| Some(ctx.order_state(quote.order)?.leaves));
        let is_own = |level: &Level| {
            leaves == Some(level.qty) && own.is_some_and(|quote| quote.recent.contains(&level.px))
        };
        let book = ctx.book(id)?;
        let best = book.levels(side).find(|level| !is_own(level))?;
        let tick = ctx.instrument(id)?.tick_size.0;
        let px = Px(best.px.0 - side.sign() * self.config.behind_ticks * tick);
        // Never through the other side: this is a maker.
        let other = book.best(side.opposite())?.px;
        (px.0 > 0 && !side.at_least_as_good(px, other)).then_some(px)
    }

    fn follow(&mut self, ctx: &mut Context<'_>, id: InstrumentId, side: Side) {
        let Some(px) = self.target(ctx, id, side) else { return };
        let minimums = self.config.size_in_minimums;
        let size = ctx.instrument(id).and_then(|facts| quantity_in_minimums(facts, px, minimums));
        let Some(size) = size else { return };
        let position = ctx.position(id).qty * side.sign();
        let may_add = position < self.config.position_in_quotes * size.0;
        let holds = self.errors.are_enough(ctx.now());
        let result = match *self.quote(side) {
            Some(quote) if !may_add => ctx.cancel(quote.order).map(|_| ()),
            Some(quote) if quote.px == px => return,
            Some(_) if holds => return,
            Some(quote) => {
                let total = ctx.order_state(quote.order).map_or(size, |o| Qty(o.cum.0 + size.0));
                let sent = ctx.replace(quote.order, total, px);
                sent.map(|()| *self.quote(side) = Some(quote.moved_to(px)))
            }
            None if !may_add => return,
            None => {
                let order = ctx.order(OrderSpec::limit(id, side, size, px).post_only());
                order.map(|order| *self.quote(side) = Some(Quote::new(order, px)))
            }
        };
        if let Err(refusal) = result {
            self.not_sent.add(refusal);
        }
        self.trouble = result.err().filter(|refusal| !is_momentary(*refusal));
    }
}

/// A quantity in minimums of an instrument, or the least that meets its minimum cost at `px` if that is more.
pub fn quantity_in_minimums(facts: &Instrument, px: Px, minimums: i64) -> Option<Qty> {
    let step = i128::from(facts.qty_step.0);
    let least = i128::from(facts.qty_min.0.max(facts.qty_step.0)) * i128::from(minimums.max(1));
    let cost_min = units(facts.cost_min, facts.price_precision + facts.qty_precision)?;
    let for_cost = (cost_min / i128::from(px.0) / step + 1) * step;
    i64::try_from(least.max(for_cost)).ok().map(Qty)
}

/// A decimal in units of 10^-`scale`.
fn units(decimal: Decimal, scale: u8) -> Option<i128> {
    let power = 10i128.checked_pow(u32::from(scale.checked_sub(decimal.scale)?))?;
    i128::from(decimal.mantissa).checked_mul(power)
}

/// Whether the next change of the book may well be accepted.
const fn is_momentary(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::CancelPending
            | Refusal::CommandRate { .. }
            | Refusal::CancelsHeld
            | Refusal::VenueRate { .. }
            | Refusal::SelfCross(_)
            | Refusal::Reconciling
            | Refusal::Killed
    )
}

impl Strategy for Maker {
    fn on_book(&mut self, ctx: &mut Context<'_>, instrument: InstrumentId) {
        if !self.stopping {
            self.follow(ctx, instrument, Side::Buy);
            self.follow(ctx, instrument, Side::Sell);
        }
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        if let UpdateKind::RefusedByVenue { request, text, .. } = update.kind {
            self.venue_refusal = Some(text);
            self.errors.note(ctx.now());
            let is_behind = request == RequestKind::Replace && update.state == OrderState::Filled;
            self.behind_fills += u64::from(is_behind);
        }
        let quote = self.quote(update.side);
        if quote.is_none_or(|quote| quote.order != update.handle) {
            return;
        }
        if update.state.is_end() || update.state == OrderState::Uncertain {
            *quote = None;
        } else if matches!(
            update.kind,
            UpdateKind::RefusedByVenue { .. } | UpdateKind::ReplaceRefused { .. }
        ) {
            // A refused amend leaves the order where it was: follow from there.
            let px = ctx.order_state(update.handle).and_then(|order| order.px);
            if let (Some(quote), Some(px)) = (quote, px) {
                quote.px = px;
            }
        }
    }

    fn on_session(&mut self, ctx: &mut Context<'_>, update: &SessionUpdate) {
        self.teller.tell(ctx.now(), update);
    }

    fn on_stop(&mut self, ctx: &mut Context<'_>) {
        self.stopping = true;
        ctx.cancel_open_orders();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_venue_refuses_within_a_second_holds_amends_until_it_is_over() {
        let mut errors = Errors { since: UtcTime(0), count: 0 };
        let start = UtcTime(5 * SECOND);
        for nth in 1..=ERRORS_MAX {
            assert!(!errors.are_enough(start), "{nth}");
            errors.note(start.plus_nanos(u64::from(nth)));
        }
        assert!(errors.are_enough(start.plus_nanos(SECOND)));
        assert!(!errors.are_enough(start.plus_nanos(SECOND + 1)), "a second after the first");
        errors.note(start.plus_nanos(SECOND + 1));
        assert!(!errors.are_enough(start.plus_nanos(SECOND + 1)), "counted anew");
    }

    #[test]
    fn refusals_are_counted_by_reason() {
        let mut maker = Maker::new(MakerConfig::default(), crate::demo::told::channel().0);
        let rate = |wait_ns| Refusal::CommandRate { wait_ns };
        for refusal in [rate(1), Refusal::CancelPending, rate(2)] {
            maker.not_sent.add(refusal);
        }
        let counted: Vec<_> = maker.not_sent().iter().collect();
        assert_eq!(counted, [(rate(2), 2), (Refusal::CancelPending, 1)]);
    }
}
