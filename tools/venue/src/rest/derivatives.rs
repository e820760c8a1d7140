//! The answers of the derivatives' interface, and what its calls cost.

use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use taut::types::{InstrumentId, OrdType, Side};
use taut_codec::value::UtcTime;

use super::Answer;
use crate::gateway::NotLetIn;
use crate::gateway::number::Amount;
use crate::matching::{Derivatives, Engine, Order, Reference};
use crate::oes::{OrderRecord, cl_ord_id};

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    CancelOrder,
    CancelAllOrders,
    CancelAllOrdersAfter,
    OpenOrders,
}

impl Endpoint {
    /// By its path, `/api/v3/...`.
    pub fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/api/v3/cancelorder" => Self::CancelOrder,
            "/api/v3/cancelallorders" => Self::CancelAllOrders,
            "/api/v3/cancelallordersafter" => Self::CancelAllOrdersAfter,
            "/api/v3/openorders" => Self::OpenOrders,
            _ => return None,
        })
    }

    /// Tokens, of Kraken's table.
    pub const fn cost(self) -> u32 {
        match self {
            Self::CancelOrder => 10,
            Self::CancelAllOrders | Self::CancelAllOrdersAfter => 25,
            Self::OpenOrders => 2,
        }
    }

    /// Whether it is a GET: it changes nothing.
    pub const fn is_get(self) -> bool {
        matches!(self, Self::OpenOrders)
    }
}

/// Why a call came to nothing: Kraken's error string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed(pub &'static str);

impl Failed {
    pub const ARGUMENT: Self = Self("invalidArgument");
    pub const MISSING: Self = Self("requiredArgumentMissing");
    pub const LIMIT: Self = Self("apiLimitExceeded");
    pub const MARKET: Self = Self("marketUnavailable");
    pub const AUTHENTICATION: Self = Self("authenticationError");
}

impl From<NotLetIn> for Failed {
    fn from(why: NotLetIn) -> Self {
        match why {
            NotLetIn::NonceUsed => Self("nonceDuplicate"),
            NotLetIn::NonceLow => Self("nonceBelowThreshold"),
            NotLetIn::UnknownKey
            | NotLetIn::LockedOut
            | NotLetIn::WrongAddress
            | NotLetIn::WrongSignature => Self::AUTHENTICATION,
        }
    }
}

/// What a call came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Told {
    CancelStatus(CancelStatus),
    Status(SwitchStatus),
    OpenOrders(Vec<OpenOrder>),
}

/// Of one order or of all.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CancelStatus {
    pub status: &'static str,
    #[serde(rename = "order_id", skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    pub received_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_only: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled_orders: Option<Vec<Cancelled>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order_events: Vec<OrderEvent>,
}

/// One of those that cancelallorders met.
#[derive(Debug, Serialize)]
pub(crate) struct Cancelled {
    pub order_id: String,
    #[serde(rename = "cliOrdId")]
    pub cli_ord_id: String,
}

/// `CANCEL` of an order, as it was before.
#[derive(Debug, Serialize)]
pub(crate) struct OrderEvent {
    r#type: &'static str,
    uid: String,
    order: OrderBefore,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderBefore {
    order_id: String,
    cli_ord_id: String,
    r#type: &'static str,
    symbol: String,
    side: &'static str,
    quantity: Box<RawValue>,
    filled: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_price: Option<Box<RawValue>>,
    reduce_only: bool,
    timestamp: String,
    last_update_timestamp: String,
}

/// Of cancelallordersafter.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SwitchStatus {
    pub current_time: String,
    pub trigger_time: String,
}

/// An entry of openorders.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenOrder {
    #[serde(rename = "order_id")]
    order_id: String,
    cli_ord_id: String,
    symbol: String,
    side: &'static str,
    order_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_price: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_price: Option<Box<RawValue>>,
    unfilled_size: Box<RawValue>,
    filled_size: Box<RawValue>,
    received_time: String,
    last_update_time: String,
    status: &'static str,
    reduce_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger_signal: Option<&'static str>,
}

