//! Spot: calls as forms, answers as JSON, and the signature; Kraken's guide to REST authentication.

use ring::digest::{Context, SHA256};
use serde_json::Value;
use taut_codec::value::Decimal;

use super::http::{POST, write};
use super::{Signature, escaped, list, side};
use crate::command::RestKind;
use crate::event::{Listed, OrdStatus, RestProblem, RestSaid};
use crate::kraken::decode::cut_text;
use crate::kraken::logon::Credentials;
use crate::types::{ClOrdId, OrdType, OrderId};

impl Credentials {
    /// API-Sign of a call: base64 of HMAC-SHA512, under the decoded secret, of the path and the SHA-256 of
    /// the nonce and the body. `path` starts with `/0/private/`; the nonce stands in the body too.
    #[must_use]
    pub fn api_sign(&self, path: &str, nonce: &[u8], body: &[u8]) -> Signature {
        self.sign(&message(path, nonce, body))
    }

    /// Whether an API-Sign is the right one. The comparison takes the same time wherever it differs.
    #[must_use]
    pub fn verify_api_sign(&self, path: &str, nonce: &[u8], body: &[u8], api_sign: &[u8]) -> bool {
        self.is_signature(&message(path, nonce, body), api_sign)
    }
}

fn message(path: &str, nonce: &[u8], body: &[u8]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(nonce);
    context.update(body);
    [path.as_bytes(), context.finish().as_ref()].concat()
}

/// The bytes of a signed call.
pub(super) fn request(
    host: &str,
    credentials: &Credentials,
    kind: &RestKind,
    nonce: u64,
) -> Vec<u8> {
    let (path, body) = (path(kind), body(kind, nonce));
    let sign = credentials.api_sign(path, nonce.to_string().as_bytes(), body.as_bytes());
    let key = credentials.api_key().expose().as_bytes();
    write(POST, host, path, &[("API-Key", key), ("API-Sign", &sign)], &body)
}

/// Where a call goes.
fn path(kind: &RestKind) -> &'static str {
    match kind {
        RestKind::CancelOrder { .. } => "/0/private/CancelOrder",
        RestKind::CancelAll => "/0/private/CancelAll",
        RestKind::CancelAllAfter { .. } => "/0/private/CancelAllOrdersAfter",
        RestKind::OpenOrders => "/0/private/OpenOrders",
        RestKind::QueryOrder { order_id, .. } if order_id.is_empty() => "/0/private/ClosedOrders",
        RestKind::QueryOrder { .. } => "/0/private/QueryOrders",
    }
}

/// The form of a call. `nonce` has to be above that of every earlier call of the key.
fn body(kind: &RestKind, nonce: u64) -> String {
    match kind {
        // No byte of an id means anything in a form but the few that a venue never uses: those are escaped.
        RestKind::CancelOrder { order_id, .. } | RestKind::QueryOrder { order_id, .. }
            if !order_id.is_empty() =>
        {
            format!("nonce={nonce}&txid={}", escaped(order_id.as_bytes()))
        }
        RestKind::CancelOrder { cl_ord_id, .. } | RestKind::QueryOrder { cl_ord_id, .. } => {
            format!("nonce={nonce}&cl_ord_id={cl_ord_id}")
        }
        RestKind::CancelAllAfter { seconds } => format!("nonce={nonce}&timeout={seconds}"),
        RestKind::CancelAll | RestKind::OpenOrders => format!("nonce={nonce}"),
    }
}

/// What the JSON of an answer says, part by part, in order.
pub(super) fn parts(kind: &RestKind, json: &[u8]) -> Result<Vec<RestSaid>, RestProblem> {
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
            Ok(list(open.iter().map(|(id, order)| entry(id, order))))
        }
        RestKind::QueryOrder { order_id, .. } => {
            let found = if order_id.is_empty() { result.get("closed") } else { Some(result) };
            let found = found.and_then(Value::as_object).ok_or_else(broken)?;
            Ok(list(found.iter().map(|(id, order)| entry(id, order))))
        }
    }
}

fn entry(order_id: &str, order: &Value) -> Option<Listed> {
    let decimal = |name| Decimal::parse(order.get(name)?.as_str()?.as_bytes()).ok();
    let descr = order.get("descr")?;
    let ord_type = ord_type(descr.get("ordertype")?.as_str()?);
    // A distance or an offset has its sign.
    let price = |name| {
        let text = descr.get(name)?.as_str()?;
        Decimal::parse(text.strip_prefix('+').unwrap_or(text).as_bytes()).ok()
    };
    // Of a type with a trigger, `price` is the trigger.
    let (limit, trigger) = match ord_type {
        Some(kind) if kind.has_trigger() => (kind.has_limit().then_some("price2"), Some("price")),
        Some(OrdType::Limit) => (Some("price"), None),
        _ => (None, None),
    };
    let cl_ord_id = order.get("cl_ord_id").and_then(Value::as_str);
    Some(Listed {
        order_id: OrderId::new(order_id.as_bytes()).ok()?,
        cl_ord_id: cl_ord_id.and_then(|id| ClOrdId::parse(id.as_bytes()).ok()),
        side: side(descr.get("type")?.as_str()?)?,
        ord_type,
        px: limit.and_then(price),
        stop_px: trigger.and_then(price),
        qty: decimal("vol")?,
        cum: decimal("vol_exec")?,
        cost: Some(decimal("cost")?),
        end: order.get("status").and_then(Value::as_str).and_then(end),
    })
}

