//! The demo's market maker. It is written against the public [`Strategy`] trait only, as a user's is.

use serde::{Deserialize, Serialize};
use taut::event::EventText;
use taut::strategy::{
    Context, InstrumentId, OrderHandle, OrderSpec, OrderState, OrderUpdate, Px, Qty, Refusal, Side,
    Strategy, UpdateKind,
};
use taut_codec::value::Decimal;

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
    venue_refusal: Option<EventText>,
}

/// A quote as last asked for, acknowledged or not.
#[derive(Clone, Copy)]
struct Quote {
    order: OrderHandle,
    px: Px,
}

impl Maker {
    /// Not quoting yet.
    pub const fn new(config: MakerConfig) -> Self {
        Self { config, buy: None, sell: None, stopping: false, trouble: None, venue_refusal: None }
    }

    /// What keeps it from quoting, if it is not momentary.
    pub const fn trouble(&self) -> Option<Refusal> {
        self.trouble
    }

    /// What the venue said when it last refused a request.
    pub const fn venue_refusal(&self) -> Option<EventText> {
        self.venue_refusal
    }

    const fn quote(&mut self, side: Side) -> &mut Option<Quote> {
        match side {
            Side::Buy => &mut self.buy,
            Side::Sell => &mut self.sell,
        }
    }

    /// Where to stand on `side`: at the best price of the others. A level that holds nothing but our
    /// own quote is passed over, or we would follow ourselves.
    fn target(&mut self, ctx: &Context<'_>, id: InstrumentId, side: Side) -> Option<Px> {
        let own = self.quote(side).and_then(|quote| {
            let order = ctx.order_state(quote.order)?;
            Some((order.px?, order.leaves))
        });
        let book = ctx.book(id)?;
        let best = book.levels(side).find(|level| own != Some((level.px, level.qty)))?;
        let tick = ctx.instrument(id)?.tick_size.0;
        let px = Px(best.px.0 - side.sign() * self.config.behind_ticks * tick);
        // Never through the other side: this is a maker.
        let other = book.best(side.opposite())?.px;
        (px.0 > 0 && !side.at_least_as_good(px, other)).then_some(px)
    }

    fn follow(&mut self, ctx: &mut Context<'_>, id: InstrumentId, side: Side) {
        let Some(px) = self.target(ctx, id, side) else { return };
        let Some(size) = self.size(ctx, id, px) else { return };
        let position = ctx.position(id).qty * side.sign();
        let may_add = position < self.config.position_in_quotes * size.0;
        let result = match *self.quote(side) {
            Some(quote) if !may_add => ctx.cancel(quote.order),
            Some(quote) if quote.px == px => return,
            Some(quote) => {
                let total = ctx.order_state(quote.order).map_or(size, |o| Qty(o.cum.0 + size.0));
                let sent = ctx.replace(quote.order, total, px);
                sent.map(|()| *self.quote(side) = Some(Quote { px, ..quote }))
            }
            None if !may_add => return,
            None => {
                let order = ctx.order(OrderSpec::limit(id, side, size, px).post_only());
                order.map(|order| *self.quote(side) = Some(Quote { order, px }))
            }
        };
        self.trouble = result.err().filter(|refusal| !is_momentary(*refusal));
    }

    /// The quantity of a quote: a multiple of the minimum that also meets the minimum cost.
    fn size(&self, ctx: &Context<'_>, id: InstrumentId, px: Px) -> Option<Qty> {
        let facts = ctx.instrument(id)?;
        let step = i128::from(facts.qty_step.0);
        let size = i128::from(facts.qty_min.0.max(facts.qty_step.0))
            * i128::from(self.config.size_in_minimums.max(1));
        let cost_min = units(facts.cost_min, facts.price_precision + facts.qty_precision)?;
        let for_cost = (cost_min / i128::from(px.0) / step + 1) * step;
        i64::try_from(size.max(for_cost)).ok().map(Qty)
    }
}

/// A decimal in units of 10^-`scale`.
fn units(decimal: Decimal, scale: u8) -> Option<i128> {
    let power = 10i128.checked_pow(u32::from(scale.checked_sub(decimal.scale)?))?;
    i128::from(decimal.mantissa).checked_mul(power)
}

/// Whether the next change of the book may well be accepted.
const fn is_momentary(refusal: Refusal) -> bool {
    matches!(refusal, Refusal::OrderIdUnknown | Refusal::CancelPending | Refusal::CommandRate)
}

impl Strategy for Maker {
    fn on_book(&mut self, ctx: &mut Context<'_>, instrument: InstrumentId) {
        if !self.stopping {
            self.follow(ctx, instrument, Side::Buy);
            self.follow(ctx, instrument, Side::Sell);
        }
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        if let UpdateKind::RefusedByVenue { text, .. } = update.kind {
            self.venue_refusal = Some(text);
        }
        let quote = self.quote(update.side);
        if quote.is_none_or(|quote| quote.order != update.handle) {
            return;
        }
        if update.state.is_end() || update.state == OrderState::Uncertain {
            *quote = None;
        } else if matches!(update.kind, UpdateKind::RefusedByVenue { .. }) {
            // A refused amend leaves the order where it was: follow from there.
            let px = ctx.order_state(update.handle).and_then(|order| order.px);
            if let (Some(quote), Some(px)) = (quote, px) {
                quote.px = px;
            }
        }
    }

    fn on_stop(&mut self, ctx: &mut Context<'_>) {
        self.stopping = true;
        ctx.cancel_open_orders();
    }
}