impl Answer {
    /// What a call for derivatives came to.
    pub(crate) fn of_derivatives(outcome: Result<Told, Failed>, now: UtcTime) -> Self {
        let body = match outcome {
            Ok(told) => {
                let told = serde_json::to_string(&told).expect("text is written to text");
                // One field, which stands between the two of every answer.
                let told = &told[1..told.len() - 1];
                format!(r#"{{"result":"success",{told},"serverTime":"{}"}}"#, iso(now))
            }
            Err(failed) => return Self::of_derivatives_failed(200, failed, now),
        };
        Self { status: 200, body }
    }

    /// The same, with a status of HTTP.
    pub(crate) fn of_derivatives_failed(status: u16, Failed(text): Failed, now: UtcTime) -> Self {
        let body = json!({ "result": "error", "error": text, "serverTime": iso(now) });
        Self { status, body: body.to_string() }
    }
}

/// What a cancel of an order will tell of it. `None` for one that has just ended.
pub(crate) fn cancelled(record: &OrderRecord, engine: &Engine<Derivatives>) -> Option<OrderEvent> {
    let order = engine.order(record.state.order)?;
    let (px, qty) = units(engine, order.instrument)?;
    let order_id = engine.order_id(order.reference).to_string();
    Some(OrderEvent {
        r#type: "CANCEL",
        uid: order_id.clone(),
        order: OrderBefore {
            order_id,
            cli_ord_id: cl_ord_id(order.client_key).to_string(),
            r#type: kind(order),
            symbol: engine.instrument(order.instrument)?.symbol.to_string(),
            side: side(order),
            quantity: number(order.qty.0, qty),
            filled: number(order.cum.0, qty),
            limit_price: order.ord_type.has_limit().then(|| number(order.price.0, px)),
            reduce_only: order.reduce_only,
            timestamp: iso(order.created_at),
            last_update_timestamp: iso(changed(record, order)),
        },
    })
}

/// An entry of openorders. `None` for an order that has just ended.
pub(crate) fn open_order(record: &OrderRecord, engine: &Engine<Derivatives>) -> Option<OpenOrder> {
    let order = engine.order(record.state.order)?;
    let (px, qty) = units(engine, order.instrument)?;
    let waits = order.ord_type.has_trigger();
    Some(OpenOrder {
        order_id: engine.order_id(order.reference).to_string(),
        cli_ord_id: cl_ord_id(order.client_key).to_string(),
        symbol: engine.instrument(order.instrument)?.symbol.to_string(),
        side: side(order),
        order_type: kind(order),
        limit_price: order.ord_type.has_limit().then(|| number(order.price.0, px)),
        stop_price: order.trigger_at.filter(|_| waits).map(|at| number(at.0, px)),
        unfilled_size: number(order.leaves().0, qty),
        filled_size: number(order.cum.0, qty),
        received_time: iso(order.created_at),
        last_update_time: iso(changed(record, order)),
        status: if order.cum.0 == 0 { "untouched" } else { "partiallyFilled" },
        reduce_only: order.reduce_only,
        trigger_signal: waits.then_some(match order.watches {
            Reference::Index => "spot",
            Reference::LastTrade => "last",
        }),
    })
}

fn units(engine: &Engine<Derivatives>, instrument: InstrumentId) -> Option<(u8, u8)> {
    let rules = engine.instrument(instrument)?;
    Some((rules.price_precision, rules.qty_precision))
}

fn changed(record: &OrderRecord, order: &Order) -> UtcTime {
    record.touched.max(order.changed_at)
}

const fn side(order: &Order) -> &'static str {
    match order.side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

const fn kind(order: &Order) -> &'static str {
    match order.ord_type {
        OrdType::Market => "mkt",
        OrdType::Limit if order.post_only => "post",
        OrdType::Limit => "lmt",
        OrdType::StopLoss | OrdType::StopLossLimit => "stp",
        OrdType::TakeProfit | OrdType::TakeProfitLimit => "take_profit",
        OrdType::TrailingStop | OrdType::TrailingStopLimit => "trailing_stop",
    }
}

/// A number of JSON with all of its digits.
fn number(units: i64, scale: u8) -> Box<RawValue> {
    let text = Amount { units: i128::from(units), scale }.to_string();
    let text = text.strip_suffix(".0").unwrap_or(&text);
    RawValue::from_string(text.to_owned()).expect("digits are JSON")
}

/// `2020-07-22T13:26:20.806Z`.
pub(crate) fn iso(at: UtcTime) -> String {
    let fix = String::from_utf8_lossy(&at.to_fix_millis()).into_owned();
    format!("{}-{}-{}T{}Z", &fix[..4], &fix[4..6], &fix[6..8], &fix[9..])
}
