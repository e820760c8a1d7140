//! Calls as forms, answers as JSON.

use serde_json::{Map, Value};
use taut_codec::value::Decimal;

use crate::command::RestKind;
use crate::event::{Listed, RestProblem, RestSaid};
use crate::kraken::decode::cut_text;
use crate::types::{ClOrdId, OrderId, Side};

/// Where a call goes.
#[must_use]
pub const fn path(kind: &RestKind) -> &'static str {
    match kind {
        RestKind::CancelOrder { .. } => "/0/private/CancelOrder",
        RestKind::CancelAll => "/0/private/CancelAll",
        RestKind::CancelAllAfter { .. } => "/0/private/CancelAllOrdersAfter",
        RestKind::OpenOrders => "/0/private/OpenOrders",
    }
}

/// The form of a call. `nonce` has to be above that of every earlier call of the key.
#[must_use]
pub fn body(kind: &RestKind, nonce: u64) -> String {
    match kind {
        // No byte of an id means anything in a form but the few that a venue never uses: those are escaped.
        RestKind::CancelOrder { order_id, .. } if !order_id.is_empty() => {
            format!("nonce={nonce}&txid={}", escaped(order_id.as_bytes()))
        }
        RestKind::CancelOrder { cl_ord_id, .. } => format!("nonce={nonce}&cl_ord_id={cl_ord_id}"),
        RestKind::CancelAllAfter { seconds } => format!("nonce={nonce}&timeout={seconds}"),
        RestKind::CancelAll | RestKind::OpenOrders => format!("nonce={nonce}"),
    }
}

fn escaped(text: &[u8]) -> String {
    let one = |&byte: &u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.iter().map(one).collect()
}

/// What the JSON of an answer says, part by part, in order; the last part ends the answer.
pub fn read_answer(kind: &RestKind, json: &[u8], mut each: impl FnMut(RestSaid)) {
    match parts(kind, json) {
        Ok(parts) => parts.into_iter().for_each(each),
        Err(problem) => each(RestSaid::Failed(problem)),
    }
}

fn parts(kind: &RestKind, json: &[u8]) -> Result<Vec<RestSaid>, RestProblem> {
    let broken = || RestProblem::Broken;
    let answer: Value = serde_json::from_slice(json).map_err(|_| broken())?;
    let errors = answer.get("error").and_then(Value::as_array).ok_or_else(broken)?;
    if let Some(error) = errors.first() {
        let text = error.as_str().ok_or_else(broken)?;
        return Err(RestProblem::Refused(cut_text(text.as_bytes())));
    }
    let result = answer.get("result").ok_or_else(broken)?;
    match kind {
        RestKind::CancelOrder { .. } | RestKind::CancelAll => {
            let count = result.get("count").and_then(Value::as_u64).ok_or_else(broken)?;
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            Ok(vec![RestSaid::Canceled { count }])
        }
        RestKind::CancelAllAfter { .. } => {
            result.get("triggerTime").map(|_| vec![RestSaid::TimerSet]).ok_or_else(broken)
        }
        RestKind::OpenOrders => {
            let open = result.get("open").and_then(Value::as_object).ok_or_else(broken)?;
            Ok(listed(open))
        }
    }
}

/// An entry that cannot be read is counted only.
fn listed(open: &Map<String, Value>) -> Vec<RestSaid> {
    let orders = open.iter().filter_map(|(id, order)| entry(id, order)).map(RestSaid::Listed);
    let count = u32::try_from(open.len()).unwrap_or(u32::MAX);
    orders.chain([RestSaid::ListEnd { count }]).collect()
}