fn end(status: &str) -> Option<OrdStatus> {
    Some(match status {
        "closed" => OrdStatus::Filled,
        "canceled" => OrdStatus::Canceled,
        "expired" => OrdStatus::Expired,
        _ => return None,
    })
}

fn ord_type(name: &str) -> Option<OrdType> {
    Some(match name {
        "market" => OrdType::Market,
        "limit" => OrdType::Limit,
        "stop-loss" => OrdType::StopLoss,
        "stop-loss-limit" => OrdType::StopLossLimit,
        "take-profit" => OrdType::TakeProfit,
        "take-profit-limit" => OrdType::TakeProfitLimit,
        "trailing-stop" => OrdType::TrailingStop,
        "trailing-stop-limit" => OrdType::TrailingStopLimit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventText;
    use crate::secret::Secret;
    use crate::types::Side;

    fn read(kind: RestKind, json: &str) -> Vec<RestSaid> {
        parts(&kind, json.as_bytes()).unwrap_or_else(|problem| vec![RestSaid::Failed(problem)])
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
        let numbers =
            |one: Listed| [one.px.unwrap(), one.qty, one.cum, one.cost.unwrap()].map(at_8);
        let (whole, half) = (100_000_000, 50_000_000);
        assert_eq!(numbers(first), [10_050_000_000, 2 * whole, half, 5_025_000_000]);
        assert_eq!(numbers(second), [6 * whole, whole, 0, 0]);
        assert_eq!((first.ord_type, first.stop_px), (Some(OrdType::Limit), None));
        assert_eq!(second.ord_type, Some(OrdType::StopLossLimit));
        assert_eq!(second.stop_px.map(at_8), Some(7 * whole));
        assert_eq!((first.order_id.as_str(), first.side), ("OKWUQF-YPJM2-DTAJHH", Side::Buy));
        assert_eq!(first.cl_ord_id, ClOrdId::numeric(12));
        assert_eq!((second.cl_ord_id, second.side), (None, Side::Sell));
    }

    #[test]
    fn what_became_of_an_order_is_asked_by_its_order_id_or_among_the_closed_ones_by_its_cl_ord_id()
    {
        let cl_ord_id = ClOrdId::numeric(7).unwrap();
        let by_cl_ord_id = RestKind::QueryOrder { order_id: OrderId::EMPTY, cl_ord_id };
        let by_order_id = RestKind::QueryOrder {
            order_id: OrderId::new(b"OKWUQF-YPJM2-DTAJHH").unwrap(),
            cl_ord_id,
        };
        assert_eq!(path(&by_cl_ord_id), "/0/private/ClosedOrders");
        assert_eq!(body(&by_cl_ord_id, 5), "nonce=5&cl_ord_id=7");
        assert_eq!(path(&by_order_id), "/0/private/QueryOrders");
        assert_eq!(body(&by_order_id, 5), "nonce=5&txid=OKWUQF-YPJM2-DTAJHH");
        let order = |status: &str| {
            format!(
                r#"{{"OKWUQF-YPJM2-DTAJHH":{{"status":"{status}","cl_ord_id":"7","vol":"2.0","vol_exec":"0.5",
                "cost":"50.25","descr":{{"type":"buy","ordertype":"limit","price":"100.5","price2":"0"}}}}}}"#
            )
        };
        for (status, end) in [
            ("closed", Some(OrdStatus::Filled)),
            ("canceled", Some(OrdStatus::Canceled)),
            ("expired", Some(OrdStatus::Expired)),
            ("open", None),
        ] {
            let order = order(status);
            let query = format!(r#"{{"error":[],"result":{order}}}"#);
            let closed = format!(r#"{{"error":[],"result":{{"closed":{order},"count":1}}}}"#);
            for (kind, text) in [(by_order_id, query), (by_cl_ord_id, closed)] {
                let said = read(kind, &text);
                let [RestSaid::Listed(one), RestSaid::ListEnd { count: 1 }] = said[..] else {
                    panic!("{said:?}")
                };
                assert_eq!((one.end, one.cum.to_scale(1)), (end, Ok(5)), "{status}");
            }
        }
        let none = r#"{"error":[],"result":{"closed":{},"count":0}}"#;
        assert_eq!(read(by_cl_ord_id, none), [RestSaid::ListEnd { count: 0 }]);
        let broken = [RestSaid::Failed(RestProblem::Broken)];
        assert_eq!(read(by_cl_ord_id, r#"{"error":[],"result":{}}"#), broken);
    }

    #[test]
    fn the_signature_of_the_documented_call_is_reproduced_and_verified() {
        let secret = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";
        let credentials = Credentials::new(Secret::new("key"), Secret::new(secret)).unwrap();
        let (path, nonce) = ("/0/private/AddOrder", b"1616492376594");
        let body =
            b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25";
        let sign = credentials.api_sign(path, nonce, body);
        assert_eq!(
            std::str::from_utf8(&sign).unwrap(),
            "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
        );
        assert!(credentials.verify_api_sign(path, nonce, body, &sign));
        assert!(!credentials.verify_api_sign("/0/private/CancelAll", nonce, body, &sign));
        assert!(!credentials.verify_api_sign(path, b"1616492376595", body, &sign));
        assert!(!credentials.verify_api_sign(path, nonce, &body[1..], &sign));
        for wrong in [&sign[..84], b"", b"not base64", &[b'A'; 200]] {
            assert!(!credentials.verify_api_sign(path, nonce, body, wrong));
        }
    }
}
