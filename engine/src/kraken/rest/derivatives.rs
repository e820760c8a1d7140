//! Derivatives: calls as forms, answers as JSON, and the signature; Kraken's guide to derivatives REST.
//!
//! A number of an answer is read digit by digit as it is written: no float comes between.

use ring::digest::{Context, SHA256};
use serde::Deserialize;
use serde_json::value::RawValue;
use taut_codec::value::{Decimal, SCALE_MAX};

use super::http::{GET, POST, write};
use super::{Signature, count, escaped, list, side};
use crate::command::RestKind;
use crate::event::{Listed, RestProblem, RestSaid};
use crate::kraken::decode::cut_text;
use crate::kraken::logon::Credentials;
use crate::types::{ClOrdId, OrdType, OrderId};

/// What stands before the path of a call, and is not signed.
pub const PATH: &str = "/derivatives";

impl Credentials {
    /// Authent of a call: base64 of HMAC-SHA512, under the decoded secret, of the SHA-256 of the form as it is
    /// sent (of a GET: what stands behind the `?`), the nonce if there is one, and the path without
    /// [`DERIVATIVES_PATH`](super::DERIVATIVES_PATH): `/api/v3/openorders`.
    #[must_use]
    pub fn authent(&self, path: &str, nonce: &[u8], form: &[u8]) -> Signature {
        self.sign(&message(path, nonce, form))
    }

    /// Whether an Authent is the right one. The comparison takes the same time wherever it differs.
    #[must_use]
    pub fn verify_authent(&self, path: &str, nonce: &[u8], form: &[u8], authent: &[u8]) -> bool {
        self.is_signature(&message(path, nonce, form), authent)
    }
}

fn message(path: &str, nonce: &[u8], form: &[u8]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(form);
    context.update(nonce);
    context.update(path.as_bytes());
    context.finish().as_ref().to_vec()
}

/// The bytes of a signed call.
pub(super) fn request(
    host: &str,
    credentials: &Credentials,
    kind: &RestKind,
    nonce: u64,
) -> Vec<u8> {
    let (method, path, form) = call(kind);
    let nonce = nonce.to_string();
    let authent = credentials.authent(path, nonce.as_bytes(), form.as_bytes());
    let key = credentials.api_key().expose().as_bytes();
    let headers = [("APIKey", key), ("Nonce", nonce.as_bytes()), ("Authent", &authent)];
    write(method, host, &format!("{PATH}{path}"), &headers, &form)
}