fn entry(order_id: &str, order: &Value) -> Option<Listed> {
    let decimal = |name| Decimal::parse(order.get(name)?.as_str()?.as_bytes()).ok();
    let descr = order.get("descr")?;
    let side = match descr.get("type")?.as_str()? {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        _ => return None,
    };
    // Of a type with a trigger, `price` is the trigger.
    let limit = match descr.get("ordertype")?.as_str()? {
        "limit" => Some("price"),
        triggered if triggered.ends_with("-limit") => Some("price2"),
        _ => None,
    };
    let px = limit.and_then(|name| Decimal::parse(descr.get(name)?.as_str()?.as_bytes()).ok());
    let cl_ord_id = order.get("cl_ord_id").and_then(Value::as_str);
    Some(Listed {
        order_id: OrderId::new(order_id.as_bytes()).ok()?,
        cl_ord_id: cl_ord_id.and_then(|id| ClOrdId::parse(id.as_bytes()).ok()),
        side,
        px,
        qty: decimal("vol")?,
        cum: decimal("vol_exec")?,
        cost: decimal("cost")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventText;

    fn read(kind: RestKind, json: &str) -> Vec<RestSaid> {
        let mut said = Vec::new();
        read_answer(&kind, json.as_bytes(), |part| said.push(part));
        said
    }

    #[test]
    fn a_cancel_names_the_order_id_or_while_that_is_unknown_the_cl_ord_id() {
        let cl_ord_id = ClOrdId::numeric(7).unwrap();
        let mut kind = RestKind::CancelOrder { order_id: OrderId::EMPTY, cl_ord_id };
        assert_eq!(body(&kind, 5), "nonce=5&cl_ord_id=7");
        let order_id = OrderId::new(b"O-1&x=y").unwrap();
        kind = RestKind::CancelOrder { order_id, cl_ord_id };
        assert_eq!(body(&kind, 6), "nonce=6&txid=O-1%26x%3Dy");
        assert_eq!(body(&RestKind::CancelAllAfter { seconds: 60 }, 7), "nonce=7&timeout=60");
    }

    #[test]
    fn an_answer_is_read_or_said_to_be_broken() {
        let all = RestKind::CancelAll;
        let done = [RestSaid::Canceled { count: 2 }];
        assert_eq!(read(all, r#"{"error":[],"result":{"count":2}}"#), done);
        let refused = RestProblem::Refused(EventText::new(b"EAPI:Invalid nonce").unwrap());
        let failed = [RestSaid::Failed(refused)];
        assert_eq!(read(all, r#"{"error":["EAPI:Invalid nonce"]}"#), failed);
        let after = RestKind::CancelAllAfter { seconds: 1 };
        let set = r#"{"error":[],"result":{"currentTime":"x","triggerTime":"y"}}"#;
        assert_eq!(read(after, set), [RestSaid::TimerSet]);
        let broken = [RestSaid::Failed(RestProblem::Broken)];
        for text in ["", "{", "[]", r#"{"error":[]}"#, r#"{"error":[1]}"#, r#"{"result":{}}"#] {
            assert_eq!(read(all, text), broken, "{text}");
        }
        assert_eq!(read(all, r#"{"error":[],"result":{"count":-1}}"#), broken);
        assert_eq!(read(RestKind::OpenOrders, set), broken);
    }

    #[test]
    fn open_orders_are_read_one_by_one_and_one_that_is_unreadable_still_counts() {
        let text = r#"{"error":[],"result":{"open":{
            "OKWUQF-YPJM2-DTAJHH":{"cl_ord_id":"12","vol":"2.00000000","vol_exec":"0.50000000",
                "cost":"50.250","descr":{"type":"buy","ordertype":"limit","price":"100.5","price2":"0"}},
            "OZ2":{"cl_ord_id":"by hand","vol":"1","vol_exec":"0","cost":"0",
                "descr":{"type":"sell","ordertype":"stop-loss-limit","price":"7","price2":"6"}},
            "OZ3":{"vol":1.5}}}}"#;
        let said = read(RestKind::OpenOrders, text);
        let [RestSaid::Listed(first), RestSaid::Listed(second), RestSaid::ListEnd { count: 3 }] =
            said[..]
        else {
            panic!("{said:?}")
        };
        let at_8 = |one: Decimal| one.to_scale(8).unwrap();
        let numbers = |one: Listed| [one.px.unwrap(), one.qty, one.cum, one.cost].map(at_8);
        let (whole, half) = (100_000_000, 50_000_000);
        assert_eq!(numbers(first), [10_050_000_000, 2 * whole, half, 5_025_000_000]);
        assert_eq!(numbers(second), [6 * whole, whole, 0, 0]);
        assert_eq!((first.order_id.as_str(), first.side), ("OKWUQF-YPJM2-DTAJHH", Side::Buy));
        assert_eq!(first.cl_ord_id, ClOrdId::numeric(12));
        assert_eq!((second.cl_ord_id, second.side), (None, Side::Sell));
    }
}
