//! What an order must be like for itself: its form, the instrument's status and rules.

use super::check::Ask;
use super::refusal::{Numbers, Refusal};
use super::{Known, RiskView};
use crate::types::{Instrument, Market, OrdType, PairStatus, TimeInForce};

pub(super) fn check_form(ask: &Ask) -> Result<(), Refusal> {
    let kind = ask.ord_type;
    // The limit of a trailing stop is an offset, either way.
    let bad_limit = !kind.trails() && ask.px.is_some_and(|px| px.0 <= 0);
    if ask.qty.0 <= 0 || bad_limit || ask.stop_px.is_some_and(|px| px.0 <= 0) {
        return Err(Refusal::BadNumber);
    }
    let at_once = matches!(ask.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
    let fits = kind.has_limit() == ask.px.is_some() && kind.has_trigger() == ask.stop_px.is_some();
    // No ExpireTime(126) can be named here.
    let is_dated = ask.time_in_force == TimeInForce::Gtd;
    if !fits || is_dated || (ask.post_only && (!kind.has_limit() || at_once)) {
        return Err(Refusal::BadCombination);
    }
    Ok(())
}

/// Kraken's derivatives take less than spot does (venue file 4.1).
pub(super) fn check_market(known: &Known, ask: &Ask) -> Result<(), Refusal> {
    if known.market == Market::Spot {
        return Ok(());
    }
    if known.is_inverse {
        return Err(Refusal::InverseContract);
    }
    // C16: the tables disagree about trailing stops with a limit.
    let has = matches!(ask.time_in_force, TimeInForce::Gtc | TimeInForce::Ioc)
        && ask.ord_type != OrdType::TrailingStopLimit;
    if has && ask.self_trade.is_none() { Ok(()) } else { Err(Refusal::NotOnThisMarket) }
}

pub(super) fn check_status(
    status: PairStatus,
    ask: &Ask,
    view: &RiskView<'_>,
) -> Result<(), Refusal> {
    let allowed = match status {
        PairStatus::Online => true,
        PairStatus::PostOnly => ask.post_only,
        PairStatus::LimitOnly => ask.ord_type.has_limit(),
        PairStatus::ReduceOnly => {
            let worst = i128::from(view.open[RiskView::index(ask.side)]) + i128::from(ask.adds);
            worst <= i128::from(-ask.side.sign()) * i128::from(view.position)
        }
        PairStatus::Hidden
        | PairStatus::Maintenance
        | PairStatus::CancelOnly
        | PairStatus::Delisted => false,
    };
    if allowed { Ok(()) } else { Err(Refusal::InstrumentStatus) }
}

pub(super) fn check_rules(instrument: &Instrument, ask: &Ask) -> Result<(), Refusal> {
    // A tick or step of zero or less is the venue's mistake; it does not divide anything.
    let multiple = |value: i64, step: i64| step <= 0 || value % step == 0;
    let (tick, step) = (instrument.tick_size.0, instrument.qty_step.0);
    let prices = [ask.px, ask.stop_px].into_iter().flatten();
    if let Some(px) = prices.into_iter().find(|px| !multiple(px.0, tick)) {
        return Err(Refusal::TickSize(Numbers::new(px.0, tick, instrument.price_precision)));
    }
    let qty = |bound: i64| Numbers::new(ask.qty.0, bound, instrument.qty_precision);
    if !multiple(ask.qty.0, step) {
        return Err(Refusal::QtyStep(qty(step)));
    }
    if ask.qty < instrument.qty_min {
        return Err(Refusal::QtyMin(qty(instrument.qty_min.0)));
    }
    Ok(())
}