/// The method, the path and the form of a call.
fn call(kind: &RestKind) -> (&'static str, &'static str, String) {
    match kind {
        RestKind::CancelOrder { order_id, cl_ord_id } => {
            let form = if order_id.is_empty() {
                format!("cliOrdId={cl_ord_id}")
            } else {
                format!("order_id={}", escaped(order_id.as_bytes()))
            };
            (POST, "/api/v3/cancelorder", form)
        }
        RestKind::CancelAll => (POST, "/api/v3/cancelallorders", String::new()),
        RestKind::CancelAllAfter { seconds } => {
            (POST, "/api/v3/cancelallordersafter", format!("timeout={seconds}"))
        }
        RestKind::OpenOrders => (GET, "/api/v3/openorders", String::new()),
        // Its history of orders says nothing of what fills cost.
        RestKind::QueryOrder { .. } => {
            unreachable!("what became of an order is asked on spot only")
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    result: String,
    error: Option<String>,
    #[serde(borrow)]
    cancel_status: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    open_orders: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct CancelStatus {
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CancelAllStatus<'a> {
    #[serde(borrow, default)]
    cancelled_orders: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Switch<'a> {
    #[serde(rename = "triggerTime", borrow)]
    _trigger_time: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OpenOrder<'a> {
    #[serde(rename = "order_id")]
    order_id: String,
    cli_ord_id: Option<String>,
    side: String,
    order_type: Option<String>,
    #[serde(borrow)]
    limit_price: Option<&'a RawValue>,
    #[serde(borrow)]
    stop_price: Option<&'a RawValue>,
    #[serde(borrow)]
    unfilled_size: &'a RawValue,
    #[serde(borrow)]
    filled_size: &'a RawValue,
}

fn read<'a, T: Deserialize<'a>>(value: Option<&'a RawValue>) -> Result<T, RestProblem> {
    value.and_then(|raw| serde_json::from_str(raw.get()).ok()).ok_or(RestProblem::Broken)
}

/// What the JSON of an answer says, part by part, in order.
pub(super) fn parts(kind: &RestKind, json: &[u8]) -> Result<Vec<RestSaid>, RestProblem> {
    let answer: Answer<'_> = serde_json::from_slice(json).map_err(|_| RestProblem::Broken)?;
    if answer.result != "success" {
        let text = answer.error.ok_or(RestProblem::Broken)?;
        return Err(RestProblem::Refused(cut_text(text.as_bytes())));
    }
    match kind {
        RestKind::CancelOrder { .. } => {
            let CancelStatus { status } = read(answer.cancel_status)?;
            match status.as_str() {
                "cancelled" => Ok(vec![RestSaid::Canceled { count: 1 }]),
                other => Err(RestProblem::Refused(cut_text(other.as_bytes()))),
            }
        }
        RestKind::CancelAll => {
            let CancelAllStatus { cancelled_orders } = read(answer.cancel_status)?;
            Ok(vec![RestSaid::Canceled { count: count(cancelled_orders.len()) }])
        }
        RestKind::CancelAllAfter { .. } => {
            read::<Switch<'_>>(answer.status).map(|_| vec![RestSaid::TimerSet])
        }
        RestKind::OpenOrders | RestKind::QueryOrder { .. } => {
            let open = answer.open_orders.ok_or(RestProblem::Broken)?;
            Ok(list(open.into_iter().map(entry)))
        }
    }
}

fn entry(raw: &RawValue) -> Option<Listed> {
    let order: OpenOrder<'_> = serde_json::from_str(raw.get()).ok()?;
    let cum = decimal(order.filled_size)?;
    let has_limit = order.limit_price.is_some();
    let ord_type = order.order_type.and_then(|name| ord_type(&name, has_limit));
    let waits = ord_type.is_some_and(|kind| kind.has_trigger() && !kind.trails());
    let id = order.cli_ord_id.and_then(|id| ClOrdId::parse(id.as_bytes()).ok());
    Some(Listed {
        order_id: OrderId::new(order.order_id.as_bytes()).ok()?,
        cl_ord_id: id,
        side: side(&order.side)?,
        ord_type,
        px: order.limit_price.and_then(decimal),
        // Of one that trails, it is where it would trigger now.
        stop_px: order.stop_price.and_then(decimal).filter(|_| waits),
        qty: sum(decimal(order.unfilled_size)?, cum)?,
        cum,
        cost: None,
        end: None,
    })
}

fn ord_type(name: &str, has_limit: bool) -> Option<OrdType> {
    Some(match (name, has_limit) {
        ("lmt" | "post", _) => OrdType::Limit,
        ("mkt", _) => OrdType::Market,
        ("stp", false) => OrdType::StopLoss,
        ("stp", true) => OrdType::StopLossLimit,
        ("take_profit", false) => OrdType::TakeProfit,
        ("take_profit", true) => OrdType::TakeProfitLimit,
        ("trailing_stop", false) => OrdType::TrailingStop,
        ("trailing_stop", true) => OrdType::TrailingStopLimit,
        _ => return None,
    })
}

fn sum(a: Decimal, b: Decimal) -> Option<Decimal> {
    let scale = a.scale.max(b.scale);
    let mantissa = a.to_scale(scale).ok()?.checked_add(b.to_scale(scale).ok()?)?;
    Some(Decimal { mantissa, scale })
}

/// A number of JSON, exactly: `1501`, `0.5`, `1.0E-4`.
fn decimal(raw: &RawValue) -> Option<Decimal> {
    let Some((digits, exponent)) = raw.get().split_once(['e', 'E']) else {
        return Decimal::parse(raw.get().as_bytes()).ok();
    };
    let Decimal { mantissa, scale } = Decimal::parse(digits.as_bytes()).ok()?.normalized();
    let scale = i32::from(scale).checked_sub(exponent.parse().ok()?)?;
    match u8::try_from(scale) {
        Ok(scale) => (scale <= SCALE_MAX).then_some(Decimal { mantissa, scale }),
        Err(_) => {
            let factor = 10i64.checked_pow(scale.checked_neg()?.try_into().ok()?)?;
            Some(Decimal { mantissa: mantissa.checked_mul(factor)?, scale: 0 })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventText;
    use crate::secret::Secret;
    use crate::types::Side;

    /// As printed in Kraken's guide to spot authentication: no one's.
    const SECRET: &str =
        "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";

    fn credentials() -> Credentials {
        Credentials::new(Secret::new("key"), Secret::new(SECRET)).expect("they are usable")
    }

    fn said(kind: RestKind, json: &str) -> Vec<RestSaid> {
        parts(&kind, json.as_bytes()).unwrap_or_else(|problem| vec![RestSaid::Failed(problem)])
    }

    fn refused(text: &str) -> RestSaid {
        RestSaid::Failed(RestProblem::Refused(EventText::new(text.as_bytes()).expect("short")))
    }

    fn cancel(order_id: &str) -> RestKind {
        let order_id = order_id.parse().expect("short");
        RestKind::CancelOrder { order_id, cl_ord_id: ClOrdId::numeric(7).expect("positive") }
    }

    // Computed by another implementation (Python's hmac and hashlib).
    #[test]
    fn the_signature_is_over_form_nonce_and_path_in_this_order() {
        let ours = credentials();
        let (path, form, nonce) = ("/api/v3/cancelorder", b"order_id=1", b"1415957147987");
        let authent = ours.authent(path, nonce, form);
        assert_eq!(
            std::str::from_utf8(&authent).unwrap(),
            "OOjXUBPcoPjefoAkC6anzaL2SYkf3BRi0Ck1JSDPRu2enSmVSNR46+DTjo9jhkAG/zR6Irm9OANZPEsEEM6TSw=="
        );
        assert!(ours.verify_authent(path, nonce, form, &authent));
        assert!(!ours.verify_authent("/api/v3/cancelallorders", nonce, form, &authent));
        assert!(!ours.verify_authent(path, b"1415957147988", form, &authent));
        assert!(!ours.verify_authent(path, nonce, b"order_id=2", &authent));
        for wrong in [&authent[..84], b"", b"not base64", &[b'A'; 200]] {
            assert!(!ours.verify_authent(path, nonce, form, wrong));
        }
    }

    #[test]
    fn what_changes_something_is_a_post_of_a_form_and_a_list_is_a_get() {
        let text = |kind| String::from_utf8(request("h", &credentials(), &kind, 5)).unwrap();
        let by_id = text(cancel("O-1&x"));
        assert!(by_id.starts_with("POST /derivatives/api/v3/cancelorder HTTP/1.1\r\nHost: h\r\n"));
        assert!(by_id.contains("\r\nAPIKey: key\r\nNonce: 5\r\nAuthent: "), "{by_id}");
        assert!(by_id.ends_with("\r\nContent-Length: 16\r\n\r\norder_id=O-1%26x"), "{by_id}");
        assert!(text(cancel("")).ends_with("\r\n\r\ncliOrdId=7"));
        assert!(text(RestKind::CancelAll).ends_with("\r\nContent-Length: 0\r\n\r\n"));
        assert!(text(RestKind::CancelAllAfter { seconds: 60 }).ends_with("\r\n\r\ntimeout=60"));
        let list = text(RestKind::OpenOrders);
        assert!(list.starts_with("GET /derivatives/api/v3/openorders HTTP/1.1\r\n"));
        assert!(!list.contains("Content-") && list.ends_with("\r\n\r\n"), "{list}");
    }

    #[test]
    fn an_answer_is_read_or_said_to_be_broken() {
        let one = |status: &str| {
            said(
                cancel("x"),
                &format!(r#"{{"result":"success","cancelStatus":{{"status":"{status}"}}}}"#),
            )
        };
        assert_eq!(one("cancelled"), [RestSaid::Canceled { count: 1 }]);
        assert_eq!(one("notFound"), [refused("notFound")]);
        assert_eq!(one("filled"), [refused("filled")]);
        let two = r#"{"result":"success","cancelStatus":{"status":"cancelled","cancelOnly":"all",
            "cancelledOrders":[{"order_id":"a"},{"order_id":"b"}]},"serverTime":"t"}"#;
        assert_eq!(said(RestKind::CancelAll, two), [RestSaid::Canceled { count: 2 }]);
        let none = r#"{"result":"success","cancelStatus":{"status":"noOrdersToCancel"}}"#;
        assert_eq!(said(RestKind::CancelAll, none), [RestSaid::Canceled { count: 0 }]);
        let after = RestKind::CancelAllAfter { seconds: 1 };
        let set = r#"{"result":"success","status":{"currentTime":"x","triggerTime":"0"}}"#;
        assert_eq!(said(after, set), [RestSaid::TimerSet]);
        let limit = r#"{"result":"error","serverTime":"t","error":"apiLimitExceeded"}"#;
        assert_eq!(said(after, limit), [refused("apiLimitExceeded")]);
        let broken = [RestSaid::Failed(RestProblem::Broken)];
        for text in ["", "{", "[]", r#"{"result":"success"}"#, r#"{"result":"error"}"#, "{}"] {
            for kind in [cancel("x"), RestKind::CancelAll, after, RestKind::OpenOrders] {
                assert_eq!(said(kind, text), broken, "{text}");
            }
        }
        assert_eq!(said(after, r#"{"result":"success","status":"BAD_REQUEST"}"#), broken);
    }

    #[test]
    fn open_orders_are_read_one_by_one_and_one_that_is_unreadable_still_counts() {
        let text = r#"{"result":"success","openOrders":[
            {"order_id":"59302619-41d2-4f0b-941f-7e7914760ad3","symbol":"PF_XBTUSD","side":"sell",
             "cliOrdId":"9e58120f-182b-4dce-9609-8ca7cdd174f0","orderType":"lmt","limitPrice":10640.5,
             "unfilledSize":304,"filledSize":0.001,"status":"partiallyFilled","reduceOnly":true},
            {"order_id":"b","side":"buy","unfilledSize":1.0E-4,"filledSize":2e3,"limitPrice":null},
            {"order_id":"c","side":"buy","unfilledSize":"1","filledSize":0},
            {"order_id":"e","side":"sell","orderType":"stp","limitPrice":9.5,"stopPrice":10.5,
             "unfilledSize":1,"filledSize":0},
            {"order_id":"f","side":"sell","orderType":"trailing_stop","stopPrice":10.5,
             "unfilledSize":1,"filledSize":0},
            {"order_id":"d"}]}"#;
        let all = said(RestKind::OpenOrders, text);
        let [
            RestSaid::Listed(first),
            RestSaid::Listed(second),
            RestSaid::Listed(stop),
            RestSaid::Listed(trailing),
            RestSaid::ListEnd { count: 6 },
        ] = all[..]
        else {
            panic!("{all:?}")
        };
        let at_4 = |one: Decimal| one.to_scale(4).unwrap();
        assert_eq!(
            [first.px.unwrap(), first.qty, first.cum].map(at_4),
            [106_405_000, 3_040_010, 10]
        );
        assert_eq!([second.qty, second.cum].map(at_4), [20_000_001, 20_000_000]);
        assert_eq!((first.side, first.cost, second.px), (Side::Sell, None, None));
        assert_eq!((first.ord_type, second.ord_type), (Some(OrdType::Limit), None));
        assert_eq!(stop.ord_type, Some(OrdType::StopLossLimit));
        assert_eq!([stop.stop_px, stop.px].map(|px| px.map(at_4)), [Some(105_000), Some(95_000)]);
        assert_eq!((trailing.ord_type, trailing.stop_px), (Some(OrdType::TrailingStop), None));
        assert_eq!(first.order_id.as_str(), "59302619-41d2-4f0b-941f-7e7914760ad3");
        assert!(first.cl_ord_id.is_some_and(ClOrdId::is_uuid_v4) && second.cl_ord_id.is_none());
    }

    #[test]
    fn a_number_that_has_no_room_is_unreadable() {
        let read = |text: &str| decimal(&RawValue::from_string(text.to_owned()).expect("JSON"));
        assert_eq!(read("12.50e1").map(|one| one.to_scale(0)), Some(Ok(125)));
        for text in ["1e-19", "1e19", "9e999999999999", "1e-2147483648", "\"1\"", "true", "{}"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
