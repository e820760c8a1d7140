//! An open order as OpenOrders lists it.

use serde_json::{Value, json};
use taut::event::OrdStatus;
use taut::types::{Instrument, OrdType, Side};
use taut_codec::value::UtcTime;

use crate::gateway::number::Amount;
use crate::matching::{Reference, SpotEngine, Stage};
use crate::oes::{OrderRecord, cl_ord_id};

/// The value of an order in `open`; its key is the OrderID. `None` for an order that has just ended.
pub(crate) fn listed(record: &OrderRecord, engine: &SpotEngine) -> Option<Value> {
    let state = &record.state;
    let order = engine.order(state.order)?;
    let rules = engine.instrument(state.instrument)?;
    let px = |px: i64| fixed(i128::from(px), rules.price_precision, rules.price_precision);
    let cost_scale = rules.price_precision + rules.qty_precision;
    let qty_scale = if order.qty_in_quote { cost_scale } else { rules.qty_precision };
    let qty = |units: i64| fixed(i128::from(units), qty_scale, rules.qty_precision);
    let base = rules.symbol.as_str().split('/').next();
    let fee_in_base = engine.asset(state.fee_asset).is_some_and(|one| base == Some(one.as_str()));
    let fee_scale = if fee_in_base { rules.qty_precision } else { cost_scale };
    let average = Amount { units: state.notional, scale: rules.price_precision }
        .divided(i128::from(state.cum.0), 0);
    let (price, price2) = prices(order.ord_type, order.stop.0, order.price.0);
    let (price, price2) = (px(price), px(price2));
    let pair = pair(rules);
    let side = if order.side == Side::Buy { "buy" } else { "sell" };
    let leverage = engine.margin_terms(state.instrument).map_or(0, |terms| terms.leverage);
    let leverage = if order.leveraged { format!("{leverage}:1") } else { "none".to_owned() };
    let what = match order.ord_type {
        OrdType::Market => String::new(),
        one if one.has_trigger() && one.has_limit() => format!(" {price} -> limit {price2}"),
        _ => format!(" {price}"),
    };
    let kind = name(order.ord_type);
    let text = format!("{side} {} {pair} @ {}{what}", qty(order.qty.0), kind.replace('-', " "));
    let pending = order.stage == Stage::Pending;
    let starts = engine.due_at(state.order).filter(|_| pending).map_or(json!(0), seconds);
    let mut flags = vec![if fee_in_base { "fcib" } else { "fciq" }];
    flags.extend(order.post_only.then_some("post"));
    flags.extend(order.qty_in_quote.then_some("viqc"));
    let mut value = json!({
        "refid": null,
        "userref": null,
        "cl_ord_id": cl_ord_id(state.client_key).to_string(),
        "status": if pending { "pending" } else { "open" },
        "opentm": seconds(order.created_at),
        "starttm": starts,
        "expiretm": order.expires_at.map_or(json!(0), seconds),
        "descr": {
            "pair": pair,
            "type": side,
            "ordertype": kind,
            "price": price,
            "price2": price2,
            "leverage": leverage,
            "order": text,
            "close": "",
        },
        "vol": qty(order.qty.0),
        "vol_exec": fixed(i128::from(order.cum.0), rules.qty_precision, rules.qty_precision),
        "cost": fixed(state.notional, cost_scale, cost_scale),
        "fee": fixed(state.fee, fee_scale, fee_scale),
        "price": fixed(average.units, average.scale, rules.price_precision),
        "stopprice": px(order.trigger_at.map_or(0, |at| at.0)),
        "limitprice": px(0),
        "misc": "",
        "oflags": flags.join(","),
        "margin": order.leveraged,
        "reduce_only": order.reduce_only,
    });
    if order.placed_as.has_trigger() {
        let watched = if order.watches == Reference::Index { "index" } else { "last" };
        value["trigger"] = json!(watched);
    }
    Some(value)
}

/// The value of an ended order in `closed`; its key is the OrderID.
pub(crate) fn closed(record: &OrderRecord, engine: &SpotEngine) -> Option<Value> {
    let state = &record.state;
    let rules = engine.instrument(state.instrument)?;
    let px = |px: i64| fixed(i128::from(px), rules.price_precision, rules.price_precision);
    let cost_scale = rules.price_precision + rules.qty_precision;
    let qty_scale = if state.qty_in_quote { cost_scale } else { rules.qty_precision };
    let base = rules.symbol.as_str().split('/').next();
    let fee_in_base = engine.asset(state.fee_asset).is_some_and(|one| base == Some(one.as_str()));
    let fee_scale = if fee_in_base { rules.qty_precision } else { cost_scale };
    let average = Amount { units: state.notional, scale: rules.price_precision }
        .divided(i128::from(state.cum.0), 0);
    let stop = state.stop.map_or(0, |stop| stop.0);
    let (price, price2) = prices(state.ord_type, stop, state.price.0);
    let (price, price2) = (px(price), px(price2));
    let side = if state.side == Side::Buy { "buy" } else { "sell" };
    let qty = fixed(i128::from(state.qty.0), qty_scale, rules.qty_precision);
    let text = format!("{side} {qty} {} @ {}", pair(rules), name(state.ord_type).replace('-', " "));
    Some(json!({
        "refid": null,
        "userref": null,
        "cl_ord_id": cl_ord_id(state.client_key).to_string(),
        "status": match record.status {
            OrdStatus::Filled => "closed",
            OrdStatus::Expired => "expired",
            _ => "canceled",
        },
        "reason": null,
        "opentm": seconds(record.touched),
        "starttm": json!(0),
        "expiretm": json!(0),
        "descr": {
            "pair": pair(rules),
            "type": side,
            "ordertype": name(state.ord_type),
            "price": price,
            "price2": price2,
            "leverage": "none",
            "order": text,
            "close": "",
        },
        "vol": qty,
        "vol_exec": fixed(i128::from(state.cum.0), rules.qty_precision, rules.qty_precision),
        "cost": fixed(state.notional, cost_scale, cost_scale),
        "fee": fixed(state.fee, fee_scale, fee_scale),
        "price": fixed(average.units, average.scale, rules.price_precision),
        "stopprice": px(state.triggered_by.map_or(0, |at| at.0)),
        "limitprice": px(0),
        "misc": "",
        "oflags": if fee_in_base { "fcib" } else { "fciq" },
    }))
}

/// `price` and `price2`: of a triggered type the trigger comes first.
const fn prices(ord_type: OrdType, stop: i64, price: i64) -> (i64, i64) {
    if ord_type.has_trigger() { (stop, price) } else { (price, 0) }
}

/// `XBTUSD` of `BTC/USD`: the name that REST has for a pair.
fn pair(rules: &Instrument) -> String {
    rules.symbol.as_str().replace("BTC", "XBT").replace('/', "")
}

/// A decimal number with exactly so many decimals.
fn fixed(units: i128, scale: u8, decimals: u8) -> String {
    let text = Amount { units, scale }.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    match usize::from(decimals) {
        0 => whole.to_owned(),
        width => format!("{whole}.{fraction:0<width$}"),
    }
}

/// Seconds since the epoch, with microseconds.
fn seconds(at: UtcTime) -> Value {
    json!((at.0 / 1_000) as f64 / 1e6)
}

const fn name(ord_type: OrdType) -> &'static str {
    match ord_type {
        OrdType::Market => "market",
        OrdType::Limit => "limit",
        OrdType::StopLoss => "stop-loss",
        OrdType::StopLossLimit => "stop-loss-limit",
        OrdType::TakeProfit => "take-profit",
        OrdType::TakeProfitLimit => "take-profit-limit",
        OrdType::TrailingStop => "trailing-stop",
        OrdType::TrailingStopLimit => "trailing-stop-limit",
    }
}
